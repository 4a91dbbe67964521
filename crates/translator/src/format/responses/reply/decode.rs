//! A response object into canonical form.

use std::borrow::Cow;

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use super::super::{RESPONSES, decode as request, usage, wire};
use crate::codec::CodecError;
use crate::json::read::{Loose, at, filled, misread, plain};
use crate::json::{self, Raw, Text};
use crate::model::{Candidate, Finish, Part, PartKind, Response};
use crate::pass::args;
use crate::pass::errors::{is_unset, probe_error};
use crate::pass::finish::{from_word, is_whole};
use crate::splice::TopLevel;

pub(in super::super) fn decode(body: &[u8]) -> Result<Response<'_>, CodecError> {
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the reply is not UTF-8"))?;
    let top = TopLevel::scan(body)?;
    if let Some(error) = error_of(&top, body) {
        return Err(error);
    }
    let wire: wire::Response<'_> = serde_json::from_str(text).map_err(|error| misread(&error, ""))?;
    response(wire)
}

/// The reply inside a response object.
pub(in super::super) fn response(mut wire: wire::Response<'_>) -> Result<Response<'_>, CodecError> {
    let finish = finish_of(&wire);
    let mut parts: Vec<Part<'_>> = Vec::new();
    for (index, raw) in wire.output.take().unwrap_or_default().0.into_iter().enumerate() {
        request::output_part(raw, &mut parts).map_err(|error| at(&format!("output[{index}]"), &error))?;
    }
    // An empty text says nothing, unless something hangs on it.
    parts.retain(|part| {
        !matches!(&part.kind, PartKind::Text { text, citations: None } if text.is_empty() && part.signature.is_none())
    });
    args::settle(&mut parts, is_whole(finish.reason))?;
    let logprobs = logprobs(&mut parts);
    let mut used = wire.usage.map(usage::decode);
    let searches = parts.iter().filter(|part| matches!(part.kind, PartKind::Server(_))).count();
    if let Some(used) = &mut used
        && searches > 0
    {
        used.web_searches = u64::try_from(searches).ok();
    }
    Ok(Response {
        source: RESPONSES,
        id: plain(filled(wire.id)),
        model: plain(filled(wire.model)),
        created: wire.created_at.and_then(seconds),
        candidates: vec![Candidate { parts, finish: Some(finish), logprobs, ..Candidate::default() }],
        usage: used.filter(|usage| !usage.is_empty()),
        service_tier: filled(wire.service_tier),
        extras: wire.extras,
        ..Response::default()
    })
}

/// The log probabilities of all texts, as Chat Completions has them (F50).
fn logprobs<'a>(parts: &mut [Part<'a>]) -> Option<Raw<'a>> {
    let mut inside = String::new();
    for part in parts.iter_mut().filter(|part| part.as_text().is_some()) {
        let Some(at) = part.extras.iter().position(|(key, _)| key == "logprobs") else { continue };
        let (_, raw) = part.extras.remove(at);
        let list = raw.get().trim().strip_prefix('[').and_then(|list| list.strip_suffix(']'));
        let tokens = list.map(str::trim).unwrap_or_default();
        if !tokens.is_empty() && !inside.is_empty() {
            inside.push(',');
        }
        inside.push_str(tokens);
    }
    if inside.is_empty() {
        return None;
    }
    json::raw(format!(r#"{{"content":[{inside}],"refusal":null}}"#)).ok().map(Cow::Owned)
}

/// A point in time: some write it with a fraction.
pub(in super::super) fn seconds(raw: &RawValue) -> Option<i64> {
    raw.get().split('.').next()?.parse().ok()
}

crate::json::wire_struct! {
    struct Details<'a> { reason: Text<'a> = "reason" }
}

crate::json::wire_struct! {
    struct Kind<'a> { kind: Text<'a> = "type", content: &'a RawValue = "content" }
}

