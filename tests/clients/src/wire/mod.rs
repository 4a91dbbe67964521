//! The wire formats as a provider meets them: a request is read, a reply is written.

mod chat;
mod claude;
mod gemini;
mod kiro;
mod responses;

use std::time::Duration;

use cliproxy_testkit::chat::error as chat_error;
use cliproxy_testkit::claude::error as claude_error;
use cliproxy_testkit::gemini::error as gemini_error;
use cliproxy_testkit::kiro::error as kiro_error;
use cliproxy_testkit::responses::error as responses_error;
use cliproxy_testkit::{Received, Reply, pause};
use serde_json::Value;

use crate::brain::{Seen, Step};

/// Longer than the server leaves a client without a sign of life.
const SILENCE: Duration = Duration::from_millis(1500);

/// A kind of provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Claude,
    Chat,
    Codex,
    Gemini,
    Vertex,
    /// A login: Gemini in an envelope.
    GeminiCli,
    /// A login: Gemini in an envelope, Claude models too.
    Antigravity,
    /// A login: conversation states out, frames of AWS event streams in.
    Kiro,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Claude,
        Self::Chat,
        Self::Codex,
        Self::Gemini,
        Self::Vertex,
        Self::GeminiCli,
        Self::Antigravity,
        Self::Kiro,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Chat => "chat",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Vertex => "vertex",
            Self::GeminiCli => "gemini-cli",
            Self::Antigravity => "antigravity",
            Self::Kiro => "kiro",
        }
    }

    /// What the provider sees.
    pub(crate) fn seen(self, request: &Received) -> Seen {
        let body = body_of(request);
        match self {
            Self::Claude => claude::seen(&body),
            Self::Chat => chat::seen(&body),
            Self::Codex => responses::seen(&body),
            Self::Gemini | Self::Vertex => gemini::seen(&body),
            Self::GeminiCli | Self::Antigravity => gemini::seen(&body["request"]),
            Self::Kiro => kiro::seen(&body),
        }
    }

    /// What the provider answers.
    pub(crate) fn answer(self, request: &Received) -> Reply {
        if let Some(refusal) = self.refusal(request) {
            return refusal;
        }
        let seen = self.seen(request);
        if let Some(status) = seen.failure() {
            return self.failure(status);
        }
        let step = seen.next();
        let reply = match self {
            Self::Claude => claude::answer(request, &step),
            Self::Chat => chat::answer(request, &step),
            Self::Codex => responses::answer(request, &step),
            Self::Gemini | Self::Vertex => gemini::answer(request, &step),
            Self::GeminiCli | Self::Antigravity => gemini::answer_in_envelope(request, &step),
            Self::Kiro => kiro::answer(request, &step),
        };
        if !seen.is_slow() {
            return reply;
        }
        let last = reply.pieces().len().saturating_sub(1);
        reply.slow_head(SILENCE).insert(last, pause(SILENCE))
    }
}

impl Kind {
    /// A failure in the service's own shape.
    fn failure(self, status: u16) -> Reply {
        let message = "as you wished";
        match self {
            Self::Claude => claude_error(status, claude_error_type(status), message),
            Self::Chat => chat_error(status, "api_error", message),
            Self::Codex => responses_error(status, "api_error", message),
            Self::Gemini | Self::Vertex | Self::GeminiCli | Self::Antigravity => {
                gemini_error(status, google_status(status), message)
            }
            Self::Kiro => kiro_error(status, kiro_error_type(status), message),
        }
    }

    /// As the real services do, each in its own words: a conversation is a list of turns with content.
    fn refusal(self, request: &Received) -> Option<Reply> {
        let body = body_of(request);
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

// Source: Anthropic API reference, "Errors", read 2026-11.
fn claude_error_type(status: u16) -> &'static str {
    match status {
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

// Source: Google API design guide, "Errors", read 2026-11.
fn google_status(status: u16) -> &'static str {
    match status {
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

fn kiro_error_type(status: u16) -> &'static str {
    match status {
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    }
}

/// The body; null where there is none, as behind a question for a list.
fn body_of(request: &Received) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// An id for the call of this request: another one in every turn.
fn call_id(prefix: &str, request: &Received) -> String {
    let body = body_of(request);
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
    body_of(request)["stream"] == true
}

/// A step that is said.
fn said(step: &Step) -> &str {
    match step {
        Step::Say(text) => text,
        Step::Call { .. } => "Let me look.",
    }
}
