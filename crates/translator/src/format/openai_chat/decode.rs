//! Requests, from the wire to the canonical model: one turn a message, nothing merged.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::wire::{
    Call, ChatRequest, Choice, ContentPart, Function, Link, Message, ResponseFormat, StreamOptions,
    Tool as WireTool,
};
use super::{NAME, media};
use crate::CodecError;
use crate::json::{List, Raw, Text, kind_of};
use crate::model::{
    Args, Builtin, CacheMark, CustomTool, FunctionTool, Identity, Opaque, OutputFormat, OutputSpec, Part,
    PartKind, Reasoning, ReasoningControl, Request, Role, Sampling, StreamSpec, Summary, Tool, ToolCall,
    ToolChoice, ToolResult, Turn,
};
use crate::pass::reasoning;

pub(super) fn request(body: &[u8]) -> Result<Request<'_>, CodecError> {
    let wire: ChatRequest<'_> = serde_json::from_slice(body)?;
    let mut turns = Vec::new();
    let Some(messages) = wire.messages else { return Err(no_messages(&wire.extras)) };
    for (index, message) in messages.0.into_iter().enumerate() {
        turns.push(turn(message).map_err(|error| at(&format!("messages[{index}]"), &error))?);
    }
    let mut tools: Vec<Tool<'_>> =
        wire.tools.unwrap_or_default().0.into_iter().map(tool).collect::<Result<_, _>>()?;
    tools.extend(
        wire.functions.unwrap_or_default().0.into_iter().map(|function| Tool::Function(declared(function))),
    );
    let tool_choice = match (wire.tool_choice, wire.function_call) {
        (Some(raw), _) => Some(choice(raw)?),
        (None, Some(raw)) => Some(legacy_choice(raw)?),
        (None, None) => None,
    };
    let options: StreamOptions<'_> =
        wire.stream_options.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    Ok(Request {
        source: NAME,
        model: wire.model.map(Text::into_decoded).unwrap_or_default(),
        turns,
        tools,
        tool_choice,
        parallel_tools: wire.parallel_tool_calls,
        sampling: Sampling {
            temperature: raw(wire.temperature),
            top_p: raw(wire.top_p),
            top_k: raw(wire.top_k),
            frequency_penalty: raw(wire.frequency_penalty),
            presence_penalty: raw(wire.presence_penalty),
            logit_bias: raw(wire.logit_bias),
            seed: raw(wire.seed),
            stop: wire.stop.map(stop).transpose()?.unwrap_or_default(),
            candidates: wire.n,
            logprobs: wire.logprobs,
            top_logprobs: raw(wire.top_logprobs),
        },
        // Old clients set both identically; `max_tokens` wins. Source: translation.md B91, E021.
        max_output: wire.max_tokens.or(wire.max_completion_tokens),
        output: OutputSpec {
            format: wire.response_format.and_then(output_format),
            verbosity: wire.verbosity,
            modalities: raw(wire.modalities),
            audio: raw(wire.audio),
            prediction: raw(wire.prediction),
        },
        reasoning: control(wire.reasoning_effort.as_ref()),
        identity: Identity {
            // A value that is no string is ignored (E571).
            user: wire.user.and_then(Text::from_raw),
            safety_identifier: wire.safety_identifier,
            prompt_cache_key: wire.prompt_cache_key,
            session: None,
            metadata: raw(wire.metadata),
        },
        service_tier: wire.service_tier,
        stream: StreamSpec {
            enabled: wire.stream.unwrap_or(false),
            include_usage: options.include_usage.unwrap_or(false),
            options: raw(wire.stream_options),
        },
        extras: wire.extras,
        ..Request::default()
    })
}

/// Source: http-api.md A.3: a body with `input` or `instructions` is of the Responses format.
fn no_messages(extras: &crate::json::Extras<'_>) -> CodecError {
    let responses = extras.iter().any(|(key, _)| key == "input" || key == "instructions");
    CodecError::malformed(if responses {
        "`messages` is missing and the body is of the Responses format, which /v1/responses will serve: not built yet"
    } else {
        "`messages` is missing"
    })
    .with_param("messages")
}

