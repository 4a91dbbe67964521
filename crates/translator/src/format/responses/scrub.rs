//! Items of an input that passes through: what a provider of this format would refuse. Items that are fine stay byte
//! for byte, and an input without any fault is not rewritten at all. Source: translation.md B30, B33, E.4, E307 to
//! E311, E319, E320; providers-a.md 3.5.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::value::RawValue;

use super::carrier::is_foreign;
use super::ids::{call_id, item_id};
use crate::codec::StateGate;
use crate::json::Writer;
use crate::loss::{Loss, loss};
use crate::pass::signature::REFUSED_STATE;
use crate::splice::{Edits, Piece, TopLevel, items};

/// What is looked for, beside thoughts that another provider signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'g> {
    /// What the Codex backend refuses on top: system messages, cache breakpoints, long ids.
    pub(super) codex: bool,
    /// Nothing is kept there: thoughts are known by their state alone.
    pub(super) stateless: bool,
    /// Which state goes along.
    pub(super) gate: Option<&'g dyn StateGate>,
}

/// What changes of the input, so that it is as it must be.
pub(super) fn input(top: &TopLevel<'_>, rules: Rules<'_>, losses: &mut Vec<Loss>) -> Vec<Piece> {
    let input = top.raw("input").ok().flatten().filter(|json| json.starts_with('['));
    let Some(input) = input.filter(|input| may_matter(input.as_bytes(), rules)) else { return Vec::new() };
    // Whether what stands here belonged to thoughts that went.
    let mut orphans = false;
    let pieces = items(input, |json| {
        let fate = item(json, rules, losses);
        match fate {
            Fate::Gone => {
                loss(losses, "message.reasoning", "another provider's thoughts mean nothing to this one")
            }
            Fate::Withheld => loss(losses, "message.reasoning", REFUSED_STATE),
            Fate::Unknown => {
                loss(losses, "message.reasoning", "nothing is kept there that its id could name")
            }
            Fate::Fine | Fate::Changed(_) => {}
        }
        orphans = matches!(fate, Fate::Withheld | Fate::Unknown) || orphans && !ends_turn(json);
        let json = match fate {
            Fate::Gone | Fate::Withheld | Fate::Unknown => return None,
            Fate::Fine => Cow::Borrowed(json),
            Fate::Changed(json) => Cow::Owned(json),
        };
        Some(orphans.then(|| without_id(&json)).flatten().map_or(json, Cow::Owned))
    });
    pieces.unwrap_or_default()
}

