//! Wire objects of Chat Completions: lenient in. What goes out is written field by field.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

pub(super) use crate::json::read::{Count, Reading, at, count, filled, misread, plain, read, schema, wrong};
use crate::json::{List, Text, wire_struct};

wire_struct! {
    /// A request. Source: translation.md A.2 to A.11, columns CC.
    pub(super) struct Request<'a> {
        model: Text<'a> = "model",
        messages: &'a RawValue = "messages",
        tools: List<&'a RawValue> = "tools",
        tool_choice: &'a RawValue = "tool_choice",
        functions: List<&'a RawValue> = "functions",
        function_call: &'a RawValue = "function_call",
        parallel_tool_calls: bool = "parallel_tool_calls",
        temperature: &'a RawValue = "temperature",
        top_p: &'a RawValue = "top_p",
        top_k: &'a RawValue = "top_k",
        frequency_penalty: &'a RawValue = "frequency_penalty",
        presence_penalty: &'a RawValue = "presence_penalty",
        logit_bias: &'a RawValue = "logit_bias",
        seed: &'a RawValue = "seed",
        stop: &'a RawValue = "stop",
        n: Count = "n",
        logprobs: &'a RawValue = "logprobs",
        top_logprobs: &'a RawValue = "top_logprobs",
        max_tokens: Count = "max_tokens",
        max_completion_tokens: Count = "max_completion_tokens",
        response_format: &'a RawValue = "response_format",
        verbosity: Text<'a> = "verbosity",
        modalities: &'a RawValue = "modalities",
        audio: &'a RawValue = "audio",
        prediction: &'a RawValue = "prediction",
        reasoning_effort: &'a RawValue = "reasoning_effort",
        user: &'a RawValue = "user",
        safety_identifier: Text<'a> = "safety_identifier",
        prompt_cache_key: Text<'a> = "prompt_cache_key",
        metadata: &'a RawValue = "metadata",
        service_tier: Text<'a> = "service_tier",
        stream: bool = "stream",
        stream_options: &'a RawValue = "stream_options",
        cache_control: &'a RawValue = "cache_control",
        /// Legacy completions only.
        prompt: &'a RawValue = "prompt",
    }
}

wire_struct! {
    pub(super) struct Message<'a> {
        role: Text<'a> = "role",
        name: Text<'a> = "name",
        content: &'a RawValue = "content",
        refusal: Text<'a> = "refusal",
        tool_calls: List<&'a RawValue> = "tool_calls",
        function_call: &'a RawValue = "function_call",
        tool_call_id: Text<'a> = "tool_call_id",
        reasoning_content: &'a RawValue = "reasoning_content",
        reasoning: &'a RawValue = "reasoning",
        reasoning_text: &'a RawValue = "reasoning_text",
        reasoning_details: &'a RawValue = "reasoning_details",
        annotations: &'a RawValue = "annotations",
        audio: &'a RawValue = "audio",
        images: &'a RawValue = "images",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    /// A content part.
    pub(super) struct Part<'a> {
        kind: Text<'a> = "type",
        text: Text<'a> = "text",
        refusal: Text<'a> = "refusal",
        image_url: &'a RawValue = "image_url",
        video_url: &'a RawValue = "video_url",
        input_audio: &'a RawValue = "input_audio",
        file: &'a RawValue = "file",
        thinking: &'a RawValue = "thinking",
        signature: Text<'a> = "signature",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    /// `image_url`, `video_url`.
    pub(super) struct Link<'a> {
        url: Text<'a> = "url",
        /// Not documented here, but sent by clients that know Responses (translation.md E262).
        file_id: Text<'a> = "file_id",
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
    pub(super) struct File<'a> {
        file_data: Text<'a> = "file_data",
        file_id: Text<'a> = "file_id",
        file_url: Text<'a> = "file_url",
        filename: Text<'a> = "filename",
        mime_type: Text<'a> = "mime_type" | "mimeType",
    }
}

wire_struct! {
    /// One entry of a router's `reasoning_details`.
    pub(super) struct Detail<'a> {
        kind: Text<'a> = "type",
        text: Text<'a> = "text",
        summary: Text<'a> = "summary",
        data: Text<'a> = "data",
        signature: Text<'a> = "signature",
    }
}

wire_struct! {
    /// A call, whole or a piece of one.
    pub(super) struct Call<'a> {
        index: u32 = "index",
        id: &'a RawValue = "id",
        kind: Text<'a> = "type",
        function: Function<'a> = "function",
        custom: Custom<'a> = "custom",
        extra_content: &'a RawValue = "extra_content",
    }
}

wire_struct! {
    /// The name may be anything: `null`, numbers and repetitions have been seen (translation.md E128, E131, E132).
    pub(super) struct Function<'a> {
        name: &'a RawValue = "name",
        arguments: &'a RawValue = "arguments",
    }
}

