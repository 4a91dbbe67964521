//! Error types of the formats, and error texts wherever providers put them. Source: translation.md B76, B78.

use std::borrow::Cow;

use serde_json::Value;

use crate::codec::ErrorText;
use crate::json::Text;
use crate::splice::TopLevel;

/// Whether a member for an error says that there is none. Services that write out their types whole have `""`, `false`, `{}`
/// or an error without words beside a good reply, where OpenAI has `null` or nothing.
// Source: no vendor's reference says it; tests of other gateways hold such replies of services, read 2026-11.
pub(crate) fn is_unset(json: &str) -> bool {
    fn of(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Bool(is_error) => !is_error,
            Value::Number(code) => code.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.iter().all(of),
            Value::Object(members) => members.values().all(of),
        }
    }
    serde_json::from_str(json).is_ok_and(|value: Value| of(&value))
}

/// The Claude error type of a status.
#[must_use]
pub fn claude_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        408 | 504 => "timeout_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// The status of a Claude error type.
#[must_use]
pub fn claude_status(kind: &str) -> Option<u16> {
    Some(match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "api_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

/// The Chat Completions error type of a status. Source: http-api.md A.8.
#[must_use]
pub fn chat_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// The code that goes with a status when the provider gave none. Source: http-api.md A.8.
#[must_use]
pub fn chat_code(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("invalid_api_key"),
        403 => Some("insufficient_quota"),
        404 => Some("model_not_found"),
        429 => Some("rate_limit_exceeded"),
        500..=599 => Some("internal_server_error"),
        _ => None,
    }
}

/// The status of a Chat Completions error, by its code where that says more than its type.
#[must_use]
pub fn chat_status(kind: &str, code: &str) -> Option<u16> {
    Some(match (kind, code) {
        (_, "model_not_found") => 404,
        (_, "invalid_api_key") => 401,
        (_, "rate_limit_exceeded" | "insufficient_quota") => 429,
        ("invalid_request_error", _) => 400,
        ("authentication_error", _) => 401,
        ("billing_error", _) => 402,
        ("permission_error", _) => 403,
        ("not_found_error", _) => 404,
        ("rate_limit_error" | "insufficient_quota" | "tokens" | "requests", _) => 429,
        ("overloaded_error", _) => 503,
        ("timeout_error", _) => 504,
        ("server_error" | "api_error", _) => 500,
        _ => code.parse().ok().filter(|status| (400..600).contains(status))?,
    })
}

/// A duration as the reference prints it: `1h2m3s`, `2m0s`, `5s`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// The status word of Google's APIs for a status. Source: translation.md B76; google.rpc.Code.
#[must_use]
pub fn google_word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 | 412 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

/// The status of a status word of Google's APIs.
#[must_use]
pub fn google_status(word: &str) -> Option<u16> {
    Some(match word {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => 400,
        "UNAUTHENTICATED" => 401,
        "PERMISSION_DENIED" => 403,
        "NOT_FOUND" => 404,
        "ABORTED" | "ALREADY_EXISTS" => 409,
        "RESOURCE_EXHAUSTED" => 429,
        "CANCELLED" => 499,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" => 500,
        "UNIMPLEMENTED" => 501,
        "UNAVAILABLE" => 503,
        "DEADLINE_EXCEEDED" => 504,
        _ => return None,
    })
}

/// Reads an error wherever formats keep it: `error.{message,type,status,code,param}`, `error` as a string,
/// `errors[0]`, `detail`, `message`, `type`, `code`; of an array its first element. Text that is no JSON is the
/// message itself. Source: translation.md B78.
#[must_use]
pub fn probe_error(body: &[u8]) -> ErrorText {
    let Ok(body) = std::str::from_utf8(body) else { return ErrorText::default() };
    let trimmed = body.trim();
    let Some(object) = object_or_first(trimmed) else {
        if trimmed.starts_with('"') {
            return ErrorText { message: plain(Some(trimmed)).unwrap_or_default(), ..ErrorText::default() };
        }
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(trimmed).is_ok();
        return ErrorText { message: if is_json { "" } else { trimmed }.to_owned(), ..ErrorText::default() };
    };
    let mut found = ErrorText::default();
    match object.raw("error").ok().flatten() {
        Some(json) => match object_or_first(json) {
            Some(error) => fill(&mut found, &error),
            None => set(&mut found.message, plain(Some(json))),
        },
        None => {
            if let Some(error) = object.raw("errors").ok().flatten().and_then(object_or_first) {
                fill(&mut found, &error);
            }
        }
    }
    fill(&mut found, &object);
    // Message fallback chain: message, code, type. Source: translation.md B77.
    if found.message.is_empty() {
        found.message = found.code.clone().or_else(|| found.kind.clone()).unwrap_or_default();
    }
    found
}

/// Whether an error says that the provider cannot read, or does not accept, opaque state of earlier turns. Source:
/// translation.md B30; providers-a.md 3.7 "thinking_signature_invalid"; providers-b.md 1 "THINKING_SIGNATURE_INVALID".
#[must_use]
pub fn refuses_state(error: &ErrorText) -> bool {
    const CODES: [&str; 2] = ["invalid_encrypted_content", "thinking_signature_invalid"];
    /// Each line is one provider's words: all of them must stand there.
    const WORDS: [&[&str]; 13] = [
        // Claude
        &["invalid", "signature", "thinking"],
        &["thinking.signature", "field required"],
        &["invalid", "data", "redacted_thinking"],
        &["thinking", "blocks in the latest assistant message cannot be modified"],
        &["expected", "thinking", "redacted_thinking", "but found"],
        // OpenAI
        &["encrypted content", "could not be"],
        &["encrypted_content", "invalid"],
        &["encrypted_content", "not issued"],
        &["without its required", "reasoning"],
        &["of type 'reasoning' was provided without"],
        &["item with id 'rs_", "not found"],
        // Gemini
        &["thought signature", "not valid"],
        &["thought_signature", "invalid"],
    ];
    let coded = [&error.code, &error.kind].into_iter().flatten();
    if coded.into_iter().any(|word| CODES.iter().any(|code| word.eq_ignore_ascii_case(code))) {
        return true;
    }
    let message = error.message.to_ascii_lowercase();
    CODES.iter().any(|code| message.contains(code))
        || WORDS.iter().any(|words| words.iter().all(|word| message.contains(word)))
        || ["corrupted", "invalid"].iter().any(|word| message.contains(word))
            && message.contains("thought signature")
}

/// Takes from an object what is not known yet.
fn fill(found: &mut ErrorText, object: &TopLevel<'_>) {
    let text = |key: &str| plain(object.raw(key).ok().flatten()).filter(|text| !text.is_empty());
    set(&mut found.message, text("message").or_else(|| text("detail")).or_else(|| detail(object)));
    // `{"type":"error"}` is only Claude's envelope.
    found.kind =
        found.kind.take().or_else(|| text("type").or_else(|| text("status")).filter(|kind| kind != "error"));
    found.code = found.code.take().or_else(|| text("code"));
    found.param = found.param.take().or_else(|| text("param"));
}

/// `detail: [{msg}]` and `detail: {message}`, as FastAPI services write it.
fn detail(object: &TopLevel<'_>) -> Option<String> {
    let detail = object_or_first(object.raw("detail").ok().flatten()?)?;
    plain(detail.raw("msg").ok().flatten().or_else(|| detail.raw("message").ok().flatten()))
}

fn set(target: &mut String, text: Option<String>) {
    if target.is_empty() {
        *target = text.unwrap_or_default();
    }
}

fn object_or_first(json: &str) -> Option<TopLevel<'_>> {
    let json = json.trim();
    if json.starts_with('[') {
        let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(json).ok()?;
        return TopLevel::scan(items.first()?.get().as_bytes()).ok();
    }
    TopLevel::scan(json.as_bytes()).ok()
}

/// A string, or a number as text.
fn plain(json: Option<&str>) -> Option<String> {
    let json = json?;
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'_>>(json).ok().map(Text::into_decoded).map(Cow::into_owned),
        b'-' | b'0'..=b'9' => Some(json.to_owned()),
        _ => None,
    }
}
