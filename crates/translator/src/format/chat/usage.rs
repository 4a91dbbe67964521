//! Usage: Chat Completions counts as the canonical form does. Source: translation.md A.13, B56, B57.

use cliproxy_core::Usage;
use serde_json::value::RawValue;

use super::wire;
use crate::json::{Writer, wire_struct};

wire_struct! {
    struct Counts<'a> {
        prompt: &'a RawValue = "prompt_tokens",
        completion: &'a RawValue = "completion_tokens",
        total: &'a RawValue = "total_tokens",
        prompt_details: InputDetails<'a> = "prompt_tokens_details",
        completion_details: OutputDetails<'a> = "completion_tokens_details",
        /// Moonshot's place for them.
        cached: &'a RawValue = "cached_tokens",
        /// DeepSeek's.
        cache_hit: &'a RawValue = "prompt_cache_hit_tokens",
    }
}

wire_struct! {
    struct InputDetails<'a> {
        cached: &'a RawValue = "cached_tokens",
        cache_write: &'a RawValue = "cache_write_tokens",
        /// What the reference calls it (F38).
        cache_creation: &'a RawValue = "cached_creation_tokens",
        audio: &'a RawValue = "audio_tokens",
    }
}

wire_struct! {
    struct OutputDetails<'a> {
        reasoning: &'a RawValue = "reasoning_tokens",
        audio: &'a RawValue = "audio_tokens",
        accepted: &'a RawValue = "accepted_prediction_tokens",
        rejected: &'a RawValue = "rejected_prediction_tokens",
    }
}

/// Reads a `usage` object; what it does not say, or says in a form that is no count, stays unknown.
pub(super) fn decode(raw: &RawValue) -> Usage {
    let counts: Counts<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let input = counts.prompt_details.unwrap_or_default();
    let output = counts.completion_details.unwrap_or_default();
    let count = |raw: Option<&RawValue>| raw.and_then(wire::count);
    Usage {
        input: count(counts.prompt),
        cache_read: count(input.cached.or(counts.cached).or(counts.cache_hit)),
        cache_write: count(input.cache_write.or(input.cache_creation)),
        output: count(counts.completion),
        reasoning: count(output.reasoning),
        input_audio: count(input.audio),
        output_audio: count(output.audio),
        accepted_prediction: count(output.accepted),
        rejected_prediction: count(output.rejected),
        reported_total: count(counts.total),
        ..Usage::default()
    }
}

/// Writes a `usage` object. The three sums are required and 0 when unknown; the details are left out then (B57).
pub(super) fn write(w: &mut Writer, usage: &Usage) {
    w.begin_object();
    w.field_unsigned("prompt_tokens", usage.input.unwrap_or(0));
    w.field_unsigned("completion_tokens", usage.output.unwrap_or(0));
    w.field_unsigned("total_tokens", usage.total());
    details(
        w,
        "prompt_tokens_details",
        &[
            ("cached_tokens", usage.cache_read),
            ("cache_write_tokens", usage.cache_write),
            // Source: translation.md F38: the reference's name beside the official one, while clients migrate.
            ("cached_creation_tokens", usage.cache_write),
            ("audio_tokens", usage.input_audio),
        ],
    );
    details(
        w,
        "completion_tokens_details",
        &[
            ("reasoning_tokens", usage.reasoning),
            ("audio_tokens", usage.output_audio),
            ("accepted_prediction_tokens", usage.accepted_prediction),
            ("rejected_prediction_tokens", usage.rejected_prediction),
        ],
    );
    w.end_object();
}

fn details(w: &mut Writer, key: &str, counts: &[(&str, Option<u64>)]) {
    if counts.iter().all(|(_, count)| count.is_none()) {
        return;
    }
    w.key(key);
    w.begin_object();
    for (key, count) in counts {
        if let Some(count) = count {
            w.field_unsigned(key, *count);
        }
    }
    w.end_object();
}
