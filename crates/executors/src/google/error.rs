//! What Google's failures prove. Source: providers-a.md 4.4, 5.6, 6.6, 9 "one delay parser".

use std::time::Duration;

use cliproxy_core::{ErrorKind, Evidence, Failure, Scope};
use serde_json::Value;

use crate::hints;

pub(crate) fn classify(failure: &Failure<'_>) -> Evidence {
    let body: Value = serde_json::from_slice(failure.body).unwrap_or_default();
    let Some(said) = Said::of(&body) else { return Evidence::standard(failure) };
    let evidence = Evidence::standard(&failure.with_body(said.flat().as_bytes()));
    if said.is_about_the_key() {
        // Source: 4.4 "a bad key is answered 400 with reason API_KEY_INVALID: a credential fault".
        return Evidence::new(ErrorKind::Unauthorized);
    }
    if said.is_about_the_account() {
        return Evidence::new(ErrorKind::Forbidden).with_scope(Scope::Credential);
    }
    if said.mentions("exceeds the maximum number of tokens") {
        return Evidence::new(ErrorKind::TooLarge);
    }
    evidence.with_retry_after(said.delay().or(evidence.retry_after))
}

/// The error object; a failed stream without `alt=sse` wraps it in an array.
struct Said<'v> {
    error: &'v Value,
    message: String,
}

impl<'v> Said<'v> {
    fn of(body: &'v Value) -> Option<Self> {
        let body = body.get(0).unwrap_or(body);
        let error = body.get("error").filter(|error| error.is_object())?;
        let message = error.get("message").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        Some(Self { error, message })
    }

    /// The error where the standard reading looks for it: `status` is Google's word for the kind.
    fn flat(&self) -> String {
        let member = |key: &str| self.error.get(key).cloned().unwrap_or_default();
        let kind = member("status").as_str().unwrap_or_default().to_lowercase();
        serde_json::json!({"error": {"type": kind, "code": member("code"), "message": self.message}})
            .to_string()
    }

    fn details(&self) -> impl Iterator<Item = (&'v str, &'v Value)> {
        let details = self.error.get("details").and_then(Value::as_array).into_iter().flatten();
        details.filter_map(|detail| Some((detail.get("@type")?.as_str()?, detail)))
    }

    fn mentions(&self, words: &str) -> bool {
        self.message.contains(words)
    }

    fn reasons(&self, reasons: &[&str]) -> bool {
        self.details().any(|(_, detail)| {
            detail.get("reason").and_then(Value::as_str).is_some_and(|reason| reasons.contains(&reason))
        })
    }

    fn is_about_the_key(&self) -> bool {
        self.reasons(&["API_KEY_INVALID", "ACCESS_TOKEN_EXPIRED"])
            || self.mentions("api key not valid")
            || self.mentions("api key expired")
    }

    /// What is switched off, suspended, or refused where it stands concerns every model alike.
    // Source: providers-a.md 5.7 `SERVICE_DISABLED`; Gemini API reference, "Troubleshooting", read 2026-11.
    fn is_about_the_account(&self) -> bool {
        self.reasons(&[
            "SERVICE_DISABLED",
            "CONSUMER_SUSPENDED",
            "CONSUMER_INVALID",
            "BILLING_DISABLED",
            "API_KEY_SERVICE_BLOCKED",
            "API_KEY_IP_ADDRESS_BLOCKED",
        ]) || self.mentions("location is not supported")
    }

