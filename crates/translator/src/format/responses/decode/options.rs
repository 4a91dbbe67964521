//! Everything of a request but its conversation and tools.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::wire;
use crate::codec::CodecError;
use crate::json::read::{Reading, plain, read, schema, wrong_type};
use crate::json::{Extras, List, Text};
use crate::model::{Identity, OutputFormat, OutputSpec, ReasoningControl, StreamSpec, Summary};
use crate::pass::identity::users;
use crate::pass::reasoning::of_effort;
use crate::splice::TopLevel;

/// `reasoning`, which is among the extras: `null` means something here. What the model has no place for stays
/// there, under a path. Source: translation.md A.10, B44, E623.
pub(super) fn reasoning(extras: &mut Extras<'_>) -> Result<ReasoningControl, CodecError> {
    let Some(at) = extras.iter().rposition(|(key, _)| key == "reasoning") else {
        return Ok(ReasoningControl::default());
    };
    let (_, raw) = extras.remove(at);
    extras.retain(|(key, _)| key != "reasoning");
    if raw.get() == "null" {
        return Ok(ReasoningControl::default());
    }
    if !raw.get().starts_with('{') {
        return Err(wrong_type("reasoning", "an object", raw));
    }
    let members: Members<'_> = read(raw, "reasoning")?;
    let mut control = ReasoningControl::default();
    let mut summary = Summary::Unspecified;
    for (key, raw) in members.extras {
        match &*key {
            // `null` is absence.
            "effort" | "generate_summary" if raw.get() == "null" => {}
            "effort" => {
                let word = Reading::Request.text(Some(raw), "reasoning.effort")?;
                match word.and_then(|word| of_effort(&word.decoded())) {
                    Some(known) => control = known,
                    // A word that we do not know goes on to where it may be known.
                    None => extras.push((Cow::Borrowed("reasoning.effort"), raw)),
                }
            }
            "summary" | "generate_summary" => match Text::from_raw(raw) {
                Some(text) if text == "none" => summary = Summary::Disabled,
                Some(text) => summary = Summary::Enabled(Some(text.into_decoded().into_owned())),
                None if raw.get() == "null" => summary = Summary::Disabled,
                None => return Err(wrong_type(&format!("reasoning.{key}"), "a string", raw)),
            },
            _ => extras.push((Cow::Owned(format!("reasoning.{key}")), raw)),
        }
    }
    control.summary = summary;
    Ok(control)
}

crate::json::wire_struct! {
    /// All members are extras: the last of a repeated one wins by order.
    struct Members<'a> {}
}

/// `text`. A format that we do not know stays in the extras.
pub(super) fn output<'a>(
    raw: Option<&'a RawValue>,
    extras: &mut Extras<'a>,
) -> Result<OutputSpec<'a>, CodecError> {
    let mut spec = OutputSpec::default();
    let Some(raw) = raw else { return Ok(spec) };
    let config: wire::TextConfig<'a> = read(raw, "text")?;
    spec.verbosity = Reading::Request.text(config.verbosity, "text.verbosity")?;
    extras.extend(config.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("text.{key}")), raw)));
    let Some(raw) = config.format else { return Ok(spec) };
    let format: wire::Format<'a> = read(raw, "text.format")?;
    spec.format = match &*plain(format.kind) {
        "text" => Some(OutputFormat::Text),
        "json_object" => Some(OutputFormat::JsonObject),
        "json_schema" => Some(OutputFormat::JsonSchema {
            name: format.name,
            description: format.description,
            strict: format.strict,
            schema: schema(format.schema, "text.format.schema")?.map(Cow::Borrowed),
        }),
        _ => {
            extras.push((Cow::Borrowed("text.format"), raw));
            None
        }
    };
    Ok(spec)
}

/// Whether log probabilities are included; the list itself stays, for this family.
pub(super) fn include<'a>(raw: Option<&'a RawValue>, extras: &mut Extras<'a>) -> bool {
    let Some(raw) = raw else { return false };
    extras.push((Cow::Borrowed("include"), raw));
    let wanted: List<Text<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
    wanted.0.iter().any(|text| *text == "message.output_text.logprobs")
}

/// What clients call a conversation.
const SESSION_KEYS: [&str; 3] = ["session_id", "conversation_id", "conversation"];

/// The id of the conversation in a body: a string, or an object with an id (E572).
pub(in super::super) fn session<'a>(
    member: &mut dyn FnMut(&str) -> Option<&'a RawValue>,
) -> Option<Text<'a>> {
    SESSION_KEYS.iter().find_map(|key| {
        let raw = member(key)?;
        let id = match Text::from_raw(raw) {
            Some(text) => text,
            None => text_of(&TopLevel::scan(raw.get().as_bytes()).ok()?, "id")?,
        };
        Some(id).filter(|id| !id.is_empty())
    })
}

fn text_of<'a>(object: &TopLevel<'a>, key: &str) -> Option<Text<'a>> {
    let text: Text<'a> = serde_json::from_str(object.raw(key).ok()??).ok()?;
    Some(text).filter(|text| !text.is_empty())
}

/// Who is behind it, and what names the conversation (A.11, B87, E570 to E572).
pub(super) fn identity<'a>(wire: &mut wire::Request<'a>, extras: &Extras<'a>) -> Identity<'a> {
    let metadata = wire.metadata.and_then(|raw| TopLevel::scan(raw.get().as_bytes()).ok());
    let in_metadata = metadata.as_ref().and_then(|metadata| text_of(metadata, "user_id"));
    // Only strings name a user; the metadata's goes first.
    let (user, user_beside) = users(in_metadata, wire.user.and_then(Text::from_raw));
    let last = |key: &str| extras.iter().rev().find(|(name, _)| name == key).map(|(_, raw)| *raw);
    Identity {
        user,
        user_beside,
        safety_identifier: wire.safety_identifier.take(),
        prompt_cache_key: wire.prompt_cache_key.take(),
        session: session(&mut |key| last(key)),
        metadata: wire.metadata.map(Cow::Borrowed),
    }
}

pub(super) fn stream<'a>(stream: Option<bool>, options: Option<&'a RawValue>) -> StreamSpec<'a> {
    StreamSpec {
        // Source: http-api.md A.3: only `true` asks for a stream; what is no boolean is refused (docs/compatibility).
        enabled: stream == Some(true),
        // The terminal event always tells it.
        include_usage: true,
        options: options.map(Cow::Borrowed),
    }
}
