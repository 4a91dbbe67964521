//! The four wire formats as a provider meets them: a request is read, a reply is written.

mod chat;
mod claude;
mod gemini;
mod responses;

use cliproxy_testkit::chat::error as chat_error;
use cliproxy_testkit::claude::error as claude_error;
use cliproxy_testkit::gemini::error as gemini_error;
use cliproxy_testkit::responses::error as responses_error;
use cliproxy_testkit::{Received, Reply};
use serde_json::Value;

use crate::brain::{Seen, Step};

/// A kind of provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Claude,
    Chat,
    Codex,
    Gemini,
    Vertex,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Claude, Self::Chat, Self::Codex, Self::Gemini, Self::Vertex];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Chat => "chat",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Vertex => "vertex",
        }
    }

    /// What the provider sees.
    pub(crate) fn seen(self, request: &Received) -> Seen {
        let body = request.json();
        match self {
            Self::Claude => claude::seen(&body),
            Self::Chat => chat::seen(&body),
            Self::Codex => responses::seen(&body),
            Self::Gemini | Self::Vertex => gemini::seen(&body),
        }
    }

    /// What the provider answers.
    pub(crate) fn answer(self, request: &Received) -> Reply {
        if let Some(refusal) = self.refusal(request) {
            return refusal;
        }
        let step = self.seen(request).next();
        match self {
            Self::Claude => claude::answer(request, &step),
            Self::Chat => chat::answer(request, &step),
            Self::Codex => responses::answer(request, &step),
            Self::Gemini | Self::Vertex => gemini::answer(request, &step),
        }
    }
}

impl Kind {
    /// As the real services do, each in its own words: a conversation is a list of turns with content.
    fn refusal(self, request: &Received) -> Option<Reply> {
        let body = request.json();
        let is_content = |value: &Value| value.is_null() || value.is_string() || value.is_array();
        let is_right = |key: &str| match &body[key] {
            Value::Null => true,
            Value::Array(turns) => turns.iter().all(|turn| is_content(&turn["content"])),
            _ => false,
        };
        match self {
            Self::Claude if !is_right("messages") => {
                Some(claude_error(400, "invalid_request_error", "messages: Input should be a valid list"))
            }
            Self::Chat if !is_right("messages") => Some(chat_error(
                400,
                "invalid_request_error",
                "Invalid type for 'messages': expected an array",
            )),
            Self::Codex if !is_right("input") && !body["input"].is_string() => {
                Some(responses_error(400, "invalid_request_error", "Invalid type for 'input'"))
            }
            Self::Gemini | Self::Vertex if !is_right("contents") => {
                Some(gemini_error(400, "INVALID_ARGUMENT", "Invalid value at 'contents'"))
            }
            _ => None,
        }
    }
}

/// An id for the call of this request: another one in every turn.
fn call_id(prefix: &str, request: &Received) -> String {
    let body = request.json();
    let turns =
        ["messages", "input", "contents"].iter().find_map(|key| body[*key].as_array()).map_or(0, Vec::len);
    format!("{prefix}{turns:04}")
}

/// All text in a value: of a string, of parts, of parts of parts.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join("\n"),
        Value::Object(members) => ["text", "content", "output"]
            .iter()
            .filter_map(|key| members.get(*key))
            .map(text_of)
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

fn streams(request: &Received) -> bool {
    request.json()["stream"] == true
}

/// A step that is said.
fn said(step: &Step) -> &str {
    match step {
        Step::Say(text) => text,
        Step::Call { .. } => "Let me look.",
    }
}
