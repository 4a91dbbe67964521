//! Usage: Chat Completions counts as the canonical form does. Source: translation.md A.13, B56, B57.

use cliproxy_core::Usage;
use serde_json::value::RawValue;

use crate::json::Writer;
use crate::json::read::count_in;
use crate::splice::TopLevel;

/// Reads a `usage` object; what it does not say, or says in a form that is no count, stays unknown.
pub(super) fn decode(raw: &RawValue) -> Usage {
    read(raw.get())
}

/// As [`decode`], of its text.
pub(super) fn read(json: &str) -> Usage {
    let Ok(counts) = TopLevel::scan(json.as_bytes()) else { return Usage::default() };
    let input = counts.object("prompt_tokens_details");
    let output = counts.object("completion_tokens_details");
    let sum = |key| count_of(Some(&counts), key);
    let (input, output) = (|key| count_of(input.as_ref(), key), |key| count_of(output.as_ref(), key));
    Usage {
        input: sum("prompt_tokens"),
        // Moonshot's place for them, and DeepSeek's.
        cache_read: input("cached_tokens")
            .or_else(|| sum("cached_tokens"))
            .or_else(|| sum("prompt_cache_hit_tokens")),
        // What the reference calls it (F38).
        cache_write: input("cache_write_tokens").or_else(|| input("cached_creation_tokens")),
        output: sum("completion_tokens"),
        reasoning: output("reasoning_tokens"),
        input_audio: input("audio_tokens"),
        output_audio: output("audio_tokens"),
        accepted_prediction: output("accepted_prediction_tokens"),
        rejected_prediction: output("rejected_prediction_tokens"),
        reported_total: sum("total_tokens"),
        ..Usage::default()
    }
}

fn count_of(object: Option<&TopLevel<'_>>, key: &str) -> Option<u64> {
    count_in(object?.raw(key).ok()??)
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
