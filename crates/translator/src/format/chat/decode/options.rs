//! Everything of a request but its conversation and tools.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::wire::{self, Reading, wrong};
use crate::codec::CodecError;
use crate::json::{Extras, List, Text, kind_of};
use crate::model::{Identity, OutputFormat, ReasoningControl, ReasoningMode, StreamSpec, Summary};
use crate::pass::identity::users;
use crate::pass::reasoning::{of_budget, of_effort};
use crate::splice::TopLevel;

/// `stop`: a string or several.
pub(super) fn stop(raw: Option<&RawValue>) -> Result<Vec<Text<'_>>, CodecError> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    match Text::from_raw(raw) {
        Some(text) => Ok(vec![text]),
        None if raw.get().starts_with('[') => Ok(wire::read::<List<Text<'_>>>(raw, "stop")?.0),
        None => Err(wrong("stop", &format!("expected a string or an array, found {}", kind_of(raw)))),
    }
}

/// `response_format`. A type that we do not know stays in the extras.
pub(super) fn format<'a>(
    raw: Option<&'a RawValue>,
    extras: &mut Extras<'a>,
) -> Result<Option<OutputFormat<'a>>, CodecError> {
    let Some(raw) = raw else { return Ok(None) };
    let format: wire::ResponseFormat<'_> = wire::read(raw, "response_format")?;
    Ok(match &*wire::plain(format.kind) {
        "text" => Some(OutputFormat::Text),
        "json_object" => Some(OutputFormat::JsonObject),
        "json_schema" => {
            let Some(schema) = format.json_schema else {
                return Err(wrong("response_format.json_schema", "missing"));
            };
            Some(OutputFormat::JsonSchema {
                name: schema.name,
                description: schema.description,
                strict: schema.strict,
                schema: wire::schema(schema.schema, "response_format.json_schema.schema")?.map(Cow::Borrowed),
            })
        }
        _ => {
            extras.push((Cow::Borrowed("response_format"), raw));
            None
        }
    })
}

/// Who is behind it, and what names the conversation (A.11, B87, E572).
pub(super) fn identity<'a>(wire: &mut wire::Request<'a>, extras: &Extras<'a>) -> Identity<'a> {
    let metadata = wire.metadata.and_then(|raw| TopLevel::scan(raw.get().as_bytes()).ok());
    let in_metadata = |key: &str| metadata.as_ref().and_then(|metadata| text_of(metadata, key));
    // Only strings name a user; other values are ignored (E571). The metadata's goes first (E570).
    let (user, user_beside) = users(in_metadata("user_id"), wire.user.and_then(Text::from_raw));
    let session = SESSION_KEYS
        .iter()
        .find_map(|key| extras.iter().rev().find(|(name, _)| name == key).and_then(|(_, raw)| id_of(raw)))
        .or_else(|| SESSION_KEYS.iter().find_map(|key| in_metadata(key)));
    Identity {
        user,
        user_beside,
        safety_identifier: wire.safety_identifier.take(),
        prompt_cache_key: wire.prompt_cache_key.take(),
        session,
        metadata: wire.metadata.map(Cow::Borrowed),
    }
}

/// What clients call a conversation.
pub(in super::super) const SESSION_KEYS: [&str; 3] = ["session_id", "conversation_id", "conversation"];

/// An id that is a string, or an object with one.
pub(in super::super) fn id_of(raw: &RawValue) -> Option<Text<'_>> {
    let id = match Text::from_raw(raw) {
        Some(text) => text,
        None => text_of(&TopLevel::scan(raw.get().as_bytes()).ok()?, "id")?,
    };
    Some(id).filter(|id| !id.is_empty())
}

fn text_of<'a>(object: &TopLevel<'a>, key: &str) -> Option<Text<'a>> {
    let text: Text<'a> = serde_json::from_str(object.raw(key).ok()??).ok()?;
    Some(text).filter(|text| !text.is_empty())
}

pub(super) fn stream<'a>(stream: Option<bool>, options: Option<&'a RawValue>) -> StreamSpec<'a> {
    let include_usage = options
        .and_then(|raw| TopLevel::scan(raw.get().as_bytes()).ok())
        .and_then(|options| options.boolean("include_usage").ok().flatten());
    StreamSpec {
        // Source: http-api.md A.3: only `true` asks for a stream; what is no boolean is refused (docs/compatibility).
        enabled: stream == Some(true),
        include_usage: include_usage.unwrap_or(false),
        options: options.map(Cow::Borrowed),
    }
}

