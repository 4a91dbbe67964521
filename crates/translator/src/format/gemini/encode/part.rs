//! Parts that any content may hold. Source: translation.md A.4, A.5, B79 to B83; F21.

use std::borrow::Cow;

use super::Target;
use crate::format::gemini::carrier::{SENTINELS, for_claude};
use crate::format::gemini::dialect::Maker;
use crate::json::{Text, Writer};
use crate::model::{Media, MediaClass, MediaSource, Part, PartKind, Reasoning, Signature};
use crate::pass::media::{DataUrl, mime_of_name, sniff};

/// A part, and the signature that goes out with it.
type Signed<'p> = (&'p Part<'p>, Option<&'p Signature<'p>>);

/// A part of a content that is neither call nor result.
pub(super) fn write(w: &mut Writer, target: &Target<'_>, part: &Part<'_>, signature: Option<&Signature<'_>>) {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => {
            w.begin_object();
            w.field_text("text", text);
            end(w, target, (part, signature), false);
        }
        PartKind::Reasoning(reasoning) => write_reasoning(w, target, (part, signature), reasoning),
        PartKind::Media(_) => write_media(w, target, part, signature),
        PartKind::Server(server) => w.raw(server.raw.get()),
        PartKind::Opaque(opaque) => w.raw(opaque.raw.get()),
        PartKind::ToolCall(_) | PartKind::ToolResult(_) => {}
    }
}

/// A part of the instructions: text.
pub(super) fn write_instruction(w: &mut Writer, part: &Part<'_>) {
    w.begin_object();
    match part.as_text() {
        Some(text) => w.field_text("text", text),
        None => w.field_string("text", ""),
    }
    w.end_object();
}

/// Several summary parts are one thought (B37). What carries only state is no thought (B28).
fn write_reasoning(w: &mut Writer, target: &Target<'_>, part: Signed<'_>, reasoning: &Reasoning<'_>) {
    let texts = if reasoning.summary.is_empty() { &reasoning.raw } else { &reasoning.summary };
    let told = texts.iter().any(|text| !text.is_empty());
    w.begin_object();
    w.key("text");
    w.texts(
        texts
            .iter()
            .enumerate()
            .flat_map(|(index, text)| [Text::plain(if index == 0 { "" } else { "\n\n" }), text.reborrow()]),
    );
    if told {
        w.field_boolean("thought", true);
    }
    let sentinel = target.profile.keeps_reasoning_text && told && target.maker == Maker::Google;
    end(w, target, part, sentinel);
}

/// Ends a part with what may be attached to any. Parts that Gemini did not sign stay unsigned, but for backends that
/// want every thought signed (E343).
fn end(w: &mut Writer, target: &Target<'_>, (part, signature): Signed<'_>, sentinel: bool) {
    match signature {
        Some(signature) => write_signature(w, target, signature),
        None if sentinel => w.field_string("thoughtSignature", SENTINELS[0]),
        None => {}
    }
    write_extras(w, target, part);
    w.end_object();
}

/// A signature in the form that the model's maker takes here.
pub(super) fn write_signature(w: &mut Writer, target: &Target<'_>, signature: &Signature<'_>) {
    match target.is_claude().then(|| for_claude(signature)).flatten() {
        Some(value) => w.field_text("thoughtSignature", &value),
        None => w.field_text("thoughtSignature", &signature.value),
    }
}

/// What only this format has on a part.
pub(super) fn write_extras(w: &mut Writer, target: &Target<'_>, part: &Part<'_>) {
    if target.family {
        for (key, raw) in part.extras.iter().filter(|(key, _)| !key.contains('.')) {
            w.field_raw(key, raw.get());
        }
    }
}

/// The extras that belong inside the member that is being written.
pub(super) fn write_nested(w: &mut Writer, target: &Target<'_>, part: &Part<'_>, prefix: &str) {
    if target.family {
        for (key, raw) in &part.extras {
            if let Some(key) = key.strip_prefix(prefix).filter(|key| !matches!(*key, "response" | "mimeType"))
            {
                w.field_raw(key, raw.get());
            }
        }
    }
}