fn at(path: &str, error: &CodecError) -> CodecError {
    CodecError::malformed(format!("{path}: {error}")).with_param(path)
}

pub(super) fn raw(value: Option<&RawValue>) -> Option<Raw<'_>> {
    value.map(Cow::Borrowed)
}

fn mark(value: Option<&RawValue>) -> Option<CacheMark<'_>> {
    value.filter(|raw| raw.get().starts_with('{')).map(|raw| CacheMark { raw: Cow::Borrowed(raw) })
}

/// A string that may be anything else: then it is not there.
pub(super) fn lenient(raw: Option<&RawValue>) -> Option<Text<'_>> {
    raw.and_then(Text::from_raw).filter(|text| !text.is_empty())
}

fn turn(message: Message<'_>) -> Result<Turn<'_>, CodecError> {
    let word = message.role.as_ref().map(Text::decoded).unwrap_or_default().into_owned();
    let role = match word.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        "" => return Err(CodecError::malformed("`role` is missing")),
        other => {
            return Err(CodecError::malformed(format!(
                "unknown role {other:?}: expected system, developer, user, assistant or tool"
            )));
        }
    };
    let mut parts = Vec::new();
    let (content, plain) = content(message.content)?;
    let mut name = message.name;
    if role == Role::Tool {
        let name = name.take().map(Text::into_decoded);
        // Legacy function messages name the function in place of a call.
        let call_id = message
            .tool_call_id
            .or_else(|| (word == "function").then(|| Text::plain(name.clone().unwrap_or_default())));
        let result = ToolResult {
            call_id: call_id.unwrap_or_default(),
            name,
            content,
            is_error: None,
            raw: message.content.filter(|raw| raw.get().starts_with('{')).map(Cow::Borrowed),
        };
        parts.push(Part::new(PartKind::ToolResult(result)));
    } else {
        parts.extend(thoughts(message.reasoning_content.or(message.reasoning)));
        parts.extend(content);
        if let Some(text) = lenient(message.refusal) {
            parts.push(Part::new(PartKind::Refusal(text)));
        }
        for call in message.tool_calls.unwrap_or_default().0 {
            parts.push(Part::new(PartKind::ToolCall(tool_call(call))));
        }
        if let Some(function) = message.function_call {
            let name = lenient(function.name).map(Text::into_decoded).unwrap_or_default();
            let id = Text::plain(name.clone());
            let args = arguments(function.arguments);
            parts.push(Part::new(PartKind::ToolCall(ToolCall { id, name, namespace: None, args })));
        }
    }
    Ok(Turn { role, name, parts, plain, cache: mark(message.cache_control), extras: message.extras })
}

/// Readable thoughts of providers that give them back and want them back (B36).
pub(super) fn thoughts(raw: Option<&RawValue>) -> Option<Part<'_>> {
    let text = lenient(raw)?;
    Some(Part::new(PartKind::Reasoning(Reasoning { summary: vec![text], ..Reasoning::default() })))
}

/// The content of a message: a string, parts, or nothing.
fn content(raw: Option<&RawValue>) -> Result<(Vec<Part<'_>>, bool), CodecError> {
    let Some(raw) = raw else { return Ok((Vec::new(), false)) };
    if let Some(text) = Text::from_raw(raw) {
        return Ok((vec![Part::text(text)], true));
    }
    match raw.get().as_bytes().first() {
        Some(b'[') => {}
        Some(b'{') => return Ok((Vec::new(), false)),
        _ => {
            return Err(CodecError::malformed(format!(
                "content: expected a string or an array, found {}",
                kind_of(raw)
            )));
        }
    }
    let raws: List<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|error| CodecError::malformed(format!("content{error}")))?;
    let mut parts = Vec::with_capacity(raws.0.len());
    for (index, raw) in raws.0.into_iter().enumerate() {
        if let Some(text) = Text::from_raw(raw) {
            parts.push(Part::text(text));
            continue;
        }
        let wire: ContentPart<'_> = serde_json::from_str(raw.get())
            .map_err(|error| CodecError::malformed(format!("content[{index}]: {error}")))?;
        parts.push(part(wire, raw));
    }
    Ok((parts, false))
}

