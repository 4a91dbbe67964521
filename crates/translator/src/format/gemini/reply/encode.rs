//! Canonical replies for a client of this format. Source: translation.md A.12, B4, B28, B56, B69, B75.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::dialect::{Dialect, is_family};
use super::super::grounding::Grounds;
use super::super::{call_id, carrier, shown_id, shown_model, usage};
use crate::codec::ReplyContext;
use crate::json::{Text, Writer};
use crate::model::{Args, Finish};
use crate::model::{Candidate, Media, MediaSource, Part, PartKind, Reasoning, Response, ToolCall};
use crate::pass::args::{Shape, freeform, is_cut_off, said_object, wrap_custom_input};
use crate::pass::finish::{gemini_reason, is_known};
use crate::splice::TopLevel;
use cliproxy_core::FinishReason;

pub(in super::super) fn encode(response: &Response<'_>, context: &ReplyContext, dialect: Dialect) -> Vec<u8> {
    let family = is_family(response.source);
    let mut w = Writer::new(Vec::with_capacity(512));
    w.begin_object();
    if dialect.wraps() {
        w.key("response");
        w.begin_object();
    }
    w.key("candidates");
    w.begin_array();
    for candidate in &response.candidates {
        write_candidate(&mut w, candidate, context, response.source);
    }
    if response.candidates.is_empty() {
        write_candidate(&mut w, &Candidate::default(), context, response.source);
    }
    w.end_array();
    if let Some(used) = &response.usage {
        w.key("usageMetadata");
        usage::write(&mut w, used);
    }
    w.field_string("modelVersion", shown_model(context, &response.model));
    w.field_string("responseId", &shown_id(&response.id, context));
    if family {
        for (key, raw) in &response.extras {
            w.field_raw(key, raw.get());
        }
    }
    if dialect.wraps() {
        w.end_object();
    }
    w.end_object();
    w.into_bytes()
}

