//! Walks a schema. Only places that hold schemas are entered: a property may be called like a keyword, and a default
//! may look like a schema (B50).

use crate::json::Writer;
use crate::splice::{Edits, TopLevel};

/// How deep schemas are followed; nobody writes deeper ones by hand.
pub(super) const MAX_DEPTH: usize = 64;

/// Applies the edits that `edit` wants of each schema, the root included. `None` when nothing changes.
pub(super) fn rewrite(json: &str, edit: &dyn Fn(&TopLevel<'_>) -> Edits<'static>) -> Option<String> {
    one(json, edit, 0)
}

type Edit<'e> = &'e dyn Fn(&TopLevel<'_>) -> Edits<'static>;

fn one(json: &str, edit: Edit<'_>, depth: usize) -> Option<String> {
    if depth == MAX_DEPTH || !json.starts_with('{') {
        return None;
    }
    let schema = TopLevel::scan(json.as_bytes()).ok()?;
    let mut edits = edit(&schema);
    for (key, value) in schema.members() {
        let Ok(value) = std::str::from_utf8(value) else { continue };
        let changed = match key {
            "properties" | "patternProperties" | "$defs" | "definitions" | "defs" | "dependentSchemas" => {
                map(value, edit, depth)
            }
            "anyOf" | "oneOf" | "allOf" | "prefixItems" => list(value, edit, depth),
            "items" if value.starts_with('[') => list(value, edit, depth),
            "items"
            | "additionalProperties"
            | "not"
            | "if"
            | "then"
            | "else"
            | "contains"
            | "propertyNames"
            | "unevaluatedProperties"
            | "unevaluatedItems" => one(value, edit, depth + 1),
            _ => None,
        };
        if let Some(changed) = changed {
            edits = edits.set(key.to_owned(), changed);
        }
    }
    super::owned(edits.apply_str(json))
}

fn map(json: &str, edit: Edit<'_>, depth: usize) -> Option<String> {
    let map = TopLevel::scan(json.as_bytes()).ok()?;
    let mut edits = Edits::new();
    for (name, value) in map.members() {
        if let Some(changed) = std::str::from_utf8(value).ok().and_then(|value| one(value, edit, depth + 1)) {
            edits = edits.set(name.to_owned(), changed);
        }
    }
    super::owned(edits.apply_str(json))
}

fn list(json: &str, edit: Edit<'_>, depth: usize) -> Option<String> {
    let mut changed = false;
    let mut writer = Writer::default();
    writer.begin_array();
    for item in super::items(Some(json)) {
        let new = one(item, edit, depth + 1);
        changed |= new.is_some();
        writer.raw(new.as_deref().unwrap_or(item));
    }
    writer.end_array();
    changed.then(|| String::from_utf8(writer.into_bytes()).unwrap_or_default())
}
