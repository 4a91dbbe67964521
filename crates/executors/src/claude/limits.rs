//! What Anthropic's failures prove, its unified rate-limit headers above all.

use std::time::Duration;

use cliproxy_core::{ErrorKind, Evidence, Failure, Scope, Timestamp};
use http::HeaderMap;

use crate::hints;

/// The windows of the unified rate limit, by the prefix of their headers.
// Source: providers-a.md 2.6 [H].
const WINDOWS: [&str; 3] = ["5h-", "7d-", "7d_oi-"];

pub(super) fn classify(failure: &Failure<'_>) -> Evidence {
    let evidence = Evidence::standard(failure);
    if evidence.kind == ErrorKind::InvalidRequest && says(failure.body, "credit balance is too low") {
        // The API blames the request (400) when the account has nothing left to spend.
        // Source: Anthropic support, "credit balance", read 2026-11.
        return Evidence::new(ErrorKind::PaymentRequired);
    }
    let limits = Limits::read(failure.headers);
    // Source: providers-a.md 2.6 "Parsed for every 4xx/5xx, not only 429".
    let hint = limits.reset(failure.now).into_iter().chain(evidence.retry_after).max();
    if evidence.kind != ErrorKind::RateLimited {
        return evidence.with_retry_after(hint);
    }
    if says(failure.body, "fast mode") {
        // Source: providers-a.md 2.6 "Fast mode": a request fault, no rotation, no cooldown.
        return Evidence::new(ErrorKind::InvalidRequest);
    }
    let hint = hint.or_else(|| hints::resets(failure.headers, "anthropic-ratelimit-", failure.now));
    evidence.with_retry_after(hint).with_scope(limits.scope())
}

struct Limits<'h> {
    headers: &'h HeaderMap,
    unified: bool,
    rejected: [bool; 3],
    overflow_only: bool,
}

impl<'h> Limits<'h> {
    fn read(headers: &'h HeaderMap) -> Self {
        let status = |window: &str| text(headers, &format!("anthropic-ratelimit-unified-{window}status"));
        let rejected = WINDOWS.map(|window| status(window).is_some_and(is_rejected));
        let [five_hours, seven_days, overflow] = rejected;
        let allowed =
            |window: &str| status(window).is_some_and(|value| value.eq_ignore_ascii_case("allowed"));
        let overflow_only = overflow && !five_hours && !seven_days && allowed("5h-") && allowed("7d-");
        Self { headers, unified: status("").is_some_and(is_rejected), rejected, overflow_only }
    }

    /// 5 h or 7 d rejected, or the whole rejected: the account. Only the overflow window: that model.
    fn scope(&self) -> Scope {
        let [five_hours, seven_days, _] = self.rejected;
        if five_hours || seven_days || (self.unified && !self.overflow_only) {
            Scope::Credential
        } else {
            Scope::Model
        }
    }

    /// The latest future reset among rejected windows. The overflow window's own reset is long and says nothing
    /// about this model's next chance, so it is not used.
    fn reset(&self, now: Timestamp) -> Option<Duration> {
        let [five_hours, seven_days, _] = self.rejected;
        let windows = [(self.unified && !self.overflow_only, ""), (five_hours, "5h-"), (seven_days, "7d-")];
        windows
            .iter()
            .filter(|(rejected, _)| *rejected)
            .filter_map(|(_, window)| {
                text(self.headers, &format!("anthropic-ratelimit-unified-{window}reset"))
            })
            .filter_map(Timestamp::parse)
            .map(|reset| reset.since(now))
            .filter(|wait| !wait.is_zero())
            .max()
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn is_rejected(value: &str) -> bool {
    value.eq_ignore_ascii_case("rejected")
}

fn says(body: &[u8], words: &str) -> bool {
    String::from_utf8_lossy(body).to_lowercase().contains(words)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, StatusCode};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_428_000);

    fn read(headers: &[(&str, &str)], body: &str) -> Evidence {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(
                format!("anthropic-ratelimit-unified-{name}").replace("unified-retry", "x"),
            );
            map.insert(name.unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        classify(&Failure::http(StatusCode::TOO_MANY_REQUESTS, &map, body.as_bytes(), NOW))
    }

    #[test]
    fn a_rejected_window_covers_the_account_until_its_reset() {
        for (headers, scope, wait) in [
            (vec![("status", "rejected"), ("reset", "1795428060")], Scope::Credential, Some(60)),
            (vec![("5h-status", "rejected"), ("5h-reset", "1795431600")], Scope::Credential, Some(3600)),
            (
                vec![
                    ("5h-status", "allowed"),
                    ("7d-status", "rejected"),
                    ("7d-reset", "2026-11-24T10:00:00Z"),
                    ("5h-reset", "1795999999"),
                ],
                Scope::Credential,
                Some(86_400),
            ),
            (
                vec![
                    ("status", "rejected"),
                    ("reset", "1795999999"),
                    ("5h-status", "allowed"),
                    ("7d-status", "allowed"),
                    ("7d_oi-status", "rejected"),
                    ("7d_oi-reset", "1795999999"),
                ],
                Scope::Model,
                None,
            ),
            (vec![], Scope::Model, None),
            (vec![("status", "rejected"), ("reset", "1795000000")], Scope::Credential, None),
        ] {
            let evidence = read(&headers, "{}");
            assert_eq!(evidence.kind, ErrorKind::RateLimited);
            assert_eq!(
                (evidence.scope, evidence.retry_after.map(|d| d.as_secs())),
                (scope, wait),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_plain_limit_ends_when_its_own_header_says() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("anthropic-ratelimit-requests-remaining", "7"),
            ("anthropic-ratelimit-requests-reset", "2026-11-23T11:00:00Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T10:00:45Z"),
        ] {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let evidence = classify(&Failure::http(StatusCode::TOO_MANY_REQUESTS, &map, b"{}", NOW));
        assert_eq!(
            (evidence.scope, evidence.retry_after.map(|wait| wait.as_secs())),
            (Scope::Model, Some(45))
        );
    }

    #[test]
    fn an_empty_purse_moves_the_request_on() {
        let body = br#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
        let evidence = classify(&Failure::http(StatusCode::BAD_REQUEST, &HeaderMap::new(), body, NOW));
        assert_eq!((evidence.kind, evidence.scope), (ErrorKind::PaymentRequired, Scope::Credential));
    }

    #[test]
    fn a_refused_fast_mode_is_a_fault_of_the_request() {
        let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"Usage credits are required for fast mode"}}"#;
        assert_eq!(read(&[], body).kind, ErrorKind::InvalidRequest);
    }
}
