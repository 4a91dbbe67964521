//! A Responses client's request as Claude gets it. Source: translation.md D.4.

use cliproxy_translator::Profile;
use serde_json::{Value, json};

use super::{CL, RS, claude_signature, encoded, gpt_signature, request, request_with};

fn claude(input: Value) -> Value {
    request(RS, CL, &json!({"model":"m","input":input}))
}

fn messages(input: Value) -> Value {
    let mut value = claude(input);
    // Where breakpoints are set automatically is the Claude codec's matter.
    strip(&mut value["messages"]);
    value["messages"].take()
}

fn strip(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(strip),
        Value::Object(map) => {
            map.remove("cache_control");
            map.values_mut().for_each(strip);
        }
        _ => {}
    }
}

fn user(text: &str) -> Value {
    json!({"type":"message","role":"user","content":[{"type":"input_text","text":text}]})
}

fn assistant(text: &str) -> Value {
    json!({"type":"message","role":"assistant","content":[{"type":"output_text","text":text,"annotations":[]}]})
}

fn call(id: &str, name: &str) -> Value {
    json!({"type":"function_call","call_id":id,"name":name,"arguments":"{}"})
}

fn output(id: &str, text: &str) -> Value {
    json!({"type":"function_call_output","call_id":id,"output":text})
}

fn tool(name: &str) -> Value {
    json!({"type":"function","name":name,"parameters":{"type":"object","properties":{}},"strict":false})
}

/// Types and texts of the blocks of messages.
fn shape(messages: &Value) -> Vec<String> {
    let blocks = |message: &Value| match &message["content"] {
        Value::String(text) => format!("text {text}"),
        content => content
            .as_array()
            .unwrap()
            .iter()
            .map(|block| {
                let kind = block["type"].as_str().unwrap();
                match block["text"].as_str() {
                    Some(text) => format!("{kind} {text}"),
                    None => kind.to_owned(),
                }
            })
            .collect::<Vec<_>>()
            .join(", "),
    };
    messages
        .as_array()
        .unwrap()
        .iter()
        .map(|message| format!("{}: {}", message["role"].as_str().unwrap(), blocks(message)))
        .collect()
}

#[test]
fn e038_illegal_call_ids_are_cleaned_alike_on_call_and_output() {
    let got = messages(json!([user("q"), call("fc.a:1", "f"), output("fc.a:1", "ok")]));
    assert_eq!(got[1]["content"][0]["id"], "fc_a_1");
    assert_eq!(got[2]["content"][0]["tool_use_id"], "fc_a_1");
}

#[test]
fn e039_e043_e044_thoughts_that_claude_signed_go_back_to_it() {
    let signature = claude_signature();
    for (item, text) in [
        (json!({"summary":[{"type":"summary_text","text":"why"}]}), "why"),
        (json!({"summary":[],"content":[{"type":"reasoning_text","text":"raw"}]}), "raw"),
        (
            json!({"summary":[{"type":"summary_text","text":"why"}],"content":[{"type":"reasoning_text","text":"why"}]}),
            "why",
        ),
        // E044: where they differ the summary is what is told.
        (
            json!({"summary":[{"type":"summary_text","text":"why"}],"content":[{"type":"reasoning_text","text":"all of it"}]}),
            "why",
        ),
    ] {
        let mut item = item;
        item["type"] = "reasoning".into();
        item["id"] = "rs_1".into();
        item["encrypted_content"] = signature.clone().into();
        let got = messages(json!([user("q"), item, assistant("a")]));
        assert_eq!(
            got[1]["content"],
            json!([{"type":"thinking","thinking":text,"signature":signature},{"type":"text","text":"a"}])
        );
    }
}

#[test]
fn e040_a_state_without_text_is_a_turn_of_its_own_before_the_user() {
    let item = json!({"type":"reasoning","summary":[],"encrypted_content":claude_signature()});
    let got = messages(json!([user("q"), item, user("next")]));
    assert_eq!(shape(&got), ["user: text q", "assistant: thinking", "user: text next"]);
    assert_eq!(got[1]["content"][0]["thinking"], "");
}

