//! Bodies that pass through: only what must change is spliced, everything else stays byte for byte.
//! Source: translation.md C.10 rule 2; providers-a.md 2.4.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{FinishReason, ModelInfo, Usage};

use super::encode;
use super::encode::thinking::{self, Origin, Settled};
use super::hygiene;
use super::thoughts::Thoughts;
use super::wire;
use super::{error, peek, reply};
use crate::codec::{CodecError, Patch, Patched, ReplyContext};
use crate::loss::loss;
use crate::model::ReasoningControl;
use crate::splice::{Edits, TopLevel, says, text_of};

pub(super) fn request(body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
    let mut losses = Vec::new();
    let scanned = TopLevel::of(body, patch.outline.as_ref())?;
    let mut edits = Edits::new();
    let model = scanned.string("model")?.unwrap_or_default();
    if let Some(wanted) = patch.model.as_deref().filter(|wanted| *wanted != model) {
        edits = edits.set_string("model", wanted);
    }
    if let Some(wanted) = patch.stream {
        // Absence is `false` already.
        if scanned.raw("stream")?.is_some_and(peek::streams) != wanted {
            edits = edits.set("stream", if wanted { "true" } else { "false" });
        }
    }
    let mut thinking = scanned.raw("thinking")?.filter(|json| *json != "null").map(Cow::Borrowed);
    let asked = hygiene::is_active(thinking.as_deref());
    let mut config = Config::of(&scanned)?;
    if let Some(control) = &patch.reasoning {
        reason(control, patch.info.as_deref(), &scanned, &mut thinking, &mut config)?;
    }
    // A forced call and thinking exclude each other.
    let choice = scanned.object("tool_choice").and_then(|choice| choice.string("type").ok().flatten());
    if choice.is_some_and(|choice| matches!(&*choice, "any" | "tool")) {
        if hygiene::is_active(thinking.as_deref()) {
            thinking = None;
            loss(&mut losses, "thinking", encode::NO_ROOM);
        }
        if config.drop_effort() {
            loss(&mut losses, "thinking", encode::NO_ROOM);
        }
    }
    let target = patch.model.as_deref().unwrap_or(&model);
    // Backends that only speak the format sign as they like, or not at all (E642).
    let strict = !patch.keeps_reasoning_text && target.to_ascii_lowercase().contains("claude");
    let thoughts = Thoughts::of(body, strict, patch.gate.as_deref());
    // What is left of a turn that goes on must begin with thoughts, or there is no thinking in it.
    if hygiene::has_budget(thinking.as_deref())
        && thoughts.is_some_and(|thoughts| thoughts.leave_bare_loop(&scanned))
    {
        thinking = None;
        loss(&mut losses, "thinking", encode::BARE_LOOP);
    }
    let active = hygiene::is_active(thinking.as_deref());
    edits = put(edits, "thinking", scanned.has("thinking"), thinking);
    if asked
        && !active
        && let Some(management) = scanned.raw("context_management")?
        && let Some(left) = hygiene::without_clearing(management)
    {
        edits = put(edits, "context_management", true, left.map(Cow::Owned));
        loss(&mut losses, "context_management", hygiene::NOTHING_TO_CLEAR);
    }
    if let Some(changed) = config.changed {
        edits = put(edits, "output_config", true, changed);
    }
    let sampling = |key: &str| scanned.raw(key).ok().flatten().filter(|json| *json != "null");
    let surplus = hygiene::surplus(active, sampling("temperature"), sampling("top_p"), sampling("top_k"));
    for (key, goes) in
        [("temperature", surplus.temperature), ("top_p", surplus.top_p), ("top_k", surplus.top_k)]
    {
        if goes {
            loss(&mut losses, key, encode::SURPLUS);
            edits = edits.remove(key);
        }
    }
    let edits = hygiene::mend(edits, body, &scanned, thoughts, &mut losses)?;
    Ok(Patched::whole(edits.apply_scanned(body, &scanned)).with_losses(losses))
}

