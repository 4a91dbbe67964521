//! Content parts, of requests and replies alike.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::{RESPONSES, wire};
use super::mark;
use crate::codec::CodecError;
use crate::json::read::{Reading, at, each, filled, in_one_pass, plain, read, wrong, wrong_type};
use crate::json::{List, Text, kind_of};
use crate::model::{Media, MediaClass, MediaSource, Opaque, Part, PartKind};
use crate::pass::media::{DataUrl, audio_mime, class_of, file_data, is_data, mime_of_name, split};

/// A string or a list of parts. The flag says that it was a string. Of a reply every part has its place in the list, and
/// what is none of these is one part.
pub(super) fn content<'a>(
    raw: &'a RawValue,
    place: &str,
    reading: Reading,
) -> Result<(Vec<Part<'a>>, bool), CodecError> {
    if let Some(text) = Text::from_raw(raw) {
        return Ok((vec![Part::text(text)], true));
    }
    if raw.get() == "null" {
        return Ok((Vec::new(), false));
    }
    if !raw.get().starts_with('[') {
        return match reading {
            Reading::Reply => Ok((vec![said(raw)], false)),
            Reading::Request => {
                Err(wrong(place, &format!("expected a string or an array, found {}", kind_of(raw))))
            }
        };
    }
    if let Some(parts) = in_one_pass(raw, |part| known(part, reading).ok()?) {
        return Ok((parts, false));
    }
    let items: List<&'a RawValue> = read(raw, place)?;
    let parts = each(items.0.into_iter().enumerate(), |(index, raw)| match reading {
        Reading::Reply => Ok(said(raw)),
        Reading::Request => part(raw, reading).map_err(|error| at(&format!("{place}[{index}]"), &error)),
    });
    Ok((parts?, false))
}

/// A part of a reply: nothing is an empty text, and one that cannot be read stays whole.
fn said(raw: &RawValue) -> Part<'_> {
    if raw.get() == "null" {
        return Part::text(Text::default());
    }
    part(raw, Reading::Reply).unwrap_or_else(|_| {
        let kind =
            PartKind::Opaque(Opaque { format: RESPONSES, kind: type_of(raw), raw: Cow::Borrowed(raw) });
        Part::new(kind)
    })
}

crate::json::wire_struct! {
    struct Typed<'a> { kind: &'a RawValue = "type" }
}

/// What something that cannot be read says it is.
pub(super) fn type_of(raw: &RawValue) -> Cow<'_, str> {
    let typed: Typed<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    match plain(filled(typed.kind)) {
        kind if kind.is_empty() => Cow::Borrowed("unreadable"),
        kind => kind,
    }
}

fn part(raw: &RawValue, reading: Reading) -> Result<Part<'_>, CodecError> {
    if let Some(text) = Text::from_raw(raw) {
        return Ok(Part::text(text));
    }
    let wire: wire::Part<'_> = read(raw, "")?;
    let (kind, cache) = (wire.kind.clone(), wire.cache_control.map(mark));
    Ok(known(wire, reading)?.unwrap_or_else(|| {
        // A type or a source that we do not know: whole.
        let kind = PartKind::Opaque(Opaque { format: RESPONSES, kind: plain(kind), raw: Cow::Borrowed(raw) });
        Part { cache, ..Part::new(kind) }
    }))
}

/// A part that is made member by member; `None` for one that has to stay whole.
fn known(mut wire: wire::Part<'_>, reading: Reading) -> Result<Option<Part<'_>>, CodecError> {
    let kind = match wire.kind.take().map(Text::into_decoded) {
        Some(kind) => kind,
        // What says something is what it says.
        None if reading == Reading::Reply && wire.text.is_some() => Cow::Borrowed("output_text"),
        None => return Err(wrong("type", "missing")),
    };
    let cache = wire.cache_control.map(mark);
    let known = match &*kind {
        "input_text" | "output_text" | "text" => {
            let text = match wire.text.take() {
                Some(text) => text,
                None if reading == Reading::Reply => Text::default(),
                None => return Err(wrong("text", "missing")),
            };
            let citations = wire.annotations.filter(|raw| !is_empty_list(raw)).map(Cow::Borrowed);
            Some(PartKind::Text { text, citations })
        }
        "refusal" => Some(PartKind::Refusal(wire.refusal.take().unwrap_or_default())),
        "input_image" | "image_url" => image(&wire)?.map(PartKind::Media),
        "input_file" | "file" => file(&wire)?.map(PartKind::Media),
        "input_audio" => audio(&wire)?.map(PartKind::Media),
        _ => None,
    };
    let Some(known) = known else { return Ok(None) };
    let mut extras = wire.extras;
    extras
        .extend(wire.logprobs.filter(|raw| !is_empty_list(raw)).map(|raw| (Cow::Borrowed("logprobs"), raw)));
    if let PartKind::Media(media) = &known
        && media.class != MediaClass::Image
        && let Some(raw) = wire.detail
    {
        extras.push((Cow::Borrowed("detail"), raw));
    }
    Ok(Some(Part { cache, extras, ..Part::new(known) }))
}

fn is_empty_list(raw: &RawValue) -> bool {
    raw.get()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|rest| rest.trim().is_empty())
}

