//! One item, one turn.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::carrier::{self, Carried};
use super::super::{RESPONSES, ids, wire};
use super::{mark, part};
use crate::codec::CodecError;
use crate::json::read::{Loose, Reading, filled, plain, read, wrong};
use crate::json::{List, Text};
use crate::model::{
    Args, Bind, Media, MediaClass, MediaSource, Namespace, Opaque, Part, PartKind, Reasoning, Role,
    ServerPart, ToolCall, ToolResult, Turn,
};
use crate::pass::media::sniff;
use crate::pass::names::qualified;

/// One item as a turn; `None` for one that has to stay whole.
pub(super) fn known<'a>(kind: &str, item: wire::Item<'a>) -> Result<Option<Turn<'a>>, CodecError> {
    let (role, part) = match kind {
        "message" => return message(item).map(Some),
        "" if item.role.is_some() => return message(item).map(Some),
        "" => return Err(wrong("type", "missing")),
        "reasoning" => {
            let thoughts = reasoning(item, Reading::Request)?;
            return Ok(Some(Turn::new(Role::Assistant, thoughts.into_iter().collect())));
        }
        "function_call" | "custom_tool_call" => (Role::Assistant, call(item, kind, Reading::Request)?),
        "function_call_output" | "custom_tool_call_output" => (Role::Tool, result(item)?),
        _ => return Ok(None),
    };
    Ok(Some(Turn::new(role, vec![part])))
}

/// One item as a turn, from its text; the tools that it declares are `late`.
pub(super) fn turn<'a>(raw: &'a RawValue, late: &mut Vec<&'a RawValue>) -> Result<Turn<'a>, CodecError> {
    let mut item: wire::Item<'a> = read(raw, "")?;
    let kind = plain(item.kind.take());
    let (role, part) = match &*kind {
        "web_search_call" => (Role::Assistant, server(raw, &item)),
        "additional_tools" => {
            let tools: wire::Tool<'a> = read(raw, "")?;
            late.extend(tools.tools.unwrap_or_default().0);
            (Role::Developer, opaque(raw, kind))
        }
        _ => {
            if let Some(turn) = known(&kind, item)? {
                return Ok(turn);
            }
            let role = match kind.ends_with("_output") || kind.ends_with("_response") {
                true => Role::Tool,
                false => Role::Assistant,
            };
            (role, opaque(raw, kind))
        }
    };
    Ok(Turn::new(role, vec![part]))
}

/// What only this format has, whole. An item's part has an id, if an empty one: a message's has none.
fn opaque<'a>(raw: &'a RawValue, kind: Cow<'a, str>) -> Part<'a> {
    let kind = PartKind::Opaque(Opaque { format: RESPONSES, kind, raw: Cow::Borrowed(raw) });
    Part { id: Some(Text::default()), ..Part::new(kind) }
}

fn server<'a>(raw: &'a RawValue, item: &wire::Item<'a>) -> Part<'a> {
    let kind = PartKind::Server(ServerPart {
        format: RESPONSES,
        kind: Cow::Borrowed("web_search_call"),
        id: filled(item.id),
        name: Some(Cow::Borrowed("web_search")),
        raw: Cow::Borrowed(raw),
    });
    Part { id: Some(Text::default()), ..Part::new(kind) }
}

