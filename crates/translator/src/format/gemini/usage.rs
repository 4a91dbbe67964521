//! `usageMetadata`. Thoughts stand beside the candidates there, inside the output in canonical form.
//! Source: translation.md B56 to B59, A.13.

use cliproxy_core::Usage;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::codec::CodecError;
use crate::json::Writer;
use crate::json::read::count_in;
use crate::splice::{Walk, text_of};

/// The counts by their members. What is no count is not known.
#[derive(Debug, Default)]
pub(super) struct Counts {
    prompt: Option<u64>,
    cached: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    tool_prompt: Option<u64>,
    total: Option<u64>,
    input_audio: Option<u64>,
    output_audio: Option<u64>,
}

impl Counts {
    fn read(json: &str) -> Result<Self, CodecError> {
        let mut counts = Self::default();
        Walk::new(json).object(|walk, name| {
            let count = match name {
                "promptTokenCount" | "prompt_token_count" => &mut counts.prompt,
                "cachedContentTokenCount" | "cached_content_token_count" => &mut counts.cached,
                "candidatesTokenCount" | "candidates_token_count" => &mut counts.candidates,
                "thoughtsTokenCount" | "thoughts_token_count" => &mut counts.thoughts,
                "toolUsePromptTokenCount" | "tool_use_prompt_token_count" => &mut counts.tool_prompt,
                "totalTokenCount" | "total_token_count" => &mut counts.total,
                "promptTokensDetails" | "prompt_tokens_details" => {
                    counts.input_audio = audio(walk)?;
                    return Ok(());
                }
                "candidatesTokensDetails" | "candidates_tokens_details" => {
                    counts.output_audio = audio(walk)?;
                    return Ok(());
                }
                _ => return walk.skip(),
            };
            *count = count_in(walk.raw()?);
            Ok(())
        })?;
        Ok(counts)
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Self::read(raw.get()).map_err(D::Error::custom)
    }
}

/// What is audio among the tokens by their kinds.
fn audio(walk: &mut Walk<'_>) -> Result<Option<u64>, CodecError> {
    let mut audio: Option<u64> = None;
    walk.array(|walk, _| {
        let (mut is_audio, mut count) = (false, None);
        walk.object(|walk, name| {
            match name {
                "modality" => is_audio = text_of(walk.raw()?).as_deref() == Some("AUDIO"),
                "tokenCount" | "token_count" => count = count_in(walk.raw()?),
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        if let Some(count) = count.filter(|_| is_audio) {
            audio = Some(audio.unwrap_or(0).saturating_add(count));
        }
        Ok(())
    })?;
    Ok(audio)
}

/// As [`decode`], of the text of a `usageMetadata`.
pub(super) fn read(json: &str) -> Usage {
    next(json).unwrap_or_default()
}

/// As [`read`], of a text that begins with one; what follows is not looked at.
pub(super) fn next(json: &str) -> Result<Usage, CodecError> {
    Counts::read(json).map(|counts| decode(&counts))
}

/// What the provider counted. Of nothing but a traffic type nothing is known (E545).
pub(super) fn decode(wire: &Counts) -> Usage {
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
        input_audio: wire.input_audio,
        output_audio: wire.output_audio,
        reported_total: wire.total,
        ..Usage::default()
    }
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
