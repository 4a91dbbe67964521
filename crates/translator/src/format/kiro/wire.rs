//! What may stand in the payload of a frame. The members of all events have different names, so that one reading serves
//! them all. Source: providers-b.md 1.5.8.

use serde_json::value::RawValue;

use crate::json::wire_struct;

wire_struct! {
    /// One payload.
    pub(super) struct Payload<'a> {
        content: &'a RawValue = "content",
        text: &'a RawValue = "text",
        signature: &'a RawValue = "signature",
        redacted: &'a RawValue = "redactedContent",
        call_id: &'a RawValue = "toolUseId",
        name: &'a RawValue = "name",
        input: &'a RawValue = "input",
        stop: &'a RawValue = "stop",
        calls: &'a RawValue = "toolUses",
        stop_reason: &'a RawValue = "stopReason" | "stop_reason",
        counts: &'a RawValue = "tokenUsage",
        percentage: &'a RawValue = "contextUsagePercentage",
        unit: &'a RawValue = "unit",
        input_tokens: &'a RawValue = "inputTokens" | "input_tokens",
        output_tokens: &'a RawValue = "outputTokens" | "output_tokens",
        total_tokens: &'a RawValue = "totalTokens" | "total_tokens",
        underscored: &'a RawValue = "_type" | "__type",
        kind: &'a RawValue = "type",
    }
}

impl Payload<'_> {
    /// The event itself: some deployments nest it under its own name. Source: providers-b.md 1.5.8.
    pub(super) fn of_event(self, name: &str) -> Self {
        let nested = self.extras.iter().find(|(key, raw)| *key == name && raw.get().starts_with('{'));
        nested.and_then(|(_, raw)| serde_json::from_str(raw.get()).ok()).unwrap_or(self)
    }
}

wire_struct! {
    /// `tokenUsage`.
    pub(super) struct Counts<'a> {
        output: &'a RawValue = "outputTokens",
        total: &'a RawValue = "totalTokens",
        uncached: &'a RawValue = "uncachedInputTokens",
        read: &'a RawValue = "cacheReadInputTokens",
        written: &'a RawValue = "cacheWriteInputTokens",
        percentage: &'a RawValue = "contextUsagePercentage",
    }
}

wire_struct! {
    /// One of `toolUses`.
    pub(super) struct ToolUse<'a> {
        id: &'a RawValue = "toolUseId",
        name: &'a RawValue = "name",
        input: &'a RawValue = "input",
    }
}