fn message(item: wire::Item<'_>) -> Result<Turn<'_>, CodecError> {
    let role = match &*plain(item.role) {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => {
            let what = format!("expected system, developer, user or assistant, found {other:?}");
            return Err(wrong("role", &what));
        }
    };
    let mut turn = Turn::new(role, Vec::new());
    if let Some(raw) = item.content {
        (turn.parts, turn.plain) = part::content(raw, "content", Reading::Request)?;
    }
    turn.cache = item.cache_control.map(mark);
    turn.extras = item.extras;
    turn.extras.extend(item.id.map(|raw| (Cow::Borrowed("id"), raw)));
    Ok(turn)
}

/// The part whose state a turn only carries: the last one before it, a text or a call without state of its own (B34).
pub(super) fn bearer<'t, 'a>(before: &'t mut Turn<'a>, carrier: &Turn<'_>) -> Option<&'t mut Part<'a>> {
    let [Part { kind: PartKind::Reasoning(reasoning), signature: Some(_), .. }] = carrier.parts.as_slice()
    else {
        return None;
    };
    let carries =
        reasoning.bind == Bind::Previous && reasoning.summary.is_empty() && reasoning.raw.is_empty();
    let part = before.parts.last_mut().filter(|_| carries && before.role == Role::Assistant)?;
    let fits = matches!(part.kind, PartKind::Text { .. } | PartKind::ToolCall(_)) && part.signature.is_none();
    fits.then_some(part)
}

/// A reasoning item. `None` when it says nothing: redacted thoughts without data (E042), empty state (E391).
fn reasoning(item: wire::Item<'_>, reading: Reading) -> Result<Option<Part<'_>>, CodecError> {
    let mut said = Reasoning {
        summary: texts(item.summary, "summary", reading)?,
        raw: texts(item.content, "content", reading)?,
        ..Reasoning::default()
    };
    let mut signature = None;
    if let Some(text) = reading.text(item.encrypted_content, "encrypted_content")? {
        match carrier::read(text) {
            Carried::State(state, bind) => {
                said.bind = bind;
                signature = Some(state);
            }
            Carried::Redacted(data) => said.redacted = Some(data),
            Carried::Nothing => {
                if said.summary.iter().chain(&said.raw).all(Text::is_empty) {
                    return Ok(None);
                }
            }
        }
    }
    let id = Some(reading.text(item.id, "id")?.unwrap_or_default());
    let extras = item.extras;
    Ok(Some(Part { id, extras, ..Part::new(PartKind::Reasoning(said)).with_signature(signature) }))
}

crate::json::wire_struct! {
    struct TextPart<'a> { text: Text<'a> = "text" }
}

/// The texts of a summary or of a chain of thought.
fn texts<'a>(raw: Option<&'a RawValue>, name: &str, reading: Reading) -> Result<Vec<Text<'a>>, CodecError> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    if reading == Reading::Reply {
        let parts: List<Loose<TextPart<'_>>> = read(raw, name).unwrap_or_default();
        return Ok(parts.0.into_iter().filter_map(Loose::known).filter_map(|part| part.text).collect());
    }
    let parts: List<TextPart<'_>> = read(raw, name)?;
    Ok(parts.0.into_iter().filter_map(|part| part.text).collect())
}

fn call<'a>(item: wire::Item<'a>, kind: &str, reading: Reading) -> Result<Part<'a>, CodecError> {
    let args = match kind {
        "custom_tool_call" => Args::Freeform(reading.text(item.input, "input")?.unwrap_or_default()),
        _ => reading.arguments(item.arguments, "arguments")?,
    };
    let local = plain(reading.text(item.name, "name")?);
    let (name, namespace) = match reading.text(item.namespace, "namespace")? {
        None => (local, None),
        Some(space) => {
            let space = space.into_decoded();
            let name = Cow::Owned(qualified(&local, Some(&space)).into_owned());
            (name, Some(Namespace { name: space, local, description: None }))
        }
    };
    let id = reading.text(item.call_id, "call_id")?.unwrap_or_default();
    let call = PartKind::ToolCall(ToolCall { id, name, namespace, args });
    let id = Some(reading.text(item.id, "id")?.unwrap_or_default());
    Ok(Part { id, extras: item.extras, ..Part::new(call) })
}

