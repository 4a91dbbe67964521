//! Schemas that a service holds a model to: each takes a part of JSON Schema and answers 400 to the rest.
//! Source: Claude API, "Structured outputs", "JSON Schema limitations"; OpenAI API, "Structured model outputs",
//! "Supported schemas"; translation.md A.6, A.9.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::walk::{MAX_DEPTH, Rule, rewrite};
use crate::splice::{Edits, TopLevel};

/// Members of one schema, beyond which it is none.
const MOST_MEMBERS: usize = 100;

/// A schema that Claude can be held to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enforced<'s> {
    /// The schema; borrowed when it goes as it is.
    pub schema: Cow<'s, str>,
    /// Whether it asks for less than the client did: the rest is told in descriptions.
    pub less: bool,
}

/// The schema as Claude can be held to it: objects name all their members, bounds are told in the description. `None`
/// where that would be another schema: an object of any members, a schema within itself, branches that apply together.
///
/// ```
/// use cliproxy_translator::pass::schema::claude_enforced;
/// let found = claude_enforced(r#"{"type":"object","properties":{"n":{"type":"integer","minimum":1}}}"#).unwrap();
/// let closed = r#"{"type":"object","properties":{"n":{"type":"integer","description":"minimum: 1"}},"additionalProperties":false}"#;
/// assert_eq!((&*found.schema, found.less), (closed, true));
/// assert!(claude_enforced(r#"{"type":"object"}"#).is_none());
/// ```
#[must_use]
pub fn claude_enforced(raw: &str) -> Option<Enforced<'_>> {
    let schema: Value = serde_json::from_str(raw).ok()?;
    // A root that is elsewhere is for those who resolve it.
    if schema.get("$ref").is_some() || !Expressible::new(&schema).schema(&schema, 0) {
        return None;
    }
    let less = Cell::new(false);
    let edit = |schema: &TopLevel<'_>| limited(schema, &less);
    let schema = rewrite(raw, Rule::everywhere(&edit)).map_or(Cow::Borrowed(raw), Cow::Owned);
    Some(Enforced { schema, less: less.get() })
}

/// What counts towards the most that Claude enforces in one request. Source: Claude API, "Structured outputs", "Schema
/// complexity limits": of strict tools and the form of the output together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Tools.
    tools: usize,
    /// Members that may be left out.
    optional: usize,
    /// Places that take several types.
    unions: usize,
}

impl Cost {
    const MOST: Self = Self { tools: 20, optional: 24, unions: 16 };

    /// Adds the form of an output; false, and nothing, when that is more than is enforced.
    pub(crate) fn take(&mut self, schema: &str) -> bool {
        self.add(0, schema)
    }

    /// Adds a tool.
    pub(crate) fn take_tool(&mut self, schema: &str) -> bool {
        self.add(1, schema)
    }

    fn add(&mut self, tools: usize, schema: &str) -> bool {
        let Ok(schema) = serde_json::from_str(schema) else { return false };
        let mut all = Self { tools: self.tools + tools, ..*self };
        all.count(&schema);
        let most = Self::MOST;
        let fits = all.tools <= most.tools && all.optional <= most.optional && all.unions <= most.unions;
        if fits {
            *self = all;
        }
        fits
    }

    fn count(&mut self, schema: &Value) {
        let Value::Object(members) = schema else { return };
        self.optional += properties(members).count().saturating_sub(required(members).count());
        let several = members.contains_key("anyOf") || members.get("type").is_some_and(Value::is_array);
        self.unions += usize::from(several);
        within(members).for_each(|schema| self.count(schema));
    }
}

/// Whether OpenAI enforces a schema as it is: it refuses strict functions whose objects take more members than they
/// name, or do not require each.
#[must_use]
pub fn openai_enforces(raw: &str) -> bool {
    const REFUSED: [&str; 20] = [
        "default",
        "allOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "patternProperties",
        "dependentRequired",
        "dependentSchemas",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "unevaluatedProperties",
        "unevaluatedItems",
        "prefixItems",
        "contains",
        "minContains",
        "maxContains",
        "uniqueItems",
    ];
    const FORMATS: [&str; 9] =
        ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];
    fn is_strict(schema: &Value) -> bool {
        let Value::Object(members) = schema else { return false };
        let says = ["type", "anyOf", "$ref", "enum", "const"].iter().any(|key| members.contains_key(*key));
        let format = members.get("format").is_none_or(|format| FORMATS.iter().any(|known| format == known));
        if !says || !format || REFUSED.iter().any(|key| members.contains_key(*key)) {
            return false;
        }
        let closed = || {
            let required: HashSet<&str> = required(members).collect();
            members.get("additionalProperties") == Some(&Value::Bool(false))
                && properties(members).all(|(name, _)| required.contains(name.as_str()))
        };
        (!is_object(members) || closed()) && within(members).all(is_strict)
    }
    serde_json::from_str::<Value>(raw)
        .is_ok_and(|schema| schema.get("type").is_some_and(|kind| kind == "object") && is_strict(&schema))
}

/// A schema as OpenAI takes it for the form of an output: its root says that it is an object. `None` when it is none.
pub(crate) fn openai_output(raw: &str) -> Option<Cow<'_, str>> {
    let root = TopLevel::scan(raw.as_bytes()).ok()?;
    match root.value("type") {
        Some(kind) => (kind == b"\"object\"").then_some(Cow::Borrowed(raw)),
        None if root.has("properties") => Edits::new().set("type", "\"object\"").apply_str(raw).ok(),
        None => None,
    }
}

