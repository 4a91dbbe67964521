//! Paths that show what is wrong with a client's base URL: clients append their own `/v1/…`, or do not. Source:
//! design.md §12.

use super::{Endpoint, begins_with};

/// Versions that clients put before their paths.
const VERSIONS: [&str; 3] = ["/v1", "/v1beta", "/v1alpha"];

/// Paths without a version, as clients append them to a base URL that should have one.
const BARE: [&str; 6] =
    ["/chat/completions", "/completions", "/messages", "/models", "/responses", "/embeddings"];

/// Of a path that no route has: what is wrong, and what its client meant.
pub(crate) struct Advice {
    /// What is wrong with the base URL, and what would be right.
    pub(crate) text: String,
    /// The route that would be right.
    pub(crate) meant: Endpoint,
}

/// No base URL that a person types makes a longer path, and a long one is looked through many times.
const LONGEST: usize = 512;

/// What is wrong, and what would be right.
pub(crate) fn base_url_advice(path: &str) -> Option<Advice> {
    if path.len() > LONGEST {
        return None;
    }
    let advice = |right: &str, text: String| Some(Advice { text, meant: Endpoint::find(right)? });
    if let Some(right) = without_empty_segments(path)
        && Endpoint::find(&right).is_some()
    {
        let text = format!(
            "the path {path} has a slash too many: set the client's base URL to the address without a slash at its \
             end (the right path is {right})"
        );
        return advice(&right, text);
    }
    let bare = path.strip_suffix('/').unwrap_or(path);
    for outer in VERSIONS {
        for inner in VERSIONS {
            let twice = path.strip_prefix(outer).filter(|rest| begins_with(rest, inner) && *rest != inner);
            if let Some(rest) = twice.filter(|rest| Endpoint::find(rest).is_some()) {
                let text = format!(
                    "the path {path} has {outer} and {inner}: this client adds {inner} itself, so set its base URL to \
                     the address without {outer} (the right path is {rest})"
                );
                return advice(rest, text);
            }
        }
    }
    if let Some(version) = version_of(bare) {
        let text = format!(
            "the path {path} lacks {version}: set the client's base URL to the address with {version} at its end (the \
             right path is {version}{path})"
        );
        return advice(&format!("{version}{path}"), text);
    }
    twice(path, bare).or_else(|| below_another(path, bare))
}

/// The path without what makes it one with empty segments, as a base URL with a slash at its end does; `None` for one
/// without any.
pub(crate) fn without_empty_segments(path: &str) -> Option<String> {
    path.contains("//").then(|| {
        let mut clean = String::with_capacity(path.len());
        for letter in path.chars() {
            if letter != '/' || !clean.ends_with('/') {
                clean.push(letter);
            }
        }
        clean
    })
}

/// The version that a path lacks, as clients append it to a base URL that should have one.
fn version_of(bare: &str) -> Option<&'static str> {
    let lacks = BARE.iter().any(|route| begins_with(bare, route));
    lacks.then(|| if bare.starts_with("/models/") && bare.contains(':') { "/v1beta" } else { "/v1" })
}

/// A whole endpoint as base URL: `/v1/chat/completions/chat/completions`, `/v1/messages/v1/messages`,
/// `/v1beta/models/m:generateContent/v1beta/models/m:generateContent`.
fn twice(path: &str, bare: &str) -> Option<Advice> {
    let gemini = bare.rfind("/models/").and_then(|at| bare.get(..at));
    BARE.iter().filter_map(|route| bare.strip_suffix(route)).chain(gemini).find_map(|base| {
        let base = VERSIONS.iter().find_map(|version| base.strip_suffix(version)).unwrap_or(base);
        let meant = Endpoint::find(base).filter(|endpoint| endpoint.operation().is_some())?;
        let text = format!(
            "the path {path} names an endpoint twice: the client's base URL is the address without {base}, which \
             the client appends itself"
        );
        Some(Advice { text, meant })
    })
}

/// The base URL of another service, whose paths begin elsewhere: `/openai/v1/…`, `/api/v1/…`, `/v1beta/openai/…`.
fn below_another(path: &str, bare: &str) -> Option<Advice> {
    bare.match_indices('/').skip(1).find_map(|(at, _)| {
        let (prefix, rest) = bare.split_at_checked(at)?;
        if let Some(meant) = Endpoint::find(rest).filter(|endpoint| is_called(*endpoint)) {
            let text = format!(
                "the path {path} has {prefix} in front, below which nothing is served: set the client's base URL to \
                 the address without {prefix} (the right path is {rest})"
            );
            return Some(Advice { text, meant });
        }
        let version = version_of(rest)?;
        let right = format!("{version}{rest}");
        let meant = Endpoint::find(&right).filter(|endpoint| is_called(*endpoint))?;
        let text = format!(
            "the path {path} has {prefix} in front, below which nothing is served: set the client's base URL to the \
             address with {version} in place of {prefix} (the right path is {right})"
        );
        Some(Advice { text, meant })
    })
}

/// Whether clients call it below their base URL.
fn is_called(endpoint: Endpoint) -> bool {
    let lists = matches!(
        endpoint,
        Endpoint::Models | Endpoint::Model | Endpoint::GeminiModels | Endpoint::GeminiModel
    );
    (lists || endpoint.operation().is_some()) && !endpoint.is_local()
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
            ("/openai/v1/chat/completions", "without /openai (the right path is /v1/chat/completions)"),
            ("/anthropic/v1/messages", "without /anthropic (the right path is /v1/messages)"),
            ("/api/v1/models", "without /api (the right path is /v1/models)"),
            ("/api/v1/responses/", "without /api (the right path is /v1/responses)"),
            (
                "/v1beta/openai/chat/completions",
                "with /v1 in place of /v1beta/openai (the right path is /v1/chat",
            ),
            ("/v1beta/openai/models", "with /v1 in place of /v1beta/openai"),
            ("/openai/deployments/m/chat/completions", "with /v1 in place of /openai/deployments/m"),
            ("/v2/messages", "with /v1 in place of /v2"),
            ("/gemini/models/g:countTokens", "with /v1beta in place of /gemini"),
            ("/gemini/v1beta/models/g:countTokens", "without /gemini"),
            ("//v1internal:generateContent", "without a slash at its end (the right path is /v1internal:"),
            ("//v1/messages", "without a slash at its end (the right path is /v1/messages)"),
        ] {
            let advice = base_url_advice(path).map(|advice| advice.text);
            assert!(advice.as_deref().is_some_and(|advice| advice.contains(words)), "{path}: {advice:?}");
        }
        for path in [
            "/favicon.ico",
            "/v1",
            "/v1/v1",
            "/v1/nothing",
            "/v1/v1/nothing",
            "/",
            "/v1/chat/completions/nothing",
            "/x/v1/nothing",
            "/x/healthz",
            "/x/v1internal:generateContent",
        ] {
            assert_eq!(base_url_advice(path).map(|advice| advice.text), None, "{path}");
        }
    }

    #[test]
    fn empty_segments_are_taken_out() {
        for (path, expected) in [
            ("//v1/messages", Some("/v1/messages")),
            ("/v1//chat///completions//", Some("/v1/chat/completions/")),
            ("//", Some("/")),
            ("/v1/messages", None),
        ] {
            assert_eq!(without_empty_segments(path).as_deref(), expected, "{path}");
        }
    }
}