fn result(item: wire::Item<'_>) -> Result<Part<'_>, CodecError> {
    let text = |raw, name| Reading::Request.text(raw, name);
    let mut result = ToolResult {
        call_id: text(item.call_id, "call_id")?.unwrap_or_default(),
        name: text(item.name, "name")?.map(Text::into_decoded),
        content: Vec::new(),
        is_error: None,
        raw: None,
    };
    match item.output {
        Some(raw) => match Text::from_raw(raw) {
            Some(text) => {
                result.content = part::unwrapped_images(&text).unwrap_or_else(|| vec![Part::text(text)]);
            }
            None if raw.get().starts_with('[') => match part::content(raw, "output", Reading::Request) {
                Ok((parts, _)) => result.content = parts,
                // Plain values in a list are data, no parts (E397).
                Err(_) => result.raw = Some(Cow::Borrowed(raw)),
            },
            None => result.raw = Some(Cow::Borrowed(raw)),
        },
        // A computer's or shell's result has other members; nothing is an empty answer.
        None => result.content = Vec::new(),
    }
    let id = Some(text(item.id, "id")?.unwrap_or_default());
    let cache = item.cache_control.map(mark);
    Ok(Part { id, cache, extras: item.extras, ..Part::new(PartKind::ToolResult(result)) })
}

/// An item of a reply as parts of its one candidate.
pub(in super::super) fn output_part<'a>(
    raw: &'a RawValue,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), CodecError> {
    let mut item: wire::Item<'a> = match read(raw, "") {
        Ok(item) => item,
        Err(_) if raw.get() == "null" => return Ok(()),
        // What cannot be read stays whole.
        Err(_) => {
            parts.push(opaque(raw, part::type_of(raw)));
            return Ok(());
        }
    };
    let kind = plain(item.kind.take());
    let found = match &*kind {
        "message" => {
            let id = filled(item.id);
            let content =
                item.content.map(|raw| part::content(raw, "content", Reading::Reply)).transpose()?;
            let (said, _) = content.unwrap_or_default();
            let first = parts.len();
            parts.extend(said.into_iter().map(|part| Part { id: id.clone(), ..part }));
            // An item of a reply has no turn of its own: what is not read of it stands with the first of its parts.
            if let Some(part) = parts.get_mut(first) {
                part.extras.extend(item.extras);
            }
            return Ok(());
        }
        "reasoning" => match reasoning(item, Reading::Reply)? {
            Some(part) => part,
            None => return Ok(()),
        },
        "function_call" | "custom_tool_call" => {
            let mut part = call(item, &kind, Reading::Reply)?;
            if let PartKind::ToolCall(call) = &mut part.kind
                && call.id.size_hint() > 64
            {
                // Source: translation.md B3, E249.
                call.id = Text::plain(ids::call_id(&call.id.decoded()).into_owned());
            }
            part
        }
        "web_search_call" => {
            // One per id (E253).
            let known = |part: &Part<'_>| match &part.kind {
                PartKind::Server(server) => server.id.is_some() && server.id == filled(item.id),
                _ => false,
            };
            if parts.iter().any(known) {
                return Ok(());
            }
            server(raw, &item)
        }
        "image_generation_call" => match image(&item) {
            Some(media) => {
                Part { id: filled(item.id), extras: item.extras, ..Part::new(PartKind::Media(media)) }
            }
            None => return Ok(()),
        },
        _ => opaque(raw, kind),
    };
    parts.push(found);
    Ok(())
}

/// The picture that a call made.
fn image<'a>(item: &wire::Item<'a>) -> Option<Media<'a>> {
    let data = filled(item.result)?;
    let mime = image_mime(filled(item.output_format).as_ref(), &data);
    let source = MediaSource::Base64 { mime, data };
    Some(Media::new(MediaClass::Image, source))
}

/// The media type of a picture: as it says, else as its bytes say.
pub(in super::super) fn image_mime(format: Option<&Text<'_>>, data: &Text<'_>) -> Cow<'static, str> {
    match format.map(Text::decoded).as_deref() {
        Some("jpg" | "jpeg") => Cow::Borrowed("image/jpeg"),
        Some("svg") => Cow::Borrowed("image/svg+xml"),
        Some("webp") => Cow::Borrowed("image/webp"),
        Some("gif") => Cow::Borrowed("image/gif"),
        Some("png") => Cow::Borrowed("image/png"),
        Some(other) if !other.is_empty() => Cow::Owned(format!("image/{other}")),
        _ => Cow::Borrowed(data.as_plain().and_then(sniff).unwrap_or("image/png")),
    }
}
