//! What goes over the wire, leniently read.

use serde_json::value::RawValue;

use crate::json::{List, Text, wire_struct};

wire_struct! {
    /// A request. Source: translation.md A.2, A.8 to A.11, column CC.
    pub(super) struct ChatRequest<'a> {
        model: Text<'a> = "model",
        messages: List<Message<'a>> = "messages",
        tools: List<Tool<'a>> = "tools",
        functions: List<Function<'a>> = "functions",
        tool_choice: &'a RawValue = "tool_choice",
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
        n: u64 = "n",
        logprobs: bool = "logprobs",
        top_logprobs: &'a RawValue = "top_logprobs",
        max_tokens: u64 = "max_tokens",
        max_completion_tokens: u64 = "max_completion_tokens",
        response_format: ResponseFormat<'a> = "response_format",
        verbosity: Text<'a> = "verbosity",
        modalities: &'a RawValue = "modalities",
        audio: &'a RawValue = "audio",
        prediction: &'a RawValue = "prediction",
        reasoning_effort: Text<'a> = "reasoning_effort",
        user: &'a RawValue = "user",
        safety_identifier: Text<'a> = "safety_identifier",
        prompt_cache_key: Text<'a> = "prompt_cache_key",
        metadata: &'a RawValue = "metadata",
        service_tier: Text<'a> = "service_tier",
        stream: bool = "stream",
        stream_options: &'a RawValue = "stream_options",
    }
}

wire_struct! {
    /// A message, of a request or a reply.
    pub(super) struct Message<'a> {
        role: Text<'a> = "role",
        content: &'a RawValue = "content",
        name: Text<'a> = "name",
        tool_calls: List<Call<'a>> = "tool_calls",
        tool_call_id: Text<'a> = "tool_call_id",
        function_call: Function<'a> = "function_call",
        reasoning_content: &'a RawValue = "reasoning_content",
        reasoning: &'a RawValue = "reasoning",
        refusal: &'a RawValue = "refusal",
        annotations: &'a RawValue = "annotations",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    /// A content part.
    pub(super) struct ContentPart<'a> {
        kind: Text<'a> = "type",
        text: Text<'a> = "text",
        refusal: Text<'a> = "refusal",
        image_url: &'a RawValue = "image_url",
        video_url: &'a RawValue = "video_url",
        input_audio: Audio<'a> = "input_audio",
        file: File<'a> = "file",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! { pub(super) struct Link<'a> { url: Text<'a> = "url", detail: &'a RawValue = "detail" } }
wire_struct! { pub(super) struct Audio<'a> { data: Text<'a> = "data", format: Text<'a> = "format" } }
wire_struct! {
    pub(super) struct File<'a> {
        filename: Text<'a> = "filename",
        file_data: Text<'a> = "file_data",
        file_id: Text<'a> = "file_id",
    }
}

wire_struct! {
    /// A declared tool.
    pub(super) struct Tool<'a> {
        kind: Text<'a> = "type",
        function: Function<'a> = "function",
        custom: Function<'a> = "custom",
        cache_control: &'a RawValue = "cache_control",
    }
}

wire_struct! {
    /// A function or custom tool, declared or called. Names that are no strings count as missing (E131).
    pub(super) struct Function<'a> {
        name: &'a RawValue = "name",
        description: Text<'a> = "description",
        parameters: &'a RawValue = "parameters",
        strict: bool = "strict",
        format: &'a RawValue = "format",
        cache_control: &'a RawValue = "cache_control",
        arguments: &'a RawValue = "arguments",
        input: Text<'a> = "input",
    }
}

wire_struct! {
    /// A call, whole or a piece of one.
    pub(super) struct Call<'a> {
        index: u32 = "index",
        id: Text<'a> = "id",
        kind: Text<'a> = "type",
        function: Function<'a> = "function",
        custom: Function<'a> = "custom",
    }
}

wire_struct! {
    pub(super) struct ResponseFormat<'a> { kind: Text<'a> = "type", json_schema: JsonSchema<'a> = "json_schema" }
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
    pub(super) struct Choice<'a> {
        kind: Text<'a> = "type",
        function: Function<'a> = "function",
        custom: Function<'a> = "custom",
        name: Text<'a> = "name",
        allowed_tools: Allowed<'a> = "allowed_tools",
    }
}
wire_struct! { pub(super) struct Allowed<'a> { mode: Text<'a> = "mode", tools: List<Choice<'a>> = "tools" } }
wire_struct! { pub(super) struct StreamOptions<'a> { include_usage: bool = "include_usage" } }

wire_struct! {
    /// A whole reply, or one chunk of a stream.
    pub(super) struct Reply<'a> {
        id: Text<'a> = "id",
        object: Text<'a> = "object",
        model: Text<'a> = "model",
        created: &'a RawValue = "created",
        choices: List<ReplyChoice<'a>> = "choices",
        usage: Tokens<'a> = "usage",
        service_tier: Text<'a> = "service_tier",
        error: &'a RawValue = "error",
    }
}
wire_struct! {
    pub(super) struct ReplyChoice<'a> {
        index: u32 = "index",
        message: Message<'a> = "message",
        delta: Message<'a> = "delta",
        finish_reason: Text<'a> = "finish_reason",
        logprobs: &'a RawValue = "logprobs",
    }
}
wire_struct! {
    pub(super) struct Tokens<'a> {
        prompt: u64 = "prompt_tokens" | "input_tokens",
        completion: u64 = "completion_tokens" | "output_tokens",
        total: u64 = "total_tokens",
        prompt_details: PromptTokens<'a> = "prompt_tokens_details",
        completion_details: CompletionTokens<'a> = "completion_tokens_details",
    }
}
wire_struct! {
    pub(super) struct PromptTokens<'a> {
        cached: u64 = "cached_tokens",
        written: u64 = "cache_write_tokens" | "cached_creation_tokens",
        audio: u64 = "audio_tokens",
    }
}
wire_struct! {
    pub(super) struct CompletionTokens<'a> {
        reasoning: u64 = "reasoning_tokens",
        audio: u64 = "audio_tokens",
        accepted: u64 = "accepted_prediction_tokens",
        rejected: u64 = "rejected_prediction_tokens",
    }
}
