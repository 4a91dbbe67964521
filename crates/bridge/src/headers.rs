//! Which of a provider's reply headers reach the client: request ids and rate limits, nothing else. What names
//! the account (organisations, projects), the connection or the gateway stays here.

use http::{HeaderMap, HeaderName};

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

fn is_allowed(name: &HeaderName) -> bool {
    let name = name.as_str();
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

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
