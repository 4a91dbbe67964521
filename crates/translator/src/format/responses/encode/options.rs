//! Everything of a request but its conversation and tools.

use std::borrow::Cow;

use super::Target;
use crate::codec::CodecError;
use crate::format::responses::codex::{REFUSES, is_refused};
use crate::json::{Raw, Text, Writer};
use crate::loss::{self, Loss, Said, Slots, loss};
use crate::model::{OutputFormat, ReasoningControl, Request, Summary};
use crate::pass::reasoning::{Amount, cannot_think, resolve};
use crate::pass::schema::openai_output;
use crate::pass::turns::Arranged;

/// The least that OpenAI takes as `max_output_tokens`; clients probe with 1.
const LEAST_OUTPUT: u64 = 16;

/// What the provider is to add to its items, so that its thoughts can be replayed without it storing them.
pub(in super::super) const ENCRYPTED: &str = r#"["reasoning.encrypted_content"]"#;

pub(super) fn write(
    w: &mut Writer,
    target: &Target<'_>,
    request: &Request<'_>,
    losses: &mut Vec<Loss>,
) -> Result<(), CodecError> {
    one_candidate(request)?;
    if target.native && target.is_codex() {
        tell_refused(request, losses);
    }
    write_text(w, target, request);
    write_reasoning(w, target, request, losses)?;
    write_sampling(w, target, request, losses);
    write_identity(w, target, request, losses);
    write_tier(w, target, request, losses);
    write_stream(w, target, request);
    write_state(w, target, request);
    Ok(())
}

/// Source: translation.md F49. Dropping candidates silently would answer another question.
fn one_candidate(request: &Request<'_>) -> Result<(), CodecError> {
    if request.sampling.candidates.is_some_and(|count| count > 1) {
        return Err(
            CodecError::inexpressible("the provider answers with one candidate: ask for one").with_param("n")
        );
    }
    Ok(())
}

/// What Codex refuses of a request of its own format, which came on another's route: as where bodies pass.
fn tell_refused(request: &Request<'_>, losses: &mut Vec<Loss>) {
    let goes = |key: &str| is_refused(key) || key == "store";
    loss::refused(&request.extras, goes, REFUSES, losses);
    let include = request.extras.iter().find(|(key, _)| key == "include");
    if include.is_some_and(|(_, raw)| !loss::includes_only(raw.get(), &["reasoning.encrypted_content"])) {
        loss(losses, "include", "Codex adds encrypted thoughts and nothing else");
    }
    let mut parts = request.turns.iter().flat_map(|turn| &turn.parts);
    if parts.any(|part| part.extras.iter().any(|(key, _)| key == "prompt_cache_breakpoint")) {
        loss(losses, "message.prompt_cache_breakpoint", REFUSES);
    }
    if request.cache.is_some() {
        loss(losses, "cache_control", REFUSES);
    }
}

/// What the format has words for, and what its encoder tells itself.
const SAYS: Slots = Slots::all(&[
    Slots::TEMPERATURE,
    Slots::TOP_P,
    Slots::TOP_LOGPROBS,
    Slots::FORMAT_NAME,
    Slots::FORMAT_DESCRIPTION,
    Slots::FORMAT_STRICT,
    Slots::VERBOSITY,
    Slots::SUMMARY,
    Slots::USER,
    Slots::METADATA,
    Slots::SAFETY_IDENTIFIER,
    Slots::PROMPT_CACHE_KEY,
    Slots::SERVICE_TIER,
    Slots::PARALLEL_TOOLS,
    Slots::DETAIL,
    Slots::FILE_NAME,
    Slots::PARTS_NAME,
    Slots::STORED_NAME,
    Slots::STORED_FILE,
    Slots::SOUND,
    Slots::STRICT_TOOL,
    Slots::GRAMMAR,
]);

/// Tells what of a foreign request the format has no words for.
pub(super) fn tell(
    target: &Target<'_>,
    request: &Request<'_>,
    arranged: &Arranged<'_>,
    losses: &mut Vec<Loss>,
) {
    let slots = SAYS
        .when(!target.is_codex(), Slots::LOGPROBS)
        .when(request.identity.prompt_cache_key.is_none(), Slots::SESSION);
    // Source: translation.md B88, E214.
    let said = Said { slots, members: &["speed"], why: "the format has no word for it" };
    loss::tell(request, arranged, said, losses);
}

fn write_text(w: &mut Writer, target: &Target<'_>, request: &Request<'_>) {
    let mut members = Writer::default();
    members.begin_object();
    let format = request.output.format.as_ref().filter(|_| !target.worded);
    write_text_members(&mut members, format, request, target.native);
    members.end_object();
    let json = members.into_bytes();
    if let Some(json) = std::str::from_utf8(&json).ok().filter(|json| json.len() > 2) {
        w.field_raw("text", json);
    }
}

