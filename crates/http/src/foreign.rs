//! Bodies that are not quite what their route takes.

use bytes::Bytes;
use cliproxy_core::ClientError;
use cliproxy_translator::Profile;
use cliproxy_translator::splice::{Edits, TopLevel};
use memchr::memmem;

use crate::{Codecs, failure};

/// A Responses request sent to the Chat route becomes the Chat request that it means; the reply is Chat's.
// Source: http-api.md A.3 "absence of `messages` together with presence of `input` or `instructions`".
pub(crate) fn as_chat(codecs: &Codecs, body: Bytes) -> Result<Bytes, Box<ClientError>> {
    let Some(responses) = &codecs.responses else { return Ok(body) };
    // Every Chat request has the word, near its beginning as a rule.
    if memmem::find(&body, b"\"messages\"").is_some() {
        return Ok(body);
    }
    // What cannot be scanned is told by the codec, in its own words.
    let is_responses = TopLevel::scan(&body).is_ok_and(|top| top.has("input") || top.has("instructions"));
    if !is_responses {
        return Ok(body);
    }
    let peek = responses.peek(&body).map_err(|error| failure::codec(&error))?;
    let profile = Profile::new(&*peek.model, peek.stream);
    let request = responses.decode_request(&body).map_err(|error| failure::codec(&error))?;
    let chat = codecs.chat.encode_request(&request, &profile).map_err(|error| failure::codec(&error))?;
    Ok(chat.body.into())
}

/// Source: http-api.md A.9: `stream: true` is refused, any other `stream` is taken out.
pub(crate) fn without_stream(body: Bytes) -> Result<Bytes, Box<ClientError>> {
    let top = TopLevel::scan(&body).map_err(|error| failure::codec(&error))?;
    if !top.has("stream") {
        return Ok(body);
    }
    if top.value("stream") == Some(b"true") {
        return Err(Box::new(failure::no_compact_stream()));
    }
    Ok(Edits::new().remove("stream").apply_scanned(&body, &top))
}
