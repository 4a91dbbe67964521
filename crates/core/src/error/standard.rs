//! The standard reading of a failure: HTTP status first, then what the body says.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::{ErrorKind, Evidence, Failure};
use crate::Timestamp;

/// Error codes and types that blame the request whatever the status says.
// Source: providers-a.md 1.5 [H] "request faults never rotate or penalise".
const REQUEST_FAULTS: [&str; 9] = [
    "cyber_policy",
    "message_too_big",
    "string_above_max_length",
    "invalid_prompt",
    "invalid_value",
    "unsupported_value",
    "invalid_request_error",
    "previous_response_not_found",
    "unsupported_parameter",
];

pub(super) fn read(failure: &Failure<'_>) -> Evidence {
    let said = Said::of(failure.body);
    let kind = kind_of(failure.status, &said, failure);
    let hint = retry_after(failure.headers, failure.now);
    Evidence::new(kind).with_retry_after(hint)
}

/// The parts of an error body that matter, wherever the format keeps them.
#[derive(Default)]
struct Said {
    kind: String,
    code: String,
    message: String,
    is_json: bool,
}

impl Said {
    fn of(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Self { message: String::from_utf8_lossy(body).to_lowercase(), ..Self::default() };
        };
        // A failure in a stream of Responses lies in the response that failed.
        let errors = [value.get("error"), value.pointer("/response/error")];
        let error = errors.into_iter().flatten().find(|error| error.is_object()).unwrap_or(&value);
        let text = |key: &str| match error.get(key) {
            Some(Value::String(text)) => text.to_lowercase(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let mut message = text("message");
        if message.is_empty() {
            message = text("detail");
        }
        if let Some(Value::String(error)) = value.get("error") {
            message = error.to_lowercase();
        }
        Self { kind: text("type"), code: text("code"), message, is_json: true }
    }

    fn names(&self, word: &str) -> bool {
        self.kind == word || self.code == word
    }

    fn mentions(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.message.contains(word))
    }
}

fn kind_of(status: Option<StatusCode>, said: &Said, failure: &Failure<'_>) -> ErrorKind {
    let Some(status) = status.filter(|status| !status.is_success()) else {
        return kind_by_words(said);
    };
    if is_challenge(status, said, failure) {
        return ErrorKind::Challenge;
    }
    match status.as_u16() {
        400 | 409 | 422 => request_fault(said),
        401 => ErrorKind::Unauthorized,
        402 => ErrorKind::PaymentRequired,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        503 | 529 => ErrorKind::Overloaded,
        504 => ErrorKind::Timeout,
        500.. => ErrorKind::Server,
        // Other 4xx (405, 415, …) say that what we sent does not fit this endpoint.
        _ => ErrorKind::InvalidRequest,
    }
}

/// 400, 409 and 422 blame the request, unless they say that the model is not for this account.
// Source: runtime.md D.7 "400/422 whose text says the model is not supported", "400/401 with invalid_grant".
fn request_fault(said: &Said) -> ErrorKind {
    if said.names("invalid_grant") || said.mentions(&["invalid_grant"]) {
        return ErrorKind::InvalidGrant;
    }
    if said.names("context_length_exceeded") {
        return ErrorKind::TooLarge;
    }
    let about_model = said.names("model_not_supported")
        || (said.mentions(&["model"])
            && said.mentions(&[
                "is not supported",
                "not supported for",
                "model not supported",
                "unsupported model",
            ]));
    if about_model { ErrorKind::ModelNotSupported } else { ErrorKind::InvalidRequest }
}

/// An error inside a 2xx reply names its kind in words.
// Source: translation.md B76.
fn kind_by_words(said: &Said) -> ErrorKind {
    let word = |words: &[&str]| words.iter().any(|word| said.names(word));
    if word(&["overloaded_error", "overloaded", "503", "529", "unavailable"]) {
        ErrorKind::Overloaded
    } else if word(&[
        "rate_limit_error",
        "rate_limit_exceeded",
        "insufficient_quota",
        "429",
        "resource_exhausted",
    ]) {
        ErrorKind::RateLimited
    } else if word(&["authentication_error", "invalid_api_key", "401", "unauthenticated"]) {
        ErrorKind::Unauthorized
    } else if word(&["billing_error", "402"]) {
        ErrorKind::PaymentRequired
    } else if word(&["permission_error", "403", "permission_denied"]) {
        ErrorKind::Forbidden
    } else if word(&["not_found_error", "model_not_found", "404", "not_found"]) {
        ErrorKind::NotFound
    } else if word(&["request_too_large", "context_length_exceeded", "413"]) {
        ErrorKind::TooLarge
    } else if word(&["timeout_error", "504", "408", "deadline_exceeded"]) {
        ErrorKind::Timeout
    } else if word(&REQUEST_FAULTS) || word(&["400", "422", "invalid_argument"]) {
        request_fault(said)
    } else if said.is_json {
        ErrorKind::Server
    } else {
        ErrorKind::BadReply
    }
}

