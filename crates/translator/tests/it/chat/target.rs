//! Requests for a provider of this format. Source: translation.md D.7, A, B, F.

use std::sync::Arc;

use cliproxy_core::{Modality, ModelInfo};
use cliproxy_translator::format::claude::ClaudeCodec;
use cliproxy_translator::model::{
    Args, CustomTool, Media, MediaClass, MediaSource, Part, PartKind, Request, Role, Tool, ToolCall,
    ToolChoice, Turn,
};
use cliproxy_translator::{Codec, Profile};
use serde_json::{Value, json};

use super::{CLAUDE, GPT, compat, lenient, strict};
use crate::schema::assert_valid_bytes;

/// A Claude request as a Chat provider gets it, and what was lost.
fn to_chat(body: &Value, profile: &Profile) -> (Value, Vec<String>) {
    let text = body.to_string();
    let request = ClaudeCodec::default().decode_request(text.as_bytes()).unwrap();
    sent(&request, profile)
}

fn sent(request: &Request<'_>, profile: &Profile) -> (Value, Vec<String>) {
    let encoded = super::codec().encode_request(request, profile).unwrap();
    let value = match profile.strict {
        // A lenient target takes images in results, which OpenAI does not.
        true => assert_valid_bytes("openai-chat.request", &encoded.body),
        false => serde_json::from_slice(&encoded.body).unwrap(),
    };
    (value, encoded.losses.iter().map(|loss| loss.what.to_string()).collect())
}

fn claude(members: Value) -> Value {
    let mut body = json!({"model":"c","max_tokens":9,"messages":[{"role":"user","content":"q"}]});
    let Value::Object(members) = members else { panic!("no members") };
    body.as_object_mut().unwrap().extend(members);
    body
}

fn text(text: &str) -> Value {
    json!({"type":"text","text":text})
}

fn used(id: &str) -> Value {
    json!({"type":"tool_use","id":id,"name":"f","input":{"a":1}})
}

fn called(id: &str) -> Value {
    json!({"id":id,"type":"function","function":{"name":"f","arguments":"{\"a\":1}"}})
}

fn thinking(signature: &str) -> Value {
    json!({"type":"thinking","thinking":"why","signature":signature})
}

