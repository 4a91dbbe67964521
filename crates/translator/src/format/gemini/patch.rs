//! Bodies that pass through: only what must change is spliced. Source: translation.md C.10 rule 2, D.23;
//! providers-a.md 4.2, 4.5.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};
use serde_json::value::RawValue;

use super::dialect::Dialect;
use super::encode::Thinking;
use super::{decode, error, hygiene, reply, usage, wire};
use crate::codec::{CodecError, Patch, Patched, ReplyContext};
use crate::json::read::{misread, wrong};
use crate::json::{Text, Writer};
use crate::loss::{Loss, loss};
use crate::model::{ReasoningControl, Summary};
use crate::pass::limits::MORE_THAN_IT_HAS;
use crate::pass::reasoning::resolve;
use crate::splice::{Edits, TopLevel, Walk, Word, says, text_of};

static CALL: Word = Word::new("\"functionCall\"");
static THINKING: Word = Word::new("\"thinking");

pub(super) fn request(body: &Bytes, patch: &Patch, dialect: Dialect) -> Result<Patched, CodecError> {
    let mut losses = Vec::new();
    let top = TopLevel::of(body, patch.outline.as_ref())?;
    if !dialect.wraps() {
        let edits = inner(&top, patch, dialect, &mut losses)?;
        return Ok(Patched::whole(edits.apply_scanned(body, &top)).with_losses(losses));
    }
    let mut edits = Edits::new();
    if let Some(model) = &patch.model
        && top.string("model").ok().flatten().as_deref() != Some(model)
    {
        edits = edits.set_string("model", model);
    }
    if let Some(json) = top.raw("request")?.filter(|json| json.starts_with('{')) {
        let scanned = TopLevel::scan(json.as_bytes())?;
        let pieces = inner(&scanned, patch, dialect, &mut losses)?.pieces(&scanned);
        edits = edits.within("request", pieces);
    }
    Ok(Patched::whole(edits.apply_scanned(body, &top)).with_losses(losses))
}

/// The edits of a bare request.
fn inner<'e>(
    top: &TopLevel<'e>,
    patch: &Patch,
    dialect: Dialect,
    losses: &mut Vec<Loss>,
) -> Result<Edits<'e>, CodecError> {
    let mut edits = Edits::new();
    // Both are no members of the API: the model stands in the URL. Source: providers-a.md 4.2.
    for key in ["model", "session_id"] {
        let is_known = key == "session_id" && dialect.names_sessions();
        if !is_known && top.has(key) {
            edits = edits.remove(key);
            if key != "model" {
                loss(losses, key, "Gemini names no sessions");
            }
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
        let pieces = hygiene::contents(contents, model, patch.gate.as_deref(), losses)?;
        edits = edits.within("contents", pieces);
    }
    with_config(edits, top, patch, losses)
}

/// What `generationConfig` must say otherwise.
fn with_config<'e>(
    edits: Edits<'e>,
    top: &TopLevel<'e>,
    patch: &Patch,
    losses: &mut Vec<Loss>,
) -> Result<Edits<'e>, CodecError> {
    let key = spelling(top, ["generationConfig", "generation_config"]);
    let mut change = reasoning(top, key, patch)?;
    if let Some(most) = patch.info.as_deref().and_then(|info| info.max_output)
        && let Some(config) = top.object(key)
    {
        let limit = spelling(&config, ["maxOutputTokens", "max_output_tokens"]);
        if config.unsigned(limit).is_some_and(|asked| asked > most) {
            change = change.set(limit, most.to_string());
            loss(losses, "generationConfig.maxOutputTokens", MORE_THAN_IT_HAS);
        }
    }
    if change.is_empty() {
        return Ok(edits);
    }
    let config = top.raw(key)?.filter(|json| json.starts_with('{')).unwrap_or("{}");
    Ok(match change.apply_str(config)? {
        Cow::Owned(config) => edits.set(key, config),
        Cow::Borrowed(_) => edits,
    })
}

