//! Tool schemas of very many properties, names and references: each costs the same. Nothing is timed: with a look at all of
//! them for each of them, these tests would take minutes. Source: translation.md B46 to B50.

use cliproxy_translator::pass::schema::{
    Cleaning, claude_enforced, claude_input_schema, clean_telling, gemini_parameters, openai_enforces,
    openai_parameters,
};
use serde_json::{Map, Value, json};

use crate::many::{count, sent};

const WIDE: usize = 100_000;

/// Of references and answers.
const MANY: usize = 25_000;

fn named(at: usize) -> String {
    format!("v{at}")
}

/// Members of different names and one value.
fn members(value: &Value) -> Value {
    (0..WIDE).map(|at| (named(at), value.clone())).collect::<Map<_, _>>().into()
}

fn names() -> Value {
    (0..WIDE).map(named).collect()
}

/// A Chat client's question with a tool that has these parameters.
fn question(parameters: &Value) -> Value {
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": parameters}});
    json!({"model": "m", "messages": [{"role": "user", "content": "q"}], "tools": [tool]})
}

#[test]
fn properties_that_are_objects_without_properties() {
    let schema = json!({"type": "object", "properties": members(&json!({"type": "object"}))});
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}],
        "tools": [{"name": "f", "input_schema": schema}]});
    assert_eq!(count("claude", "openai", &body, r#""properties":{}"#), WIDE);
}

#[test]
fn properties_that_require_what_they_do_not_have() {
    let property = json!({"properties": {}, "required": ["a"]});
    let schema = json!({"type": "object", "properties": members(&property)});
    assert_eq!(count("openai", "gemini", &question(&schema), r#":{"properties":{}}"#), WIDE);
}

#[test]
fn properties_with_types_in_capitals() {
    let schema = json!({"type": "OBJECT", "properties": members(&json!({"type": "STRING"}))});
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]});
    assert_eq!(count("gemini", "claude", &body, r#""type":"string""#), WIDE);
}

#[test]
fn required_names_beside_a_union_and_properties_in_it() {
    let schema = json!({"anyOf": [], "required": names()});
    assert_eq!(count("openai", "claude", &question(&schema), r#""v"#), WIDE);
    for key in ["properties", "$defs", "definitions"] {
        let schema = json!({"anyOf": [{key: members(&json!(true))}]});
        assert_eq!(count("openai", "claude", &question(&schema), r#""v"#), WIDE, "{key}");
    }
}

#[test]
fn references_into_one_place_and_to_the_whole() {
    let references = |prefix: &str| -> Value {
        (0..MANY).map(|at| json!({"$ref": format!("{prefix}{}", named(at))})).collect()
    };
    let object = json!({"0": members(&json!("")), "allOf": references("#/0/m")});
    let array = json!({"0": vec![0; MANY], "allOf": references("#/0/m")});
    let mut root = members(&json!(""));
    root["allOf"] = references("#/m");
    for schema in [object, array, root] {
        assert_eq!(count("openai", "antigravity", &question(&schema), "See: mv"), MANY);
    }
    let schema = json!({"allOf": vec![json!({"$ref": "#"}); MANY]});
    assert_eq!(count("openai", "antigravity", &question(&schema), "See: #"), 1);
}

#[test]
fn things_that_only_a_description_can_say() {
    let schema = json!({"allOf": (0..WIDE).map(|at| json!({"not": at})).collect::<Vec<_>>()});
    assert_eq!(count("openai", "antigravity", &question(&schema), "(not: "), WIDE - 1);
}

/// A Responses client's calls and their answers.
fn conversation(calls: impl Iterator<Item = String>, answers: impl Iterator<Item = String>) -> Value {
    let call = |id| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let answer = |id| json!({"type": "function_call_output", "call_id": id, "output": "o"});
    let mut input = vec![json!({"role": "user", "content": "q"})];
    input.extend(calls.map(call).chain(answers.map(answer)));
    json!({"model": "m", "input": input})
}

#[test]
fn answers_without_an_id_are_of_the_first_call_that_waits() {
    let words = |list: &'static str| list.split(' ').map(|id| id.trim_matches('-').to_owned());
    for (calls, answers, expected) in [
        ("a b a", "- a - b", "a a b b"),
        ("a b a", "a a - -", "a a b -"),
        ("a b a c", "b a a a -", "b a a a c"),
        ("a b", "x b - -", "x b a -"),
        ("a a a", "a - a -", "a a a -"),
    ] {
        let body = conversation(words(calls), words(answers));
        let sent: Value = serde_json::from_slice(&sent("openai", "openai-response", false, &body)).unwrap();
        let answers = sent["input"].as_array().unwrap().iter().filter(|item| item["output"] == "o");
        let ids: Vec<_> = answers.map(|item| item["call_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, words(expected).collect::<Vec<_>>(), "{calls}");
    }
}

#[test]
fn answers_of_calls_in_the_other_order() {
    let body = conversation((0..MANY).map(named), (0..MANY).rev().map(named));
    for provider in ["codex", "openai-response"] {
        assert_eq!(count("openai", provider, &body, r#""function_call_output""#), MANY, "{provider}");
    }
}

/// Of members with one name the last counts, and what comes of it stands once: it is not written for each of them.
#[test]
fn large_members_behind_many_of_the_same_name() {
    let repeated = |key: &str| format!(r#""{key}":0,"#).repeat(WIDE);
    let large = members(&json!({"type": "object"})).to_string();
    let schema = format!(r#"{{"type":"object",{}"properties":{large}}}"#, repeated("properties"));
    let found = openai_parameters(&schema);
    assert_eq!(found.matches(r#""v1":{"type":"object","properties":{}}"#).count(), 1);
    let schema = format!(r#"{{{}"anyOf":[{{"properties":{large}}}]}}"#, repeated("properties"));
    assert_eq!(claude_input_schema(&schema).matches(r#""v1":"#).count(), 1);
    let required = format!(r#"["a",{}"b"]"#, r#""a","#.repeat(WIDE));
    let schema = format!(r#"{{"properties":{{"a":{{}}}},{}"required":{required}}}"#, repeated("required"));
    assert!(gemini_parameters(&schema).is_some_and(|found| found.len() < schema.len()));
}

#[test]
fn properties_that_are_made_up_below_a_long_name() {
    let objects = json!({"properties": members(&json!({"type": "object"}))});
    let schema = json!({"properties": {"l".repeat(WIDE): objects}}).to_string();
    let cleaning = Cleaning::AntigravityTool { placeholders: true };
    let (cleaned, _) = clean_telling(&schema, cleaning).unwrap();
    assert_eq!(cleaned.matches(r#"{"reason":"#).count(), WIDE);
}

#[test]
fn a_member_that_is_not_the_last_of_its_name_comes_in_no_other_s_place() {
    let schema =
        r#"{"type":"object","properties":{"a":{"type":"object"}},"properties":{"b":{"type":"string"}}}"#;
    assert_eq!(openai_parameters(schema), schema);
    let schema = r#"{"type":"object","properties":{"a":{"type":"object"},"a":{"type":"string"}}}"#;
    let expected =
        r#"{"type":"object","properties":{"a":{"type":"object","properties":{}},"a":{"type":"string"}}}"#;
    assert_eq!(openai_parameters(schema), expected);
}

#[test]
fn schemas_that_services_are_asked_to_enforce() {
    let closed = json!({"type": "object", "properties": members(&json!({"type": "string"})), "required": names(),
        "additionalProperties": false});
    let closed = closed.to_string();
    assert!(openai_enforces(&closed));
    assert!(claude_enforced(&closed).is_some());
    // Nobody has so many words for one schema: it is asked for in words.
    let mut odd = members(&json!(0));
    odd["type"] = json!("string");
    assert_eq!(claude_enforced(&odd.to_string()), None);
}