#[test]
fn conversations_of_claude_clients_become_chats() {
    let q = json!({"role":"user","content":"q"});
    let image = json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}});
    let link = json!({"type":"image","source":{"type":"url","url":"https://h.example/a.png"}});
    let data_url = json!({"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}});
    let asks = json!({"role":"assistant","content":[used("c")]});
    let asked = json!({"role":"assistant","content":null,"tool_calls":[called("c")]});
    let result = |content: Value| json!([q, asks, {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":content}]}]);
    let answered = |content: Value| json!([q, asked, {"role":"tool","tool_call_id":"c","content":content}]);
    for (case, messages, expected) in [
        (
            "E111 thoughts that may go back; the user's and redacted ones are no thoughts of the model",
            json!([{"role":"user","content":[thinking(GPT), text("q")]},
                {"role":"assistant","content":[thinking(GPT), {"type":"redacted_thinking","data":"Eo"}, text("a")]}]),
            json!([q, {"role":"assistant","content":"a","reasoning_content":"why"}]),
        ),
        (
            "E112 signed by OpenAI",
            json!([q, {"role":"assistant","content":[thinking(GPT), text("a")]}]),
            json!([q, {"role":"assistant","content":"a","reasoning_content":"why"}]),
        ),
        (
            "E112 signed by Claude",
            json!([q, {"role":"assistant","content":[thinking(CLAUDE), text("a")]}]),
            json!([q, {"role":"assistant","content":"a"}]),
        ),
        (
            "E112 signed by nobody we know",
            json!([q, {"role":"assistant","content":[thinking("c2lnbmVk"), text("a")]}]),
            json!([q, {"role":"assistant","content":"a"}]),
        ),
        (
            "E113 nothing but unsigned thoughts",
            json!([q, {"role":"assistant","content":[thinking("")]}, q]),
            json!([q, q]),
        ),
        (
            "E116 system inside the conversation",
            json!([q, {"role":"system","content":"be brief"}, q]),
            json!([q, {"role":"user","content":"<system-reminder>\nbe brief\n</system-reminder>"}, q]),
        ),
        (
            "E119, B12 results go first, the texts around one are the user's",
            json!([q, asks, {"role":"user","content":[text("a"), {"type":"tool_result","tool_use_id":"c","content":"r"}, text("b")]}]),
            json!([q, asked, {"role":"tool","tool_call_id":"c","content":"r"}, {"role":"user","content":[text("a"), text("b")]}]),
        ),
        ("E120 an object", result(json!({"a":1})), answered(json!("{\"a\":1}"))),
        (
            "E121 text and image",
            result(json!([text("see"), image])),
            answered(json!([text("see"), data_url])),
        ),
        (
            "E122 an image by URL",
            result(json!([link])),
            answered(json!([{"type":"image_url","image_url":{"url":"https://h.example/a.png"}}])),
        ),
        ("two texts of one result", result(json!([text("a"), text("b")])), answered(json!("a\n\nb"))),
        ("no content", result(json!(null)), answered(json!(""))),
        (
            "B22, F6 a failure is said, once",
            json!([q, {"role":"assistant","content":[used("c"), used("d")]}, {"role":"user","content":[
                {"type":"tool_result","tool_use_id":"c","content":"boom","is_error":true},
                {"type":"tool_result","tool_use_id":"d","content":"Error: boom","is_error":true}]}]),
            json!([q, {"role":"assistant","content":null,"tool_calls":[called("c"), called("d")]},
                {"role":"tool","tool_call_id":"c","content":"Error: boom"}, {"role":"tool","tool_call_id":"d","content":"Error: boom"}]),
        ),
        (
            "E123 text, call, text",
            json!([q, {"role":"assistant","content":[text("a"), used("c"), text("b")]}, {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"r"}]}]),
            json!([q, {"role":"assistant","content":[text("a"), text("b")],"tool_calls":[called("c")]}, {"role":"tool","tool_call_id":"c","content":"r"}]),
        ),
        (
            "E124 unsigned thoughts around a call",
            json!([q, {"role":"assistant","content":[thinking(""), text("a"), used("c"), thinking(""), text("b")]}, {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"r"}]}]),
            json!([q, {"role":"assistant","content":[text("a"), text("b")],"tool_calls":[called("c")]}, {"role":"tool","tool_call_id":"c","content":"r"}]),
        ),
        (
            "B15 two results of one call: the last",
            json!([q, asks, {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"1"},{"type":"tool_result","tool_use_id":"c","content":"2"}]}]),
            answered(json!("2")),
        ),
        (
            "B16 a result without a call, a call without a result",
            json!([{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":"1"}, text("q")]}, asks, q]),
            json!([q, asked, {"role":"tool","tool_call_id":"c","content":"Error: no output"}, q]),
        ),
        (
            "images and documents of the user",
            json!([{"role":"user","content":[image, link, {"type":"document","title":"t.pdf","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}},
                {"type":"document","title":"t","context":"c","source":{"type":"text","media_type":"text/plain","data":"d"}}]}]),
            json!([{"role":"user","content":[data_url, {"type":"image_url","image_url":{"url":"https://h.example/a.png"}},
                {"type":"file","file":{"filename":"t.pdf","file_data":"data:application/pdf;base64,AA=="}}, text("t\nc\n\nd")]}]),
        ),
        (
            "search results of the user are text",
            json!([{"role":"user","content":[{"type":"search_result","source":"s","title":"t","content":[text("x")]}]}]),
            json!([{"role":"user","content":"{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}"}]),
        ),
        (
            "tools of Claude's own do not travel",
            json!([q, {"role":"assistant","content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{}}, text("a")]}]),
            json!([q, {"role":"assistant","content":"a"}]),
        ),
    ] {
        let (got, _) = to_chat(&claude(json!({"messages":messages})), &lenient());
        assert_eq!(got["messages"], expected, "{case}");
    }
}

#[test]
fn what_openai_itself_does_not_take_travels_otherwise() {
    let image = json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}});
    let messages = json!([{"role":"user","content":"q"},
        {"role":"assistant","content":[thinking(GPT), used("c"), used("d")]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[text("see"), image]},
            {"type":"tool_result","tool_use_id":"d","content":[image, image]}, text("and?")]}]);
    let body = claude(json!({"messages":messages,"top_k":5,"temperature":0.5,"top_p":0.9}));
    let (got, losses) = to_chat(&body, &strict());
    let picture = json!({"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}});
    assert_eq!(
        got["messages"].as_array().unwrap()[1..],
        [
            json!({"role":"assistant","content":null,"tool_calls":[called("c"), called("d")]}),
            json!({"role":"tool","tool_call_id":"c","content":"see"}),
            json!({"role":"tool","tool_call_id":"d","content":""}),
            json!({"role":"user","content":[text("Returned by tool call c:"), picture, text("Returned by tool call d:"), picture, picture]}),
            json!({"role":"user","content":"and?"}),
        ]
    );
    assert_eq!((&got["max_completion_tokens"], got.get("max_tokens")), (&json!(9), None));
    // F6: both go.
    assert_eq!((&got["temperature"], &got["top_p"], got.get("top_k")), (&json!(0.5), &json!(0.9), None));
    assert_eq!(losses, ["message.thinking", "top_k"]);
    let (got, losses) = to_chat(&body, &lenient());
    assert_eq!((&got["max_tokens"], &got["top_k"]), (&json!(9), &json!(5)));
    assert!(losses.is_empty());
    // A model that sees nothing is told so.
    let mut blind = lenient();
    let mut info = ModelInfo::new("m");
    info.input = vec![Modality::Text];
    blind.info = Some(Arc::new(info));
    let (got, _) = to_chat(&body, &blind);
    assert_eq!(got["messages"][2]["content"], "see\n\n[an image that this model cannot see]");
}

#[test]
fn e114_e115_services_that_want_thoughts_get_them_beside_calls() {
    let turn = |content: Value| {
        claude(json!({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":content}]}))
    };
    let (got, _) = to_chat(&turn(json!([thinking(""), used("c")])), &compat());
    assert_eq!(
        got["messages"][1],
        json!({"role":"assistant","content":null,"reasoning_content":"why","tool_calls":[called("c")]}),
        "E114"
    );
    let (got, _) = to_chat(&turn(json!([used("c")])), &compat());
    assert_eq!(
        got["messages"][1],
        json!({"role":"assistant","content":null,"tool_calls":[called("c")]}),
        "E115"
    );
}

#[test]
fn e117_e125_instructions_are_one_system_message() {
    let note = "x-anthropic-billing-header: cc_version=1";
    for (system, expected) in [
        (json!(""), Value::Null),
        (json!([]), Value::Null),
        (json!("be brief"), json!("be brief")),
        (json!([text("a"), text("b")]), json!([text("a"), text("b")])),
        (json!([text(note), text("You are")]), json!("You are")),
        (json!([text(note)]), Value::Null),
    ] {
        let (got, _) = to_chat(&claude(json!({"system":system})), &strict());
        let first = &got["messages"][0];
        match expected.is_null() {
            true => assert_eq!(first["role"], "user", "{system}"),
            false => assert_eq!(*first, json!({"role":"system","content":expected}), "{system}"),
        }
    }
}

#[test]
fn tools_of_claude_clients_are_declared_as_functions() {
    let tool = json!({"name":"f","description":"d","input_schema":{"type":"object","properties":{"a":{"type":"object"}}},"strict":true,
        "cache_control":{"type":"ephemeral"},"input_examples":[{}]});
    let search = json!({"type":"web_search_20250305","name":"web_search"});
    // E118, F6: objects get properties; a tool that runs at Claude does not become a function.
    let (got, losses) = to_chat(&claude(json!({"tools":[tool, search]})), &strict());
    assert_eq!(
        got["tools"],
        json!([{"type":"function","function":{"name":"f","description":"d","strict":false,
            "parameters":{"type":"object","properties":{"a":{"type":"object","properties":{}}}}}}])
    );
    assert_eq!(
        losses,
        ["tools.input_examples", "cache_control", "tools.web_search_20250305", "tools.strict"],
        "its schema leaves members open"
    );
    for (case, choice, expected, parallel) in [
        ("auto", json!({"type":"auto"}), json!("auto"), Value::Null),
        ("F4", json!({"type":"none"}), json!("none"), Value::Null),
        ("any, F5", json!({"type":"any","disable_parallel_tool_use":true}), json!("required"), json!(false)),
        (
            "one",
            json!({"type":"tool","name":"f"}),
            json!({"type":"function","function":{"name":"f"}}),
            Value::Null,
        ),
        ("one that does not go", json!({"type":"tool","name":"web_search"}), Value::Null, Value::Null),
    ] {
        let (got, _) = to_chat(&claude(json!({"tools":[tool, search],"tool_choice":choice})), &strict());
        assert_eq!((&got["tool_choice"], &got["parallel_tool_calls"]), (&expected, &parallel), "{case}");
    }
    // Without tools a choice would be refused.
    let (got, _) = to_chat(&claude(json!({"tools":[search],"tool_choice":{"type":"any"}})), &strict());
    assert!(got.get("tools").is_none() && got.get("tool_choice").is_none());
}

#[test]
fn b5_b6_long_names_are_shortened_everywhere_and_come_back() {
    let long = format!("mcp__{}__read", "x".repeat(80));
    let body = claude(
        json!({"tools":[{"name":long,"input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":long},
        "messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":long,"input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"r"}]}]}),
    );
    let text = body.to_string();
    let request = ClaudeCodec::default().decode_request(text.as_bytes()).unwrap();
    let encoded = super::codec().encode_request(&request, &strict()).unwrap();
    let got = assert_valid_bytes("openai-chat.request", &encoded.body);
    for place in
        ["/tools/0/function/name", "/tool_choice/function/name", "/messages/1/tool_calls/0/function/name"]
    {
        assert_eq!(got.pointer(place).unwrap(), "mcp__read", "{place}");
    }
    assert_eq!(encoded.names.declared("mcp__read"), long);
}

#[test]
fn members_of_claude_requests_become_chats() {
    for (case, members, expected) in [
        ("E126", json!({"stop_sequences":["a","b","c","d","e"]}), json!({"stop":["a","b","c","d","e"]})),
        ("E126 one", json!({"stop_sequences":["a"]}), json!({"stop":["a"]})),
        ("user", json!({"metadata":{"user_id":"u"}}), json!({"user":"u","metadata":null})),
        (
            "a budget",
            json!({"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8192}}),
            json!({"reasoning_effort":"medium"}),
        ),
        (
            "an effort",
            json!({"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}}),
            json!({"reasoning_effort":"low"}),
        ),
        ("off", json!({"thinking":{"type":"disabled"}}), json!({"reasoning_effort":"none"})),
        (
            "automatic is the default",
            json!({"thinking":{"type":"adaptive"}}),
            json!({"reasoning_effort":null}),
        ),
        (
            "schema",
            json!({"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}),
            json!({"response_format":{"type":"json_schema","json_schema":{"name":"response","schema":{"type":"object"}}}}),
        ),
        ("B88", json!({"service_tier":"standard_only"}), json!({"service_tier":null})),
        (
            "caching is implicit here",
            json!({"cache_control":{"type":"ephemeral"}}),
            json!({"cache_control":null}),
        ),
    ] {
        for profile in [lenient(), strict()] {
            let (got, _) = to_chat(&claude(members.clone()), &profile);
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(&got[key], value, "{case}");
            }
        }
    }
    // Too long for OpenAI: the same user stays the same.
    let user = "u".repeat(90);
    let (got, _) = to_chat(&claude(json!({"metadata":{"user_id":user}})), &strict());
    assert_eq!(got["user"].as_str().unwrap().len(), 64);
    assert_eq!(to_chat(&claude(json!({"metadata":{"user_id":user}})), &strict()).0["user"], got["user"]);
    // A stream asks for usage in any case.
    let mut streaming = lenient();
    streaming.stream = true;
    let (got, _) = to_chat(&claude(json!({})), &streaming);
    assert_eq!((&got["stream"], &got["stream_options"]), (&json!(true), &json!({"include_usage":true})));
}

#[test]
fn e621_a_wish_for_summaries_asks_for_no_effort() {
    let mut request =
        Request { turns: vec![Turn::new(Role::User, vec![Part::text("q")])], ..Request::default() };
    request.reasoning.summary = cliproxy_translator::model::Summary::Enabled(None);
    assert_eq!(sent(&request, &strict()).0.get("reasoning_effort"), None);
}

#[test]
fn b10_free_form_tools_are_functions_where_only_functions_are_known() {
    let call = |id: &'static str| {
        Part::new(PartKind::ToolCall(ToolCall {
            id: id.into(),
            name: "exec".into(),
            namespace: None,
            args: Args::Freeform("ls \"x\"".into()),
        }))
    };
    let request = Request {
        source: "openai-response",
        turns: vec![
            Turn::new(Role::User, vec![Part::text("q")]),
            Turn::new(Role::Assistant, vec![call("c")]),
        ],
        tools: vec![Tool::Custom(CustomTool { name: "exec".into(), ..CustomTool::default() })],
        tool_choice: Some(ToolChoice::Tool { name: "exec".into(), custom: true }),
        ..Request::default()
    };
    let (got, _) = sent(&request, &lenient());
    assert_eq!(got["tools"][0]["function"]["parameters"]["required"], json!(["input"]));
    assert_eq!(
        got["messages"][1]["tool_calls"][0]["function"],
        json!({"name":"exec","arguments":"{\"input\":\"ls \\\"x\\\"\"}"})
    );
    assert_eq!(got["tool_choice"], json!({"type":"function","function":{"name":"exec"}}));
    let (got, _) = sent(&request, &strict());
    assert_eq!(got["tools"][0], json!({"type":"custom","custom":{"name":"exec"}}));
    assert_eq!(got["messages"][1]["tool_calls"][0]["custom"], json!({"name":"exec","input":"ls \"x\""}));
    assert_eq!(got["tool_choice"], json!({"type":"custom","custom":{"name":"exec"}}));
}

#[test]
fn allowed_tools_are_filtered_where_only_openai_knows_them() {
    let tool = |name: &'static str| {
        Tool::Function(cliproxy_translator::model::FunctionTool { name: name.into(), ..Default::default() })
    };
    let request = Request {
        source: "openai-response",
        turns: vec![Turn::new(Role::User, vec![Part::text("q")])],
        tools: vec![tool("a"), tool("b")],
        tool_choice: Some(ToolChoice::Allowed { required: true, names: vec!["b".into()] }),
        ..Request::default()
    };
    let (got, _) = sent(&request, &lenient());
    assert_eq!((got["tools"].as_array().unwrap().len(), &got["tool_choice"]), (1, &json!("required")));
    let (got, _) = sent(&request, &strict());
    assert_eq!(got["tools"].as_array().unwrap().len(), 2);
    assert_eq!(
        got["tool_choice"],
        json!({"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"b"}}]}})
    );
}

#[test]
fn b82_media_that_cannot_be_sent_are_refused_not_dropped() {
    let media =
        |class, source| Media { class, source, name: None, detail: None, context: None, citations: None };
    for (media, profile, says) in [
        (media(MediaClass::Image, MediaSource::File("f".into())), lenient(), "another provider's store"),
        (media(MediaClass::Audio, MediaSource::Url("https://h.example/a".into())), lenient(), "audio by URL"),
        (
            media(MediaClass::Document, MediaSource::Url("https://h.example/a".into())),
            strict(),
            "document by URL",
        ),
        (media(MediaClass::Video, MediaSource::Url("https://h.example/a".into())), strict(), "no video"),
    ] {
        let request = Request {
            source: "gemini",
            turns: vec![Turn::new(Role::User, vec![Part::new(PartKind::Media(media))])],
            ..Request::default()
        };
        let error = super::codec().encode_request(&request, &profile).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.param(), Some("messages"));
    }
}
