//! Content parts, of requests and replies alike.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::CHAT;
use super::super::wire::{self, wrong};
use crate::codec::CodecError;
use crate::json::read::{each, in_one_pass};
use crate::json::{List, Text, kind_of};
use crate::model::{CacheMark, Media, MediaClass, MediaSource, Opaque, Part, PartKind, Reasoning, Signature};
use crate::pass::media::{DataUrl, audio_mime, class_of, file_data, is_data, mime_of_name, split};
use crate::pass::signature;

/// A string or a list of parts. The flag says that it was a string.
pub(in super::super) fn content(raw: &RawValue) -> Result<(Vec<Part<'_>>, bool), CodecError> {
    if let Some(text) = Text::from_raw(raw) {
        return Ok((vec![Part::text(text)], true));
    }
    if !raw.get().starts_with('[') {
        let what = format!("expected a string or an array, found {}", kind_of(raw));
        return Err(wrong("content", &what));
    }
    if let Some(parts) = in_one_pass(raw, |part| known(part).ok()?) {
        return Ok((parts, false));
    }
    let items: List<&RawValue> = wire::read(raw, "content")?;
    let parts = each(items.0.into_iter().enumerate(), |(index, raw)| {
        part(raw).map_err(|error| wire::at(&format!("content[{index}]"), &error))
    });
    Ok((parts?, false))
}

/// As [`content`], of a provider's reply: its client can do nothing about what is none. Texts of other things are texts, and
/// what has none is kept whole, under the member's name.
pub(in super::super) fn said(raw: &RawValue) -> (Vec<Part<'_>>, bool) {
    content(raw).unwrap_or_else(|_| {
        let items: List<&RawValue> = match raw.get().starts_with('[') {
            true => serde_json::from_str(raw.get()).unwrap_or_default(),
            false => List(vec![raw]),
        };
        let text = |raw: &'_ RawValue| {
            serde_json::from_str::<wire::Part<'_>>(raw.get()).ok()?.text.map(Text::into_owned)
        };
        let read = |raw| {
            part(raw).ok().or_else(|| text(raw).map(Part::text)).unwrap_or_else(|| opaque(raw, "content"))
        };
        (items.0.into_iter().map(read).collect(), false)
    })
}

fn part(raw: &RawValue) -> Result<Part<'_>, CodecError> {
    if let Some(text) = Text::from_raw(raw) {
        return Ok(Part::text(text));
    }
    let wire: wire::Part<'_> = wire::read(raw, "")?;
    let (kind, cache) = (wire.kind.clone(), wire.cache_control.map(mark));
    // A type or a source that we do not know: whole.
    Ok(known(wire)?.unwrap_or_else(|| Part { cache, ..opaque(raw, wire::plain(kind)) }))
}

/// A part that is made member by member; `None` for one that has to stay whole.
fn known(wire: wire::Part<'_>) -> Result<Option<Part<'_>>, CodecError> {
    let Some(kind) = wire.kind.map(Text::into_decoded) else { return Err(wrong("type", "missing")) };
    let cache = wire.cache_control.map(mark);
    let known = match &*kind {
        // The other two are the names of Responses, which some clients use here too.
        "text" | "input_text" | "output_text" => match wire.text {
            Some(text) => Some(PartKind::Text { text, citations: None }),
            None => return Err(wrong("text", "missing")),
        },
        "refusal" => Some(PartKind::Refusal(wire.refusal.unwrap_or_default())),
        "image_url" | "video_url" => {
            let (member, class) = match &*kind {
                "image_url" => (wire.image_url, MediaClass::Image),
                _ => (wire.video_url, MediaClass::Video),
            };
            let Some(member) = member else { return Err(wrong(&kind, "missing")) };
            link(member, class).map_err(|error| wire::at(&kind, &error))?.map(PartKind::Media)
        }
        "input_audio" => {
            let Some(member) = wire.input_audio else { return Err(wrong("input_audio", "missing")) };
            Some(PartKind::Media(audio(wire::read(member, "input_audio")?)))
        }
        "file" => {
            let Some(member) = wire.file else { return Err(wrong("file", "missing")) };
            file(wire::read(member, "file")?).map(PartKind::Media)
        }
        "thinking" => {
            let signature = wire.signature.filter(|text| !text.is_empty()).map(signed);
            let part = Part::new(PartKind::Reasoning(thinking(wire.thinking)));
            return Ok(Some(part.with_signature(signature)));
        }
        _ => None,
    };
    Ok(known.map(|known| Part { cache, extras: wire.extras, ..Part::new(known) }))
}

pub(in super::super) fn mark(raw: &RawValue) -> CacheMark<'_> {
    CacheMark { raw: Cow::Borrowed(raw) }
}

