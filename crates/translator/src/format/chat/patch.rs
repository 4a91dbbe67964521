//! Bodies that pass through: only what must change is spliced. Source: translation.md C.10 rule 2, E192, E193.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::decode::{RESPONSES_MEMBERS, other_format};
use super::{reply, usage, wire};
use crate::codec::{CodecError, Patch, ReplyContext};
use crate::json::{List, Text, wire_struct};
use crate::pass::finish;
use crate::pass::reasoning::{Amount, of_effort, resolve};
use crate::splice::{Edits, TopLevel};

const USAGE_ONLY: &str = r#"{"include_usage":true}"#;

pub(super) fn request(body: &Bytes, patch: &Patch) -> Result<Bytes, CodecError> {
    let top = TopLevel::scan(body)?;
    if !top.has("messages") && RESPONSES_MEMBERS.iter().any(|member| top.has(member)) {
        return Err(other_format());
    }
    let mut edits = Edits::new();
    if let Some(model) = &patch.model
        && top.string("model").ok().flatten().as_deref() != Some(model)
    {
        edits = edits.set_string("model", model);
    }
    let asked = top.value("stream") == Some(b"true");
    match patch.stream {
        Some(true) if !asked => edits = edits.set("stream", "true"),
        // A body that says nothing asks for no stream; options for one are refused there.
        Some(false) if asked => edits = edits.set("stream", "false").remove("stream_options"),
        _ => {}
    }
    if patch.include_usage && patch.stream != Some(false) {
        edits = with_usage(edits, &top)?;
    }
    Ok(with_reasoning(edits, &top, patch)?.apply_scanned(body, &top))
}

fn with_usage<'e>(edits: Edits<'e>, top: &TopLevel<'e>) -> Result<Edits<'e>, CodecError> {
    let Some(options) = top.raw("stream_options")?.filter(|options| options.starts_with('{')) else {
        return Ok(edits.set("stream_options", USAGE_ONLY));
    };
    Ok(match Edits::new().set("include_usage", "true").apply_str(options)? {
        Cow::Borrowed(_) => edits,
        Cow::Owned(options) => edits.set("stream_options", options),
    })
}

/// A suffix beats whatever the body says (B43). Without one, what the body asks for must be what the model has, as
/// far as the model is known (B40, E620).
fn with_reasoning<'e>(edits: Edits<'e>, top: &TopLevel<'e>, patch: &Patch) -> Result<Edits<'e>, CodecError> {
    let said = top.string("reasoning_effort").ok().flatten();
    let resolved = match (&patch.reasoning, said.as_deref().and_then(of_effort)) {
        (Some(suffix), _) => resolve(suffix, false, patch.info.as_deref())?,
        (None, Some(body)) => resolve(&body, true, patch.info.as_deref()).map_err(|error| named(&error))?,
        (None, None) => return Ok(edits),
    };
    let edits = match (&patch.reasoning, resolved.amount) {
        (Some(_), _) | (_, Amount::Remove) => without_router_amount(edits, top),
        _ => edits,
    };
    Ok(match resolved.as_effort() {
        Some(effort) if said.as_deref() == Some(effort) => edits,
        Some(effort) => edits.set_string("reasoning_effort", effort),
        None if said.is_some() => edits.remove("reasoning_effort"),
        None => edits,
    })
}

fn named(error: &CodecError) -> CodecError {
    CodecError::new(error.kind(), format!("reasoning_effort: {error}")).with_param("reasoning_effort")
}

/// A router's `reasoning` object would speak against the suffix.
fn without_router_amount<'e>(edits: Edits<'e>, top: &TopLevel<'e>) -> Edits<'e> {
    let Ok(Some(reasoning)) = top.raw("reasoning") else { return edits };
    let amount = Edits::new().remove("effort").remove("max_tokens").remove("enabled");
    match amount.apply_str(reasoning) {
        Ok(Cow::Owned(rest))
            if TopLevel::scan(rest.as_bytes()).is_ok_and(|rest| rest.members().next().is_none()) =>
        {
            edits.remove("reasoning")
        }
        Ok(Cow::Owned(rest)) => edits.set("reasoning", rest),
        _ => edits,
    }
}

wire_struct! {
    struct End<'a> {
        finish_reason: &'a RawValue = "finish_reason",
        usage: &'a RawValue = "usage",
        message: Calls<'a> = "message",
    }
}

wire_struct! {
    struct Calls<'a> { tool_calls: List<IgnoredAny> = "tool_calls", refusal: &'a RawValue = "refusal" }
}

pub(super) fn reply(
    body: &Bytes,
    context: &ReplyContext,
) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
    let top = TopLevel::scan(body)?;
    let named = top.value("error").is_some_and(|error| error != b"null");
    let choices: List<End<'_>> = match top.raw("choices")? {
        Some(json) if json != "null" && !named => {
            serde_json::from_str(json).map_err(|error| wire::misread(&error, "choices"))?
        }
        _ => List::default(),
    };
    if choices.0.is_empty() {
        return Err(reply::error_of(body).unwrap_or_else(|| CodecError::protocol("the reply has no choices")));
    }
    let used: Option<&RawValue> = top.raw("usage")?.and_then(|json| serde_json::from_str(json).ok());
    let first = choices.0.first();
    let used = used.filter(|raw| raw.get() != "null").or_else(|| first.and_then(|choice| choice.usage));
    let finish = first.and_then(|choice| {
        let word = wire::filled(choice.finish_reason)?;
        let message = choice.message.as_ref();
        let calls = message
            .is_some_and(|message| message.tool_calls.as_ref().is_some_and(|calls| !calls.0.is_empty()));
        let refused = message.is_some_and(|message| wire::filled(message.refusal).is_some());
        Some(match finish::settle(finish::from_chat(&word.decoded()), calls) {
            FinishReason::Stop if refused => FinishReason::Refusal,
            reason => reason,
        })
    });
    let mut edits = Edits::new();
    if let Some(shown) = &context.shown_model {
        let named: Option<Text<'_>> = top.raw("model")?.and_then(|json| serde_json::from_str(json).ok());
        if named.is_none_or(|named| named != shown.as_str()) {
            edits = edits.set_string("model", shown);
        }
    }
    Ok((edits.apply_scanned(body, &top), used.map(usage::decode).unwrap_or_default(), finish))
}
