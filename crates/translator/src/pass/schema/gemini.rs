//! Tool schemas for `parametersJsonSchema`, which takes most of JSON Schema. Source: translation.md B48 "our rule".

use std::borrow::Cow;
use std::collections::HashSet;

use super::walk::rewrite;
use crate::splice::{Edits, TopLevel};

/// A schema that Gemini takes: required names without a property are gone (E358), everything else stays. Borrowed when
/// nothing changes; `None` for what is no schema of an object, as a function without arguments has none.
#[must_use]
pub fn gemini_parameters(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.starts_with('{') {
        return None;
    }
    Some(rewrite(raw, &edits).map_or(Cow::Borrowed(raw), Cow::Owned))
}

fn edits(schema: &TopLevel<'_>) -> Edits<'static> {
    let edits = Edits::new();
    let (Some(properties), Ok(Some(json))) = (schema.object("properties"), schema.raw("required")) else {
        return edits;
    };
    let Ok(required) = serde_json::from_str::<Vec<Cow<'_, str>>>(json) else {
        // A flag where a list belongs.
        return edits.remove("required");
    };
    let known: HashSet<&str> = properties.members().map(|(name, _)| name).collect();
    let kept: Vec<_> = required.iter().filter(|name| known.contains(&***name)).collect();
    if kept.len() == required.len() {
        return edits;
    }
    match kept.is_empty() {
        true => edits.remove("required"),
        false => edits.set("required", serde_json::to_string(&kept).unwrap_or_default()),
    }
}