/// `output_config`, as it came and as it goes.
struct Config<'b> {
    json: Option<&'b str>,
    /// What it becomes, when it changes; `None` inside removes it.
    changed: Option<Option<Cow<'b, str>>>,
}

impl<'b> Config<'b> {
    fn of(scanned: &TopLevel<'b>) -> Result<Self, CodecError> {
        Ok(Self { json: scanned.raw("output_config")?.filter(|json| json.starts_with('{')), changed: None })
    }

    fn set_effort(&mut self, effort: &str) {
        let edited = Edits::new()
            .set_string("effort", effort)
            .apply_str(self.json.unwrap_or("{}"))
            .map(Cow::into_owned);
        self.changed = edited.ok().map(|json| Some(Cow::Owned(json)));
    }

    /// Whether there was one. An object that becomes empty goes altogether.
    fn drop_effort(&mut self) -> bool {
        let current = match &self.changed {
            Some(changed) => changed.as_deref().map(str::to_owned),
            None => self.json.map(str::to_owned),
        };
        let Some(current) = current else { return false };
        let Ok(Cow::Owned(json)) = Edits::new().remove("effort").apply_str(&current) else { return false };
        let empty = TopLevel::scan(json.as_bytes()).is_ok_and(|scanned| scanned.members().next().is_none());
        let kept = (!empty).then_some(Cow::Owned(json));
        // Back to where it was: there was nothing, or nothing but this.
        self.changed = if self.json.is_none() && kept.is_none() { None } else { Some(kept) };
        true
    }
}

/// A control from the model's suffix: it beats whatever the body says (B43).
fn reason<'b>(
    control: &ReasoningControl,
    info: Option<&ModelInfo>,
    scanned: &TopLevel<'_>,
    thinking: &mut Option<Cow<'b, str>>,
    config: &mut Config<'b>,
) -> Result<(), CodecError> {
    let max_tokens = scanned.unsigned("max_tokens").or_else(|| info.and_then(|info| info.max_output));
    let settled = thinking::settle(control, Origin::Suffix, info, max_tokens)?;
    let Settled::Said(said) = settled else {
        if matches!(settled, Settled::Removed) {
            *thinking = None;
            config.drop_effort();
        }
        return Ok(());
    };
    // What the body says about showing the thoughts is another matter than their amount (B44).
    let display = thinking.as_deref().and_then(|json| {
        let scanned = TopLevel::scan(json.as_bytes()).ok()?;
        scanned.raw("display").ok().flatten().map(str::to_owned)
    });
    *thinking = said.mode.map(|mode| Cow::Owned(mode.to_json(display.as_deref())));
    match said.effort {
        Some(effort) => config.set_effort(thinking::effort(effort)),
        None => {
            config.drop_effort();
        }
    }
    Ok(())
}

fn put<'e>(edits: Edits<'e>, key: &'static str, present: bool, value: Option<Cow<'e, str>>) -> Edits<'e> {
    match value {
        Some(json) => edits.set(key, json),
        None if present => edits.remove(key),
        None => edits,
    }
}

pub(super) fn reply(
    body: &Bytes,
    context: &ReplyContext,
) -> Result<(Bytes, Usage, Option<FinishReason>), CodecError> {
    let scanned = TopLevel::scan(body)?;
    let has_content = scanned.value("content").is_some_and(|content| content.starts_with(b"["));
    if !has_content || error::is_own_object(&scanned) {
        return Err(reply::not_a_reply(body));
    }
    let usage = match scanned.raw("usage")? {
        Some(json) => serde_json::from_str::<wire::Usage<'_>>(json).ok(),
        None => None,
    };
    let finish = scanned.raw("stop_reason")?.and_then(text_of).map(|reason| reply::reason_of(&reason));
    let edits = match &context.shown_model {
        Some(shown) if !scanned.raw("model")?.is_some_and(|model| says(model, shown)) => {
            Edits::new().set_string("model", shown)
        }
        _ => Edits::new(),
    };
    Ok((edits.apply_scanned(body, &scanned), usage.as_ref().map(reply::usage_of).unwrap_or_default(), finish))
}