    /// The first of these that is there; an unreadable first one means none.
    fn delay(&self) -> Option<Duration> {
        let retry = self.details().find(|(kind, _)| kind.ends_with("google.rpc.RetryInfo"));
        if let Some(delay) = retry.and_then(|(_, info)| info.get("retryDelay")) {
            return hints::go_duration(delay.as_str()?);
        }
        let reset = self
            .details()
            .filter(|(kind, _)| kind.ends_with("google.rpc.ErrorInfo"))
            .find_map(|(_, info)| info.pointer("/metadata/quotaResetDelay")?.as_str());
        match reset {
            Some(text) => hints::go_duration(text).or_else(|| hints::in_message(&self.message)),
            None => hints::in_message(&self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use cliproxy_core::Timestamp;
    use http::{HeaderMap, HeaderValue, StatusCode};
    use serde_json::json;

    use super::*;

    fn read(status: u16, body: &Value) -> Evidence {
        let status = StatusCode::from_u16(status).unwrap();
        let body = body.to_string();
        classify(&Failure::http(status, &HeaderMap::new(), body.as_bytes(), Timestamp::default()))
    }

    fn told(status: &str, message: &str, details: &Value) -> Value {
        json!({"error": {"code": 1, "status": status, "message": message, "details": details}})
    }

    #[test]
    fn the_wait_is_where_google_puts_it_first_hit_wins() {
        let retry =
            |delay: &str| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay});
        let quota = |delay: &str| json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "metadata": {"quotaResetDelay": delay}});
        for (message, details, millis) in [
            ("after 9 s", json!([quota("5s"), retry("0.847655010s")]), Some(847)),
            ("after 9 s", json!([retry("0s")]), Some(0)),
            ("after 9 s", json!([retry("soon")]), None),
            ("after 9 s", json!([quota("373.801628ms")]), Some(373)),
            ("Your quota will reset after 1h2m3s.", json!([]), Some(3_723_000)),
            (
                "Please retry in 38.5s.",
                json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure"}]),
                Some(38_500),
            ),
            ("no idea", json!([]), None),
        ] {
            let evidence = read(429, &told("RESOURCE_EXHAUSTED", message, &details));
            assert_eq!((evidence.kind, evidence.scope), (ErrorKind::RateLimited, Scope::Model), "{details}");
            assert_eq!(evidence.retry_after.map(|wait| wait.as_millis()), millis, "{message} {details}");
        }
    }

    #[test]
    fn each_reply_reads_as_its_kind() {
        let reason =
            |reason: &str| json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]);
        let none = json!([]);
        for (status, body, kind, scope) in [
            (
                400,
                told("INVALID_ARGUMENT", "API key not valid.", &reason("API_KEY_INVALID")),
                ErrorKind::Unauthorized,
                Scope::Credential,
            ),
            (
                400,
                told("INVALID_ARGUMENT", "API key expired. Please renew the API key.", &none),
                ErrorKind::Unauthorized,
                Scope::Credential,
            ),
            (
                400,
                told("INVALID_ARGUMENT", "Unknown name \"x\"", &none),
                ErrorKind::InvalidRequest,
                Scope::Request,
            ),
            (
                400,
                told(
                    "INVALID_ARGUMENT",
                    "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                    &none,
                ),
                ErrorKind::TooLarge,
                Scope::Request,
            ),
            (
                400,
                told("FAILED_PRECONDITION", "User location is not supported for the API use.", &none),
                ErrorKind::Forbidden,
                Scope::Credential,
            ),
            (
                403,
                told("PERMISSION_DENIED", "disabled", &reason("SERVICE_DISABLED")),
                ErrorKind::Forbidden,
                Scope::Credential,
            ),
            (403, told("PERMISSION_DENIED", "no", &none), ErrorKind::Forbidden, Scope::Model),
            (404, told("NOT_FOUND", "models/x is not found", &none), ErrorKind::NotFound, Scope::Model),
            (500, told("INTERNAL", "x", &none), ErrorKind::Server, Scope::Model),
            (
                503,
                json!([{"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}]),
                ErrorKind::Overloaded,
                Scope::Model,
            ),
            (504, told("DEADLINE_EXCEEDED", "x", &none), ErrorKind::Timeout, Scope::Model),
        ] {
            let evidence = read(status, &body);
            assert_eq!((evidence.kind, evidence.scope), (kind, scope), "{body}");
        }
    }

    #[test]
    fn an_error_inside_a_stream_is_read_by_googles_words() {
        for (body, kind) in [
            (json!({"error": {"code": 503, "status": "UNAVAILABLE"}}), ErrorKind::Overloaded),
            (json!([{"error": {"status": "RESOURCE_EXHAUSTED", "message": "x"}}]), ErrorKind::RateLimited),
            (
                json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "x"}}),
                ErrorKind::InvalidRequest,
            ),
            (json!({"error": {"code": 500, "status": "INTERNAL"}}), ErrorKind::Server),
        ] {
            let (headers, text) = (HeaderMap::new(), body.to_string());
            let failure = Failure::in_stream(None, &headers, text.as_bytes(), Timestamp::default());
            assert_eq!(classify(&failure).kind, kind, "{body}");
        }
    }

    #[test]
    fn a_retry_after_header_counts_where_the_body_says_nothing() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("12"));
        for body in [&b"{\"error\":{\"message\":\"x\"}}"[..], b"busy"] {
            let failure = Failure::http(StatusCode::TOO_MANY_REQUESTS, &headers, body, Timestamp::default());
            assert_eq!(classify(&failure).retry_after.map(|wait| wait.as_secs()), Some(12));
        }
    }
}