/// Whether any word stands there that could mean a change: most inputs are never taken apart.
fn may_matter(input: &[u8], rules: Rules<'_>) -> bool {
    has_foreign_state(input)
        || rules.stateless && has_mere_id(input)
        || rules.gate.is_some() && memmem::find(input, br#""reasoning""#).is_some()
        || rules.codex
            && (memmem::find(input, br#""system""#).is_some()
                || memmem::find(input, b"prompt_cache_breakpoint").is_some()
                || memmem::find(input, b"web_search_preview").is_some()
                || has_long_id(input))
}

/// Whether some encrypted content is not of the one form that goes back.
fn has_foreign_state(input: &[u8]) -> bool {
    memmem::find_iter(input, br#""encrypted_content""#).any(|at| {
        let rest = input.get(at + br#""encrypted_content""#.len()..).unwrap_or_default();
        let value = rest.trim_ascii_start().strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
        !value.starts_with(br#""gAAAA"#) && !value.starts_with(b"null")
    })
}

/// Whether there may be thoughts without a state: of all that may be thoughts, and of the other items that have a state,
/// there are more than states.
fn has_mere_id(input: &[u8]) -> bool {
    let count = |word: &[u8]| memmem::find_iter(input, word).count();
    let thoughts = count(br#""reasoning""#);
    if thoughts == 0 {
        return false;
    }
    let states = memmem::find_iter(input, br#""encrypted_content""#).filter(|at| {
        let rest = input.get(at + br#""encrypted_content""#.len()..).unwrap_or_default();
        let value = rest.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_some_and(|value| value.starts_with(b"\"") && !value.starts_with(b"\"\""))
    });
    thoughts + count(br#""compaction"#) > states.count()
}

/// Whether some id is longer than Codex takes.
fn has_long_id(input: &[u8]) -> bool {
    memmem::find_iter(input, br#"id""#).any(|at| {
        let rest = input.get(at + br#"id""#.len()..).unwrap_or_default().trim_ascii_start();
        let value = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        let text = value.and_then(|value| value.strip_prefix(b"\""));
        text.is_some_and(|text| memchr::memchr(b'"', text.get(..65).unwrap_or(text)).is_none())
    })
}

enum Fate {
    Fine,
    Gone,
    /// Thoughts that a gate keeps back.
    Withheld,
    /// Thoughts that nobody there can look up.
    Unknown,
    Changed(String),
}

fn item(json: &str, rules: Rules<'_>, losses: &mut Vec<Loss>) -> Fate {
    let bytes = json.as_bytes();
    if !may_matter(bytes, rules) {
        return Fate::Fine;
    }
    let Ok(top) = TopLevel::scan(bytes) else { return Fate::Fine };
    let text = |key: &str| top.string(key).ok().flatten();
    let kind = text("type").unwrap_or_default();
    if kind == "reasoning"
        && let Some(state) = text("encrypted_content")
        && is_foreign(&state)
    {
        return Fate::Gone;
    }
    if kind == "reasoning" && rules.stateless && is_mere_id(&top, rules) {
        return Fate::Unknown;
    }
    // The service may know thoughts by their id alone.
    if kind == "reasoning"
        && let Some(gate) = rules.gate
        && let Some(state) = text("encrypted_content").or_else(|| text("id"))
        && !gate.passes(&state)
    {
        return Fate::Withheld;
    }
    if !rules.codex {
        return Fate::Fine;
    }
    let mut edits = Edits::new();
    if text("role").as_deref() == Some("system") {
        edits = edits.set_string("role", "developer");
    }
    for key in ["id", "call_id"] {
        if let Some(id) = text(key).filter(|id| id.len() > 64) {
            let short = if key == "id" { item_id(&id) } else { call_id(&id) };
            edits = edits.set_string(key, &short);
        }
    }
    for key in ["content", "output"] {
        if let Some(parts) = top.raw(key).ok().flatten().and_then(without_breakpoints) {
            loss(losses, "message.prompt_cache_breakpoint", super::codex::REFUSES);
            edits = edits.set(key, parts);
        }
    }
    if kind == "additional_tools"
        && let Some(tools) = top.raw("tools").ok().flatten().and_then(super::encode::tools_without_previews)
    {
        edits = edits.set("tools", tools);
    }
    match edits.apply_str(json) {
        Ok(Cow::Owned(changed)) => Fate::Changed(changed),
        _ => Fate::Fine,
    }
}

/// Whether thoughts are nothing but an id to a service that keeps none, and answers 404 to it: `Item with id 'rs_…' not
/// found`. Source: Responses API reference, "store", read 2026-11; providers-a.md 3.5 `store` = false. Models with open
/// weights say their thoughts whole, and services that run them take those back; Codex is none.
fn is_mere_id(top: &TopLevel<'_>, rules: Rules<'_>) -> bool {
    let filled = |key: &str| top.string(key).ok().flatten().is_some_and(|text| !text.is_empty());
    let says = || {
        let parts = top.raw("content").ok().flatten().filter(|json| json.starts_with('['));
        parts.is_some_and(|json| !matches!(TopLevel::first_of(json.as_bytes()), Ok(None)))
    };
    filled("id") && !filled("encrypted_content") && (rules.codex || !says())
}

/// Whether a turn of the model ends at an item: at what a user or a tool says.
fn ends_turn(json: &str) -> bool {
    let Ok(top) = TopLevel::scan(json.as_bytes()) else { return false };
    let text = |key: &str| top.string(key).ok().flatten().unwrap_or_default();
    matches!(&*text("role"), "user" | "developer" | "system") || text("type").ends_with("_output")
}

/// A message or call without its id: the service looks up what it knows by one, and misses the thoughts before it.
/// Source: translation.md B30.
fn without_id(json: &str) -> Option<String> {
    let top = TopLevel::scan(json.as_bytes()).ok()?;
    let kind = top.string("type").ok().flatten()?;
    let has_other_name = matches!(&*kind, "message" | "function_call" | "custom_tool_call");
    if !has_other_name || !top.has("id") {
        return None;
    }
    Edits::new().remove("id").apply_str(json).ok().map(Cow::into_owned)
}

/// Parts without the member that Codex refuses; a text of that name stays (E319).
fn without_breakpoints(parts: &str) -> Option<String> {
    if !parts.starts_with('[') || memmem::find(parts.as_bytes(), b"prompt_cache_breakpoint").is_none() {
        return None;
    }
    let items: Vec<&RawValue> = serde_json::from_str(parts).ok()?;
    let mut changed = false;
    let mut w = Writer::new(Vec::with_capacity(parts.len()));
    w.begin_array();
    for raw in items {
        match Edits::new().remove("prompt_cache_breakpoint").apply_str(raw.get()) {
            Ok(Cow::Owned(part)) => {
                changed = true;
                w.raw(&part);
            }
            _ => w.raw(raw.get()),
        }
    }
    w.end_array();
    changed.then(|| String::from_utf8(w.into_bytes()).unwrap_or_default())
}
