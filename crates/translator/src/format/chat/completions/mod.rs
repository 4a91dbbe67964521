//! Legacy completions: one prompt in, text out. A profile of Chat Completions. Source: http-api.md A.3, A.4, A.5.
//!
//! Clients speak it; what they say goes to any provider as one user message. A conversation cannot be said as a
//! prompt, so the other way round there is only the pass-through, for whoever registers a provider that has it.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{ClientError, FinishReason, Usage};
use serde_json::value::RawValue;

use super::wire::{self, wrong};
use super::{COMPLETIONS, ChatCodec, decode, note_request};
use crate::codec::{
    Codec, CodecError, Encoded, ErrorText, Patch, Patched, Peek, Profile, ReplyContext, StreamDecoder,
    StreamEncoder, StreamObserver,
};
use crate::json::{List, Text, kind_of};
use crate::loss::{Rare, ReplyScope};
use crate::model::{Part, PartKind, Request, Response, Role, Turn};

mod logprobs;
mod reply;
mod stream;

/// The codec of legacy completions.
///
/// ```
/// use cliproxy_translator::{Codec, format::chat::CompletionsCodec};
/// let codec = CompletionsCodec::default();
/// let request = codec.decode_request(br#"{"model":"m","prompt":"Once upon a time"}"#)?;
/// assert_eq!(request.turns[0].parts[0].as_text().unwrap(), "Once upon a time");
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CompletionsCodec;

/// What stands in for an empty prompt. Source: http-api.md A.3.
const NOTHING: &str = "Complete this:";

impl Codec for CompletionsCodec {
    fn name(&self) -> &str {
        COMPLETIONS
    }

    fn peek<'a>(&self, body: &'a [u8]) -> Result<Peek<'a>, CodecError> {
        ChatCodec.peek(body)
    }

    fn decode_request<'a>(&self, body: &'a [u8]) -> Result<Request<'a>, CodecError> {
        let mut wire = decode::read(body)?;
        let prompt = prompt(wire.prompt)?;
        // Members of conversations mean nothing beside a prompt.
        (wire.tools, wire.functions, wire.tool_choice, wire.function_call) = (None, None, None, None);
        wire.response_format = None;
        let mut turn = Turn::new(Role::User, vec![Part::text(prompt)]);
        turn.plain = true;
        Ok(Request { source: COMPLETIONS, turns: vec![turn], ..decode::envelope(wire)? })
    }

    fn own_name(&self, member: &str) -> Option<&'static str> {
        match member {
            "messages" => Some("prompt"),
            "n" => Some("n"),
            _ => None,
        }
    }

    fn encode_request(&self, _request: &Request<'_>, _profile: &Profile) -> Result<Encoded, CodecError> {
        Err(CodecError::inexpressible("a conversation cannot be said as the prompt of a legacy completion"))
    }

    fn patch_request(&self, body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
        ChatCodec.patch_request(body, patch)
    }

    fn reply_context(&self, request: &Request<'_>, context: &mut ReplyContext) {
        note_request(request, context);
        let echo = request.extras.iter().rev().find(|(key, _)| key == "echo");
        if echo.is_some_and(|(_, raw)| raw.get() == "true") {
            let prompt = request.turns.first().and_then(|turn| turn.parts.first()).and_then(Part::as_text);
            context.echo = prompt.map(|prompt| prompt.decoded().into_owned());
        }
    }

    fn decode_reply<'a>(&self, body: &'a [u8], context: &ReplyContext) -> Result<Response<'a>, CodecError> {
        ChatCodec.decode_reply(body, context)
    }

    fn can_say(&self, rare: Rare<'_>, _scope: ReplyScope) -> bool {
        match rare {
            Rare::Candidate => true,
            Rare::Logprobs(_, raw) => super::reply::is_logprobs(raw),
            _ => false,
        }
    }

    fn encode_reply(&self, response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
        reply::encode(response, context)
    }

    fn patch_reply(
        &self,
        body: &Bytes,
        context: &ReplyContext,
    ) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
        ChatCodec.patch_reply(body, context)
    }

    fn stream_decoder(&self, context: &ReplyContext) -> Box<dyn StreamDecoder> {
        ChatCodec.stream_decoder(context)
    }

    fn stream_encoder(&self, context: &ReplyContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(context))
    }

    fn stream_observer(&self, context: &ReplyContext) -> Box<dyn StreamObserver> {
        ChatCodec.stream_observer(context)
    }

    fn decode_error(&self, body: &[u8]) -> ErrorText {
        ChatCodec.decode_error(body)
    }

    fn is_own_error(&self, body: &[u8]) -> bool {
        ChatCodec.is_own_error(body)
    }

    fn encode_error(&self, error: &ClientError, request_id: &str) -> Vec<u8> {
        ChatCodec.encode_error(error, request_id)
    }

    fn decode_count(&self, body: &[u8]) -> Option<u64> {
        ChatCodec.decode_count(body)
    }

    fn encode_count(&self, tokens: u64) -> Option<Vec<u8>> {
        ChatCodec.encode_count(tokens)
    }
}

/// The prompt as one text. A list of one is that one, as SDKs send it; several go as their JSON text, as the
/// reference sends them. Tokens are a matter of the provider's tokenizer.
fn prompt(raw: Option<&RawValue>) -> Result<Text<'_>, CodecError> {
    let Some(raw) = raw else { return Ok(Text::plain(NOTHING)) };
    let text = match Text::from_raw(raw) {
        Some(text) => text,
        None if raw.get().starts_with('[') => several(raw)?,
        None => {
            let what = format!("expected a string or an array of strings, found {}", kind_of(raw));
            return Err(wrong("prompt", &what));
        }
    };
    Ok(if text.is_empty() { Text::plain(NOTHING) } else { text })
}

fn several(raw: &RawValue) -> Result<Text<'_>, CodecError> {
    let prompts: List<&RawValue> = wire::read(raw, "prompt")?;
    if prompts.0.iter().any(|prompt| !prompt.get().starts_with('"')) {
        return Err(CodecError::inexpressible(
            "prompt: tokens cannot be sent to another tokenizer; send text",
        )
        .with_param("prompt"));
    }
    Ok(match prompts.0.as_slice() {
        [] => Text::default(),
        [only] => Text::from_raw(only).unwrap_or_default(),
        _ => Text::plain(raw.get()),
    })
}

/// What a reader of text gets to see of a part: a refusal is text here.
fn visible<'p>(part: &'p Part<'_>) -> Option<Text<'p>> {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => Some(text.reborrow()),
        _ => None,
    }
}

/// The words that this format has: it knows no calls.
fn finish_word(reason: FinishReason) -> &'static str {
    match crate::pass::finish::chat_reason(reason) {
        "tool_calls" => "stop",
        word => word,
    }
}

/// The echoed prompt.
fn echo(context: &ReplyContext) -> Option<Text<'_>> {
    context.echo.as_deref().filter(|echo| !echo.is_empty()).map(|echo| Text::plain(Cow::Borrowed(echo)))
}
