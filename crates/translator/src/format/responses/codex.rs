//! What the Codex backend demands of a request of this format, spliced into a body that passes through.
//! Source: translation.md A.15, D.17; providers-a.md 3.5, 3.8.

use bytes::Bytes;

use super::encode::{ENCRYPTED, tools_without_previews, without_previews};
use super::patch::{named, with_reasoning};
use super::peek::check_stored;
use super::scrub;
use crate::codec::{CodecError, Patch, Patched};
use crate::loss::{Loss, loss, members, says_nothing};
use crate::splice::{Edits, Piece, TopLevel};

/// Members that it refuses. `previous_response_id` is not among them: a conversation is not lost silently.
const REFUSED: [&str; 15] = [
    "max_output_tokens",
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "top_logprobs",
    "user",
    "truncation",
    "context_management",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "generate",
    "metadata",
    "background",
];

/// Whether it refuses a member.
pub(super) fn is_refused(key: &str) -> bool {
    REFUSED.contains(&key) || key == "previous_response_id" || key == "prompt_cache_breakpoint"
}

pub(super) fn request(body: &Bytes, patch: &Patch) -> Result<Patched, CodecError> {
    let mut losses = Vec::new();
    let top = TopLevel::scan(body)?;
    check_stored(&top)?;
    let mut edits = named(Edits::new(), &top, patch);
    if matches!(top.value("instructions"), None | Some(b"null")) {
        edits = edits.set("instructions", r#""""#);
    }
    if patch.compact {
        // The body is that of Responses but for the empty instructions. Source: providers-a.md 3.5, "Compact".
        edits = edits.remove("stream").remove("stream_options");
        let edits = with_input(edits, &top, patch, &mut losses)?;
        return Ok(Patched::whole(edits.apply_scanned(body, &top)).with_losses(losses));
    }
    tell_refused(&top, &mut losses)?;
    edits = edits.set("stream", "true").set("store", "false").set("include", ENCRYPTED);
    edits = with_tools(edits, &top)?;
    for key in REFUSED {
        edits = edits.remove(key);
    }
    if top.has("previous_response_id") {
        edits = edits.remove("previous_response_id");
    }
    edits = with_tier(edits, &top);
    if let Some(options) = top.raw("stream_options")? {
        edits = match stream_options(options) {
            Some(kept) => edits.set("stream_options", kept),
            None => edits.remove("stream_options"),
        };
    }
    edits = with_reasoning(edits, &top, patch, &mut losses)?;
    let edits = with_input(edits, &top, patch, &mut losses)?;
    Ok(Patched::whole(edits.apply_scanned(body, &top)).with_losses(losses))
}

/// Why members go.
pub(super) const REFUSES: &str = "Codex refuses it";

/// Names what a body says and Codex is not told.
fn tell_refused(top: &TopLevel<'_>, losses: &mut Vec<Loss>) -> Result<(), CodecError> {
    for key in REFUSED {
        if top.raw(key)?.is_some_and(|json| !says_nothing(key, json)) {
            loss(losses, key, REFUSES);
        }
    }
    // Nothing is stored there, and encrypted thoughts are all that is added to a reply.
    if top.value("store") == Some(b"true") {
        loss(losses, "store", "Codex keeps no responses");
    }
    if let Some(json) = top.raw("include")?
        && !crate::loss::includes_only(json, &["reasoning.encrypted_content"])
    {
        loss(losses, "include", "Codex adds encrypted thoughts and nothing else");
    }
    if let Some(tier) = top.raw("service_tier")?
        && !matches!(tier, r#""priority""# | r#""fast""# | r#""auto""# | r#""default""# | "null")
    {
        loss(losses, "service_tier", "the tier has no counterpart");
    }
    if let Some(options) = top.raw("stream_options")? {
        members(losses, "stream_options", options, &["reasoning_summary_delivery", "include_usage"], REFUSES);
    }
    Ok(())
}

/// Of the options of a stream it knows one.
pub(super) fn stream_options(options: &str) -> Option<String> {
    let scanned = TopLevel::scan(options.as_bytes()).ok()?;
    let delivery = scanned.raw("reasoning_summary_delivery").ok().flatten()?;
    Some(format!(r#"{{"reasoning_summary_delivery":{delivery}}}"#))
}

/// A string becomes a user's message; items lose what is refused.
fn with_input<'e>(
    edits: Edits<'e>,
    top: &TopLevel<'e>,
    patch: &Patch,
    losses: &mut Vec<Loss>,
) -> Result<Edits<'e>, CodecError> {
    if let Some(text) = top.raw("input")?.filter(|json| json.starts_with('"')) {
        let before = r#"[{"type":"message","role":"user","content":[{"type":"input_text","text":"#;
        let around = [(0, before), (text.len(), "}]}]")];
        let pieces = around.map(|(at, text)| Piece { from: at, to: at, text: text.to_owned() });
        return Ok(edits.within("input", pieces.into()));
    }
    let rules = scrub::Rules { codex: true, stateless: true, gate: patch.gate.as_deref() };
    Ok(edits.within("input", scrub::input(top, rules, losses)))
}

/// Preview names, and `parallel_tool_calls`, which must be there with tools and must not without (3.8).
fn with_tools<'e>(mut edits: Edits<'e>, top: &TopLevel<'e>) -> Result<Edits<'e>, CodecError> {
    let tools = top.raw("tools")?.filter(|json| json.starts_with('['));
    if let Some(renamed) = tools.and_then(tools_without_previews) {
        edits = edits.set("tools", renamed);
    }
    if let Some(choice) = top.raw("tool_choice")?.filter(|json| json.starts_with('{'))
        && let std::borrow::Cow::Owned(renamed) = without_previews(choice)
    {
        edits = edits.set("tool_choice", renamed);
    }
    let late =
        memchr::memmem::find(top.value("input").unwrap_or_default(), b"\"additional_tools\"").is_some();
    let some = late || tools.is_some_and(|json| json.trim_start_matches('[').trim_start() != "]");
    Ok(match top.value("parallel_tool_calls") {
        _ if !some => edits.remove("parallel_tool_calls"),
        Some(b"true" | b"false") => edits,
        _ => edits.set("parallel_tool_calls", "true"),
    })
}

/// Source: translation.md B88.
fn with_tier<'e>(edits: Edits<'e>, top: &TopLevel<'_>) -> Edits<'e> {
    match top.string("service_tier").ok().flatten().as_deref() {
        Some("priority") => edits,
        Some("fast") => edits.set_string("service_tier", "priority"),
        _ => edits.remove("service_tier"),
    }
}
