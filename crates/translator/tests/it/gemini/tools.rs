//! Names, choices and schemas of tools as Gemini takes them. Source: translation.md B7, B9, B48, D.29.

use cliproxy_translator::Profile;
use cliproxy_translator::pass::names::gemini_name;
use serde_json::{Value, json};

use super::{codec_of, declared_names, sent, to_gemini};
use crate::schema::assert_valid;

const RS: &str = "openai-response";

#[test]
fn e576_a_name_is_made_of_what_gemini_takes() {
    for (name, expected) in [
        ("a_Z.9:-", "a_Z.9:-".to_owned()),
        ("read file@1/x", "read_file_1_x".to_owned()),
        ("1a", "_1a".to_owned()),
        (".a", "_.a".to_owned()),
        ("-a", "_-a".to_owned()),
        ("_a", "_a".to_owned()),
        ("", "_".to_owned()),
        ("größe", "gr__e".to_owned()),
        ("名", "_".to_owned()),
        (&"x".repeat(64), "x".repeat(64)),
        (&"x".repeat(65), "x".repeat(64)),
        (&"1".repeat(64), format!("_{}", "1".repeat(63))),
    ] {
        assert_eq!(gemini_name(name), expected, "E576 {name:?}");
    }
}

#[test]
fn e578_the_names_of_every_shape_of_declaration_are_collected() {
    let function = |name: &str| json!({"type":"function","name":name,"parameters":{"type":"object"}});
    let input = json!({"model":"m","input":"q"});
    let contents = json!({"model":"m","contents":[{"role":"user","parts":[{"text":"q"}]}]});
    let messages = json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}]});
    for (client, mut body, tools) in [
        (RS, input.clone(), json!([function("a b"), function("a@b")])),
        (RS, input.clone(), json!([{"type":"custom","name":"a b"},{"type":"custom","name":"a@b"}])),
        (RS, input, json!([{"type":"namespace","name":"n s","tools":[function("a b"), function("a@b")]}])),
        (
            "openai",
            messages.clone(),
            json!([{"type":"function","function":{"name":"a b"}},{"type":"function","function":{"name":"a@b"}}]),
        ),
        (
            "claude",
            messages,
            json!([{"name":"a b","input_schema":{"type":"object"}},{"name":"a@b","input_schema":{"type":"object"}}]),
        ),
        (
            "gemini",
            contents.clone(),
            json!([{"functionDeclarations":[{"name":"a b"}]},{"functionDeclarations":[{"name":"a@b"}]}]),
        ),
        ("gemini", contents, json!([{"function_declarations":[{"name":"a b"},{"name":"a@b"}]}])),
    ] {
        body["tools"] = tools;
        let (value, encoded) = sent(client, &body, &Profile::new("gemini-3-pro", false));
        let names = declared_names(&value);
        assert_eq!(names.len(), 2, "E578 {client}: {value:#}");
        assert_ne!(names[0], names[1], "E578 {client}: two tools stay two");
        for (name, end) in names.iter().zip(["a b", "a@b"]) {
            assert!(gemini_name(name) == *name && name.contains("a_b_"), "E578 {client}: {name}");
            assert!(encoded.names.declared(name).ends_with(end), "E578 {client}: it reverses");
        }
    }
}

