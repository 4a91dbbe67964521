//! What the Codex backend wants of a body, spliced into the bytes: members that it refuses go, what it needs comes.
//! Source: providers-a.md 3.5 "Body rules", 3.8.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{ErrorKind, Evidence, ExecutorError, Scope};
use cliproxy_translator::CodecError;
use cliproxy_translator::json::Writer;
use cliproxy_translator::splice::{Edits, TopLevel};
use memchr::memmem;
use serde_json::value::RawValue;

/// Unsupported parameters there.
const REFUSED: [&str; 11] = [
    "prompt_cache_retention",
    "safety_identifier",
    "generate",
    "max_output_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "user",
    "truncation",
    "prompt_cache_options",
    "context_management",
];

/// Who is called for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// A conversation is compacted.
    pub(super) compact: bool,
    /// OpenAI's own platform.
    pub(super) platform: bool,
    /// The caller asked for the light profile, which knows no parallel calls.
    pub(super) lite: bool,
}

/// The body as it is sent.
pub(super) fn shaped(body: &Bytes, call: Call) -> Result<Bytes, ExecutorError> {
    let top = TopLevel::scan(body).map_err(malformed)?;
    let mut edits = Edits::new();
    if call.compact {
        // Source: 3.8 "compact must not get a `stream` field … but does get empty `instructions`".
        edits = instructions(edits, &top).remove("stream");
        return Ok(edits.apply_scanned(body, &top));
    }
    edits = edits.set("stream", "true");
    edits = parallel(edits, &top, call.lite);
    if !call.platform {
        edits = backend(edits, &top)?;
    }
    Ok(edits.apply_scanned(body, &top))
}

fn backend<'b>(mut edits: Edits<'b>, top: &TopLevel<'b>) -> Result<Edits<'b>, ExecutorError> {
    if top.value("previous_response_id").is_some_and(|value| value != b"null" && value != b"\"\"") {
        // The reference drops it, and with it the conversation. Another credential may keep replies.
        let evidence = Evidence::new(ErrorKind::ModelNotSupported).with_scope(Scope::Request);
        let message =
            "this provider keeps no replies: leave out previous_response_id and send the whole conversation";
        let at_fault = CodecError::inexpressible(message).with_param("previous_response_id");
        return Err(ExecutorError::from_evidence(evidence, message).with_source(at_fault));
    }
    edits = REFUSED.into_iter().fold(instructions(edits, top).remove("previous_response_id"), Edits::remove);
    edits = edits.set("store", "false").set("include", r#"["reasoning.encrypted_content"]"#);
    if top.value("service_tier") != Some(b"\"priority\"") {
        edits = edits.remove("service_tier");
    }
    let delivery = top
        .object("stream_options")
        .and_then(|options| options.raw("reasoning_summary_delivery").ok().flatten());
    edits = match delivery {
        Some(delivery) => {
            edits.set("stream_options", format!(r#"{{"reasoning_summary_delivery":{delivery}}}"#))
        }
        None => edits.remove("stream_options"),
    };
    if let Some(input) = top.raw("input").map_err(malformed)?
        && let Some(changed) = conversation(input)
    {
        edits = edits.set("input", changed);
    }
    for key in ["tools", "tool_choice"] {
        if let Some(raw) = top.raw(key).map_err(malformed)?
            && let Some(changed) = searches(raw)
        {
            edits = edits.set(key, changed);
        }
    }
    Ok(edits)
}

/// They must exist; null counts as absent.
fn instructions<'b>(edits: Edits<'b>, top: &TopLevel<'b>) -> Edits<'b> {
    match top.value("instructions") {
        None | Some(b"null") => edits.set("instructions", "\"\""),
        Some(_) => edits,
    }
}

/// Without tools the member is an error; light callers must not have it on.
fn parallel<'b>(edits: Edits<'b>, top: &TopLevel<'b>, lite: bool) -> Edits<'b> {
    let tools = top.value("tools").is_some_and(|tools| {
        tools.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().first() != Some(&b']'))
    });
    match () {
        () if !tools => edits.remove("parallel_tool_calls"),
        () if lite => edits.set("parallel_tool_calls", "false"),
        () => edits,
    }
}

/// A text becomes a message; the role `system` becomes `developer`. `None` when there is nothing to change.
fn conversation(input: &str) -> Option<String> {
    if input.starts_with('"') {
        return Some(format!(
            r#"[{{"type":"message","role":"user","content":[{{"type":"input_text","text":{input}}}]}}]"#
        ));
    }
    memmem::find(input.as_bytes(), b"\"system\"")?;
    let items: Vec<&RawValue> = serde_json::from_str(input).ok()?;
    let developer = Edits::new().set("role", "\"developer\"");
    let mut changed = false;
    let items: Vec<Cow<'_, str>> = items
        .iter()
        .map(|item| {
            let is_system = TopLevel::scan(item.get().as_bytes())
                .is_ok_and(|item| item.string("role").is_ok_and(|role| role.as_deref() == Some("system")));
            let edited = is_system.then(|| developer.apply_str(item.get()).ok()).flatten();
            changed |= edited.is_some();
            edited.unwrap_or(Cow::Borrowed(item.get()))
        })
        .collect();
    changed.then(|| array(&items))
}

/// The preview names of the search tool became one.
fn searches(raw: &str) -> Option<String> {
    memmem::find(raw.as_bytes(), b"\"web_search_preview")?;
    let search = Edits::new().set("type", "\"web_search\"");
    let is_preview = |json: &str| {
        TopLevel::scan(json.as_bytes())
            .ok()
            .and_then(|tool| tool.string("type").ok().flatten())
            .is_some_and(|kind| matches!(&*kind, "web_search_preview" | "web_search_preview_2025_03_11"))
    };
    let renamed = |json: &str| {
        let edited = is_preview(json).then(|| search.apply_str(json).ok().map(Cow::into_owned)).flatten();
        edited.unwrap_or_else(|| json.to_owned())
    };
    let all = |json: &str| {
        let tools: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        let tools: Vec<String> = tools.iter().map(|tool| renamed(tool.get())).collect();
        Some(array(&tools))
    };
    let out = if raw.starts_with('[') {
        all(raw)?
    } else {
        let top = TopLevel::scan(raw.as_bytes()).ok()?;
        match top.raw("tools").ok().flatten().and_then(all) {
            Some(tools) => Edits::new().set("tools", tools).apply_str(raw).ok()?.into_owned(),
            None => renamed(raw),
        }
    };
    (out != raw).then_some(out)
}

fn array<S: AsRef<str>>(items: &[S]) -> String {
    let mut w = Writer::new(Vec::new());
    w.begin_array();
    for item in items {
        w.raw(item.as_ref());
    }
    w.end_array();
    String::from_utf8(w.into_bytes()).unwrap_or_default()
}

fn malformed(error: CodecError) -> ExecutorError {
    ExecutorError::new(ErrorKind::InvalidRequest, "the request body is not a JSON object").with_source(error)
}