#[test]
fn e041_e042_redacted_thoughts_come_back_from_their_mark() {
    let item = |state: &str| json!({"type":"reasoning","summary":[],"encrypted_content":state});
    let got = messages(json!([user("q"), item("cliproxy:redacted:ZGF0YQ=="), assistant("a")]));
    assert_eq!(got[1]["content"][0], json!({"type":"redacted_thinking","data":"ZGF0YQ=="}));
    let got = messages(json!([user("q"), item("cliproxy:redacted:"), assistant("a")]));
    assert_eq!(shape(&got), ["user: text q", "assistant: text a"]);
}

#[test]
fn e045_thoughts_of_gpt_do_not_go_to_claude() {
    let item = json!({"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":gpt_signature()});
    assert_eq!(shape(&messages(json!([item, user("q")]))), ["user: text q"]);
}

#[test]
fn e046_a_compatible_backend_gets_unsigned_thoughts() {
    let mut profile = Profile::new("claude-sonnet-5", false);
    profile.keeps_reasoning_text = true;
    let item = json!({"type":"reasoning","summary":[{"type":"summary_text","text":"s"}]});
    let got = request_with(RS, CL, &json!({"model":"m","input":[user("q"), item, assistant("a")]}), &profile);
    assert_eq!(got["messages"][1]["content"][0]["type"], "thinking");
    assert_eq!(got["messages"][1]["content"][0]["thinking"], "s");
}

#[test]
fn e047_one_round_is_two_turns() {
    let state = json!({"type":"reasoning","summary":[],"encrypted_content":claude_signature()});
    let got = messages(json!([
        state,
        assistant("a"),
        call("c1", "f"),
        call("c2", "g"),
        output("c1", "1"),
        output("c2", "2")
    ]));
    assert_eq!(
        shape(&got),
        ["assistant: thinking, text a, tool_use, tool_use", "user: tool_result, tool_result"]
    );
}

