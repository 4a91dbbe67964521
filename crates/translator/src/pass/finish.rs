//! Finish reasons. Source: translation.md B51, B52.

use cliproxy_core::FinishReason;

use crate::codec::CodecError;
use crate::json::{Extras, Progress};
use crate::pass::errors::probe_error;

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

/// Whether a reply that ends so is taken for whole. One that was stopped may be cut anywhere, within a call too (E186). A
/// word that nobody here knows stops nothing: calls before it are run, as [`settle`] has it.
pub(crate) fn is_whole(reason: FinishReason) -> bool {
    !matches!(
        reason,
        FinishReason::Length
            | FinishReason::ContextWindow
            | FinishReason::Safety
            | FinishReason::Refusal
            | FinishReason::BadToolCall
    )
}

/// Whether any format knows this word for the end of a reply: one that none knows is told.
pub(crate) fn is_known(word: &str) -> bool {
    let words = [from_chat(word), from_claude(word), from_gemini(word), from_responses(word)];
    // Kiro's, and what the reply of a blocked prompt says.
    words.iter().any(|reason| *reason != FinishReason::Other)
        || matches!(word, "content_filtered" | "incomplete" | "unknown" | "FINISH_REASON_UNSPECIFIED")
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

/// The failure that a Chat Completions word says a reply ended in, in the words of the `error` beside it.
/// Source: OpenRouter reference, "Streaming", "Handling errors during streaming", read 2026-11.
pub(crate) fn failure(word: &str, beside: &Extras<'_>) -> Option<CodecError> {
    if !word.eq_ignore_ascii_case("error") {
        return None;
    }
    let said = beside.iter().rev().find(|(key, _)| key == "error");
    let said = said.map(|(_, raw)| probe_error(format!("{{\"error\":{}}}", raw.get()).as_bytes()).message);
    Some(CodecError::protocol(match said.filter(|said| !said.is_empty()) {
        Some(said) => format!("the provider ended the reply with an error: {said}"),
        None => "the provider ended the reply with an error".to_owned(),
    }))
}

/// The reason that a Chat Completions word stands for; case does not matter.
#[must_use]
pub fn from_chat(word: &str) -> FinishReason {
    match word.to_ascii_lowercase().as_str() {
        "stop" => FinishReason::Stop,
        "tool_calls" | "function_call" => FinishReason::ToolUse,
        // The second is DeepSeek's, for a reply that its service cut off.
        "length" | "max_tokens" | "insufficient_system_resource" => FinishReason::Length,
        "content_filter" => FinishReason::Safety,
        _ => FinishReason::Other,
    }
}

/// The reason that a Responses word stands for: a status, or why a response is incomplete. What is incomplete for a reason
/// that nobody here knows is cut all the same.
pub(crate) fn from_responses(word: &str) -> FinishReason {
    match word {
        "completed" => FinishReason::Stop,
        "max_output_tokens" | "max_tokens" | "max_messages" => FinishReason::Length,
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
