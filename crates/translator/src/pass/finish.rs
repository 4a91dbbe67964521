//! Finish reasons. Source: translation.md B51, B52.

use cliproxy_core::FinishReason;

use crate::codec::CodecError;
use crate::json::Progress;

/// The reason as Chat Completions says it.
#[must_use]
pub fn chat_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop
        | FinishReason::StopSequence
        | FinishReason::Refusal
        | FinishReason::Pause
        | FinishReason::BadToolCall
        | FinishReason::Other => "stop",
        FinishReason::ToolUse => "tool_calls",
        FinishReason::Length | FinishReason::ContextWindow => "length",
        FinishReason::Safety => "content_filter",
        // A reason that core learns later ends a reply like any other.
        _ => "stop",
    }
}

/// Whether a reply that ends so says that it is whole. One that was stopped may be cut anywhere, within a call too (E186).
pub(crate) fn is_whole(reason: FinishReason) -> bool {
    matches!(reason, FinishReason::Stop | FinishReason::StopSequence | FinishReason::ToolUse)
}

/// What is wrong with the arguments of calls in a reply that says that it is whole: `None` for JSON, or no arguments.
/// A client parses them. Source: issue 4, "Proof"; translation.md B68.
pub(crate) fn broken<'p>(arguments: impl IntoIterator<Item = &'p Progress>) -> Option<CodecError> {
    let broken = arguments.into_iter().find(|progress| !progress.is_json())?;
    Some(CodecError::protocol(match broken.is_open() {
        true => "the stream ended within the arguments of a call",
        false => "the arguments of a call are no JSON",
    }))
}

/// The reason that a Chat Completions word stands for; case does not matter.
#[must_use]
pub fn from_chat(word: &str) -> FinishReason {
    match word.to_ascii_lowercase().as_str() {
        "stop" => FinishReason::Stop,
        "tool_calls" | "function_call" => FinishReason::ToolUse,
        "length" | "max_tokens" => FinishReason::Length,
        "content_filter" => FinishReason::Safety,
        _ => FinishReason::Other,
    }
}

/// The reason as Claude says it.
#[must_use]
pub fn claude_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::BadToolCall | FinishReason::Other => "end_turn",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::ToolUse => "tool_use",
        FinishReason::Length => "max_tokens",
        FinishReason::ContextWindow => "model_context_window_exceeded",
        FinishReason::Safety | FinishReason::Refusal => "refusal",
        FinishReason::Pause => "pause_turn",
        // A reason that core learns later ends a reply like any other.
        _ => "end_turn",
    }
}

/// The reason that a Claude word stands for.
#[must_use]
pub fn from_claude(word: &str) -> FinishReason {
    match word {
        "end_turn" => FinishReason::Stop,
        "stop_sequence" => FinishReason::StopSequence,
        "tool_use" => FinishReason::ToolUse,
        "max_tokens" => FinishReason::Length,
        "model_context_window_exceeded" => FinishReason::ContextWindow,
        "refusal" => FinishReason::Refusal,
        "pause_turn" => FinishReason::Pause,
        _ => FinishReason::Other,
    }
}

/// The reason as Gemini says it. Calls are no reason of their own there.
#[must_use]
pub fn gemini_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopSequence | FinishReason::ToolUse | FinishReason::Pause => {
            "STOP"
        }
        FinishReason::Length | FinishReason::ContextWindow => "MAX_TOKENS",
        FinishReason::Safety | FinishReason::Refusal => "SAFETY",
        FinishReason::BadToolCall => "MALFORMED_FUNCTION_CALL",
        // A reason that core learns later ends a reply like any other.
        FinishReason::Other | _ => "OTHER",
    }
}

/// The reason that a Gemini word stands for; case does not matter.
#[must_use]
pub fn from_gemini(word: &str) -> FinishReason {
    match word.to_ascii_uppercase().as_str() {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "PROHIBITED_CONTENT"
        | "BLOCKLIST"
        | "SPII"
        | "RECITATION"
        | "LANGUAGE"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR" => FinishReason::Safety,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" => {
            FinishReason::BadToolCall
        }
        _ => FinishReason::Other,
    }
}

/// What a reply really ended with, given whether a call of a client's tool went out (B52): calls win over a plain
/// stop, a reply that was cut or refused stays so, and a call that never came is a stop.
#[must_use]
pub fn settle(reason: FinishReason, calls: bool) -> FinishReason {
    match (reason, calls) {
        (FinishReason::ToolUse, false) => FinishReason::Stop,
        (
            FinishReason::Stop | FinishReason::StopSequence | FinishReason::Pause | FinishReason::Other,
            true,
        ) => FinishReason::ToolUse,
        (reason, _) => reason,
    }
}