fn is_object(members: &Map<String, Value>) -> bool {
    match members.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => members.contains_key("properties"),
    }
}

fn properties(members: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    members.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn required(members: &Map<String, Value>) -> impl Iterator<Item = &str> {
    members.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The schemas directly in one.
fn within(members: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let maps =
        ["properties", "$defs", "definitions"].into_iter().filter_map(|key| members.get(key)?.as_object());
    let list = members.get("anyOf").and_then(Value::as_array);
    maps.flat_map(Map::values).chain(list.into_iter().flatten()).chain(members.get("items"))
}

/// Whether Claude has words for a schema, but for bounds.
struct Expressible<'s> {
    root: &'s Value,
    /// The definitions that were entered, and whether they were left again.
    definitions: HashMap<&'s str, bool>,
}

impl<'s> Expressible<'s> {
    fn new(root: &'s Value) -> Self {
        Self { root, definitions: HashMap::new() }
    }

    fn schema(&mut self, schema: &'s Value, depth: usize) -> bool {
        let Value::Object(members) = schema else { return false };
        if depth == MAX_DEPTH {
            return false;
        }
        if let Some(reference) = members.get("$ref") {
            return self.definition(reference, depth);
        }
        // Whatever says nothing of its kind takes anything.
        let says = ["type", "anyOf", "enum", "const"].iter().any(|key| members.contains_key(*key));
        let open = is_object(members)
            && properties(members).next().is_none()
            && members.get("additionalProperties") != Some(&Value::Bool(false));
        let fine = |(key, value): (&String, &Value)| match key.as_str() {
            "additionalProperties" => value.is_boolean(),
            "enum" => {
                value.as_array().is_some_and(|all| all.iter().all(|one| !one.is_object() && !one.is_array()))
            }
            "items" => value.is_object(),
            "allOf"
            | "oneOf"
            | "not"
            | "if"
            | "then"
            | "else"
            | "prefixItems"
            | "additionalItems"
            | "contains"
            | "propertyNames"
            | "patternProperties"
            | "dependentSchemas"
            | "dependentRequired"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "$dynamicRef"
            | "$recursiveRef" => false,
            _ => true,
        };
        // Nobody has so many words for a schema: each that Claude has none for is an edit of its own.
        let few = members.len() <= MOST_MEMBERS;
        says && few
            && !open
            && members.iter().all(fine)
            && within(members).all(|schema| self.schema(schema, depth + 1))
    }

    /// A schema of this document that is not within itself.
    fn definition(&mut self, reference: &'s Value, depth: usize) -> bool {
        let Some(path) = reference.as_str() else { return false };
        let place = ["$defs", "definitions"].into_iter().find_map(|key| {
            let name = path.strip_prefix("#/")?.strip_prefix(key)?.strip_prefix('/')?;
            self.root.get(key)?.get(name)
        });
        let Some(definition) = place else { return false };
        if let Some(left) = self.definitions.get(path) {
            return *left;
        }
        self.definitions.insert(path, false);
        let fine = self.schema(definition, depth + 1);
        self.definitions.insert(path, fine);
        fine
    }
}

/// One schema within Claude's words: what it has none for goes into the description.
fn limited(schema: &TopLevel<'_>, less: &Cell<bool>) -> Edits<'static> {
    let refers = schema.has("$ref");
    let mut edits = Edits::new();
    let mut told = String::new();
    for (key, value) in schema.members() {
        let value = std::str::from_utf8(value).unwrap_or_default();
        let fine = match key {
            "$ref" | "$defs" | "definitions" => true,
            _ if refers => false,
            "type"
            | "properties"
            | "required"
            | "additionalProperties"
            | "items"
            | "enum"
            | "const"
            | "anyOf"
            | "description"
            | "title"
            | "default" => true,
            "minItems" => matches!(value, "0" | "1"),
            "format" => FORMATS.iter().any(|format| value.trim_matches('"') == *format),
            "pattern" => is_plain(value),
            _ => false,
        };
        if fine {
            continue;
        }
        edits = edits.remove(key.to_owned());
        // Which draft it is in says nothing to a model.
        if !matches!(key, "$schema" | "$id" | "$comment") {
            less.set(true);
            if !told.is_empty() {
                told.push('\n');
            }
            told.push_str(key);
            told.push_str(": ");
            told.push_str(value);
        }
    }
    if !told.is_empty() && !refers {
        let described = schema.string("description").ok().flatten().filter(|text| !text.is_empty());
        let whole = described.map_or_else(|| told.clone(), |text| format!("{text}\n{told}"));
        edits = edits.set_string("description", &whole);
    }
    let object = schema
        .value("type")
        .map_or_else(|| schema.has("properties"), |kind| memchr::memmem::find(kind, b"\"object\"").is_some());
    if object && !refers && schema.value("additionalProperties") != Some(b"false") {
        if schema.has("additionalProperties") {
            less.set(true);
        }
        edits = edits.set("additionalProperties", "false");
    }
    edits
}

/// The formats of texts that Claude enforces.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// Whether a pattern, as it stands in JSON, has no reference back, no look around and no word boundary.
fn is_plain(json: &str) -> bool {
    let Ok(pattern) = serde_json::from_str::<String>(json) else { return false };
    let mut escaped = false;
    for c in pattern.chars() {
        if escaped && (c.is_ascii_digit() || matches!(c, 'b' | 'B' | 'k' | 'p' | 'P')) {
            return false;
        }
        escaped = c == '\\' && !escaped;
    }
    !pattern.contains("(?")
}
