//! Content parts.

use super::Target;
use crate::format::responses::decode::unwrapped_images;
use crate::format::responses::is_family;
use crate::json::{Text, Writer};
use crate::model::{CacheMark, Media, MediaClass, MediaSource, Part, PartKind, Role, ToolResult};
use crate::pass::media::{audio_format, data_url, titled};

/// Whether text is said to the model or by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    Output,
}

impl Side {
    pub(super) fn of(role: Role) -> Self {
        if role == Role::Assistant { Self::Output } else { Self::Input }
    }
}

pub(super) fn write_typed_text(w: &mut Writer, kind: &str, text: &Text<'_>) {
    w.begin_object();
    w.field_string("type", kind);
    w.field_text("text", text);
    w.end_object();
}

pub(super) fn write(
    w: &mut Writer,
    target: &Target<'_>,
    side: Side,
    part: &Part<'_>,
    cache: Option<&CacheMark<'_>>,
) {
    match &part.kind {
        PartKind::Text { text, citations } => {
            w.begin_object();
            w.field_string("type", if side == Side::Output { "output_text" } else { "input_text" });
            w.field_text("text", text);
            if side == Side::Output && target.native {
                w.field_raw("annotations", citations.as_ref().map_or("[]", |raw| raw.get()));
            }
            attachments(w, target, part, cache);
            w.end_object();
        }
        PartKind::Refusal(text) => {
            w.begin_object();
            w.field_string("type", "refusal");
            w.field_text("refusal", text);
            w.end_object();
        }
        PartKind::Media(media) => write_media(w, target, media, Some((part, cache))),
        PartKind::Opaque(opaque) if is_family(opaque.format) => w.raw(opaque.raw.get()),
        _ => {}
    }
}

fn attachments(w: &mut Writer, target: &Target<'_>, part: &Part<'_>, cache: Option<&CacheMark<'_>>) {
    if !target.native {
        return;
    }
    for (key, raw) in &part.extras {
        // Codex refuses it. Source: providers-a.md 3.5, E319.
        if !(target.is_codex() && key == "prompt_cache_breakpoint") {
            w.field_raw(key, raw.get());
        }
    }
    if let Some(mark) = cache.filter(|_| !target.is_codex()) {
        w.field_raw("cache_control", mark.raw.get());
    }
}

fn write_media(
    w: &mut Writer,
    target: &Target<'_>,
    media: &Media<'_>,
    part: Option<(&Part<'_>, Option<&CacheMark<'_>>)>,
) {
    match &media.source {
        MediaSource::Text(text) => return write_typed_text(w, "input_text", &titled(media, text)),
        MediaSource::Parts(parts) => {
            if let Some(name) = &media.name {
                write_typed_text(w, "input_text", name);
            }
            return parts.iter().for_each(|part| write(w, target, Side::Input, part, None));
        }
        MediaSource::Base64 { .. } | MediaSource::Url(_) | MediaSource::File(_) => {}
    }
    w.begin_object();
    match media.class {
        MediaClass::Image => write_image(w, media),
        MediaClass::Audio => write_audio(w, media),
        MediaClass::Document | MediaClass::Video => write_file(w, media),
    }
    if let Some((part, cache)) = part {
        attachments(w, target, part, cache);
    }
    w.end_object();
}

fn write_image(w: &mut Writer, media: &Media<'_>) {
    w.field_string("type", "input_image");
    // Required by the format; `auto` is what leaving it out means.
    let known = |detail: &Text<'_>| matches!(&*detail.decoded(), "auto" | "low" | "high" | "original");
    match media.detail.as_ref().filter(|detail| known(detail)) {
        Some(detail) => w.field_text("detail", detail),
        None => w.field_string("detail", "auto"),
    }
    match &media.source {
        MediaSource::Url(url) => w.field_text("image_url", url),
        MediaSource::Base64 { mime, data } => w.field_string("image_url", &data_url(mime, &data.decoded())),
        MediaSource::File(id) => w.field_text("file_id", id),
        MediaSource::Text(_) | MediaSource::Parts(_) => {}
    }
}

/// Nested as the format has it (F24, E267).
fn write_audio(w: &mut Writer, media: &Media<'_>) {
    w.field_string("type", "input_audio");
    if let MediaSource::Base64 { mime, data } = &media.source {
        w.key("input_audio");
        w.begin_object();
        w.field_text("data", data);
        w.field_string("format", &audio_format(mime));
        w.end_object();
    }
}