/// An HTML block page instead of the API's JSON. Source: runtime.md D.7 "challenge page from a CDN".
fn is_challenge(status: StatusCode, said: &Said, failure: &Failure<'_>) -> bool {
    if said.is_json || !matches!(status.as_u16(), 403 | 429 | 503) {
        return false;
    }
    let mitigated = failure.headers.get("cf-mitigated").is_some_and(|value| value.as_bytes() == b"challenge");
    mitigated
        || (said.mentions(&["<html", "<!doctype html"])
            && said.mentions(&[
                "just a moment",
                "cf-chl",
                "challenge-platform",
                "attention required",
                "captcha",
            ]))
}

/// When a reply says to come back: `Retry-After` in seconds or as an HTTP date, and `retry-after-ms`.
// Source: RFC 9110 §10.2.3; providers-b.md 0.3 "Ours should parse it (seconds or HTTP date)".
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse::<u64>().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let value = text(header::RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<f64>() {
        return (seconds.is_finite() && (0.0..1.0e9).contains(&seconds))
            .then(|| Duration::from_secs_f64(seconds));
    }
    Some(Timestamp::from_http_date(value)?.since(now))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::{FailureStage, Scope};

    const NOW: Timestamp = Timestamp::from_secs(784_111_770);

    fn kind(status: u16, body: &str) -> ErrorKind {
        let headers = HeaderMap::new();
        let status = StatusCode::from_u16(status).unwrap();
        Evidence::standard(&Failure::http(status, &headers, body.as_bytes(), NOW)).kind
    }

    #[test]
    fn each_status_reads_as_its_kind() {
        for (status, body, expected) in [
            (400, r#"{"error":{"type":"invalid_request_error","message":"bad"}}"#, ErrorKind::InvalidRequest),
            (
                400,
                r#"{"error":{"message":"The model gpt-9 is not supported for this account"}}"#,
                ErrorKind::ModelNotSupported,
            ),
            (400, r#"{"error":"invalid_grant"}"#, ErrorKind::InvalidGrant),
            (400, r#"{"error":{"code":"context_length_exceeded"}}"#, ErrorKind::TooLarge),
            (401, "", ErrorKind::Unauthorized),
            (402, "", ErrorKind::PaymentRequired),
            (403, r#"{"error":{"message":"no"}}"#, ErrorKind::Forbidden),
            (403, "<html><title>Just a moment...</title></html>", ErrorKind::Challenge),
            (404, "", ErrorKind::NotFound),
            (405, "", ErrorKind::InvalidRequest),
            (408, "", ErrorKind::Timeout),
            (413, "", ErrorKind::TooLarge),
            (429, "{}", ErrorKind::RateLimited),
            (500, "", ErrorKind::Server),
            (502, "<html>bad gateway</html>", ErrorKind::Server),
            (503, "", ErrorKind::Overloaded),
            (504, "", ErrorKind::Timeout),
            (529, "", ErrorKind::Overloaded),
        ] {
            assert_eq!(kind(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_error_inside_a_good_reply_is_read_by_its_words() {
        for (body, expected) in [
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, ErrorKind::Overloaded),
            (r#"{"error":{"code":429,"message":"slow down"}}"#, ErrorKind::RateLimited),
            (r#"{"error":{"code":"rate_limit_exceeded"}}"#, ErrorKind::RateLimited),
            (r#"{"error":{"type":"invalid_request_error"}}"#, ErrorKind::InvalidRequest),
            (r#"{"error":{"type":"api_error","message":"m"}}"#, ErrorKind::Server),
            ("<html>", ErrorKind::BadReply),
        ] {
            let headers = HeaderMap::new();
            let failure = Failure::in_stream(None, &headers, body.as_bytes(), NOW);
            assert_eq!(failure.stage, FailureStage::InStream);
            assert_eq!(Evidence::standard(&failure).kind, expected, "{body}");
        }
    }

    #[test]
    fn a_retry_hint_is_read_as_seconds_millis_or_date() {
        for (name, value, expected) in [
            ("retry-after", "30", Some(30_000)),
            ("retry-after", "1.5", Some(1_500)),
            ("retry-after-ms", "250", Some(250)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(7_000)),
            ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("retry-after", "soon", None),
            ("retry-after", "-3", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            let evidence =
                Evidence::standard(&Failure::http(StatusCode::TOO_MANY_REQUESTS, &headers, b"", NOW));
            assert_eq!(evidence.retry_after.map(|d| d.as_millis()), expected, "{name}: {value}");
            assert_eq!(evidence.scope, Scope::Model);
        }
    }
}