/// `reasoning_effort`, and the vendors' own switches, which stay in the extras too. Source: translation.md A.10,
/// B44, E623.
pub(super) fn reasoning<'a>(
    effort: Option<&'a RawValue>,
    extras: &mut Extras<'a>,
) -> Result<ReasoningControl, CodecError> {
    let vendor = Vendor::of(extras)?;
    let word = Reading::Request.text(effort, "reasoning_effort")?;
    let known = word.and_then(|word| of_effort(&word.decoded()));
    if let (None, Some(raw)) = (&known, effort) {
        // A word that we do not know goes on to where it may be known.
        extras.push((Cow::Borrowed("reasoning_effort"), raw));
    }
    let mut control = known.or(vendor.amount).unwrap_or_default();
    control.summary = match (vendor.visible, control.mode) {
        (Some(true), _) => Summary::Enabled(None),
        (Some(false), _) | (None, Some(ReasoningMode::Off)) => Summary::Disabled,
        (None, Some(_)) => Summary::Enabled(Some("auto".to_owned())),
        (None, None) => Summary::Unspecified,
    };
    Ok(control)
}

#[derive(Default)]
struct Vendor {
    amount: Option<ReasoningControl>,
    visible: Option<bool>,
}

impl Vendor {
    fn of(extras: &Extras<'_>) -> Result<Self, CodecError> {
        let mut found = Self::default();
        for (key, raw) in extras {
            match &**key {
                "include_reasoning" => found.visible = boolean(raw.get()).or(found.visible),
                "reasoning" => found.router(raw)?,
                "thinking" => found.thinking(raw)?,
                "extra_body" => found.google(raw),
                "enable_thinking" if raw.get() == "false" => {
                    found.amount = Some(off());
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// A router's `reasoning{effort, max_tokens, enabled, exclude}`.
    fn router(&mut self, raw: &RawValue) -> Result<(), CodecError> {
        let Ok(object) = TopLevel::scan(raw.get().as_bytes()) else { return Ok(()) };
        self.visible = object.value("exclude").and_then(boolean_bytes).map(|hidden| !hidden).or(self.visible);
        let effort = object.string("effort").ok().flatten().and_then(|effort| of_effort(&effort));
        let budget = budget(&object, "reasoning", "max_tokens")?;
        let switched = match object.value("enabled") {
            Some(b"false") => Some(off()),
            Some(b"true") => {
                Some(ReasoningControl { mode: Some(ReasoningMode::On), ..ReasoningControl::default() })
            }
            _ => None,
        };
        self.amount = effort.or_else(|| budget.map(of_budget)).or(switched).or(self.amount.take());
        Ok(())
    }

    /// `thinking{type, budget_tokens}` of Claude, DeepSeek, Kimi and others.
    fn thinking(&mut self, raw: &RawValue) -> Result<(), CodecError> {
        let Ok(object) = TopLevel::scan(raw.get().as_bytes()) else { return Ok(()) };
        let budget = budget(&object, "thinking", "budget_tokens")?;
        let kind = object.string("type").ok().flatten().unwrap_or_default();
        self.amount = match &*kind {
            "disabled" => Some(off()),
            "enabled" if budget.is_some() => budget.map(of_budget),
            "enabled" | "adaptive" | "auto" => {
                Some(ReasoningControl { mode: Some(ReasoningMode::Auto), ..ReasoningControl::default() })
            }
            _ => self.amount.take(),
        };
        Ok(())
    }

    /// `extra_body.google.thinking_config`, once or twice wrapped.
    fn google(&mut self, raw: &RawValue) {
        let Ok(body) = TopLevel::scan(raw.get().as_bytes()) else { return };
        let inner = body.object("extra_body");
        let google = body.object("google").or_else(|| inner.and_then(|inner| inner.object("google")));
        let config =
            google.and_then(|google| google.object("thinking_config").or(google.object("thinkingConfig")));
        let Some(config) = config else { return };
        let shown = config.value("include_thoughts").or_else(|| config.value("includeThoughts"));
        self.visible = shown.and_then(boolean_bytes).or(self.visible);
        let budget = config.value("thinking_budget").or_else(|| config.value("thinkingBudget"));
        let level = config.string("thinking_level").ok().flatten();
        let level = level.or_else(|| config.string("thinkingLevel").ok().flatten());
        self.amount = level
            .and_then(|level| of_effort(&level))
            .or_else(|| {
                budget
                    .and_then(|budget| std::str::from_utf8(budget).ok())
                    .and_then(crate::pass::reasoning::parse_suffix)
            })
            .or(self.amount.take());
    }
}

/// A number of tokens; one that nobody counts to is a mistake.
fn budget(object: &TopLevel<'_>, within: &str, key: &str) -> Result<Option<u32>, CodecError> {
    let Some(budget) = object.unsigned(key) else { return Ok(None) };
    let unheard =
        |_| wrong(&format!("{within}.{key}"), &format!("expected a number of tokens, found {budget}"));
    u32::try_from(budget).map(Some).map_err(unheard)
}

fn off() -> ReasoningControl {
    ReasoningControl { mode: Some(ReasoningMode::Off), ..ReasoningControl::default() }
}

fn boolean(json: &str) -> Option<bool> {
    boolean_bytes(json.as_bytes())
}

fn boolean_bytes(json: &[u8]) -> Option<bool> {
    match json {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}
