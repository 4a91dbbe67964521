//! Usage: Chat Completions counts as the canonical form does. Source: translation.md A.13, B56, B57.

use cliproxy_core::Usage;
use serde_json::value::RawValue;

use crate::codec::CodecError;
use crate::json::Writer;
use crate::json::read::count_in;
use crate::splice::Walk;

/// Reads a `usage` object; what it does not say, or says in a form that is no count, stays unknown.
pub(super) fn decode(raw: &RawValue) -> Usage {
    read(raw.get())
}

/// As [`decode`], of its text.
pub(super) fn read(json: &str) -> Usage {
    counts(&mut Walk::new(json)).unwrap_or_default()
}

/// As [`decode`], of what stands next in a body; `null` says nothing.
pub(super) fn said(walk: &mut Walk<'_>) -> Result<Option<Usage>, CodecError> {
    if walk.is_null() {
        return walk.skip().map(|()| None);
    }
    let place = walk.place();
    match counts(walk) {
        Ok(usage) => Ok(Some(usage)),
        // What is inside must not fail a body that is sound around it.
        Err(_) => {
            walk.back_to(place);
            walk.skip().map(|()| Some(Usage::default()))
        }
    }
}

fn counts(walk: &mut Walk<'_>) -> Result<Usage, CodecError> {
    let mut usage = Usage::default();
    // DeepSeek's place for them comes after Moonshot's, and both after the usual one.
    let (mut moonshot, mut deepseek, mut reference) = (None, None, None);
    walk.object(|walk, name| {
        match name {
            "prompt_tokens" => usage.input = count_in(walk.raw()?),
            "completion_tokens" => usage.output = count_in(walk.raw()?),
            "total_tokens" => usage.reported_total = count_in(walk.raw()?),
            "cached_tokens" => moonshot = count_in(walk.raw()?),
            "prompt_cache_hit_tokens" => deepseek = count_in(walk.raw()?),
            "prompt_tokens_details" => {
                walk.object(|walk, name| {
                    match name {
                        "cached_tokens" => usage.cache_read = count_in(walk.raw()?),
                        "cache_write_tokens" => usage.cache_write = count_in(walk.raw()?),
                        // What the reference calls it (F38).
                        "cached_creation_tokens" => reference = count_in(walk.raw()?),
                        "audio_tokens" => usage.input_audio = count_in(walk.raw()?),
                        _ => walk.skip()?,
                    }
                    Ok(())
                })?;
            }
            "completion_tokens_details" => {
                walk.object(|walk, name| {
                    match name {
                        "reasoning_tokens" => usage.reasoning = count_in(walk.raw()?),
                        "audio_tokens" => usage.output_audio = count_in(walk.raw()?),
                        "accepted_prediction_tokens" => usage.accepted_prediction = count_in(walk.raw()?),
                        "rejected_prediction_tokens" => usage.rejected_prediction = count_in(walk.raw()?),
                        _ => walk.skip()?,
                    }
                    Ok(())
                })?;
            }
            _ => walk.skip()?,
        }
        Ok(())
    })?;
    usage.cache_read = usage.cache_read.or(moonshot).or(deepseek);
    usage.cache_write = usage.cache_write.or(reference);
    Ok(usage)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_inside_a_body_is_read_as_its_text_is_and_broken_counts_do_not_fail_the_body() {
        for (json, input) in [
            (r#"{"prompt_tokens":3}"#, Some(3)),
            (r#" { "prompt_tokens" : 3.0 , "prompt_tokens_details":{"x":[{}]} } "#, Some(3)),
            (r#"{"prompt_tokens":3,"completion_tokens":01}"#, None),
            (r#"{"prompt_tokens":3,,}"#, None),
            (r#"{"prompt_tokens" 3}"#, None),
            (r#"{"prompt_tokens":"3"}"#, None),
            ("[3]", None),
            ("3", None),
        ] {
            let body = format!("{json},1");
            let mut walk = Walk::new(&body);
            let usage = said(&mut walk).unwrap().unwrap();
            assert_eq!((usage.input, usage), (input, read(json)), "{json}");
            assert_eq!(walk.read(), json.trim_end().len(), "{json}");
        }
        assert_eq!(said(&mut Walk::new("null,")).unwrap(), None);
        assert!(said(&mut Walk::new("{")).is_err() && said(&mut Walk::new("nul,")).is_err());
    }
}