/// A suffix beats whatever the body says (B43). Without one, what the body asks for must be what the model has, as far
/// as the model is known (B40, E620).
fn reasoning(top: &TopLevel<'_>, config_key: &str, patch: &Patch) -> Result<Edits<'static>, CodecError> {
    let says_nothing = |config: &[u8]| !THINKING.is_in(config);
    if patch.reasoning.is_none() && top.value(config_key).is_none_or(says_nothing) {
        return Ok(Edits::new());
    }
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
    // What is wrong there goes as it is, to be judged by whom it is for.
    let body = decode::reasoning(&wire).unwrap_or_else(|_| ReasoningControl {
        summary: decode::shown(&wire).unwrap_or_default(),
        ..ReasoningControl::default()
    });
    let info = patch.info.as_deref();
    let thinking = match &patch.reasoning {
        None if said.is_none() => return Ok(Edits::new()),
        None => {
            // Refuses what the model does not have; what it has goes as the client wrote it.
            resolve(&body, true, info)?;
            return Ok(Edits::new());
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
    Ok(match json == "{}" {
        true => Edits::new().remove(thinking_key),
        false => Edits::new().set(thinking_key, json),
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
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the reply is not UTF-8"))?;
    // A failure in another shape says more than where it differs from a reply.
    let failed = |error: CodecError| error::stood_in(body).unwrap_or(error);
    let outer = Seen::read(text).map_err(failed)?;
    let wrapped = outer.response.filter(|json| json.starts_with('{') && !outer.has_candidates);
    let seen = match wrapped {
        Some(inner) => Seen::read(inner).map_err(failed)?,
        None => outer,
    };
    let blocked = seen.blocked()?;
    let finish = match seen.candidates {
        Candidates::First(first) if !seen.is_error => first.finish().map_err(failed)?,
        Candidates::Wrong => return Err(failed(wrong("candidates", "expected an array of objects"))),
        Candidates::None if blocked.is_some() && !seen.is_error => blocked,
        _ => return Err(failed(CodecError::protocol("the reply has no candidates"))),
    };
    let used = seen.usage.map(usage::read).unwrap_or_default();
    let is_known = |shown: &&str| seen.model.is_some_and(|model| says(model, shown));
    let Some(shown) = context.shown_model.as_deref().filter(|shown| !is_known(shown)) else {
        return Ok((body.clone(), used, finish));
    };
    let edits = Edits::new().set_string("modelVersion", shown);
    let edits = match wrapped {
        Some(inner) => Edits::new().set("response", edits.apply_str(inner)?.into_owned()),
        None => edits,
    };
    Ok((edits.apply(body)?, used, finish))
}

/// What a reply says of itself, found in one pass; the last of repeated members counts.
#[derive(Default)]
struct Seen<'a> {
    /// The reply inside an envelope.
    response: Option<&'a str>,
    has_candidates: bool,
    candidates: Candidates<'a>,
    feedback: Option<&'a str>,
    usage: Option<&'a str>,
    model: Option<&'a str>,
    is_error: bool,
}

#[derive(Default)]
enum Candidates<'a> {
    /// There are none.
    #[default]
    None,
    /// They are no array of objects.
    Wrong,
    First(Candidate<'a>),
}

#[derive(Default)]
struct Candidate<'a> {
    reason: Option<&'a str>,
    parts: Option<&'a str>,
}

impl<'a> Seen<'a> {
    fn read(json: &'a str) -> Result<Self, CodecError> {
        let mut seen = Self::default();
        let mut walk = Walk::new(json);
        let is_object = walk.object(|walk, name| {
            match name {
                "response" => seen.response = walk.said()?,
                "candidates" => {
                    seen.has_candidates = true;
                    seen.candidates = Candidates::read(walk)?;
                }
                "promptFeedback" | "prompt_feedback" => seen.feedback = walk.said()?,
                "usageMetadata" | "usage_metadata" | "cpaUsageMetadata" => seen.usage = walk.said()?,
                "modelVersion" | "model_version" => seen.model = walk.said()?,
                "error" => seen.is_error = walk.said()?.is_some(),
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        walk.end()?;
        if is_object { Ok(seen) } else { Err(CodecError::malformed("the body is not a JSON object")) }
    }

    /// Why the prompt was blocked, if it was.
    fn blocked(&self) -> Result<Option<FinishReason>, CodecError> {
        let Some(json) = self.feedback else { return Ok(None) };
        let feedback: &RawValue = serde_json::from_str(json).map_err(|error| misread(&error, ""))?;
        let wire = wire::Reply { prompt_feedback: Some(feedback), ..wire::Reply::default() };
        Ok(reply::blocked(&wire)?.map(|blocked| blocked.reason))
    }
}

impl<'a> Candidates<'a> {
    fn read(walk: &mut Walk<'a>) -> Result<Self, CodecError> {
        if walk.is_null() {
            return walk.skip().map(|()| Self::None);
        }
        let mut candidates = Self::None;
        let is_array = walk.array(|walk, index| {
            if index > 0 {
                return walk.skip();
            }
            let mut first = Candidate::default();
            let is_object = walk.object(|walk, name| first.member(walk, name))?;
            candidates = if is_object { Self::First(first) } else { Self::Wrong };
            Ok(())
        })?;
        Ok(if is_array { candidates } else { Self::Wrong })
    }
}

impl<'a> Candidate<'a> {
    fn member(&mut self, walk: &mut Walk<'a>, name: &str) -> Result<(), CodecError> {
        match name {
            "finishReason" | "finish_reason" => self.reason = walk.said()?,
            "content" => {
                self.parts = None;
                walk.object(|walk, name| {
                    match name {
                        "parts" => self.parts = walk.said()?,
                        _ => walk.skip()?,
                    }
                    Ok(())
                })?;
            }
            _ => walk.skip()?,
        }
        Ok(())
    }

    fn finish(&self) -> Result<Option<FinishReason>, CodecError> {
        let Some(json) = self.reason else { return Ok(None) };
        let word = text_of(json).ok_or_else(|| wrong("candidates[0].finishReason", "expected a string"))?;
        let calls = self.parts.is_some_and(|parts| CALL.is_in(parts.as_bytes()));
        Ok(Some(reply::finish(Text::plain(word), calls).reason))
    }
}
