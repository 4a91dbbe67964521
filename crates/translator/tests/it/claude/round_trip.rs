//! Claude → canonical → Claude loses nothing. Source: translation.md A.1, F.1.

use cliproxy_translator::Codec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{codec, context, profile, through};
use crate::schema::assert_valid_bytes;

/// A signature as Claude issues it: field 2 → field 1 → a message that begins with a version.
const SIGNED: &str = "EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu";

fn base() -> Map<String, Value> {
    json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]})
        .as_object()
        .unwrap()
        .clone()
}

#[test]
fn every_official_member_survives() {
    let tool = json!({"name":"f","description":"d","input_schema":{"type":"object","oneOf":[{}]},"strict":true,
        "cache_control":{"type":"ephemeral","ttl":"1h"},"defer_loading":true,"eager_input_streaming":true,
        "input_examples":[{"a":1}],"allowed_callers":["direct"]});
    for members in [
        json!({"system":"be brief"}),
        json!({"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"}]}),
        json!({"tools":[tool]}),
        json!({"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3,"cache_control":{"type":"ephemeral"}}]}),
        json!({"tools":[{"type":"bash_20250124","name":"bash"},{"type":"text_editor_20250728","name":"str_replace_based_edit_tool"}]}),
        json!({"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto"}}),
        json!({"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"none"}}),
        json!({"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}}),
        json!({"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":false}}),
        json!({"temperature":0.5}),
        json!({"temperature":1.0,"thinking":{"type":"adaptive"}}),
        json!({"top_p":0.9,"top_k":5}),
        json!({"stop_sequences":["a"," \n"]}),
        json!({"stream":true}),
        json!({"thinking":{"type":"enabled","budget_tokens":1024,"display":"summarized"},"max_tokens":2048}),
        json!({"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"xhigh"}}),
        json!({"thinking":{"type":"disabled"}}),
        json!({"output_config":{"effort":"low"}}),
        json!({"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}),
        json!({"metadata":{"user_id":"u"}}),
        json!({"metadata":{"user_id":"u","team":"t"}}),
        json!({"service_tier":"standard_only","speed":"fast","inference_geo":"eu","container":"c"}),
        json!({"cache_control":{"type":"ephemeral","ttl":"1h"}}),
        json!({"mcp_servers":[{"type":"url","url":"https://h.example","name":"n"}],"context_management":{"edits":[]},"betas":["b"]}),
        json!({"diagnostics":{"previous_message_id":"p"},"user_profile_id":"u"}),
    ] {
        let mut body = base();
        body.extend(members.as_object().unwrap().clone());
        let mut target = profile("m");
        target.stream = members.get("stream").is_some();
        assert_eq!(through(&Value::Object(body.clone()), &target), Value::Object(body));
    }
}

#[test]
fn every_block_survives() {
    let caller = json!({"type":"direct"});
    let assistant = json!([
        {"type":"thinking","thinking":"t","signature":SIGNED},
        {"type":"thinking","thinking":"","signature":SIGNED},
        {"type":"redacted_thinking","data":"EoX"},
        {"type":"text","text":"caf\u{e9} \u{0} \"q\"\n","citations":[{"type":"char_location","cited_text":"c","document_index":0,"document_title":null,"start_char_index":0,"end_char_index":1}]},
        {"type":"server_tool_use","id":"srv_1","name":"web_search","input":{"query":"q"},"caller":caller},
        {"type":"web_search_tool_result","tool_use_id":"srv_1","content":[{"type":"web_search_result","url":"u","title":"t","encrypted_content":"e"}],"cache_control":{"type":"ephemeral"}},
        {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1.50,"b":[]},"caller":caller,"toolset_name":"s"},
        {"type":"tool_use","id":"toolu_2","name":"g","input":{},"cache_control":{"type":"ephemeral"}}
    ]);
    let user = json!([
        {"type":"tool_result","tool_use_id":"toolu_1","content":"ok","is_error":false},
        {"type":"tool_result","tool_use_id":"toolu_2","is_error":true,"cache_control":{"type":"ephemeral"},"content":[
            {"type":"text","text":"x","cache_control":{"type":"ephemeral"}},
            {"type":"image","source":{"type":"url","url":"https://h.example/a.png"}},
            {"type":"tool_reference","tool_name":"f"},
            {"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"x"}]}]},
        {"type":"text","text":"see"},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},
        {"type":"image","source":{"type":"file","file_id":"file_1"}},
        {"type":"document","title":"t","context":"c","citations":{"enabled":true},"source":{"type":"base64","media_type":"application/pdf","data":"AA=="}},
        {"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain"}},
        {"type":"document","source":{"type":"url","url":"https://h.example/a.pdf"}},
        {"type":"document","source":{"type":"file","file_id":"file_1"}},
        {"type":"document","source":{"type":"content","content":[{"type":"text","text":"a"}]}},
        {"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"x"}],"citations":{"enabled":true}},
        {"type":"container_upload","file_id":"file_1"}
    ]);
    let mut body = base();
    body.insert(
        "messages".to_owned(),
        json!([{"role":"user","content":"hi"},{"role":"assistant","content":assistant},{"role":"user","content":user}]),
    );
    let body = Value::Object(body);
    assert_eq!(through(&body, &profile("m")), body);
}

#[test]
fn blocks_of_tomorrow_survive() {
    let mut body = base();
    body.insert(
        "messages".to_owned(),
        json!([{"role":"user","mood":"calm","content":[
            {"type":"hologram","depth":[1,2],"cache_control":{"type":"ephemeral"}},
            {"type":"image","source":{"type":"holo","x":1}},
            {"type":"image","source":{"type":"url","url":"https://h.example/a.png","zoom":2},"transformations":{"a":1}}]}]),
    );
    body.insert("thinking".to_owned(), json!({"type":"between_tools","x":1}));
    body.insert("output_config".to_owned(), json!({"effort":"ultra","format":{"type":"xml"},"tone":"dry"}));
    body.insert("tomorrow".to_owned(), json!([null]));
    let text = Value::Object(body.clone()).to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    let encoded = codec().encode_request(&request, &profile("m")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&encoded.body).unwrap(), Value::Object(body));
    assert_eq!(encoded.losses, []);
}

#[test]
fn system_inside_the_conversation_stays_where_the_model_takes_it() {
    // Source: translation.md B25, F47.
    let mut body = base();
    body.insert(
        "messages".to_owned(),
        json!([{"role":"user","content":"a"},{"role":"system","content":"be brief"},{"role":"user","content":"b"}]),
    );
    let body = Value::Object(body);
    let mut target = profile("m");
    target.inline_system = true;
    assert_eq!(through(&body, &target), body);
    assert_eq!(
        through(&body, &profile("m"))["messages"],
        json!([{"role":"user","content":[
            {"type":"text","text":"a"},
            {"type":"text","text":"<system-reminder>\nbe brief\n</system-reminder>"},
            {"type":"text","text":"b"}]}])
    );
}

fn text() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n\u{e9}\u{4e2d}\u{1f600}]{1,12}"
        .prop_filter("blank texts are refused", |text| !text.trim().is_empty())
}

fn mark(block: Value, marked: bool) -> Value {
    let mut block = block;
    if marked {
        block["cache_control"] = json!({"type":"ephemeral"});
    }
    block
}

fn user_block() -> impl Strategy<Value = Value> {
    prop_oneof![
        (text(), any::<bool>()).prop_map(|(text, marked)| mark(json!({"type":"text","text":text}), marked)),
        text().prop_map(
            |data| json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":data}})
        ),
        text().prop_map(|url| json!({"type":"document","source":{"type":"url","url":url},"title":"t"})),
    ]
}

fn assistant_block() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|text| json!({"type":"text","text":text})),
        text().prop_map(|text| json!({"type":"thinking","thinking":text,"signature":SIGNED})),
        text().prop_map(
            |query| json!({"type":"server_tool_use","id":"s","name":"web_search","input":{"query":query}})
        ),
    ]
}

/// A user turn, the assistant's answer with some calls, and their results in the next user turn.
fn round() -> impl Strategy<Value = (Vec<Value>, Vec<Value>, Vec<(Value, String)>)> {
    (
        prop::collection::vec(user_block(), 1..3),
        prop::collection::vec(assistant_block(), 1..3),
        prop::collection::vec((prop_oneof![Just(json!({})), Just(json!({"a":[1,null]}))], text()), 0..3),
    )
}

fn conversation() -> impl Strategy<Value = Value> {
    prop::collection::vec(round(), 1..4).prop_map(|rounds| {
        let mut messages = Vec::new();
        let mut results: Vec<Value> = Vec::new();
        for (at, (user, mut assistant, calls)) in rounds.into_iter().enumerate() {
            let mut content: Vec<Value> = std::mem::take(&mut results);
            content.extend(user);
            messages.push(json!({"role":"user","content":content}));
            for (index, (input, answer)) in calls.into_iter().enumerate() {
                let id = format!("toolu_{at}_{index}");
                assistant.push(json!({"type":"tool_use","id":id,"name":"f","input":input}));
                results.push(json!({"type":"tool_result","tool_use_id":id,"content":answer}));
            }
            messages.push(json!({"role":"assistant","content":assistant}));
        }
        if !results.is_empty() {
            messages.push(json!({"role":"user","content":results}));
        }
        Value::Array(messages)
    })
}

proptest! {
    #[test]
    fn conversations_survive(messages in conversation(), system in text(), top_k in prop::option::of(1..9_u8)) {
        let mut body = json!({"model":"m","max_tokens":9,"system":system,"messages":messages});
        if let Some(top_k) = top_k {
            body["top_k"] = top_k.into();
        }
        let marks = body.to_string().matches("cache_control").count();
        prop_assume!(marks <= 4);
        prop_assert_eq!(through(&body, &profile("m")), body);
    }

    #[test]
    fn any_request_gives_json_or_an_error(body in "[\\[\\]{}\",:a-z0-9]{0,60}") {
        if let Ok(request) = codec().decode_request(body.as_bytes())
            && let Ok(encoded) = codec().encode_request(&request, &profile("m"))
        {
            prop_assert!(serde_json::from_slice::<Value>(&encoded.body).is_ok());
        }
    }
}

#[test]
fn replies_survive() {
    let reply = json!({
        "id":"msg_1","type":"message","role":"assistant","model":"m",
        "content":[
            {"type":"thinking","thinking":"t","signature":SIGNED},
            {"type":"redacted_thinking","data":"Eo"},
            {"type":"text","text":"a","citations":[{"type":"char_location","cited_text":"c","document_index":0,"document_title":null,"start_char_index":0,"end_char_index":1}]},
            {"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}},
            {"type":"web_search_tool_result","tool_use_id":"s","content":[]},
            {"type":"container_upload","file_id":"f"},
            {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1},"caller":{"type":"direct"}}],
        "stop_reason":"tool_use","stop_sequence":null,
        "container":{"id":"c","expires_at":"2026-01-01T00:00:00Z"},
        "usage":{"input_tokens":3,"cache_creation_input_tokens":4,"cache_read_input_tokens":5,
            "cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":0},
            "output_tokens":6,"output_tokens_details":{"thinking_tokens":2},
            "server_tool_use":{"web_search_requests":1,"web_fetch_requests":0},
            "service_tier":"priority","inference_geo":"eu"}
    });
    let text = reply.to_string();
    let response = codec().decode_reply(text.as_bytes(), &context()).unwrap();
    assert_eq!(assert_valid_bytes("claude.reply", &codec().encode_reply(&response, &context())), reply);

    let refusal = json!({
        "id":"msg_1","type":"message","role":"assistant","model":"m","content":[],
        "stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":"bio","explanation":null},
        "usage":{"input_tokens":0,"output_tokens":0}
    });
    let text = refusal.to_string();
    let response = codec().decode_reply(text.as_bytes(), &context()).unwrap();
    assert_eq!(assert_valid_bytes("claude.reply", &codec().encode_reply(&response, &context())), refusal);
}
