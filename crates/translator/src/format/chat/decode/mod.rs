//! Requests into canonical form: one turn per message, nothing merged, hoisted or reordered.

use std::borrow::Cow;

use super::wire::{self, wrong};
use super::{CHAT, COMPLETIONS};
use crate::codec::{CodecError, CodecErrorKind};
use crate::json::List;
use crate::json::read::each;
use crate::model::{CacheMark, OutputSpec, Request, Sampling};

mod message;
mod options;
mod part;
mod tools;

pub(super) use message::{details, images, parts as message_parts, thought_signature};
pub(super) use options::{SESSION_KEYS, id_of};
pub(super) use part::said;

pub(super) fn request(body: &[u8]) -> Result<Request<'_>, CodecError> {
    let mut wire = read(body)?;
    let Some(messages) = wire.messages.take() else {
        return Err(no_messages(&wire));
    };
    let mut request = envelope(wire)?;
    // Of the last `messages`: an earlier one is not looked at, however wrong it is.
    let messages: List<wire::Message<'_>> = wire::read(messages, "messages")?;
    request.turns = each(messages.0.into_iter().enumerate(), |(index, message)| {
        message::turn(message).map_err(|error| wire::at(&format!("messages[{index}]"), &error))
    })?;
    request.said_something("messages")
}

pub(super) fn read(body: &[u8]) -> Result<wire::Request<'_>, CodecError> {
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the body is not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| wire::misread(&error, ""))
}

/// A body without messages that has one of these is in Responses format. Source: http-api.md A.3.
pub(super) const RESPONSES_MEMBERS: [&str; 2] = ["input", "instructions"];

/// Some clients send such bodies to this format's route.
pub(super) fn other_format() -> CodecError {
    CodecError::new(CodecErrorKind::OtherFormat, "messages: missing; the body is in Responses format")
        .with_param("messages")
}

fn no_messages(wire: &wire::Request<'_>) -> CodecError {
    if wire.extras.iter().any(|(key, _)| RESPONSES_MEMBERS.contains(&&**key)) {
        return other_format();
    }
    if wire.prompt.is_some() {
        return CodecError::malformed("messages: missing; a prompt belongs to /v1/completions")
            .with_param("messages");
    }
    wrong("messages", "missing")
}

/// Everything but the conversation.
pub(super) fn envelope(mut wire: wire::Request<'_>) -> Result<Request<'_>, CodecError> {
    let mut extras = std::mem::take(&mut wire.extras);
    let source = if wire.prompt.is_some() { COMPLETIONS } else { CHAT };
    let identity = options::identity(&mut wire, &extras);
    let reasoning = options::reasoning(wire.reasoning_effort, &mut extras)?;
    let format = options::format(wire.response_format, &mut extras)?;
    let (logprobs, top_logprobs) = match wire.logprobs.map(|raw| raw.get()) {
        None => (None, None),
        Some("true") => (Some(true), None),
        Some("false") => (Some(false), None),
        // Legacy completions count the alternatives here.
        Some(_) if wire.logprobs.and_then(wire::count).is_some() => (Some(true), wire.logprobs),
        Some(_) => return Err(wrong("logprobs", "expected a boolean")),
    };
    Ok(Request {
        source,
        model: wire::plain(wire.model),
        tools: tools::declarations(wire.tools.unwrap_or_default().0, wire.functions.unwrap_or_default().0)?,
        tool_choice: tools::choice(wire.tool_choice, wire.function_call)?,
        parallel_tools: wire.parallel_tool_calls,
        sampling: Sampling {
            temperature: wire.temperature.map(Cow::Borrowed),
            top_p: wire.top_p.map(Cow::Borrowed),
            top_k: wire.top_k.map(Cow::Borrowed),
            frequency_penalty: wire.frequency_penalty.map(Cow::Borrowed),
            presence_penalty: wire.presence_penalty.map(Cow::Borrowed),
            logit_bias: wire.logit_bias.map(Cow::Borrowed),
            seed: wire.seed.map(Cow::Borrowed),
            stop: options::stop(wire.stop)?,
            candidates: wire.n.map(|count| count.0),
            logprobs,
            top_logprobs: wire.top_logprobs.or(top_logprobs).map(Cow::Borrowed),
        },
        // Old clients set both alike; otherwise the old one was meant (B91, E021).
        max_output: wire.max_tokens.or(wire.max_completion_tokens).map(|count| count.0),
        output: OutputSpec {
            format,
            verbosity: wire.verbosity,
            modalities: wire.modalities.map(Cow::Borrowed),
            audio: wire.audio.map(Cow::Borrowed),
            prediction: wire.prediction.map(Cow::Borrowed),
        },
        reasoning,
        identity,
        service_tier: wire.service_tier,
        stream: options::stream(wire.stream, wire.stream_options),
        cache: wire.cache_control.map(|raw| CacheMark { raw: Cow::Borrowed(raw) }),
        extras,
        ..Request::default()
    })
}
