//! Canonical replies as `chat.completion`.

use std::borrow::Cow;

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use super::super::{CHAT, call, data_url, is_audio, is_tier, shown_id, shown_model, usage};
use crate::codec::ReplyContext;
use crate::format::responses::RESPONSES;
use crate::json::{Text, Writer};
use crate::model::{
    Args, Candidate, Finish, Issuer, Media, MediaClass, Part, PartKind, Reasoning, Response, Signature,
    ToolCall,
};
use crate::pass::args::never_came;
use crate::pass::finish;
use crate::pass::ids::reply_call_id;
use crate::splice::TopLevel;

pub(in super::super) fn encode(response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
    let own = response.source == CHAT;
    let mut w = Writer::new(Vec::with_capacity(512 + size_of(response)));
    w.begin_object();
    w.field_string("id", &shown_id("chatcmpl-", &response.id, context));
    w.field_string("object", "chat.completion");
    w.field_signed("created", response.created.unwrap_or(context.created));
    w.field_string("model", shown_model(context, &response.model));
    w.key("choices");
    w.begin_array();
    if response.candidates.is_empty() {
        // Source: translation.md B71.
        write_candidate(&mut w, &Candidate::default(), context, response.source);
    }
    for candidate in &response.candidates {
        write_candidate(&mut w, candidate, context, response.source);
    }
    w.end_array();
    if let Some(known) = &response.usage {
        w.key("usage");
        usage::write(&mut w, known);
    }
    if let Some(tier) = response.service_tier.as_ref().filter(|tier| own || is_tier(tier)) {
        w.field_text("service_tier", tier);
    }
    if own {
        for (key, raw) in &response.extras {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
    w.into_bytes()
}

fn size_of(response: &Response<'_>) -> usize {
    let parts = response.candidates.iter().flat_map(|candidate| &candidate.parts);
    parts
        .map(|part| match &part.kind {
            PartKind::Text { text, .. } => text.size_hint(),
            PartKind::Reasoning(reasoning) => reasoning.summary.iter().map(Text::size_hint).sum(),
            _ => 128,
        })
        .sum()
}

fn write_candidate(w: &mut Writer, candidate: &Candidate<'_>, context: &ReplyContext, source: &str) {
    let calls: Vec<_> = candidate
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall(call) => Some((part, call)),
            _ => None,
        })
        .collect();
    w.begin_object();
    w.field_unsigned("index", u64::from(candidate.index));
    w.key("message");
    write_message(w, candidate, &calls, context, source);
    w.field_string("finish_reason", finish_word(candidate.finish.as_ref(), !calls.is_empty()));
    if let Some(logprobs) = candidate.logprobs.as_ref().filter(|raw| is_logprobs(raw)) {
        w.field_raw("logprobs", logprobs.get());
    }
    if source == CHAT {
        for (key, raw) in candidate.extras.iter().filter(|(key, _)| !key.starts_with("message.")) {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
}

/// Log probabilities come in the shape of their source; only this format's members mean anything here.
pub(in super::super) fn is_logprobs(raw: &RawValue) -> bool {
    TopLevel::scan(raw.get().as_bytes()).is_ok_and(|object| object.has("content") || object.has("refusal"))
}

/// Source: translation.md B51, B52.
pub(in super::super) fn finish_word(finish: Option<&Finish<'_>>, calls: bool) -> &'static str {
    finish::chat_reason(finish::settle(finish.map_or(FinishReason::Stop, |finish| finish.reason), calls))
}

/// Text joined without separator, thoughts joined, calls in order (B75).
fn write_message(
    w: &mut Writer,
    candidate: &Candidate<'_>,
    calls: &[(&Part<'_>, &ToolCall<'_>)],
    context: &ReplyContext,
    source: &str,
) {
    let parts = &candidate.parts;
    let texts: Vec<_> = parts.iter().filter_map(Part::as_text).collect();
    let refusals = parts.iter().filter_map(|part| match &part.kind {
        PartKind::Refusal(text) => Some(text.reborrow()),
        _ => None,
    });
    let refusals: Vec<_> = refusals.collect();
    w.begin_object();
    w.field_string("role", "assistant");
    w.key("content");
    if texts.is_empty() && (!calls.is_empty() || !refusals.is_empty()) {
        w.null();
    } else {
        w.texts(texts.iter().map(|text| text.reborrow()));
    }
    write_reasoning(w, parts);
    if !refusals.is_empty() {
        w.key("refusal");
        w.texts(refusals);
    }
    write_calls(w, candidate, calls, context);
    write_annotations(w, parts, source);
    write_media(w, parts);
    for part in parts {
        if let PartKind::Opaque(opaque) = &part.kind
            && is_audio(opaque)
        {
            w.field_raw("audio", opaque.raw.get());
        }
    }
    if source == CHAT {
        for (key, raw) in &candidate.extras {
            if let Some(key) = key.strip_prefix("message.") {
                w.field_raw(key, raw.get());
            }
        }
    }
    w.end_object();
}

fn write_reasoning(w: &mut Writer, parts: &[Part<'_>]) {
    let mut pieces: Vec<Text<'_>> = Vec::new();
    for part in parts {
        if let PartKind::Reasoning(Reasoning { summary, raw, redacted: None, .. }) = &part.kind {
            for (index, text) in summary.iter().enumerate() {
                if index > 0 {
                    pieces.push(Text::plain("\n\n"));
                }
                pieces.push(text.reborrow());
            }
            pieces.extend(raw.iter().map(Text::reborrow));
        }
    }
    if !pieces.is_empty() {
        w.key("reasoning_content");
        w.texts(pieces);
    }
}

fn write_calls(
    w: &mut Writer,
    candidate: &Candidate<'_>,
    calls: &[(&Part<'_>, &ToolCall<'_>)],
    context: &ReplyContext,
) {
    if calls.is_empty() {
        return;
    }
    let cut = never_came(candidate);
    w.key("tool_calls");
    w.begin_array();
    for (index, (part, call)) in calls.iter().enumerate() {
        w.begin_object();
        w.key("id");
        match call.id.is_empty() {
            false => w.text(&call.id),
            true => w.string(&call_id(context, candidate.index, index)),
        }
        let name = context.names.declared(&call.name);
        let custom = is_custom(context, name, matches!(call.args, Args::Freeform(_)));
        if cut && index + 1 == calls.len() && !custom {
            // No `{}` for what never came (E186): clients parse it.
            call::write_cut(w, name);
        } else {
            call::write_callee(w, name, &call.args, custom);
        }
        write_extra_content(w, part.signature.as_ref());
        w.end_object();
    }
    w.end_array();
}

/// Whether a call goes out as one of a custom tool: when the client declared the tool so, or when the provider says
/// so and nothing is known of the client's tools. Free text of any other tool is wrapped as JSON (B10, F25).
pub(in super::super) fn is_custom(context: &ReplyContext, name: &str, said: bool) -> bool {
    context.custom_tools.iter().any(|custom| custom == name) || said && context.custom_tools.is_empty()
}

/// The id of a call that came without one (B4, B4a).
pub(in super::super) fn call_id(context: &ReplyContext, candidate: u32, index: usize) -> String {
    reply_call_id(&context.seed, candidate, index)
}

/// Where Gemini's own compatible endpoint has the signature of a call, and where clients return it. Source:
/// translation.md A.5.
pub(in super::super) fn write_extra_content(w: &mut Writer, signature: Option<&Signature<'_>>) {
    let Some(signature) = signature.filter(|signature| signature.issuer == Issuer::Gemini) else { return };
    w.key("extra_content");
    w.begin_object();
    w.key("google");
    w.begin_object();
    w.field_text("thought_signature", &signature.value);
    w.end_object();
    w.end_object();
}

/// Source: translation.md B85.
fn write_annotations(w: &mut Writer, parts: &[Part<'_>], source: &str) {
    let mut all = Vec::new();
    let mut start = 0;
    for part in parts {
        let PartKind::Text { text, citations } = &part.kind else { continue };
        let length = text.char_count();
        if let Some(raw) = citations {
            all.extend(annotations(source, raw, start, start + length));
        }
        start += length;
    }
    if all.is_empty() {
        return;
    }
    w.key("annotations");
    w.begin_array();
    for annotation in all {
        w.raw(&annotation);
    }
    w.end_array();
}

/// Citations of one text, as annotations: those of this format as they are, others that name a URL as
/// `url_citation` over the text they belong to. The rest has no spelling here.
fn annotations<'r>(format: &str, raw: &'r RawValue, start: usize, end: usize) -> Vec<Cow<'r, str>> {
    let items: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    items.into_iter().filter_map(|raw| annotation(format, raw, start, end)).collect()
}

/// As [`annotations`], for one citation, in the shape of a format.
pub(in super::super) fn annotation<'r>(
    format: &str,
    raw: &'r RawValue,
    start: usize,
    end: usize,
) -> Option<Cow<'r, str>> {
    let object = TopLevel::scan(raw.get().as_bytes()).ok()?;
    if object.has("url_citation") {
        return Some(Cow::Borrowed(raw.get()));
    }
    let url: Text<'_> = serde_json::from_str(object.raw("url").ok()??).ok()?;
    let title: Option<Text<'_>> =
        object.raw("title").ok().flatten().and_then(|json| serde_json::from_str(json).ok());
    let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    // Places count the characters of the whole message here (B75, B85), in Responses those of their own text. Google's
    // are used on the whole answer.
    // Source: Gemini API reference, "Grounding with Google Search", the example for inline citations; read 2026-11.
    let before = if format == RESPONSES { count(start) } else { 0 };
    let own = |name: &str| object.unsigned(name).map(|place| place.saturating_add(before));
    let mut w = Writer::new(Vec::with_capacity(raw.get().len()));
    w.begin_object();
    w.field_string("type", "url_citation");
    w.key("url_citation");
    w.begin_object();
    // A place that the source names itself is better than ours.
    w.field_unsigned("start_index", own("start_index").unwrap_or(count(start)));
    w.field_unsigned("end_index", own("end_index").unwrap_or(count(end)));
    w.field_text("url", &url);
    w.field_text("title", &title.unwrap_or_default());
    w.end_object();
    w.end_object();
    String::from_utf8(w.into_bytes()).ok().map(Cow::Owned)
}

/// Images that the model made: not official, but what compatible services and their clients agree on (A.4).
fn write_media(w: &mut Writer, parts: &[Part<'_>]) {
    let images: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Media(media) => image_url(media),
            _ => None,
        })
        .collect();
    if images.is_empty() {
        return;
    }
    w.key("images");
    w.begin_array();
    for (index, url) in images.iter().enumerate() {
        write_image(w, url, index);
    }
    w.end_array();
}

/// One entry of `images`.
pub(in super::super) fn write_image(w: &mut Writer, url: &Text<'_>, index: usize) {
    w.begin_object();
    w.field_unsigned("index", u64::try_from(index).unwrap_or(u64::MAX));
    w.field_string("type", "image_url");
    w.key("image_url");
    w.begin_object();
    w.field_text("url", url);
    w.end_object();
    w.end_object();
}

/// An image of a reply as its URL.
pub(in super::super) fn image_url<'m>(media: &'m Media<'_>) -> Option<Text<'m>> {
    (media.class == MediaClass::Image).then(|| data_url(media)).flatten()
}