/// `image_url` as a string, as Chat Completions nests it, or a file id.
fn image<'a>(wire: &wire::Part<'a>) -> Result<Option<Media<'a>>, CodecError> {
    // A detail that is no string is left out, the image stays (B89).
    let mut detail = filled(wire.detail);
    let source = match (text(wire.file_id, "file_id")?, wire.image_url) {
        (Some(id), _) => Some(MediaSource::File(id)),
        (None, None) => None,
        (None, Some(raw)) => {
            let url = match Text::from_raw(raw) {
                Some(url) => Some(url),
                None if raw.get().starts_with('{') => {
                    let link: wire::Link<'a> = read(raw, "image_url")?;
                    detail = detail.or_else(|| filled(link.detail));
                    link.url
                }
                None => return Err(wrong_type("image_url", "a string", raw)),
            };
            url.filter(|url| !url.is_empty()).and_then(linked)
        }
    };
    Ok(source.map(|source| Media { detail, ..Media::new(MediaClass::Image, source) }))
}

/// Where a URL leads; `None` for a data URL without payload.
fn linked(url: Text<'_>) -> Option<MediaSource<'_>> {
    if !is_data(&url) {
        return Some(MediaSource::Url(url));
    }
    split(url, |url| DataUrl::parse(url).map(|url| (url.mime_or("application/octet-stream"), url.data)))
}

/// A member that a request has as a string, if it has it.
fn text<'a>(raw: Option<&'a RawValue>, name: &str) -> Result<Option<Text<'a>>, CodecError> {
    Reading::Request.text(raw, name)
}

/// Source: translation.md B79, B83. `None` when there is neither id nor payload of a known type.
fn file<'a>(wire: &wire::Part<'a>) -> Result<Option<Media<'a>>, CodecError> {
    let name = text(wire.filename, "filename")?;
    let known = name.as_ref().map(Text::decoded).as_deref().and_then(mime_of_name);
    let source = if let Some(id) = text(wire.file_id, "file_id")? {
        MediaSource::File(id)
    } else if let Some(url) = text(wire.file_url, "file_url")? {
        MediaSource::Url(url)
    } else {
        let Some(data) = text(wire.file_data, "file_data")? else { return Ok(None) };
        let mime = text(wire.mime_type, "mime_type")?.map(|mime| mime.decoded().to_ascii_lowercase());
        let title = name.as_ref().map(|name| name.decoded().into_owned());
        let found = split(data, |data| match (&mime, DataUrl::parse(data)) {
            (Some(mime), Some(url)) if url.mime.is_empty() => Some((Cow::Owned(mime.clone()), url.data)),
            (Some(mime), None) if !data.starts_with("data:") => Some((Cow::Owned(mime.clone()), data.trim())),
            _ => file_data(data, None, title.as_deref()).map(|file| (file.mime, file.data)),
        });
        match found {
            Some(found) => found,
            None => return Ok(None),
        }
    };
    let class = match &source {
        MediaSource::Base64 { mime, .. } => class_of(mime),
        _ => known.map_or(MediaClass::Document, class_of),
    };
    Ok(Some(Media { name, ..Media::new(class, source) }))
}

/// Nested as the format has it, or flat as some clients write it (F24; B81).
fn audio<'a>(wire: &wire::Part<'a>) -> Result<Option<Media<'a>>, CodecError> {
    let (data, format) = match wire.input_audio {
        Some(raw) => {
            let audio: wire::Audio<'a> = read(raw, "input_audio")?;
            (audio.data.filter(|data| !data.is_empty()), audio.format)
        }
        None => (text(wire.data, "data")?, text(wire.format, "format")?),
    };
    let mime = audio_mime(&plain(format));
    Ok(data.map(|data| Media::new(MediaClass::Audio, MediaSource::Base64 { mime, data })))
}

/// The parts inside a string that is a list with at least one image: what some clients make of a tool's answer.
/// `None` for every other string, JSON or not. Source: translation.md B21, E145 to E149, E263.
pub(in super::super) fn unwrapped_images(text: &Text<'_>) -> Option<Vec<Part<'static>>> {
    let mut body = Vec::new();
    // Most answers are long and no lists: do not unescape them to find out.
    let head = match text.as_plain() {
        Some(plain) => plain.trim_start().as_bytes(),
        None => {
            text.write_body(&mut body);
            body.trim_ascii_start()
        }
    };
    if head.first() != Some(&b'[') || memchr::memmem::find(head, b"image").is_none() {
        return None;
    }
    let decoded = text.decoded();
    let raw: &RawValue = serde_json::from_str(decoded.trim()).ok()?;
    let (parts, _) = content(raw, "output", Reading::Request).ok()?;
    let is_image =
        |part: &Part<'_>| matches!(&part.kind, PartKind::Media(media) if media.class == MediaClass::Image);
    if !parts.iter().any(is_image) {
        return None;
    }
    parts.into_iter().map(owned).collect()
}

fn owned(part: Part<'_>) -> Option<Part<'static>> {
    let kind = match part.kind {
        PartKind::Text { text, .. } => PartKind::Text { text: text.into_owned(), citations: None },
        PartKind::Media(media) => PartKind::Media(media.into_owned()?),
        PartKind::Opaque(opaque) => PartKind::Opaque(opaque.into_owned()),
        _ => return None,
    };
    Some(Part::new(kind))
}
