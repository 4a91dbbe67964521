//! Wire objects of generateContent: lenient in, both spellings of every member. What goes out is written field by
//! field. Source: translation.md A, columns GE; the Gen AI SDK's type definitions.

use serde_json::value::RawValue;

pub(super) use super::usage::Counts as Usage;
use crate::json::{List, Text, wire_struct};

wire_struct! {
    /// The envelope of the dialects.
    pub(super) struct Envelope<'a> {
        model: Text<'a> = "model",
        request: &'a RawValue = "request",
        /// Where some clients leave it; it belongs into the request. Source: translation.md A.15.
        tool_config: &'a RawValue = "toolConfig" | "tool_config",
    }
}

wire_struct! {
    pub(super) struct Request<'a> {
        model: &'a RawValue = "model",
        contents: List<&'a RawValue> = "contents",
        system_instruction: &'a RawValue = "systemInstruction" | "system_instruction",
        tools: List<&'a RawValue> = "tools",
        tool_config: &'a RawValue = "toolConfig" | "tool_config",
        generation_config: &'a RawValue = "generationConfig" | "generation_config",
        service_tier: &'a RawValue = "serviceTier" | "service_tier",
        session_id: &'a RawValue = "session_id" | "sessionId",
        /// Only in requests that count tokens: the request to count.
        counted: &'a RawValue = "generateContentRequest" | "generate_content_request",
    }
}

wire_struct! {
    pub(super) struct Content<'a> {
        role: &'a RawValue = "role",
        parts: &'a RawValue = "parts",
    }
}

wire_struct! {
    pub(super) struct Part<'a> {
        text: Text<'a> = "text",
        thought: &'a RawValue = "thought",
        signature: &'a RawValue = "thoughtSignature" | "thought_signature",
        inline_data: Blob<'a> = "inlineData" | "inline_data",
        file_data: FileData<'a> = "fileData" | "file_data",
        function_call: FunctionCall<'a> = "functionCall" | "function_call",
        function_response: FunctionResponse<'a> = "functionResponse" | "function_response",
        executable_code: Head<'a> = "executableCode" | "executable_code",
        code_execution_result: Head<'a> = "codeExecutionResult" | "code_execution_result",
        tool_call: Head<'a> = "toolCall" | "tool_call",
        tool_response: Head<'a> = "toolResponse" | "tool_response",
    }
}

wire_struct! {
    pub(super) struct Blob<'a> {
        mime_type: Text<'a> = "mimeType" | "mime_type",
        data: Text<'a> = "data",
        display_name: Text<'a> = "displayName" | "display_name",
    }
}

wire_struct! {
    pub(super) struct FileData<'a> {
        mime_type: &'a RawValue = "mimeType" | "mime_type",
        file_uri: Text<'a> = "fileUri" | "file_uri",
        display_name: Text<'a> = "displayName" | "display_name",
    }
}

wire_struct! {
    pub(super) struct FunctionCall<'a> {
        id: &'a RawValue = "id" | "call_id" | "callId",
        name: &'a RawValue = "name",
        args: &'a RawValue = "args",
        /// Arguments in pieces (Vertex).
        partial_args: List<PartialArg<'a>> = "partialArgs" | "partial_args",
        will_continue: bool = "willContinue" | "will_continue",
    }
}

wire_struct! {
    pub(super) struct PartialArg<'a> {
        path: Text<'a> = "jsonPath" | "json_path",
        string: Text<'a> = "stringValue" | "string_value",
        number: &'a RawValue = "numberValue" | "number_value",
        boolean: &'a RawValue = "boolValue" | "bool_value",
        null: &'a RawValue = "nullValue" | "null_value",
    }
}

wire_struct! {
    pub(super) struct FunctionResponse<'a> {
        id: &'a RawValue = "id" | "call_id" | "callId",
        name: &'a RawValue = "name",
        response: &'a RawValue = "response",
        parts: List<&'a RawValue> = "parts",
    }
}

