//! Media: images inline, documents of text as text; nothing else has a place. Source: providers-b.md 1.5.3, 1.5.5;
//! translation.md A.4, B80, B82.

use std::borrow::Cow;

use crate::codec::CodecError;
use crate::json::{Text, Writer};
use crate::model::{Media, MediaClass, MediaSource, Part, PartKind};
use crate::pass::media::{DataUrl, sniff};

/// An image as Kiro takes it.
#[derive(Clone, Debug)]
pub(super) struct Image<'m> {
    format: &'static str,
    data: Text<'m>,
}

impl Image<'_> {
    pub(super) fn write(&self, w: &mut Writer) {
        w.begin_object();
        w.field_string("format", self.format);
        w.key("source");
        w.begin_object();
        w.field_text("bytes", &self.data);
        w.end_object();
        w.end_object();
    }
}

/// What becomes of a medium.
pub(super) enum Shown<'m> {
    Image(Image<'m>),
    /// What a document says, or what stands for a medium that has no place.
    Text(Text<'m>),
}

/// Refuses what only a fetch could send: leaving it out would answer another question (B82).
pub(super) fn check(media: &Media<'_>) -> Result<(), CodecError> {
    match &media.source {
        MediaSource::Url(url)
            if media.class == MediaClass::Image && DataUrl::parse(&url.decoded()).is_none() =>
        {
            Err(CodecError::inexpressible(
                "Kiro takes images inline only: send the image as base64, not its URL",
            )
            .with_param("messages"))
        }
        MediaSource::File(_) if media.class == MediaClass::Image => Err(CodecError::inexpressible(
            "Kiro takes images inline only: the file is in another provider's store",
        )
        .with_param("messages")),
        _ => Ok(()),
    }
}

/// Whether only words are left of a medium (B80).
pub(super) fn is_only_named(media: &Media<'_>) -> bool {
    let has_own_words = matches!(media.source, MediaSource::Text(_) | MediaSource::Parts(_));
    !has_own_words && shown(media).iter().any(|shown| matches!(shown, Shown::Text(_)))
}

/// A medium as it goes out.
pub(super) fn shown<'m>(media: &'m Media<'m>) -> Vec<Shown<'m>> {
    match &media.source {
        MediaSource::Base64 { mime, data } => vec![inline(media.class, mime, data.reborrow())],
        MediaSource::Url(url) => {
            let url = url.decoded();
            match DataUrl::parse(&url) {
                Some(data) => vec![inline(media.class, &data.mime, Text::plain(data.data.to_owned()))],
                None => vec![note("a reference", &format!("{:?}", media.class))],
            }
        }
        MediaSource::File(_) => vec![note("a file in another provider's store", "")],
        MediaSource::Text(text) => {
            let mut all = Vec::new();
            all.extend(
                media.name.as_ref().filter(|name| !name.is_empty()).map(|name| Shown::Text(name.reborrow())),
            );
            all.push(Shown::Text(text.reborrow()));
            all
        }
        MediaSource::Parts(parts) => parts.iter().flat_map(shown_part).collect(),
    }
}

/// A part inside a document or a result.
pub(super) fn shown_part<'m>(part: &'m Part<'m>) -> Vec<Shown<'m>> {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => vec![Shown::Text(text.reborrow())],
        PartKind::Media(media) => shown(media),
        PartKind::Opaque(opaque) => vec![Shown::Text(Text::plain(opaque.raw.get()))],
        PartKind::Server(server) => vec![Shown::Text(Text::plain(server.raw.get()))],
        PartKind::Reasoning(_) | PartKind::ToolCall(_) | PartKind::ToolResult(_) => Vec::new(),
    }
}

fn inline<'m>(class: MediaClass, mime: &str, data: Text<'m>) -> Shown<'m> {
    let unknown = mime.is_empty() || mime == "application/octet-stream";
    let mime = match unknown.then(|| sniff(&data.decoded())).flatten() {
        Some(found) => Cow::Borrowed(found),
        None => Cow::Owned(mime.to_ascii_lowercase()),
    };
    // Source: providers-b.md 1.5.3 "`images[].format` ∈ gif jpeg png webp" [V].
    let format = match &*mime {
        "image/png" => Some("png"),
        "image/jpeg" | "image/jpg" => Some("jpeg"),
        "image/gif" => Some("gif"),
        "image/webp" => Some("webp"),
        "" if class == MediaClass::Image => Some("jpeg"),
        _ => None,
    };
    match format.filter(|_| !data.is_empty()) {
        Some(format) => Shown::Image(Image { format, data }),
        None => note("inline data", &mime),
    }
}

/// What has no place is named in words (B80).
fn note<'m>(what: &str, kind: &str) -> Shown<'m> {
    let kind =
        if kind.is_empty() { String::new() } else { format!(" (Type: {})", kind.to_ascii_lowercase()) };
    Shown::Text(Text::plain(format!("[Media content: {what}{kind}]")))
}
