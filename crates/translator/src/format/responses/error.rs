//! Errors: the body is that of Chat Completions; inside a stream `error` and `response.failed`. Source: http-api.md
//! A.5, A.8; translation.md B76 to B78; providers-a.md 3.7.

use std::borrow::Cow;

use cliproxy_core::{ClientError, ClientErrorKind};
use serde_json::value::RawValue;

use super::is_family;
use crate::codec::ErrorText;
use crate::json::Writer;
use crate::model::StreamError;
use crate::pass::errors::{chat_code, chat_status, chat_type, duration, is_unset, probe_error};
use crate::splice::TopLevel;

/// Whether a body is an error as OpenAI services write it: not Claude's envelope, nor Google's, which have an
/// `error` object too.
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
        && is_family(upstream.format.as_str())
        && is_own(&upstream.body)
    {
        return upstream.body.to_vec();
    }
    let mut w = Writer::new(Vec::with_capacity(128 + error.message.len()));
    w.begin_object();
    w.key("error");
    w.begin_object();
    w.field_string("message", &message_of(error));
    if error.kind == ClientErrorKind::ModelCooldown {
        write_cooldown(&mut w, error);
    } else {
        w.field_string("type", chat_type(error.status.as_u16()));
        w.key("param");
        match &error.param {
            Some(param) => w.string(param),
            None => w.null(),
        }
        w.key("code");
        match code_of(error) {
            Some(code) => w.string(code),
            None => w.null(),
        }
    }
    w.end_object();
    w.end_object();
    w.into_bytes()
}

fn code_of(error: &ClientError) -> Option<&str> {
    error.code.as_deref().or_else(|| match error.kind {
        // A route that does not exist is no missing model.
        ClientErrorKind::NotFound => Some("not_found"),
        ClientErrorKind::ModelNotFound => Some("model_not_found"),
        _ => chat_code(error.status.as_u16()),
    })
}

/// Source: http-api.md A.8, cool-down body.
fn write_cooldown(w: &mut Writer, error: &ClientError) {
    let seconds = error.retry_after.map_or(0, |after| after.as_secs() + u64::from(after.subsec_nanos() > 0));
    w.field_string("type", "rate_limit_error");
    w.key("param");
    w.null();
    w.field_string("code", "model_cooldown");
    if let Some(model) = &error.model {
        w.field_string("model", model);
    }
    w.field_string("reset_time", &duration(seconds));
    w.field_unsigned("reset_seconds", seconds);
}

/// The provider's own words where it said any.
pub(super) fn message_of(error: &ClientError) -> Cow<'_, str> {
    let json = |body: &[u8]| matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let upstream = error.upstream.as_ref().map(|upstream| &upstream.body).filter(|body| json(body));
    let upstream = upstream.map(|body| probe_error(body).message).filter(|message| !message.is_empty());
    match (upstream, error.message.is_empty()) {
        (Some(message), _) => Cow::Owned(message),
        (None, false) => Cow::Borrowed(&error.message),
        (None, true) => Cow::Borrowed(error.status.canonical_reason().unwrap_or("the request failed")),
    }
}

/// What a stream's failure is called and said.
#[derive(Debug)]
pub(super) struct Failure<'e> {
    pub(super) code: Cow<'e, str>,
    pub(super) message: Cow<'e, str>,
}

/// A failure of our own, as a stream tells it.
pub(super) fn of_client_error(error: &ClientError) -> Failure<'_> {
    let probed = error.upstream.as_ref().map(|upstream| probe_error(&upstream.body));
    let given = error.code.clone().or_else(|| probed.and_then(|probed| probed.code));
    let code = match given {
        Some(code) if is_code(&code) => Cow::Owned(code),
        _ => Cow::Borrowed(code_of_status(error.status.as_u16())),
    };
    Failure { code, message: message_of(error) }
}

/// A failure that came through a stream. Message fallback chain: message, code, type (B77).
pub(super) fn of_stream_error<'e>(error: &'e StreamError<'_>) -> Failure<'e> {
    let message = [&error.message, &error.code, &error.kind].into_iter().find(|text| !text.is_empty());
    let code = if is_code(&error.code) {
        Cow::Borrowed(&*error.code)
    } else if is_code(&error.kind) {
        Cow::Borrowed(&*error.kind)
    } else {
        let status = error.status.or_else(|| chat_status(&error.kind, &error.code)).unwrap_or(500);
        Cow::Borrowed(code_of_status(status))
    };
    Failure { code, message: Cow::Borrowed(message.map_or("the provider failed", |text| text)) }
}