fn part<'a>(wire: ContentPart<'a>, raw: &'a RawValue) -> Part<'a> {
    let kind = wire.kind.as_ref().map(Text::decoded).unwrap_or_default().into_owned();
    let known = match kind.as_str() {
        "text" | "input_text" | "output_text" | "" => {
            wire.text.map(|text| PartKind::Text { text, citations: None })
        }
        "refusal" => wire.refusal.map(PartKind::Refusal),
        "image_url" => wire.image_url.and_then(link).and_then(|link| media::image(link).map(PartKind::Media)),
        "video_url" => wire.video_url.and_then(link).and_then(|link| media::video(link).map(PartKind::Media)),
        "input_audio" => wire.input_audio.and_then(media::audio).map(PartKind::Media),
        "file" => wire.file.and_then(media::file).map(PartKind::Media),
        _ => None,
    };
    let kind = known.unwrap_or(PartKind::Opaque(Opaque {
        format: NAME,
        kind: Cow::Owned(kind),
        raw: Cow::Borrowed(raw),
    }));
    let mut part = Part::new(kind).with_cache(mark(wire.cache_control));
    if !matches!(part.kind, PartKind::Opaque(_)) {
        part.extras = wire.extras;
    }
    part
}

/// `{"url":…}`, or the URL itself as some clients send it.
fn link(raw: &RawValue) -> Option<Link<'_>> {
    match Text::from_raw(raw) {
        Some(url) => Some(Link { url: Some(url), ..Link::default() }),
        None => serde_json::from_str(raw.get()).ok(),
    }
}

/// A call of a message or a reply.
pub(super) fn tool_call(call: Call<'_>) -> ToolCall<'_> {
    let id = call.id.unwrap_or_default();
    if let Some(custom) = call.custom {
        let name = lenient(custom.name).map(Text::into_decoded).unwrap_or_default();
        return ToolCall {
            id,
            name,
            namespace: None,
            args: Args::Freeform(custom.input.unwrap_or_default()),
        };
    }
    let function = call.function.unwrap_or_default();
    let name = lenient(function.name).map(Text::into_decoded).unwrap_or_default();
    ToolCall { id, name, namespace: None, args: arguments(function.arguments) }
}

/// JSON in a string; some services send the object itself.
fn arguments(raw: Option<&RawValue>) -> Args<'_> {
    match raw.map(|raw| (raw, Text::from_raw(raw))) {
        Some((_, Some(text))) => Args::Encoded(text),
        Some((raw, None)) if raw.get() != "null" => Args::Json(Cow::Borrowed(raw)),
        _ => Args::Encoded(Text::default()),
    }
}

