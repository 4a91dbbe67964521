//! Which of a provider's reply headers reach the client: request ids and rate limits, nothing else. What names
//! the account (organisations, projects), the connection or the gateway stays here.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Names that pass. Source: design.md §12 "Upstream request ids and rate-limit headers reach the client".
const NAMES: [&str; 9] = [
    "request-id",
    "x-request-id",
    "x-goog-request-id",
    "x-amzn-requestid",
    "x-github-request-id",
    "apim-request-id",
    "openai-processing-ms",
    "retry-after",
    "retry-after-ms",
];

/// Beginnings of names that pass.
const PREFIXES: [&str; 5] = [
    "x-ratelimit-",
    "ratelimit",
    "anthropic-ratelimit-",
    // What Codex shows of its limits.
    "x-codex-primary-",
    "x-codex-secondary-",
];

/// The headers of a provider's reply that the client may see.
pub(crate) fn for_client(upstream: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in upstream {
        if is_allowed(name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// The same headers in memory of their own. As they come they are slices of the buffer that the connection read them
/// into; kept for the length of a stream they would keep all of it.
pub(crate) fn detached(mut headers: HeaderMap) -> HeaderMap {
    let mut text = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    for value in headers.values() {
        text.extend_from_slice(value.as_bytes());
    }
    let mut text = text.freeze();
    for value in headers.values_mut() {
        let sensitive = value.is_sensitive();
        // What was a value is one.
        if let Ok(mut own) = HeaderValue::from_maybe_shared(text.split_to(value.len())) {
            own.set_sensitive(sensitive);
            *value = own;
        }
    }
    headers
}

fn is_allowed(name: &HeaderName) -> bool {
    let name = name.as_str();
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn detached_headers_say_the_same_and_hold_nothing_else() {
        let read = Bytes::from(b"one\xfftwo and a large rest".to_vec());
        let mut headers = HeaderMap::new();
        headers.append("a", HeaderValue::from_maybe_shared(read.slice(..4)).unwrap());
        headers.append("a", HeaderValue::from_maybe_shared(read.slice(4..7)).unwrap());
        headers.append("b", HeaderValue::from_static(""));
        headers.get_mut("b").unwrap().set_sensitive(true);
        let same = headers.clone();

        let kept = detached(headers);
        assert_eq!(kept, same);
        assert!(kept["b"].is_sensitive());
        drop(same);
        assert!(read.is_unique(), "the buffer is free");
    }

    #[test]
    fn only_request_ids_and_rate_limits_pass() {
        for (name, passes) in [
            ("request-id", true),
            ("x-request-id", true),
            ("retry-after", true),
            ("x-ratelimit-remaining-tokens", true),
            ("anthropic-ratelimit-unified-5h-reset", true),
            ("x-codex-primary-used-percent", true),
            ("anthropic-organization-id", false),
            ("openai-organization", false),
            ("set-cookie", false),
            ("content-length", false),
            ("content-encoding", false),
            ("connection", false),
            ("server", false),
            ("cf-ray", false),
            ("x-litellm-key", false),
        ] {
            let mut upstream = HeaderMap::new();
            upstream.insert(name, HeaderValue::from_static("v"));
            assert_eq!(for_client(&upstream).contains_key(name), passes, "{name}");
        }
    }
}