fn write_candidate(w: &mut Writer, candidate: &Candidate<'_>, context: &ReplyContext, source: &str) {
    let family = is_family(source);
    w.begin_object();
    w.key("content");
    w.begin_object();
    w.key("parts");
    w.begin_array();
    let mut calls = 0;
    let (mut said, mut grounds) = (false, Grounds::default());
    let cut = usize::from(is_cut_off(source, candidate));
    for part in candidate.parts.iter().take(candidate.parts.len() - cut) {
        if let PartKind::Server(server) = &part.kind
            && !is_family(server.format)
        {
            grounds.add(server);
        }
        let own: Own<'_> = if family { &part.extras } else { &[] };
        said |= write_part(w, (part, own), context, (candidate.index, &mut calls));
    }
    if !said {
        // As Google itself says nothing.
        w.raw(r#"{"text":""}"#);
    }
    w.end_array();
    w.field_string("role", "model");
    let own: &[_] = if family { &candidate.extras } else { &[] };
    for (key, raw) in own {
        if let Some(key) = key.strip_prefix("content.") {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
    write_finish(w, candidate.finish.as_ref());
    w.field_unsigned("index", u64::from(candidate.index));
    if let Some(grounds) = grounds.metadata() {
        w.field_raw("groundingMetadata", &grounds);
    }
    if family {
        if let Some(logprobs) = &candidate.logprobs {
            w.field_raw("logprobsResult", logprobs.get());
        }
        if let Some(raw) = &candidate.grounding {
            w.field_raw("groundingMetadata", raw.get());
        }
        for (key, raw) in candidate.extras.iter().filter(|(key, _)| !key.starts_with("content.")) {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
}

/// Gemini's own word where it is one: it says more than ours.
pub(in super::super) fn write_finish(w: &mut Writer, finish: Option<&Finish<'_>>) {
    let word = match finish {
        Some(Finish { native: Some(native), .. }) if is_own_word(native) => native,
        Some(finish) => gemini_reason(finish.reason),
        None => gemini_reason(FinishReason::Stop),
    };
    w.field_string("finishReason", word);
}

/// Of Google's words for the end those that services of other formats are understood by, too.
/// Source: Gemini API and Vertex AI references, `FinishReason`; read 2026-11.
const WORDS: [&str; 16] = [
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MODEL_ARMOR",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
];

/// Whether a word for the end is Google's: some services write those of other formats in capitals, and a word that nobody
/// knows may be a new one of Google's (B51).
pub(in super::super) fn is_own_word(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        && (WORDS.contains(&word) || !is_known(word))
}

/// Log probabilities come in the shape of their source; only this format's members mean anything here.
pub(in super::super) fn is_logprobs(raw: &RawValue) -> bool {
    let object = TopLevel::scan(raw.get().as_bytes());
    object.is_ok_and(|object| object.has("chosenCandidates") || object.has("topCandidates"))
}

/// One part. False for what this format has no part for.
fn write_part(
    w: &mut Writer,
    (part, own): (&Part<'_>, Own<'_>),
    context: &ReplyContext,
    (candidate, calls): (u32, &mut u32),
) -> bool {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => {
            if text.is_empty() && part.signature.is_none() {
                return false;
            }
            w.begin_object();
            w.field_text("text", text);
            end(w, part, own);
        }
        PartKind::Reasoning(reasoning) => return write_reasoning(w, (part, own), reasoning),
        PartKind::ToolCall(call) => {
            // Half a call is none: a client would run it.
            let Some(args) = said_object(&call.args) else { return false };
            let id = call_id(&call.id, context, candidate, *calls);
            write_call(w, (part, own), (call, &args), context, &id);
            *calls += 1;
        }
        PartKind::Media(media) => {
            w.begin_object();
            write_media(w, media);
            end(w, part, own);
        }
        PartKind::Server(server) if is_family(server.format) => w.raw(server.raw.get()),
        PartKind::Opaque(opaque) if is_family(opaque.format) => w.raw(opaque.raw.get()),
        PartKind::Server(_) | PartKind::Opaque(_) | PartKind::ToolResult(_) => return false,
    }
    true
}

/// Thoughts and their signature are one part (E110). Encrypted ones have no place but a signature's.
fn write_reasoning(w: &mut Writer, (part, own): (&Part<'_>, Own<'_>), reasoning: &Reasoning<'_>) -> bool {
    let texts = if reasoning.summary.is_empty() { &reasoning.raw } else { &reasoning.summary };
    if reasoning.redacted.is_some() || part.signature.is_none() && texts.iter().all(Text::is_empty) {
        return false;
    }
    w.begin_object();
    w.key("text");
    w.texts(
        texts
            .iter()
            .enumerate()
            .flat_map(|(index, text)| [Text::plain(if index == 0 { "" } else { "\n\n" }), text.reborrow()]),
    );
    w.field_boolean("thought", true);
    if let Some(signature) = &part.signature {
        w.field_text("thoughtSignature", &carrier::for_client(signature, reasoning.bind));
    }
    write_own(w, own);
    w.end_object();
    true
}

/// Members that a part had in another dialect.
type Own<'a> = &'a [(Cow<'a, str>, &'a RawValue)];

fn write_own(w: &mut Writer, own: Own<'_>) {
    for (key, raw) in own.iter().filter(|(key, _)| !key.contains('.') && key != "thought") {
        w.field_raw(key, raw.get());
    }
}

fn end(w: &mut Writer, part: &Part<'_>, own: Own<'_>) {
    if let Some(signature) = &part.signature {
        w.field_text("thoughtSignature", &carrier::for_client(signature, crate::model::Bind::Own));
    }
    write_own(w, own);
    w.end_object();
}

fn write_call(
    w: &mut Writer,
    (part, own): (&Part<'_>, Own<'_>),
    (call, args): (&ToolCall<'_>, &str),
    context: &ReplyContext,
    id: &str,
) {
    w.begin_object();
    w.key("functionCall");
    w.begin_object();
    w.field_string("id", id);
    w.field_string("name", context.names.declared(&call.name));
    w.field_raw("args", args);
    for (key, raw) in own {
        if let Some(key) = key.strip_prefix("functionCall.") {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
    end(w, part, own);
}

/// `inlineData` or `fileData`, within a part.
pub(in super::super) fn write_media(w: &mut Writer, media: &Media<'_>) {
    match &media.source {
        MediaSource::Base64 { mime, data } => {
            w.key("inlineData");
            w.begin_object();
            w.field_string("mimeType", mime);
            w.field_text("data", data);
            w.end_object();
        }
        MediaSource::Url(uri) | MediaSource::File(uri) => {
            w.key("fileData");
            w.begin_object();
            w.field_text("fileUri", uri);
            w.end_object();
        }
        MediaSource::Text(text) => w.field_text("text", text),
        MediaSource::Parts(_) => w.field_string("text", ""),
    }
}

/// The arguments of a call that was read from a stream.
pub(in super::super) fn arguments(custom: bool, text: Text<'_>) -> Shape<'static> {
    if custom {
        return Shape::Object(Cow::Owned(wrap_custom_input(&freeform(&Args::Freeform(text)))));
    }
    match Shape::of(&Args::Encoded(text)) {
        Shape::Object(object) => Shape::Object(Cow::Owned(object.into_owned())),
        Shape::Other => Shape::Other,
        Shape::Broken => Shape::Broken,
    }
}
