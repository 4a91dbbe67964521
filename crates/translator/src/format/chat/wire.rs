//! Wire objects of Chat Completions: lenient in. What goes out is written field by field.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny};
use serde_json::value::RawValue;

use crate::codec::CodecError;
use crate::json::{List, Text, kind_of, wire_struct};

wire_struct! {
    /// A request. Source: translation.md A.2 to A.11, columns CC.
    pub(super) struct Request<'a> {
        model: Text<'a> = "model",
        messages: List<&'a RawValue> = "messages",
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
        stream: &'a RawValue = "stream",
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
        ours: IgnoredAny = "object" | "error",
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
        repeated: IgnoredAny = "system_fingerprint" | "obfuscation" | "provider",
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
        repeated: IgnoredAny = "native_finish_reason",
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

/// A whole number, also where it is written `1.0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        count(raw).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "expected a whole number, found {}",
                match kind_of(raw) {
                    "a number" => raw.get(),
                    other => other,
                }
            ))
        })
    }
}

/// A whole number that is not negative.
pub(super) fn count(raw: &RawValue) -> Option<u64> {
    let text = raw.get();
    if let Ok(count) = text.parse() {
        return Some(count);
    }
    let float: f64 = text.parse().ok()?;
    // Beyond 2^53 a float is no exact count any more.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is within 0 ..= 2^53 and without fraction"
    )]
    (float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float)).then_some(float as u64)
}

/// The characters of an optional text.
pub(super) fn plain<'a>(text: Option<Text<'a>>) -> Cow<'a, str> {
    text.map(Text::into_decoded).unwrap_or_default()
}

/// A string member that providers also fill with other things; those count as absent, and so does emptiness.
pub(super) fn filled<'a>(raw: Option<&'a RawValue>) -> Option<Text<'a>> {
    raw.and_then(Text::from_raw).filter(|text| !text.is_empty())
}

/// Reads one object; an error names its place.
pub(super) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, place: &str) -> Result<T, CodecError> {
    serde_json::from_str(raw.get()).map_err(|error| misread(&error, place))
}

/// An error of serde as one of ours: the path of the member becomes the param.
pub(super) fn misread(error: &serde_json::Error, place: &str) -> CodecError {
    let message = error.to_string();
    if !error.is_data() {
        return CodecError::malformed(message);
    }
    let message = message.split(" at line ").next().unwrap_or(&message);
    let (path, what) = match message.split_once(": ") {
        Some((path, what)) if !path.contains(' ') => (path, what),
        _ => ("", message),
    };
    let joint = if place.is_empty() || path.is_empty() || path.starts_with('[') { "" } else { "." };
    wrong(&format!("{place}{joint}{path}"), what)
}

/// A member that is not what the format says.
pub(super) fn wrong(param: &str, what: &str) -> CodecError {
    if param.is_empty() {
        return CodecError::malformed(what);
    }
    CodecError::malformed(format!("{param}: {what}")).with_param(param)
}

/// Puts the place in front of an error's path.
pub(super) fn at(place: &str, error: &CodecError) -> CodecError {
    let text = error.to_string();
    match error.param() {
        Some(param) => {
            let joint = if param.starts_with('[') { "" } else { "." };
            let what = text.strip_prefix(param).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
            let path = format!("{place}{joint}{param}");
            CodecError::new(error.kind(), format!("{path}: {what}")).with_param(path)
        }
        None => CodecError::new(error.kind(), format!("{place}: {text}")).with_param(place),
    }
}
