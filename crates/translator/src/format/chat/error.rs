//! Errors: `{"error":{"message","type","param","code"}}`. Source: http-api.md A.8; translation.md B76 to B78.

use std::borrow::Cow;

use cliproxy_core::{ClientError, ClientErrorKind};
use serde_json::value::RawValue;

use super::CHAT;
use crate::framing::write_sse;
use crate::json::Writer;
use crate::model::StreamError;
use crate::pass::errors::{chat_code, chat_status, chat_type, duration, probe_error};
use crate::splice::TopLevel;

/// Whether a body is an error as Chat Completions services write it: not Claude's envelope, nor Google's, which have
/// an `error` object too.
pub(super) fn is_own(body: &[u8]) -> bool {
    let Ok(scanned) = TopLevel::scan(body) else { return false };
    let Some(error) = scanned.object("error") else { return false };
    let text = |key: &str| matches!(error.string(key), Ok(Some(_)));
    let google = text("status") && error.unsigned("code").is_some();
    text("message") && !google && scanned.value("type") != Some(br#""error""#)
}

/// An error reply. What a service of this format itself wrote passes on untouched (B78).
pub(super) fn encode(error: &ClientError) -> Vec<u8> {
    if let Some(upstream) = error.upstream.as_ref()
        && upstream.format.as_str() == CHAT
        && is_own(&upstream.body)
    {
        return upstream.body.to_vec();
    }
    if error.kind == ClientErrorKind::ModelCooldown {
        return cooldown(error);
    }
    let status = error.status.as_u16();
    let code = error.code.as_deref().or_else(|| match error.kind {
        // A route that does not exist is no missing model.
        ClientErrorKind::NotFound => Some("not_found"),
        ClientErrorKind::ModelNotFound => Some("model_not_found"),
        _ => chat_code(status),
    });
    let mut w = Writer::new(Vec::with_capacity(128 + error.message.len()));
    w.begin_object();
    w.key("error");
    write_inner(&mut w, &message_of(error), chat_type(status), code, error.param.as_deref());
    w.end_object();
    w.into_bytes()
}

/// An error event; nothing follows it, not even `[DONE]` (B77, http-api.md A.5).
pub(super) fn encode_event(error: &ClientError, out: &mut Vec<u8>) {
    write_sse(out, None, &encode(error));
}

/// An error that came through a stream, as an event.
pub(super) fn relay_event(error: &StreamError<'_>, out: &mut Vec<u8>) {
    let status = error.status.or_else(|| chat_status(&error.kind, &error.code)).unwrap_or(500);
    let kind = if error.kind.is_empty() { chat_type(status) } else { &*error.kind };
    // Google's `code` is the status over again; the numbers of vendors (`1113`) are words of their own.
    let is_word = |code: &&str| !code.is_empty() && code.parse() != Ok(status);
    let code = Some(&*error.code).filter(is_word).or_else(|| chat_code(status));
    // Message fallback chain: message, code, type (B77).
    let message = [&error.message, &error.code, &error.kind].into_iter().find(|text| !text.is_empty());
    let mut w = Writer::new(Vec::with_capacity(128 + error.message.len()));
    w.begin_object();
    w.key("error");
    write_inner(&mut w, message.map_or("the provider failed", |text| text), kind, code, None);
    w.end_object();
    write_sse(out, None, &w.into_bytes());
}

/// The error inside a stream's frame. Source: providers-b.md 6.3: with the embedded status.
pub(super) fn from_frame<'a>(data: &'a RawValue) -> StreamError<'a> {
    let probed = probe_error(data.get().as_bytes());
    let kind = probed.kind.unwrap_or_default();
    let code = probed.code.unwrap_or_default();
    let fails = |status: &u16| (400..600).contains(status);
    let embedded = code.parse().ok().filter(fails).or_else(|| embedded_status(data).filter(fails));
    let status = embedded.or_else(|| chat_status(&kind, &code));
    StreamError {
        status,
        kind: Cow::Owned(kind),
        code: Cow::Owned(code),
        message: Cow::Owned(probed.message),
        raw: Some(Cow::Borrowed(data)),
    }
}

/// `status` or `status_code`, of the error or of the frame around it.
fn embedded_status(data: &RawValue) -> Option<u16> {
    let top = TopLevel::scan(data.get().as_bytes()).ok()?;
    let of = |object: &TopLevel<'_>| {
        let status = object.unsigned("status").or_else(|| object.unsigned("status_code"));
        status.or_else(|| object.unsigned("code")).and_then(|status| u16::try_from(status).ok())
    };
    top.object("error").as_ref().and_then(of).or_else(|| of(&top))
}

/// Source: http-api.md A.8, cool-down body.
fn cooldown(error: &ClientError) -> Vec<u8> {
    let seconds = error.retry_after.map_or(0, |after| after.as_secs() + u64::from(after.subsec_nanos() > 0));
    let mut w = Writer::new(Vec::with_capacity(256));
    w.begin_object();
    w.key("error");
    w.begin_object();
    w.field_string("code", "model_cooldown");
    w.field_string("message", &error.message);
    w.field_string("type", "rate_limit_error");
    w.key("param");
    w.null();
    if let Some(model) = &error.model {
        w.field_string("model", model);
    }
    w.field_string("reset_time", &duration(seconds));
    w.field_unsigned("reset_seconds", seconds);
    w.end_object();
    w.end_object();
    w.into_bytes()
}

/// All four members, as OpenAI's own errors have them: typed clients read an absent one as a broken reply.
fn write_inner(w: &mut Writer, message: &str, kind: &str, code: Option<&str>, param: Option<&str>) {
    w.begin_object();
    w.field_string("message", message);
    w.field_string("type", kind);
    for (name, value) in [("param", param), ("code", code)] {
        w.key(name);
        match value {
            Some(text) => w.string(text),
            None => w.null(),
        }
    }
    w.end_object();
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
        // Source: http-api.md A.8: the standard reason phrase when there is no text.
        (None, None) => Cow::Borrowed(error.status.canonical_reason().unwrap_or("the request failed")),
    }
}