#[test]
fn e580_every_choice_of_responses_clients_is_a_mode_and_names() {
    let tools = json!([{"type":"function","name":"f","parameters":{"type":"object"}},{"type":"custom","name":"c"},
        {"type":"namespace","name":"ns","tools":[{"type":"function","name":"g","parameters":{"type":"object"}}]}]);
    let mode = |mode: &str| json!({"mode":mode});
    let only = |names: Value| json!({"mode":"ANY","allowedFunctionNames":names});
    for (choice, expected, losses) in [
        (json!("auto"), mode("AUTO"), 0),
        (json!("none"), mode("NONE"), 0),
        (json!("required"), mode("ANY"), 0),
        (json!("any"), mode("ANY"), 0),
        (json!({"type":"function","name":"f"}), only(json!(["f"])), 0),
        (json!({"type":"function","function":{"name":"f"}}), only(json!(["f"])), 0),
        (json!({"type":"custom","name":"c"}), only(json!(["c"])), 0),
        (json!({"type":"custom","custom":{"name":"c"}}), only(json!(["c"])), 0),
        (json!({"type":"function","name":"g","namespace":"ns"}), only(json!(["ns__g"])), 0),
        (
            json!({"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"custom","name":"c"}]}),
            only(json!(["f", "c"])),
            0,
        ),
        (
            json!({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"},{"type":"function","name":"gone"}]}),
            json!({"mode":"VALIDATED","allowedFunctionNames":["f"]}),
            0,
        ),
        (json!({"type":"function","name":"gone"}), Value::Null, 1),
        (json!({"type":"web_search"}), Value::Null, 1),
        (json!({"type":"mcp","server_label":"s"}), Value::Null, 1),
    ] {
        let body = json!({"model":"m","input":"q","tools":tools,"tool_choice":choice});
        let (value, encoded) = sent(RS, &body, &Profile::new("gemini-3-pro", false));
        let found =
            value.get("toolConfig").map_or(Value::Null, |config| config["functionCallingConfig"].clone());
        assert_eq!(found, expected, "E580 {choice}");
        assert_eq!(encoded.losses.len(), losses, "E580 {choice}: what cannot be said is told");
    }
    let body = json!({"model":"m","input":"q","tools":tools});
    assert!(to_gemini(RS, &body).get("toolConfig").is_none(), "E580: nothing was chosen");
}

#[test]
fn e582_long_and_colliding_names_of_namespaces_are_unique_and_reversible() {
    let function = |name: &str| json!({"type":"function","name":name,"parameters":{"type":"object"}});
    let space = format!("mcp__{}", "s".repeat(70));
    let body = json!({"model":"m","input":"q","tools":[
        {"type":"namespace","name":space,"tools":[function("read"), function("write")]},
        {"type":"namespace","name":"a b","tools":[function("c")]},
        {"type":"namespace","name":"a@b","tools":[function("c")]},
        function("a_b__c")]});
    let (value, encoded) = sent(RS, &body, &Profile::new("gemini-3-pro", false));
    let names = declared_names(&value);
    let declared: Vec<_> = names.iter().map(|name| encoded.names.declared(name).to_owned()).collect();
    assert_eq!(
        declared,
        [
            format!("{space}__read"),
            format!("{space}__write"),
            "a b__c".into(),
            "a@b__c".into(),
            "a_b__c".into()
        ],
        "E582"
    );
    let unique: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "E582: {names:?}");
    assert!(names.iter().all(|name| name.len() <= 64), "E582: {names:?}");
    assert_eq!(names[4], "a_b__c", "E582: a name that is fine stays");
    assert_eq!(
        declared_names(&sent(RS, &body, &Profile::new("gemini-3-pro", false)).0),
        names,
        "E582: every time"
    );
}

/// What a client declares, as a backend gets it.
fn declared(backend: &str, client: &str, body: &Value) -> Value {
    let text = body.to_string();
    let client = codec_of(client);
    let request = client.decode_request(text.as_bytes()).unwrap();
    let encoded = codec_of(backend).encode_request(&request, &Profile::new("gemini-2.5-pro", false)).unwrap();
    let value: Value = serde_json::from_slice(&encoded.body).unwrap();
    let request = value.get("request").unwrap_or(&value);
    assert_valid("gemini.tool", &request["tools"][0]);
    request["tools"][0]["functionDeclarations"][0].clone()
}

#[test]
fn b48_code_assist_gets_clean_schemas_and_the_public_api_whole_ones() {
    let schema = json!({"type":"object","properties":{"a":{"$ref":"#/$defs/d"},"b":{"type":["string","null"]}},"required":["a","b"],
        "additionalProperties":false,"$defs":{"d":{"type":"string","pattern":"^a"}}});
    let clean = json!({"type":"object","description":"No extra properties allowed",
        "properties":{"a":{"type":"string","description":"pattern: ^a"},"b":{"type":"string","description":"(nullable)"}},"required":["a"]});
    let chat = json!({"model":"m","messages":[{"role":"user","content":"q"}],"tools":[{"type":"function","function":{"name":"f","parameters":schema}}]});
    assert_eq!(declared("gemini", "openai", &chat)["parametersJsonSchema"], schema);
    assert_eq!(declared("gemini-cli", "openai", &chat)["parametersJsonSchema"], clean);
    let claude = json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],"tools":[{"name":"f","input_schema":schema}]});
    assert_eq!(declared("gemini-cli", "claude", &claude)["parametersJsonSchema"], clean);
    // Clients of the format itself know what they say.
    let own = json!({"model":"m","contents":[{"role":"user","parts":[{"text":"q"}]}],
        "tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":schema}]}]});
    assert_eq!(declared("gemini-cli", "gemini", &own)["parametersJsonSchema"], schema);
}
