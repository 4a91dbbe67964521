//! Schemas for Google's older backends. Source: translation.md B48 to B50, D.29.

use std::borrow::Cow;

use cliproxy_translator::pass::schema::{Cleaning, clean};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::schema::assert_valid;

const GEMINI: Cleaning = Cleaning::Gemini;
const RESPONSE: Cleaning = Cleaning::AntigravityResponse;
const TOOL: Cleaning = Cleaning::AntigravityTool { placeholders: false };
const PLACEHOLDERS: Cleaning = Cleaning::AntigravityTool { placeholders: true };
const ALL: [Cleaning; 4] = [GEMINI, RESPONSE, TOOL, PLACEHOLDERS];

/// A cleaned schema, valid by the vendor's, and as it is when it is cleaned again.
#[track_caller]
fn cleaned(schema: &Value, cleaning: Cleaning) -> Value {
    let text = schema.to_string();
    let found = clean(&text, cleaning).unwrap_or_else(|| panic!("no schema: {text}"));
    let value: Value = serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {found}"));
    assert_eq!(&value == schema, matches!(found, Cow::Borrowed(_)), "copied only when it changes: {found}");
    assert_taken(&value);
    value
}

/// The cleaned schema of a property.
#[track_caller]
fn property(schema: &Value, cleaning: Cleaning) -> Value {
    let root = json!({"type":"object","properties":{"p":schema,"q":{"type":"string"}},"required":["p","q"]});
    cleaned(&root, cleaning)["properties"]["p"].clone()
}

/// Fails unless the backend's `Schema` has every member, of its type. The schema spells types in capitals.
#[track_caller]
fn assert_taken(schema: &Value) {
    fn capitals(schema: &mut Value) {
        if let Some(kind) = schema.get("type").and_then(Value::as_str).map(str::to_ascii_uppercase) {
            schema["type"] = kind.into();
        }
        if let Some(items) = schema.get_mut("items") {
            capitals(items);
        }
        schema
            .get_mut("properties")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flatten()
            .for_each(|(_, property)| capitals(property));
    }
    let mut schema = schema.clone();
    capitals(&mut schema);
    assert_valid("gemini.tool", &json!({"functionDeclarations":[{"name":"f","parameters":schema}]}));
}

#[test]
fn e584_e601_local_references_are_inlined() {
    for cleaning in [GEMINI, TOOL, RESPONSE] {
        let schema = json!({"type":"object","properties":{
                "a":{"$ref":"#/$defs/d","description":"mine"},"b":{"$ref":"#/definitions/x~1y"},"c":{"$ref":"https://h.example/z"},"e":{"$ref":"#/$defs/none"}},
            "$defs":{"d":{"type":"object","description":"theirs","properties":{"k":{"type":"integer"}},"required":["k"]}},
            "definitions":{"x/y":{"type":"string"}}});
        assert_eq!(
            cleaned(&schema, cleaning),
            json!({"type":"object","properties":{
                "a":{"type":"object","description":"mine","properties":{"k":{"type":"integer"}},"required":["k"]},
                "b":{"type":"string"},
                "c":{"type":"object","description":"See: z"},
                "e":{"type":"object","description":"See: none"}}}),
            "E584 E601 {cleaning:?}"
        );
    }
}

#[test]
fn e585_cyclic_references_end_in_their_type_and_their_name() {
    let schema = json!({"type":"object","properties":{"tree":{"$ref":"#/$defs/node"},"list":{"$ref":"#/$defs/list"},"self":{"$ref":"#"}},
        "$defs":{"node":{"type":"object","properties":{"next":{"$ref":"#/$defs/node"}}},
            "list":{"type":"array","items":{"$ref":"#/$defs/list"}}}});
    assert_eq!(
        cleaned(&schema, GEMINI)["properties"],
        json!({"tree":{"type":"object","properties":{"next":{"type":"object","description":"See: node"}}},
            "list":{"type":"array","items":{"type":"array","description":"See: list"}},
            "self":{"type":"object","description":"See: #"}})
    );
    // One that names the next twice, forty times: it would have 2^40 members.
    let mut defs = json!({"d40":{"type":"string"}});
    for n in 0..40 {
        let next = json!({"$ref":format!("#/$defs/d{}", n + 1)});
        defs[format!("d{n}")] = json!({"type":"object","properties":{"a":next,"b":next}});
    }
    let text = json!({"type":"object","properties":{"p":{"$ref":"#/$defs/d0"}},"$defs":defs}).to_string();
    assert!(clean(&text, GEMINI).unwrap().len() < 1 << 20, "E585: it stays within bounds");
}

