//! Parts as content blocks. Source: translation.md A.4, A.5, B1, B10, B21, B22, B79 to B83, B92.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Marks;
use super::tools::{renamed, with_mark, write_mark};
use crate::codec::Profile;
use crate::format::claude::reply::{are_citations, thought_texts, write_thoughts};
use crate::format::claude::{CLAUDE, carrier, hygiene};
use crate::json::{Text, Writer};
use crate::model::{
    CacheMark, Media, MediaClass, MediaSource, Part, PartKind, Reasoning, ToolCall, ToolResult,
};
use crate::names::NameMap;
use crate::pass::args::Objects;
use crate::pass::cache::Place;
use crate::pass::ids::{IdMap, generated_id};
use crate::pass::media::{DataUrl, sniff};
use crate::pass::turns::{CallUse, OutPart};

/// Whether a message of this part alone may be a plain string.
pub(super) fn is_plain(part: &OutPart<'_>) -> bool {
    part.cache().is_none() && is_bare_text(part.part())
}

fn is_bare_text(part: &Part<'_>) -> bool {
    matches!(part.kind, PartKind::Text { citations: None, .. }) && part.extras.is_empty()
}

/// The breakpoints of a part in the order of writing: those inside a result come before its own.
pub(super) fn marks_of<'p>(part: &'p OutPart<'p>) -> Vec<&'p CacheMark<'p>> {
    let mut marks: Vec<&CacheMark<'_>> = Vec::new();
    if let PartKind::ToolResult(result) = &part.part().kind {
        marks.extend(inner(result).filter_map(|part| part.cache.as_ref()));
    }
    if may_carry_mark(part.part()) {
        marks.extend(part.cache());
    }
    marks
}

/// Thoughts cannot carry a breakpoint.
fn may_carry_mark(part: &Part<'_>) -> bool {
    !matches!(part.kind, PartKind::Reasoning(_))
}

/// What of a result's content Claude takes: empty texts are refused.
fn inner<'p>(result: &'p ToolResult<'p>) -> impl Iterator<Item = &'p Part<'p>> {
    result.content.iter().filter(|part| match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => !text.is_blank(),
        PartKind::Media(_) => true,
        PartKind::Server(server) => server.format == CLAUDE,
        PartKind::Opaque(opaque) => opaque.format == CLAUDE,
        PartKind::Reasoning(_) | PartKind::ToolCall(_) | PartKind::ToolResult(_) => false,
    })
}

/// Writes the parts of a conversation.
pub(super) struct PartWriter<'w> {
    native: bool,
    profile: &'w Profile,
    names: &'w NameMap,
    ids: &'w IdMap,
    objects: &'w Objects,
}

impl<'w> PartWriter<'w> {
    pub(super) fn new(
        native: bool,
        profile: &'w Profile,
        names: &'w NameMap,
        ids: &'w IdMap,
        objects: &'w Objects,
    ) -> Self {
        Self { native, profile, names, ids, objects }
    }

    pub(super) fn write(&self, w: &mut Writer, out: &OutPart<'_>, marks: &mut Marks<'_>, auto: bool) {
        let part = out.part();
        let own = out.cache().is_some() && may_carry_mark(part);
        let auto = auto && may_carry_mark(part);
        match &part.kind {
            PartKind::Reasoning(reasoning) => self.write_reasoning(w, part, reasoning),
            PartKind::ToolCall(call) => {
                let mark = marks.next(Place::Message, own, auto);
                self.write_call(w, out, call, mark);
            }
            PartKind::ToolResult(result) => self.write_result(w, out, result, marks, (own, auto)),
            _ => {
                let mark = marks.next(Place::Message, own, auto);
                write_simple(w, part, self.native, mark);
            }
        }
    }

    /// An id that Claude takes, of a call or of the call that is answered; one that the client never gave is derived
    /// from the place of its call (B4, E026).
    fn id(&self, out: &OutPart<'_>) -> String {
        let Some(CallUse { id, nth }) = out.call() else { return String::new() };
        match id.is_empty() {
            true => generated_id("toolu_", &["call", &nth.to_string()]),
            false => self.ids.of_use(&id.decoded(), nth).into_owned(),
        }
    }

