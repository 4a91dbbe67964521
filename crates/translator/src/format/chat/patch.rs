//! Bodies that pass through: only what must change is spliced. Source: translation.md C.10 rule 2, E192, E193.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};

use super::decode::{RESPONSES_MEMBERS, other_format};
use super::{reply, usage};
use crate::codec::{CodecError, Patch, ReplyContext};
use crate::json::read::wrong;
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

pub(super) fn reply(
    body: &Bytes,
    context: &ReplyContext,
) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
    let top = TopLevel::scan(body)?;
    let named = top.value("error").is_some_and(|error| error != b"null");
    let first = match top.value("choices") {
        Some(json) if json != b"null" && !named => {
            TopLevel::first_of(json).map_err(|_| wrong("choices", "expected an array of objects"))?
        }
        _ => None,
    };
    let Some(first) = first else {
        return Err(reply::error_of(body).unwrap_or_else(|| CodecError::protocol("the reply has no choices")));
    };
    let said = |json: &&str| *json != "null";
    let used = top.raw("usage")?.filter(said).or_else(|| first.raw("usage").ok().flatten().filter(said));
    let mut edits = Edits::new();
    if let Some(shown) = &context.shown_model
        && top.string("model").ok().flatten().as_deref() != Some(shown)
    {
        edits = edits.set_string("model", shown);
    }
    Ok((edits.apply_scanned(body, &top), used.map(usage::read).unwrap_or_default(), finish_of(&first)))
}

fn finish_of(choice: &TopLevel<'_>) -> Option<FinishReason> {
    let text = |of: &TopLevel<'_>, key: &str| {
        of.string(key).ok().flatten().filter(|text| !text.is_empty()).map(Cow::into_owned)
    };
    let word = text(choice, "finish_reason")?;
    let message = choice.object("message");
    let calls = message.as_ref().and_then(|message| message.value("tool_calls"));
    let calls = calls.is_some_and(|calls| matches!(TopLevel::first_of(calls), Ok(Some(_))));
    let refused = message.is_some_and(|message| text(&message, "refusal").is_some());
    Some(match finish::settle(finish::from_chat(&word), calls) {
        FinishReason::Stop if refused => FinishReason::Refusal,
        reason => reason,
    })
}
