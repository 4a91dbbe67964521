//! Everything of a request but its conversation and tools.

use sha2::{Digest, Sha256};

use super::super::is_tier;
use super::Target;
use crate::codec::CodecError;
use crate::json::{Raw, Text, Writer};
use crate::loss::{Loss, loss};
use crate::model::{OutputFormat, Request, Summary};
use crate::pass::ids::hex;
use crate::pass::reasoning::{Amount, Resolved, resolve};
use crate::pass::schema::openai_output;
use crate::splice::Edits;

/// The longest `user` that OpenAI takes.
const MAX_USER: usize = 64;

pub(super) fn write(
    w: &mut Writer,
    target: &Target<'_>,
    request: &Request<'_>,
    losses: &mut Vec<Loss>,
) -> Result<(), CodecError> {
    write_sampling(w, target, request, losses);
    if let Some(limit) = request.max_output {
        // See the module's documentation.
        let key = if target.profile.strict { "max_completion_tokens" } else { "max_tokens" };
        w.field_unsigned(key, limit);
    }
    write_output(w, target, request);
    write_reasoning(w, target, request, losses)?;
    write_identity(w, target, request, losses);
    if let Some(tier) = &request.service_tier {
        match target.family && is_tier(tier) || target.extensions() {
            true => w.field_text("service_tier", tier),
            // Source: translation.md B88.
            false => loss(losses, "service_tier", "tiers are not portable"),
        }
    }
    if let Some(mark) = request.cache.as_ref().filter(|_| target.extensions()) {
        w.field_raw("cache_control", mark.raw.get());
    }
    if target.profile.stream {
        w.field_boolean("stream", true);
        write_stream_options(w, target, request);
    }
    for (key, raw) in request.only_in_extras() {
        // Source: translation.md A.16.
        if target.extensions() || target.members().contains(&&**key) {
            w.field_raw(key, raw.get());
        }
    }
    Ok(())
}

/// Numbers go as they were written. Source: translation.md A.8, F6.
fn write_sampling(w: &mut Writer, target: &Target<'_>, request: &Request<'_>, losses: &mut Vec<Loss>) {
    let sampling = &request.sampling;
    let mut number = |key: &'static str, value: &Option<Raw<'_>>, goes: bool| {
        if let Some(value) = value {
            match goes {
                true => w.field_raw(key, value.get()),
                false => loss(losses, key, "the model does not take it"),
            }
        }
    };
    let free = target.profile.sampling;
    number("temperature", &sampling.temperature, free);
    number("top_p", &sampling.top_p, free);
    number("top_k", &sampling.top_k, free && !target.profile.strict);
    number("frequency_penalty", &sampling.frequency_penalty, free);
    number("presence_penalty", &sampling.presence_penalty, free);
    number("logit_bias", &sampling.logit_bias, true);
    number("seed", &sampling.seed, true);
    if !sampling.stop.is_empty() {
        // Source: translation.md E126.
        w.key("stop");
        w.begin_array();
        sampling.stop.iter().for_each(|stop| w.text(stop));
        w.end_array();
    }
    if let Some(n) = sampling.candidates {
        w.field_unsigned("n", n);
    }
    if let Some(logprobs) = sampling.logprobs {
        w.field_boolean("logprobs", logprobs);
    }
    if let Some(top) = &sampling.top_logprobs {
        w.field_raw("top_logprobs", top.get());
    }
}