wire_struct! {
    pub(super) struct Custom<'a> {
        name: &'a RawValue = "name",
        input: &'a RawValue = "input",
    }
}

wire_struct! {
    /// A declared tool: nested as Chat Completions has it, or flat as Responses does.
    pub(super) struct Tool<'a> {
        kind: Text<'a> = "type",
        function: FunctionSpec<'a> = "function",
        custom: CustomSpec<'a> = "custom",
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        parameters: &'a RawValue = "parameters",
        strict: bool = "strict",
        format: &'a RawValue = "format",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    pub(super) struct FunctionSpec<'a> {
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        parameters: &'a RawValue = "parameters",
        strict: bool = "strict",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    pub(super) struct CustomSpec<'a> {
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        format: &'a RawValue = "format",
    }
}

wire_struct! {
    pub(super) struct ToolChoice<'a> {
        kind: Text<'a> = "type",
        function: Named<'a> = "function",
        custom: Named<'a> = "custom",
        name: Text<'a> = "name",
        allowed_tools: Allowed<'a> = "allowed_tools",
        mode: Text<'a> = "mode",
        tools: List<&'a RawValue> = "tools",
    }
}

wire_struct! {
    pub(super) struct Named<'a> { name: Text<'a> = "name" }
}

wire_struct! {
    pub(super) struct Allowed<'a> {
        mode: Text<'a> = "mode",
        tools: List<&'a RawValue> = "tools",
    }
}

wire_struct! {
    pub(super) struct ResponseFormat<'a> {
        kind: Text<'a> = "type",
        json_schema: JsonSchema<'a> = "json_schema",
    }
}

wire_struct! {
    pub(super) struct JsonSchema<'a> {
        name: Text<'a> = "name",
        description: Text<'a> = "description",
        strict: bool = "strict",
        schema: &'a RawValue = "schema",
    }
}

wire_struct! {
    /// A whole reply.
    pub(super) struct Reply<'a> {
        id: &'a RawValue = "id",
        /// Known, and written by us: no extras.
        ours: IgnoredAny = "object",
        error: &'a RawValue = "error",
        created: &'a RawValue = "created",
        model: &'a RawValue = "model",
        choices: List<Choice<'a>> = "choices",
        usage: &'a RawValue = "usage",
        service_tier: &'a RawValue = "service_tier",
    }
}

wire_struct! {
    pub(super) struct Choice<'a> {
        index: u32 = "index",
        message: Message<'a> = "message",
        /// Legacy completions only.
        text: &'a RawValue = "text",
        finish_reason: &'a RawValue = "finish_reason",
        logprobs: &'a RawValue = "logprobs",
        /// Where Moonshot puts it.
        usage: &'a RawValue = "usage",
    }
}

wire_struct! {
    /// One chunk of a stream. What every chunk repeats is named, so that it takes no place among the extras.
    pub(super) struct Chunk<'a> {
        id: &'a RawValue = "id",
        object: &'a RawValue = "object",
        created: &'a RawValue = "created",
        model: &'a RawValue = "model",
        choices: List<ChunkChoice<'a>> = "choices",
        usage: &'a RawValue = "usage",
        service_tier: &'a RawValue = "service_tier",
        error: &'a RawValue = "error",
        fingerprint: &'a RawValue = "system_fingerprint",
        provider: &'a RawValue = "provider",
        /// Random letters that hide the length of a text: nothing that could be lost.
        padding: IgnoredAny = "obfuscation",
    }
}

wire_struct! {
    pub(super) struct ChunkChoice<'a> {
        index: u32 = "index",
        delta: Delta<'a> = "delta",
        /// A whole message where a delta belongs. Source: providers-b.md 6.3.
        message: &'a RawValue = "message",
        /// Legacy completions only.
        text: &'a RawValue = "text",
        finish_reason: &'a RawValue = "finish_reason",
        logprobs: &'a RawValue = "logprobs",
        /// Where Moonshot puts it.
        usage: &'a RawValue = "usage",
        /// A router's, beside its own word.
        native: &'a RawValue = "native_finish_reason",
    }
}

wire_struct! {
    pub(super) struct Delta<'a> {
        role: IgnoredAny = "role",
        content: &'a RawValue = "content",
        refusal: &'a RawValue = "refusal",
        tool_calls: List<Call<'a>> = "tool_calls",
        function_call: Function<'a> = "function_call",
        reasoning_content: &'a RawValue = "reasoning_content",
        reasoning: &'a RawValue = "reasoning",
        reasoning_text: &'a RawValue = "reasoning_text",
        reasoning_details: &'a RawValue = "reasoning_details",
        annotations: &'a RawValue = "annotations",
        audio: &'a RawValue = "audio",
        images: &'a RawValue = "images",
    }
}
