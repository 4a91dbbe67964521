//! Whole replies. Source: translation.md A.12, B51 to B59, B71, B75.

use std::borrow::Cow;

use cliproxy_core::{FinishReason, Usage};

use super::call_ids::CallIds;
use super::wire::{self, wrong};
use super::{CLAUDE, block, carrier, search, shown_model, usage};
use crate::codec::{CodecError, ReplyContext};
use crate::json::read::{Loose, each};
use crate::json::{Raw, Text, Writer, one_line};
use crate::model::{Bind, Candidate, Finish, Issuer, Part, PartKind, Reasoning, Response, ToolCall};
use crate::pass::args::{is_cut_off, said_object};
use crate::pass::finish::{claude_reason, from_claude, settle};
use crate::pass::ids::generated_id;
use crate::splice::TopLevel;

pub(super) fn decode(body: &[u8]) -> Result<Response<'_>, CodecError> {
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the reply is not UTF-8"))?;
    let wire: wire::Reply<'_> = serde_json::from_str(text).map_err(|error| wire::misread(&error, ""))?;
    let blocks = check(body, &wire)?;
    let mut counts = usage::Counts::default();
    let mut extras = wire.extras;
    let mut service_tier = None;
    let usage = wire.usage.and_then(Loose::known);
    let known = usage.is_some();
    if let Some(usage) = usage {
        counts.merge(&usage);
        service_tier = usage.service_tier.and_then(Loose::known);
        extras.extend(usage.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("usage.{key}")), raw)));
    }
    let parts = each(blocks.into_iter().enumerate(), |(index, raw)| block::part(raw, "content", index));
    let finish = wire
        .stop_reason
        .map(|reason| finish(reason, wire.stop_sequence, wire.stop_details.map(Cow::Borrowed)));
    Ok(Response {
        source: CLAUDE,
        id: wire::plain(wire.id),
        model: wire::plain(wire.model),
        candidates: vec![Candidate { parts: parts?, finish, ..Candidate::default() }],
        usage: known.then(|| counts.canonical()),
        service_tier,
        extras,
        ..Response::default()
    })
}

/// An object with `content` is a reply; an error object is told in its own words.
fn check<'a>(
    body: &[u8],
    wire: &wire::Reply<'a>,
) -> Result<Vec<&'a serde_json::value::RawValue>, CodecError> {
    match &wire.content {
        Some(content) if wire.kind.as_ref().is_none_or(|kind| *kind == "message") => Ok(content.0.clone()),
        _ => Err(not_a_reply(body)),
    }
}

/// What goes out of a candidate. Half a call is none.
fn said<'p, 'a>(source: &str, candidate: &'p Candidate<'a>) -> impl Iterator<Item = &'p Part<'a>> {
    let cut = usize::from(is_cut_off(source, candidate));
    candidate.parts.iter().take(candidate.parts.len() - cut)
}

/// Why a body is no reply.
pub(super) fn not_a_reply(body: &[u8]) -> CodecError {
    let told = crate::pass::errors::probe_error(body).message;
    if told.is_empty() {
        return wrong("content", "missing: this is no message");
    }
    CodecError::protocol(format!("an error stands in for the reply: {told}"))
}

/// A reason with the provider's word beside it.
pub(super) fn finish<'a>(
    reason: Text<'a>,
    stop_sequence: Option<Text<'a>>,
    details: Option<Raw<'a>>,
) -> Finish<'a> {
    let native = reason.into_decoded();
    Finish { reason: reason_of(&native), native: Some(native), stop_sequence, details }
}

/// The canonical reason. A refusal of Claude ends a reply as a filter does: there is no text that refuses, as
/// OpenAI's have it, so that clients of other formats must learn it from the reason (E031).
pub(super) fn reason_of(word: &str) -> FinishReason {
    match from_claude(word) {
        FinishReason::Refusal => FinishReason::Safety,
        reason => reason,
    }
}

