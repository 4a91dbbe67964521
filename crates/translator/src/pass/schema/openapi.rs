//! The subset of OpenAPI that Gemini's `parameters` and `responseSchema` are in, as JSON Schema: types in lower case,
//! counts as numbers, `nullable` as a type. Source: translation.md B47, E106, E107; F20: everything else stays.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::walk::{Rule, rewrite};
use crate::json::Raw;
use crate::splice::{Edits, TopLevel};

/// Members that proto JSON writes as strings.
const COUNTS: [&str; 6] =
    ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];

/// The schema as JSON Schema; borrowed when it is already.
#[must_use]
pub fn from_openapi(raw: &RawValue) -> Raw<'_> {
    match rewrite(raw.get(), Rule::everywhere(&edits)).and_then(|json| RawValue::from_string(json).ok()) {
        Some(changed) => Cow::Owned(changed),
        None => Cow::Borrowed(raw),
    }
}

fn edits(schema: &TopLevel<'_>) -> Edits<'static> {
    let mut edits = Edits::new();
    if let Ok(Some(json)) = schema.raw("type")
        && !json.starts_with('[')
    {
        let word = lower(json);
        edits = match schema.value("nullable") {
            Some(b"true") => edits.set("type", format!(r#"["{word}","null"]"#)),
            _ => edits.set("type", format!("\"{word}\"")),
        };
    }
    if schema.has("nullable") {
        edits = edits.remove("nullable");
    }
    for key in COUNTS {
        let digits =
            schema.raw(key).ok().flatten().and_then(|json| json.strip_prefix('"')?.strip_suffix('"'));
        if let Some(digits) =
            digits.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        {
            edits = edits.set(key, digits.to_owned());
        }
    }
    edits
}

/// A type's name; one that is no string is taken for its text (E107).
fn lower(json: &str) -> String {
    let word = json.trim_matches('"');
    word.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_ascii_lowercase()
}