/// Source: translation.md A.9.
fn write_output(w: &mut Writer, target: &Target<'_>, request: &Request<'_>) {
    let output = &request.output;
    match &output.format {
        _ if target.worded => {}
        None => {}
        Some(OutputFormat::Text) => w.field_raw("response_format", r#"{"type":"text"}"#),
        Some(OutputFormat::JsonObject) => w.field_raw("response_format", r#"{"type":"json_object"}"#),
        Some(OutputFormat::JsonSchema { name, description, strict, schema }) => {
            w.key("response_format");
            w.begin_object();
            w.field_string("type", "json_schema");
            w.key("json_schema");
            w.begin_object();
            // Required here, unknown to Claude.
            w.field_text("name", name.as_ref().unwrap_or(&Text::plain("response")));
            if let Some(description) = description {
                w.field_text("description", description);
            }
            if let Some(strict) = strict {
                w.field_boolean("strict", *strict);
            }
            if let Some(schema) = schema {
                let rooted = if target.own { None } else { openai_output(schema.get()) };
                w.field_raw("schema", rooted.as_deref().unwrap_or(schema.get()));
            }
            w.end_object();
            w.end_object();
        }
    }
    if let Some(verbosity) = output.verbosity.as_ref().filter(|_| target.family) {
        w.field_text("verbosity", verbosity);
    }
    if target.own {
        let members = [
            ("modalities", &output.modalities),
            ("audio", &output.audio),
            ("prediction", &output.prediction),
        ];
        for (key, raw) in members {
            if let Some(raw) = raw {
                w.field_raw(key, raw.get());
            }
        }
    }
}

/// Source: translation.md B39 to B42, A.10. What a summary wants has no spelling here (E621), but for routers (E622).
fn write_reasoning(
    w: &mut Writer,
    target: &Target<'_>,
    request: &Request<'_>,
    losses: &mut Vec<Loss>,
) -> Result<(), CodecError> {
    let info = target.profile.info.as_deref();
    let resolved = resolve(&request.reasoning, target.own, info)?;
    resolved.tell(losses);
    if target.profile.reasoning_object {
        write_reasoning_object(w, &resolved);
        return Ok(());
    }
    // `auto` is an extension: it goes to whoever is known to take it. Saying nothing means the same to the others.
    let dynamic =
        info.and_then(|info| info.reasoning.as_ref()).is_some_and(|profile| profile.dynamic_allowed);
    if resolved.amount == Amount::Auto && !(target.extensions() || dynamic) {
        return Ok(());
    }
    if let Some(effort) = resolved.as_effort() {
        w.field_string("reasoning_effort", effort);
    }
    Ok(())
}

/// All of it in a router's one object: beside `reasoning_effort` it would be said twice.
fn write_reasoning_object(w: &mut Writer, resolved: &Resolved) {
    let shown = match resolved.summary {
        _ if matches!(resolved.amount, Amount::Remove | Amount::Off) => None,
        Summary::Enabled(_) => Some(true),
        Summary::Disabled => Some(false),
        Summary::Unspecified => None,
    };
    let effort = resolved.as_effort();
    if effort.is_none() && shown.is_none() {
        return;
    }
    w.key("reasoning");
    w.begin_object();
    match effort {
        // It has no level for it: its own default is what the model likes.
        Some("auto") => w.field_boolean("enabled", true),
        Some(effort) => w.field_string("effort", effort),
        None => {}
    }
    if let Some(shown) = shown {
        w.field_boolean("exclude", !shown);
    }
    w.end_object();
}

/// Source: translation.md A.11, B87.
fn write_identity(w: &mut Writer, target: &Target<'_>, request: &Request<'_>, losses: &mut Vec<Loss>) {
    let identity = &request.identity;
    if let Some(user) = identity.user_beside.as_ref().or(identity.user.as_ref()) {
        let name = user.decoded();
        match !target.own && name.len() > MAX_USER {
            false => w.field_text("user", user),
            // Too long for OpenAI; the same user stays the same.
            true => w.field_string("user", &hex(&Sha256::digest(name.as_bytes()))),
        }
    }
    if let Some(id) = identity.safety_identifier.as_ref().filter(|_| target.family) {
        w.field_text("safety_identifier", id);
    }
    if let Some(key) = &identity.prompt_cache_key {
        w.field_text("prompt_cache_key", key);
    }
    if let Some(metadata) = &identity.metadata {
        match target.family {
            true => w.field_raw("metadata", metadata.get()),
            false => loss(losses, "metadata", "it means something else there"),
        }
    }
}

/// Usage is always asked for: the observer drops it where the client did not (design.md §12).
fn write_stream_options(w: &mut Writer, target: &Target<'_>, request: &Request<'_>) {
    let own = request.stream.options.as_ref().filter(|_| target.own);
    let wanted = own.and_then(|raw| Edits::new().set("include_usage", "true").apply_str(raw.get()).ok());
    w.field_raw("stream_options", wanted.as_deref().unwrap_or(r#"{"include_usage":true}"#));
}