pub(super) fn encode(response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
    let empty = Candidate::default();
    // Claude has one candidate (F49).
    let candidate = response.candidates.first().unwrap_or(&empty);
    let mut w = Writer::new(Vec::with_capacity(512));
    w.begin_object();
    w.key("id");
    write_id(&mut w, &response.id, &context.seed);
    w.field_string("type", "message");
    w.field_string("role", "assistant");
    w.field_string("model", &shown_model(context, &response.model));
    w.key("content");
    w.begin_array();
    let mut ids = CallIds::new(&context.seed);
    for part in said(response.source, candidate) {
        write_block(&mut w, part, &mut ids, response.source, context);
    }
    let mut used = response.usage.unwrap_or_default();
    if context.searches_web
        && let Some(pair) = candidate.grounding.as_deref().and_then(search::grounded)
    {
        pair.iter().for_each(|block| w.raw(block));
        used.web_searches.get_or_insert(1);
    }
    w.end_array();
    let refused =
        candidate.parts.iter().any(|part| matches!(&part.kind, PartKind::Refusal(text) if !text.is_empty()));
    write_finish(&mut w, candidate.finish.as_ref(), ids.any(), refused);
    // What only Claude has; members of other formats stay behind (A.16).
    let extras: &[_] = if response.source == CLAUDE { &response.extras } else { &[] };
    for (key, raw) in extras.iter().filter(|(key, _)| !key.starts_with("usage.")) {
        w.field_raw(key, raw.get());
    }
    w.key("usage");
    w.begin_object();
    let tier = response.service_tier.as_ref().map(Text::decoded);
    usage::write_message_members(&mut w, &used, tier.as_deref());
    for (key, raw) in extras {
        if let Some(key) = key.strip_prefix("usage.") {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
    w.end_object();
    w.into_bytes()
}

/// The message's id, or one derived from the request (B4a, F29).
pub(super) fn write_id(w: &mut Writer, id: &str, seed: &str) {
    if id.is_empty() { w.string(&generated_id("msg_", &[seed])) } else { w.string(id) }
}

/// `stop_reason`, `stop_sequence` and `stop_details`. Source: translation.md B51, B52, B54.
pub(super) fn write_finish(w: &mut Writer, finish: Option<&Finish<'_>>, calls: bool, refused: bool) {
    let reason = match finish.map_or(FinishReason::Stop, |finish| finish.reason) {
        FinishReason::Stop if refused => FinishReason::Refusal,
        reason => settle(reason, calls),
    };
    w.field_string("stop_reason", claude_reason(reason));
    w.key("stop_sequence");
    match finish.and_then(|finish| finish.stop_sequence.as_ref()) {
        Some(text) => w.text(text),
        None => w.null(),
    }
    if let Some(details) = finish.and_then(|finish| finish.details.as_ref())
        && is_refusal(details)
    {
        w.field_raw("stop_details", &one_line(details.get()));
    }
}

/// Whether details are Claude's own, of a refusal.
pub(super) fn is_refusal(details: &serde_json::value::RawValue) -> bool {
    TopLevel::scan(details.get().as_bytes())
        .is_ok_and(|details| details.value("type") == Some(br#""refusal""#))
}

/// One block; a part that Claude has no block for is left out, as in streams.
fn write_block(w: &mut Writer, part: &Part<'_>, ids: &mut CallIds, source: &str, context: &ReplyContext) {
    let native = source == CLAUDE;
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) if text.is_empty() => {}
        PartKind::Text { text, citations } if source == "gemini" && context.searches_web => {
            let located = citations.as_ref().and_then(|raw| located(raw));
            write_text(w, text, located.as_ref());
        }
        PartKind::Text { text, citations } => write_text(w, text, citations.as_ref().filter(|_| native)),
        PartKind::Refusal(text) => write_text(w, text, None),
        PartKind::Reasoning(reasoning) => write_reasoning(w, part, reasoning),
        PartKind::ToolCall(call) => {
            // Half a call is none: a client would run it.
            let Some(input) = said_object(&call.args) else { return };
            let extras: &[_] = if native { &part.extras } else { &[] };
            write_call(w, (extras, call, &input), ids.next(&call.id), context);
        }
        PartKind::Server(server) if server.format == CLAUDE => w.raw(server.raw.get()),
        PartKind::Opaque(opaque) if opaque.format == CLAUDE => w.raw(opaque.raw.get()),
        PartKind::Server(server) => {
            // A search that ran at another provider is a pair of blocks here.
            search::blocks(server).into_iter().flatten().for_each(|block| w.raw(&block));
        }
        PartKind::Opaque(_) | PartKind::Media(_) | PartKind::ToolResult(_) => {}
    }
    write_carrier(w, part);
}

/// Gemini signs texts and calls: their state follows them in an empty thought (B28, B34), as in streams.
fn write_carrier(w: &mut Writer, part: &Part<'_>) {
    let signable = matches!(part.kind, PartKind::Text { .. } | PartKind::Refusal(_) | PartKind::ToolCall(_));
    let Some(signature) = part.signature.as_ref().filter(|state| signable && state.issuer == Issuer::Gemini)
    else {
        return;
    };
    w.begin_object();
    w.field_string("type", "thinking");
    w.field_string("thinking", "");
    w.field_text("signature", &carrier::for_client(signature, Bind::Previous));
    w.end_object();
}

fn write_text(w: &mut Writer, text: &Text<'_>, citations: Option<&Raw<'_>>) {
    w.begin_object();
    w.field_string("type", "text");
    w.field_text("text", text);
    if let Some(citations) = citations.filter(|citations| are_citations(citations.get())) {
        w.field_raw("citations", citations.get());
    }
    w.end_object();
}

/// Another provider's citations of pages in Claude's shape.
fn located(raw: &serde_json::value::RawValue) -> Option<Raw<'static>> {
    let list: Vec<&serde_json::value::RawValue> = serde_json::from_str(raw.get()).ok()?;
    let located: Vec<String> = list.into_iter().filter_map(search::location).collect();
    let json = Some(format!("[{}]", located.join(","))).filter(|_| !located.is_empty())?;
    serde_json::value::RawValue::from_string(json).ok().map(Cow::Owned)
}

/// Whether a list holds citations in Claude's own shape: other formats' annotations look different.
pub(super) fn are_citations(json: &str) -> bool {
    let Ok(list) = serde_json::from_str::<Vec<wire::BlockHead<'_>>>(json) else { return false };
    list.iter()
        .all(|citation| citation.kind.as_ref().is_some_and(|kind| kind.decoded().ends_with("_location")))
}

/// Unsigned thoughts carry an empty signature, which the decoder takes for none when they come back (F30).
fn write_reasoning(w: &mut Writer, part: &Part<'_>, reasoning: &Reasoning<'_>) {
    if let Some(data) = &reasoning.redacted {
        w.begin_object();
        w.field_string("type", "redacted_thinking");
        w.field_text("data", data);
        w.end_object();
        return;
    }
    let texts = thought_texts(reasoning);
    if part.signature.is_none() && texts.iter().all(Text::is_empty) {
        return;
    }
    w.begin_object();
    w.field_string("type", "thinking");
    w.key("thinking");
    write_thoughts(w, texts);
    w.key("signature");
    match &part.signature {
        Some(signature) => w.text(&carrier::for_client(signature, reasoning.bind)),
        None => w.string(""),
    }
    w.end_object();
}

/// The readable text: the summary, or the raw chain where there is no summary (E043, E044).
pub(super) fn thought_texts<'t, 'a>(reasoning: &'t Reasoning<'a>) -> &'t [Text<'a>] {
    if reasoning.summary.is_empty() { &reasoning.raw } else { &reasoning.summary }
}

/// Several summary parts are one text with blank lines between (B37).
pub(super) fn write_thoughts(w: &mut Writer, texts: &[Text<'_>]) {
    w.texts(
        texts
            .iter()
            .enumerate()
            .flat_map(|(index, text)| [Text::plain(if index == 0 { "" } else { "\n\n" }), text.reborrow()]),
    );
}

fn write_call(
    w: &mut Writer,
    (extras, call, input): (&[(Cow<'_, str>, &serde_json::value::RawValue)], &ToolCall<'_>, &str),
    id: &str,
    context: &ReplyContext,
) {
    w.begin_object();
    w.field_string("type", "tool_use");
    w.field_string("id", id);
    w.field_string("name", context.names.declared(&call.name));
    w.field_raw("input", input);
    for (key, raw) in extras {
        w.field_raw(key, raw.get());
    }
    w.end_object();
}

/// The usage of a reply's body.
pub(super) fn usage_of(usage: &wire::Usage<'_>) -> Usage {
    let mut counts = usage::Counts::default();
    counts.merge(usage);
    counts.canonical()
}
