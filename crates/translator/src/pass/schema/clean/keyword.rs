//! Single keywords: types, values, bounds. Source: translation.md B48, E586 to E588, E594, E602.

use std::borrow::Cow;

use super::Cleaning;
use super::node::Node;
use crate::splice::TopLevel;

/// The types that a schema may have.
const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// Bounds that no backend takes; the model is told of them.
const TOLD: [&str; 12] = [
    "minLength",
    "maxLength",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "multipleOf",
    "format",
    "default",
    "examples",
];

/// Bounds that Gemini takes, and Antigravity does not.
const BOUNDS: [&str; 4] = ["minimum", "maximum", "minProperties", "maxProperties"];

/// How many values are told beside the keyword that lists them.
const FEW: std::ops::RangeInclusive<usize> = 2..=10;

/// A type by its name, whatever its case.
pub(super) fn known_type(word: &str) -> Option<&'static str> {
    TYPES.into_iter().find(|kind| kind.eq_ignore_ascii_case(word))
}

/// `type`: a word, or a list of which the first that is not null counts.
pub(super) fn types(node: &mut Node<'_>, schema: &TopLevel<'_>, cleaning: Cleaning) {
    let Ok(Some(json)) = schema.raw("type") else { return };
    let words: Vec<Cow<'_, str>> = match json.starts_with('[') {
        true => super::super::items(Some(json)).into_iter().filter_map(text).collect(),
        false => text(json).into_iter().collect(),
    };
    let all: Vec<&'static str> = words.iter().filter_map(|word| known_type(word)).collect();
    let mut kinds = all.iter().copied().filter(|kind| *kind != "null");
    let first = kinds.next();
    if all.contains(&"null") && first.is_some() {
        null(node, cleaning);
    }
    let others: Vec<_> = kinds.collect();
    if let Some(first) = first.filter(|_| !others.is_empty()) {
        node.hint(format!("Accepts: {first} | {}", others.join(" | ")));
    }
    node.kind = first.or_else(|| all.first().copied()).map(Cow::Borrowed);
}

/// A type list has null in it: only replies have a word for that (E588, E600).
fn null(node: &mut Node<'_>, cleaning: Cleaning) {
    match cleaning {
        Cleaning::AntigravityResponse => node.nullable = true,
        Cleaning::Gemini | Cleaning::AntigravityTool { .. } => node.optional = true,
    }
}

/// A branch of a union is null: Antigravity takes `nullable` there, Gemini nowhere.
pub(super) fn null_branch(node: &mut Node<'_>, cleaning: Cleaning) {
    match cleaning.antigravity() {
        true => node.nullable = true,
        false => node.optional = true,
    }
}

/// `enum` and `const`. Numbers stay numbers: as `enum` takes texts only, their values are told.
pub(super) fn values<'a>(node: &mut Node<'a>, schema: &TopLevel<'a>, cleaning: Cleaning) {
    let raw = match (schema.raw("enum"), schema.raw("const")) {
        (Ok(Some(list)), _) if list.starts_with('[') => super::super::items(Some(list)),
        (_, Ok(Some(one))) => vec![one],
        _ => return,
    };
    let count = raw.len();
    let raw: Vec<&'a str> = raw.into_iter().filter(|json| *json != "null").collect();
    if raw.len() < count && !node.is("null") {
        null(node, cleaning);
    }
    let words: Vec<Cow<'a, str>> =
        raw.iter().map(|json| text(json).unwrap_or(Cow::Borrowed(*json))).collect();
    if words.is_empty() {
        return;
    }
    let tool = cleaning != Cleaning::AntigravityResponse;
    let textual = raw.iter().any(|json| json.starts_with('"'));
    let booleans = raw.iter().all(|json| matches!(*json, "true" | "false"));
    let keeps = match cleaning {
        Cleaning::Gemini => textual,
        Cleaning::AntigravityTool { .. } => false,
        Cleaning::AntigravityResponse => !booleans,
    };
    if FEW.contains(&words.len()) || tool && !keeps {
        node.hint(format!("Allowed: {}", words.join(", ")));
    }
    let kind = match raw.first() {
        _ if textual => "string",
        _ if booleans => "boolean",
        Some(json) if json.starts_with(['{', '[']) => return,
        _ => "number",
    };
    if node.kind.is_none() || cleaning == Cleaning::Gemini && textual {
        node.kind = Some(Cow::Borrowed(kind));
    }
    if keeps {
        node.words = words;
    }
}

/// Bounds: kept where the backend takes them, told where not.
pub(super) fn bounds<'a>(node: &mut Node<'a>, schema: &TopLevel<'a>, cleaning: Cleaning) {
    if schema.value("additionalProperties") == Some(b"false") {
        match cleaning {
            Cleaning::AntigravityResponse => node.kept.push(("additionalProperties", "false")),
            _ => node.hint("No extra properties allowed".to_owned()),
        }
    }
    for key in TOLD {
        tell(node, schema, key);
    }
    for key in BOUNDS {
        let Ok(Some(json)) = schema.raw(key) else { continue };
        let taken = match key {
            "minimum" | "maximum" => json.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
            _ => json.parse::<u32>().is_ok(),
        };
        match taken && !cleaning.antigravity() {
            true => node.kept.push((key, json)),
            false => tell(node, schema, key),
        }
    }
    if let Ok(Some(json)) = schema.raw("not") {
        node.hint(format!("not: {json}"));
    }
}

fn tell(node: &mut Node<'_>, schema: &TopLevel<'_>, key: &str) {
    if let Ok(Some(json)) = schema.raw(key)
        && json != "null"
    {
        node.hint(format!("{key}: {}", text(json).unwrap_or(Cow::Borrowed(json))));
    }
}

/// A string's text.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    if !json.starts_with('"') {
        return None;
    }
    serde_json::from_str::<crate::json::Text<'_>>(json).ok().map(crate::json::Text::into_decoded)
}