/// Why a response ended. A cut wins over calls (B52); a stop sequence that matched is told (B54).
pub(in super::super) fn finish_of<'a>(wire: &wire::Response<'a>) -> Finish<'a> {
    let status = filled(wire.status);
    let details: Details<'a> =
        wire.incomplete_details.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let why = plain(details.reason);
    // Some say why it is cut, and not that it is.
    if status.as_ref().map_or(!why.is_empty(), is_cut) {
        // Why it is cut may be a word that nobody here knows.
        let native = if why.is_empty() { plain(status) } else { why };
        let reason = match from_word(&native) {
            FinishReason::Safety => FinishReason::Safety,
            _ => FinishReason::Length,
        };
        return Finish { native: Some(native), ..Finish::new(reason) };
    }
    let mut calls = false;
    let mut refused = false;
    for raw in wire.output.iter().flat_map(|list| &list.0) {
        let item: Kind<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        match item.kind.as_ref().map(Text::decoded).as_deref() {
            Some("function_call" | "custom_tool_call") => calls = true,
            Some("message") => {
                refused |=
                    item.content.is_some_and(|raw| raw.get().contains(r#""refusal""#) && is_refusal(raw));
            }
            _ => {}
        }
    }
    let stop_sequence = filled(wire.stop_sequence);
    let reason = match (calls, &stop_sequence) {
        (true, _) => FinishReason::ToolUse,
        (false, Some(_)) => FinishReason::StopSequence,
        (false, None) if refused => FinishReason::Refusal,
        (false, None) => FinishReason::Stop,
    };
    let native = status.map(Text::into_decoded);
    Finish { native, stop_sequence, ..Finish::new(reason) }
}

/// As [`finish_of`], of the event that ends a stream: its name may say that the reply was cut where the response inside does not.
pub(in super::super) fn end_of<'a>(wire: &wire::Response<'a>, incomplete: bool) -> Finish<'a> {
    let finish = finish_of(wire);
    if incomplete && is_whole(finish.reason) {
        return Finish { native: Some(Cow::Borrowed("incomplete")), ..Finish::new(FinishReason::Length) };
    }
    finish
}

/// What a stream ended with, given what went by before its last event, which may have no output (B52, B74).
pub(in super::super) fn settled(reason: FinishReason, called: bool, refused: bool) -> FinishReason {
    match reason {
        FinishReason::Length | FinishReason::Safety | FinishReason::Other => reason,
        _ if called => FinishReason::ToolUse,
        FinishReason::ToolUse => FinishReason::Stop,
        FinishReason::Stop if refused => FinishReason::Refusal,
        reason => reason,
    }
}

/// Whether a response of this status is not whole, whatever the reason.
fn is_cut(status: &Text<'_>) -> bool {
    *status == "incomplete" || *status == "cancelled"
}

fn is_refusal(content: &RawValue) -> bool {
    let parts: crate::json::List<Loose<Kind<'_>>> = serde_json::from_str(content.get()).unwrap_or_default();
    let mut kinds = parts.0.iter().filter_map(|part| part.as_known()?.kind.as_ref());
    kinds.any(|kind| *kind == "refusal")
}

/// Whether a response is none, but a failure, whatever the event around it is called.
// Source: Responses API reference, "The response object": `status` is `failed` where `error` says why. Event names
// do not tell: `response.done` counts as completed (providers-a.md 3.7), and says nothing of the status inside.
pub(in super::super) fn is_failed(wire: &wire::Response<'_>) -> bool {
    filled(wire.status).is_some_and(|status| status == "failed")
        || wire.error.is_some_and(|error| !is_unset(error.get()))
}

/// The failure that a reply with a good status really is: a failed response, or an error in place of one.
pub(in super::super) fn error_of(top: &TopLevel<'_>, body: &[u8]) -> Option<CodecError> {
    let said = |key: &str| match top.raw(key) {
        Ok(Some(json)) if key == "error" => !is_unset(json),
        Ok(Some(json)) => json != "null",
        _ => false,
    };
    let failed = top.string("status").ok().flatten().is_some_and(|status| status == "failed");
    if said("output") && !failed && !said("error") {
        return None;
    }
    if !failed && !said("error") && said("status") && said("id") {
        // Nothing came of it, but it is a response.
        return None;
    }
    let message = probe_error(body).message;
    Some(CodecError::protocol(match message.is_empty() {
        false => format!("the provider answered with an error: {message}"),
        true => "the reply is no response".to_owned(),
    }))
}

/// A text that is told twice, as its own and as a borrow.
pub(in super::super) fn of_raw(raw: Option<&RawValue>) -> Cow<'_, str> {
    plain(filled(raw))
}
