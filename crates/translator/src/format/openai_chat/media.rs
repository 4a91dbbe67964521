//! Images, sounds, films and files. Source: translation.md A.4, B79 to B83, B89.

use std::borrow::Cow;

use super::wire::{Audio, File, Link};
use crate::json::{Text, Writer};
use crate::model::{Media, MediaClass, MediaSource};
use crate::pass::media::{DataUrl, audio_format, audio_mime, class_of, data_url, file_data, sniff};

fn medium<'a>(class: MediaClass, source: MediaSource<'a>) -> Media<'a> {
    Media { class, source, name: None, detail: None, context: None, citations: None }
}

pub(super) fn image(link: Link<'_>) -> Option<Media<'_>> {
    let mut media = medium(MediaClass::Image, source(link.url?, Some("image/png"))?);
    // Not a string: leave the detail out, keep the image (B89).
    media.detail = link.detail.and_then(Text::from_raw);
    Some(media)
}

pub(super) fn video(link: Link<'_>) -> Option<Media<'_>> {
    Some(medium(MediaClass::Video, source(link.url?, None)?))
}

/// A data URL is cut in two, any other URL stays one; a malformed data URL is dropped (B79).
fn source<'a>(url: Text<'a>, fallback: Option<&'static str>) -> Option<MediaSource<'a>> {
    let is_data = url.as_plain().map_or_else(
        || {
            url.decoded().len() >= 5
                && url.decoded().get(..5).is_some_and(|head| head.eq_ignore_ascii_case("data:"))
        },
        |text| text.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("data:")),
    );
    if !is_data {
        return Some(MediaSource::Url(url));
    }
    match url.into_decoded() {
        Cow::Borrowed(text) => base64(&DataUrl::parse(text)?, fallback),
        Cow::Owned(text) => {
            let parsed = DataUrl::parse(&text)?;
            let mime = mime_of(&parsed, fallback)?.into_owned();
            let data = parsed.data.to_owned();
            Some(MediaSource::Base64 { mime: Cow::Owned(mime), data: Text::plain(data) })
        }
    }
}

fn base64<'a>(parsed: &DataUrl<'a>, fallback: Option<&'static str>) -> Option<MediaSource<'a>> {
    let mime = mime_of(parsed, fallback)?;
    Some(MediaSource::Base64 { mime, data: Text::plain(parsed.data) })
}

fn mime_of<'a>(parsed: &DataUrl<'a>, fallback: Option<&'static str>) -> Option<Cow<'a, str>> {
    let fallback = fallback.map(|fallback| sniff(parsed.data).unwrap_or(fallback));
    Some(parsed.mime_or(fallback?))
}

pub(super) fn audio(audio: Audio<'_>) -> Option<Media<'_>> {
    let format = audio.format.map(Text::into_decoded).unwrap_or_default();
    let mime = Cow::Owned(audio_mime(&format).into_owned());
    Some(medium(MediaClass::Audio, MediaSource::Base64 { mime, data: audio.data? }))
}

pub(super) fn file(file: File<'_>) -> Option<Media<'_>> {
    if let Some(id) = file.file_id {
        let mut media = medium(MediaClass::Document, MediaSource::File(id));
        media.name = file.filename;
        return Some(media);
    }
    let name = file.filename.as_ref().map(|name| name.decoded().into_owned());
    let data = file.file_data?.into_decoded().into_owned();
    let parsed = file_data(&data, None, name.as_deref())?;
    let mime = parsed.mime_or("application/octet-stream").into_owned();
    let class = class_of(&mime);
    let source = MediaSource::Base64 { mime: Cow::Owned(mime), data: Text::plain(parsed.data.to_owned()) };
    let mut media = medium(class, source);
    media.name = file.filename;
    Some(media)
}

/// Writes a content part; false when Chat has no words for it.
pub(super) fn write(writer: &mut Writer, media: &Media<'_>) -> bool {
    match (&media.class, &media.source) {
        (MediaClass::Image, MediaSource::Base64 { mime, data }) => {
            link(writer, "image_url", media, &data_url(mime, &data.decoded()))
        }
        (MediaClass::Image, MediaSource::Url(url)) => link(writer, "image_url", media, &url.decoded()),
        (MediaClass::Video, MediaSource::Url(url)) => link(writer, "video_url", media, &url.decoded()),
        (MediaClass::Audio, MediaSource::Base64 { mime, data }) => {
            writer.begin_object();
            writer.field_string("type", "input_audio");
            writer.key("input_audio");
            writer.begin_object();
            writer.field_text("data", data);
            writer.field_string("format", &audio_format(mime));
            writer.end_object();
            writer.end_object();
            true
        }
        (MediaClass::Document, MediaSource::Base64 { mime, data }) => {
            let name = media.name.as_ref().map_or(Cow::Borrowed("document.pdf"), Text::decoded);
            begin_file(writer);
            writer.field_string("filename", &name);
            writer.field_string("file_data", &data_url(mime, &data.decoded()));
            end_file(writer);
            true
        }
        (_, MediaSource::File(id)) => {
            begin_file(writer);
            writer.field_text("file_id", id);
            end_file(writer);
            true
        }
        (_, MediaSource::Text(text)) => {
            super::encode::text_part(writer, text);
            true
        }
        _ => false,
    }
}

fn link(writer: &mut Writer, kind: &str, media: &Media<'_>, url: &str) -> bool {
    writer.begin_object();
    writer.field_string("type", kind);
    writer.key(kind);
    writer.begin_object();
    writer.field_string("url", url);
    if let Some(detail) = media.detail.as_ref().map(Text::decoded) {
        // Source: translation.md B89.
        match &*detail {
            "auto" | "low" | "high" => writer.field_string("detail", &detail),
            "original" => writer.field_string("detail", "high"),
            _ => {}
        }
    }
    writer.end_object();
    writer.end_object();
    true
}

fn begin_file(writer: &mut Writer) {
    writer.begin_object();
    writer.field_string("type", "file");
    writer.key("file");
    writer.begin_object();
}

fn end_file(writer: &mut Writer) {
    writer.end_object();
    writer.end_object();
}
