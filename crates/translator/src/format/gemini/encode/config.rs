//! `generationConfig`. Source: translation.md A.8 to A.10, B39 to B44; providers-a.md 4.5; F1, F45.

use cliproxy_core::Level;

use super::{Content, Target, loss};
use crate::codec::CodecError;
use crate::format::gemini::dialect::Maker;
use crate::json::{Raw, Text, Writer};
use crate::loss::Loss;
use crate::model::request::RESPONSE_SCHEMA;
use crate::model::{OutputFormat, ReasoningControl, ReasoningMode, Request, Summary};
use crate::pass::limits;
use crate::pass::reasoning::{Amount, level_budget, resolve};
use crate::pass::schema::{Cleaning, clean};
use crate::splice::TopLevel;

mod claude;

/// More stop sequences are refused. Source: Gemini API reference, "GenerationConfig".
const MAX_STOPS: usize = 5;

const CONFIG: &str = "generationConfig.";

const THINKING: &str = "generationConfig.thinkingConfig.";

/// Writes `generationConfig`, if there is anything to say.
pub(super) fn write(
    w: &mut Writer,
    target: &Target<'_>,
    turns: &[Content<'_, '_>],
    losses: &mut Vec<Loss>,
) -> Result<(), CodecError> {
    let mut thinking = Thinking::of(&target.request.reasoning, target, losses)?;
    let mut most = target.request.max_output;
    if target.is_claude() {
        most = claude::limit(target, &thinking, losses);
        claude::settle(&mut thinking, target, most, turns, losses);
    } else if target.dialect.is_antigravity() && most.take().is_some() {
        loss(losses, "max_output_tokens", "Antigravity takes it for Claude's models only");
    } else {
        most = limits::within(most, target.profile.info.as_deref(), losses);
    }
    let mut inner = Writer::default();
    inner.begin_object();
    write_sampling(&mut inner, target, most, losses);
    write_output(&mut inner, target, losses);
    write_thinking(&mut inner, target, &thinking);
    if target.family {
        for (key, raw) in &target.request.extras {
            let key = key.strip_prefix(CONFIG).filter(|key| *key != "responseSchema" && !key.contains('.'));
            if let Some(key) = key {
                inner.field_raw(key, raw.get());
            }
        }
    }
    inner.end_object();
    let json = inner.into_bytes();
    if json != b"{}" {
        w.field_raw("generationConfig", &String::from_utf8(json).unwrap_or_default());
    }
    Ok(())
}