#[test]
fn e048_e049_e050_user_items_merge_and_keep_their_marks() {
    let marked = json!({"type":"message","role":"user","content":[{"type":"input_text","text":"a","cache_control":{"type":"ephemeral"}}]});
    let got = claude(json!([marked, user("b")]));
    assert_eq!(
        got["messages"],
        json!([{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"}]}])
    );
    let got = messages(json!([user("a"), assistant("b"), user("c")]));
    assert_eq!(shape(&got), ["user: text a", "assistant: text b", "user: text c"]);
    let empty = json!({"role":"user","content":""});
    let got = messages(json!([user("q"), assistant("a"), empty, assistant("b")]));
    assert_eq!(shape(&got), ["user: text q", "assistant: text a, text b"]);
}

#[test]
fn e051_an_image_in_an_output_stays_an_image() {
    let out = json!({"type":"function_call_output","call_id":"c","output":[
        {"type":"input_text","text":"seen"},
        {"type":"input_image","image_url":"data:image/png;base64,AA=="}]});
    let got = messages(json!([user("q"), call("c", "f"), out]));
    assert_eq!(
        got[2]["content"][0]["content"],
        json!([{"type":"text","text":"seen"},
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}])
    );
}

#[test]
fn e052_a_call_moves_behind_the_text_so_that_its_result_follows() {
    let got = messages(json!([user("q"), call("c", "f"), assistant("a"), output("c", "ok")]));
    assert_eq!(shape(&got), ["user: text q", "assistant: text a, tool_use", "user: tool_result"]);
}

#[test]
fn e053_e060_free_form_tools_are_emulated() {
    // The reference drops apply_patch; we emulate it like any other (F37).
    let got = request(
        RS,
        CL,
        &json!({"model":"m",
        "tools":[{"type":"custom","name":"apply_patch","description":"d"}, tool("f")],
        "input":[user("q"),
            {"type":"custom_tool_call","call_id":"c","name":"apply_patch","input":"*** x"},
            {"type":"custom_tool_call_output","call_id":"c","output":"done"}]}),
    );
    assert_eq!(got["tools"][0]["name"], "apply_patch");
    assert_eq!(got["tools"][0]["input_schema"]["required"], json!(["input"]));
    assert_eq!(got["tools"][1]["name"], "f");
    assert_eq!(got["messages"][1]["content"][0]["input"], json!({"input":"*** x"}));
    assert_eq!(got["messages"][2]["content"][0]["tool_use_id"], "c");
}

#[test]
fn e054_unions_at_the_root_of_a_schema_are_merged() {
    let got = request(
        RS,
        CL,
        &json!({"model":"m","input":"q","tools":[{"type":"function","name":"f","strict":false,
        "parameters":{"oneOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}}}]}}]}),
    );
    assert_eq!(got["tools"][0]["input_schema"], json!({"type":"object","properties":{"a":{},"b":{}}}));
}

/// Names of the declared tools, with descriptions that tell where they come from.
fn declared(body: &Value) -> Vec<String> {
    let got = request(RS, CL, body);
    let tools = got["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| {
            format!("{} {}", tool["name"].as_str().unwrap(), tool["description"].as_str().unwrap_or(""))
        })
        .collect()
}

fn named(name: &str, description: &str) -> Value {
    json!({"type":"function","name":name,"description":description,"parameters":{},"strict":false})
}

fn space(name: &str, tools: Value) -> Value {
    json!({"type":"namespace","name":name,"description":"","tools":tools})
}

fn late(tools: Value) -> Value {
    json!({"type":"additional_tools","role":"developer","tools":tools})
}

#[test]
fn e055_to_e059_tools_of_all_places_are_declared_once_and_the_winner_by_rank() {
    // E055: top level beats what the conversation declares.
    assert_eq!(
        declared(&json!({"model":"m","tools":[named("f","top")],
            "input":[late(json!([named("f","late"), named("g","late")])), user("q")]})),
        ["f top", "g late"]
    );
    // E056: a child and a plain tool of one final name.
    assert_eq!(
        declared(
            &json!({"model":"m","input":"q","tools":[space("ns", json!([named("a","child")])), named("ns__a","plain")]})
        ),
        ["ns__a plain"]
    );
    // E058: the same among late ones.
    assert_eq!(
        declared(
            &json!({"model":"m","input":[late(json!([space("ns", json!([named("a","child")]))])), late(json!([named("ns__a","direct")])), user("q")]})
        ),
        ["ns__a direct"]
    );
    // E059: in the order of declaration.
    assert_eq!(
        declared(
            &json!({"model":"m","tools":[named("z","1"), space("ns", json!([named("b","2"), named("a","3")]))],
            "input":[late(json!([named("y","4")])), user("q")]})
        ),
        ["z 1", "ns__b 2", "ns__a 3", "y 4"]
    );
}

#[test]
fn e057_the_winner_decides_whether_a_name_is_free_form() {
    let got = request(
        RS,
        CL,
        &json!({"model":"m","input":"q","tools":[
        space("ns", json!([named("run","child")])), {"type":"custom","name":"ns__run","description":"direct"}]}),
    );
    assert_eq!(got["tools"].as_array().unwrap().len(), 1);
    assert_eq!(got["tools"][0]["input_schema"]["required"], json!(["input"]));
}

#[test]
fn e061_e062_namespaces_are_flattened_in_history_and_choice() {
    let body = |choice: Value| {
        json!({"model":"m","tools":[space("term", json!([named("run","")])), {"type":"custom","name":"exec"}],
        "tool_choice":choice,
        "input":[user("q"), {"type":"function_call","call_id":"c","name":"run","namespace":"term","arguments":"{}"}, output("c","ok")]})
    };
    let got = request(RS, CL, &body(json!({"type":"function","name":"run"})));
    assert_eq!(got["tools"][0]["name"], "term__run");
    assert_eq!(got["messages"][1]["content"][0]["name"], "term__run");
    assert_eq!(got["tool_choice"], json!({"type":"tool","name":"term__run"}));
    let got = request(RS, CL, &body(json!({"type":"custom","name":"exec"})));
    assert_eq!(got["tool_choice"], json!({"type":"tool","name":"exec"}));
    let got = request(RS, CL, &body(json!({"type":"function","name":"nobody"})));
    assert_eq!(got.get("tool_choice"), None);
    // E062: of two tools of one name the namespace tells.
    let got = request(
        RS,
        CL,
        &json!({"model":"m","input":"q","tools":[space("term", json!([named("run","")])), space("shell", json!([named("run","")]))],
            "tool_choice":{"type":"function","name":"run","namespace":"shell"}}),
    );
    assert_eq!(got["tool_choice"], json!({"type":"tool","name":"shell__run"}), "E062");
}

#[test]
fn e063_a_child_that_only_begins_like_its_namespace_is_prefixed() {
    assert_eq!(
        declared(
            &json!({"model":"m","input":"q","tools":[space("term", json!([named("terminal","a"), named("term","b"), named("term__x","c"), named("mcp__y","d")]))]})
        ),
        ["term__terminal a", "term b", "term__x c", "mcp__y d"]
    );
}

#[test]
fn e065_e069_marks_stay_where_they_are() {
    let got = claude(json!([{"type":"message","role":"user","content":[
        {"type":"input_text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"input_text","text":"b"}]}]));
    assert_eq!(
        got["messages"][0]["content"],
        json!([{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"}])
    );
    let got =
        claude(json!([{"type":"message","role":"system","cache_control":{"type":"ephemeral"},"content":[
        {"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]}, user("q")]));
    assert_eq!(
        got["system"],
        json!([{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}])
    );
}

#[test]
fn e066_e067_e068_what_operators_say_is_the_system_prompt() {
    let body = json!({"model":"m","instructions":"first","input":[
        {"role":"system","content":"second"},
        {"role":"developer","content":[{"type":"input_text","text":"third"},{"type":"input_image","image_url":"data:image/png;base64,AA=="}]}]});
    let mut got = request(RS, CL, &body);
    strip(&mut got);
    assert_eq!(
        got["system"],
        json!([{"type":"text","text":"first"},{"type":"text","text":"second"},{"type":"text","text":"third"}])
    );
    assert_eq!(got["messages"].as_array().unwrap().len(), 1);
    assert_eq!(got["messages"][0]["role"], "user");
}

#[test]
fn e070_of_two_outputs_the_last_counts_at_the_first_place() {
    let got =
        messages(json!([user("q"), call("c", "f"), output("c", "partial"), output("c", "final"), user("x")]));
    assert_eq!(got[2]["content"][0]["content"], "final");
    assert_eq!(shape(&got)[2], "user: tool_result, text x");
}

#[test]
fn e071_the_priority_tier_is_claudes_speed() {
    for (tier, speed) in [("priority", Some("fast")), ("default", None), ("flex", None)] {
        let body = json!({"model":"m","input":"q","service_tier":tier}).to_string();
        let decoded = super::codec(RS).decode_request(body.as_bytes()).unwrap();
        let out = super::codec(CL).encode_request(&decoded, &Profile::new("claude-opus-5", false)).unwrap();
        let got: Value = serde_json::from_slice(&out.body).unwrap();
        assert_eq!(got["speed"].as_str(), speed, "{tier}");
    }
}

#[test]
fn e072_e073_e074_who_is_behind_a_request() {
    let id = |body: Value| request(RS, CL, &body)["metadata"]["user_id"].as_str().unwrap().to_owned();
    assert_eq!(id(json!({"model":"m","input":"q","metadata":{"user_id":"u1"},"user":"u2"})), "u1");
    assert_eq!(id(json!({"model":"m","input":"q","user":"u2"})), "u2");
    let one = id(json!({"model":"m","instructions":"s","input":"one"}));
    assert_ne!(one, id(json!({"model":"m","instructions":"s","input":"two"})));
    assert_eq!(one, id(json!({"model":"m","instructions":"s","input":"one"})));
    // E572: whatever names the conversation.
    let by = |member: &str, value: Value| id(json!({"model":"m","input":"q", member: value}));
    assert_eq!(by("conversation", json!("c1")), by("conversation", json!({"id":"c1"})));
    assert_eq!(by("conversation_id", json!("c1")), by("session_id", json!("c1")));
}

#[test]
fn f36_what_claude_can_do_of_the_rest_goes_along() {
    let got = request(
        RS,
        CL,
        &json!({"model":"m","input":"q","tools":[tool("f")],"tool_choice":"none",
        "parallel_tool_calls":false,"temperature":0.5,"max_output_tokens":77,
        "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{"a":{"type":"string"}}}}},
        "reasoning":{"effort":"high"}}),
    );
    assert_eq!(got["tool_choice"], json!({"type":"none"}));
    assert_eq!(got["max_tokens"], 77);
    assert_eq!(got["output_config"]["format"]["type"], "json_schema");
    let losses = encoded(
        RS,
        CL,
        &json!({"model":"m","input":"q","max_tool_calls":3}),
        &Profile::new("claude-sonnet-5", false),
    );
    assert!(losses.unwrap().losses.iter().any(|loss| loss.what == "max_tool_calls"));
}
