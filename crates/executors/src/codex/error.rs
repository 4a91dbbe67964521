//! What failures of Codex prove. Source: providers-a.md 3.7, 3.8.

use std::time::Duration;

use cliproxy_core::{ErrorKind, Evidence, Failure, FailureStage, Scope, Timestamp};
use http::StatusCode;
use serde_json::{Value, json};

use crate::hints;

pub(super) fn classify(failure: &Failure<'_>) -> Evidence {
    let body: Value = serde_json::from_slice(failure.body).unwrap_or_default();
    let said = Said::of(&body);
    if said.is("usage_limit_reached") {
        // The plan's limit, under whatever status: every model of the account waits. A `Retry-After` is about the
        // gateway, not about the plan.
        return Evidence::new(ErrorKind::RateLimited)
            .with_scope(Scope::Credential)
            .with_retry_after(said.plan_resets(failure.now));
    }
    if said.is("usage_not_included") || said.is("insufficient_quota") {
        return Evidence::new(ErrorKind::PaymentRequired);
    }
    if said.mentions(&["selected model is at capacity", "model is at capacity. please try a different model"])
    {
        return Evidence::new(ErrorKind::RateLimited);
    }
    if let Some(kind) = said.request_fault(failure.status) {
        return Evidence::new(kind);
    }
    // The standard reading finds the error where every format keeps it.
    let flat = said.flat().unwrap_or_else(|| failure.body.to_vec());
    let evidence = hints::standard(&failure.with_body(&flat));
    let kind = match (failure.stage, said.status()) {
        // An explicit status inside the event wins over words.
        (FailureStage::InStream, Some(status)) if failure.status.is_none() => {
            hints::standard(&Failure::http(status, failure.headers, &flat, failure.now)).kind
        }
        (FailureStage::InStream, None) if failure.status.is_none() => said.in_words(evidence.kind),
        _ if said.is_about_the_key() => ErrorKind::Unauthorized,
        _ => evidence.kind,
    };
    if kind == evidence.kind { evidence } else { Evidence::new(kind).with_retry_after(evidence.retry_after) }
}

/// The error object, wherever the reply or the event keeps it.
struct Said<'v> {
    error: &'v Value,
    /// It stands in an `error` member: only then its reset counts.
    nested: bool,
    kind: &'v str,
    code: &'v str,
    message: String,
}

impl<'v> Said<'v> {
    fn of(body: &'v Value) -> Self {
        let places = [body.pointer("/error"), body.pointer("/response/error")];
        let nested = places.into_iter().flatten().find(|error| error.is_object());
        let error = nested.unwrap_or(body);
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let kind = if nested.is_none() && matches!(text("type"), "error" | "response.failed") {
            text("error_type")
        } else {
            text("type")
        };
        let message = ["message", "detail"].iter().map(|key| text(key)).find(|text| !text.is_empty());
        let message =
            message.or(body.get("detail").and_then(Value::as_str)).unwrap_or_default().to_lowercase();
        Self { error, nested: nested.is_some(), kind, code: text("code"), message }
    }

    /// `None` for a body that is no JSON: a page is recognised by its own text.
    fn flat(&self) -> Option<Vec<u8>> {
        let error = json!({"type": self.kind, "code": self.code, "message": self.message});
        self.error.is_object().then(|| json!({"error": error}).to_string().into_bytes())
    }

    fn is(&self, word: &str) -> bool {
        self.kind == word || self.code == word
    }