    fn write_call(&self, w: &mut Writer, out: &OutPart<'_>, call: &ToolCall<'_>, mark: Option<Cow<'_, str>>) {
        w.begin_object();
        w.field_string("type", "tool_use");
        w.field_string("id", &self.id(out));
        w.field_string("name", &renamed(Cow::Borrowed(&*call.name), self.names));
        w.field_raw("input", &self.objects.of(&call.args));
        self.end(w, out.part(), mark);
    }

    fn write_result(
        &self,
        w: &mut Writer,
        out: &OutPart<'_>,
        result: &ToolResult<'_>,
        marks: &mut Marks<'_>,
        (own, auto): (bool, bool),
    ) {
        w.begin_object();
        w.field_string("type", "tool_result");
        w.field_string("tool_use_id", &self.id(out));
        match &result.raw {
            Some(raw) if self.native => w.field_raw("content", raw.get()),
            Some(raw) if inner(result).next().is_none() => {
                w.key("content");
                w.string_of_json(raw.get());
            }
            _ => self.write_content(w, result, marks),
        }
        if let Some(is_error) = result.is_error.filter(|is_error| self.native || *is_error) {
            w.field_boolean("is_error", is_error);
        }
        let mark = marks.next(Place::Message, own, auto);
        self.end(w, out.part(), mark);
    }

    fn write_content(&self, w: &mut Writer, result: &ToolResult<'_>, marks: &mut Marks<'_>) {
        match result.content.as_slice() {
            [] => {}
            [only] if only.cache.is_none() && is_bare_text(only) && result.raw.is_none() => {
                if let Some(text) = only.as_text() {
                    w.field_text("content", text);
                }
            }
            _ => {
                if inner(result).next().is_none() {
                    return;
                }
                w.key("content");
                w.begin_array();
                if let Some(raw) = &result.raw {
                    // What a format has as an object, with what the tool showed behind it (B21).
                    w.begin_object();
                    w.field_string("type", "text");
                    w.key("text");
                    w.string_of_json(raw.get());
                    w.end_object();
                }
                for part in inner(result) {
                    let mark = marks.next(Place::Message, part.cache.is_some(), false);
                    write_simple(w, part, self.native, mark);
                }
                w.end_array();
            }
        }
    }

    fn write_reasoning(&self, w: &mut Writer, part: &Part<'_>, reasoning: &Reasoning<'_>) {
        w.begin_object();
        if let Some(data) = &reasoning.redacted {
            w.field_string("type", "redacted_thinking");
            w.field_text("data", data);
            return self.end(w, part, None);
        }
        w.field_string("type", "thinking");
        w.key("thinking");
        write_thoughts(w, thought_texts(reasoning));
        w.key("signature");
        match part.signature.as_ref().and_then(|signature| carrier::for_claude(signature, self.native)) {
            Some(signature) => w.text(&signature),
            // Only backends that sign nothing get here (keep.rs).
            None => {
                debug_assert!(
                    self.profile.keeps_reasoning_text,
                    "unsigned thoughts go only where they are wanted"
                );
                w.string("");
            }
        }
        self.end(w, part, None);
    }

    fn end(&self, w: &mut Writer, part: &Part<'_>, mark: Option<Cow<'_, str>>) {
        end(w, part, self.native, mark);
    }
}

