//! Which of a provider's reply headers reach the client: request ids and rate limits, nothing else. What names
//! the account (organisations, projects), the connection or the gateway stays here, unless the operator wants the rest
//! passed on too (`passthrough-headers`).

use bytes::BytesMut;
use cliproxy_core::lists_token;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Beginnings of names that pass.
const PREFIXES: [&str; 5] = [
    "x-ratelimit-",
    "ratelimit",
    "anthropic-ratelimit-",
    // What Codex shows of its limits.
    "x-codex-primary-",
    "x-codex-secondary-",
];

/// Names that never pass: those of the connection, of a body that is not the one that came, of cookies, of what
/// browsers and proxies in front of us obey, which is ours to say, of gateways in between, and our own names.
// Source: http-api.md A.13 "`passthrough-headers: true`"; RFC 9110 §7.6.1 for the connection's.
const NEVER: [&str; 35] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "content-type",
    "cache-control",
    "date",
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "strict-transport-security",
    "vary",
    "x-sendfile",
    "x-lighttpd-send-file",
    "clear-site-data",
    "refresh",
    "link",
    "report-to",
    "reporting-endpoints",
    "nel",
    "www-authenticate",
    // Of the bytes of another body.
    "etag",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    // What clients make of a failure is ours to say: the retries are done here.
    "x-should-retry",
];

/// Beginnings of names that never pass.
const NEVER_PREFIXES: [&str; 12] = [
    "access-control-",
    "cross-origin-",
    "x-accel-",
    "x-cliproxy-",
    "x-cpa-",
    "content-security-policy",
    "x-litellm-",
    "helicone-",
    "x-portkey-",
    "cf-aig-",
    "x-kong-",
    "x-bt-",
];

/// The headers of a provider's reply that the client may see; with `all` those that nothing speaks against.
pub(crate) fn for_client(upstream: &HeaderMap, all: bool) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in upstream {
        // What `Connection` names is of this hop alone.
        let is_of_hop = || lists_token(upstream, &CONNECTION, name.as_str());
        if is_allowed(name) || all && !is_withheld(name) && !is_of_hop() {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

fn is_withheld(name: &HeaderName) -> bool {
    let name = name.as_str();
    NEVER.contains(&name) || NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Headers for as long as a stream lasts, in memory of their own. As they come their values are slices of the buffer that
/// the connection read them into, and all of it would be kept; and a map has room for as many again.
#[derive(Debug)]
pub(crate) struct KeptHeaders(Box<[(HeaderName, HeaderValue)]>);

impl KeptHeaders {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut text = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
        for value in headers.values() {
            text.extend_from_slice(value.as_bytes());
        }
        let mut text = text.freeze();
        let own = headers.iter().filter_map(|(name, value)| {
            // What was a value is one.
            let mut own = HeaderValue::from_maybe_shared(text.split_to(value.len())).ok()?;
            own.set_sensitive(value.is_sensitive());
            Some((name.clone(), own))
        });
        Self(own.collect())
    }

    /// The headers as they were.
    pub(crate) fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            map.append(name, value.clone());
        }
        map
    }
}

fn is_allowed(name: &HeaderName) -> bool {
    // Source: design.md §12 "Upstream request ids and rate-limit headers reach the client".
    match name.as_str() {
        "request-id"
        | "x-request-id"
        | "x-goog-request-id"
        | "x-amzn-requestid"
        | "x-github-request-id"
        | "apim-request-id"
        | "openai-processing-ms"
        | "retry-after"
        | "retry-after-ms" => true,
        // Most headers begin with another letter than these do.
        name => name.starts_with(['a', 'r', 'x']) && PREFIXES.iter().any(|prefix| name.starts_with(prefix)),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn kept_headers_say_the_same_and_hold_nothing_else() {
        let read = Bytes::from(b"one\xfftwo and a large rest".to_vec());
        let mut headers = HeaderMap::new();
        headers.append("a", HeaderValue::from_maybe_shared(read.slice(..4)).unwrap());
        headers.append("a", HeaderValue::from_maybe_shared(read.slice(4..7)).unwrap());
        headers.append("b", HeaderValue::from_static(""));
        headers.get_mut("b").unwrap().set_sensitive(true);

        let kept = KeptHeaders::of(&headers);
        let map = kept.to_map();
        assert_eq!(map, headers);
        assert!(map["b"].is_sensitive());
        drop(headers);
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
            assert_eq!(for_client(&upstream, false).contains_key(name), passes, "{name}");
        }
    }

    #[test]
    fn with_passthrough_headers_nothing_passes_that_proxies_and_browsers_obey_or_that_is_ours_to_say() {
        for name in [
            "x-accel-redirect",
            "x-accel-buffering",
            "x-sendfile",
            "clear-site-data",
            "refresh",
            "link",
            "report-to",
            "nel",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "www-authenticate",
            "etag",
            "content-md5",
            "digest",
            "x-cliproxy-attempts",
            "x-should-retry",
            "x-cpa-version",
        ] {
            let mut upstream = HeaderMap::new();
            upstream.insert(name, HeaderValue::from_static("v"));
            assert!(for_client(&upstream, true).is_empty(), "{name}");
        }
    }

    #[test]
    fn with_passthrough_headers_the_rest_passes_that_is_not_of_the_connection_or_a_gateway() {
        let mut upstream = HeaderMap::new();
        let said = [
            ("request-id", true),
            ("anthropic-organization-id", true),
            ("cf-ray", true),
            ("server", true),
            ("x-of-the-hop", false),
            ("connection", false),
            ("transfer-encoding", false),
            ("content-length", false),
            ("content-encoding", false),
            ("content-type", false),
            ("set-cookie", false),
            ("access-control-allow-origin", false),
            ("x-litellm-key", false),
            ("helicone-id", false),
            ("x-portkey-trace", false),
            ("cf-aig-step", false),
            ("x-kong-latency", false),
            ("x-bt-span", false),
        ];
        for (name, _) in said {
            let value = if name == "connection" { "close, X-Of-The-Hop" } else { "v" };
            upstream.insert(name, HeaderValue::from_static(value));
        }
        let kept = for_client(&upstream, true);
        for (name, passes) in said {
            assert_eq!(kept.contains_key(name), passes, "{name}");
        }
    }
}
