//! A Responses client's request as a Chat Completions provider gets it. Source: translation.md D.9.

use cliproxy_translator::Profile;
use serde_json::{Value, json};

use super::{CC, RS, codec, context_of, encoded, gpt_signature, request, request_with};

fn messages(input: Value) -> Vec<Value> {
    request(RS, CC, &json!({"model":"m","input":input}))["messages"].as_array().unwrap().clone()
}

/// As services get them that take images of tools; the official schema has only texts there.
fn lenient(input: Value) -> Vec<Value> {
    let out = encoded(RS, CC, &json!({"model":"m","input":input}), &Profile::new("m", false)).unwrap();
    let body: Value = serde_json::from_slice(&out.body).unwrap();
    body["messages"].as_array().unwrap().clone()
}

/// As a service gets them that takes thoughts back.
fn thinking(input: Value) -> Vec<Value> {
    let mut profile = Profile::new("kimi", false);
    profile.keeps_reasoning_text = true;
    let body = json!({"model":"m","input":input});
    request_with(RS, CC, &body, &profile)["messages"].as_array().unwrap().clone()
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

fn output(id: &str, output: Value) -> Value {
    json!({"type":"function_call_output","call_id":id,"output":output})
}

fn thought(texts: &[&str]) -> Value {
    let summary: Vec<_> = texts.iter().map(|text| json!({"type":"summary_text","text":text})).collect();
    json!({"type":"reasoning","id":"rs_1","summary":summary})
}

fn roles(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["role"].as_str().unwrap()).collect()
}

fn tool(name: &str) -> Value {
    json!({"type":"function","name":name,"parameters":{"type":"object","properties":{}},"strict":false})
}

