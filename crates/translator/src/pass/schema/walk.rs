//! Walks a schema, through the places that hold schemas.

use super::places::Schemas;
use crate::json::Writer;
use crate::splice::{Edits, TopLevel};

/// How deep schemas are followed; nobody writes deeper ones by hand.
pub(super) const MAX_DEPTH: usize = 64;

/// What is done to every schema.
#[derive(Clone, Copy)]
pub(super) struct Rule<'r> {
    /// Whether there may be anything to do in this text. What is not worth it is not opened.
    pub(super) worth: fn(&str) -> bool,
    /// The edits of one schema, without those inside of it.
    pub(super) edit: &'r dyn Fn(&TopLevel<'_>) -> Edits<'static>,
}

impl<'r> Rule<'r> {
    /// A rule for which every schema is opened.
    pub(super) fn everywhere(edit: &'r dyn Fn(&TopLevel<'_>) -> Edits<'static>) -> Self {
        Self { worth: |_| true, edit }
    }
}

/// Applies a rule to a schema and all that are in it. `None` when nothing changes.
pub(super) fn rewrite(json: &str, rule: Rule<'_>) -> Option<String> {
    one(json, rule, 0)
}

/// The edits that a rule wants of a schema, those of all that are in it included.
pub(super) fn edits(schema: &TopLevel<'_>, rule: Rule<'_>) -> Edits<'static> {
    edits_at(schema, rule, 0)
}

fn edits_at(schema: &TopLevel<'_>, rule: Rule<'_>, depth: usize) -> Edits<'static> {
    let mut edits = Edits::new();
    for (key, value) in schema.members() {
        let Some(kind) = Schemas::of(key) else { continue };
        let value = std::str::from_utf8(value).ok().filter(|value| (rule.worth)(value));
        let changed = value.and_then(|value| match kind {
            Schemas::Map => map(value, rule, depth + 1),
            Schemas::List => list(value, rule, depth + 1),
            Schemas::OneOrList if value.starts_with('[') => list(value, rule, depth + 1),
            Schemas::One | Schemas::OneOrList => one(value, rule, depth + 1),
        });
        match changed {
            Some(changed) => edits = edits.set(key.to_owned(), changed),
            // The last of repeated members counts: nothing of one before it comes in its place.
            None => edits.leave(key),
        }
    }
    edits.then((rule.edit)(schema))
}

fn one(json: &str, rule: Rule<'_>, depth: usize) -> Option<String> {
    if depth == MAX_DEPTH || !json.starts_with('{') || !(rule.worth)(json) {
        return None;
    }
    let schema = TopLevel::scan(json.as_bytes()).ok()?;
    super::owned(edits_at(&schema, rule, depth).apply_str(json))
}

fn map(json: &str, rule: Rule<'_>, depth: usize) -> Option<String> {
    TopLevel::scan(json.as_bytes()).ok()?.with_values(|schema| one(schema, rule, depth))
}

fn list(json: &str, rule: Rule<'_>, depth: usize) -> Option<String> {
    let mut changed = false;
    let mut writer = Writer::default();
    writer.begin_array();
    for item in super::items(Some(json)) {
        let new = one(item, rule, depth);
        changed |= new.is_some();
        writer.raw(new.as_deref().unwrap_or(item));
    }
    writer.end_array();
    changed.then(|| String::from_utf8(writer.into_bytes()).unwrap_or_default())
}
