//! What token endpoints answer, as a target for libFuzzer and for a seeded runner. See `fuzz/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target fails by panicking"
)]

use cliproxy_core::{Mask, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::error::TokenError;
use super::reply::{Answer, Asked, read};
use super::tokens::{Reply, Tokens};
use super::{RsaKey, jwt_claims};

/// A status in the first line, `Retry-After` in the second, a body: it is granted, refused or an error; what it says is
/// shown without control characters, and what it gives is not shown at all.
pub fn fuzz_token_reply(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _claims = jwt_claims(&text);
    let _key = RsaKey::read(&text);
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(status), Some(wait), Some(body)) = (lines.next(), lines.next(), lines.next()) else { return };
    let Ok(status) = StatusCode::from_bytes(status) else { return };
    let mut headers = HeaderMap::new();
    if let Ok(wait) = HeaderValue::from_bytes(wait) {
        headers.insert(header::RETRY_AFTER, wait);
    }
    let secret = "CANARY-refresh";
    for asked in [Asked::Refresh, Asked::Consent, Asked::Grant] {
        check(read(asked, (status, &headers, body), &[401], &Mask::of_texts([secret])), secret);
    }
}

fn check(read: Result<Answer, TokenError>, secret: &str) {
    match read {
        Ok(Answer::Granted(object)) => {
            let lifetime = object.get("expires_in").map(|seconds| seconds.as_u64().expect("whole seconds"));
            assert!(lifetime.is_none_or(|seconds| (1..4_000_000_000).contains(&seconds)));
            let Ok(reply) = serde_json::from_value::<Reply>(Value::Object(object)) else { return };
            let tokens = Tokens::of(&reply);
            let token = tokens.access_token.expose();
            assert!(token.len() < 12 || !format!("{tokens:?}").contains(token));
            let members = tokens.members(Timestamp::from_secs(1_795_428_000));
            assert_eq!(members["access_token"], token);
        }
        Ok(Answer::Refused { code, description }) => {
            assert!(!code.is_empty());
            assert!(!code.contains(secret) && !description.contains(secret), "{code} {description}");
            assert!(!code.chars().chain(description.chars()).any(char::is_control), "{code} {description}");
        }
        Err(error) => {
            let told = error.to_string();
            assert!(!told.chars().any(char::is_control) && !told.contains(secret), "{told}");
        }
    }
}

#[cfg(test)]
mod tests {
    use cliproxy_testkit::fuzz::{JSON, run, seeds};

    use super::*;

    #[test]
    fn any_reply_of_a_token_endpoint_is_granted_refused_or_an_error() {
        let tokens = [
            "200",
            "429",
            "503",
            "\"error\":",
            "\"expires_in\":",
            "\"access_token\":\"a\"",
            "Exception",
            "CANARY-refresh",
        ];
        run(12_000, &seeds("token_reply"), &[JSON, &tokens].concat(), fuzz_token_reply);
    }
}
