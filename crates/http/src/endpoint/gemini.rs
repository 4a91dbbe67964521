//! Gemini's paths: the model and what to do with it stand in them. Source: http-api.md A.6, A.7.

use std::borrow::Cow;

use cliproxy_core::Operation;

use super::Endpoint;
use crate::percent::decoded;

/// What stands behind the colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GeminiAction {
    /// `generateContent`
    Generate,
    /// `streamGenerateContent`
    Stream,
    /// `countTokens`
    CountTokens,
    /// An action of the vendor's API that is not offered here (`embedContent`, `predict`).
    NotOffered,
}

impl GeminiAction {
    /// Reads an action; `None` when there is no such action, so that the colon may be part of the model's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "generateContent" => Some(Self::Generate),
            "streamGenerateContent" => Some(Self::Stream),
            "countTokens" => Some(Self::CountTokens),
            "embedContent"
            | "batchEmbedContents"
            | "asyncBatchEmbedContent"
            | "embedText"
            | "batchGenerateContent"
            | "generateAnswer"
            | "generateText"
            | "generateMessage"
            | "countMessageTokens"
            | "computeTokens"
            | "predict"
            | "predictLongRunning"
            | "rawPredict"
            | "streamRawPredict" => Some(Self::NotOffered),
            _ => None,
        }
    }

    /// What it asks for.
    #[must_use]
    pub fn operation(self) -> Option<Operation> {
        match self {
            Self::Generate | Self::Stream => Some(Operation::Generate),
            Self::CountTokens => Some(Operation::CountTokens),
            Self::NotOffered => None,
        }
    }
}

/// The versions under which the vendor serves the interface; its SDK lets people choose.
const VERSIONS: [&str; 4] = ["/v1beta/", "/v1alpha/", "/v1beta1/", "/v1/"];

/// What a path of Gemini's stands for. `/v1/models` belongs to everybody, an action below it only to Gemini.
pub(super) fn find(path: &str) -> Option<Endpoint> {
    if let Some(method) = path.strip_prefix("/v1internal:") {
        return Some(Endpoint::CodeAssist(GeminiAction::parse(method).unwrap_or(GeminiAction::NotOffered)));
    }
    // Operations that an onboarding began, events.
    if path.starts_with("/v1internal/") {
        return Some(Endpoint::CodeAssist(GeminiAction::NotOffered));
    }
    let (version, rest) = below_version(path)?;
    if rest == "models" && version != "/v1/" {
        return Some(Endpoint::GeminiModels);
    }
    let name = model_path(rest)?;
    // A whole call as base URL, with another call behind it: that is for `base_url_advice` to explain.
    let twice = |(_, behind): (&str, &str)| {
        behind.split_once('/').is_some_and(|(action, _)| GeminiAction::parse(action).is_some())
    };
    if name.split_once(':').is_some_and(twice) {
        return None;
    }
    match name.rsplit_once(':').and_then(|(_, action)| GeminiAction::parse(action)) {
        Some(action) => Some(Endpoint::Gemini(action)),
        None if version == "/v1/" => None,
        None => Some(Endpoint::GeminiModel),
    }
}

/// The model that a path of Gemini's names, without its action.
pub(crate) fn model_name(path: &str) -> Cow<'_, str> {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let name = below_version(bare).and_then(|(_, rest)| model_path(rest)).unwrap_or_default();
    let name = match name.rsplit_once(':') {
        Some((name, action)) if GeminiAction::parse(action).is_some() => name,
        _ => name,
    };
    decoded(name)
}

fn below_version(path: &str) -> Option<(&'static str, &str)> {
    VERSIONS.into_iter().find_map(|version| Some((version, path.strip_prefix(version)?)))
}

/// What stands behind `models/`, also where Vertex has it: `publishers/google/models/…`, below a project or not.
fn model_path(rest: &str) -> Option<&str> {
    let name = match rest.strip_prefix("models/") {
        Some(name) => name,
        None => {
            let (_, publisher) = rest.split_once("publishers/")?;
            publisher.split_once("/models/")?.1
        }
    };
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_and_its_action_stand_in_the_path() {
        use GeminiAction::{CountTokens, Generate, NotOffered, Stream};
        for (path, endpoint, name) in [
            ("/v1beta/models", Some(Endpoint::GeminiModels), ""),
            ("/v1beta/models/gemini-3-pro", Some(Endpoint::GeminiModel), "gemini-3-pro"),
            ("/v1beta/models/gemini-3-pro:generateContent", Some(Endpoint::Gemini(Generate)), "gemini-3-pro"),
            ("/v1beta/models/team/x:streamGenerateContent", Some(Endpoint::Gemini(Stream)), "team/x"),
            ("/v1beta/models/a%2Fb%3Ac:countTokens", Some(Endpoint::Gemini(CountTokens)), "a/b:c"),
            ("/v1beta/models/qwen3:8b", Some(Endpoint::GeminiModel), "qwen3:8b"),
            ("/v1beta/models/qwen3:8b:generateContent", Some(Endpoint::Gemini(Generate)), "qwen3:8b"),
            ("/v1beta/models/e:embedContent", Some(Endpoint::Gemini(NotOffered)), "e"),
            ("/v1/models/g:generateContent", Some(Endpoint::Gemini(Generate)), "g"),
            ("/v1/models/g", None, "g"),
            ("/v1/models", None, ""),
            ("/v1alpha/models/g", Some(Endpoint::GeminiModel), "g"),
            (
                "/v1beta1/projects/p/locations/l/publishers/google/models/g:generateContent",
                Some(Endpoint::Gemini(Generate)),
                "g",
            ),
            ("/v1beta1/publishers/google/models/g:countTokens", Some(Endpoint::Gemini(CountTokens)), "g"),
            ("/v1internal:generateContent", Some(Endpoint::CodeAssist(Generate)), ""),
            ("/v1internal:loadCodeAssist", Some(Endpoint::CodeAssist(NotOffered)), ""),
            ("/v1internal/operations/o-1", Some(Endpoint::CodeAssist(NotOffered)), ""),
            ("/v1internals:generateContent", None, ""),
            ("/v1beta/corpora", None, ""),
            ("/v1beta/models/", None, ""),
        ] {
            assert_eq!(find(path), endpoint, "{path}");
            assert_eq!(model_name(path), name, "{path}");
        }
    }
}
