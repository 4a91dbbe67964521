//! Errors: `{"error":{"code","message","status","details"}}`. Source: http-api.md A.8; translation.md B76 to B78.

use std::borrow::Cow;

use cliproxy_core::{ClientError, ClientErrorKind};
use serde_json::value::RawValue;

use super::dialect::is_family;
use crate::codec::CodecError;
use crate::framing::write_sse;
use crate::json::Writer;
use crate::model::StreamError;
use crate::pass::errors::{chat_status, claude_status, google_status, google_word, probe_error};
use crate::splice::TopLevel;

/// Whether a body is an error as Google writes it: with a numeric code and a status word, or at least a code and a
/// message and nothing of other formats. Of a list, as streams without `alt=sse` fail, the first counts.
pub(super) fn is_own(body: &[u8]) -> bool {
    let first: Vec<&RawValue>;
    let mut object = body.trim_ascii();
    if object.starts_with(b"[") {
        first = serde_json::from_slice(object).unwrap_or_default();
        object = first.first().map_or(b"", |raw| raw.get().as_bytes());
    }
    let Ok(top) = TopLevel::scan(object) else { return false };
    let Some(error) = top.object("error") else { return false };
    error.unsigned("code").is_some() && matches!(error.string("message"), Ok(Some(_))) && !error.has("type")
}

/// An error reply. What Google itself wrote passes on untouched (B78).
pub(super) fn encode(error: &ClientError) -> Vec<u8> {
    if let Some(upstream) = error.upstream.as_ref()
        && is_family(upstream.format.as_str())
        && is_own(&upstream.body)
    {
        return upstream.body.to_vec();
    }
    let status = error.status.as_u16();
    let mut w = Writer::new(Vec::with_capacity(160 + error.message.len()));
    w.begin_object();
    w.key("error");
    w.begin_object();
    w.field_unsigned("code", u64::from(status));
    w.field_string("message", &message_of(error));
    w.field_string("status", word_of(error));
    write_details(&mut w, error);
    w.end_object();
    w.end_object();
    w.into_bytes()
}

fn word_of(error: &ClientError) -> &'static str {
    match error.kind {
        ClientErrorKind::Overloaded | ClientErrorKind::Unavailable => "UNAVAILABLE",
        _ => google_word(error.status.as_u16()),
    }
}

/// When to come back, and the reason by name, as Google's own clients look for them.
/// Source: providers-a.md 5.6; google/rpc/error_details.proto.
fn write_details(w: &mut Writer, error: &ClientError) {
    if error.retry_after.is_none() && error.code.is_none() && error.param.is_none() {
        return;
    }
    w.key("details");
    w.begin_array();
    if let Some(after) = error.retry_after {
        w.begin_object();
        w.field_string("@type", "type.googleapis.com/google.rpc.RetryInfo");
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        w.field_string("retryDelay", &format!("{seconds}s"));
        w.end_object();
    }
    if let Some(code) = &error.code {
        w.begin_object();
        w.field_string("@type", "type.googleapis.com/google.rpc.ErrorInfo");
        w.field_string("reason", &code.to_ascii_uppercase());
        w.end_object();
    }
    if let Some(param) = &error.param {
        w.begin_object();
        w.field_string("@type", "type.googleapis.com/google.rpc.BadRequest");
        w.key("fieldViolations");
        w.begin_array();
        w.begin_object();
        w.field_string("field", param);
        w.field_string("description", &error.message);
        w.end_object();
        w.end_array();
        w.end_object();
    }
    w.end_array();
}

/// An error as the last event of a stream: the official SDKs look for the member, not for a name (B77).
pub(super) fn encode_event(error: &ClientError, out: &mut Vec<u8>) {
    write_sse(out, None, &encode(error));
}

/// An error that came through a stream, as an event.
pub(super) fn relay_event(error: &StreamError<'_>, out: &mut Vec<u8>) {
    let known = || google_status(&error.kind).or_else(|| claude_status(&error.kind));
    let status = error.status.or_else(known).or_else(|| chat_status(&error.kind, &error.code)).unwrap_or(500);
    let word = if google_status(&error.kind).is_some() { &*error.kind } else { google_word(status) };
    // Message fallback chain: message, code, type (B77).
    let message = [&error.message, &error.code, &error.kind].into_iter().find(|text| !text.is_empty());
    let mut w = Writer::new(Vec::with_capacity(96 + error.message.len()));
    w.begin_object();
    w.key("error");
    w.begin_object();
    w.field_unsigned("code", u64::from(status));
    w.field_string("message", message.map_or("the provider failed", |text| text));
    w.field_string("status", word);
    w.end_object();
    w.end_object();
    write_sse(out, None, &w.into_bytes());
}

/// The error inside a frame or reply.
pub(super) fn from_frame(data: &RawValue) -> StreamError<'_> {
    let probed = probe_error(data.get().as_bytes());
    let (kind, code) = (probed.kind.unwrap_or_default(), probed.code.unwrap_or_default());
    let number = code.parse().ok().filter(|status| (400..600).contains(status));
    let status = number.or_else(|| google_status(&kind)).or_else(|| chat_status(&kind, &code));
    StreamError {
        status,
        kind: Cow::Owned(kind),
        code: Cow::Owned(code),
        message: Cow::Owned(probed.message),
        raw: Some(Cow::Borrowed(data)),
    }
}

/// An error that stands where a reply belongs.
pub(super) fn stood_in(body: &[u8]) -> Option<CodecError> {
    let told = probe_error(body).message;
    (!told.is_empty()).then(|| CodecError::protocol(format!("an error stands in for the reply: {told}")))
}

/// The provider's own words where it said any.
fn message_of(error: &ClientError) -> Cow<'_, str> {
    // A page or other prose is no message for a client.
    let json = |body: &[u8]| matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let upstream = error.upstream.as_ref().map(|upstream| &upstream.body).filter(|body| json(body));
    let upstream = upstream.map(|body| probe_error(body).message).filter(|message| !message.is_empty());
    let known = Some(&*error.message).filter(|message| !message.is_empty());
    match (upstream, known) {
        (Some(message), _) => Cow::Owned(message),
        (None, Some(message)) => Cow::Borrowed(message),
        (None, None) => Cow::Borrowed(error.status.canonical_reason().unwrap_or("the request failed")),
    }
}
