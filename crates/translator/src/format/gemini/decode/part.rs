//! Parts, of contents, results and replies alike.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::{GEMINI, carrier, wire};
use super::string;
use crate::codec::CodecError;
use crate::json::read::{Reading, at, plain, read, wrong, wrong_type};
use crate::json::{List, Text, kind_of};
use crate::model::{
    Args, Bind, Media, MediaClass, MediaSource, Opaque, Part, PartKind, Reasoning, ServerPart, Signature,
    ToolCall, ToolResult,
};
use crate::pass::args::object;
use crate::pass::media::{class_of, lower, mime_of_name};
use crate::splice::TopLevel;

/// The kind of a picture that is a thought; losses name it so.
pub(in super::super) const THOUGHT: &str = "thinking";

/// `parts` of a request: a list, or one part alone.
pub(in super::super) fn list(raw: &RawValue) -> Result<Vec<Part<'_>>, CodecError> {
    let items: List<&RawValue> = match raw.get().as_bytes().first() {
        Some(b'[') => read(raw, "parts")?,
        Some(b'{') => List(vec![raw]),
        _ => return Err(wrong("parts", &format!("expected an array, found {}", kind_of(raw)))),
    };
    let mut parts = Vec::with_capacity(items.0.len());
    for (index, raw) in items.0.into_iter().enumerate() {
        // Some clients leave holes.
        if raw.get() != "null" {
            let part = part(raw, Reading::Request, &mut of_client);
            parts.push(part.map_err(|error| at(&format!("parts[{index}]"), &error))?);
        }
    }
    Ok(parts)
}

/// Reads the signature of a part.
type ReadSignature<'f, 'a> = &'f mut dyn FnMut(Text<'a>) -> Option<(Signature<'a>, Bind)>;

fn of_client(text: Text<'_>) -> Option<(Signature<'_>, Bind)> {
    carrier::of_client(text)
}

/// One part.
pub(in super::super) fn part<'a>(
    raw: &'a RawValue,
    reading: Reading,
    signature: ReadSignature<'_, 'a>,
) -> Result<Part<'a>, CodecError> {
    let wire: wire::Part<'_> = read(raw, "")?;
    let thought = wire.thought.is_some_and(|raw| raw.get() == "true");
    let is_shown = wire.inline_data.is_some() || wire.file_data.is_some();
    if thought && is_shown && wire.function_call.is_none() && wire.function_response.is_none() {
        // A sketch on the way to the answer (F53): no other format thinks in pictures.
        let kind = Cow::Borrowed(THOUGHT);
        return Ok(Part::new(PartKind::Opaque(Opaque { format: GEMINI, kind, raw: Cow::Borrowed(raw) })));
    }
    // A signature of another type is none.
    let (signature, bind) = string(wire.signature).and_then(signature).unzip();
    let said = said(&wire);
    let mut extras = wire.extras;
    if said.iter().filter(|(_, is_there)| *is_there).count() > 1 {
        let names: Vec<_> = said.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
        if reading == Reading::Request {
            // Google refuses it, too: a part is one of them.
            return Err(CodecError::malformed(format!(
                "a part says one thing, found {}",
                names.join(" and ")
            )));
        }
        // What a reply has beside the first is told: no format has a place for it.
        extras.extend(names.iter().skip(1).filter_map(|name| beside(raw, name)));
    }
    let kind = if let Some(call) = wire.function_call {
        call_of(call, reading, &mut extras).map_err(|error| at("functionCall", &error))?
    } else if let Some(response) = wire.function_response {
        PartKind::ToolResult(result(response, reading, &mut extras)?)
    } else if let Some(blob) = wire.inline_data {
        PartKind::Media(inline(blob, &mut extras))
    } else if let Some(file) = wire.file_data {
        PartKind::Media(file_data(file, reading, &mut extras)?)
    } else if let Some(text) = wire.text {
        // Only `thought` makes it a thought: a signature is an attachment (F53). An empty text that is signed carries
        // nothing but state (B28).
        match thought || text.is_empty() && signature.is_some() {
            true => {
                if let (true, Some(thought)) = (text.is_empty(), wire.thought) {
                    extras.push((Cow::Borrowed("thought"), thought));
                }
                let summary = if text.is_empty() { Vec::new() } else { vec![text] };
                let bind = bind.unwrap_or_default();
                PartKind::Reasoning(Reasoning { summary, bind, ..Reasoning::default() })
            }
            false => PartKind::Text { text, citations: None },
        }
    } else {
        let head = wire_head([
            ("executableCode", wire.executable_code),
            ("codeExecutionResult", wire.code_execution_result),
            ("toolCall", wire.tool_call),
            ("toolResponse", wire.tool_response),
        ]);
        return Ok(whole(raw, head));
    };
    Ok(Part { signature, extras, ..Part::new(kind) })
}