/// A medium, inline or by reference; text where there is nothing else to say of it.
pub(super) fn write_media(
    w: &mut Writer,
    target: &Target<'_>,
    part: &Part<'_>,
    signature: Option<&Signature<'_>>,
) {
    let signed = (part, signature);
    let PartKind::Media(media) = &part.kind else { return };
    match &media.source {
        MediaSource::Base64 { mime, data } => write_inline(w, target, signed, media, mime, data),
        MediaSource::Url(url) => {
            let text = url.decoded();
            match DataUrl::parse(&text) {
                Some(data) => {
                    let mime = data.mime_or(fallback(media.class));
                    write_inline(w, target, signed, media, &mime, &Text::plain(data.data));
                }
                None => write_file(w, target, signed, media, url),
            }
        }
        MediaSource::File(file) if target.family => write_file(w, target, signed, media, file),
        // An id of one provider's store means nothing to another's.
        MediaSource::File(_) => write_note(w, STORED),
        MediaSource::Text(text) => {
            w.begin_object();
            w.key("text");
            let title = media.name.as_ref().map(Text::reborrow).filter(|title| !title.is_empty());
            let joint = Text::plain(if title.is_some() { "\n\n" } else { "" });
            w.texts([title.unwrap_or_default(), joint, text.reborrow()]);
            w.end_object();
        }
        MediaSource::Parts(parts) => {
            for part in parts {
                match &part.kind {
                    PartKind::Text { .. } | PartKind::Refusal(_) | PartKind::Media(_) => {
                        write(w, target, part, None)
                    }
                    _ => {}
                }
            }
        }
    }
}

/// What is said of a file that only another provider has.
pub(super) const STORED: &str = "[a file in another provider's store]";

fn write_note(w: &mut Writer, note: &str) {
    w.begin_object();
    w.field_string("text", note);
    w.end_object();
}

fn fallback(class: MediaClass) -> &'static str {
    match class {
        MediaClass::Image => "image/jpeg",
        MediaClass::Audio => "audio/wav",
        MediaClass::Video => "video/mp4",
        MediaClass::Document => "application/octet-stream",
    }
}

fn write_inline(
    w: &mut Writer,
    target: &Target<'_>,
    signed: Signed<'_>,
    media: &Media<'_>,
    mime: &str,
    data: &Text<'_>,
) {
    // Clients that do not know say so; Gemini wants to know.
    let unknown = mime.is_empty() || mime == "application/octet-stream";
    let mime = match unknown.then(|| sniff(&data.decoded())).flatten() {
        Some(found) => found,
        None if mime.is_empty() => fallback(media.class),
        None => mime,
    };
    w.begin_object();
    w.key("inlineData");
    w.begin_object();
    w.field_string("mimeType", mime);
    w.field_text("data", data);
    if let Some(name) = media.name.as_ref().filter(|_| target.family) {
        w.field_text("displayName", name);
    }
    write_nested(w, target, signed.0, "inlineData.");
    w.end_object();
    end(w, target, signed, false);
}

/// Source: translation.md A.4; E336.
fn write_file(w: &mut Writer, target: &Target<'_>, signed: Signed<'_>, media: &Media<'_>, uri: &Text<'_>) {
    w.begin_object();
    w.key("fileData");
    w.begin_object();
    let given = signed.0.extras.iter().find(|(key, _)| target.family && key == "fileData.mimeType");
    match given {
        Some((_, raw)) => w.field_raw("mimeType", raw.get()),
        None => {
            if let Some(mime) = mime_of_url(&uri.decoded()) {
                w.field_string("mimeType", mime);
            }
        }
    }
    w.field_text("fileUri", uri);
    if let Some(name) = media.name.as_ref().filter(|_| target.family) {
        w.field_text("displayName", name);
    }
    write_nested(w, target, signed.0, "fileData.");
    w.end_object();
    end(w, target, signed, false);
}

/// The type that a URL's path names.
fn mime_of_url(url: &str) -> Option<&'static str> {
    let path: Cow<'_, str> = url.split(['?', '#']).next().unwrap_or(url).into();
    mime_of_name(path.rsplit('/').next()?)
}
