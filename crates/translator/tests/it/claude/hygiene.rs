//! Bodies that pass through: what must change, and what must not. Source: providers-a.md 2.4, 2.7.

use bytes::Bytes;
use cliproxy_translator::{Codec, Patch};
use serde_json::{Value, json};

use super::codec;

fn patch(body: &str) -> String {
    patched(body, &Patch::default())
}

fn patched(body: &str, patch: &Patch) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    String::from_utf8(codec().patch_request(&body, patch).unwrap().body.to_vec()).unwrap()
}

#[test]
fn a_right_body_keeps_its_buffer() {
    for body in [
        r#"{ "model" : "claude-x" , "messages" : [ ] , "x" : 1.0 }"#,
        r#"{"model":"claude-x","stream":false,"thinking":{"type":"adaptive"},"temperature":1,"top_p":0.95}"#,
        r#"{"model":"claude-x","temperature":0.2,"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"EabC"}]}]}"#,
        r#"{"model":"claude-x","tool_choice":{"type":"auto"},"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}}"#,
        r#"{"model":"claude-x","tool_choice":{"type":"any"},"thinking":{"type":"disabled"}}"#,
        r#"{"model":"claude-x","tools":[{"type":"web_search_20250305","name":"web_search","allowed_domains":["a"]}]}"#,
    ] {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let mut wanted = Patch::default();
        wanted.model = Some("claude-x".to_owned());
        wanted.stream = Some(false);
        assert_eq!(codec().patch_request(&body, &wanted).unwrap().body.as_ptr(), body.as_ptr(), "{body:?}");
    }
}

