//! Content blocks into parts, for requests, replies and documents alike.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::wire::{self, wrong};
use super::{CLAUDE, carrier};
use crate::codec::CodecError;
use crate::json::read::{each, in_one_pass};
use crate::json::{List, Text, kind_of};
use crate::model::{
    Args, CacheMark, Media, MediaClass, MediaSource, Opaque, Part, PartKind, Reasoning, ServerPart, ToolCall,
    ToolResult,
};
use crate::pass::media::lower;

/// How deep content may stand in content: results and documents hold blocks. Nobody sends more than two levels.
const MAX_DEPTH: usize = 16;

/// A string or a list of blocks. The flag says that it was a string.
pub(super) fn content<'a>(raw: &'a RawValue, place: &str) -> Result<(Vec<Part<'a>>, bool), CodecError> {
    content_at(raw, place, 0)
}

fn content_at<'a>(raw: &'a RawValue, place: &str, depth: usize) -> Result<(Vec<Part<'a>>, bool), CodecError> {
    if let Some(text) = Text::from_raw(raw) {
        return Ok((vec![Part::text(text)], true));
    }
    if !raw.get().starts_with('[') {
        return Err(wrong(place, &format!("expected a string or an array, found {}", kind_of(raw))));
    }
    if depth == MAX_DEPTH {
        return Err(wrong(place, "content nests too deeply"));
    }
    let known_ones = in_one_pass(raw, |mut block: wire::Block<'a>| {
        let kind = block.kind.take()?.into_decoded();
        KNOWN.contains(&&*kind).then_some((kind, block))
    });
    let Some(blocks) = known_ones else { return Ok((one_by_one(raw, place, 0, depth)?, false)) };
    let mut parts = Vec::with_capacity(blocks.len());
    // What is inside them is read here and not before, so that each level is read once however deep they nest.
    for (index, (kind, block)) in blocks.into_iter().enumerate() {
        match known(&kind, block, depth).map_err(|error| within(place, index, &error))? {
            Some(part) => parts.push(part),
            // It has to stay whole: from here on the text of each is needed.
            None => {
                parts.extend(one_by_one(raw, place, index, depth)?);
                break;
            }
        }
    }
    Ok((parts, false))
}

/// The blocks of a list from one on.
fn one_by_one<'a>(
    raw: &'a RawValue,
    place: &str,
    from: usize,
    depth: usize,
) -> Result<Vec<Part<'a>>, CodecError> {
    let blocks: List<&'a RawValue> = wire::read(raw, place)?;
    each(blocks.0.into_iter().enumerate().skip(from), |(index, raw)| part_at(raw, place, index, depth))
}

/// One block of a list.
pub(super) fn part<'a>(raw: &'a RawValue, place: &str, index: usize) -> Result<Part<'a>, CodecError> {
    part_at(raw, place, index, 0)
}

fn part_at<'a>(raw: &'a RawValue, place: &str, index: usize, depth: usize) -> Result<Part<'a>, CodecError> {
    read(raw, depth).map_err(|error| within(place, index, &error))
}

/// The path is only put together when something is wrong.
fn within(place: &str, index: usize, error: &CodecError) -> CodecError {
    let path = format!("{place}[{index}]");
    let joint = if error.param().is_some() { "." } else { "" };
    let message = if error.param().is_some() { error.to_string() } else { format!(": {error}") };
    CodecError::malformed(format!("{path}{joint}{message}"))
        .with_param(error.param().map_or_else(|| path.clone(), |param| format!("{path}.{param}")))
}

fn read(raw: &RawValue, depth: usize) -> Result<Part<'_>, CodecError> {
    let head: wire::BlockHead<'_> = wire::read(raw, "")?;
    let Some(kind) = head.kind.map(Text::into_decoded) else { return Err(wrong("type", "missing")) };
    let cache = head.cache_control.map(mark);
    if is_server(&kind) {
        let kind = PartKind::Server(server(raw, kind, head.id.or(head.tool_use_id), head.name));
        return Ok(Part { cache, ..Part::new(kind) });
    }
    // The members of other types are not ours to judge.
    let part = if KNOWN.contains(&&*kind) { known(&kind, wire::read(raw, "")?, depth)? } else { None };
    Ok(part.unwrap_or_else(|| opaque(raw, kind, cache)))
}

/// The types that [`known`] reads.
const KNOWN: [&str; 7] =
    ["text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result"];

/// A block that becomes a part member by member; `None` for one that has to stay whole.
fn known<'a>(kind: &str, block: wire::Block<'a>, depth: usize) -> Result<Option<Part<'a>>, CodecError> {
    Ok(match kind {
        "text" => Some(text(block)),
        "image" => media(block, MediaClass::Image, depth)?,
        "document" => media(block, MediaClass::Document, depth)?,
        "thinking" => Some(thinking(block)),
        "redacted_thinking" => Some(redacted(block)),
        "tool_use" => Some(tool_use(block)),
        "tool_result" => Some(tool_result(block, depth)?),
        _ => None,
    })
}

