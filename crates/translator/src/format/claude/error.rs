//! Errors: `{"type":"error","error":{"type","message"},"request_id"}`. Source: http-api.md A.8; translation.md B76.

use std::borrow::Cow;

use cliproxy_core::{ClientError, ClientErrorKind};
use serde_json::value::RawValue;

use super::{CLAUDE, wire};
use crate::framing::write_sse;
use crate::json::{Writer, wire_struct};
use crate::model::StreamError;
use crate::pass::errors::{claude_status, claude_type, probe_error};
use crate::splice::TopLevel;

wire_struct! {
    struct Inner<'a> {
        kind: &'a RawValue = "type",
        message: &'a RawValue = "message",
    }
}

/// Whether a body is an error as Claude writes it.
pub(super) fn is_own(body: &[u8]) -> bool {
    TopLevel::scan(body).is_ok_and(|scanned| is_own_object(&scanned))
}

/// As [`is_own`], with a scan at hand.
pub(super) fn is_own_object(scanned: &TopLevel<'_>) -> bool {
    scanned.value("type") == Some(br#""error""#)
        && scanned.object("error").is_some_and(|error| {
            matches!((error.string("type"), error.string("message")), (Ok(Some(_)), Ok(Some(_))))
        })
}

/// An error reply. What Claude itself wrote passes on untouched (B78).
pub(super) fn encode(error: &ClientError, request_id: &str) -> Vec<u8> {
    if let Some(body) = verbatim(error) {
        return body.to_vec();
    }
    let mut w = Writer::new(Vec::with_capacity(160));
    w.begin_object();
    write_members(&mut w, kind_of(error), &message_of(error));
    if !request_id.is_empty() {
        w.field_string("request_id", request_id);
    }
    w.end_object();
    w.into_bytes()
}

/// An error event; the stream ends with it (B77).
pub(super) fn encode_event(error: &ClientError, out: &mut Vec<u8>) {
    match verbatim(error) {
        Some(body) => write_sse(out, Some("error"), body),
        None => write_event(kind_of(error), &message_of(error), out),
    }
}

/// An error that came through a stream, as an event. Source: translation.md B77, fallback chain of the message.
pub(super) fn relay_event(error: &StreamError<'_>, out: &mut Vec<u8>) {
    let kind = match claude_status(&error.kind) {
        Some(_) => &*error.kind,
        None => error.status.map_or("api_error", claude_type),
    };
    let message = [&error.message, &error.code, &error.kind].into_iter().find(|text| !text.is_empty());
    write_event(kind, message.map_or("the provider failed", |text| text), out);
}

/// The error inside an `error` event.
pub(super) fn from_event<'a>(error: Option<&'a RawValue>, data: &'a RawValue) -> StreamError<'a> {
    let inner: Inner<'_> = error.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let text = |raw: Option<&'a RawValue>| wire::plain(raw.and_then(crate::json::Text::from_raw));
    let (mut kind, mut message) = (text(inner.kind), text(inner.message));
    let mut code = Cow::default();
    if message.is_empty() {
        // Compatible backends write errors in every shape.
        let probed = probe_error(data.get().as_bytes());
        message = Cow::Owned(probed.message);
        if kind.is_empty() {
            kind = Cow::Owned(probed.kind.unwrap_or_default());
        }
        code = Cow::Owned(probed.code.unwrap_or_default());
    }
    StreamError { status: claude_status(&kind), kind, code, message, raw: Some(Cow::Borrowed(data)) }
}

fn write_event(kind: &str, message: &str, out: &mut Vec<u8>) {
    let mut w = Writer::new(Vec::with_capacity(96 + message.len()));
    w.begin_object();
    write_members(&mut w, kind, message);
    w.end_object();
    write_sse(out, Some("error"), &w.into_bytes());
}

fn write_members(w: &mut Writer, kind: &str, message: &str) {
    w.field_string("type", "error");
    w.key("error");
    w.begin_object();
    w.field_string("type", kind);
    w.field_string("message", message);
    w.end_object();
}

fn verbatim(error: &ClientError) -> Option<&[u8]> {
    let upstream = error.upstream.as_ref()?;
    (upstream.format.as_str() == CLAUDE && is_own(&upstream.body)).then_some(&*upstream.body)
}

fn kind_of(error: &ClientError) -> &'static str {
    match error.kind {
        // 503 otherwise is a fault of ours or of the provider; these two say more than their status.
        ClientErrorKind::Overloaded => "overloaded_error",
        ClientErrorKind::Unavailable => "api_error",
        _ => claude_type(error.status.as_u16()),
    }
}

/// The provider's own words where it said any.
fn message_of(error: &ClientError) -> Cow<'_, str> {
    // A page or other prose is no message for a client.
    let json = |body: &[u8]| matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let upstream = error.upstream.as_ref().map(|upstream| &upstream.body).filter(|body| json(body));
    let upstream = upstream.map(|body| probe_error(body).message);
    match upstream.filter(|message| !message.is_empty()) {
        Some(message) => Cow::Owned(message),
        None => Cow::Borrowed(&error.message),
    }
}
