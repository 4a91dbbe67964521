//! Requests into canonical form: one turn per content, nothing merged, hoisted or reordered.

use std::borrow::Cow;

use cliproxy_core::Level;
use serde_json::value::RawValue;

use super::dialect::Dialect;
use super::{GEMINI, wire};
use crate::codec::CodecError;
use crate::json::read::{Reading, at, boolean, count, misread, read, schema as schema_of, wrong, wrong_type};
use crate::json::{Extras, Text, kind_of};
use crate::model::request::RESPONSE_SCHEMA;
use crate::model::{
    Identity, OutputFormat, OutputSpec, ReasoningControl, ReasoningMode, Request, Role, Sampling, Summary,
    Turn,
};
use crate::pass::{call_ids, schema};

pub(super) mod part;
mod tools;

pub(super) fn request(body: &[u8], dialect: Dialect) -> Result<Request<'_>, CodecError> {
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the body is not UTF-8"))?;
    if dialect.wraps() {
        let envelope: wire::Envelope<'_> = serde_json::from_str(text).map_err(|error| misread(&error, ""))?;
        let Some(inner) = envelope.request else { return Err(wrong("request", "missing")) };
        let stray = envelope.tool_config;
        let mut request = read(inner, "request")
            .and_then(|inner: wire::Request<'_>| {
                unwrapped(wire::Request { tool_config: inner.tool_config.or(stray), ..inner })
            })
            .map_err(|error| inside(&error))?;
        if let Some(model) = envelope.model {
            request.model = model.into_decoded();
        }
        return Ok(request);
    }
    unwrapped(serde_json::from_str(text).map_err(|error| misread(&error, ""))?)
}

/// Errors of what an envelope holds name the whole path.
fn inside(error: &CodecError) -> CodecError {
    if error.param().is_some_and(|param| param.starts_with("request")) {
        error.clone()
    } else {
        at("request", error)
    }
}

