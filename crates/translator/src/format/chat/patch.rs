//! Bodies that pass through: only what must change is spliced. Source: translation.md C.10 rule 2, E192, E193.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};

use super::decode::{RESPONSES_MEMBERS, other_format};
use super::{reply, scrub, usage};
use crate::codec::{CodecError, Patch, Patched, ReplyContext};
use crate::json::read::wrong;
use crate::loss::{Loss, loss};
use crate::pass::errors::is_unset;
use crate::pass::finish;
use crate::pass::reasoning::{Amount, of_effort, resolve};
use crate::splice::{Edits, TopLevel, Walk, says, text_of};

const USAGE_ONLY: &str = r#"{"include_usage":true}"#;

pub(super) fn request(body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
    let top = TopLevel::of(body, patch.outline.as_ref())?;
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
    let mut losses = Vec::new();
    edits = with_reasoning(edits, &top, patch, &mut losses)?;
    edits = edits.within("messages", scrub::messages(&top, patch, &mut losses));
    Ok(Patched::whole(edits.apply_scanned(body, &top)).with_losses(losses))
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
fn with_reasoning<'e>(
    edits: Edits<'e>,
    top: &TopLevel<'e>,
    patch: &Patch,
    losses: &mut Vec<Loss>,
) -> Result<Edits<'e>, CodecError> {
    let said = top.string("reasoning_effort").ok().flatten();
    let resolved = match (&patch.reasoning, said.as_deref().and_then(of_effort)) {
        (Some(suffix), _) => resolve(suffix, false, patch.info.as_deref())?,
        (None, Some(body)) => resolve(&body, true, patch.info.as_deref())
            .map_err(|error| error.of_member("reasoning_effort"))?,
        (None, None) => return Ok(edits),
    };
    let edits = match (&patch.reasoning, resolved.amount) {
        (Some(_), _) | (_, Amount::Remove) => without_router_amount(edits, top),
        _ => edits,
    };
    Ok(match resolved.as_effort() {
        Some(effort) if said.as_deref() == Some(effort) => edits,
        Some(effort) => edits.set_string("reasoning_effort", effort),
        None if said.is_some() => {
            if patch.reasoning.is_none() {
                loss(losses, "reasoning_effort", "the model does not reason");
            }
            edits.remove("reasoning_effort")
        }
        None => edits,
    })
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
    // A stray byte in some text of the model is the client's to show; the rest is read around it.
    let text = std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    let seen = Seen::read(&text)?;
    let first = match seen.choices {
        Choices::Wrong if !seen.is_error => return Err(wrong("choices", "expected an array of objects")),
        Choices::First(first) if !seen.is_error => first,
        _ => {
            let none = || CodecError::protocol("the reply has no choices");
            return Err(reply::error_of(body).unwrap_or_else(none));
        }
    };
    let finish = first.finish();
    let usage = seen.usage.or_else(|| first.usage.map(usage::read)).unwrap_or_default();
    let renamed = match &context.shown_model {
        Some(shown) if !seen.model.is_some_and(|model| says(model, shown)) => {
            Edits::new().set_string("model", shown).apply(body)?
        }
        _ => body.clone(),
    };
    Ok((renamed, usage, finish))
}

/// What a reply says of itself, found in one pass; the last of repeated members counts.
#[derive(Default)]
struct Seen<'a> {
    choices: Choices<'a>,
    usage: Option<Usage>,
    model: Option<&'a str>,
    is_error: bool,
}

#[derive(Default)]
enum Choices<'a> {
    /// There are none.
    #[default]
    None,
    /// They are no array of objects.
    Wrong,
    First(Choice<'a>),
}

#[derive(Default)]
struct Choice<'a> {
    reason: Option<&'a str>,
    usage: Option<&'a str>,
    calls: Option<&'a str>,
    refusal: Option<&'a str>,
}

impl<'a> Seen<'a> {
    fn read(body: &'a str) -> Result<Self, CodecError> {
        let mut seen = Self::default();
        let mut walk = Walk::new(body);
        let is_object = walk.object(|walk, name| {
            match name {
                "choices" => seen.choices = Choices::read(walk)?,
                "usage" => seen.usage = usage::said(walk)?,
                "model" => seen.model = walk.said()?,
                "error" => seen.is_error = walk.said()?.is_some_and(|error| !is_unset(error)),
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        walk.end()?;
        if is_object { Ok(seen) } else { Err(CodecError::malformed("the body is not a JSON object")) }
    }
}

impl<'a> Choices<'a> {
    fn read(walk: &mut Walk<'a>) -> Result<Self, CodecError> {
        if walk.is_null() {
            return walk.skip().map(|()| Self::None);
        }
        let mut choices = Self::None;
        let is_array = walk.array(|walk, index| {
            if index > 0 {
                return walk.skip();
            }
            let mut first = Choice::default();
            let is_object = walk.object(|walk, name| first.member(walk, name))?;
            choices = if is_object { Self::First(first) } else { Self::Wrong };
            Ok(())
        })?;
        Ok(if is_array { choices } else { Self::Wrong })
    }
}

impl<'a> Choice<'a> {
    fn member(&mut self, walk: &mut Walk<'a>, name: &str) -> Result<(), CodecError> {
        match name {
            "finish_reason" => self.reason = walk.said()?,
            "usage" => self.usage = walk.said()?,
            "message" => {
                (self.calls, self.refusal) = (None, None);
                walk.object(|walk, name| {
                    match name {
                        "tool_calls" => self.calls = walk.said()?,
                        "refusal" => self.refusal = walk.said()?,
                        _ => walk.skip()?,
                    }
                    Ok(())
                })?;
            }
            _ => walk.skip()?,
        }
        Ok(())
    }

    fn finish(&self) -> Option<FinishReason> {
        let text = |json: Option<&'a str>| json.and_then(text_of).filter(|text| !text.is_empty());
        let word = text(self.reason)?;
        let calls =
            self.calls.is_some_and(|calls| matches!(TopLevel::first_of(calls.as_bytes()), Ok(Some(_))));
        Some(match finish::settle(finish::from_word(&word), calls) {
            FinishReason::Stop if text(self.refusal).is_some() => FinishReason::Refusal,
            reason => reason,
        })
    }
}
