//! Tool schemas for `parametersJsonSchema`, which takes most of JSON Schema. Source: translation.md B48 "our rule".

use std::borrow::Cow;
use std::collections::HashSet;

use super::places::Schemas;
use super::walk::{MAX_DEPTH, Rule, rewrite};
use crate::codec::CodecError;
use crate::splice::{Edits, TopLevel, Walk, Word};

static REQUIRED: Word = Word::new("\"required\"");

/// Properties of one schema beyond which they are no longer compared one by one.
const MANY: usize = 64;

/// A schema that Gemini takes: required names without a property are gone (E358), everything else stays. Borrowed when
/// nothing changes; `None` for what is no schema of an object, as a function without arguments has none.
#[must_use]
pub fn gemini_parameters(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.starts_with('{') {
        return None;
    }
    // Nearly all schemas are as they should be, which one look at each byte tells.
    if !REQUIRED.is_in(raw.as_bytes()) || Sound::default().says_of(raw) {
        return Some(Cow::Borrowed(raw));
    }
    Some(thorough(raw))
}

fn thorough(schema: &str) -> Cow<'_, str> {
    rewrite(schema, Rule::everywhere(&edits)).map_or(Cow::Borrowed(schema), Cow::Owned)
}

/// Looks whether every required name has its property. Enters the same places as [`rewrite`]; what is written in a way
/// that only that one reads is not said to be sound.
#[derive(Default)]
struct Sound<'a> {
    /// The properties of the schema that is being read, behind those of the schemas around it.
    names: Vec<&'a str>,
    doubtful: bool,
}

impl<'a> Sound<'a> {
    fn says_of(mut self, schema: &'a str) -> bool {
        let mut walk = Walk::new(schema);
        self.schema(&mut walk, 0).is_ok() && !self.doubtful
    }

    fn schema(&mut self, walk: &mut Walk<'a>, depth: usize) -> Result<(), CodecError> {
        if self.doubtful || depth == MAX_DEPTH {
            return walk.skip();
        }
        let outer = self.names.len();
        let (mut properties, mut required) = (None, None);
        walk.object(|walk, key| match key {
            "properties" => {
                self.doubtful |= properties.is_some();
                let is_object = walk.members(|walk, name| {
                    match name {
                        Cow::Borrowed(name) => self.names.push(name),
                        Cow::Owned(_) => self.doubtful = true,
                    }
                    self.schema(walk, depth + 1)
                })?;
                properties = Some(is_object);
                Ok(())
            }
            "required" => {
                self.doubtful |= required.is_some();
                required = Some(walk.raw()?);
                Ok(())
            }
            _ => match Schemas::of(key) {
                Some(Schemas::Map) => walk.object(|walk, _| self.schema(walk, depth + 1)).map(drop),
                Some(Schemas::List) => self.list(walk, depth),
                Some(Schemas::OneOrList) if walk.is_at(b'[') => self.list(walk, depth),
                Some(Schemas::One | Schemas::OneOrList) => self.schema(walk, depth + 1),
                None => walk.skip(),
            },
        })?;
        if let (Some(true), Some(required)) = (properties, required) {
            self.doubtful |= !self.knows_all(required, outer)?;
        }
        self.names.truncate(outer);
        Ok(())
    }

    fn list(&mut self, walk: &mut Walk<'a>, depth: usize) -> Result<(), CodecError> {
        walk.array(|walk, _| self.schema(walk, depth + 1)).map(drop)
    }

    /// Whether this is a list of names, each of them one of the schema's own properties.
    fn knows_all(&self, required: &str, outer: usize) -> Result<bool, CodecError> {
        let known = self.names.get(outer..).unwrap_or_default();
        let mut all = known.len() <= MANY;
        let is_list = Walk::new(required).array(|walk, _| {
            let name = walk.raw()?;
            // An escape makes a name that is not found here, and the schema doubtful.
            all &= name
                .strip_prefix('"')
                .and_then(|name| name.strip_suffix('"'))
                .is_some_and(|name| known.contains(&name));
            Ok(())
        })?;
        Ok(is_list && all)
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    /// What the look at each byte may not change.
    fn expected(schema: &str) -> Cow<'_, str> {
        thorough(schema)
    }

    #[test]
    fn a_schema_is_sound_only_when_every_required_name_has_its_property() {
        let many: Vec<_> = (0..=MANY).map(|name| format!(r#""p{name}":{{}}"#)).collect();
        let many = format!(r#"{{"properties":{{{}}},"required":["p0"]}}"#, many.join(","));
        for (schema, sound) in [
            (
                r#"{"properties":{"a":{"properties":{"c":{}},"required":["c"]},"b":{}},"required":["a","b"]}"#,
                true,
            ),
            (r#"{"required":["a"],"properties":{"a":{}}}"#, true),
            (r#"{"required":["a"],"properties":[]}"#, true),
            (r#"{"properties":{"a":{},"b":{"properties":{"c":{}}}},"required":["c"]}"#, false),
            (r#"{"properties":{"b":{"properties":{"c":{}},"required":["b"]}},"required":["b"]}"#, false),
            (r#"{"anyOf":[{},{"properties":{},"required":["a"]}]}"#, false),
            (r#"{"items":[{"properties":{},"required":["a"]}]}"#, false),
            (r#"{"items":{"properties":{},"required":["a"]}}"#, false),
            (r#"{"default":{"properties":{},"required":["a"]}}"#, true),
            (r#"{"properties":{"a":{}},"required":true}"#, false),
            (r#"{"properties":{"a":{}},"required":[1]}"#, false),
            // Written so that only the thorough reader sees that all is well.
            (r#"{"properties":{"\u0061":{}},"required":["a"]}"#, false),
            (r#"{"properties":{"a":{}},"properties":{"a":{}},"required":["a"]}"#, false),
            (&many, false),
        ] {
            assert_eq!(Sound::default().says_of(schema), sound, "{schema}");
            let found = gemini_parameters(schema).unwrap();
            assert_eq!(found, expected(schema), "{schema}");
        }
    }

    fn schema() -> impl Strategy<Value = Value> {
        const KEYS: [&str; 12] = [
            "properties",
            "required",
            "items",
            "anyOf",
            "prefixItems",
            "$defs",
            "not",
            "additionalProperties",
            "default",
            "a",
            "b",
            "c",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            Just(Value::Bool(true)),
            prop::sample::select(vec!["a", "b", "c"]).prop_map(Value::from),
            prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 0..3).prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 5, |inner| {
            let members = (prop::sample::select(KEYS.to_vec()), inner.clone());
            prop_oneof![
                prop::collection::vec(members, 0..5).prop_map(|members| {
                    let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                    Value::Object(members.collect::<Map<_, _>>())
                }),
                prop::collection::vec(inner, 0..3).prop_map(Value::Array),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_look_at_each_byte_changes_nothing_of_what_comes_out(schema in schema()) {
            let schema = schema.to_string();
            if let Some(found) = gemini_parameters(&schema) {
                prop_assert_eq!(found, expected(&schema));
            }
        }
    }
}