/// The members of which a part has one, in the order in which they are looked for. An empty text says nothing.
fn said(wire: &wire::Part<'_>) -> [(&'static str, bool); 9] {
    [
        ("functionCall", wire.function_call.is_some()),
        ("functionResponse", wire.function_response.is_some()),
        ("inlineData", wire.inline_data.is_some()),
        ("fileData", wire.file_data.is_some()),
        ("text", wire.text.as_ref().is_some_and(|text| !text.is_empty())),
        ("executableCode", wire.executable_code.is_some()),
        ("codeExecutionResult", wire.code_execution_result.is_some()),
        ("toolCall", wire.tool_call.is_some()),
        ("toolResponse", wire.tool_response.is_some()),
    ]
}

/// A member as it came, under the name that it has there.
fn beside<'a>(raw: &'a RawValue, name: &str) -> Option<(Cow<'a, str>, &'a RawValue)> {
    let part = TopLevel::scan(raw.get().as_bytes()).ok()?;
    let spelled = |key: &str| key.replace('_', "").eq_ignore_ascii_case(name);
    let (key, value) = part.members().find(|(key, _)| spelled(key))?;
    Some((Cow::Owned(key.to_owned()), serde_json::from_slice(value).ok()?))
}

/// Which of the members is there, and its id.
fn wire_head<'a>(
    members: [(&'static str, Option<wire::Head<'a>>); 4],
) -> Option<(&'static str, Option<Text<'a>>)> {
    members.into_iter().find_map(|(name, head)| head.map(|head| (name, string(head.id))))
}

/// What runs at the provider, or what we do not know: whole.
fn whole<'a>(raw: &'a RawValue, head: Option<(&'static str, Option<Text<'a>>)>) -> Part<'a> {
    let raw_part = Cow::Borrowed(raw);
    Part::new(match head {
        Some((kind, id)) => PartKind::Server(ServerPart {
            format: GEMINI,
            kind: Cow::Borrowed(kind),
            id,
            name: matches!(kind, "executableCode" | "codeExecutionResult")
                .then_some(Cow::Borrowed("code_execution")),
            raw: raw_part,
        }),
        None => PartKind::Opaque(Opaque { format: GEMINI, kind: first_key(raw), raw: raw_part }),
    })
}

fn first_key(raw: &RawValue) -> Cow<'_, str> {
    TopLevel::scan(raw.get().as_bytes())
        .ok()
        .and_then(|part| part.members().next().map(|(key, _)| Cow::Owned(key.to_owned())))
        .unwrap_or_default()
}

/// A name or an id. A number is taken for its text (E516).
pub(super) fn word<'a>(
    raw: Option<&'a RawValue>,
    name: &str,
    reading: Reading,
) -> Result<Cow<'a, str>, CodecError> {
    let Some(raw) = raw else { return Ok(Cow::default()) };
    match Text::from_raw(raw) {
        Some(text) => Ok(text.into_decoded()),
        None if reading == Reading::Reply || kind_of(raw) == "a number" => Ok(Cow::Borrowed(raw.get())),
        None => Err(wrong_type(name, "a string", raw)),
    }
}

fn call_of<'a>(
    call: wire::FunctionCall<'a>,
    reading: Reading,
    extras: &mut crate::json::Extras<'a>,
) -> Result<PartKind<'a>, CodecError> {
    extras.extend(call.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("functionCall.{key}")), raw)));
    let args = match call.args {
        None => Args::Encoded(Text::default()),
        // An object inside a string is read, too.
        Some(raw) if reading == Reading::Reply || raw.get().starts_with(['{', '"']) => object(raw),
        Some(raw) => return Err(wrong_type("args", "an object", raw)),
    };
    Ok(PartKind::ToolCall(ToolCall {
        id: Text::plain(word(call.id, "id", reading)?),
        name: word(call.name, "name", reading)?,
        namespace: None,
        args,
    }))
}

