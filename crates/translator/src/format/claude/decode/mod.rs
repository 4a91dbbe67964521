//! Requests into canonical form: one turn per message, nothing merged, hoisted or reordered.

use std::borrow::Cow;

use cliproxy_core::Level;
use serde_json::value::RawValue;

use super::wire::{self, Reading, wrong};
use super::{CLAUDE, block, peek};
use crate::codec::CodecError;
use crate::json::read::each;
use crate::json::{Extras, List, Text};
use crate::model::{
    Identity, OutputFormat, OutputSpec, ReasoningControl, ReasoningMode, Request, Role, Sampling, StreamSpec,
    Summary, Turn,
};

mod tools;

pub(super) fn request(body: &[u8]) -> Result<Request<'_>, CodecError> {
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the body is not UTF-8"))?;
    let wire: wire::Request<'_> = serde_json::from_str(text).map_err(|error| wire::misread(&error, ""))?;
    let mut extras = wire.extras;
    let (instructions, instructions_plain) = match wire.system {
        Some(raw) => block::content(raw, "system")?,
        None => (Vec::new(), false),
    };
    let mut reasoning = thinking(wire.thinking, &mut extras)?;
    let output = output(wire.output_config, &mut reasoning, &mut extras)?;
    let (tool_choice, parallel_tools) = tools::choice(wire.tool_choice, &mut extras)?;
    let request = Request {
        source: CLAUDE,
        model: wire::plain(wire.model),
        instructions,
        instructions_plain,
        turns: turns(wire.messages.ok_or_else(|| wrong("messages", "missing"))?)?,
        tools: tools::declarations(wire.tools.unwrap_or_default().0)?,
        late_tools: 0,
        tool_choice,
        parallel_tools,
        sampling: Sampling {
            temperature: wire.temperature.map(Cow::Borrowed),
            top_p: wire.top_p.map(Cow::Borrowed),
            top_k: wire.top_k.map(Cow::Borrowed),
            stop: wire.stop_sequences.unwrap_or_default().0,
            ..Sampling::default()
        },
        max_output: wire.max_tokens,
        output,
        reasoning,
        identity: identity(wire.metadata)?,
        service_tier: wire.service_tier,
        stream: StreamSpec {
            enabled: wire.stream.is_some_and(|raw| peek::streams(raw.get())),
            // Claude streams always tell their usage.
            include_usage: true,
            options: None,
        },
        cache: wire.cache_control.map(block::mark),
        extras,
    };
    request.said_something("messages")
}

/// Of the last `messages`: an earlier one is not looked at, however wrong it is.
fn turns(raw: &RawValue) -> Result<Vec<Turn<'_>>, CodecError> {
    let messages: List<wire::Message<'_>> = wire::read(raw, "messages")?;
    each(messages.0.into_iter().enumerate(), |(index, message)| turn(message, index))
}

fn turn(message: wire::Message<'_>, index: usize) -> Result<Turn<'_>, CodecError> {
    let place = |member: &str| format!("messages[{index}]{member}");
    let role = match &*wire::plain(message.role) {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        // Newest models take it; see translation.md B25, F47.
        "system" => Role::System,
        other => {
            let what = format!("expected user, assistant or system, found {other:?}");
            return Err(wrong(&place(".role"), &what));
        }
    };
    let (parts, plain) = match message.content {
        Some(raw) => block::content(raw, &place(".content"))?,
        None => (Vec::new(), false),
    };
    let cache = message.cache_control.map(block::mark);
    Ok(Turn { plain, cache, extras: message.extras, ..Turn::new(role, parts) })
}

/// `thinking`. A type that we do not know stays in the extras, whole.
fn thinking<'a>(raw: Option<&'a RawValue>, extras: &mut Extras<'a>) -> Result<ReasoningControl, CodecError> {
    let Some(raw) = raw else { return Ok(ReasoningControl::default()) };
    let wire: wire::Thinking<'_> = wire::read(raw, "thinking")?;
    let mode = match &*wire::plain(wire.kind) {
        "enabled" if wire.budget_tokens.is_some() => ReasoningMode::On,
        "enabled" | "adaptive" | "auto" => ReasoningMode::Auto,
        "disabled" => ReasoningMode::Off,
        _ => {
            extras.push((Cow::Borrowed("thinking"), raw));
            return Ok(ReasoningControl::default());
        }
    };
    extras.extend(wire.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("thinking.{key}")), raw)));
    Ok(ReasoningControl {
        mode: Some(mode),
        level: None,
        budget: wire.budget_tokens.filter(|_| mode == ReasoningMode::On),
        summary: match wire.display.map(Text::into_decoded) {
            None => Summary::Unspecified,
            Some(display) if display == "omitted" => Summary::Disabled,
            Some(display) => Summary::Enabled(Some(display.into_owned())),
        },
    })
}

/// `output_config`: the effort belongs to reasoning, the format to the output.
fn output<'a>(
    config: Option<wire::OutputConfig<'a>>,
    reasoning: &mut ReasoningControl,
    extras: &mut Extras<'a>,
) -> Result<OutputSpec<'a>, CodecError> {
    let mut spec = OutputSpec::default();
    let Some(config) = config else { return Ok(spec) };
    let mut keep = |key: &str, raw| extras.push((Cow::Owned(format!("output_config.{key}")), raw));
    if let Some(raw) = config.effort {
        let word = Reading::Request.text(Some(raw), "output_config.effort")?;
        match word.and_then(|word| Level::parse(&word.decoded())) {
            Some(level) => reasoning.level = Some(level),
            None => keep("effort", raw),
        }
    }
    if let Some(raw) = config.format {
        let format: wire::OutputFormat<'a> = wire::read(raw, "output_config.format")?;
        let schema = wire::schema(format.schema, "output_config.format.schema")?;
        if format.extras.is_empty() && format.kind.is_some_and(|kind| kind == "json_schema") {
            spec.format = Some(OutputFormat::JsonSchema {
                name: None,
                description: None,
                strict: None,
                schema: schema.map(Cow::Borrowed),
            });
        } else {
            keep("format", raw);
        }
    }
    for (key, raw) in config.extras {
        keep(&key, raw);
    }
    Ok(spec)
}

fn identity(metadata: Option<&RawValue>) -> Result<Identity<'_>, CodecError> {
    let Some(raw) = metadata else { return Ok(Identity::default()) };
    let members: Metadata<'_> = wire::read(raw, "metadata")?;
    // Only strings name a user; other values are ignored (E571).
    let user = members.user_id.and_then(Text::from_raw);
    let session = user.clone().and_then(|user| peek::session(user.into_decoded())).map(Text::plain);
    let only_user = members.extras.is_empty() && (user.is_some() || members.user_id.is_none());
    Ok(Identity {
        user,
        session,
        metadata: (!only_user).then_some(Cow::Borrowed(raw)),
        ..Identity::default()
    })
}

crate::json::wire_struct! {
    struct Metadata<'a> { user_id: &'a RawValue = "user_id" }
}
