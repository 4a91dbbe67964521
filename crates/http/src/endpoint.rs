//! Paths.

use http::Method;

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/`
    Root,
    /// `/healthz`
    Health,
    /// `/v1/chat/completions`
    ChatCompletions,
    /// `/v1/completions`
    Completions,
    /// `/v1/messages`
    Messages,
    /// `/v1/messages/count_tokens`
    CountTokens,
    /// `/v1/models`
    Models,
    /// `/v1/models/{id}`
    Model,
    /// `/api/event_logging/batch`, Claude Code's telemetry, which must not produce errors. Source: http-api.md A.0.
    EventLogging,
    /// A route of the reference that this release does not serve yet.
    NotBuilt,
}

/// Routes of the reference that are refused with an explicit error until they are built. Source: http-api.md A, C.1.
const NOT_BUILT: [&str; 14] = [
    "/v1/responses",
    "/v1beta",
    "/v1internal",
    "/v1/ws",
    "/v1/images",
    "/v1/videos",
    "/v1/alpha/search",
    "/v1/live",
    "/v1/realtime",
    "/v1/embeddings",
    "/backend-api/codex",
    "/v0/management",
    "/v0/oauth",
    "/management.html",
];

impl Endpoint {
    /// What a path stands for; one slash at its end does not matter.
    #[must_use]
    pub fn find(path: &str) -> Option<Self> {
        let bare = path.strip_suffix('/').unwrap_or(path);
        Some(match bare {
            "" => Self::Root,
            "/healthz" => Self::Health,
            "/v1/chat/completions" => Self::ChatCompletions,
            "/v1/completions" => Self::Completions,
            "/v1/messages" => Self::Messages,
            "/v1/messages/count_tokens" => Self::CountTokens,
            "/v1/models" => Self::Models,
            "/api/event_logging/batch" => Self::EventLogging,
            other if other.starts_with("/v1/models/") => Self::Model,
            other if NOT_BUILT.iter().any(|route| begins_with(other, route)) => Self::NotBuilt,
            _ => return None,
        })
    }

    /// The methods it answers; HEAD goes with GET, OPTIONS with everything.
    #[must_use]
    pub fn allow(self) -> &'static str {
        match self {
            Self::Root | Self::Health | Self::Models | Self::Model => "GET, HEAD, OPTIONS",
            Self::ChatCompletions
            | Self::Completions
            | Self::Messages
            | Self::CountTokens
            | Self::EventLogging => "POST, OPTIONS",
            Self::NotBuilt => "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS",
        }
    }

    /// Whether it answers a method.
    #[must_use]
    pub fn takes(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// Whether a client key is needed.
    #[must_use]
    pub fn is_guarded(self) -> bool {
        match self {
            Self::Root | Self::Health | Self::EventLogging => false,
            Self::ChatCompletions
            | Self::Completions
            | Self::Messages
            | Self::CountTokens
            | Self::Models
            | Self::Model
            | Self::NotBuilt => true,
        }
    }
}

/// Whether `path` is `route` or lies below it (`/v1beta/models`, `/v1internal:generateContent`).
fn begins_with(path: &str, route: &str) -> bool {
    path.strip_prefix(route).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
}

/// What is wrong with the base URL of a client that calls this unknown path: clients append their own `/v1/…`, or
/// do not. Source: design.md §12.
pub(crate) fn base_url_advice(path: &str) -> Option<String> {
    if let Some(rest) = path.strip_prefix("/v1/v1/") {
        return Some(format!(
            "the path {path} has /v1 twice: this client adds /v1 itself, so set its base URL to the address without /v1 \
             (the right path is /v1/{rest})"
        ));
    }
    const BARE: [&str; 6] =
        ["/chat/completions", "/completions", "/messages", "/models", "/responses", "/embeddings"];
    let bare = path.strip_suffix('/').unwrap_or(path);
    BARE.iter().any(|route| begins_with(bare, route)).then(|| {
        format!("the path {path} lacks /v1: set the client's base URL to the address with /v1 at its end (the right path is /v1{path})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known_with_and_without_a_slash_at_the_end() {
        for (path, expected) in [
            ("/", Some(Endpoint::Root)),
            ("", Some(Endpoint::Root)),
            ("/v1/chat/completions", Some(Endpoint::ChatCompletions)),
            ("/v1/models/", Some(Endpoint::Models)),
            ("/v1/models/team/gpt-5", Some(Endpoint::Model)),
            ("/v1/responses/compact", Some(Endpoint::NotBuilt)),
            ("/v1beta/models/x:generateContent", Some(Endpoint::NotBuilt)),
            ("/v1internal:countTokens", Some(Endpoint::NotBuilt)),
            ("/v1betamax", None),
            ("/v1", None),
            ("//v1/models", None),
        ] {
            assert_eq!(Endpoint::find(path), expected, "{path}");
        }
    }

    #[test]
    fn a_wrong_base_url_is_explained() {
        assert!(base_url_advice("/v1/v1/messages").unwrap().contains("without /v1"));
        assert!(base_url_advice("/chat/completions").unwrap().contains("with /v1"));
        assert_eq!(base_url_advice("/favicon.ico"), None);
    }
}
