//! Token counts. Source: translation.md A.13, B56, B57.

use cliproxy_core::Usage;

use super::wire::Tokens;
use crate::json::Writer;

/// Chat counts inclusively already.
pub(super) fn read(tokens: &Tokens<'_>) -> Usage {
    let prompt = tokens.prompt_details.as_ref();
    let completion = tokens.completion_details.as_ref();
    Usage {
        input: tokens.prompt,
        output: tokens.completion,
        reported_total: tokens.total,
        cache_read: prompt.and_then(|details| details.cached),
        cache_write: prompt.and_then(|details| details.written),
        input_audio: prompt.and_then(|details| details.audio),
        reasoning: completion.and_then(|details| details.reasoning),
        output_audio: completion.and_then(|details| details.audio),
        accepted_prediction: completion.and_then(|details| details.accepted),
        rejected_prediction: completion.and_then(|details| details.rejected),
        ..Usage::default()
    }
}

/// Required counts default to 0, optional ones are left out when unknown.
pub(super) fn write(writer: &mut Writer, usage: &Usage) {
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    writer.begin_object();
    writer.field_unsigned("prompt_tokens", input);
    writer.field_unsigned("completion_tokens", output);
    writer.field_unsigned("total_tokens", input.saturating_add(output));
    // Both names of the cache-write count during migration. Source: translation.md F38.
    details(
        writer,
        "prompt_tokens_details",
        &[
            ("cached_tokens", usage.cache_read),
            ("cache_write_tokens", usage.cache_write),
            ("cached_creation_tokens", usage.cache_write),
            ("audio_tokens", usage.input_audio),
        ],
    );
    details(
        writer,
        "completion_tokens_details",
        &[
            ("reasoning_tokens", usage.reasoning),
            ("audio_tokens", usage.output_audio),
            ("accepted_prediction_tokens", usage.accepted_prediction),
            ("rejected_prediction_tokens", usage.rejected_prediction),
        ],
    );
    writer.end_object();
}

fn details(writer: &mut Writer, key: &str, counts: &[(&str, Option<u64>)]) {
    if counts.iter().all(|(_, count)| count.is_none()) {
        return;
    }
    writer.key(key);
    writer.begin_object();
    for (name, count) in counts {
        if let Some(count) = count {
            writer.field_unsigned(name, *count);
        }
    }
    writer.end_object();
}