fn unwrapped(wire: wire::Request<'_>) -> Result<Request<'_>, CodecError> {
    if let Some(counted) = wire.counted
        && wire.contents.is_none()
    {
        return read(counted, "generateContentRequest").and_then(direct);
    }
    direct(wire)
}

fn direct(wire: wire::Request<'_>) -> Result<Request<'_>, CodecError> {
    let mut extras = wire.extras;
    let Some(contents) = wire.contents else { return Err(wrong("contents", "missing")) };
    let mut turns = turns(contents.0)?;
    call_ids::complete(&mut turns);
    let (instructions, instructions_plain) = match wire.system_instruction {
        Some(raw) => instructions(raw)?,
        None => (Vec::new(), false),
    };
    let mut config = Config::default();
    if let Some(raw) = wire.generation_config {
        config.read(raw, &mut extras)?;
    }
    let tool_choice = tools::choice(wire.tool_config, &mut extras)?;
    let request = Request {
        source: GEMINI,
        // `models/x` is the resource's name, `x` the model's.
        model: string(wire.model).map(|model| without_prefix(model.into_decoded())).unwrap_or_default(),
        instructions,
        instructions_plain,
        turns,
        tools: tools::declarations(wire.tools.unwrap_or_default().0)?,
        tool_choice,
        sampling: config.sampling,
        max_output: config.max_output,
        output: config.output,
        reasoning: config.reasoning,
        identity: Identity { session: string(wire.session_id), ..Identity::default() },
        service_tier: string(wire.service_tier),
        extras,
        ..Request::default()
    };
    request.said_something("contents")
}

fn without_prefix(model: Cow<'_, str>) -> Cow<'_, str> {
    match model {
        Cow::Borrowed(name) => Cow::Borrowed(name.strip_prefix("models/").unwrap_or(name)),
        Cow::Owned(name) => Cow::Owned(name.strip_prefix("models/").map(str::to_owned).unwrap_or(name)),
    }
}

/// A member that is a string; anything else counts as absent.
pub(super) fn string(raw: Option<&RawValue>) -> Option<Text<'_>> {
    raw.and_then(Text::from_raw).filter(|text| !text.is_empty())
}

fn turns(contents: Vec<&RawValue>) -> Result<Vec<Turn<'_>>, CodecError> {
    let mut turns: Vec<Turn<'_>> = Vec::with_capacity(contents.len());
    for (index, raw) in contents.into_iter().enumerate() {
        let place = || format!("contents[{index}]");
        let content: wire::Content<'_> = read(raw, "").map_err(|error| at(&place(), &error))?;
        let named = Reading::Request.text(content.role, "role").map_err(|error| at(&place(), &error))?;
        let named = named.map(Text::into_decoded);
        let mut extras = content.extras;
        if named.as_deref().is_some_and(is_unknown_role) {
            // It is told where the content goes elsewhere: somebody else may have said it.
            extras.extend(content.role.map(|raw| (Cow::Borrowed(ROLE), raw)));
        }
        let role = role(named.as_deref(), turns.last().map(|turn| turn.role));
        let parts = match content.parts {
            Some(raw) => part::list(raw).map_err(|error| at(&place(), &error))?,
            None => Vec::new(),
        };
        turns.push(Turn { extras, ..Turn::new(role, parts) });
    }
    Ok(turns)
}

/// Whether a role is none of those that are known.
pub(super) fn is_unknown_role(word: &str) -> bool {
    !matches!(word, "user" | "function" | "tool" | "model" | "assistant" | "system")
}

/// Why such a word is lost.
pub(super) const OTHER_ROLE: &str = "nobody knows the word: it is the other role than the one before";

/// A role of another word, as the client wrote it.
pub(super) const ROLE: &str = "role";

/// Roles are `user` and `model`; results were once `function`'s. One that is missing or unknown is the other than the
/// one before, beginning with the user (B24).
pub(super) fn role(role: Option<&str>, before: Option<Role>) -> Role {
    match role {
        Some("user" | "function" | "tool") => Role::User,
        Some("model" | "assistant") => Role::Assistant,
        Some("system") => Role::System,
        _ if before == Some(Role::User) => Role::Assistant,
        _ => Role::User,
    }
}

/// A content, its parts alone, or a string. The flag says that it was one text.
fn instructions(raw: &RawValue) -> Result<(Vec<crate::model::Part<'_>>, bool), CodecError> {
    const PLACE: &str = "systemInstruction";
    if let Some(text) = Text::from_raw(raw) {
        return Ok((vec![crate::model::Part::text(text)], true));
    }
    let parts = match raw.get().starts_with('{') {
        true => read::<wire::Content<'_>>(raw, PLACE)?.parts,
        false => Some(raw),
    };
    let parts = match parts {
        Some(raw) => part::list(raw).map_err(|error| at(PLACE, &error))?,
        None => Vec::new(),
    };
    let plain = parts.len() == 1;
    Ok((parts, plain))
}

/// What `generationConfig` says. Members without a canonical place are kept under a path.
#[derive(Default)]
struct Config<'a> {
    sampling: Sampling<'a>,
    max_output: Option<u64>,
    output: OutputSpec<'a>,
    reasoning: ReasoningControl,
}

