//! A Chat Completions client's request as Codex gets it. Source: translation.md D.15.

use serde_json::{Value, json};

use super::{CC, CX, RS, items, request};

fn conversation(messages: Value) -> Vec<Value> {
    items(CC, CX, &json!({"model":"m","messages":messages}))
}

fn call(id: &str, name: &str) -> Value {
    json!({"id":id,"type":"function","function":{"name":name,"arguments":"{}"}})
}

fn custom(id: &str, name: &str) -> Value {
    json!({"id":id,"type":"custom","custom":{"name":name,"input":"x"}})
}

fn calls(content: Value, calls: Value) -> Value {
    json!({"role":"assistant","content":content,"tool_calls":calls})
}

fn tool(id: &str, content: Value) -> Value {
    json!({"role":"tool","tool_call_id":id,"content":content})
}

fn user() -> Value {
    json!({"role":"user","content":"q"})
}

fn kinds(items: &[Value]) -> Vec<String> {
    items
        .iter()
        .map(|item| match item["role"].as_str() {
            Some(role) => role.to_owned(),
            None => format!("{} {}", item["type"].as_str().unwrap(), item["call_id"].as_str().unwrap()),
        })
        .collect()
}

#[test]
fn e260_e261_e268_to_e271_e276_messages_become_items_in_order() {
    let system = json!({"role":"system","content":"s"});
    let got = conversation(json!([
        system,
        user(),
        calls(Value::Null, json!([call("a", "f")])),
        tool("a", "ok".into())
    ]));
    assert_eq!(kinds(&got), ["developer", "user", "function_call a", "function_call_output a"]);
    assert_eq!(got[3]["output"], "ok");
    // E261.
    let got =
        conversation(json!([user(), calls("t".into(), json!([call("a", "f")])), tool("a", "ok".into())]));
    assert_eq!(kinds(&got), ["user", "assistant", "function_call a", "function_call_output a"]);
    assert_eq!(got[1]["content"], json!([{"type":"output_text","text":"t"}]));
    // E268.
    let three = json!([call("a", "f"), call("b", "g"), call("c", "h")]);
    let got = conversation(json!([
        user(),
        calls(Value::Null, three),
        tool("a", "1".into()),
        tool("b", "2".into()),
        tool("c", "3".into())
    ]));
    assert_eq!(
        kinds(&got)[1..],
        [
            "function_call a",
            "function_call b",
            "function_call c",
            "function_call_output a",
            "function_call_output b",
            "function_call_output c"
        ]
    );
    // E269, E270: nothing empty.
    let got = conversation(json!([user(), calls("".into(), json!([call("a", "f")])), tool("a", "1".into())]));
    assert_eq!(kinds(&got), ["user", "function_call a", "function_call_output a"]);
    // E271, E276.
    let got = conversation(json!([
        user(),
        calls(Value::Null, json!([call("a", "f")])),
        tool("a", "1".into()),
        calls(Value::Null, json!([call("b", "f")])),
        tool("b", "2".into())
    ]));
    assert_eq!(
        kinds(&got)[1..],
        ["function_call a", "function_call_output a", "function_call b", "function_call_output b"]
    );
}

fn output(content: Value) -> Value {
    conversation(json!([user(), calls(Value::Null, json!([call("a","f")])), tool("a", content)]))[2]["output"].clone()
}