fn tool(wire: WireTool<'_>) -> Result<Tool<'_>, CodecError> {
    let kind = wire.kind.as_ref().map(Text::decoded).unwrap_or_default().into_owned();
    if let Some(custom) = wire.custom {
        let name = lenient(custom.name).map(Text::into_decoded).unwrap_or_default();
        let tool = CustomTool {
            name,
            description: custom.description,
            format: raw(custom.format),
            extras: custom.extras,
        };
        return Ok(Tool::Custom(tool));
    }
    if let Some(function) = wire.function {
        let cache = mark(wire.cache_control);
        let mut tool = declared(function);
        tool.cache = cache.or(tool.cache);
        return Ok(Tool::Function(tool));
    }
    if kind == "function" || kind == "custom" || kind.is_empty() {
        return Err(CodecError::malformed("tools: a tool without `function` or `custom`").with_param("tools"));
    }
    // A typed tool of some service: kept for its own family.
    let mut object = serde_json::Map::new();
    object.insert("type".to_owned(), kind.clone().into());
    for (key, raw) in wire.extras {
        object.insert(key.into_owned(), serde_json::from_str(raw.get())?);
    }
    let whole = crate::json::raw(serde_json::Value::Object(object).to_string())?;
    Ok(Tool::Builtin(Builtin {
        format: NAME,
        kind: Cow::Owned(kind),
        name: None,
        raw: Cow::Owned(whole),
        cache: None,
    }))
}

fn declared(function: Function<'_>) -> FunctionTool<'_> {
    FunctionTool {
        name: lenient(function.name).map(Text::into_decoded).unwrap_or_default(),
        namespace: None,
        description: function.description,
        schema: raw(function.parameters),
        strict: function.strict,
        cache: mark(function.cache_control),
        extras: function.extras,
    }
}

/// Every form of `tool_choice`. Source: translation.md A.7; both spellings of custom, F23.
fn choice(value: &RawValue) -> Result<ToolChoice<'_>, CodecError> {
    if let Some(word) = Text::from_raw(value) {
        return match &*word.decoded() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" | "any" => Ok(ToolChoice::Any),
            other => Err(CodecError::malformed(format!("tool_choice: unknown word {other:?}"))
                .with_param("tool_choice")),
        };
    }
    let wire: Choice<'_> = serde_json::from_str(value.get())
        .map_err(|error| CodecError::malformed(format!("tool_choice: {error}")).with_param("tool_choice"))?;
    let kind = wire.kind.as_ref().map(Text::decoded).unwrap_or_default().into_owned();
    if let Some(allowed) = wire.allowed_tools {
        let required = allowed.mode.as_ref().is_some_and(|mode| *mode == "required");
        let names = allowed.tools.unwrap_or_default().0.into_iter().filter_map(chosen).collect();
        return Ok(ToolChoice::Allowed { required, names });
    }
    let custom = wire.custom.is_some() || kind == "custom";
    match chosen(wire) {
        Some(name) => Ok(ToolChoice::Tool { name, custom }),
        None => Ok(ToolChoice::Hosted { format: NAME, raw: Cow::Borrowed(value) }),
    }
}

fn chosen(wire: Choice<'_>) -> Option<Cow<'_, str>> {
    let nested = wire.function.or(wire.custom).and_then(|function| lenient(function.name));
    nested.or(wire.name).map(Text::into_decoded)
}

/// `function_call`: `auto`, `none`, or `{"name":…}`.
fn legacy_choice(value: &RawValue) -> Result<ToolChoice<'_>, CodecError> {
    match Text::from_raw(value) {
        Some(_) => choice(value),
        None => {
            let wire: Function<'_> = serde_json::from_str(value.get())?;
            let name = lenient(wire.name).map(Text::into_decoded).unwrap_or_default();
            Ok(ToolChoice::Tool { name, custom: false })
        }
    }
}

fn stop(value: &RawValue) -> Result<Vec<Text<'_>>, CodecError> {
    match Text::from_raw(value) {
        Some(one) => Ok(vec![one]),
        None => serde_json::from_str::<List<Text<'_>>>(value.get())
            .map(|list| list.0)
            .map_err(|error| CodecError::malformed(format!("stop{error}")).with_param("stop")),
    }
}

fn output_format(wire: ResponseFormat<'_>) -> Option<OutputFormat<'_>> {
    match &*wire.kind?.decoded() {
        "text" => Some(OutputFormat::Text),
        "json_object" => Some(OutputFormat::JsonObject),
        "json_schema" => {
            let schema = wire.json_schema.unwrap_or_default();
            Some(OutputFormat::JsonSchema {
                name: schema.name,
                description: schema.description,
                strict: schema.strict,
                schema: raw(schema.schema),
            })
        }
        _ => None,
    }
}

/// An effort implies that the thoughts are wanted, `none` that they are not. Source: translation.md B44.
fn control(effort: Option<&Text<'_>>) -> ReasoningControl {
    let Some(mut control) = effort.and_then(|effort| reasoning::of_effort(&effort.decoded())) else {
        return ReasoningControl::default();
    };
    let off = control.mode == Some(crate::model::ReasoningMode::Off);
    control.summary = if off { Summary::Disabled } else { Summary::Enabled(None) };
    control
}