impl<'a> Config<'a> {
    fn read(&mut self, raw: &'a RawValue, extras: &mut Extras<'a>) -> Result<(), CodecError> {
        const PLACE: &str = "generationConfig";
        let wire: wire::GenerationConfig<'a> = read(raw, PLACE)?;
        let kept = Cow::Borrowed;
        let count = |raw: Option<&RawValue>, name: &str| match raw.map(|raw| raw.get().parse::<u64>()) {
            None => Ok(None),
            Some(Ok(count)) => Ok(Some(count)),
            Some(Err(_)) => Err(wrong(&format!("{PLACE}.{name}"), "expected a whole number")),
        };
        self.sampling = Sampling {
            temperature: wire.temperature.map(kept),
            top_p: wire.top_p.map(kept),
            top_k: wire.top_k.map(kept),
            frequency_penalty: wire.frequency_penalty.map(kept),
            presence_penalty: wire.presence_penalty.map(kept),
            seed: wire.seed.map(kept),
            stop: wire.stop_sequences.unwrap_or_default().0,
            candidates: count(wire.candidate_count, "candidateCount")?,
            logprobs: boolean(wire.response_logprobs, "generationConfig.responseLogprobs")?,
            top_logprobs: wire.logprobs.map(kept),
            ..Sampling::default()
        };
        self.max_output = count(wire.max_output_tokens, "maxOutputTokens")?;
        self.output.modalities = wire.response_modalities.map(kept);
        extras.extend(wire.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("{PLACE}.{key}")), raw)));
        let native = schema_of(wire.response_json_schema, "generationConfig.responseJsonSchema")?;
        let subset = schema_of(wire.response_schema, "generationConfig.responseSchema")?;
        let schema = native.map(Cow::Borrowed).or_else(|| {
            // The subset of OpenAPI spells types in capitals: canonical schemas are JSON Schema.
            extras.push((Cow::Borrowed(RESPONSE_SCHEMA), subset?));
            subset.map(schema::from_openapi)
        });
        let mime = Reading::Request.text(wire.response_mime_type, "generationConfig.responseMimeType")?;
        match (mime.as_ref().map(Text::decoded).as_deref(), schema) {
            (Some("application/json") | None, Some(schema)) => {
                self.output.format = Some(OutputFormat::JsonSchema {
                    name: None,
                    description: None,
                    strict: None,
                    schema: Some(schema),
                });
            }
            (Some("application/json"), None) => self.output.format = Some(OutputFormat::JsonObject),
            (Some("text/plain"), None) => self.output.format = Some(OutputFormat::Text),
            (None, None) => {}
            // `text/x.enum` and what may come.
            (Some(_), _) => {
                extras.extend(
                    wire.response_mime_type
                        .map(|raw| (Cow::Borrowed("generationConfig.responseMimeType"), raw)),
                );
                extras.extend(
                    wire.response_json_schema
                        .map(|raw| (Cow::Borrowed("generationConfig.responseJsonSchema"), raw)),
                );
            }
        }
        if let Some(thinking) = wire.thinking_config {
            self.reasoning =
                reasoning(&thinking).map_err(|error| at("generationConfig.thinkingConfig", &error))?;
            if let Some(raw) = thinking.thinking_level.filter(|raw| is_unknown_level(raw)) {
                // A word that we do not know goes on to where it may be known.
                extras.push((Cow::Borrowed("generationConfig.thinkingConfig.thinkingLevel"), raw));
            }
            extras.extend(
                thinking
                    .extras
                    .into_iter()
                    .map(|(key, raw)| (Cow::Owned(format!("{PLACE}.thinkingConfig.{key}")), raw)),
            );
        }
        Ok(())
    }
}

/// `thinkingConfig`: a budget of 0 is off, -1 automatic. Source: translation.md A.10, B44.
pub(super) fn reasoning(wire: &wire::ThinkingConfig<'_>) -> Result<ReasoningControl, CodecError> {
    let summary = shown(wire)?;
    let mut control = ReasoningControl { summary, ..ReasoningControl::default() };
    let level = Reading::Request.text(wire.thinking_level, "thinkingLevel")?;
    let level = level.and_then(|level| Level::parse(&level.decoded()));
    match (level, wire.thinking_budget.map(budget).transpose()?) {
        (Some(level), _) => {
            control.mode = Some(ReasoningMode::On);
            control.level = Some(level);
        }
        (None, Some(0)) => control.mode = Some(ReasoningMode::Off),
        (None, Some(-1)) => control.mode = Some(ReasoningMode::Auto),
        (None, Some(budget)) => {
            // Source: translation.md B39: less than -1 means nothing.
            let wrong = |_| wrong("thinkingBudget", &format!("expected a number of tokens, found {budget}"));
            control.mode = Some(ReasoningMode::On);
            control.budget = Some(u32::try_from(budget).map_err(wrong)?);
        }
        (None, None) => {}
    }
    Ok(control)
}

/// Whether thoughts are to be shown. Source: translation.md B44.
pub(super) fn shown(wire: &wire::ThinkingConfig<'_>) -> Result<Summary, CodecError> {
    Ok(match boolean(wire.include_thoughts, "includeThoughts")? {
        Some(true) => Summary::Enabled(None),
        Some(false) => Summary::Disabled,
        None => Summary::Unspecified,
    })
}

/// A level that a newer model may have.
fn is_unknown_level(raw: &RawValue) -> bool {
    string(Some(raw)).is_some_and(|word| {
        let word = word.decoded();
        Level::parse(&word).is_none() && !word.eq_ignore_ascii_case("THINKING_LEVEL_UNSPECIFIED")
    })
}

/// A budget in tokens, also where it is written `1024.0`.
fn budget(raw: &RawValue) -> Result<i64, CodecError> {
    // As every JSON of protocol buffers, Google's takes numbers in strings.
    let whole = raw.get().trim_matches('"').parse().ok();
    whole.or_else(|| i64::try_from(count(raw)?).ok()).ok_or_else(|| match kind_of(raw) {
        "a number" => wrong("thinkingBudget", &format!("expected a whole number, found {}", raw.get())),
        _ => wrong_type("thinkingBudget", "a whole number", raw),
    })
}