/// Whether blocks of this type are calls or results of tools that run at the provider.
pub(super) fn is_server(kind: &str) -> bool {
    matches!(kind, "server_tool_use" | "mcp_tool_use") || kind.ends_with("_tool_result")
}

pub(super) fn server<'a>(
    raw: &'a RawValue,
    kind: Cow<'a, str>,
    id: Option<Text<'a>>,
    name: Option<Text<'a>>,
) -> ServerPart<'a> {
    ServerPart { format: CLAUDE, kind, id, name: name.map(Text::into_decoded), raw: Cow::Borrowed(raw) }
}

pub(super) fn mark(raw: &RawValue) -> CacheMark<'_> {
    CacheMark { raw: Cow::Borrowed(raw) }
}

fn opaque<'a>(raw: &'a RawValue, kind: Cow<'a, str>, cache: Option<CacheMark<'a>>) -> Part<'a> {
    let kind = PartKind::Opaque(Opaque { format: CLAUDE, kind, raw: Cow::Borrowed(raw) });
    Part { cache, ..Part::new(kind) }
}

fn text(block: wire::Block<'_>) -> Part<'_> {
    let cache = block.cache_control.map(mark);
    let kind = PartKind::Text {
        text: block.text.unwrap_or_default(),
        citations: block.citations.map(Cow::Borrowed),
    };
    Part { cache, extras: block.extras, ..Part::new(kind) }
}

/// An empty signature is none: the block came from a provider that signs nothing (F30).
fn thinking(block: wire::Block<'_>) -> Part<'_> {
    let summary = block.thinking.filter(|text| !text.is_empty()).into_iter().collect();
    let (signature, bind) = block.signature.and_then(carrier::read).unzip();
    let bind = bind.unwrap_or_default();
    let kind = PartKind::Reasoning(Reasoning { summary, bind, ..Reasoning::default() });
    Part { signature, extras: block.extras, ..Part::new(kind) }
}

fn redacted(block: wire::Block<'_>) -> Part<'_> {
    let kind = PartKind::Reasoning(Reasoning {
        redacted: Some(block.data.unwrap_or_default()),
        ..Reasoning::default()
    });
    Part { extras: block.extras, ..Part::new(kind) }
}

fn tool_use(block: wire::Block<'_>) -> Part<'_> {
    let cache = block.cache_control.map(mark);
    let args =
        block.input.map_or_else(|| Args::Encoded(Text::default()), |raw| Args::Json(Cow::Borrowed(raw)));
    let kind = PartKind::ToolCall(ToolCall {
        id: block.id.unwrap_or_default(),
        name: wire::plain(block.name),
        namespace: None,
        args,
    });
    // The Go program put the state of Gemini's calls there (E443); Claude itself has no such member.
    let signature = block.signature.and_then(carrier::read).map(|(signature, _)| signature);
    Part { cache, signature, extras: block.extras, ..Part::new(kind) }
}

fn tool_result(block: wire::Block<'_>, depth: usize) -> Result<Part<'_>, CodecError> {
    let cache = block.cache_control.map(mark);
    let mut result = ToolResult {
        call_id: block.tool_use_id.unwrap_or_default(),
        name: None,
        content: Vec::new(),
        is_error: block.is_error,
        raw: None,
    };
    if let Some(raw) = block.content {
        if matches!(raw.get().as_bytes().first(), Some(b'"' | b'[')) {
            result.content = content_at(raw, "content", depth + 1)?.0;
        } else {
            result.raw = Some(Cow::Borrowed(raw));
        }
    }
    Ok(Part { cache, extras: block.extras, ..Part::new(PartKind::ToolResult(result)) })
}

/// `None` where the source is of a type that we do not know.
fn media(block: wire::Block<'_>, class: MediaClass, depth: usize) -> Result<Option<Part<'_>>, CodecError> {
    let cache = block.cache_control.map(mark);
    let Some(source) = block.source else { return Err(wrong("source", "missing")) };
    let source: wire::Source<'_> = wire::read(source, "source")?;
    let kind = wire::plain(source.kind);
    let found = match &*kind {
        "base64" => MediaSource::Base64 {
            mime: match wire::plain(source.media_type) {
                Cow::Borrowed(mime) => lower(mime),
                Cow::Owned(mime) => Cow::Owned(mime.to_ascii_lowercase()),
            },
            data: source.data.unwrap_or_default(),
        },
        "url" => MediaSource::Url(source.url.unwrap_or_default()),
        "file" => MediaSource::File(source.file_id.unwrap_or_default()),
        "text" => MediaSource::Text(source.data.unwrap_or_default()),
        "content" => match source.content {
            Some(raw) => MediaSource::Parts(content_at(raw, "source.content", depth + 1)?.0),
            None => MediaSource::Parts(Vec::new()),
        },
        _ => return Ok(None),
    };
    let mut extras = block.extras;
    extras.extend(source.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("source.{key}")), raw)));
    let kind = PartKind::Media(Media {
        class,
        source: found,
        name: block.title,
        detail: None,
        context: block.context,
        citations: block.citations.map(Cow::Borrowed),
    });
    Ok(Some(Part { cache, extras, ..Part::new(kind) }))
}
