//! Bodies that pass through: only what must change is spliced. Source: translation.md C.10 rule 2, B93.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};
use serde_json::value::RawValue;

use super::{reply, scrub, usage, wire};
use crate::codec::{CodecError, Patch, Patched, ReplyContext};
use crate::json::Text;
use crate::json::read::misread;
use crate::loss::{Loss, loss};
use crate::pass::reasoning::{of_effort, resolve};
use crate::splice::{Edits, TopLevel};

pub(super) fn request(body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
    let mut losses = Vec::new();
    let top = TopLevel::of(body, patch.outline.as_ref())?;
    let mut edits = named(Edits::new(), &top, patch);
    let asked = top.value("stream") == Some(b"true");
    edits = match patch.stream {
        // Source: http-api.md A.9: a compaction knows no streams.
        _ if patch.compact => edits.remove("stream").remove("stream_options"),
        Some(true) if !asked => edits.set("stream", "true"),
        // Options for a stream are refused where there is none.
        Some(false) if asked => edits.set("stream", "false").remove("stream_options"),
        _ => edits,
    };
    edits = with_reasoning(edits, &top, patch, &mut losses)?;
    let stateless = top.value("store") == Some(b"false");
    let rules = scrub::Rules { codex: false, stateless, gate: patch.gate.as_deref() };
    edits = edits.within("input", scrub::input(&top, rules, &mut losses));
    Ok(Patched::whole(edits.apply_scanned(body, &top)).with_losses(losses))
}

pub(super) fn named<'e>(edits: Edits<'e>, top: &TopLevel<'_>, patch: &Patch) -> Edits<'e> {
    match &patch.model {
        Some(model) if top.string("model").ok().flatten().as_deref() != Some(model) => {
            edits.set_string("model", model)
        }
        _ => edits,
    }
}

/// A suffix beats whatever the body says (B43). Without one, what the body asks for must be what the model has, as
/// far as the model is known (B40, E620).
pub(super) fn with_reasoning<'e>(
    edits: Edits<'e>,
    top: &TopLevel<'e>,
    patch: &Patch,
    losses: &mut Vec<Loss>,
) -> Result<Edits<'e>, CodecError> {
    let reasoning = top.raw("reasoning")?.filter(|json| json.starts_with('{'));
    let said = reasoning.and_then(|json| TopLevel::scan(json.as_bytes()).ok());
    let said = said.and_then(|reasoning| reasoning.string("effort").ok().flatten());
    let resolved = match (&patch.reasoning, said.as_deref().and_then(of_effort)) {
        (Some(suffix), _) => resolve(suffix, false, patch.info.as_deref())?,
        (None, Some(body)) => resolve(&body, true, patch.info.as_deref())
            .map_err(|error| error.of_member("reasoning.effort"))?,
        (None, None) => return Ok(edits),
    };
    let effort = resolved.as_effort();
    if said.as_deref() == effort {
        return Ok(edits);
    }
    if effort.is_none() && said.is_some() && patch.reasoning.is_none() {
        loss(losses, "reasoning.effort", "the model does not reason");
    }
    let inner = match effort {
        Some(effort) => Edits::new().set_string("effort", effort),
        None => Edits::new().remove("effort"),
    };
    let changed = inner.apply_str(reasoning.unwrap_or("{}"))?.into_owned();
    let empty = TopLevel::scan(changed.as_bytes()).is_ok_and(|left| left.members().next().is_none());
    Ok(if empty { edits.remove("reasoning") } else { edits.set("reasoning", changed) })
}

pub(super) fn reply(
    body: &Bytes,
    context: &ReplyContext,
) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
    let top = TopLevel::scan(body)?;
    if let Some(error) = reply::error_of(&top, body) {
        return Err(error);
    }
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the reply is not UTF-8"))?;
    let wire: wire::Response<'_> = serde_json::from_str(text).map_err(|error| misread(&error, ""))?;
    let finish = reply::finish_of(&wire);
    let mut edits = Edits::new();
    if let Some(shown) = renamed(&top, context)? {
        edits = edits.set_string("model", shown);
    }
    let used = wire.usage.map(usage::decode).unwrap_or_default();
    Ok((edits.apply_scanned(body, &top), used, Some(finish.reason)))
}

/// The model to name in a response object, when another one stands there.
pub(super) fn renamed<'c>(
    response: &TopLevel<'_>,
    context: &'c ReplyContext,
) -> Result<Option<&'c str>, CodecError> {
    let named: Option<Text<'_>> = response.raw("model")?.and_then(|json| serde_json::from_str(json).ok());
    Ok(match (&context.shown_model, named) {
        (Some(shown), Some(named)) if named == shown.as_str() => None,
        (Some(shown), _) => Some(shown),
        // Source: translation.md E321.
        (None, None) if !context.requested_model.is_empty() => Some(&context.requested_model),
        (None, _) => None,
    })
}

/// A response object inside an event, with the client's model; borrowed when nothing changes.
pub(super) fn named_response<'r>(response: &'r RawValue, context: &ReplyContext) -> Cow<'r, str> {
    let Ok(top) = TopLevel::scan(response.get().as_bytes()) else { return Cow::Borrowed(response.get()) };
    match renamed(&top, context) {
        Ok(Some(shown)) => Edits::new()
            .set_string("model", shown)
            .apply_str(response.get())
            .unwrap_or(Cow::Borrowed(response.get())),
        _ => Cow::Borrowed(response.get()),
    }
}