#[test]
fn e262_to_e266_what_tools_answer() {
    assert_eq!(
        output(json!([{"type":"text","text":"t"},
            {"type":"image_url","image_url":{"url":"https://a.example/i.png","detail":"low"}},
            {"type":"image_url","image_url":{"file_id":"file_2","detail":"high"}},
            {"type":"file","file":{"file_id":"file_1"}},
            {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="}},
            {"type":"file","file":{"file_url":"https://a.example/a.pdf"}}])),
        json!([{"type":"input_text","text":"t"},
            {"type":"input_image","detail":"low","image_url":"https://a.example/i.png"},
            {"type":"input_image","detail":"high","file_id":"file_2"},
            {"type":"input_file","file_id":"file_1"},
            {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="},
            {"type":"input_file","file_url":"https://a.example/a.pdf"}])
    );
    // E263, E264.
    assert_eq!(
        output(r#"[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]"#.into()),
        json!([{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,AA=="}])
    );
    for text in ["plain", r#"{"a":1}"#, r#"[1,2]"#, r#"[{"type":"text","text":"image"}]"#] {
        assert_eq!(output(text.into()), text);
    }
    // E265: what is no part stays as its JSON.
    assert_eq!(
        output(
            json!([{"type":"mystery","x":1},{"type":"image_url","image_url":{"url":"https://a.example/i.png"}}])
        )[0],
        json!({"type":"input_text","text":r#"{"type":"mystery","x":1}"#})
    );
    // E266.
    assert_eq!(output(json!({"a":1})), r#"{"a":1}"#);
    assert_eq!(output(json!(5)), "5");
    assert_eq!(output(Value::Null), "", "E266, fixed: null is no content, not a word");
}

#[test]
fn e267_sound_is_nested_as_the_format_has_it() {
    let got = conversation(
        json!([{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}}]}]),
    );
    assert_eq!(
        got[0]["content"],
        json!([{"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}}])
    );
}

#[test]
fn e272_e273_e274_e275_names_are_shortened_and_keep_their_family() {
    let long = "x".repeat(70);
    let body = json!({"model":"m","tools":[{"type":"function","function":{"name":long,"parameters":{}}},
            {"type":"custom","custom":{"name":format!("{long}c")}}],
        "tool_choice":{"type":"custom","custom":{"name":format!("{long}c")}},
        "messages":[user(), calls(Value::Null, json!([call("a",&long), custom("b",&format!("{long}c"))])), tool("a","1".into()), tool("b","2".into())]});
    let got = request(CC, CX, &body);
    let (function, free) =
        (got["tools"][0]["name"].as_str().unwrap(), got["tools"][1]["name"].as_str().unwrap());
    assert!(function.len() <= 64 && free.len() <= 64 && function != free);
    assert_eq!((&got["input"][1]["name"], &got["input"][2]["name"]), (&json!(function), &json!(free)));
    assert_eq!(got["input"][1]["call_id"], "a");
    assert_eq!(got["tool_choice"], json!({"type":"custom","name":free}));
    assert_eq!(got["input"][4]["type"], "custom_tool_call_output");
    // E274: a short name that another tool really has is that tool's.
    let cut = &long[..64];
    let body = json!({"model":"m","tools":[{"type":"function","function":{"name":cut,"parameters":{}}},{"type":"custom","custom":{"name":long}}],
        "messages":[user(), calls(Value::Null, json!([call("a",cut)])), tool("a","1".into())]});
    let got = request(CC, CX, &body);
    assert_eq!((&got["input"][1]["type"], &got["input"][1]["name"]), (&json!("function_call"), &json!(cut)));
    assert_ne!(got["tools"][1]["name"], cut);
    // E275: a name that is both counts as a function's (B11).
    let body = json!({"model":"m","tools":[{"type":"function","function":{"name":"f","parameters":{}}},{"type":"custom","custom":{"name":"f"}}],
        "messages":[user(), calls(Value::Null, json!([custom("a","f")])), tool("a","1".into())]});
    let got = request(CC, CX, &body);
    assert_eq!(
        (&got["input"][1]["type"], &got["input"][2]["type"]),
        (&json!("function_call"), &json!("function_call_output"))
    );
}

#[test]
fn e277_to_e280_answers_are_of_the_family_of_their_call() {
    // E279: mixed in one turn.
    let got = conversation(json!([
        user(),
        calls(Value::Null, json!([custom("a", "exec"), call("b", "f")])),
        tool("a", "1".into()),
        tool("b", "2".into())
    ]));
    assert_eq!(
        kinds(&got)[1..],
        ["custom_tool_call a", "function_call b", "custom_tool_call_output a", "function_call_output b"]
    );
    assert_eq!(got[1]["input"], "x");
    // E278: a call that went to the client as a function is what its declaration says.
    let got = items(
        CC,
        CX,
        &json!({"model":"m","tools":[{"type":"custom","custom":{"name":"exec"}}],"messages":[user(),
        calls(Value::Null, json!([{"id":"a","type":"function","function":{"name":"exec","arguments":"{\"input\":\"ls\"}"}}])), tool("a","1".into())]}),
    );
    assert_eq!((&got[1]["type"], &got[1]["input"]), (&json!("custom_tool_call"), &json!("ls")));
    assert_eq!(got[2]["type"], "custom_tool_call_output");
    // E280: the same id again, of the other family.
    let got = conversation(json!([
        user(),
        calls(Value::Null, json!([custom("a", "exec")])),
        tool("a", "1".into()),
        calls(Value::Null, json!([call("a", "f")])),
        tool("a", "2".into())
    ]));
    assert_eq!(
        kinds(&got)[1..],
        ["custom_tool_call a", "custom_tool_call_output a", "function_call a", "function_call_output a"]
    );
}

#[test]
fn e281_e282_e283_answers_without_id_find_their_call() {
    let got = conversation(
        json!([user(), calls(Value::Null, json!([{"type":"custom","custom":{"name":"exec","input":"x"}}])),
        {"role":"tool","content":"1"}, tool("orphan","2".into())]),
    );
    assert_eq!(got.len(), 3);
    let id = got[1]["call_id"].as_str().unwrap();
    assert!(!id.is_empty() && got[2]["call_id"] == id);
    assert_eq!(got[2]["type"], "custom_tool_call_output");
    // E282: what was never answered does not take the answer of the next batch.
    let got = conversation(json!([
        user(),
        calls(Value::Null, json!([call("a", "f")])),
        user(),
        calls(Value::Null, json!([call("b", "g")])),
        tool("b", "2".into())
    ]));
    let last = got.last().unwrap();
    assert_eq!((&last["call_id"], &last["output"]), (&json!("b"), &json!("2")));
    // Nor does it where the answer has no id.
    let got = conversation(json!([
        user(),
        calls(Value::Null, json!([call("a", "f")])),
        user(),
        calls(Value::Null, json!([call("b", "g")])),
        tool("", "2".into())
    ]));
    let last = got.last().unwrap();
    assert_eq!((&last["call_id"], &last["output"]), (&json!("b"), &json!("2")), "E282");
    // Where the latest have theirs, an earlier one may still wait.
    let got = conversation(json!([
        user(),
        calls(Value::Null, json!([call("a", "f")])),
        user(),
        calls(Value::Null, json!([call("b", "g")])),
        tool("b", "2".into()),
        tool("", "1".into())
    ]));
    let of =
        |id: &str| got.iter().find(|item| item["type"] == "function_call_output" && item["call_id"] == id);
    assert_eq!(
        (&of("a").unwrap()["output"], &of("b").unwrap()["output"]),
        (&json!("1"), &json!("2")),
        "E282"
    );
    // E283.
    let got = conversation(json!([
        user(),
        calls(Value::Null, json!([call("a", "f"), call("b", "g")])),
        tool("", "1".into()),
        tool("b", "2".into())
    ]));
    assert_eq!((&got[3]["call_id"], &got[3]["output"]), (&json!("a"), &json!("1")));
}

#[test]
fn e284_e285_what_nobody_can_tell_apart_is_left_out() {
    let got = conversation(json!([
        user(),
        calls("t".into(), json!([call("a", "f"), call("a", "g"), call("b", "h")])),
        tool("a", "1".into()),
        tool("a", "2".into()),
        tool("b", "3".into())
    ]));
    assert_eq!(kinds(&got), ["user", "assistant", "function_call b", "function_call_output b"]);
    let got = conversation(json!([
        user(),
        calls(Value::Null, json!([call("a", "f")])),
        tool("a", "first".into()),
        tool("a", "second".into()),
        tool("x", "3".into())
    ]));
    assert_eq!(kinds(&got), ["user", "function_call a", "function_call_output a"]);
    assert_eq!(got[2]["output"], "first");
}

#[test]
fn e286_e287_tools_are_flat_and_hosted_ones_pass() {
    let got = request(
        CC,
        CX,
        &json!({"model":"m","messages":[user()],"tools":[
        {"type":"function","function":{"name":"f","description":"d","strict":true,"parameters":{"type":"object","properties":{}}}},
        {"type":"custom","custom":{"name":"exec","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: x"}}}},
        {"type":"web_search_preview"}],
        "tool_choice":{"type":"web_search_preview"}}),
    );
    assert_eq!(
        got["tools"],
        json!([{"type":"function","name":"f","description":"d","parameters":{"type":"object","properties":{}},"strict":true},
            {"type":"custom","name":"exec","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
            {"type":"web_search"}])
    );
    assert_eq!(got["tool_choice"], json!({"type":"web_search"}));
}

#[test]
fn the_rest_of_a_chat_request() {
    let body = json!({"model":"m","messages":[user()],"temperature":0.5,"max_tokens":50,"user":"u","seed":1,"stop":["x"],
        "reasoning_effort":"low","verbosity":"low","prompt_cache_key":"k","service_tier":"flex",
        "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}});
    let got = request(CC, CX, &body);
    assert_eq!(
        (&got["reasoning"], &got["prompt_cache_key"]),
        (&json!({"effort":"low","summary":"auto"}), &json!("k"))
    );
    assert_eq!(
        got["text"],
        json!({"format":{"type":"json_schema","name":"n","schema":{"type":"object"}},"verbosity":"low"})
    );
    for gone in ["temperature", "max_output_tokens", "user", "seed", "stop", "service_tier"] {
        assert_eq!(got.get(gone), None, "{gone}");
    }
    let got = request(CC, RS, &body);
    assert_eq!(
        (
            &got["temperature"],
            &got["max_output_tokens"],
            &got["user"],
            &got["service_tier"],
            &got["reasoning"]["effort"]
        ),
        (&json!(0.5), &json!(50), &json!("u"), &json!("flex"), &json!("low"))
    );
    let several = json!({"model":"m","messages":[user()],"n":2});
    let error = super::encoded(CC, CX, &several, &cliproxy_translator::Profile::new("m", true)).unwrap_err();
    assert_eq!(error.param(), Some("n"));
}
