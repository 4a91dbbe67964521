//! Paths that show what is wrong with a client's base URL: clients append their own `/v1/…`, or do not. Source:
//! design.md §12.

use super::{Endpoint, begins_with};

/// Versions that clients put before their paths.
const VERSIONS: [&str; 3] = ["/v1", "/v1beta", "/v1alpha"];

/// Paths without a version, as clients append them to a base URL that should have one.
const BARE: [&str; 6] =
    ["/chat/completions", "/completions", "/messages", "/models", "/responses", "/embeddings"];

/// What is wrong, and what would be right.
pub(crate) fn base_url_advice(path: &str) -> Option<String> {
    let bare = path.strip_suffix('/').unwrap_or(path);
    for outer in VERSIONS {
        for inner in VERSIONS {
            let twice = path.strip_prefix(outer).filter(|rest| begins_with(rest, inner) && *rest != inner);
            if let Some(rest) = twice {
                return Some(format!(
                    "the path {path} has {outer} and {inner}: this client adds {inner} itself, so set its base URL to \
                     the address without {outer} (the right path is {rest})"
                ));
            }
        }
    }
    if BARE.iter().any(|route| begins_with(bare, route)) {
        let version = if bare.starts_with("/models/") && bare.contains(':') { "/v1beta" } else { "/v1" };
        return Some(format!(
            "the path {path} lacks {version}: set the client's base URL to the address with {version} at its end (the \
             right path is {version}{path})"
        ));
    }
    // A whole endpoint as base URL: `/v1/chat/completions/chat/completions`, `/v1/messages/v1/messages`,
    // `/v1beta/models/m:generateContent/v1beta/models/m:generateContent`.
    let gemini = bare.rfind("/models/").and_then(|at| bare.get(..at));
    BARE.iter().filter_map(|route| bare.strip_suffix(route)).chain(gemini).find_map(|base| {
        let base = VERSIONS.iter().find_map(|version| base.strip_suffix(version)).unwrap_or(base);
        Endpoint::find(base)?.operation()?;
        Some(format!(
            "the path {path} names an endpoint twice: the client's base URL is the address without {base}, which \
             the client appends itself"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_base_url_is_explained() {
        for (path, words) in [
            ("/v1/v1/messages", "without /v1 (the right path is /v1/messages)"),
            ("/v1/v1beta/models/g:generateContent", "without /v1 (the right path is /v1beta/models"),
            ("/v1beta/v1beta/models", "without /v1beta"),
            ("/chat/completions", "with /v1 at its end"),
            ("/messages/", "with /v1 at its end"),
            ("/models/g:generateContent", "with /v1beta at its end"),
            ("/v1/chat/completions/chat/completions", "without /v1/chat/completions"),
            ("/v1/messages/v1/messages", "without /v1/messages"),
            ("/v1/responses/responses", "without /v1/responses"),
            ("/v1/responses/v1/responses", "without /v1/responses"),
            ("/v1/responses/chat/completions", "without /v1/responses"),
            ("/v1/completions/completions", "without /v1/completions"),
            ("/v1beta/models/g:generateContent/v1beta/models/g:generateContent", "names an endpoint twice"),
            ("/v1beta/models/g:generateContent/models/g:generateContent", "names an endpoint twice"),
        ] {
            let advice = base_url_advice(path);
            assert!(advice.as_deref().is_some_and(|advice| advice.contains(words)), "{path}: {advice:?}");
        }
        for path in ["/favicon.ico", "/v1", "/v1/v1", "/v1/nothing", "/"] {
            assert_eq!(base_url_advice(path), None, "{path}");
        }
    }
}