pub(in super::super) fn signed(value: Text<'_>) -> Signature<'_> {
    Signature { issuer: signature::classify(&value.decoded()), value }
}

pub(in super::super) fn opaque<'a>(raw: &'a RawValue, kind: impl Into<Cow<'a, str>>) -> Part<'a> {
    Part::new(PartKind::Opaque(Opaque { format: CHAT, kind: kind.into(), raw: Cow::Borrowed(raw) }))
}

/// Mistral's thoughts: a string, or a list of text parts.
fn thinking(raw: Option<&RawValue>) -> Reasoning<'_> {
    let mut reasoning = Reasoning::default();
    let Some(raw) = raw else { return reasoning };
    match Text::from_raw(raw) {
        Some(text) => reasoning.summary.push(text),
        None => {
            let parts: List<wire::Part<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
            reasoning.summary.extend(parts.0.into_iter().filter_map(|part| part.text));
        }
    }
    reasoning
}

/// `{url, detail}`, or the URL alone. `None` for a data URL without payload (B79).
pub(in super::super) fn link(raw: &RawValue, class: MediaClass) -> Result<Option<Media<'_>>, CodecError> {
    let (url, detail) = match Text::from_raw(raw) {
        Some(url) => (url, None),
        None => {
            let link: wire::Link<'_> = wire::read(raw, "")?;
            // A detail that is no string is left out, the image stays (B89).
            let (url, detail) = (link.url.unwrap_or_default(), link.detail.and_then(Text::from_raw));
            if let Some(id) = link.file_id.filter(|id| url.is_empty() && !id.is_empty()) {
                return Ok(Some(Media { detail, ..Media::new(class, MediaSource::File(id)) }));
            }
            (url, detail)
        }
    };
    if url.is_empty() {
        return Err(wrong("url", "missing"));
    }
    let fallback = if class == MediaClass::Video { "video/mp4" } else { "application/octet-stream" };
    let source = match is_data(&url) {
        true => match split(url, |url| DataUrl::parse(url).map(|url| (url.mime_or(fallback), url.data))) {
            Some(source) => source,
            None => return Ok(None),
        },
        false => MediaSource::Url(url),
    };
    Ok(Some(Media { detail, ..Media::new(class, source) }))
}

/// Source: translation.md B81.
fn audio(wire: wire::Audio<'_>) -> Media<'_> {
    let mime = audio_mime(&wire::plain(wire.format));
    Media::new(MediaClass::Audio, MediaSource::Base64 { mime, data: wire.data.unwrap_or_default() })
}

/// Source: translation.md B79, B83. `None` when there is neither id nor payload of a known type.
fn file(wire: wire::File<'_>) -> Option<Media<'_>> {
    let name = wire.filename;
    let known = name.as_ref().map(Text::decoded).as_deref().and_then(mime_of_name);
    let of = |source: MediaSource<'_>| match &source {
        MediaSource::Base64 { mime, .. } => class_of(mime),
        _ => known.map_or(MediaClass::Document, class_of),
    };
    let source = if let Some(id) = wire.file_id.filter(|id| !id.is_empty()) {
        MediaSource::File(id)
    } else if let Some(url) = wire.file_url.filter(|url| !url.is_empty()) {
        MediaSource::Url(url)
    } else {
        let data = wire.file_data.filter(|data| !data.is_empty())?;
        // Routers take URLs here.
        let is_url =
            data.as_plain().is_some_and(|data| data.starts_with("https://") || data.starts_with("http://"));
        if is_url {
            MediaSource::Url(data)
        } else {
            let mime = wire.mime_type.map(|mime| mime.decoded().to_ascii_lowercase());
            let title = name.as_ref().map(|name| name.decoded().into_owned());
            split(data, |data| match (&mime, DataUrl::parse(data)) {
                (Some(mime), Some(url)) if url.mime.is_empty() => Some((Cow::Owned(mime.clone()), url.data)),
                (Some(mime), None) if !data.starts_with("data:") => {
                    Some((Cow::Owned(mime.clone()), data.trim()))
                }
                _ => file_data(data, None, title.as_deref()).map(|file| (file.mime, file.data)),
            })?
        }
    };
    Some(Media { name, ..Media::new(of(source.clone()), source) })
}
