//! Hygiene of bodies. Source: providers-a.md 4.2 "Body rules", 6.4.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{ErrorKind, ExecutorError};
use cliproxy_translator::CodecError;
use cliproxy_translator::json::Writer;
use cliproxy_translator::splice::{Edits, TopLevel, Word};

static MODEL: Word = Word::new("\"model\"");
static ID: Word = Word::new("\"id\"");
static SESSION: Word = Word::new("\"session_id\"");

/// The URL names the model; the session is ours.
pub(crate) fn hygiene<'e>() -> Edits<'e> {
    Edits::new().remove("model").remove("session_id")
}

pub(crate) fn generate(body: &Bytes) -> Result<Bytes, ExecutorError> {
    // Few bodies have either, and to look for a word is cheaper than to scan.
    if !MODEL.is_in(body) && !SESSION.is_in(body) {
        return Ok(body.clone());
    }
    hygiene().apply(body).map_err(malformed)
}

/// What the Gemini API counts: bare `contents`, or a whole request inside `generateContentRequest`. The reference
/// drops the tools, and is refused when there is a system instruction; we wrap, so that both are counted.
// Source: Gemini API reference, `models.countTokens`, read 2026-11.
pub(crate) fn count(body: &Bytes, model: &str) -> Result<Bytes, ExecutorError> {
    let top = TopLevel::scan(body).map_err(malformed)?;
    let name = format!("models/{model}");
    for key in ["generateContentRequest", "generate_content_request"] {
        if let Some(inner) = top.raw(key).map_err(malformed)? {
            let inner = Edits::new().set_string("model", &name).apply_str(inner).map_err(malformed)?;
            return Ok(hygiene().set(key, inner).apply_scanned(body, &top));
        }
    }
    if top.members().all(|(key, _)| matches!(key, "contents" | "model" | "session_id")) {
        return Ok(hygiene().apply_scanned(body, &top));
    }
    let needless = ["generationConfig", "generation_config", "safetySettings", "safety_settings"];
    let edits = needless.into_iter().fold(Edits::new().remove("session_id"), Edits::remove);
    let request = edits.set_string("model", &name).apply(body).map_err(malformed)?;
    let mut w = Writer::new(Vec::with_capacity(request.len() + 32));
    w.begin_object();
    w.field_raw("generateContentRequest", std::str::from_utf8(&request).unwrap_or("{}"));
    w.end_object();
    Ok(Bytes::from(w.into_bytes()))
}

pub(crate) fn malformed(error: CodecError) -> ExecutorError {
    ExecutorError::new(ErrorKind::InvalidRequest, "the request body is not a JSON object").with_source(error)
}

/// What Vertex counts: it takes tools and system instruction beside the contents.
// Source: Vertex AI reference, `countTokens`, read 2026-11.
pub(crate) fn count_vertex(body: &Bytes) -> Result<Bytes, ExecutorError> {
    let needless = [
        "generationConfig",
        "generation_config",
        "safetySettings",
        "safety_settings",
        "toolConfig",
        "tool_config",
    ];
    let edits = needless.into_iter().fold(hygiene().remove("labels").remove("cachedContent"), Edits::remove);
    edits.apply(body).map_err(malformed)
}

/// Calls and their answers are matched by name and order there: an `id` is an unknown field.
// Source: providers-a.md 6.4 [H].
pub(crate) fn without_call_ids(body: &Bytes) -> Result<Bytes, ExecutorError> {
    if !ID.is_in(body) {
        return Ok(body.clone());
    }
    let top = TopLevel::scan(body).map_err(malformed)?;
    let Some(contents) = top.raw("contents").map_err(malformed)? else { return Ok(body.clone()) };
    match each(contents, &|content| member(content, "parts", &|parts| each(parts, &without_id))) {
        Some(contents) => Ok(Edits::new().set("contents", contents).apply_scanned(body, &top)),
        None => Ok(body.clone()),
    }
}

fn without_id(part: &str) -> Option<String> {
    ["functionCall", "functionResponse", "function_call", "function_response"]
        .iter()
        .find_map(|key| member(part, key, &|call| changed(call, &Edits::new().remove("id"))))
}

/// The object with one member changed; `None` when it stays as it is.
fn member(object: &str, key: &str, change: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let top = TopLevel::scan(object.as_bytes()).ok()?;
    let value = change(top.raw(key).ok().flatten()?)?;
    changed(object, &Edits::new().set(key, value))
}

fn changed(object: &str, edits: &Edits<'_>) -> Option<String> {
    match edits.apply_str(object).ok()? {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    }
}

/// The array with its items changed; `None` when none is.
fn each(array: &str, change: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(array).ok()?;
    let edited: Vec<Option<String>> = items.iter().map(|item| change(item.get())).collect();
    if edited.iter().all(Option::is_none) {
        return None;
    }
    let mut w = Writer::new(Vec::with_capacity(array.len()));
    w.begin_array();
    for (item, edited) in items.iter().zip(&edited) {
        w.raw(edited.as_deref().unwrap_or(item.get()));
    }
    w.end_array();
    String::from_utf8(w.into_bytes()).ok()
}