#[test]
fn model_and_stream_are_spliced() {
    let mut wanted = Patch::default();
    wanted.model = Some("b".to_owned());
    wanted.stream = Some(true);
    assert_eq!(
        patched(r#"{"model": "a", "x" : [1.0]}"#, &wanted),
        r#"{"model": "b", "x" : [1.0],"stream":true}"#
    );
    assert_eq!(
        patched(r#"{"model":"a","stream":false,"model":"c"}"#, &wanted),
        r#"{"stream":true,"model":"b"}"#
    );
    wanted.stream = Some(false);
    assert_eq!(patched(r#"{"model":"b","stream":true}"#, &wanted), r#"{"model":"b","stream":false}"#);
    assert!(codec().patch_request(&Bytes::from_static(b"[]"), &wanted).is_err());
}

#[test]
fn members_that_exclude_each_other_are_parted() {
    for (body, expected) in [
        // A forced call leaves no room for thinking, nor for an effort.
        (
            json!({"tool_choice":{"type":"any"},"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}),
            json!({"tool_choice":{"type":"any"}}),
        ),
        (
            json!({"tool_choice":{"type":"tool","name":"f"},"thinking":{"type":"enabled","budget_tokens":9},"temperature":0.1,
                "output_config":{"effort":"high","format":{}}}),
            json!({"tool_choice":{"type":"tool","name":"f"},"temperature":0.1,"output_config":{"format":{}}}),
        ),
        // Thinking allows no other sampling.
        (
            json!({"thinking":{"type":"adaptive"},"temperature":0.5,"top_p":0.9,"top_k":4}),
            json!({"thinking":{"type":"adaptive"}}),
        ),
        (
            json!({"thinking":{"type":"auto"},"temperature":1.0,"top_p":0.99}),
            json!({"thinking":{"type":"auto"},"temperature":1.0,"top_p":0.99}),
        ),
        (json!({"temperature":0.5,"top_p":0.9,"top_k":4}), json!({"temperature":0.5,"top_k":4})),
        (
            json!({"thinking":{"type":"disabled"},"temperature":0.5,"top_p":0.9}),
            json!({"thinking":{"type":"disabled"},"temperature":0.5}),
        ),
        (
            json!({"tools":[{"name":"f"},{"type":"web_search_20250305","allowed_domains":[ ],"blocked_domains":["a"]}]}),
            json!({"tools":[{"name":"f"},{"type":"web_search_20250305","blocked_domains":["a"]}]}),
        ),
    ] {
        let got: Value = serde_json::from_str(&patch(&body.to_string())).unwrap();
        assert_eq!(got, expected, "{body}");
    }
}

fn marked(name: &str, ttl: Option<&str>) -> Value {
    let mut mark = json!({"type":"ephemeral"});
    if let Some(ttl) = ttl {
        mark["ttl"] = ttl.into();
    }
    json!({"name":name,"type":"text","text":name,"cache_control":mark})
}

/// The names of the things that still carry a breakpoint, with its life.
fn marks(body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            Value::Object(map) => {
                for key in ["tools", "system", "messages", "content"] {
                    map.get(key).into_iter().for_each(|value| walk(value, found));
                }
                if let Some(mark) = map.get("cache_control") {
                    let ttl = mark.get("ttl").and_then(Value::as_str).unwrap_or("");
                    found.push(format!("{}{ttl}", map["name"].as_str().unwrap()));
                }
            }
            _ => {}
        }
    }
    walk(body, &mut found);
    found
}

#[test]
fn four_breakpoints_at_most_and_long_lived_ones_first() {
    let m = |name: &str| marked(name, None);
    let user = |blocks: Value| json!([{"role":"user","content":blocks}]);
    for (body, expected) in [
        // Surplus goes from system first, its last one kept; then tools; then messages from the first.
        (
            json!({"tools":[m("t")],"system":[m("s1"),m("s2")],"messages":user(json!([m("a"),m("b")]))}),
            vec!["t", "s2", "a", "b"],
        ),
        (
            json!({"tools":[m("t1"),m("t2")],"system":[m("s")],"messages":user(json!([m("a"),m("b"),m("c")]))}),
            vec!["t2", "s", "b", "c"],
        ),
        (
            json!({"messages":user(json!([m("a"),{"type":"tool_result","name":"r","tool_use_id":"x","content":[m("n1"),m("n2")],"cache_control":{"type":"ephemeral"}},m("b")]))}),
            vec!["n1", "n2", "r", "b"],
        ),
        (
            json!({"tools":[marked("t", Some("1h"))],"system":[m("s")],"messages":user(json!([marked("a", Some("1h"))]))}),
            vec!["t1h", "s", "a5m"],
        ),
        (
            json!({"system":[marked("s", Some("1h"))],"messages":user(json!([marked("a", Some("1h"))]))}),
            vec!["s1h", "a1h"],
        ),
    ] {
        let before = marks(&body);
        let got: Value = serde_json::from_str(&patch(&body.to_string())).unwrap();
        assert_eq!(marks(&got), expected, "{before:?}");
    }
}

#[test]
fn thoughts_that_claude_did_not_sign_stop_here() {
    // Source: translation.md B30, F27, F30, E641, E642.
    let thought = |signature: &str| json!({"type":"thinking","thinking":"t","signature":signature});
    let gpt = format!("gAAAA{}", "A".repeat(93));
    let ours = "cliproxy:gemini:AAAA";
    let text = json!({"type":"text","text":"a"});
    for (model, signature, stays) in [
        ("claude-x", "EabC", true),
        ("claude-x", "", false),
        ("claude-x", &gpt, false),
        ("claude-x", ours, false),
        // A form that nobody knows yet may be Claude's next one.
        ("claude-x", "Zz", true),
        // Backends that only speak the format sign nothing, or as they like.
        ("kimi-k2", "", true),
        ("kimi-k2", &gpt, true),
        // E649: without another provider's signature.
        ("kimi-k2", ours, true),
    ] {
        let body =
            json!({"model":model,"messages":[{"role":"assistant","content":[thought(signature), text]}]});
        let got: Value = serde_json::from_str(&patch(&body.to_string())).unwrap();
        let left = got["messages"][0]["content"].as_array().unwrap().len();
        assert_eq!(left, if stays { 2 } else { 1 }, "{model} {signature}");
        if stays && signature == ours {
            assert_eq!(got["messages"][0]["content"][0], thought(""));
        }
    }
    // The input of a tool may say `signature` too, and a turn that has nothing left goes.
    let body = json!({"model":"claude-x","messages":[
        {"role":"user","content":"q"},
        {"role":"assistant","content":[thought("")]},
        {"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"signature":""}}]}]});
    let got: Value = serde_json::from_str(&patch(&body.to_string())).unwrap();
    assert_eq!(got["messages"], json!([body["messages"][0], body["messages"][2]]));
}

#[test]
fn searches_that_claude_did_not_run_stop_here() {
    // Source: translation.md B85, F27.
    let pair = |id: &str, content: Value| {
        [
            json!({"type":"server_tool_use","id":id,"name":"web_search","input":{"query":"q"}}),
            json!({"type":"web_search_tool_result","tool_use_id":id,"content":content}),
        ]
    };
    let page = |content: &str| json!([{"type":"web_search_result","url":"u","title":"t","encrypted_content":content}]);
    let error = json!({"type":"web_search_tool_result_error","error_code":"unavailable"});
    let text = json!({"type":"text","text":"a"});
    for (content, stays) in [
        (page("EqgfCioIARgB"), true),
        (page("cliproxy:page:SXQgcmFpbnMu"), false),
        (page(""), false),
        (json!([]), true),
        (error, true),
    ] {
        let [asked, found] = pair("srvtoolu_1", content.clone());
        let [other, fine] = pair("srvtoolu_2", page("EabC"));
        let said = json!([text, asked, found, other, fine]);
        let body = json!({"model":"claude-x","messages":[{"role":"assistant","content":said}]});
        let got: Value = serde_json::from_str(&patch(&body.to_string())).unwrap();
        let expected = if stays { said } else { json!([text, other, fine]) };
        assert_eq!(got["messages"][0]["content"], expected, "{content}");
    }
}

#[test]
fn e646_calls_stay_without_another_provider_s_state() {
    let call = json!({"type":"tool_use","id":"a","name":"f","input":{"thought_signature":"mine","signature":"mine"}});
    for (key, value, stays) in [
        ("signature", "cliproxy:gemini:AAAA", false),
        ("thought_signature", "AAAA", false),
        ("thoughtSignature", "AAAA", false),
        // Claude's own, which some service put there (B32).
        ("signature", "EabC", true),
    ] {
        let mut given = call.clone();
        given[key] = value.into();
        let body = json!({"model":"claude-x","messages":[{"role":"assistant","content":[given]}]});
        let got: Value = serde_json::from_str(&patch(&body.to_string())).unwrap();
        assert_eq!(got["messages"][0]["content"][0], if stays { given } else { call.clone() }, "{key}");
    }
}
