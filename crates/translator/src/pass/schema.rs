//! Tool schemas. They stay raw, number for number, except where a rule changes something.
//! Source: translation.md B46 to B50.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::json::Writer;
use crate::splice::{Edits, TopLevel};

mod clean;
mod enforced;
mod gemini;
mod kept;
mod openapi;
mod places;
mod walk;

pub use clean::{Cleaning, clean, clean_telling};
pub(crate) use enforced::{Cost, openai_output};
pub use enforced::{Enforced, claude_enforced, openai_enforces};
pub use gemini::gemini_parameters;
pub use kept::clean_kept;
pub use openapi::from_openapi;

use walk::Rule;

/// An object schema without properties.
const EMPTY: &str = r#"{"type":"object","properties":{}}"#;

const UNIONS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// How deep branches of root unions are followed.
const MAX_UNIONS: usize = 16;

/// A schema that Claude takes as `input_schema`: its root is an object schema without unions (B46, E019, E583).
/// Borrowed when nothing changes; unions further down stay. What is no schema at all becomes the empty one.
#[must_use]
pub fn claude_input_schema(raw: &str) -> Cow<'_, str> {
    let Ok(root) = TopLevel::scan(raw.as_bytes()) else { return Cow::Borrowed(EMPTY) };
    let mut edits = Edits::new();
    if UNIONS.iter().any(|union| root.has(union)) {
        let mut merged = Merged::default();
        merged.take(&root, true, 0);
        for union in UNIONS {
            edits = edits.remove(union);
        }
        if !merged.properties.is_empty() {
            edits = edits.set("properties", object(&merged.properties.list));
        }
        if !merged.required.is_empty() {
            edits = edits.set("required", format!("[{}]", merged.required.join(",")));
        }
        for (key, definitions) in [("$defs", &merged.defs), ("definitions", &merged.definitions)] {
            if !definitions.is_empty() {
                edits = edits.set(key, object(&definitions.list));
            }
        }
        if merged.properties.is_empty() && !is_object(root.value("properties")) {
            edits = edits.set("properties", "{}");
        }
    } else if !is_object(root.value("properties")) {
        edits = edits.set("properties", "{}");
    }
    if root.value("type") != Some(b"\"object\"") {
        edits = edits.set("type", "\"object\"");
    }
    edits.apply_str(raw).unwrap_or(Cow::Borrowed(EMPTY))
}

/// What the branches of the root's unions say together: the first definition of a property wins, `required` counts
/// only where all branches apply. Source: translation.md B46.
#[derive(Default)]
struct Merged<'a> {
    properties: Named<'a>,
    defs: Named<'a>,
    definitions: Named<'a>,
    required: Vec<&'a str>,
    /// All of the required ones.
    known: HashSet<&'a str>,
}

/// Schemas in their order, the first of each name.
#[derive(Default)]
struct Named<'a> {
    list: Vec<(Cow<'a, str>, &'a str)>,
    known: HashSet<Cow<'a, str>>,
}

impl<'a> Merged<'a> {
    fn take(&mut self, schema: &TopLevel<'a>, keep_required: bool, depth: usize) {
        self.properties.take(schema, "properties");
        self.defs.take(schema, "$defs");
        self.definitions.take(schema, "definitions");
        if keep_required {
            for name in items(schema.raw("required").ok().flatten()) {
                if self.known.insert(name) {
                    self.required.push(name);
                }
            }
        }
        if depth == MAX_UNIONS {
            return;
        }
        for union in UNIONS {
            for branch in items(schema.raw(union).ok().flatten()) {
                if let Ok(branch) = TopLevel::scan(branch.as_bytes()) {
                    self.take(&branch, keep_required && union == "allOf", depth + 1);
                }
            }
        }
    }
}

impl<'a> Named<'a> {
    fn take(&mut self, schema: &TopLevel<'a>, key: &str) {
        let Some(members) = schema.object(key) else { return };
        for (name, value) in members.into_members() {
            if let Ok(value) = std::str::from_utf8(value)
                && self.known.insert(name.clone())
            {
                self.list.push((name, value));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

fn items(json: Option<&str>) -> Vec<&str> {
    let items: Vec<&serde_json::value::RawValue> =
        json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    items.into_iter().map(serde_json::value::RawValue::get).collect()
}

fn object(members: &[(Cow<'_, str>, &str)]) -> String {
    let mut writer = Writer::default();
    writer.begin_object();
    for (key, value) in members {
        writer.field_raw(key, value);
    }
    writer.end_object();
    String::from_utf8(writer.into_bytes()).unwrap_or_default()
}

fn is_object(value: Option<&[u8]>) -> bool {
    value.is_some_and(|value| value.starts_with(b"{"))
}

/// A schema that OpenAI formats take as `parameters`: the root has a type, objects have `properties` at any depth,
/// `$schema` is gone (B47, E118). Borrowed when nothing changes.
#[must_use]
pub fn openai_parameters(raw: &str) -> Cow<'_, str> {
    let Ok(root) = TopLevel::scan(raw.as_bytes()) else { return Cow::Borrowed(EMPTY) };
    let union = root.has("$ref") || UNIONS.iter().any(|union| root.has(union));
    let rule = Rule { worth: |json| json.contains("\"object\""), edit: &with_properties };
    let mut edits = walk::edits(&root, rule);
    if root.has("$schema") {
        edits = edits.remove("$schema");
    }
    if !union && !root.has("type") {
        edits = edits.set("type", "\"object\"");
        if !root.has("properties") {
            edits = edits.set("properties", "{}");
        }
    }
    edits.apply_str(raw).unwrap_or(Cow::Borrowed(EMPTY))
}

/// Gives `properties` to an object schema that has none.
fn with_properties(schema: &TopLevel<'_>) -> Edits<'static> {
    match schema.value("type") == Some(b"\"object\"") && !schema.has("properties") {
        true => Edits::new().set("properties", "{}"),
        false => Edits::new(),
    }
}

fn owned(edited: Result<Cow<'_, str>, crate::CodecError>) -> Option<String> {
    match edited {
        Ok(Cow::Owned(text)) => Some(text),
        Ok(Cow::Borrowed(_)) | Err(_) => None,
    }
}
