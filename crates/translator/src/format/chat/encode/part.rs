//! Content parts.

use crate::json::{Text, Writer};
use crate::model::{Media, MediaClass, MediaSource, Part, PartKind};
use crate::pass::media::{audio_format, data_url as make_data_url, titled};
use crate::pass::turns::OutPart;

use super::super::data_url;
use super::Target;

/// Writes a part as one or more content parts of a user or system message.
pub(super) fn write(w: &mut Writer, target: &Target<'_>, part: &OutPart<'_>) {
    let marked = part.part();
    match &marked.kind {
        PartKind::Text { text, .. } => {
            w.begin_object();
            w.field_string("type", "text");
            w.field_text("text", text);
            attachments(w, target, part);
            w.end_object();
        }
        PartKind::Media(media) => write_media(w, target, media, Some(part)),
        PartKind::Opaque(opaque) => w.raw(opaque.raw.get()),
        _ => {}
    }
}

/// What clients of this format hang on a part.
fn attachments(w: &mut Writer, target: &Target<'_>, part: &OutPart<'_>) {
    for (key, raw) in &part.part().extras {
        if target.extensions() || target.own && key == "prompt_cache_breakpoint" {
            w.field_raw(key, raw.get());
        }
    }
    if target.extensions()
        && let Some(mark) = part.cache()
    {
        w.field_raw("cache_control", mark.raw.get());
    }
}

/// Whether anything would hang on it.
pub(super) fn has_attachments(target: &Target<'_>, part: &OutPart<'_>) -> bool {
    target.own && !part.part().extras.is_empty() || target.extensions() && part.cache().is_some()
}

/// Writes a medium. Documents that are text or parts become what they are made of.
pub(super) fn write_media(
    w: &mut Writer,
    target: &Target<'_>,
    media: &Media<'_>,
    part: Option<&OutPart<'_>>,
) {
    match &media.source {
        MediaSource::Text(text) => return write_text(w, &titled(media, text)),
        MediaSource::Parts(parts) => {
            if let Some(name) = &media.name {
                write_text(w, name);
            }
            return parts.iter().for_each(|part| write(w, target, &OutPart::kept(part)));
        }
        _ => {}
    }
    let (kind, key) = match media.class {
        MediaClass::Image => ("image_url", "image_url"),
        MediaClass::Video => ("video_url", "video_url"),
        MediaClass::Audio => ("input_audio", "input_audio"),
        MediaClass::Document => ("file", "file"),
    };
    w.begin_object();
    w.field_string("type", kind);
    w.key(key);
    w.begin_object();
    match media.class {
        MediaClass::Image | MediaClass::Video => {
            if let Some(url) = data_url(media) {
                w.field_text("url", &url);
            }
            if let Some(detail) = media.detail.as_ref().and_then(|detail| known_detail(target, detail)) {
                w.field_string("detail", detail);
            }
        }
        MediaClass::Audio => {
            if let MediaSource::Base64 { mime, data } = &media.source {
                w.field_text("data", data);
                w.field_string("format", &audio_format(mime));
            }
        }
        MediaClass::Document => write_file(w, media),
    }
    w.end_object();
    if let Some(part) = part {
        attachments(w, target, part);
    }
    w.end_object();
}

/// Source: translation.md B83. A file name is required beside the data.
fn write_file(w: &mut Writer, media: &Media<'_>) {
    match &media.source {
        MediaSource::File(id) => w.field_text("file_id", id),
        MediaSource::Base64 { mime, data } => {
            match &media.name {
                Some(name) => w.field_text("filename", name),
                None => w.field_string("filename", default_name(mime)),
            }
            w.field_string("file_data", &make_data_url(mime, &data.decoded()));
        }
        MediaSource::Url(url) => {
            if let Some(name) = &media.name {
                w.field_text("filename", name);
            }
            w.field_text("file_data", url);
        }
        MediaSource::Text(_) | MediaSource::Parts(_) => {}
    }
}

fn default_name(mime: &str) -> &'static str {
    match mime {
        "application/pdf" => "document.pdf",
        _ if mime.starts_with("text/") => "document.txt",
        _ => "document",
    }
}

/// Source: translation.md B89.
fn known_detail(target: &Target<'_>, detail: &Text<'_>) -> Option<&'static str> {
    Some(match &*detail.decoded() {
        "auto" => "auto",
        "low" => "low",
        "high" => "high",
        "original" if target.own => "original",
        "original" => "high",
        _ => return None,
    })
}

pub(super) fn write_text(w: &mut Writer, text: &Text<'_>) {
    w.begin_object();
    w.field_string("type", "text");
    w.field_text("text", text);
    w.end_object();
}

/// What a tool's answer is made of here: texts, and media that may have to travel on their own.
pub(super) enum Piece<'p> {
    Text(Text<'p>),
    Media(&'p Media<'p>),
}

/// Takes an answer apart. What has no spelling stays as its JSON (B20, E120).
pub(super) fn pieces<'p>(parts: &'p [Part<'p>], out: &mut Vec<Piece<'p>>) {
    for part in parts {
        match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => out.push(Piece::Text(text.reborrow())),
            PartKind::Media(media) => match &media.source {
                MediaSource::Text(text) => out.push(Piece::Text(titled(media, text))),
                MediaSource::Parts(parts) => {
                    out.extend(media.name.as_ref().map(|name| Piece::Text(name.reborrow())));
                    pieces(parts, out);
                }
                _ => out.push(Piece::Media(media)),
            },
            PartKind::Opaque(opaque) => out.push(Piece::Text(Text::plain(opaque.raw.get()))),
            PartKind::Server(server) => out.push(Piece::Text(Text::plain(server.raw.get()))),
            PartKind::Reasoning(_) | PartKind::ToolCall(_) | PartKind::ToolResult(_) => {}
        }
    }
}