    fn mentions(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.message.contains(word))
    }

    /// `resets_at` when it lies ahead, else `resets_in_seconds`.
    fn plan_resets(&self, now: Timestamp) -> Option<Duration> {
        if !self.nested {
            return None;
        }
        let number = |key: &str| self.error.get(key).and_then(Value::as_f64);
        let at = number("resets_at").and_then(Timestamp::from_number).map(|at| at.since(now));
        at.filter(|wait| !wait.is_zero())
            .or_else(|| number("resets_in_seconds").filter(|wait| *wait > 0.0).and_then(hints::seconds))
    }

    fn request_fault(&self, status: Option<StatusCode>) -> Option<ErrorKind> {
        let about_length = self.mentions(&["context length", "context window", "too many tokens"]);
        if self.is("context_length_exceeded")
            || self.is("context_too_large")
            || (self.is("invalid_request_error") && about_length)
            || status == Some(StatusCode::PAYLOAD_TOO_LARGE)
        {
            return Some(ErrorKind::TooLarge);
        }
        let at_fault = ["invalid_encrypted_content", "previous_response_not_found", "cyber_policy"]
            .iter()
            .any(|word| self.is(word))
            || self.mentions(&["invalid signature in thinking block"]);
        at_fault.then_some(ErrorKind::InvalidRequest)
    }

    fn is_about_the_key(&self) -> bool {
        self.is("authentication_error")
            || self.is("invalid_api_key")
            || self.is("refresh_token_reused")
            || self.mentions(&["invalid or expired token"])
    }

    fn status(&self) -> Option<StatusCode> {
        ["status_code", "status"].iter().find_map(|key| {
            let status = u16::try_from(self.error.get(*key)?.as_u64()?).ok()?;
            StatusCode::from_u16(status).ok().filter(|_| (400..600).contains(&status))
        })
    }

    /// An event without a status; what has no word of its own is a failure of the provider.
    fn in_words(&self, standard: ErrorKind) -> ErrorKind {
        match () {
            () if self.is_about_the_key() => ErrorKind::Unauthorized,
            () if self.is("bad_request_error") => ErrorKind::InvalidRequest,
            () if ["service_unavailable_error", "server_is_overloaded", "slow_down"]
                .iter()
                .any(|word| self.is(word)) =>
            {
                ErrorKind::Overloaded
            }
            () => standard,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_428_000);

    fn http(status: u16, body: &str) -> Evidence {
        let status = StatusCode::from_u16(status).unwrap();
        classify(&Failure::http(status, &HeaderMap::new(), body.as_bytes(), NOW))
    }

    fn event(body: &str) -> Evidence {
        classify(&Failure::in_stream(None, &HeaderMap::new(), body.as_bytes(), NOW))
    }

    #[test]
    fn a_plans_limit_covers_the_account_until_it_resets_under_any_status() {
        for (status, body, wait) in [
            (429, r#"{"error":{"type":"usage_limit_reached","resets_at":1795431600}}"#, Some(3600)),
            (403, r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":90}}"#, Some(90)),
            (
                400,
                r#"{"error":{"type":"usage_limit_reached","resets_at":1,"resets_in_seconds":90}}"#,
                Some(90),
            ),
            (429, r#"{"error":{"type":"usage_limit_reached"}}"#, None),
            (429, r#"{"type":"usage_limit_reached","resets_in_seconds":90}"#, None),
        ] {
            let evidence = http(status, body);
            assert_eq!(
                (evidence.kind, evidence.scope),
                (ErrorKind::RateLimited, Scope::Credential),
                "{body}"
            );
            assert_eq!(evidence.retry_after.map(|wait| wait.as_secs()), wait, "{body}");
        }
    }

    #[test]
    fn a_short_limit_does_not_borrow_the_plans_reset() {
        let evidence = http(429, r#"{"error":{"type":"rate_limit_error","resets_in_seconds":9000}}"#);
        assert_eq!(
            (evidence.kind, evidence.scope, evidence.retry_after),
            (ErrorKind::RateLimited, Scope::Model, None)
        );
    }

    #[test]
    fn each_reply_reads_as_its_kind() {
        for (status, body, kind) in [
            (400, r#"{"error":{"message":"The selected model is at capacity."}}"#, ErrorKind::RateLimited),
            (413, "", ErrorKind::TooLarge),
            (400, r#"{"error":{"code":"context_length_exceeded"}}"#, ErrorKind::TooLarge),
            (
                400,
                r#"{"error":{"type":"invalid_request_error","message":"Too many tokens"}}"#,
                ErrorKind::TooLarge,
            ),
            (
                404,
                r#"{"error":{"code":"previous_response_not_found","message":"x"}}"#,
                ErrorKind::InvalidRequest,
            ),
            (500, r#"{"error":{"code":"invalid_encrypted_content"}}"#, ErrorKind::InvalidRequest),
            (401, "", ErrorKind::Unauthorized),
            (400, r#"{"error":{"code":"invalid_api_key"}}"#, ErrorKind::Unauthorized),
            (400, r#"{"detail":"Invalid or expired token"}"#, ErrorKind::Unauthorized),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, ErrorKind::PaymentRequired),
            (404, r#"{"error":{"code":"model_not_found"}}"#, ErrorKind::NotFound),
            (503, "", ErrorKind::Overloaded),
        ] {
            assert_eq!(http(status, body).kind, kind, "{status} {body}");
        }
    }

    #[test]
    fn an_event_is_read_by_its_status_then_by_its_words() {
        for (body, kind) in [
            (r#"{"type":"error","error":{"type":"x","status_code":429}}"#, ErrorKind::RateLimited),
            (r#"{"type":"error","error":{"type":"x","status":503}}"#, ErrorKind::Overloaded),
            (
                r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"}}}"#,
                ErrorKind::RateLimited,
            ),
            (
                r#"{"type":"response.failed","response":{"error":{"code":"server_is_overloaded"}}}"#,
                ErrorKind::Overloaded,
            ),
            (r#"{"type":"error","error":{"code":"cyber_policy"}}"#, ErrorKind::InvalidRequest),
            (r#"{"type":"error","error":{"type":"bad_request_error"}}"#, ErrorKind::InvalidRequest),
            (
                r#"{"type":"error","error_type":"authentication_error","message":"x"}"#,
                ErrorKind::Unauthorized,
            ),
            (r#"{"type":"error","error":{"type":"permission_error"}}"#, ErrorKind::Forbidden),
            (r#"{"type":"error","code":"model_not_found","message":"x"}"#, ErrorKind::NotFound),
            (r#"{"code":"server_error","message":"x"}"#, ErrorKind::Server),
        ] {
            assert_eq!(event(body).kind, kind, "{body}");
        }
        let limit = event(
            r#"{"type":"response.failed","response":{"error":{"code":"usage_limit_reached","resets_in_seconds":5}}}"#,
        );
        assert_eq!(
            (limit.kind, limit.retry_after.map(|wait| wait.as_secs())),
            (ErrorKind::RateLimited, Some(5))
        );
    }
}