/// Source: translation.md B83: with the real title as file name.
fn write_file(w: &mut Writer, media: &Media<'_>) {
    w.field_string("type", "input_file");
    match &media.source {
        MediaSource::File(id) => w.field_text("file_id", id),
        MediaSource::Url(url) => w.field_text("file_url", url),
        MediaSource::Base64 { mime, data } => {
            match &media.name {
                Some(name) => w.field_text("filename", name),
                None => w.field_string("filename", default_name(mime)),
            }
            w.field_string("file_data", &data_url(mime, &data.decoded()));
        }
        MediaSource::Text(_) | MediaSource::Parts(_) => {}
    }
    if let (Some(name), MediaSource::File(_)) = (&media.name, &media.source) {
        w.field_text("filename", name);
    }
}

fn default_name(mime: &str) -> &'static str {
    match mime {
        "application/pdf" => "document.pdf",
        _ if mime.starts_with("text/") => "document.txt",
        _ => "document",
    }
}

/// Writes `output`: a string where it is only text, a list where there is more. Source: translation.md B20, B21.
pub(super) fn write_output(w: &mut Writer, target: &Target<'_>, result: &ToolResult<'_>) {
    let failed = result.is_error == Some(true);
    // A format that has objects there: their JSON is the text (E266).
    let json = match &result.raw {
        Some(raw) if target.native => return w.raw(raw.get()),
        raw => raw.as_ref().map(|raw| Text::plain(raw.get())),
    };
    if let [only] = result.content.as_slice()
        && let (Some(text), None) = (only.as_text(), &json)
        && !target.native
        && let Some(parts) = unwrapped_images(text)
    {
        return write_list(w, target, (None, &parts), failed);
    }
    let only_text = result.content.iter().all(|part| part.as_text().is_some() && part.extras.is_empty());
    if only_text && (result.content.len() < 2 || !target.native) {
        let mut pieces: Vec<Text<'_>> = Vec::with_capacity(result.content.len() * 2 + 1);
        for text in json.iter().chain(result.content.iter().filter_map(Part::as_text)) {
            if !pieces.is_empty() {
                pieces.push(Text::plain("\n\n"));
            }
            pieces.push(text.reborrow());
        }
        if failed && !is_marked(pieces.first()) {
            pieces.insert(0, Text::plain(FAILED));
        }
        return w.texts(pieces);
    }
    write_list(w, target, (json, &result.content), failed);
}

/// How a failure is told where only text is (B22).
const FAILED: &str = "Error: ";

fn is_marked(text: Option<&Text<'_>>) -> bool {
    text.is_some_and(|text| text.decoded().starts_with(FAILED.trim_end()))
}

fn write_list(
    w: &mut Writer,
    target: &Target<'_>,
    (json, parts): (Option<Text<'_>>, &[Part<'_>]),
    failed: bool,
) {
    w.begin_array();
    if failed && !is_marked(json.as_ref().or_else(|| parts.iter().find_map(Part::as_text))) {
        write_typed_text(w, "input_text", &Text::plain(FAILED.trim_end()));
    }
    if let Some(json) = json {
        write_typed_text(w, "input_text", &json);
    }
    for part in parts {
        match &part.kind {
            PartKind::Text { .. } | PartKind::Refusal(_) => match part.as_text() {
                Some(text) if !text.is_empty() => write(w, target, Side::Input, part, None),
                _ => {}
            },
            PartKind::Media(media) if is_sendable(target, media) => write_media(w, target, media, None),
            PartKind::Media(_) => {
                write_typed_text(
                    w,
                    "input_text",
                    &Text::plain("[a file that cannot be sent to this provider]"),
                );
            }
            // Broken and unknown parts stay as their JSON (E265).
            PartKind::Opaque(opaque) if is_family(opaque.format) && target.native => w.raw(opaque.raw.get()),
            PartKind::Opaque(opaque) => write_typed_text(w, "input_text", &Text::plain(opaque.raw.get())),
            PartKind::Server(server) => write_typed_text(w, "input_text", &Text::plain(server.raw.get())),
            PartKind::Reasoning(_) | PartKind::ToolCall(_) | PartKind::ToolResult(_) => {}
        }
    }
    w.end_array();
}

/// Whether an answer may hold it: text, images, files.
pub(super) fn is_sendable(target: &Target<'_>, media: &Media<'_>) -> bool {
    target.native
        || match (media.class, &media.source) {
            (MediaClass::Audio | MediaClass::Video, _) => false,
            // Only another format of the same vendor has its files.
            (_, MediaSource::File(_)) => target.vendor,
            _ => true,
        }
}
