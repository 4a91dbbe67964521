//! Paths.

mod advice;
mod gemini;

use cliproxy_core::{ClientFormat, Operation};
use http::Method;

pub(crate) use advice::{base_url_advice, without_empty_segments};
pub use gemini::GeminiAction;
pub(crate) use gemini::model_name;

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
    /// `/v1/responses`, and where the ChatGPT backend has it
    Responses,
    /// `/v1/responses/compact`, and where the ChatGPT backend has it
    Compact,
    /// `/v1/responses/input_tokens`
    InputTokens,
    /// `/v1/responses/{id}` and what lies below: replies that are not stored here.
    StoredResponse,
    /// `/v1/models`
    Models,
    /// `/v1/models/{id}`
    Model,
    /// `/v1beta/models`
    GeminiModels,
    /// `/v1beta/models/{name}`
    GeminiModel,
    /// `/v1beta/models/{name}:{action}`
    Gemini(GeminiAction),
    /// `/v1internal:{action}`, the Code Assist interface of Gemini CLI
    CodeAssist(GeminiAction),
    /// `/api/event_logging/batch`, Claude Code's telemetry, which must not produce errors. Source: http-api.md A.0.
    EventLogging,
    /// `/v1/ws`, where pages connect that relay requests
    Relay,
    /// An endpoint of a vendor that is not offered here.
    NotOffered,
    /// A route of the reference that this release does not serve yet.
    NotBuilt,
}

/// Routes of the reference that are refused with an explicit error until they are built. Source: http-api.md A, C.1.
const NOT_BUILT: [&str; 7] = [
    "/v1/images",
    "/v1/videos",
    "/v1/alpha/search",
    "/v1/live",
    "/v1/realtime",
    "/v1beta/interactions",
    "/backend-api/codex",
];

/// What the vendors' SDKs can call and no provider here is asked for. Source: http-api.md C.1 "Not found in HEAD".
const NOT_OFFERED: [&str; 17] = [
    "/v1/embeddings",
    "/v1/audio",
    "/v1/moderations",
    "/v1/files",
    "/v1/uploads",
    "/v1/batches",
    "/v1/fine_tuning",
    "/v1/assistants",
    "/v1/threads",
    "/v1/vector_stores",
    "/v1/conversations",
    "/v1/containers",
    "/v1/complete",
    "/v1/messages/batches",
    "/v1beta/files",
    "/v1beta/cachedContents",
    "/v1beta/tunedModels",
];

impl Endpoint {
    /// What a path stands for; one slash at its end does not matter.
    #[must_use]
    pub fn find(path: &str) -> Option<Self> {
        let bare = path.strip_suffix('/').unwrap_or(path);
        // No path of Gemini's is one of these; to look for its parts in the others takes longer.
        if let Some(found) = Self::named(bare).or_else(|| gemini::find(bare)) {
            return Some(found);
        }
        Some(match bare {
            other if other.starts_with("/v1/models/") => Self::Model,
            other if is_stored_response(other) => Self::StoredResponse,
            other if NOT_BUILT.iter().any(|route| begins_with(other, route)) => Self::NotBuilt,
            other if NOT_OFFERED.iter().any(|route| begins_with(other, route)) => Self::NotOffered,
            _ => return None,
        })
    }

    /// Paths that are what they are, with nothing in them.
    fn named(path: &str) -> Option<Self> {
        Some(match path {
            "" => Self::Root,
            "/healthz" => Self::Health,
            "/v1/chat/completions" => Self::ChatCompletions,
            "/v1/completions" => Self::Completions,
            "/v1/messages" => Self::Messages,
            "/v1/messages/count_tokens" => Self::CountTokens,
            // Source: http-api.md C.1 "Same handlers at the ChatGPT-backend paths".
            "/v1/responses" | "/backend-api/codex/responses" => Self::Responses,
            "/v1/responses/compact" | "/backend-api/codex/responses/compact" => Self::Compact,
            "/v1/responses/input_tokens" => Self::InputTokens,
            "/v1/models" | "/backend-api/codex/models" => Self::Models,
            "/api/event_logging/batch" => Self::EventLogging,
            "/v1/ws" => Self::Relay,
            _ => return None,
        })
    }

