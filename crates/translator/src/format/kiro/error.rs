//! Errors as AWS writes them: `{"__type","message","reason"}`, in bodies and in frames. Source: providers-b.md 1.5.7,
//! 1.5.8, 1.7.

use std::borrow::Cow;

use cliproxy_core::ClientError;
use serde_json::value::RawValue;

use crate::codec::{CodecError, ErrorText};
use crate::frame::{FrameKind, StreamFrame};
use crate::framing::write_event_stream;
use crate::json::Writer;
use crate::model::StreamError;
use crate::pass::errors::probe_error;
use crate::splice::TopLevel;

/// Reads the error of a body: its type without the namespace is the kind, its reason the code.
pub(super) fn probe(body: &[u8]) -> ErrorText {
    let mut found = probe_error(body);
    let Ok(top) = TopLevel::scan(body) else { return found };
    let text = |key: &str| {
        let text = top.string(key).ok().flatten().map(Cow::into_owned);
        text.filter(|text| !text.is_empty())
    };
    if let Some(kind) = text("__type").or_else(|| text("_type")) {
        found.kind = Some(bare(&kind).to_owned());
    }
    found.code = text("reason").or(found.code);
    if text("message").is_none()
        && let Some(message) = text("Message").or_else(|| text("errorMessage"))
    {
        found.message = message;
    }
    if found.message.is_empty() {
        found.message = found.code.clone().or_else(|| found.kind.clone()).unwrap_or_default();
    }
    found
}

/// `com.amazon.aws.codewhisperer#ThrottlingException`, `ThrottlingException:http://…`: the name alone.
fn bare(kind: &str) -> &str {
    let kind = kind.rsplit_once('#').map_or(kind, |(_, name)| name);
    kind.split(':').next().unwrap_or(kind)
}

/// Whether a body is an error as AWS writes it.
pub(super) fn is_own(body: &[u8]) -> bool {
    let Ok(top) = TopLevel::scan(body) else { return false };
    let text = |key: &str| matches!(top.string(key), Ok(Some(text)) if !text.is_empty());
    text("__type") || text("message") && text("reason")
}

/// An error that came as a frame.
pub(super) fn from_frame<'a>(frame: StreamFrame<'_>, raw: Option<&'a RawValue>) -> StreamError<'a> {
    let probed = probe(frame.data);
    let named = (!frame.event.is_empty()).then(|| frame.event.to_owned());
    // The header of an exception says its type; the payload of an event that is one says it itself.
    let kind = match frame.kind {
        FrameKind::Event => probed.kind.or(named),
        FrameKind::Exception | FrameKind::Error => named.or(probed.kind),
    };
    let (kind, code) = (kind.unwrap_or_default(), probed.code.unwrap_or_default());
    StreamError {
        status: status_of(&kind, &code),
        kind: Cow::Owned(kind),
        code: Cow::Owned(code),
        message: Cow::Owned(probed.message),
        raw: raw.map(Cow::Borrowed),
    }
}

/// The status that a failure would have had before the reply began. Source: providers-b.md 1.7.
fn status_of(kind: &str, reason: &str) -> Option<u16> {
    match reason {
        "MONTHLY_REQUEST_COUNT" => return Some(402),
        "INSUFFICIENT_MODEL_CAPACITY" => return Some(429),
        "TEMPORARILY_SUSPENDED" | "SUSPENDED" => return Some(403),
        _ => {}
    }
    let kind = kind.to_ascii_lowercase();
    let table = [
        ("throttling", 429),
        ("toomanyrequests", 429),
        ("servicequotaexceeded", 402),
        ("accessdenied", 403),
        ("expiredtoken", 401),
        ("unrecognizedclient", 401),
        ("unauthorized", 401),
        ("validation", 400),
        ("resourcenotfound", 404),
        ("conflict", 409),
        ("serviceunavailable", 503),
        ("internal", 500),
    ];
    table.into_iter().find(|(word, _)| kind.contains(word)).map(|(_, status)| status)
}

/// An error reply.
pub(super) fn encode(error: &ClientError) -> Vec<u8> {
    if let Some(upstream) = error.upstream.as_ref()
        && upstream.format.as_str() == super::KIRO
        && is_own(&upstream.body)
    {
        return upstream.body.to_vec();
    }
    let mut w = Writer::new(Vec::with_capacity(96 + error.message.len()));
    w.begin_object();
    w.field_string("__type", exception_of(error.status.as_u16()));
    w.field_string("message", &error.message);
    w.end_object();
    w.into_bytes()
}

/// An error as the last frame of a stream.
pub(super) fn encode_frame(error: &ClientError, out: &mut Vec<u8>) {
    let event = exception_of(error.status.as_u16());
    write_event_stream(out, StreamFrame { kind: FrameKind::Exception, event, data: &encode(error) });
}

/// An error that came through a stream, as a frame.
pub(super) fn relay_frame(error: &StreamError<'_>, out: &mut Vec<u8>) {
    let event = exception_of(error.status.unwrap_or(500));
    let message = [&error.message, &error.code, &error.kind].into_iter().find(|text| !text.is_empty());
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("__type", event);
    w.field_string("message", message.map_or("the provider failed", |text| text));
    w.end_object();
    write_event_stream(out, StreamFrame { kind: FrameKind::Exception, event, data: &w.into_bytes() });
}

fn exception_of(status: u16) -> &'static str {
    match status {
        401 | 403 => "AccessDeniedException",
        402 => "ServiceQuotaExceededException",
        404 => "ResourceNotFoundException",
        409 => "ConflictException",
        429 => "ThrottlingException",
        503 | 529 => "ServiceUnavailableException",
        400..=499 => "ValidationException",
        _ => "InternalServerException",
    }
}

/// An error that stands where a reply belongs.
pub(super) fn stood_in(body: &[u8]) -> Option<CodecError> {
    is_own(body)
        .then(|| CodecError::protocol(format!("an error stands in for the reply: {}", probe(body).message)))
}
