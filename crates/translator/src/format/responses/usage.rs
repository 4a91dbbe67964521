//! Usage: Responses counts as the canonical form does. Source: translation.md A.13, B56, B57.

use cliproxy_core::Usage;
use serde_json::value::RawValue;

use crate::json::read::count;
use crate::json::{Writer, wire_struct};

wire_struct! {
    struct Counts<'a> {
        input: &'a RawValue = "input_tokens",
        input_details: Details<'a> = "input_tokens_details",
        output: &'a RawValue = "output_tokens",
        output_details: Details<'a> = "output_tokens_details",
        total: &'a RawValue = "total_tokens",
    }
}

wire_struct! {
    struct Details<'a> {
        cached: &'a RawValue = "cached_tokens",
        cache_write: &'a RawValue = "cache_write_tokens",
        reasoning: &'a RawValue = "reasoning_tokens",
    }
}

/// Reads a `usage` object; what it does not say, or says in a form that is no count, stays unknown.
pub(super) fn decode(raw: &RawValue) -> Usage {
    let counts: Counts<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let input = counts.input_details.unwrap_or_default();
    let output = counts.output_details.unwrap_or_default();
    let of = |raw: Option<&RawValue>| raw.and_then(count);
    Usage {
        input: of(counts.input),
        cache_read: of(input.cached),
        cache_write: of(input.cache_write),
        output: of(counts.output),
        reasoning: of(output.reasoning),
        reported_total: of(counts.total),
        ..Usage::default()
    }
}

/// Writes a `usage` object. All of its members are required and 0 when unknown (B57).
pub(super) fn write(w: &mut Writer, usage: &Usage) {
    w.begin_object();
    w.field_unsigned("input_tokens", usage.input.unwrap_or(0));
    w.key("input_tokens_details");
    w.begin_object();
    w.field_unsigned("cached_tokens", usage.cache_read.unwrap_or(0));
    w.field_unsigned("cache_write_tokens", usage.cache_write.unwrap_or(0));
    w.end_object();
    w.field_unsigned("output_tokens", usage.output.unwrap_or(0));
    w.key("output_tokens_details");
    w.begin_object();
    w.field_unsigned("reasoning_tokens", usage.reasoning.unwrap_or(0));
    w.end_object();
    w.field_unsigned("total_tokens", usage.total());
    w.end_object();
}
