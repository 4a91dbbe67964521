//! Usage: Claude counts cached input apart, the canonical form counts it inside. Source: translation.md B55, B56.

use cliproxy_core::Usage;

use super::wire;
use crate::json::Writer;
use crate::json::read::{Count, Loose};

/// Counts as Claude gives them, merged over a stream: later members replace earlier ones (B55).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    input: Option<u64>,
    canonical: Usage,
}

impl Counts {
    /// Takes over what `usage` knows.
    pub(super) fn merge(&mut self, usage: &wire::Usage<'_>) {
        if let Some(input) = number(usage.input_tokens.as_ref()) {
            self.input = Some(input);
        }
        let split = known(usage.cache_creation.as_ref());
        let details = known(usage.output_tokens_details.as_ref());
        let tools = known(usage.server_tool_use.as_ref());
        self.canonical.merge(&Usage {
            cache_read: number(usage.cache_read_input_tokens.as_ref()),
            cache_write: number(usage.cache_creation_input_tokens.as_ref()),
            cache_write_5m: split.and_then(|split| number(split.five_minutes.as_ref())),
            cache_write_1h: split.and_then(|split| number(split.one_hour.as_ref())),
            output: number(usage.output_tokens.as_ref()),
            reasoning: details.and_then(|details| number(details.thinking_tokens.as_ref())),
            web_searches: tools.and_then(|tools| number(tools.web_search_requests.as_ref())),
            web_fetches: tools.and_then(|tools| number(tools.web_fetch_requests.as_ref())),
            ..Usage::default()
        });
    }

    /// The canonical, inclusive counts.
    pub(super) fn canonical(&self) -> Usage {
        let mut usage = self.canonical;
        let cached = [usage.cache_read, usage.cache_write];
        if self.input.is_some() || cached.iter().any(Option::is_some) {
            let all = cached.into_iter().flatten().fold(self.input.unwrap_or(0), u64::saturating_add);
            usage.input = Some(all);
        }
        usage
    }
}

fn known<T>(member: Option<&Loose<T>>) -> Option<&T> {
    member.and_then(Loose::as_known)
}

fn number(member: Option<&Loose<Count>>) -> Option<u64> {
    known(member).map(|count| count.0)
}

/// What is not cached of the input: never below zero (B56).
fn uncached(usage: &Usage) -> Option<u64> {
    let input = usage.input?;
    Some(input.saturating_sub(usage.cache_read.unwrap_or(0)).saturating_sub(usage.cache_write.unwrap_or(0)))
}

/// Writes the members that a `usage` object of a stream's end has, without the braces: what is unknown is left
/// out, but for the output, which is required (B57, B59).
pub(super) fn write_members(w: &mut Writer, usage: &Usage) {
    let mut count = |key, value: Option<u64>| {
        if let Some(value) = value {
            w.field_unsigned(key, value);
        }
    };
    count("input_tokens", uncached(usage));
    count("cache_creation_input_tokens", usage.cache_write);
    count("cache_read_input_tokens", usage.cache_read);
    if usage.cache_write_5m.is_some() || usage.cache_write_1h.is_some() {
        w.key("cache_creation");
        w.begin_object();
        w.field_unsigned("ephemeral_5m_input_tokens", usage.cache_write_5m.unwrap_or(0));
        w.field_unsigned("ephemeral_1h_input_tokens", usage.cache_write_1h.unwrap_or(0));
        w.end_object();
    }
    w.field_unsigned("output_tokens", usage.output.unwrap_or(0));
    if let Some(reasoning) = usage.reasoning {
        w.key("output_tokens_details");
        w.begin_object();
        w.field_unsigned("thinking_tokens", reasoning);
        w.end_object();
    }
    if usage.web_searches.is_some() || usage.web_fetches.is_some() {
        w.key("server_tool_use");
        w.begin_object();
        w.field_unsigned("web_search_requests", usage.web_searches.unwrap_or(0));
        w.field_unsigned("web_fetch_requests", usage.web_fetches.unwrap_or(0));
        w.end_object();
    }
}

/// The same for a message, where the input is required too.
pub(super) fn write_message_members(w: &mut Writer, usage: &Usage, service_tier: Option<&str>) {
    write_members(w, &Usage { input: Some(usage.input.unwrap_or(0)), ..*usage });
    // Other formats have tiers that Claude does not.
    if let Some(tier) = service_tier.filter(|tier| is_tier(tier)) {
        w.field_string("service_tier", tier);
    }
}

/// Whether a tier has a meaning in this format.
pub(super) fn is_tier(tier: &str) -> bool {
    matches!(tier, "standard" | "priority" | "batch")
}
