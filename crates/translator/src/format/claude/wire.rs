//! Wire objects of the Messages API: lenient in. What goes out is written field by field.

use serde_json::value::RawValue;

use crate::json::read::{Count, Loose};
pub(super) use crate::json::read::{Reading, at, misread, plain, read, schema, wrong};
use crate::json::{List, Text, wire_struct};

wire_struct! {
    /// A request. Source: translation.md A.2 to A.11, columns CL.
    pub(super) struct Request<'a> {
        model: Text<'a> = "model",
        messages: &'a RawValue = "messages",
        system: &'a RawValue = "system",
        max_tokens: u64 = "max_tokens",
        tools: List<&'a RawValue> = "tools",
        tool_choice: &'a RawValue = "tool_choice",
        temperature: &'a RawValue = "temperature",
        top_p: &'a RawValue = "top_p",
        top_k: &'a RawValue = "top_k",
        stop_sequences: List<Text<'a>> = "stop_sequences",
        stream: &'a RawValue = "stream",
        thinking: &'a RawValue = "thinking",
        output_config: OutputConfig<'a> = "output_config",
        metadata: &'a RawValue = "metadata",
        service_tier: Text<'a> = "service_tier",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    pub(super) struct Message<'a> {
        role: Text<'a> = "role",
        content: &'a RawValue = "content",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    /// Any content block that the canonical model has a part for.
    pub(super) struct Block<'a> {
        kind: Text<'a> = "type",
        text: Text<'a> = "text",
        citations: &'a RawValue = "citations",
        source: &'a RawValue = "source",
        title: Text<'a> = "title",
        context: Text<'a> = "context",
        id: Text<'a> = "id",
        name: Text<'a> = "name",
        input: &'a RawValue = "input",
        tool_use_id: Text<'a> = "tool_use_id",
        content: &'a RawValue = "content",
        is_error: bool = "is_error",
        thinking: Text<'a> = "thinking",
        signature: Text<'a> = "signature",
        data: Text<'a> = "data",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    /// What of a block is read before it is known.
    pub(super) struct BlockHead<'a> {
        kind: Text<'a> = "type",
        id: Text<'a> = "id",
        tool_use_id: Text<'a> = "tool_use_id",
        name: Text<'a> = "name",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    /// Where an image or document is.
    pub(super) struct Source<'a> {
        kind: Text<'a> = "type",
        media_type: Text<'a> = "media_type",
        data: Text<'a> = "data",
        url: Text<'a> = "url",
        file_id: Text<'a> = "file_id",
        content: &'a RawValue = "content",
    }
}

wire_struct! {
    pub(super) struct Tool<'a> {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        input_schema: &'a RawValue = "input_schema",
        strict: bool = "strict",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    pub(super) struct ToolChoice<'a> {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
        disable_parallel_tool_use: bool = "disable_parallel_tool_use",
    }
}

wire_struct! {
    pub(super) struct Thinking<'a> {
        kind: Text<'a> = "type",
        budget_tokens: u32 = "budget_tokens",
        display: Text<'a> = "display",
    }
}

wire_struct! {
    pub(super) struct OutputConfig<'a> {
        effort: &'a RawValue = "effort",
        format: &'a RawValue = "format",
    }
}

wire_struct! {
    pub(super) struct OutputFormat<'a> {
        kind: Text<'a> = "type",
        schema: &'a RawValue = "schema",
    }
}

wire_struct! {
    /// A whole reply, and the message inside `message_start`.
    pub(super) struct Reply<'a> {
        kind: Text<'a> = "type",
        role: Text<'a> = "role",
        id: Text<'a> = "id",
        model: Text<'a> = "model",
        content: List<&'a RawValue> = "content",
        stop_reason: Text<'a> = "stop_reason",
        stop_sequence: Text<'a> = "stop_sequence",
        stop_details: &'a RawValue = "stop_details",
        usage: Loose<Usage<'a>> = "usage",
    }
}

wire_struct! {
    /// What is no count here is not known: a provider's mistake is not its client's.
    pub(super) struct Usage<'a> {
        input_tokens: Loose<Count> = "input_tokens",
        cache_creation_input_tokens: Loose<Count> = "cache_creation_input_tokens",
        cache_read_input_tokens: Loose<Count> = "cache_read_input_tokens",
        cache_creation: Loose<CacheCreation<'a>> = "cache_creation",
        output_tokens: Loose<Count> = "output_tokens",
        output_tokens_details: Loose<OutputDetails<'a>> = "output_tokens_details",
        server_tool_use: Loose<ServerToolUse<'a>> = "server_tool_use",
        service_tier: Loose<Text<'a>> = "service_tier",
    }
}

wire_struct! {
    pub(super) struct CacheCreation<'a> {
        five_minutes: Loose<Count> = "ephemeral_5m_input_tokens",
        one_hour: Loose<Count> = "ephemeral_1h_input_tokens",
    }
}

wire_struct! {
    pub(super) struct OutputDetails<'a> {
        thinking_tokens: Loose<Count> = "thinking_tokens",
    }
}

wire_struct! {
    pub(super) struct ServerToolUse<'a> {
        web_search_requests: Loose<Count> = "web_search_requests",
        web_fetch_requests: Loose<Count> = "web_fetch_requests",
    }
}

wire_struct! {
    /// Any stream event.
    pub(super) struct Event<'a> {
        kind: Text<'a> = "type",
        message: Reply<'a> = "message",
        index: u32 = "index",
        content_block: &'a RawValue = "content_block",
        delta: Delta<'a> = "delta",
        usage: Loose<Usage<'a>> = "usage",
        error: &'a RawValue = "error",
    }
}

wire_struct! {
    /// The delta of a block, or of the message.
    pub(super) struct Delta<'a> {
        kind: Text<'a> = "type",
        text: Text<'a> = "text",
        thinking: Text<'a> = "thinking",
        signature: Text<'a> = "signature",
        partial_json: Text<'a> = "partial_json",
        citation: &'a RawValue = "citation",
        stop_reason: Text<'a> = "stop_reason",
        stop_sequence: Text<'a> = "stop_sequence",
        stop_details: &'a RawValue = "stop_details",
    }
}