    /// The methods it answers; HEAD goes with GET, OPTIONS with everything.
    #[must_use]
    pub fn allow(self) -> &'static str {
        match self {
            Self::Root
            | Self::Health
            | Self::Models
            | Self::Model
            | Self::GeminiModels
            | Self::GeminiModel => "GET, HEAD, OPTIONS",
            Self::ChatCompletions
            | Self::Completions
            | Self::Messages
            | Self::CountTokens
            | Self::Responses
            | Self::Compact
            | Self::InputTokens
            | Self::Gemini(_)
            | Self::CodeAssist(GeminiAction::Generate | GeminiAction::Stream | GeminiAction::CountTokens)
            | Self::EventLogging => "POST, OPTIONS",
            Self::CodeAssist(GeminiAction::NotOffered) => "GET, POST, OPTIONS",
            Self::Relay => "GET, OPTIONS",
            Self::StoredResponse | Self::NotOffered | Self::NotBuilt => {
                "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
            }
        }
    }

    /// Whether it answers a method.
    #[must_use]
    pub fn takes(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// Whether a client key is needed; for [`Self::Relay`] the options may say that it is not.
    #[must_use]
    pub fn is_guarded(self) -> bool {
        match self {
            // Source: http-api.md A.7: no key for `/v1internal`, but this machine only.
            Self::Root | Self::Health | Self::EventLogging | Self::CodeAssist(_) => false,
            Self::ChatCompletions
            | Self::Completions
            | Self::Messages
            | Self::CountTokens
            | Self::Responses
            | Self::Compact
            | Self::InputTokens
            | Self::StoredResponse
            | Self::Models
            | Self::Model
            | Self::GeminiModels
            | Self::GeminiModel
            | Self::Gemini(_)
            | Self::Relay
            | Self::NotOffered
            | Self::NotBuilt => true,
        }
    }

    /// Whether it spends a credential without asking for a key, so that only this machine may call.
    #[must_use]
    pub fn is_local(self) -> bool {
        matches!(self, Self::CodeAssist(_))
    }

    /// The format of those that speak one.
    #[must_use]
    pub fn format(self) -> Option<ClientFormat> {
        match self {
            Self::ChatCompletions => Some(ClientFormat::OPENAI),
            Self::Completions => Some(ClientFormat::OPENAI_COMPLETIONS),
            Self::Messages | Self::CountTokens => Some(ClientFormat::CLAUDE),
            Self::Responses | Self::Compact | Self::InputTokens | Self::StoredResponse => {
                Some(ClientFormat::OPENAI_RESPONSES)
            }
            Self::GeminiModels | Self::GeminiModel | Self::Gemini(_) => Some(ClientFormat::GEMINI),
            Self::CodeAssist(_) => Some(ClientFormat::GEMINI_CLI),
            Self::Root
            | Self::Health
            | Self::EventLogging
            | Self::Models
            | Self::Model
            | Self::Relay
            | Self::NotOffered
            | Self::NotBuilt => None,
        }
    }

    /// What is asked for there; `None` where nothing is generated or counted.
    #[must_use]
    pub fn operation(self) -> Option<Operation> {
        match self {
            Self::ChatCompletions | Self::Completions | Self::Messages | Self::Responses => {
                Some(Operation::Generate)
            }
            Self::CountTokens | Self::InputTokens => Some(Operation::CountTokens),
            Self::Compact => Some(Operation::Compact),
            Self::Gemini(action) | Self::CodeAssist(action) => action.operation(),
            Self::Root
            | Self::Health
            | Self::EventLogging
            | Self::StoredResponse
            | Self::Models
            | Self::Model
            | Self::GeminiModels
            | Self::GeminiModel
            | Self::Relay
            | Self::NotOffered
            | Self::NotBuilt => None,
        }
    }
}

/// Whether a path names a response by its id. What a client appends to a base URL that names the endpoint already is no
/// id: that is for [`base_url_advice`] to explain.
fn is_stored_response(path: &str) -> bool {
    path.strip_prefix("/v1/responses/").is_some_and(|below| {
        let first = below.split('/').next().unwrap_or_default();
        !matches!(first, "v1" | "v1beta" | "chat" | "completions" | "messages" | "models" | "responses")
    })
}

/// Whether `path` is `route` or lies below it (`/v1/audio/speech`, `/v1/live:x`).
fn begins_with(path: &str, route: &str) -> bool {
    path.strip_prefix(route).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
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
            ("/v1/models/qwen3:8b", Some(Endpoint::Model)),
            ("/v1/responses", Some(Endpoint::Responses)),
            ("/v1/responses/compact", Some(Endpoint::Compact)),
            ("/v1/responses/input_tokens", Some(Endpoint::InputTokens)),
            ("/v1/responses/resp_1/cancel", Some(Endpoint::StoredResponse)),
            ("/v1/responses/responses", None),
            ("/v1/responses/v1/responses", None),
            ("/backend-api/codex/responses", Some(Endpoint::Responses)),
            ("/backend-api/codex/responses/compact", Some(Endpoint::Compact)),
            ("/v1/ws", Some(Endpoint::Relay)),
            ("/v1/ws/", Some(Endpoint::Relay)),
            ("/v1/ws/x", None),
            ("/backend-api/codex/models", Some(Endpoint::Models)),
            ("/v1/audio/speech", Some(Endpoint::NotOffered)),
            ("/v1/messages/batches/b", Some(Endpoint::NotOffered)),
            ("/v1betamax", None),
            ("/v1", None),
            ("/v1/completely", None),
            ("//v1/models", None),
        ] {
            assert_eq!(Endpoint::find(path), expected, "{path}");
        }
    }

    #[test]
    fn what_asks_for_something_has_a_format_and_a_method() {
        for path in [
            "/v1/chat/completions",
            "/v1/completions",
            "/v1/messages",
            "/v1/messages/count_tokens",
            "/v1/responses",
            "/v1/responses/compact",
            "/v1/responses/input_tokens",
            "/v1beta/models/m:generateContent",
            "/v1internal:generateContent",
        ] {
            let endpoint = Endpoint::find(path).unwrap();
            assert!(endpoint.operation().is_some() && endpoint.format().is_some(), "{path}");
            assert!(endpoint.takes(&Method::POST) && !endpoint.takes(&Method::GET), "{path}");
        }
    }
}