/// A result: text under `output` or `result`, an error under `error`, any other object as it is (B20).
fn result<'a>(
    wire: wire::FunctionResponse<'a>,
    reading: Reading,
    extras: &mut crate::json::Extras<'a>,
) -> Result<ToolResult<'a>, CodecError> {
    extras.extend(
        wire.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("functionResponse.{key}")), raw)),
    );
    let mut result = ToolResult {
        call_id: Text::plain(word(wire.id, "functionResponse.id", reading)?),
        name: Some(word(wire.name, "functionResponse.name", reading)?).filter(|name| !name.is_empty()),
        content: Vec::new(),
        is_error: None,
        raw: None,
    };
    if let Some(raw) = wire.response {
        read_response(raw, &mut result);
        extras.push((Cow::Borrowed("functionResponse.response"), raw));
    }
    for (index, raw) in wire.parts.unwrap_or_default().0.into_iter().enumerate() {
        let part = part(raw, reading, &mut |_| None);
        let part = part.map_err(|error| at(&format!("functionResponse.parts[{index}]"), &error))?;
        result.content.push(part);
    }
    Ok(result)
}

fn read_response<'a>(raw: &'a RawValue, result: &mut ToolResult<'a>) {
    let value = only_member(raw).map_or(raw, |(key, value)| {
        if key == "error" {
            result.is_error = Some(true);
        }
        value
    });
    match Text::from_raw(value) {
        Some(text) => result.content.push(Part::text(text)),
        None => result.raw = Some(Cow::Borrowed(value)),
    }
}

/// The value of `output`, `result` or `error` where it is the whole response.
fn only_member(raw: &RawValue) -> Option<(&'static str, &RawValue)> {
    let object = TopLevel::scan(raw.get().as_bytes()).ok()?;
    let mut members = object.members();
    let (key, value) = members.next()?;
    if members.next().is_some() {
        return None;
    }
    let key = ["output", "result", "error"].into_iter().find(|known| *known == key)?;
    Some((key, serde_json::from_slice(value).ok()?))
}

fn inline<'a>(blob: wire::Blob<'a>, extras: &mut crate::json::Extras<'a>) -> Media<'a> {
    extras.extend(blob.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("inlineData.{key}")), raw)));
    let mime = match plain(blob.mime_type) {
        Cow::Borrowed(mime) => lower(mime),
        Cow::Owned(mime) => Cow::Owned(mime.to_ascii_lowercase()),
    };
    let class = class_of(&mime);
    let source = MediaSource::Base64 { mime, data: blob.data.unwrap_or_default() };
    media(class, source, blob.display_name)
}

/// A file of Google's stores, or any URL.
fn file_data<'a>(
    file: wire::FileData<'a>,
    reading: Reading,
    extras: &mut crate::json::Extras<'a>,
) -> Result<Media<'a>, CodecError> {
    extras.extend(file.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("fileData.{key}")), raw)));
    extras.extend(file.mime_type.map(|raw| (Cow::Borrowed("fileData.mimeType"), raw)));
    let uri = file.file_uri.unwrap_or_default();
    let text = uri.decoded();
    let is_stored = !(text.starts_with("https://") || text.starts_with("http://"))
        || text.starts_with("https://generativelanguage.googleapis.com/");
    let class = match reading.text(file.mime_type, "fileData.mimeType")? {
        Some(mime) => class_of(&mime.decoded()),
        None if text.contains("://www.youtube.com/") || text.contains("://youtu.be/") => MediaClass::Video,
        None => mime_of_name(&text).map_or(MediaClass::Document, class_of),
    };
    drop(text);
    let source = if is_stored { MediaSource::File(uri) } else { MediaSource::Url(uri) };
    Ok(media(class, source, file.display_name))
}

fn media<'a>(class: MediaClass, source: MediaSource<'a>, name: Option<Text<'a>>) -> Media<'a> {
    Media { class, source, name, detail: None, context: None, citations: None }
}
