//! One message, one turn.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::wire::{self, Reading, wrong};
use super::part::{self, content, mark, opaque};
use crate::codec::CodecError;
use crate::json::read::{reserve, wrong_type};
use crate::json::{List, Text};
use crate::model::{
    Args, Issuer, Media, MediaClass, Part, PartKind, Reasoning, Role, Signature, ToolCall, ToolResult, Turn,
};
use crate::pass::signature;
use crate::splice::TopLevel;

pub(super) fn turn(mut message: wire::Message<'_>) -> Result<Turn<'_>, CodecError> {
    let role = wire::plain(message.role.take());
    let role = match &*role {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => return result(message, role == "function"),
        "" => return Err(wrong("role", "missing")),
        other => {
            let what = format!("expected system, developer, user, assistant or tool, found {other:?}");
            return Err(wrong("role", &what));
        }
    };
    let mut turn = Turn::new(role, Vec::new());
    turn.name = message.name.take();
    turn.cache = message.cache_control.map(mark);
    turn.extras = std::mem::take(&mut message.extras);
    // For the way back into this family: routers want their own list again.
    if let Some(details) = message.reasoning_details {
        turn.extras.push((Cow::Borrowed("reasoning_details"), details));
    }
    (turn.parts, turn.plain) = parts(message, Reading::Request)?;
    Ok(turn)
}

/// What a message of a request or a reply says, in the order of B35: thoughts, content, refusal, calls.
pub(in super::super) fn parts(
    message: wire::Message<'_>,
    reading: Reading,
) -> Result<(Vec<Part<'_>>, bool), CodecError> {
    let mut parts = Vec::new();
    let details = match message.reasoning_details {
        Some(raw) if reading == Reading::Request => read_details(raw)?,
        raw => raw.map(details).unwrap_or_default(),
    };
    let thoughts = [
        ("reasoning_content", message.reasoning_content),
        ("reasoning", message.reasoning),
        ("reasoning_text", message.reasoning_text),
    ];
    let mut text = None;
    for (name, raw) in thoughts {
        text = text.or(reading.text(raw, name)?);
    }
    match text {
        // The details repeat the text; their signature does not.
        Some(text) => {
            let reasoning = Reasoning { summary: vec![text], ..Reasoning::default() };
            let signature = details.into_iter().find_map(|part| part.signature);
            parts.push(Part::new(PartKind::Reasoning(reasoning)).with_signature(signature));
        }
        None => parts.extend(details),
    }
    let mut plain = false;
    if let Some(raw) = message.content {
        let (said, was_plain) = match reading {
            Reading::Request => content(raw)?,
            Reading::Reply => part::said(raw),
        };
        plain = was_plain;
        if parts.is_empty() { parts = said } else { parts.extend(said) }
    }
    annotate(&mut parts, message.annotations);
    if let Some(refusal) = message.refusal.filter(|text| !text.is_empty()) {
        parts.push(Part::new(PartKind::Refusal(refusal)));
    }
    let images = match message.images {
        Some(raw) if reading == Reading::Request => read_images(raw)?,
        raw => images(raw),
    };
    parts.extend(images.into_iter().map(|media| Part::new(PartKind::Media(media))));
    if let Some(raw) = message.audio {
        parts.push(opaque(raw, "audio"));
    }
    for (index, raw) in message.tool_calls.unwrap_or_default().0.into_iter().enumerate() {
        let place = || format!("tool_calls[{index}]");
        let call: wire::Call<'_> = wire::read(raw, "").map_err(|error| wire::at(&place(), &error))?;
        reserve(&mut parts);
        parts.push(call_part(call, reading).map_err(|error| wire::at(&place(), &error))?);
    }
    if let Some(raw) = message.function_call {
        let function: wire::Function<'_> = wire::read(raw, "function_call")?;
        let call = function_call(Text::default(), Some(function), "function_call", reading)?;
        parts.push(Part::new(PartKind::ToolCall(call)));
    }
    Ok((parts, plain))
}

/// Annotations belong to the text; a reply without text keeps them on an empty one.
fn annotate<'a>(parts: &mut Vec<Part<'a>>, annotations: Option<&'a RawValue>) {
    let Some(raw) = annotations.filter(|raw| !matches!(raw.get(), "[]" | "[ ]")) else { return };
    let text = parts.iter_mut().find_map(|part| match &mut part.kind {
        PartKind::Text { citations, .. } => Some(citations),
        _ => None,
    });
    match text {
        Some(citations) => *citations = Some(Cow::Borrowed(raw)),
        None => parts
            .push(Part::new(PartKind::Text { text: Text::default(), citations: Some(Cow::Borrowed(raw)) })),
    }
}

/// The non-standard `images` of a reply (A.4).
pub(in super::super) fn images(raw: Option<&RawValue>) -> Vec<Media<'_>> {
    let list: List<&RawValue> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    list.0
        .into_iter()
        .filter_map(|raw| serde_json::from_str::<wire::Part<'_>>(raw.get()).ok()?.image_url)
        .filter_map(|raw| part::link(raw, MediaClass::Image).ok().flatten())
        .collect()
}

