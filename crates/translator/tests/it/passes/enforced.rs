//! Schemas that services hold a model to. Source: Claude API, "Structured outputs", "JSON Schema limitations"; OpenAI
//! API, "Structured model outputs", "Supported schemas".

use cliproxy_translator::pass::schema::{claude_enforced, openai_enforces};
use serde_json::{Value, json};

#[test]
fn claude_s_schemas_name_every_member_and_tell_bounds_in_words() {
    let text = json!({"type":"string"});
    for (case, schema, expected, less) in [
        ("fine", json!({"type":"object","properties":{"a":text},"additionalProperties":false}), None, false),
        (
            "closed at any depth",
            json!({"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"b":text}}}}}),
            Some(json!({"type":"object","properties":{"a":{"type":"array","items":
                {"type":"object","properties":{"b":text},"additionalProperties":false}}},"additionalProperties":false})),
            false,
        ),
        (
            "definitions and branches",
            json!({"type":"object","properties":{"a":{"$ref":"#/$defs/x","description":"gone"},"b":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/x"}]}},
                "$defs":{"x":{"type":"object","properties":{"c":text}}},"additionalProperties":false}),
            Some(
                json!({"type":"object","properties":{"a":{"$ref":"#/$defs/x"},"b":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/x"}]}},
                "$defs":{"x":{"type":"object","properties":{"c":text},"additionalProperties":false}},"additionalProperties":false}),
            ),
            true,
        ),
        (
            "bounds",
            json!({"type":["integer","null"],"description":"d","minimum":1,"maximum":5}),
            Some(json!({"type":["integer","null"],"description":"d\nminimum: 1\nmaximum: 5"})),
            true,
        ),
        ("a bound that it takes", json!({"type":"array","items":text,"minItems":1}), None, false),
        (
            "one that it does not",
            json!({"type":"array","items":text,"minItems":2}),
            Some(json!({"type":"array","items":text,"description":"minItems: 2"})),
            true,
        ),
        ("a format", json!({"type":"string","format":"date-time"}), None, false),
        (
            "another",
            json!({"type":"string","format":"iri"}),
            Some(json!({"type":"string","description":"format: \"iri\""})),
            true,
        ),
        ("a pattern", json!({"type":"string","pattern":"^[a-z]+\\d{1,3}$"}), None, false),
        (
            "one that looks around",
            json!({"type":"string","pattern":"^(?=a)"}),
            Some(json!({"type":"string","description":"pattern: \"^(?=a)\""})),
            true,
        ),
        (
            "one that refers back",
            json!({"type":"string","pattern":"(a)\\1"}),
            Some(json!({"type":"string","description":"pattern: \"(a)\\\\1\""})),
            true,
        ),
        (
            "a draft",
            json!({"$schema":"http://json-schema.org/draft-07/schema#","type":"string"}),
            Some(json!({"type":"string"})),
            false,
        ),
        (
            "more members than named",
            json!({"type":"object","properties":{"a":text},"additionalProperties":true}),
            Some(json!({"type":"object","properties":{"a":text},"additionalProperties":false})),
            true,
        ),
        (
            "a property that is called like a keyword",
            json!({"type":"object","properties":{"minimum":text,"oneOf":text},"additionalProperties":false}),
            None,
            false,
        ),
    ] {
        let raw = schema.to_string();
        let found = claude_enforced(&raw).unwrap_or_else(|| panic!("{case}"));
        let got: Value = serde_json::from_str(&found.schema).unwrap();
        assert_eq!(got, expected.unwrap_or(schema), "{case}");
        assert_eq!(found.less, less, "{case}");
    }
}

#[test]
fn what_would_be_another_schema_is_not_enforced() {
    let within = json!({"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"object",
        "properties":{"y":{"$ref":"#/$defs/y"}}},"y":{"type":"array","items":{"$ref":"#/$defs/x"}}}});
    let deep =
        format!("{}{{\"type\":\"string\"}}{}", r#"{"type":"array","items":"#.repeat(200), "}".repeat(200));
    let chain: serde_json::Map<_, _> = (0..5000)
        .map(|at| (format!("d{at}"), json!({"$ref": format!("#/$defs/d{}", at + 1)})))
        .chain([("d5000".to_owned(), json!({"type":"string"}))])
        .collect();
    let chain = json!({"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":chain});
    for (case, schema) in [
        ("any members", json!({"type":"object"}).to_string()),
        ("members by pattern", json!({"type":"object","additionalProperties":{"type":"string"}}).to_string()),
        ("members of one kind beside", json!({"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":"string"}}).to_string()),
        ("anything", json!({}).to_string()),
        ("anything within", json!({"type":"array","items":{"description":"x"}}).to_string()),
        ("true", json!(true).to_string()),
        ("itself", within.to_string()),
        ("elsewhere", json!({"type":"array","items":{"$ref":"https://a.example/x"}}).to_string()),
        ("nowhere", json!({"type":"array","items":{"$ref":"#/$defs/none"}}).to_string()),
        ("the root", json!({"$ref":"#/$defs/x","$defs":{"x":{"type":"string"}}}).to_string()),
        ("all of", json!({"allOf":[{"type":"string"}],"type":"string"}).to_string()),
        ("one of", json!({"type":"string","oneOf":[{"type":"string"}]}).to_string()),
        ("an enum of objects", json!({"enum":[{"a":1}]}).to_string()),
        ("depth", deep),
        ("a long chain", chain.to_string()),
        ("no JSON", "{".to_owned()),
    ] {
        assert_eq!(claude_enforced(&schema), None, "{case}");
        assert!(!openai_enforces(&schema) || case == "itself", "{case}");
    }
}

#[test]
fn openai_enforces_what_requires_all_its_members() {
    let text = json!({"type":"string"});
    let closed =
        json!({"type":"object","properties":{"a":text},"required":["a"],"additionalProperties":false});
    for (case, schema, expected) in [
        ("fine", closed.clone(), true),
        ("none", json!({"type":"object","properties":{},"additionalProperties":false}), true),
        ("open", json!({"type":"object","properties":{"a":text},"required":["a"]}), false),
        ("optional", json!({"type":"object","properties":{"a":text},"additionalProperties":false}), false),
        (
            "within",
            json!({"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"b":text},"additionalProperties":false}}},"required":["a"],"additionalProperties":false}),
            false,
        ),
        (
            "a default",
            json!({"type":"object","properties":{"a":{"type":"string","default":"x"}},"required":["a"],"additionalProperties":false}),
            false,
        ),
        (
            "a branch",
            json!({"type":"object","properties":{"a":{"anyOf":[{"type":"null"},closed]}},"required":["a"],"additionalProperties":false}),
            true,
        ),
        (
            "a format",
            json!({"type":"object","properties":{"a":{"type":"string","format":"email"}},"required":["a"],"additionalProperties":false}),
            true,
        ),
        (
            "a format that it does not know",
            json!({"type":"object","properties":{"a":{"type":"string","format":"uri"}},"required":["a"],"additionalProperties":false}),
            false,
        ),
        (
            "no type",
            json!({"type":"object","properties":{"a":{"description":"x"}},"required":["a"],"additionalProperties":false}),
            false,
        ),
        (
            "sets",
            json!({"type":"object","properties":{"a":{"type":"array","items":text,"uniqueItems":true}},"required":["a"],"additionalProperties":false}),
            false,
        ),
        ("no object", json!({"type":"array","items":text}), false),
    ] {
        assert_eq!(openai_enforces(&schema.to_string()), expected, "{case}");
    }
}
