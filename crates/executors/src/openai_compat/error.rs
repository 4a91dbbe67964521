//! What failures of such services prove, beyond the standard reading.

use cliproxy_core::{ErrorKind, Evidence, Failure};
use memchr::memmem;

use crate::hints;

pub(super) fn classify(failure: &Failure<'_>) -> Evidence {
    let evidence = hints::standard(failure);
    if evidence.kind == ErrorKind::RateLimited && is_out_of_money(failure.body) {
        // OpenAI says 429 when an account has nothing left to spend: that is no rate, and covers every model.
        // Source: OpenAI API reference, "Error codes", read 2026-11.
        return Evidence::new(ErrorKind::PaymentRequired);
    }
    evidence
}

fn is_out_of_money(body: &[u8]) -> bool {
    [&b"\"insufficient_quota\""[..], b"\"billing_hard_limit_reached\"", b"\"billing_not_active\""]
        .iter()
        .any(|code| memmem::find(body, code).is_some())
}

#[cfg(test)]
mod tests {
    use cliproxy_core::{Scope, Timestamp};
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn an_empty_purse_is_no_rate_limit() {
        let read = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            classify(&Failure::http(status, &HeaderMap::new(), body.as_bytes(), Timestamp::default()))
        };
        let broke = read(429, r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#);
        assert_eq!((broke.kind, broke.scope), (ErrorKind::PaymentRequired, Scope::Credential));
        let busy = read(429, r#"{"error":{"message":"Rate limit reached. Please try again in 7s."}}"#);
        assert_eq!((busy.kind, busy.scope), (ErrorKind::RateLimited, Scope::Model));
        assert_eq!(busy.retry_after.map(|wait| wait.as_secs()), Some(7));
    }
}