/// The words of a failed response that clients of this format act on. Source: Responses API reference,
/// `response.error.code`; openai/codex `codex-rs`, errors of `response.failed`.
fn is_code(code: &str) -> bool {
    matches!(
        code,
        "server_error"
            | "rate_limit_exceeded"
            | "invalid_prompt"
            | "bio_policy"
            | "cyber_policy"
            | "vector_store_timeout"
            | "context_length_exceeded"
            | "insufficient_quota"
            | "usage_not_included"
            | "usage_limit_reached"
            | "server_is_overloaded"
            | "slow_down"
    ) || code.contains("image")
}

fn code_of_status(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_exceeded",
        400 | 413 | 422 => "invalid_prompt",
        _ => "server_error",
    }
}

/// The words of an error: of a body, of an `error` event, or of the response that failed in one. Source: providers-a.md 3.7,
/// terminal events.
pub(super) fn said(body: &[u8]) -> ErrorText {
    let Ok(top) = TopLevel::scan(body) else { return probe_error(body) };
    let response = top.object("response");
    let nested = response.as_ref().and_then(|response| response.raw("error").ok().flatten());
    let mut said = match nested.filter(|json| !is_unset(json)) {
        Some(json) if json.starts_with('{') => probe_error(json.as_bytes()),
        Some(json) => probe_error(format!(r#"{{"error":{json}}}"#).as_bytes()),
        None => probe_error(body),
    };
    // The type of the event is no word of its error.
    let event = top.string("type").ok().flatten();
    let is_event = |text: &str| text == "error" || event.as_deref() == Some(text);
    said.kind = said.kind.filter(|kind| !is_event(kind));
    if is_event(&said.message) {
        said.message = said.code.clone().unwrap_or_default();
    }
    said
}

/// An event that tells a failure.
pub(super) fn from_event<'a>(data: &'a RawValue) -> StreamError<'a> {
    let said = said(data.get().as_bytes());
    let (kind, code) = (said.kind.unwrap_or_default(), said.code.unwrap_or_default());
    let top = TopLevel::scan(data.get().as_bytes()).ok();
    let embedded = top.as_ref().and_then(embedded_status);
    StreamError {
        status: embedded.or_else(|| status_of(&kind, &code)),
        message: Cow::Owned(said.message),
        kind: Cow::Owned(kind),
        code: Cow::Owned(code),
        raw: Some(Cow::Borrowed(data)),
    }
}

/// An explicit status, of the error or of the event around it.
fn embedded_status(top: &TopLevel<'_>) -> Option<u16> {
    let of = |object: &TopLevel<'_>| {
        let status = object.unsigned("status_code").or_else(|| object.unsigned("status"));
        status.and_then(|status| u16::try_from(status).ok()).filter(|status| (400..600).contains(status))
    };
    let response = top.object("response").and_then(|response| response.object("error"));
    response.as_ref().and_then(of).or_else(|| top.object("error").as_ref().and_then(of)).or_else(|| of(top))
}

fn status_of(kind: &str, code: &str) -> Option<u16> {
    let known = |word: &str| {
        Some(match word {
            "cyber_policy"
            | "bio_policy"
            | "invalid_request"
            | "invalid_request_error"
            | "bad_request_error"
            | "invalid_prompt"
            | "context_length_exceeded" => 400,
            "authentication_error" | "invalid_api_key" => 401,
            "permission_error" => 403,
            "not_found_error" | "model_not_found" => 404,
            "rate_limit_error"
            | "rate_limit_exceeded"
            | "usage_limit_reached"
            | "insufficient_quota"
            | "usage_not_included" => 429,
            "server_is_overloaded" | "service_unavailable_error" | "slow_down" | "overloaded_error" => 503,
            "server_error" | "api_error" => 500,
            _ => return None,
        })
    };
    known(code).or_else(|| known(kind)).or_else(|| chat_status(kind, code)).or(Some(502))
}