/// The members of `text`: flat, where Chat Completions nests (A.9, E163 to E165).
pub(in super::super) fn write_text_members(
    w: &mut Writer,
    format: Option<&OutputFormat<'_>>,
    request: &Request<'_>,
    native: bool,
) {
    match format {
        None => {}
        Some(OutputFormat::Text) => w.field_raw("format", r#"{"type":"text"}"#),
        Some(OutputFormat::JsonObject) => w.field_raw("format", r#"{"type":"json_object"}"#),
        Some(OutputFormat::JsonSchema { name, description, strict, schema }) => {
            w.key("format");
            w.begin_object();
            w.field_string("type", "json_schema");
            // Required here.
            w.field_text("name", name.as_ref().unwrap_or(&Text::plain("response")));
            if let Some(description) = description {
                w.field_text("description", description);
            }
            if let Some(strict) = strict {
                w.field_boolean("strict", *strict);
            }
            let schema = schema.as_ref().map_or("{}", |schema| schema.get());
            let rooted = if native { None } else { openai_output(schema) };
            w.field_raw("schema", rooted.as_deref().unwrap_or(schema));
            w.end_object();
        }
    }
    if let Some(verbosity) = &request.output.verbosity {
        w.field_text("verbosity", verbosity);
    }
    if native {
        write_nested(w, request, "text.");
    }
}

/// The extras that belong inside the member that is being written.
fn write_nested(w: &mut Writer, request: &Request<'_>, prefix: &str) {
    for (key, raw) in &request.extras {
        if let Some(key) = key.strip_prefix(prefix) {
            w.field_raw(key, raw.get());
        }
    }
}

fn write_reasoning(
    w: &mut Writer,
    target: &Target<'_>,
    request: &Request<'_>,
    losses: &mut Vec<Loss>,
) -> Result<(), CodecError> {
    let info = target.profile.info.as_deref();
    let resolved = resolve(&request.reasoning, target.native, info)?;
    resolved.tell(losses);
    let mut effort = match resolved.amount {
        Amount::Auto if target.native => Some("auto"),
        // As the model likes is what saying nothing means.
        Amount::Auto | Amount::Unsaid | Amount::Remove => None,
        _ => resolved.as_effort(),
    };
    let mut summary = match &resolved.summary {
        Summary::Enabled(detail) => Some(detail.as_deref().filter(|word| is_summary(word)).unwrap_or("auto")),
        Summary::Disabled | Summary::Unspecified => None,
    };
    // Source: translation.md B45; providers-a.md 3.5, "Chat → codex".
    if target.is_codex() && !target.native && !cannot_think(info) {
        effort = effort.or(Some("medium"));
        if resolved.summary == Summary::Unspecified && effort != Some("none") {
            summary = Some("auto");
        }
    }
    if effort == Some("none") {
        summary = None;
    }
    let mut members = Writer::default();
    members.begin_object();
    if let Some(effort) = effort {
        members.field_string("effort", effort);
    }
    if let Some(summary) = summary {
        members.field_string("summary", summary);
    }
    if target.native {
        write_nested(&mut members, request, "reasoning.");
    }
    members.end_object();
    let json = members.into_bytes();
    if let Some(json) = std::str::from_utf8(&json).ok().filter(|json| json.len() > 2) {
        w.field_raw("reasoning", json);
    }
    Ok(())
}

fn is_summary(word: &str) -> bool {
    matches!(word, "auto" | "concise" | "detailed")
}

/// The members of `reasoning` as a client asked for them, for a reply that repeats them.
pub(in super::super) fn write_reasoning_members(w: &mut Writer, control: &ReasoningControl) {
    match resolve(control, false, None).ok().as_ref().and_then(crate::pass::reasoning::Resolved::as_effort) {
        Some("auto") | None => w.field_raw("effort", "null"),
        Some(effort) => w.field_string("effort", effort),
    }
    match &control.summary {
        Summary::Enabled(Some(detail)) if is_summary(detail) => w.field_string("summary", detail),
        Summary::Enabled(_) => w.field_string("summary", "auto"),
        Summary::Disabled | Summary::Unspecified => w.field_raw("summary", "null"),
    }
}

/// Codex takes none of it (A.15).
fn write_sampling(w: &mut Writer, target: &Target<'_>, request: &Request<'_>, losses: &mut Vec<Loss>) {
    let sampling = &request.sampling;
    let members = [
        ("temperature", sampling.temperature.as_ref()),
        ("top_p", sampling.top_p.as_ref()),
        ("top_logprobs", sampling.top_logprobs.as_ref()),
    ];
    for (key, value) in members {
        let Some(value): Option<&Raw<'_>> = value else { continue };
        if target.is_codex() {
            loss(losses, key, "Codex takes no sampling parameters");
        } else {
            w.field_raw(key, value.get());
        }
    }
    match request.max_output {
        Some(_) if target.is_codex() => loss(losses, "max_output_tokens", "Codex takes no limit"),
        Some(most) if target.native => w.field_unsigned("max_output_tokens", most),
        Some(most) => w.field_unsigned("max_output_tokens", most.max(LEAST_OUTPUT)),
        None => {}
    }
}

fn write_identity(w: &mut Writer, target: &Target<'_>, request: &Request<'_>, losses: &mut Vec<Loss>) {
    let identity = &request.identity;
    let vendor = target.native || request.source == "openai";
    let metadata_names_user =
        identity.metadata.as_ref().is_some_and(|metadata| metadata.get().contains("\"user_id\""));
    if !target.is_codex() && vendor {
        let user = identity.user.as_ref().filter(|_| !(target.native && metadata_names_user));
        if let Some(user) = identity.user_beside.as_ref().or(user) {
            w.field_text("user", user);
        }
        if let Some(id) = &identity.safety_identifier {
            w.field_text("safety_identifier", id);
        }
        if let Some(metadata) = &identity.metadata {
            w.field_raw("metadata", metadata.get());
        }
    } else {
        let gone = [
            ("user", identity.user.is_some()),
            ("safety_identifier", identity.safety_identifier.is_some()),
            ("metadata", identity.metadata.is_some()),
        ];
        for (what, _) in gone.into_iter().filter(|(_, is)| *is) {
            loss(losses, what, "the provider is not told who is behind a request");
        }
    }
    // The conversation's own name keeps it where its prompt is cached. Source: providers-a.md 3.5.
    match identity.prompt_cache_key.as_ref().or(identity.session.as_ref().filter(|_| !target.native)) {
        Some(key) if key.size_hint() <= 64 => w.field_text("prompt_cache_key", key),
        Some(key) => w.field_string("prompt_cache_key", &super::super::ids::call_id(&key.decoded())),
        None => {}
    }
}

/// Source: translation.md B88, E214.
fn write_tier(w: &mut Writer, target: &Target<'_>, request: &Request<'_>, losses: &mut Vec<Loss>) {
    let fast = request.source == "claude"
        && request.extras.iter().any(|(key, raw)| key == "speed" && raw.get() == r#""fast""#);
    let tier = request.service_tier.as_ref().map(Text::decoded);
    let tier = match tier.as_deref() {
        _ if fast => Some(Cow::Borrowed("priority")),
        Some("fast" | "priority") => Some(Cow::Borrowed("priority")),
        Some(other) if !target.is_codex() && (target.native || request.source == "openai") => {
            Some(Cow::Borrowed(other))
        }
        Some("auto" | "default") => None,
        Some(_) => {
            loss(losses, "service_tier", "the tier has no counterpart");
            None
        }
        None => None,
    };
    if let Some(tier) = tier {
        w.field_string("service_tier", &tier);
    }
}

fn write_stream(w: &mut Writer, target: &Target<'_>, request: &Request<'_>) {
    if target.is_codex() || target.profile.stream {
        w.field_boolean("stream", true);
    }
    if let Some(options) = request.stream.options.as_ref().filter(|_| target.native && target.profile.stream)
    {
        if target.is_codex() {
            if let Some(kept) = super::super::codex::stream_options(options.get()) {
                w.field_raw("stream_options", &kept);
            }
        } else {
            w.field_raw("stream_options", options.get());
        }
    }
}

/// What is stored, and what comes back: nothing is kept at the provider, so its thoughts come along encrypted.
fn write_state(w: &mut Writer, target: &Target<'_>, request: &Request<'_>) {
    if target.is_codex() || !target.native {
        w.field_boolean("store", false);
        w.field_raw("include", include(request, target).as_str());
    }
    if !target.native {
        return;
    }
    for (key, raw) in &request.extras {
        let nested = key.starts_with("reasoning.") || key.starts_with("text.");
        let written = matches!(&**key, "instructions")
            || target.is_codex()
                && (matches!(&**key, "include" | "store") || super::super::codex::is_refused(key));
        if !nested && !written {
            w.field_raw(key, raw.get());
        }
    }
    if let Some(mark) = request.cache.as_ref().filter(|_| !target.is_codex()) {
        w.field_raw("cache_control", mark.raw.get());
    }
}

fn include(request: &Request<'_>, target: &Target<'_>) -> String {
    if !target.is_codex() && request.sampling.logprobs == Some(true) {
        return r#"["reasoning.encrypted_content","message.output_text.logprobs"]"#.to_owned();
    }
    ENCRYPTED.to_owned()
}