fn write_sampling(w: &mut Writer, target: &Target<'_>, most: Option<u64>, losses: &mut Vec<Loss>) {
    let request = target.request;
    let sampling = &request.sampling;
    let numbers: [(&str, &Option<Raw<'_>>); 6] = [
        ("temperature", &sampling.temperature),
        ("topP", &sampling.top_p),
        ("topK", &sampling.top_k),
        ("presencePenalty", &sampling.presence_penalty),
        ("frequencyPenalty", &sampling.frequency_penalty),
        ("seed", &sampling.seed),
    ];
    for (key, raw) in numbers {
        if let Some(raw) = raw {
            w.field_raw(key, raw.get());
        }
    }
    if let Some(most) = most {
        w.field_unsigned("maxOutputTokens", most);
    }
    let stops: Vec<_> = sampling.stop.iter().filter(|stop| !stop.is_empty()).collect();
    if stops.len() > MAX_STOPS && !target.family {
        loss(losses, "stop", "Gemini takes five stop sequences");
    }
    if !stops.is_empty() {
        let most = if target.family { stops.len() } else { MAX_STOPS };
        w.key("stopSequences");
        w.begin_array();
        stops.into_iter().take(most).for_each(|stop| w.text(stop));
        w.end_array();
    }
    if let Some(count) = sampling.candidates.filter(|count| target.family || *count != 1) {
        w.field_unsigned("candidateCount", count);
    }
    if let Some(logprobs) = sampling.logprobs {
        w.field_boolean("responseLogprobs", logprobs);
    }
    if let Some(top) = &sampling.top_logprobs {
        w.field_raw("logprobs", top.get());
    }
}

/// Source: translation.md A.9, E359 to E362, E389.
fn write_output(w: &mut Writer, target: &Target<'_>, losses: &mut Vec<Loss>) {
    let output = &target.request.output;
    let own = target.request.extras.iter().find(|(key, _)| target.family && key == RESPONSE_SCHEMA);
    match &output.format {
        _ if target.worded => {}
        Some(OutputFormat::JsonObject) => w.field_string("responseMimeType", "application/json"),
        Some(OutputFormat::JsonSchema { schema, .. }) => {
            w.field_string("responseMimeType", "application/json");
            match (own, schema) {
                (_, Some(schema)) if target.dialect.is_antigravity() => {
                    if let Some(schema) = clean(schema.get(), Cleaning::AntigravityResponse) {
                        w.field_raw("responseSchema", &schema);
                    }
                }
                (Some((_, raw)), _) => w.field_raw("responseSchema", raw.get()),
                (None, Some(schema)) => w.field_raw("responseJsonSchema", schema.get()),
                (None, None) => {}
            }
        }
        Some(OutputFormat::Text) if target.family => w.field_string("responseMimeType", "text/plain"),
        Some(OutputFormat::Text) | None => {
            if let Some((_, raw)) = own {
                w.field_raw("responseSchema", raw.get());
            }
        }
    }
    match &output.modalities {
        Some(raw) if target.family => w.field_raw("responseModalities", raw.get()),
        Some(raw) => {
            let words: Vec<Text<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
            if words.is_empty() {
                loss(losses, "modalities", "not a list of words");
            } else {
                w.key("responseModalities");
                w.begin_array();
                words.iter().for_each(|word| w.string(&word.decoded().to_ascii_uppercase()));
                w.end_array();
            }
        }
        None => {}
    }
    write_image_config(w, target.request);
}

/// What Chat clients of image models send. Source: translation.md A.8 "image config".
fn write_image_config(w: &mut Writer, request: &Request<'_>) {
    let found = request.extras.iter().find(|(key, _)| request.source == "openai" && key == "image_config");
    let Some(config) = found.and_then(|(_, raw)| TopLevel::scan(raw.get().as_bytes()).ok()) else { return };
    let member = |key: &str| config.raw(key).ok().flatten().filter(|json| json.starts_with('"'));
    let members = [("aspectRatio", member("aspect_ratio")), ("imageSize", member("image_size"))];
    if members.iter().all(|(_, json)| json.is_none()) {
        return;
    }
    w.key("imageConfig");
    w.begin_object();
    for (key, json) in members {
        if let Some(json) = json {
            w.field_raw(key, json);
        }
    }
    w.end_object();
}

fn write_thinking(w: &mut Writer, target: &Target<'_>, thinking: &Thinking) {
    let request = target.request;
    // A level that nobody here knows goes on where it is all that is said: a suffix or a budget beats it (B43).
    let settled = request.reasoning.mode.is_some() || is_image_model(&target.profile.model);
    let more = |key: &str| {
        target.family
            && key.strip_prefix(THINKING).is_some_and(|member| !(settled && member == "thinkingLevel"))
    };
    if thinking.is_empty() && !request.extras.iter().any(|(key, _)| more(key)) {
        return;
    }
    w.key("thinkingConfig");
    w.begin_object();
    thinking.write(w);
    for (key, raw) in request.extras.iter().filter(|(key, _)| more(key)) {
        w.field_raw(key.strip_prefix(THINKING).unwrap_or(key), raw.get());
    }
    w.end_object();
}

/// `thinkingConfig`: a budget or a level, never both.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Thinking {
    amount: Option<ThinkingAmount>,
    include: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ThinkingAmount {
    Budget(i64),
    Level(&'static str),
}

impl Thinking {
    fn of(
        control: &ReasoningControl,
        target: &Target<'_>,
        losses: &mut Vec<Loss>,
    ) -> Result<Self, CodecError> {
        let info = target.profile.info.as_deref();
        let resolved = resolve(control, target.family, info)?;
        resolved.tell(losses);
        if resolved.amount == Amount::Remove || is_image_model(&target.profile.model) {
            return Ok(Self::default());
        }
        let shown =
            target.request.source == "claude" && control.mode.is_some_and(|mode| mode != ReasoningMode::Off);
        let levels = target.maker == Maker::Google && has_levels(&target.profile.model);
        Ok(Self::with(resolved.amount, &control.summary, shown, levels))
    }

    /// `shown` says that a client of its format sees thoughts where it says nothing about them.
    pub(in super::super) fn settled(amount: Amount, summary: &Summary, shown: bool, model: &str) -> Self {
        Self::with(amount, summary, shown, has_levels(model))
    }

    fn with(amount: Amount, summary: &Summary, shown: bool, levels: bool) -> Self {
        let amount = match amount {
            Amount::Unsaid | Amount::Remove => None,
            // No model of levels can be switched off.
            Amount::Off if levels => Some(ThinkingAmount::Level("MINIMAL")),
            Amount::Off => Some(ThinkingAmount::Budget(0)),
            Amount::Auto => Some(ThinkingAmount::Budget(-1)),
            Amount::Level(level) if levels => Some(ThinkingAmount::Level(word(level))),
            Amount::Level(level) => Some(ThinkingAmount::Budget(i64::from(level_budget(level)))),
            Amount::Budget(budget) => Some(ThinkingAmount::Budget(i64::from(budget))),
        };
        let include = match summary {
            Summary::Enabled(_) => Some(true),
            Summary::Disabled => Some(false),
            Summary::Unspecified => shown.then_some(true),
        };
        Self { amount, include }
    }

    /// Whether there is thinking at all.
    fn is_active(&self) -> bool {
        self.amount.is_some_and(|amount| amount != ThinkingAmount::Budget(0))
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Writes the members.
    pub(in super::super) fn write(&self, w: &mut Writer) {
        match self.amount {
            Some(ThinkingAmount::Budget(budget)) => w.field_signed("thinkingBudget", budget),
            Some(ThinkingAmount::Level(level)) => w.field_string("thinkingLevel", level),
            None => {}
        }
        if let Some(include) = self.include {
            w.field_boolean("includeThoughts", include);
        }
    }
}

/// Whether a model counts in levels: those before Gemini 3 know budgets only.
fn has_levels(model: &str) -> bool {
    !(model.starts_with("gemini-1") || model.starts_with("gemini-2") || model.starts_with("claude"))
}

/// Source: providers-a.md 4.5: image models before Gemini 3 refuse it.
fn is_image_model(model: &str) -> bool {
    model.starts_with("gemini-2") && model.contains("image")
}

/// The API's own spelling; there is nothing above HIGH that every model knows (F45).
fn word(level: Level) -> &'static str {
    match level {
        Level::Minimal => "MINIMAL",
        Level::Low => "LOW",
        Level::Medium => "MEDIUM",
        _ => "HIGH",
    }
}
