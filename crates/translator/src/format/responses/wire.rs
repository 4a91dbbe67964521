//! Wire objects of Responses: lenient in. What goes out is written field by field.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::json::read::Count;
use crate::json::{List, Text, wire_struct};

wire_struct! {
    /// A request. Source: translation.md A.2 to A.11, columns RS.
    pub(super) struct Request<'a> {
        model: Text<'a> = "model",
        input: &'a RawValue = "input",
        instructions: &'a RawValue = "instructions",
        tools: List<&'a RawValue> = "tools",
        tool_choice: &'a RawValue = "tool_choice",
        parallel_tool_calls: &'a RawValue = "parallel_tool_calls",
        temperature: &'a RawValue = "temperature",
        top_p: &'a RawValue = "top_p",
        top_logprobs: &'a RawValue = "top_logprobs",
        max_output_tokens: Count = "max_output_tokens",
        text: &'a RawValue = "text",
        user: &'a RawValue = "user",
        safety_identifier: Text<'a> = "safety_identifier",
        prompt_cache_key: Text<'a> = "prompt_cache_key",
        metadata: &'a RawValue = "metadata",
        service_tier: &'a RawValue = "service_tier",
        stream: bool = "stream",
        stream_options: &'a RawValue = "stream_options",
        include: &'a RawValue = "include",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    /// An item of the input, or of the output.
    pub(super) struct Item<'a> {
        kind: Text<'a> = "type",
        role: Text<'a> = "role",
        content: &'a RawValue = "content",
        id: &'a RawValue = "id",
        call_id: &'a RawValue = "call_id",
        name: &'a RawValue = "name",
        namespace: &'a RawValue = "namespace",
        arguments: &'a RawValue = "arguments",
        input: &'a RawValue = "input",
        output: &'a RawValue = "output",
        summary: &'a RawValue = "summary",
        encrypted_content: &'a RawValue = "encrypted_content",
        cache_control: &'a RawValue = "cache_control",
        result: &'a RawValue = "result",
        output_format: &'a RawValue = "output_format",
        action: &'a RawValue = "action",
    }
}

wire_struct! {
    /// A content part.
    pub(super) struct Part<'a> {
        kind: Text<'a> = "type",
        text: Text<'a> = "text",
        refusal: Text<'a> = "refusal",
        annotations: &'a RawValue = "annotations",
        logprobs: &'a RawValue = "logprobs",
        image_url: &'a RawValue = "image_url",
        detail: &'a RawValue = "detail",
        file_id: &'a RawValue = "file_id",
        file_url: &'a RawValue = "file_url",
        file_data: &'a RawValue = "file_data",
        filename: &'a RawValue = "filename",
        mime_type: &'a RawValue = "mime_type" | "mimeType",
        input_audio: &'a RawValue = "input_audio",
        /// The flat spelling of `input_audio` (F24).
        data: &'a RawValue = "data",
        format: &'a RawValue = "format",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    /// `image_url` as Chat Completions nests it.
    pub(super) struct Link<'a> {
        url: Text<'a> = "url",
        detail: &'a RawValue = "detail",
    }
}

wire_struct! {
    pub(super) struct Audio<'a> {
        data: Text<'a> = "data",
        format: Text<'a> = "format",
    }
}

wire_struct! {
    /// A declared tool; flat as here, or nested as in Chat Completions.
    pub(super) struct Tool<'a> {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        parameters: &'a RawValue = "parameters",
        strict: bool = "strict",
        format: &'a RawValue = "format",
        tools: List<&'a RawValue> = "tools",
        function: NestedTool<'a> = "function",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    pub(super) struct NestedTool<'a> {
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        parameters: &'a RawValue = "parameters",
        strict: bool = "strict",
    }
}

wire_struct! {
    pub(super) struct ToolChoice<'a> {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
        namespace: Text<'a> = "namespace",
        mode: Text<'a> = "mode",
        tools: List<&'a RawValue> = "tools",
        function: Named<'a> = "function",
        custom: Named<'a> = "custom",
    }
}

wire_struct! {
    pub(super) struct Named<'a> { name: Text<'a> = "name" }
}

wire_struct! {
    pub(super) struct TextConfig<'a> {
        format: &'a RawValue = "format",
        verbosity: &'a RawValue = "verbosity",
    }
}

wire_struct! {
    pub(super) struct Format<'a> {
        kind: Text<'a> = "type",
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        strict: bool = "strict",
        schema: &'a RawValue = "schema",
    }
}

wire_struct! {
    /// A response object, whole or inside an event.
    pub(super) struct Response<'a> {
        object: IgnoredAny = "object",
        id: &'a RawValue = "id",
        created_at: &'a RawValue = "created_at",
        model: &'a RawValue = "model",
        status: &'a RawValue = "status",
        output: List<&'a RawValue> = "output",
        usage: &'a RawValue = "usage",
        incomplete_details: &'a RawValue = "incomplete_details",
        error: &'a RawValue = "error",
        service_tier: &'a RawValue = "service_tier",
        stop_sequence: &'a RawValue = "stop_sequence",
    }
}

wire_struct! {
    /// Any stream event.
    pub(super) struct Event<'a> {
        kind: Text<'a> = "type",
        sequence_number: IgnoredAny = "sequence_number",
        obfuscation: IgnoredAny = "obfuscation",
        response: &'a RawValue = "response",
        item: &'a RawValue = "item",
        item_id: Text<'a> = "item_id",
        output_index: u32 = "output_index",
        content_index: u32 = "content_index",
        summary_index: u32 = "summary_index",
        annotation_index: IgnoredAny = "annotation_index",
        part: &'a RawValue = "part",
        delta: &'a RawValue = "delta",
        text: &'a RawValue = "text",
        refusal: &'a RawValue = "refusal",
        arguments: &'a RawValue = "arguments",
        input: &'a RawValue = "input",
        logprobs: &'a RawValue = "logprobs",
        annotation: &'a RawValue = "annotation",
        partial_image_b64: &'a RawValue = "partial_image_b64",
        output_format: &'a RawValue = "output_format",
    }
}
