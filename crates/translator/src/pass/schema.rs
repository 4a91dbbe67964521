//! Tool schemas. They stay raw unless a rule changes something. Source: translation.md B46, B47.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// An object schema without properties.
const EMPTY: &str = r#"{"type":"object","properties":{}}"#;

/// A schema that Claude takes as `input_schema`: its root is an object schema without unions (B46, E019, E583).
/// Borrowed when nothing changes; unions further down stay. What is no schema at all becomes the empty one.
#[must_use]
pub fn claude_input_schema(raw: &str) -> Cow<'_, str> {
    let Ok(Value::Object(mut root)) = serde_json::from_str::<Value>(raw) else { return Cow::Borrowed(EMPTY) };
    let mut changed = flatten_root(&mut root);
    if root.get("type").and_then(Value::as_str) != Some("object") {
        root.insert("type".to_owned(), Value::from("object"));
        changed = true;
    }
    if !root.get("properties").is_some_and(Value::is_object) {
        root.insert("properties".to_owned(), Value::Object(Map::new()));
        changed = true;
    }
    if changed { Cow::Owned(Value::Object(root).to_string()) } else { Cow::Borrowed(raw) }
}

/// Merges the object branches of `allOf`, `anyOf` and `oneOf` into the root: the first definition of a property
/// wins, `required` comes from `allOf` only. Source: translation.md B46.
fn flatten_root(root: &mut Map<String, Value>) -> bool {
    let mut changed = false;
    for union in ["allOf", "anyOf", "oneOf"] {
        let Some(branches) = root.shift_remove(union) else { continue };
        changed = true;
        let Value::Array(branches) = branches else { continue };
        for branch in branches {
            let Value::Object(mut branch) = branch else { continue };
            // A branch may be a union itself.
            flatten_root(&mut branch);
            merge_branch(root, branch, union == "allOf");
        }
    }
    changed
}

fn merge_branch(root: &mut Map<String, Value>, mut branch: Map<String, Value>, keep_required: bool) {
    if let Some(Value::Object(properties)) = branch.shift_remove("properties") {
        let mine = root.entry("properties").or_insert_with(|| Value::Object(Map::new()));
        if !mine.is_object() {
            *mine = Value::Object(Map::new());
        }
        if let Value::Object(mine) = mine {
            for (name, schema) in properties {
                mine.entry(name).or_insert(schema);
            }
        }
    }
    if keep_required && let Some(Value::Array(required)) = branch.shift_remove("required") {
        let mine = root.entry("required").or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(mine) = mine {
            for name in required {
                if !mine.contains(&name) {
                    mine.push(name);
                }
            }
        }
    }
    // Definitions that the merged properties may refer to.
    for key in ["$defs", "definitions"] {
        if let Some(Value::Object(definitions)) = branch.shift_remove(key)
            && let Value::Object(mine) = root.entry(key).or_insert_with(|| Value::Object(Map::new()))
        {
            for (name, schema) in definitions {
                mine.entry(name).or_insert(schema);
            }
        }
    }
}

/// A schema that OpenAI formats take as `parameters`: the root has a type, objects have `properties` at any depth,
/// `$schema` is gone (B47, E118). Borrowed when nothing changes.
#[must_use]
pub fn openai_parameters(raw: &str) -> Cow<'_, str> {
    let Ok(Value::Object(mut root)) = serde_json::from_str::<Value>(raw) else { return Cow::Borrowed(EMPTY) };
    let mut changed = root.shift_remove("$schema").is_some();
    let union = ["anyOf", "oneOf", "allOf", "$ref"].iter().any(|key| root.contains_key(*key));
    if !union && !root.contains_key("type") {
        root.insert("type".to_owned(), Value::from("object"));
        changed = true;
    }
    changed |= add_properties(&mut root);
    if changed { Cow::Owned(Value::Object(root).to_string()) } else { Cow::Borrowed(raw) }
}

/// Gives `properties` to every object schema that has none. Only places that hold schemas are entered: a property
/// may be called like a keyword, and a default may look like a schema (B50). Depth is bounded by the parser.
fn add_properties(schema: &mut Map<String, Value>) -> bool {
    let mut changed = false;
    for (key, value) in schema.iter_mut() {
        changed |= match (key.as_str(), value) {
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                Value::Object(map),
            ) => all(map.values_mut()),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Value::Array(list)) => {
                all(list.iter_mut())
            }
            (
                "items"
                | "additionalProperties"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "propertyNames"
                | "unevaluatedProperties"
                | "unevaluatedItems",
                value,
            ) => in_value(value),
            _ => false,
        };
    }
    if is_object_type(schema) && !schema.contains_key("properties") {
        schema.insert("properties".to_owned(), Value::Object(Map::new()));
        changed = true;
    }
    changed
}

/// Enters every one of them; whether one changed.
fn all<'v>(values: impl Iterator<Item = &'v mut Value>) -> bool {
    values.map(in_value).filter(|changed| *changed).count() > 0
}

fn in_value(value: &mut Value) -> bool {
    value.as_object_mut().is_some_and(add_properties)
}

fn is_object_type(schema: &Map<String, Value>) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}
