//! Bodies in Responses format that clients send to the route of Chat Completions. Source: http-api.md A.3.

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::registry::{Registry, RequestCall, Route, Translated};
use cliproxy_translator::{Codec, Profile, ReplyContext};
use serde_json::{Value, json};

use super::{chunk, codec, frames};

fn body() -> Bytes {
    Bytes::from(
        json!({"model":"m","instructions":"be brief","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}],"max_output_tokens":9,
            "tools":[{"type":"custom","name":"exec"},{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]})
        .to_string(),
    )
}

fn translate(provider: &ProviderFormat, body: &Bytes) -> (Translated, Value) {
    let client = ClientFormat::OPENAI;
    let mut profile = Profile::new("n", true);
    profile.developer_role = false;
    let call = RequestCall::new(&client, provider, body, &profile);
    let translated =
        Registry::with_builtin().translate_request(&call, ReplyContext::new("m", "seed")).unwrap();
    let value = serde_json::from_slice(&translated.body).unwrap();
    (translated, value)
}

#[test]
fn they_are_read_as_what_they_are() {
    let body = body();
    let request = codec().decode_request(&body).unwrap();
    assert_eq!(request.source, "openai-response");
    assert_eq!((request.tools.len(), request.max_output), (2, Some(9)));
    // With messages, the same members are only members.
    let chat = json!({"model":"m","messages":[{"role":"user","content":"hi"}],"input":"x"}).to_string();
    assert_eq!(codec().decode_request(chat.as_bytes()).unwrap().source, "openai");
}

#[test]
fn they_do_not_pass_through_and_neither_does_the_reply() {
    let (translated, got) = translate(&ProviderFormat::OPENAI, &body());
    assert_eq!(translated.route, Route::Hub);
    assert_eq!(
        got["messages"],
        json!([{"role":"system","content":"be brief"},{"role":"user","content":"hi"}])
    );
    assert_eq!((&got["model"], &got["max_tokens"], got.get("input")), (&json!("n"), &json!(9), None));
    assert_eq!(got["tools"][0]["function"]["name"], "exec", "a free-form tool is a function there");
    // Its calls come back as the client declared the tool.
    let call = json!({"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"exec","arguments":"{\"input\":\"ls\"}"}}]});
    let stream =
        frames(&[chunk(call, Value::Null), chunk(json!({}), "tool_calls".into())]) + "data: [DONE]\n\n";
    let mut pipe = Registry::with_builtin().stream(translated.exchange.clone()).unwrap();
    let mut out = Vec::new();
    pipe.push(&Bytes::from(stream), &mut out).unwrap();
    pipe.finish(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains(r#""type":"custom","custom":{"name":"exec""#) && text.contains(r#"{"input":"ls"}"#),
        "{text}"
    );
    let reply = json!({"id":"i","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":null,
        "tool_calls":[{"id":"c","type":"function","function":{"name":"exec","arguments":"{\"input\":\"ls\"}"}}]}}]});
    let (whole, _, _) = Registry::with_builtin()
        .translate_reply(&translated.exchange, &Bytes::from(reply.to_string()))
        .unwrap();
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(
        whole["choices"][0]["message"]["tool_calls"][0]["custom"],
        json!({"name":"exec","input":"ls"})
    );
    // A body of the format itself still passes, and so does its reply.
    let chat = Bytes::from_static(br#"{"model":"n","messages":[],"stream":true}"#);
    let (translated, _) = translate(&ProviderFormat::OPENAI, &chat);
    assert!(translated.route == Route::PassThrough && !translated.exchange.rewritten);
    assert!(translated.body.as_ptr() == chat.as_ptr());
}

#[test]
fn they_reach_every_other_provider() {
    let (_, got) = translate(&ProviderFormat::CLAUDE, &body());
    assert_eq!(got["system"][0]["text"], "be brief");
    let (_, got) = translate(&ProviderFormat::OPENAI_RESPONSES, &body());
    assert_eq!((&got["max_output_tokens"], &got["tools"][0]["type"]), (&json!(9), &json!("custom")));
}