/// As [`images`], of a request, which is told what is wrong.
fn read_images(raw: &RawValue) -> Result<Vec<Media<'_>>, CodecError> {
    let list: List<&RawValue> = list(raw, "images")?;
    let mut images = Vec::with_capacity(list.0.len());
    for (index, raw) in list.0.into_iter().enumerate() {
        let place = |error: &CodecError| wire::at(&format!("images[{index}]"), error);
        let image: wire::Part<'_> = wire::read(raw, "").map_err(|error| place(&error))?;
        let Some(raw) = image.image_url else { return Err(place(&wrong("image_url", "missing"))) };
        let link = part::link(raw, MediaClass::Image).map_err(|error| wire::at("image_url", &error));
        images.extend(link.map_err(|error| place(&error))?);
    }
    Ok(images)
}

/// A router's `reasoning_details`: texts, summaries, and encrypted state.
pub(in super::super) fn details(raw: &RawValue) -> Vec<Part<'_>> {
    detail_parts(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// As [`details`], of a request, which is told what is wrong.
fn read_details(raw: &RawValue) -> Result<Vec<Part<'_>>, CodecError> {
    list(raw, "reasoning_details").map(detail_parts)
}

/// A list in a request.
fn list<'a, T: serde::Deserialize<'a>>(raw: &'a RawValue, name: &str) -> Result<List<T>, CodecError> {
    if !raw.get().starts_with('[') {
        return Err(wrong_type(name, "an array", raw));
    }
    wire::read(raw, name)
}

fn detail_parts(list: List<wire::Detail<'_>>) -> Vec<Part<'_>> {
    let mut parts = Vec::with_capacity(list.0.len());
    for detail in list.0 {
        let signature = some(detail.signature).or_else(|| some(detail.data));
        let summary: Vec<_> = some(detail.text.or(detail.summary)).into_iter().collect();
        if summary.is_empty() && signature.is_none() {
            continue;
        }
        let kind = PartKind::Reasoning(Reasoning { summary, ..Reasoning::default() });
        parts.push(Part::new(kind).with_signature(signature.map(part::signed)));
    }
    parts
}

fn some(text: Option<Text<'_>>) -> Option<Text<'_>> {
    text.filter(|text| !text.is_empty())
}

fn call_part(call: wire::Call<'_>, reading: Reading) -> Result<Part<'_>, CodecError> {
    let id = reading.text(call.id, "id")?.unwrap_or_default();
    let custom =
        call.kind.as_ref().map_or(call.function.is_none() && call.custom.is_some(), |kind| *kind == "custom");
    let signature = call.extra_content.and_then(thought_signature);
    let mut extras = call.extras;
    let callee = [call.function.as_ref().map(|of| &of.extras), call.custom.as_ref().map(|of| &of.extras)];
    for (key, raw) in callee.into_iter().flatten().flatten() {
        extras.push((Cow::Owned(format!("function.{key}")), raw));
    }
    let tool_call = if custom {
        let custom = call.custom.unwrap_or_default();
        ToolCall {
            id,
            name: wire::plain(reading.text(custom.name, "custom.name")?),
            namespace: None,
            args: Args::Freeform(reading.text(custom.input, "custom.input")?.unwrap_or_default()),
        }
    } else {
        function_call(id, call.function, "function", reading)?
    };
    if let Some(raw) = call.extra_content {
        extras.push((Cow::Borrowed("extra_content"), raw));
    }
    Ok(Part { extras, ..Part::new(PartKind::ToolCall(tool_call)).with_signature(signature) })
}

fn function_call<'a>(
    id: Text<'a>,
    function: Option<wire::Function<'a>>,
    place: &str,
    reading: Reading,
) -> Result<ToolCall<'a>, CodecError> {
    let function = function.unwrap_or_default();
    let within = |error: CodecError| wire::at(place, &error);
    Ok(ToolCall {
        id,
        name: wire::plain(reading.text(function.name, "name").map_err(within)?),
        namespace: None,
        args: reading.arguments(function.arguments, "arguments").map_err(within)?,
    })
}

/// Gemini's signature where its compatible endpoint has it. Source: translation.md A.5.
pub(in super::super) fn thought_signature(raw: &RawValue) -> Option<Signature<'_>> {
    let google = TopLevel::scan(raw.get().as_bytes()).ok()?.object("google")?;
    let value: Text<'_> = serde_json::from_str(google.raw("thought_signature").ok()??).ok()?;
    if value.is_empty() {
        return None;
    }
    // The slot is Google's; what has another issuer's form did not come from there (E363).
    let issuer = match signature::classify(&value.decoded()) {
        Issuer::Unknown => Issuer::Gemini,
        known => known,
    };
    Some(Signature { issuer, value })
}

/// A `tool` message, or a legacy `function` message, which names the function in place of the call.
fn result(mut message: wire::Message<'_>, legacy: bool) -> Result<Turn<'_>, CodecError> {
    let (parts, plain) = match message.content {
        Some(raw) if matches!(raw.get().as_bytes().first(), Some(b'"' | b'[')) => content(raw)?,
        _ => (Vec::new(), false),
    };
    let raw = message.content.filter(|raw| !matches!(raw.get().as_bytes().first(), Some(b'"' | b'[')));
    let name = message.name.take();
    if legacy && name.is_none() {
        return Err(wrong("name", "missing"));
    }
    let mut turn = Turn::new(
        Role::Tool,
        vec![Part::new(PartKind::ToolResult(ToolResult {
            call_id: message.tool_call_id.unwrap_or_default(),
            name: name.map(Text::into_decoded),
            content: parts,
            is_error: None,
            raw: raw.map(Cow::Borrowed),
        }))],
    );
    turn.plain = plain;
    turn.cache = message.cache_control.map(mark);
    turn.extras = message.extras;
    Ok(turn)
}
