//! Finish reasons. Source: translation.md B51, B52.

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use crate::codec::CodecError;
use crate::json::{Extras, Progress};
use crate::pass::errors::{is_unset, probe_error};

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

/// Whether anybody here knows this word for the end of a reply: one that nobody knows is told.
pub(crate) fn is_known(word: &str) -> bool {
    from_word(word) != FinishReason::Other
        || matches!(word, "incomplete" | "unknown" | "FINISH_REASON_UNSPECIFIED")
}

/// The reason that a word stands for in any format: services say their end in words of each other's. Case does not matter.
/// Source, for what no format of ours has: Mistral's `model_length`, `time_limit` and `cancelled` of watsonx, `sensitive` of GLM,
/// `abort` and `repetition` of vLLM, `content_filter: …` and `function_call_filter: …` of Google's endpoint for Chat Completions,
/// as their documentation, sources and issues have them; read 2026-11.
#[must_use]
pub fn from_word(word: &str) -> FinishReason {
    match word.to_ascii_lowercase().as_str() {
        "stop" | "end_turn" | "completed" => FinishReason::Stop,
        "stop_sequence" => FinishReason::StopSequence,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolUse,
        // "insufficient_system_resource" is DeepSeek's, for a reply that its service cut off.
        "length"
        | "max_tokens"
        | "max_output_tokens"
        | "max_messages"
        | "insufficient_system_resource"
        | "time_limit"
        | "cancelled"
        | "abort"
        | "repetition" => FinishReason::Length,
        "model_context_window_exceeded" | "model_length" => FinishReason::ContextWindow,
        // There is no text that refuses, as OpenAI's have it: clients of other formats learn it from the reason (E031).
        "refusal"
        | "content_filter"
        | "content_filtered"
        | "sensitive"
        | "safety"
        | "prohibited_content"
        | "blocklist"
        | "spii"
        | "recitation"
        | "language"
        | "image_safety"
        | "image_prohibited_content"
        | "image_recitation"
        | "model_armor" => FinishReason::Safety,
        "pause_turn" => FinishReason::Pause,
        "malformed_function_call" | "unexpected_tool_call" | "too_many_tool_calls" => {
            FinishReason::BadToolCall
        }
        word if word.starts_with("content_filter:") => FinishReason::Safety,
        word if word.starts_with("function_call_filter:") => FinishReason::BadToolCall,
        _ => FinishReason::Other,
    }
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

/// The failure that a Chat Completions word says a reply ended in, in the words of the `error` beside it: in its choice, or in
/// what is around that.
/// Source: OpenRouter reference, "Streaming", "Handling errors during streaming"; `network_error` is
/// GLM's; read 2026-11.
pub(crate) fn failure(word: &str, beside: &Extras<'_>, around: Option<&RawValue>) -> Option<CodecError> {
    if !is_failure(word) {
        return None;
    }
    let said = beside.iter().rev().filter(|(key, _)| key == "error").map(|(_, raw)| *raw);
    let said = said.chain(around).find(|raw| !is_unset(raw.get()));
    let said = said.map(|raw| probe_error(format!("{{\"error\":{}}}", raw.get()).as_bytes()).message);
    Some(CodecError::protocol(match said.filter(|said| !said.is_empty()) {
        Some(said) => format!("the provider ended the reply with an error: {said}"),
        None => "the provider ended the reply with an error".to_owned(),
    }))
}

/// Whether a word says that the provider failed.
pub(crate) fn is_failure(word: &str) -> bool {
    ["error", "network_error"].iter().any(|known| word.eq_ignore_ascii_case(known))
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

/// The reason that a Claude word stands for; case does not matter.
#[must_use]
pub fn from_claude(word: &str) -> FinishReason {
    if word.eq_ignore_ascii_case("refusal") { FinishReason::Refusal } else { from_word(word) }
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