wire_struct! {
    /// What is read of a part that is kept whole.
    pub(super) struct Head<'a> { id: &'a RawValue = "id" }
}

wire_struct! {
    pub(super) struct GenerationConfig<'a> {
        temperature: &'a RawValue = "temperature",
        top_p: &'a RawValue = "topP" | "top_p",
        top_k: &'a RawValue = "topK" | "top_k",
        candidate_count: &'a RawValue = "candidateCount" | "candidate_count",
        max_output_tokens: &'a RawValue = "maxOutputTokens" | "max_output_tokens",
        stop_sequences: List<Text<'a>> = "stopSequences" | "stop_sequences",
        presence_penalty: &'a RawValue = "presencePenalty" | "presence_penalty",
        frequency_penalty: &'a RawValue = "frequencyPenalty" | "frequency_penalty",
        seed: &'a RawValue = "seed",
        response_logprobs: &'a RawValue = "responseLogprobs" | "response_logprobs",
        logprobs: &'a RawValue = "logprobs",
        response_mime_type: &'a RawValue = "responseMimeType" | "response_mime_type",
        response_schema: &'a RawValue = "responseSchema" | "response_schema",
        response_json_schema: &'a RawValue = "responseJsonSchema" | "response_json_schema",
        response_modalities: &'a RawValue = "responseModalities" | "response_modalities",
        thinking_config: ThinkingConfig<'a> = "thinkingConfig" | "thinking_config",
    }
}

wire_struct! {
    pub(super) struct ThinkingConfig<'a> {
        include_thoughts: &'a RawValue = "includeThoughts" | "include_thoughts",
        thinking_budget: &'a RawValue = "thinkingBudget" | "thinking_budget",
        thinking_level: &'a RawValue = "thinkingLevel" | "thinking_level",
    }
}

wire_struct! {
    pub(super) struct Tool<'a> {
        functions: List<Declaration<'a>> = "functionDeclarations" | "function_declarations",
    }
}

wire_struct! {
    pub(super) struct Declaration<'a> {
        name: &'a RawValue = "name",
        description: Text<'a> = "description",
        parameters: &'a RawValue = "parameters",
        parameters_json_schema: &'a RawValue = "parametersJsonSchema" | "parameters_json_schema",
    }
}

wire_struct! {
    pub(super) struct ToolConfig<'a> {
        calling: CallingConfig<'a> = "functionCallingConfig" | "function_calling_config",
    }
}

wire_struct! {
    pub(super) struct CallingConfig<'a> {
        mode: &'a RawValue = "mode",
        allowed: List<Text<'a>> = "allowedFunctionNames" | "allowed_function_names",
    }
}

wire_struct! {
    /// A reply, whole or one chunk of a stream.
    pub(super) struct Reply<'a> {
        /// The reply inside an envelope.
        response: &'a RawValue = "response",
        candidates: List<Candidate<'a>> = "candidates",
        prompt_feedback: &'a RawValue = "promptFeedback" | "prompt_feedback",
        usage: Usage = "usageMetadata" | "usage_metadata" | "cpaUsageMetadata",
        model_version: Text<'a> = "modelVersion" | "model_version",
        response_id: Text<'a> = "responseId" | "response_id",
        create_time: Text<'a> = "createTime" | "create_time",
        error: &'a RawValue = "error",
    }
}

wire_struct! {
    pub(super) struct Candidate<'a> {
        index: u32 = "index",
        content: Content<'a> = "content",
        finish_reason: Text<'a> = "finishReason" | "finish_reason",
        finish_message: &'a RawValue = "finishMessage" | "finish_message",
        logprobs: &'a RawValue = "logprobsResult" | "logprobs_result",
        grounding: &'a RawValue = "groundingMetadata" | "grounding_metadata",
    }
}

wire_struct! {
    pub(super) struct Feedback<'a> {
        block_reason: Text<'a> = "blockReason" | "block_reason",
        message: Text<'a> = "blockReasonMessage" | "block_reason_message",
    }
}