#[test]
fn e586_e587_e602_constants_and_values() {
    let ten: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    let eleven: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    let hint = |values: &[String]| format!("Allowed: {}", values.join(", "));
    for (name, cleaning, schema, expected) in [
        ("E586 const", GEMINI, json!({"const":"a"}), json!({"type":"string","enum":["a"]})),
        ("E586 const in a reply", RESPONSE, json!({"const":"a"}), json!({"type":"string","enum":["a"]})),
        (
            "E587 two",
            GEMINI,
            json!({"type":"string","enum":["a","b"],"description":"which"}),
            json!({"type":"string","description":"which (Allowed: a, b)","enum":["a","b"]}),
        ),
        (
            "E587 ten",
            GEMINI,
            json!({"type":"string","enum":ten}),
            json!({"type":"string","description":hint(&ten),"enum":ten}),
        ),
        (
            "E587 eleven are not told",
            GEMINI,
            json!({"type":"string","enum":eleven}),
            json!({"type":"string","enum":eleven}),
        ),
        ("one", GEMINI, json!({"type":"string","enum":["a"]}), json!({"type":"string","enum":["a"]})),
        (
            "texts and numbers",
            GEMINI,
            json!({"enum":["a",1]}),
            json!({"type":"string","description":"Allowed: a, 1","enum":["a","1"]}),
        ),
        (
            "null among them",
            GEMINI,
            json!({"enum":["a",null]}),
            json!({"type":"string","description":"(nullable)","enum":["a"]}),
        ),
        (
            "E602 numbers",
            TOOL,
            json!({"type":"integer","enum":[1,2]}),
            json!({"type":"integer","description":"Allowed: 1, 2"}),
        ),
        (
            "E602 numbers for Gemini",
            GEMINI,
            json!({"type":"integer","enum":[1,2]}),
            json!({"type":"integer","description":"Allowed: 1, 2"}),
        ),
        (
            "B49 texts of a tool",
            TOOL,
            json!({"enum":["a"]}),
            json!({"type":"string","description":"Allowed: a"}),
        ),
        (
            "B49 booleans of a reply",
            RESPONSE,
            json!({"type":"boolean","enum":[true]}),
            json!({"type":"boolean"}),
        ),
    ] {
        assert_eq!(property(&schema, cleaning), expected, "{name}");
    }
}

#[test]
fn e588_e600_null_in_a_list_of_types() {
    let root = json!({"type":"object","properties":{"p":{"type":["string","null"],"pattern":"^a"},"q":{"type":["null","integer","string"]}},"required":["p","q"]});
    for cleaning in [GEMINI, TOOL] {
        assert_eq!(
            cleaned(&root, cleaning),
            json!({"type":"object","properties":{"p":{"type":"string","description":"pattern: ^a (nullable)"},
                "q":{"type":"integer","description":"Accepts: integer | string (nullable)"}}}),
            "E588"
        );
    }
    assert_eq!(
        cleaned(&root, RESPONSE),
        json!({"type":"object","properties":{"p":{"type":"string","description":"pattern: ^a","nullable":true},
            "q":{"type":"integer","description":"Accepts: integer | string","nullable":true}},"required":["p","q"]}),
        "E600: it stays required"
    );
}

