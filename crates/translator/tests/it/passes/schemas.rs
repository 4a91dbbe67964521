//! Tool schemas.

use std::borrow::Cow;

use cliproxy_translator::pass::schema::{
    claude_input_schema, from_openapi, gemini_parameters, openai_parameters,
};
use serde_json::{Value, json};

fn check(name: &str, transform: impl Fn(&str) -> Cow<'_, str>, schema: &Value, expected: &Value) {
    let text = schema.to_string();
    let found = transform(&text);
    assert_eq!(&serde_json::from_str::<Value>(&found).unwrap(), expected, "{name}");
    assert_eq!(schema == expected, matches!(found, Cow::Borrowed(_)), "{name}: copied only when it changes");
}

#[test]
fn b46_e583_e019_the_root_for_claude_is_an_object_without_unions() {
    let empty = json!({"type":"object","properties":{}});
    for (name, schema, expected) in [
        (
            "fine",
            json!({"type":"object","properties":{"a":{}},"required":["a"]}),
            json!({"type":"object","properties":{"a":{}},"required":["a"]}),
        ),
        ("no properties", json!({"type":"object"}), empty.clone()),
        ("no type", json!({"properties":{"a":{}}}), json!({"type":"object","properties":{"a":{}}})),
        ("another type", json!({"type":"string"}), empty.clone()),
        ("several types", json!({"type":["object","null"],"properties":{}}), empty.clone()),
        (
            "E019 oneOf",
            json!({"oneOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}}}]}),
            json!({"type":"object","properties":{"a":{},"b":{}}}),
        ),
        (
            "anyOf: the first definition wins",
            json!({"type":"object","properties":{"a":{"type":"string"}},"anyOf":[{"properties":{"a":{"type":"number"},"b":{}}},{"type":"null"},true]}),
            json!({"type":"object","properties":{"a":{"type":"string"},"b":{}}}),
        ),
        (
            "allOf: required is united",
            json!({"allOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b","a"]}],"required":["c"]}),
            json!({"type":"object","properties":{"a":{},"b":{}},"required":["c","a","b"]}),
        ),
        (
            "unions in unions",
            json!({"allOf":[{"oneOf":[{"properties":{"a":{}},"required":["a"]}]},{"allOf":[{"properties":{"b":{}},"required":["b"]}]}]}),
            json!({"type":"object","properties":{"a":{},"b":{}},"required":["b"]}),
        ),
        (
            "definitions move along",
            json!({"anyOf":[{"$defs":{"d":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/d"}}}]}),
            json!({"type":"object","properties":{"a":{"$ref":"#/$defs/d"}},"$defs":{"d":{"type":"string"}}}),
        ),
        ("a union that is no list", json!({"oneOf":5}), empty.clone()),
        (
            "nested unions stay",
            json!({"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}}}),
            json!({"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}}}),
        ),
        ("a boolean", json!(true), empty.clone()),
        ("null", Value::Null, empty.clone()),
        ("a list", json!([1]), empty.clone()),
        ("properties of a wrong type", json!({"type":"object","properties":[]}), empty.clone()),
    ] {
        let text = schema.to_string();
        let found = claude_input_schema(&text);
        assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), expected, "E583 {name}");
        if schema == expected {
            assert!(std::ptr::eq(found.as_ptr(), text.as_ptr()), "E583 {name}: copied without need");
        }
    }
    assert_eq!(claude_input_schema("nonsense"), empty.to_string());
}

#[test]
fn b47_e118_objects_get_properties_at_any_depth() {
    for (name, schema, expected) in [
        ("fine", json!({"type":"object","properties":{}}), json!({"type":"object","properties":{}})),
        ("root", json!({"type":"object"}), json!({"type":"object","properties":{}})),
        ("no type", json!({}), json!({"type":"object","properties":{}})),
        (
            "$schema goes",
            json!({"$schema":"x","type":"object","properties":{}}),
            json!({"type":"object","properties":{}}),
        ),
        (
            "everywhere",
            json!({"type":"object","properties":{"a":{"type":"object"},"b":{"type":"array","items":{"type":"object"}},
                   "c":{"anyOf":[{"type":"object"},{"type":"null"}]},"d":{"additionalProperties":{"type":"object"}}},
                   "$defs":{"e":{"type":"object"}}}),
            json!({"type":"object","properties":{"a":{"type":"object","properties":{}},
                   "b":{"type":"array","items":{"type":"object","properties":{}}},
                   "c":{"anyOf":[{"type":"object","properties":{}},{"type":"null"}]},
                   "d":{"additionalProperties":{"type":"object","properties":{}}}},
                   "$defs":{"e":{"type":"object","properties":{}}}}),
        ),
        (
            "E593, E610, E611 a property called like a keyword, and a default that looks like a schema",
            json!({"type":"object","properties":{"properties":{"type":"string","default":{"type":"object"}},"items":{"type":"object"}}}),
            json!({"type":"object","properties":{"properties":{"type":"string","default":{"type":"object"}},"items":{"type":"object","properties":{}}}}),
        ),
        (
            "E592 a property with dots in its name",
            json!({"type":"object","properties":{"a.b":{"type":"object"},"a":{"type":"string"}}}),
            json!({"type":"object","properties":{"a.b":{"type":"object","properties":{}},"a":{"type":"string"}}}),
        ),
        (
            "unions keep having no type",
            json!({"anyOf":[{"type":"string"}]}),
            json!({"anyOf":[{"type":"string"}]}),
        ),
        ("other types stay", json!({"type":"string"}), json!({"type":"string"})),
    ] {
        check(name, openai_parameters, &schema, &expected);
    }
    assert_eq!(openai_parameters("true"), r#"{"type":"object","properties":{}}"#);
}

#[test]
fn e608_e609_numbers_and_characters_stay_as_they_were_written() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"object","maximum":123456789012345678901234567890,"default":1.50,"description":"<b> & é"}}}"#;
    let expected = schema.replace(r#"é"}"#, r#"é","properties":{}}"#);
    assert_eq!(openai_parameters(schema), expected);
}

#[test]
fn deep_schemas_end_without_overflow() {
    let nested = |depth: usize| {
        format!(
            "{}{{\"type\":\"object\"}}{}",
            "{\"type\":\"object\",\"items\":".repeat(depth),
            "}".repeat(depth)
        )
    };
    for depth in [10, 200, 20_000] {
        let schema = nested(depth);
        let found = openai_parameters(&schema);
        assert!(serde_json::from_str::<&serde_json::value::RawValue>(&found).is_ok());
        let _claude = claude_input_schema(&schema);
    }
}

#[test]
fn every_place_that_holds_schemas_is_entered_and_no_other() {
    // Source: JSON Schema 2020-12, "Applicators"; `items` with an array and `definitions` are of earlier drafts.
    let bare = json!({"type":"object"});
    let full = json!({"type":"object","properties":{}});
    let dangling = json!({"properties":{"a":{}},"required":["a","gone"]});
    let mended = json!({"properties":{"a":{}},"required":["a"]});
    let inside = |keyword: &str, schema: &Value| match keyword {
        "properties" | "patternProperties" | "$defs" | "definitions" | "defs" | "dependentSchemas" => {
            json!({keyword: {"x": schema}})
        }
        "anyOf" | "oneOf" | "allOf" | "prefixItems" | "items[]" => {
            json!({keyword.trim_end_matches("[]"): [{"type":"string"}, schema]})
        }
        _ => json!({keyword: schema}),
    };
    let typed = |mut schema: Value| {
        // A root that has all that the rule wants of it.
        schema["type"] = "object".into();
        if schema.get("properties").is_none() {
            schema["properties"] = json!({});
        }
        schema.to_string()
    };
    for (keyword, entered) in [
        ("properties", true),
        ("patternProperties", true),
        ("$defs", true),
        ("definitions", true),
        ("defs", true),
        ("dependentSchemas", true),
        ("anyOf", true),
        ("oneOf", true),
        ("allOf", true),
        ("prefixItems", true),
        ("items", true),
        ("items[]", true),
        ("additionalProperties", true),
        ("not", true),
        ("if", true),
        ("then", true),
        ("else", true),
        ("contains", true),
        ("propertyNames", true),
        ("unevaluatedProperties", true),
        ("unevaluatedItems", true),
        ("default", false),
        ("const", false),
        ("x-note", false),
    ] {
        let same: Value = serde_json::from_str(&openai_parameters(&typed(inside(keyword, &bare)))).unwrap();
        let wanted = typed(inside(keyword, if entered { &full } else { &bare }));
        assert_eq!(
            same.to_string(),
            serde_json::from_str::<Value>(&wanted).unwrap().to_string(),
            "{keyword}"
        );
        let schema = inside(keyword, &dangling).to_string();
        let found: Value = serde_json::from_str(&gemini_parameters(&schema).unwrap()).unwrap();
        assert_eq!(found, inside(keyword, if entered { &mended } else { &dangling }), "{keyword}");
        let upper = inside(keyword, &json!({"type":"STRING"})).to_string();
        let raw: Box<serde_json::value::RawValue> = serde_json::from_str(&upper).unwrap();
        let found: Value = serde_json::from_str(from_openapi(&raw).get()).unwrap();
        let word = if entered { "string" } else { "STRING" };
        assert_eq!(found, inside(keyword, &json!({"type":word})), "{keyword}");
    }
    // A name that is half a surrogate pair is one like any other.
    let odd = r#"{"type":"object","properties":{"\ud800":{"type":"object"}}}"#;
    assert_eq!(
        openai_parameters(odd),
        r#"{"type":"object","properties":{"\ud800":{"type":"object","properties":{}}}}"#
    );
}