fn body(more: Value) -> Value {
    let mut body = json!({"model":"m","input":"q"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn e142_e143_e144_calls_are_grouped_and_answered_at_once() {
    let got = messages(json!([
        user("q"),
        call("a", "f"),
        call("b", "g"),
        output("a", "1".into()),
        output("b", "2".into())
    ]));
    assert_eq!(roles(&got), ["user", "assistant", "tool", "tool"]);
    assert_eq!(got[1]["tool_calls"].as_array().unwrap().len(), 2);
    // E143: what stands between them parts them.
    let got = messages(json!([
        call("a", "f"),
        output("a", "1".into()),
        user("u"),
        call("b", "g"),
        output("b", "2".into())
    ]));
    assert_eq!(roles(&got), ["assistant", "tool", "user", "assistant", "tool"]);
    // E144: what the user says waits for the answer.
    let got = messages(json!([user("q"), call("a", "f"), user("wait"), output("a", "1".into())]));
    assert_eq!(roles(&got), ["user", "assistant", "tool", "user"]);
    assert_eq!(got[2]["content"], "1");
}

#[test]
fn e145_to_e149_images_in_answers() {
    let image = r#"[{"type":"input_image","image_url":"data:image/png;base64,AA=="},{"type":"input_text","text":"t"}]"#;
    let got = lenient(json!([call("a", "f"), output("a", image.into())]));
    assert_eq!(
        got[1]["content"],
        json!([{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}])
    );
    // E146: the same of a free-form tool. E147: without image a string.
    let custom = |output: Value| {
        lenient(json!([{"type":"custom_tool_call","call_id":"a","name":"f","input":"x"},
            {"type":"custom_tool_call_output","call_id":"a","output":output}]))[1]["content"]
            .clone()
    };
    assert!(custom(image.into()).is_array());
    let texts = custom(json!([{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]));
    assert_eq!(texts, "a\n\nb", "E147: whole, and apart");
    assert_eq!(custom("raw".into()), "raw");
    // E148: detail `original` is the highest that there is.
    let got = lenient(json!([
        call("a", "f"),
        output(
            "a",
            json!([{"type":"input_image","image_url":"https://a.example/i.png","detail":"original"}])
        )
    ]));
    assert_eq!(got[1]["content"][0]["image_url"], json!({"url":"https://a.example/i.png","detail":"high"}));
    // E149: other strings stay what they are.
    for text in [r#"[{"type":"input_text","text":"image"}]"#, r#"["image"]"#, r#"[image"#, r#"{"a":"image"}"#]
    {
        let got = lenient(json!([call("a", "f"), output("a", text.into())]));
        assert_eq!(got[1]["content"], text);
    }
}

#[test]
fn e150_to_e156_thoughts_go_along_with_what_they_led_to() {
    let got = thinking(json!([user("q"), thought(&["a", "b"]), assistant("x")]));
    assert_eq!(
        got[1],
        json!({"role":"assistant","content":"x","reasoning_content":"a\n\nb"}),
        "E150: on the message, all parts of the summary, a blank line apart"
    );
    assert_eq!(roles(&got), ["user", "assistant"]);
    // E151, E155.
    let got = thinking(json!([
        user("q"),
        thought(&["a"]),
        assistant("x"),
        call("c", "f"),
        output("c", "1".into())
    ]));
    assert_eq!(roles(&got), ["user", "assistant", "tool"]);
    assert_eq!((&got[1]["content"], &got[1]["reasoning_content"]), (&json!("x"), &json!("a")));
    let got = thinking(json!([user("q"), thought(&["a"]), call("c", "f"), output("c", "1".into())]));
    assert_eq!(got[1]["reasoning_content"], "a");
    // E152: a call behind a user's message is a message of its own.
    let got = thinking(json!([assistant("x"), user("u"), call("c", "f"), output("c", "1".into())]));
    assert_eq!(roles(&got), ["assistant", "user", "assistant", "tool"]);
    assert_eq!(got[0].get("tool_calls"), None);
    // E153: different thoughts are joined.
    let got = thinking(json!([
        user("q"),
        thought(&["a"]),
        assistant("x"),
        thought(&["b"]),
        call("c", "f"),
        output("c", "1".into())
    ]));
    assert_eq!(got[1]["reasoning_content"], "a\n\nb");
    // E153: equal ones are told once, wherever in the turn they stand, and as they are read, not as they are written.
    let body = r#"{"model":"m","input":[{"role":"user","content":"q"},
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a/b"}]},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"x"}]},
        {"type":"reasoning","id":"rs_2","summary":[{"type":"summary_text","text":"c"}]},
        {"type":"reasoning","id":"rs_3","summary":[{"type":"summary_text","text":"a\/b"}]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"c","output":"1"}]}"#;
    let mut profile = Profile::new("kimi", false);
    profile.keeps_reasoning_text = true;
    let request = codec(RS).decode_request(body.as_bytes()).unwrap();
    let encoded = codec(CC).encode_request(&request, &profile).unwrap();
    let got: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(got["messages"][1]["reasoning_content"], "a/b\n\nc", "E153");
    // E156: thoughts before a user's message are a message of their own.
    let got = thinking(json!([user("q"), thought(&["a"]), user("u")]));
    assert_eq!(roles(&got), ["user", "assistant", "user"]);
    assert_eq!((&got[1]["content"], &got[1]["reasoning_content"]), (&json!(""), &json!("a")));
    // A provider that did not ask for thoughts gets those of its own vendor only (B36).
    let signed = json!({"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":gpt_signature()});
    let got =
        messages(json!([user("q"), thought(&["a"]), assistant("x"), user("u"), signed, assistant("y")]));
    assert_eq!(got[1].get("reasoning_content"), None);
    assert_eq!(got[3]["reasoning_content"], "s");
}

#[test]
fn e157_e158_e159_namespaces_are_flattened() {
    let got = request(
        RS,
        CC,
        &json!({"model":"m","tools":[
        {"type":"namespace","name":"term","description":"d","tools":[tool("run"), {"type":"custom","name":"exec"}]}],
        "input":[user("q"), {"type":"function_call","call_id":"c","name":"run","namespace":"term","arguments":"{}"}, output("c","1".into())]}),
    );
    assert_eq!(got["tools"][0]["function"]["name"], "term__run");
    assert_eq!(got["messages"][1]["tool_calls"][0]["function"]["name"], "term__run");
    assert_eq!(got["tools"][1]["function"]["name"], "term__exec");
    assert_eq!(got["tools"][1]["function"]["parameters"]["required"], json!(["input"]));
}

#[test]
fn e160_e161_e162_choices_need_tools() {
    for choice in [json!({"type":"function","function":{"name":"f"}}), json!({"type":"function","name":"f"})]
    {
        let got = request(
            RS,
            CC,
            &body(json!({"tools":[tool("f")],"tool_choice":choice,"parallel_tool_calls":false})),
        );
        assert_eq!(got["tool_choice"], json!({"type":"function","function":{"name":"f"}}));
        assert_eq!(got["parallel_tool_calls"], false);
    }
    let got = request(RS, CC, &body(json!({"tool_choice":"auto","parallel_tool_calls":false})));
    assert_eq!((got.get("tool_choice"), got.get("parallel_tool_calls")), (None, None));
}

#[test]
fn e163_e164_e165_the_form_of_the_output() {
    let schema = json!({"type":"object","properties":{"a":{"type":"string"}}});
    let got = request(
        RS,
        CC,
        &body(
            json!({"text":{"format":{"type":"json_schema","name":"n","description":"d","strict":true,"schema":schema}}}),
        ),
    );
    assert_eq!(
        got["response_format"],
        json!({"type":"json_schema","json_schema":{"name":"n","description":"d","strict":true,"schema":schema}})
    );
    let got = request(RS, CC, &body(json!({"text":{"format":{"type":"json_object"}}})));
    assert_eq!(got["response_format"], json!({"type":"json_object"}));
    let got = request(RS, CC, &body(json!({"text":{"verbosity":"low"}})));
    assert_eq!((got.get("response_format"), &got["verbosity"]), (None, &json!("low")));
}

#[test]
fn e166_detail_of_images() {
    for (detail, expected) in [
        (json!("high"), Some("high")),
        (json!("original"), Some("high")),
        (json!("ultra"), None),
        (json!(5), None),
    ] {
        let got = messages(
            json!([{"role":"user","content":[{"type":"input_image","image_url":"https://a.example/i.png","detail":detail}]}]),
        );
        assert_eq!(got[0]["content"][0]["image_url"]["detail"].as_str(), expected);
    }
}

#[test]
fn e167_to_e170_tools_count_once() {
    let late = |tools: Value| json!({"type":"additional_tools","role":"developer","tools":tools});
    let got = request(
        RS,
        CC,
        &json!({"model":"m","tools":[tool("f")],"input":[late(json!([tool("f"), tool("g")])), user("q")]}),
    );
    let names: Vec<_> = got["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["f", "g"]);
    // E168.
    let got = request(
        RS,
        CC,
        &body(
            json!({"tools":[tool("ns__a"), {"type":"namespace","name":"ns","description":"","tools":[tool("a")]}]}),
        ),
    );
    assert_eq!(got["tools"].as_array().unwrap().len(), 1);
    // E169: a duplicate does not make two of the only tool.
    let custom = json!({"type":"custom","name":"exec"});
    let context =
        context_of(RS, &json!({"model":"m","tools":[custom],"input":[late(json!([custom])), user("q")]}));
    assert_eq!(context.only_custom.as_deref(), Some("exec"));
    // E170: only what is declared counts as free-form.
    let context = context_of(
        RS,
        &json!({"model":"m","tools":[tool("f")],
        "input":[user("q"), {"type":"custom_tool_call","call_id":"c","name":"exec","input":"x"}]}),
    );
    assert!(context.custom_tools.is_empty());
}

#[test]
fn e171_hosted_tools_stay_behind() {
    let got = request(RS, CC, &body(json!({"tools":[{"type":"web_search"}, tool("f")]})));
    assert_eq!(got["tools"].as_array().unwrap().len(), 1);
    let got =
        request(RS, CC, &body(json!({"tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"}})));
    assert_eq!((got.get("tools"), got.get("tool_choice")), (None, None));
}

#[test]
fn f35_what_chat_completions_has_too_goes_along() {
    let mut profile = Profile::new("gpt-5", false);
    profile.strict = true;
    let body = json!({"model":"m","instructions":"be brief","temperature":0.5,"top_p":0.9,"user":"u","metadata":{"a":"b"},
        "max_output_tokens":99,"service_tier":"flex","prompt_cache_key":"k","safety_identifier":"s","reasoning":{"effort":"low"},
        "tools":[{"type":"custom","name":"exec","format":{"type":"grammar","syntax":"lark","definition":"start: x"}}],
        "input":[{"role":"developer","content":"d"},{"role":"user","content":[{"type":"input_text","text":"q"},
            {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="},
            {"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}}]}]});
    let got = request_with(RS, CC, &body, &profile);
    assert_eq!(got["messages"][0], json!({"role":"system","content":"be brief"}));
    assert_eq!(got["messages"][1]["role"], "developer");
    assert_eq!(got["messages"][2]["content"][1]["file"]["filename"], "a.pdf");
    assert_eq!(got["messages"][2]["content"][2]["input_audio"]["format"], "mp3");
    for (key, value) in [
        ("temperature", json!(0.5)),
        ("top_p", json!(0.9)),
        ("user", json!("u")),
        ("metadata", json!({"a":"b"})),
        ("max_completion_tokens", json!(99)),
        ("service_tier", json!("flex")),
        ("prompt_cache_key", json!("k")),
        ("reasoning_effort", json!("low")),
    ] {
        assert_eq!(got[key], value, "{key}");
    }
    assert_eq!(
        got["tools"][0]["custom"]["format"],
        json!({"type":"grammar","grammar":{"syntax":"lark","definition":"start: x"}})
    );
}
