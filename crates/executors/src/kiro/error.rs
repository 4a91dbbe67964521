//! What failures of Kiro prove. Source: providers-b.md 1.7.

use std::time::Duration;

use cliproxy_core::{ErrorKind, Evidence, Failure, Scope};
use serde_json::Value;

use crate::hints;

/// How long a locked account rests. Source: providers-b.md 1.7 "24 h cooldown for the record".
const SUSPENDED: Duration = Duration::from_secs(24 * 3600);

pub(super) fn classify(failure: &Failure<'_>) -> Evidence {
    let said = Said::of(failure);
    // The month's quota, under whatever status.
    if said.reason == "MONTHLY_REQUEST_COUNT" || said.mentions("monthly_request_count") {
        return Evidence::new(ErrorKind::PaymentRequired);
    }
    if matches!(said.reason.as_str(), "CONTENT_LENGTH_EXCEEDS_THRESHOLD" | "PROMPT_TOO_LONG")
        || said.mentions("input is too long")
    {
        return Evidence::new(ErrorKind::TooLarge);
    }
    if said.reason == "INVALID_MODEL_ID" {
        return Evidence::new(ErrorKind::ModelNotSupported);
    }
    if said.reason == "INSUFFICIENT_MODEL_CAPACITY" || said.mentions("unexpectedly high load") {
        // The model is short of room, not the account.
        return Evidence::new(ErrorKind::Overloaded).with_retry_after(hints::standard(failure).retry_after);
    }
    let evidence = hints::standard(failure);
    match failure.status.map(|status| status.as_u16()) {
        Some(403) if said.suspended() => Evidence::new(ErrorKind::Forbidden)
            .with_scope(Scope::Credential)
            .with_retry_after(Some(SUSPENDED)),
        Some(403) if said.is_about_the_token() => Evidence::new(ErrorKind::Unauthorized),
        // The account is too fast, whatever the model.
        Some(429) if evidence.kind == ErrorKind::RateLimited => evidence.with_scope(Scope::Credential),
        _ => evidence,
    }
}

/// What the service said.
struct Said {
    reason: String,
    /// Type, message and all, in lower case.
    text: String,
    message: String,
}

impl Said {
    fn of(failure: &Failure<'_>) -> Self {
        let body: Value = serde_json::from_slice(failure.body).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let message = [text("message"), text("Message")].join("");
        Self {
            reason: text("reason").to_owned(),
            text: String::from_utf8_lossy(failure.body).to_lowercase(),
            message: message.to_lowercase(),
        }
    }

    fn mentions(&self, words: &str) -> bool {
        self.text.contains(words)
    }

    fn suspended(&self) -> bool {
        self.mentions("suspended")
    }

    fn is_about_the_token(&self) -> bool {
        ["token", "expired", "invalid", "unauthorized"].iter().any(|word| self.message.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use cliproxy_core::Timestamp;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn read(status: u16, body: &str) -> Evidence {
        let status = StatusCode::from_u16(status).unwrap();
        classify(&Failure::http(
            status,
            &HeaderMap::new(),
            body.as_bytes(),
            Timestamp::from_secs(1_795_428_000),
        ))
    }

    #[test]
    fn each_reply_reads_as_its_kind() {
        for (status, body, kind, scope) in [
            (400, r#"{"message":"Improperly formed request."}"#, ErrorKind::InvalidRequest, Scope::Request),
            (400, r#"{"message":"Input is too long."}"#, ErrorKind::TooLarge, Scope::Request),
            (400, r#"{"message":"m","reason":"PROMPT_TOO_LONG"}"#, ErrorKind::TooLarge, Scope::Request),
            (
                400,
                r#"{"message":"m","reason":"INVALID_MODEL_ID"}"#,
                ErrorKind::ModelNotSupported,
                Scope::Model,
            ),
            (400, r#"{"message":"m","reason":"TOOL_DUPLICATE"}"#, ErrorKind::InvalidRequest, Scope::Request),
            (401, "{}", ErrorKind::Unauthorized, Scope::Credential),
            (402, "{}", ErrorKind::PaymentRequired, Scope::Credential),
            (400, r#"{"reason":"MONTHLY_REQUEST_COUNT"}"#, ErrorKind::PaymentRequired, Scope::Credential),
            (429, r#"{"reason":"MONTHLY_REQUEST_COUNT"}"#, ErrorKind::PaymentRequired, Scope::Credential),
            (
                403,
                r#"{"message":"The bearer token included in the request is invalid."}"#,
                ErrorKind::Unauthorized,
                Scope::Credential,
            ),
            (
                403,
                r#"{"message":"Your account is TEMPORARILY_SUSPENDED"}"#,
                ErrorKind::Forbidden,
                Scope::Credential,
            ),
            (403, r#"{"message":"not for you"}"#, ErrorKind::Forbidden, Scope::Model),
            (429, r#"{"message":"Too many requests"}"#, ErrorKind::RateLimited, Scope::Credential),
            (429, r#"{"reason":"INSUFFICIENT_MODEL_CAPACITY"}"#, ErrorKind::Overloaded, Scope::Model),
            (500, r#"{"message":"Encountered unexpectedly high load"}"#, ErrorKind::Overloaded, Scope::Model),
            (500, "{}", ErrorKind::Server, Scope::Model),
            (503, "{}", ErrorKind::Overloaded, Scope::Model),
        ] {
            let evidence = read(status, body);
            assert_eq!((evidence.kind, evidence.scope), (kind, scope), "{status} {body}");
        }
        assert_eq!(read(403, r#"{"message":"SUSPENDED"}"#).retry_after, Some(SUSPENDED));
    }

    #[test]
    fn failures_inside_a_reply_are_read_by_their_status() {
        let body = br#"{"message":"slow down"}"#;
        let headers = HeaderMap::new();
        let failure =
            Failure::in_stream(Some(StatusCode::TOO_MANY_REQUESTS), &headers, body, Timestamp::from_secs(1));
        assert_eq!(classify(&failure).kind, ErrorKind::RateLimited);
    }
}
