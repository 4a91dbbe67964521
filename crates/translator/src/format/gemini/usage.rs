//! `usageMetadata`. Thoughts stand beside the candidates there, inside the output in canonical form.
//! Source: translation.md B56 to B59, A.13.

use cliproxy_core::Usage;

use super::wire;
use crate::json::Writer;

/// What the provider counted. Of nothing but a traffic type nothing is known (E545).
pub(super) fn decode(wire: &wire::Usage<'_>) -> Usage {
    let input = wire.prompt.map(|prompt| prompt.saturating_add(wire.tool_prompt.unwrap_or(0)));
    let output = match (wire.candidates, wire.thoughts, wire.total) {
        (None, None, None) => None,
        // Only the total is known: the rest of it is output (B58).
        (None, thoughts, Some(total)) => {
            Some(total.saturating_sub(input.unwrap_or(0)).max(thoughts.unwrap_or(0)))
        }
        (candidates, thoughts, _) => Some(candidates.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
    };
    Usage {
        input,
        cache_read: wire.cached,
        output,
        reasoning: wire.thoughts,
        tool_prompt: wire.tool_prompt,
        input_audio: audio(wire.prompt_details.as_ref()),
        output_audio: audio(wire.candidates_details.as_ref()),
        reported_total: wire.total,
        ..Usage::default()
    }
}

fn audio(details: Option<&crate::json::List<wire::Modality<'_>>>) -> Option<u64> {
    let audio =
        details?.0.iter().filter(|detail| detail.modality.as_ref().is_some_and(|kind| *kind == "AUDIO"));
    audio.filter_map(|detail| detail.count).reduce(u64::saturating_add)
}

/// Writes `usageMetadata`'s value.
pub(super) fn write(w: &mut Writer, usage: &Usage) {
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    let thoughts = usage.reasoning.unwrap_or(0).min(output);
    let tool_prompt = usage.tool_prompt.unwrap_or(0).min(input);
    w.begin_object();
    w.field_unsigned("promptTokenCount", input - tool_prompt);
    if let Some(cached) = usage.cache_read {
        w.field_unsigned("cachedContentTokenCount", cached);
    }
    w.field_unsigned("candidatesTokenCount", output - thoughts);
    if usage.reasoning.is_some() {
        w.field_unsigned("thoughtsTokenCount", thoughts);
    }
    if usage.tool_prompt.is_some() {
        w.field_unsigned("toolUsePromptTokenCount", tool_prompt);
    }
    w.field_unsigned("totalTokenCount", input.saturating_add(output));
    w.end_object();
}
