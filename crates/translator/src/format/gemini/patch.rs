//! Bodies that pass through: only what must change is spliced. Source: translation.md C.10 rule 2, D.23;
//! providers-a.md 4.2, 4.5.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};

use super::dialect::Dialect;
use super::encode::Thinking;
use super::{decode, error, hygiene, reply, usage, wire};
use crate::codec::{CodecError, Patch, ReplyContext};
use crate::json::Writer;
use crate::json::read::misread;
use crate::model::Summary;
use crate::pass::reasoning::resolve;
use crate::splice::{Edits, TopLevel, Word};

static RESPONSE: Word = Word::new("\"response\"");
static CALL: Word = Word::new("\"functionCall\"");

pub(super) fn request(body: &Bytes, patch: &Patch, dialect: Dialect) -> Result<Bytes, CodecError> {
    let top = TopLevel::of(body, patch.outline.as_ref())?;
    if !dialect.wraps() {
        return Ok(inner(&top, patch)?.apply_scanned(body, &top));
    }
    let mut edits = Edits::new();
    if let Some(model) = &patch.model
        && top.string("model").ok().flatten().as_deref() != Some(model)
    {
        edits = edits.set_string("model", model);
    }
    if let Some(json) = top.raw("request")?.filter(|json| json.starts_with('{')) {
        let scanned = TopLevel::scan(json.as_bytes())?;
        if let Cow::Owned(changed) = inner(&scanned, patch)?.apply_str(json)? {
            edits = edits.set("request", changed);
        }
    }
    Ok(edits.apply_scanned(body, &top))
}

/// The edits of a bare request.
fn inner<'e>(top: &TopLevel<'e>, patch: &Patch) -> Result<Edits<'e>, CodecError> {
    let mut edits = Edits::new();
    // Both are no members of the API: the model stands in the URL. Source: providers-a.md 4.2.
    for key in ["model", "session_id"] {
        if top.has(key) {
            edits = edits.remove(key);
        }
    }
    if let (Some(model), Some(counted)) = (&patch.model, top.raw("generateContentRequest")?) {
        let named = Edits::new().set_string("model", &format!("models/{model}")).apply_str(counted)?;
        if let Cow::Owned(named) = named {
            edits = edits.set("generateContentRequest", named);
        }
    }
    if let Some(contents) = top.raw("contents")? {
        let model = patch.model.as_deref().unwrap_or_default();
        if let Some(changed) = hygiene::contents(contents, model, patch.gate.as_deref())? {
            edits = edits.set("contents", changed);
        }
    }
    with_reasoning(edits, top, patch)
}

/// A suffix beats whatever the body says (B43). Without one, what the body asks for must be what the model has, as far
/// as the model is known (B40, E620).
fn with_reasoning<'e>(edits: Edits<'e>, top: &TopLevel<'e>, patch: &Patch) -> Result<Edits<'e>, CodecError> {
    let config_key = spelling(top, ["generationConfig", "generation_config"]);
    let config = top.object(config_key);
    let thinking_key = config
        .as_ref()
        .map_or("thinkingConfig", |config| spelling(config, ["thinkingConfig", "thinking_config"]));
    let said = config.as_ref().and_then(|config| config.raw(thinking_key).ok().flatten());
    let wire: wire::ThinkingConfig<'_> = match said {
        Some(json) => {
            serde_json::from_str(json).map_err(|error| misread(&error, "generationConfig.thinkingConfig"))?
        }
        None => wire::ThinkingConfig::default(),
    };
    let body = decode::reasoning(&wire);
    let info = patch.info.as_deref();
    let thinking = match &patch.reasoning {
        None if said.is_none() => return Ok(edits),
        None => {
            // Refuses what the model does not have; what it has goes as the client wrote it.
            resolve(&body, true, info)?;
            return Ok(edits);
        }
        Some(suffix) => {
            let resolved = resolve(suffix, false, info)?;
            // Whether thoughts are shown is the body's to say (B44); asking for an amount asks to see them.
            // Source: providers-a.md 1.7.
            let summary = match (&body.summary, resolved.off_asked) {
                (Summary::Unspecified, off) => {
                    if off {
                        Summary::Disabled
                    } else {
                        Summary::Enabled(None)
                    }
                }
                (said, _) => said.clone(),
            };
            Thinking::settled(resolved.amount, &summary, false, patch.model.as_deref().unwrap_or_default())
        }
    };
    let mut w = Writer::default();
    w.begin_object();
    thinking.write(&mut w);
    w.end_object();
    let json = String::from_utf8(w.into_bytes()).unwrap_or_default();
    let mut change = Edits::new();
    change = if json == "{}" { change.remove(thinking_key) } else { change.set(thinking_key, json) };
    let config = top.raw(config_key)?.filter(|json| json.starts_with('{')).unwrap_or("{}");
    Ok(match change.apply_str(config)? {
        Cow::Owned(config) => edits.set(config_key, config),
        Cow::Borrowed(_) => edits,
    })
}

/// The spelling that a body uses; the first when it uses none.
fn spelling(object: &TopLevel<'_>, [camel, snake]: [&'static str; 2]) -> &'static str {
    if !object.has(camel) && object.has(snake) { snake } else { camel }
}

pub(super) fn reply(
    body: &Bytes,
    context: &ReplyContext,
) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
    // Replies of the API itself are bare: only where the word stands somewhere is it worth a scan.
    let top = if RESPONSE.is_in(body) { Some(TopLevel::scan(body)?) } else { None };
    let wrapped = match &top {
        Some(top) => top.raw("response")?.filter(|json| json.starts_with('{') && !top.has("candidates")),
        None => None,
    };
    let text = std::str::from_utf8(body).map_err(|_| CodecError::malformed("the reply is not UTF-8"))?;
    let json = wrapped.unwrap_or(text);
    let wire: wire::Reply<'_> = serde_json::from_str(json)
        .map_err(|error| error::stood_in(body).unwrap_or_else(|| misread(&error, "")))?;
    let candidates = wire.candidates.as_ref().map_or(&[][..], |list| &list.0);
    let blocked = reply::blocked(&wire)?;
    if wire.error.is_some() || candidates.is_empty() && blocked.is_none() {
        return Err(
            error::stood_in(body).unwrap_or_else(|| CodecError::protocol("the reply has no candidates"))
        );
    }
    let finish = match candidates.first() {
        None => blocked.map(|blocked| blocked.reason),
        Some(first) => {
            let parts = first.content.as_ref().and_then(|content| content.parts).map_or("", |raw| raw.get());
            let calls = CALL.is_in(parts.as_bytes());
            first.finish_reason.clone().map(|word| reply::finish(word, calls).reason)
        }
    };
    let used = wire.usage.as_ref().map(usage::decode).unwrap_or_default();
    let known = wire.model_version;
    let Some(shown) =
        context.shown_model.as_deref().filter(|shown| known.as_ref().is_none_or(|known| *known != **shown))
    else {
        return Ok((body.clone(), used, finish));
    };
    let edits = Edits::new().set_string("modelVersion", shown);
    let edits = match wrapped {
        Some(inner) => Edits::new().set("response", edits.apply_str(inner)?.into_owned()),
        None => edits,
    };
    Ok((edits.apply(body)?, used, finish))
}