/// Ends a block with what may be attached to any.
fn end(w: &mut Writer, part: &Part<'_>, native: bool, mark: Option<Cow<'_, str>>) {
    write_mark(w, mark);
    if native {
        for (key, raw) in part.extras.iter().filter(|(key, _)| !key.starts_with("source.")) {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
}

/// Text, media and whole blocks: what may stand in messages and in results.
fn write_simple(w: &mut Writer, part: &Part<'_>, native: bool, mark: Option<Cow<'_, str>>) {
    match &part.kind {
        PartKind::Media(media) => write_media(w, part, media, native, mark),
        PartKind::Server(server) => write_whole(w, server.raw.get(), mark),
        PartKind::Opaque(opaque) => write_whole(w, opaque.raw.get(), mark),
        _ => write_text_block(w, part, native, mark),
    }
}

/// A block as it came, but for its breakpoint.
fn write_whole(w: &mut Writer, raw: &str, mark: Option<Cow<'_, str>>) {
    match mark {
        Some(mark) => w.raw(&with_mark(raw, &mark)),
        None => w.raw(&hygiene::marked(raw, Place::Message, &mut |_, _| None)),
    }
}

pub(super) fn write_text_block(w: &mut Writer, part: &Part<'_>, native: bool, mark: Option<Cow<'_, str>>) {
    w.begin_object();
    w.field_string("type", "text");
    w.key("text");
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => w.text(text),
        _ => w.string(""),
    }
    if let PartKind::Text { citations: Some(citations), .. } = &part.kind
        && (native || are_citations(citations.get()))
    {
        w.field_raw("citations", citations.get());
    }
    end(w, part, native, mark);
}

fn write_note(w: &mut Writer, note: &str, mark: Option<Cow<'_, str>>) {
    w.begin_object();
    w.field_string("type", "text");
    w.field_string("text", note);
    write_mark(w, mark);
    w.end_object();
}

/// A medium in the form that Claude has for it; what it has none for is named in words (B80).
fn write_media(w: &mut Writer, part: &Part<'_>, media: &Media<'_>, native: bool, mark: Option<Cow<'_, str>>) {
    let source = match &media.source {
        _ if !matches!(media.class, MediaClass::Image | MediaClass::Document) => Err(note(media)),
        MediaSource::Base64 { mime, data } => base64_source(media.class, mime, data, native),
        MediaSource::Url(url) => url_source(media.class, url, native),
        // An id of one provider's store means nothing to another's.
        MediaSource::File(_) if !native => {
            Err("Media content: a file in another provider's store".to_owned())
        }
        MediaSource::File(id) => Ok(Source::File(id.reborrow())),
        MediaSource::Text(text) => Ok(Source::Text(text.reborrow())),
        MediaSource::Parts(_) => Ok(Source::Parts),
    };
    let source = match source {
        Ok(source) => source,
        Err(note) => return write_note(w, &note, mark),
    };
    let document = media.class == MediaClass::Document;
    w.begin_object();
    w.field_string("type", if document { "document" } else { "image" });
    w.key("source");
    w.begin_object();
    write_source(w, &source, media, native);
    if native {
        for (key, raw) in &part.extras {
            if let Some(key) = key.strip_prefix("source.") {
                w.field_raw(key, raw.get());
            }
        }
    }
    w.end_object();
    if document {
        if let Some(title) = &media.name {
            w.field_text("title", title);
        }
        if let Some(context) = &media.context {
            w.field_text("context", context);
        }
        if let Some(citations) = &media.citations {
            w.field_raw("citations", citations.get());
        }
    }
    end(w, part, native, mark);
}

/// What a `source` object says.
enum Source<'s> {
    Base64(Cow<'s, str>, Text<'s>),
    Url(Text<'s>),
    File(Text<'s>),
    Text(Text<'s>),
    Parts,
}

fn write_source(w: &mut Writer, source: &Source<'_>, media: &Media<'_>, native: bool) {
    match source {
        Source::Base64(mime, data) => {
            w.field_string("type", "base64");
            w.field_string("media_type", mime);
            w.field_text("data", data);
        }
        Source::Url(url) => {
            w.field_string("type", "url");
            w.field_text("url", url);
        }
        Source::File(id) => {
            w.field_string("type", "file");
            w.field_text("file_id", id);
        }
        Source::Text(text) => {
            w.field_string("type", "text");
            w.field_string("media_type", "text/plain");
            w.field_text("data", text);
        }
        Source::Parts => {
            w.field_string("type", "content");
            w.key("content");
            w.begin_array();
            if let MediaSource::Parts(parts) = &media.source {
                for part in parts {
                    // No breakpoint may stand inside a source.
                    write_simple(w, part, native, None);
                }
            }
            w.end_array();
        }
    }
}

/// Images of four types and PDFs go as they are; text files become text; anything else is named in words.
fn base64_source<'s>(
    class: MediaClass,
    mime: &'s str,
    data: &'s Text<'s>,
    native: bool,
) -> Result<Source<'s>, String> {
    let mut mime = Cow::Borrowed(mime);
    if mime.is_empty() || mime == "application/octet-stream" {
        mime = sniff(&data.decoded()).map_or(mime, Cow::Borrowed);
    }
    if mime == "image/jpg" {
        mime = Cow::Borrowed("image/jpeg");
    }
    let fits = match class {
        MediaClass::Image => is_image(&mime),
        _ => mime == "application/pdf",
    };
    if fits || native {
        return Ok(Source::Base64(mime, data.reborrow()));
    }
    if class == MediaClass::Document
        && is_textual(&mime)
        && let Some(text) =
            STANDARD.decode(data.decoded().as_bytes()).ok().and_then(|text| String::from_utf8(text).ok())
        && !text.trim().is_empty()
    {
        return Ok(Source::Text(Text::plain(text)));
    }
    Err(format!("Media content: inline data (Type: {mime})"))
}

/// Whether there is a block for a medium; what has none is named in words (B80).
pub(super) fn has_block(media: &Media<'_>) -> bool {
    let fits = |mime: &str, data: &str| {
        let unknown = mime.is_empty() || mime == "application/octet-stream";
        let mime = unknown.then(|| sniff(data)).flatten().unwrap_or(mime);
        match media.class {
            MediaClass::Image => mime == "image/jpg" || is_image(mime),
            _ => mime == "application/pdf" || is_textual(mime),
        }
    };
    matches!(media.class, MediaClass::Image | MediaClass::Document)
        && match &media.source {
            MediaSource::Base64 { mime, data } => fits(mime, &data.decoded()),
            MediaSource::Url(url) => {
                let url = url.decoded();
                match DataUrl::parse(&url) {
                    Some(data) => fits(&data.mime_or("application/octet-stream"), data.data),
                    None => url_source(media.class, &Text::plain(&*url), false).is_ok(),
                }
            }
            MediaSource::File(_) => false,
            MediaSource::Text(_) | MediaSource::Parts(_) => true,
        }
}

/// The images that Claude takes.
fn is_image(mime: &str) -> bool {
    matches!(mime, "image/jpeg" | "image/png" | "image/gif" | "image/webp")
}

fn is_textual(mime: &str) -> bool {
    mime.starts_with("text/") || matches!(mime, "application/json" | "application/xml" | "application/yaml")
}

fn url_source<'s>(class: MediaClass, url: &'s Text<'s>, native: bool) -> Result<Source<'s>, String> {
    let text = url.decoded();
    if let Some(data) = DataUrl::parse(&text).filter(|_| !native) {
        let mime = data.mime_or("application/octet-stream").into_owned();
        return match base64_source(class, &mime, &Text::plain(data.data), false)? {
            Source::Base64(mime, data) => {
                Ok(Source::Base64(Cow::Owned(mime.into_owned()), data.into_owned()))
            }
            Source::Text(text) => Ok(Source::Text(text.into_owned())),
            _ => Err("Media content: inline data".to_owned()),
        };
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if native || matches!(scheme.as_deref(), Some("http" | "https")) {
        return Ok(Source::Url(url.reborrow()));
    }
    Err("Media content: a URL that Claude cannot fetch".to_owned())
}

/// What is said in place of sound and film. Source: translation.md B80.
fn note(media: &Media<'_>) -> String {
    match &media.source {
        MediaSource::Base64 { mime, .. } => format!("Media content: inline data (Type: {mime})"),
        _ => {
            let kind = if media.class == MediaClass::Audio { "audio" } else { "video" };
            format!("Media content: a reference (Type: {kind})")
        }
    }
}