#[test]
fn e589_e590_the_branch_that_says_most_stands_for_a_union() {
    for (name, cleaning, schema, expected) in [
        (
            "E589 object before array before others",
            GEMINI,
            json!({"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}},{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}]}),
            json!({"type":"object","description":"Accepts: string | array | object","properties":{"a":{"type":"string"}},"required":["a"]}),
        ),
        (
            "E590",
            GEMINI,
            json!({"oneOf":[{"type":"string"},{"type":"integer"}],"description":"x"}),
            json!({"type":"string","description":"x (Accepts: string | integer)"}),
        ),
        (
            "null, for Gemini",
            GEMINI,
            json!({"anyOf":[{"type":"string"},{"type":"null"}]}),
            json!({"type":"string","description":"(nullable)"}),
        ),
        (
            "null, where there is a word for it",
            TOOL,
            json!({"anyOf":[{"type":"null"},{"type":"string"}]}),
            json!({"type":"string","nullable":true}),
        ),
        (
            "branches that only say what goes together",
            GEMINI,
            json!({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}),
            json!({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}),
        ),
    ] {
        assert_eq!(property(&schema, cleaning), expected, "{name}");
    }
}

#[test]
fn e591_e604_all_branches_and_conditions_are_united() {
    assert_eq!(
        property(
            &json!({"type":"object","properties":{"a":{"type":"string"}},"allOf":[
                {"properties":{"a":{"type":"integer"},"b.c":{"type":"integer"}},"required":["a"]},{"properties":{"d":{"type":"boolean"}},"required":["d","a","gone"]}]}),
            GEMINI
        ),
        json!({"type":"object","properties":{"a":{"type":"string"},"b.c":{"type":"integer"},"d":{"type":"boolean"}},"required":["a","d"]}),
        "E591, E592: the parent's own is not overwritten"
    );
    let conditions = |outer: Value| {
        let mut schema = outer;
        schema["if"] = json!({"properties":{"a":{"type":"integer"}},"required":["a"]});
        schema["then"] = json!({"properties":{"b":{"type":"integer"}},"required":["b"]});
        schema["else"] = json!({"properties":{"c":{"type":"integer"}}});
        schema
    };
    let expected = json!({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"},"c":{"type":"integer"}}});
    let own = json!({"type":"object","properties":{"a":{"type":"string"}}});
    assert_eq!(cleaned(&conditions(own.clone()), GEMINI), expected, "E604 at the root");
    let mut within = own;
    within["allOf"] = json!([conditions(json!({}))]);
    assert_eq!(cleaned(&within, GEMINI), expected, "E604 in allOf");
}

#[test]
fn e592_e593_e610_e611_e612_names_and_values_are_no_keywords() {
    let schema = json!({"type":"object","properties":{
        "pattern":{"type":"string"},"format":{"type":"string"},"$ref":{"type":"string"},"encrypted":{"type":"boolean"},
        "properties":{"type":"object","properties":{"x":{"type":"string"}}},"a.b":{"type":"string"},"enum":{"type":"string"},"x-y":{"type":"string"}},
        "required":["pattern","properties"]});
    for cleaning in [GEMINI, TOOL, RESPONSE] {
        assert_eq!(cleaned(&schema, cleaning), schema, "E592, E593, E611, E612");
    }
    assert_eq!(
        property(
            &json!({"type":"object","properties":{"k":{"type":"string","encrypted":true}},"encrypted":true,"default":{"k":{"type":"object"}}}),
            GEMINI
        ),
        json!({"type":"object","description":"default: {\"k\":{\"type\":\"object\"}}","properties":{"k":{"type":"string"}}}),
        "E610, E612"
    );
}

#[test]
fn e594_e595_e603_what_is_not_taken_is_told_or_goes() {
    for (name, cleaning, schema, expected) in [
        (
            "E594",
            GEMINI,
            json!({"type":"string","minLength":1,"maxLength":9,"pattern":"^a","format":"uri","default":"a","description":"x"}),
            json!({"type":"string","description":"x (minLength: 1) (maxLength: 9) (pattern: ^a) (format: uri) (default: a)"}),
        ),
        (
            "E594 lists",
            GEMINI,
            json!({"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2,"uniqueItems":true,"examples":[["a"]]}),
            json!({"type":"array","description":"minItems: 1 (maxItems: 2) (uniqueItems: true) (examples: [[\"a\"]])","items":{"type":"string"}}),
        ),
        (
            "E594 numbers for Gemini",
            GEMINI,
            json!({"type":"number","minimum":-1.50,"maximum":2,"exclusiveMaximum":3}),
            json!({"type":"number","description":"exclusiveMaximum: 3","minimum":-1.50,"maximum":2}),
        ),
        (
            "E594 numbers for Antigravity",
            TOOL,
            json!({"type":"number","minimum":1,"multipleOf":2,"not":{"const":4}}),
            json!({"type":"number","description":"multipleOf: 2 (minimum: 1) (not: {\"const\":4})"}),
        ),
        ("a bound of a wrong type", GEMINI, json!({"minimum":"x"}), json!({"description":"minimum: x"})),
        (
            "E595",
            GEMINI,
            json!({"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}),
            json!({"type":"object","description":"No extra properties allowed","properties":{"a":{"type":"string"}}}),
        ),
        (
            "E603",
            GEMINI,
            json!({"$schema":"s","$id":"i","$comment":"c","title":"t","deprecated":true,"x-a":{"type":"object"},"enumTitles":[],"propertyNames":{},
                "patternProperties":{"a":{}},"additionalProperties":{"type":"string"},"readOnly":true,"type":"object","properties":{"a":{"type":"string"}}}),
            json!({"type":"object","properties":{"a":{"type":"string"}}}),
        ),
        (
            "E603 nullable",
            GEMINI,
            json!({"type":"string","nullable":true}),
            json!({"type":"string","description":"(nullable)"}),
        ),
        (
            "title for Antigravity",
            TOOL,
            json!({"type":"string","title":"t","nullable":true}),
            json!({"type":"string","title":"t","nullable":true}),
        ),
        (
            "places of a list",
            GEMINI,
            json!({"type":"array","prefixItems":[{"type":"string"},{"type":"object"}]}),
            json!({"type":"array","items":{"type":"object"}}),
        ),
        ("types of OpenAPI", GEMINI, json!({"type":"STRING"}), json!({"type":"string"})),
        ("no type", GEMINI, json!({"type":"blob","description":5}), json!({})),
        ("true", GEMINI, json!(true), json!({})),
    ] {
        assert_eq!(property(&schema, cleaning), expected, "{name}");
    }
}

#[test]
fn e596_e607_required_names_are_those_of_properties() {
    assert_eq!(
        cleaned(
            &json!({"type":"object","properties":{"a":{"type":"string"}},"required":["gone","a","a"]}),
            GEMINI
        ),
        json!({"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}),
        "E596"
    );
    assert_eq!(
        cleaned(
            &json!({"type":"object","properties":{"a":{"type":"string","required":true},"b":{"type":"string","required":false}}}),
            GEMINI
        ),
        json!({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"]}),
        "E607"
    );
}

#[test]
fn e597_e598_e599_placeholders_are_for_tools_that_need_them() {
    let empty = json!({"type":"object","properties":{}});
    assert_eq!(
        cleaned(&empty, PLACEHOLDERS),
        json!({"type":"object","properties":{"reason":{"type":"string"}},"required":["reason"]}),
        "E597"
    );
    let nested =
        json!({"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"string"}}}}});
    assert_eq!(
        cleaned(&nested, PLACEHOLDERS),
        json!({"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"string"},"_":{"type":"boolean"}},"required":["_"]}}}),
        "E598"
    );
    for cleaning in [GEMINI, TOOL, RESPONSE] {
        assert_eq!((cleaned(&empty, cleaning), cleaned(&nested, cleaning)), (empty.clone(), nested.clone()));
    }
    let closed = json!({"type":"object","properties":{},"additionalProperties":false});
    assert_eq!(cleaned(&closed, RESPONSE), closed, "E599");
}

#[test]
fn e605_e606_properties_where_a_schema_should_be() {
    let inner = json!({"type":"string"});
    for (name, schema, expected) in [
        (
            "E605 at the root",
            json!({"parent":{"type":"string"},"after":{"type":"string"}}),
            json!({"type":"object","properties":{"parent":inner,"after":inner}}),
        ),
        (
            "E605 within",
            json!({"type":"object","properties":{"p":{"parent":{"type":"string"}}}}),
            json!({"type":"object","properties":{"p":{"type":"object","properties":{"parent":inner}}}}),
        ),
        (
            "E606",
            json!({"title":{"type":"string"},"description":{"type":"string"},"type":{"type":"string"}}),
            json!({"type":"object","properties":{"title":inner,"description":inner,"type":inner}}),
        ),
        (
            "B50 objects under keywords",
            json!({"additionalProperties":{"type":"string"},"default":{"a":{"type":"string"}},"x-a":{"type":"string"}}),
            json!({"type":"object","description":"default: {\"a\":{\"type\":\"string\"}}","properties":{}}),
        ),
    ] {
        assert_eq!(cleaned(&schema, GEMINI), expected, "{name}");
    }
}

#[test]
fn e608_e609_numbers_and_characters_are_copied() {
    let text = r#"{"type":"object","title":"t","properties":{"a":{"type":"integer","maximum":123456789012345678901234567890,"description":"<b> & é"}}}"#;
    assert_eq!(
        clean(text, GEMINI).unwrap(),
        text.replace(r#""title":"t","#, "").replace(
            r#""maximum":123456789012345678901234567890,"description":"<b> & é""#,
            r#""description":"<b> & é","maximum":123456789012345678901234567890"#
        )
    );
}

#[test]
fn what_is_no_object_is_no_schema_and_deep_ones_end() {
    for text in ["true", "null", "[]", "nonsense", "", r#"{"a":1"#] {
        assert_eq!(clean(text, GEMINI), None, "{text}");
    }
    for (open, close) in [
        (r#"{"items":"#, "}"),
        (r#"{"properties":{"a":"#, "}}"),
        (r#"{"allOf":["#, "]}"),
        (r#"{"not":"#, "}"),
    ] {
        for depth in [60, 70, 200, 20_000] {
            let text = format!("{}{{\"type\":\"string\"}}{}", open.repeat(depth), close.repeat(depth));
            for cleaning in ALL {
                if let Some(found) = clean(&text, cleaning) {
                    assert!(serde_json::from_str::<&serde_json::value::RawValue>(&found).is_ok());
                }
            }
        }
    }
}

/// Any JSON with members that mean something in schemas, right or wrong.
fn schemas() -> impl Strategy<Value = Value> {
    let words = ["string", "object", "array", "null", "INTEGER", "a", "#/$defs/a", "#", "#/properties/a", ""];
    let leaf = prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let keys = [
        "type",
        "properties",
        "items",
        "required",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "not",
        "if",
        "then",
        "else",
        "description",
        "title",
        "nullable",
        "minimum",
        "maximum",
        "minProperties",
        "format",
        "additionalProperties",
        "prefixItems",
        "propertyOrdering",
        "default",
        "a",
        "x-a",
        "encrypted",
        "patternProperties",
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(keys.to_vec()), inner), 0..6).prop_map(
                |members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            ),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn b48_any_json_becomes_what_the_vendors_schema_has(schema in schemas(), which in 0..ALL.len()) {
        let text = schema.to_string();
        let Some(found) = clean(&text, ALL[which]) else {
            prop_assert!(!schema.is_object());
            return Ok(());
        };
        let value: Value = serde_json::from_str(&found).unwrap();
        assert_taken(&value);
        let twice = clean(&found, ALL[which]).unwrap();
        assert_taken(&serde_json::from_str(&twice).unwrap());
    }
}

#[test]
fn what_is_kept_is_what_cleaning_gives_however_often_and_after_everything_else_went() {
    use cliproxy_translator::pass::schema::{clean_kept, clean_telling};
    let all = [
        Cleaning::Gemini,
        Cleaning::AntigravityTool { placeholders: true },
        Cleaning::AntigravityTool { placeholders: false },
        Cleaning::AntigravityResponse,
    ];
    let long = |n: usize| {
        format!(
            r#"{{"type":"object","properties":{{"a{n}":{{"type":"string","pattern":"^a","description":"{}"}},"o":{{"type":"object"}}}}}}"#,
            "word ".repeat(200 + n % 7)
        )
    };
    // More than there is room for, twice over, and what is no schema or the same afterwards.
    let mut schemas: Vec<String> = (0..1500).map(long).collect();
    schemas.push(format!(r#"{{"type":"string","description":"{}"}}"#, "x".repeat(200)));
    schemas.push(format!("[{}]", " ".repeat(200)));
    schemas.push("{}".to_owned());
    for round in 0..2 {
        for schema in &schemas {
            for cleaning in all {
                for _ in 0..2 {
                    assert_eq!(
                        clean_kept(schema, cleaning),
                        clean_telling(schema, cleaning),
                        "{round} {schema}"
                    );
                }
            }
        }
    }
}
