//! What was lost on the way there and back is told: of requests that pass through too, of whole replies with their
//! headers, of streams at their end. Source: issue 4, "Deliver" 6.

use std::sync::Arc;

use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::ReplyModes;
use cliproxy_translator::registry::{
    Registry, RequestEnvelope, RequestMiddleware, ResponseEnvelope, ResponseMiddleware,
};
use cliproxy_translator::{CodecError, Loss};
use serde_json::json;

use crate::refused_state::bridge;
use crate::script::{Scripted, chunk, frames, open, request_in, streamed, target, text, whole};

fn message() -> String {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "SECRET"},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "SECRET"}},
        {"type": "text", "text": "Hello"}],
        "stop_reason": "stop_sequence", "stop_sequence": "SECRET", "usage": {"input_tokens": 1, "output_tokens": 1}})
    .to_string()
}

fn events() -> String {
    let event = |kind: &str, mut value: serde_json::Value| {
        value["type"] = kind.into();
        format!("event: {kind}\ndata: {value}\n\n")
    };
    [
        event("message_start", json!({"message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}}})),
        event("content_block_start", json!({"index": 0, "content_block": {"type": "text", "text": ""}})),
        event("content_block_delta", json!({"index": 0, "delta": {"type": "text_delta", "text": "Hello"}})),
        event("content_block_stop", json!({"index": 0})),
        event("message_delta", json!({"delta": {"stop_reason": "stop_sequence", "stop_sequence": "SECRET"},
            "usage": {"output_tokens": 2}})),
        event("message_stop", json!({})),
    ]
    .concat()
}

const ASKED: &str = r#"{"model":"asked-model","messages":[{"role":"user","content":"q"}]}"#;

#[tokio::test]
async fn what_a_body_that_passes_through_had_to_leave_is_told() {
    let executor = Arc::new(Scripted::new("claude", [whole(message())]));
    let body = r#"{"model":"asked-model","max_tokens":9,"temperature":0.5,"top_p":0.5,"messages":[{"role":"user","content":"q"}]}"#;
    let exchange = open(&bridge(), request_in("claude", body, false));
    exchange.attempt(target(&executor)).await.unwrap();
    assert_eq!(
        exchange.remarks(),
        ["not carried over into claude: top_p (Claude refuses it beside the other parameters)"]
    );
}

#[tokio::test]
async fn what_a_whole_reply_had_to_leave_is_told_without_its_contents() {
    // The state is remembered for a Chat client: it is not lost.
    for (client, asked, lost) in [
        ("openai", ASKED, "message.server_tool_use, stop_sequence"),
        (
            "gemini",
            r#"{"contents":[{"role":"user","parts":[{"text":"q"}]}]}"#,
            "message.server_tool_use, stop_sequence",
        ),
    ] {
        let executor = Arc::new(Scripted::new("claude", [whole(message())]));
        let exchange = open(&bridge(), request_in(client, asked, false));
        exchange.attempt(target(&executor)).await.unwrap();
        let told = exchange.remarks();
        assert_eq!(
            told,
            [format!("not carried over from claude: {lost} (the client's format has no word for it)")],
            "{client}"
        );
    }
}

#[tokio::test]
async fn what_a_stream_had_to_leave_is_told_at_its_end() {
    for (client, asked, lost) in [("openai", ASKED, true), ("claude", ASKED, false)] {
        let executor = Arc::new(Scripted::new("claude", [streamed([chunk(events())])]));
        let exchange = open(&bridge(), request_in(client, asked, true));
        let (said, end) = text(frames(exchange.attempt(target(&executor)).await.unwrap())).await;
        assert!(said.contains("Hello"), "{said}");
        let told = "not carried over from claude: stop_sequence (the client's format has no word for it)";
        assert_eq!(end.remarks, if lost { vec![told.to_owned()] } else { Vec::new() }, "{client}");
    }
}

#[tokio::test]
async fn nobody_who_does_not_ask_is_told() {
    let executor = Arc::new(Scripted::new("claude", [streamed([chunk(events())]), whole(message())]));
    let asked = |stream| request_in("openai", ASKED, stream).with_explain(false);
    let exchange = open(&bridge(), asked(true));
    let (_, end) = text(frames(exchange.attempt(target(&executor)).await.unwrap())).await;
    assert_eq!(end.remarks, Vec::<String>::new());
    let exchange = open(&bridge(), asked(false));
    exchange.attempt(target(&executor)).await.unwrap();
    assert_eq!(exchange.remarks(), Vec::<String>::new());
}

/// A Chat stream whose chunks have what nobody knows.
fn unknown_chunks() -> String {
    let chunk_of = |delta: serde_json::Value, finish: serde_json::Value| {
        json!({"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "obfuscation": "xyz",
            "system_fingerprint": "fp", "new_member": {"SECRET": 1}, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let said = |text: &str| chunk_of(json!({"content": text, "newer": "SECRET"}), json!(null));
    let events = [said("Hel"), said("lo"), chunk_of(json!({}), json!("stop"))];
    events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>() + "data: [DONE]\n\n"
}

const ASKED_IN_CLAUDE: &str =
    r#"{"model":"asked-model","max_tokens":9,"messages":[{"role":"user","content":"q"}]}"#;

const UNKNOWN: &str = "not carried over from openai: system_fingerprint, new_member, message.newer (the client's format has no \
    word for it)";

#[tokio::test]
async fn what_nobody_knows_of_a_stream_is_told_once_at_its_end() {
    let stream = || streamed([chunk(unknown_chunks())]);
    let executor = Arc::new(Scripted::new("openai", [stream(), stream()]));
    let exchange = open(&bridge(), request_in("claude", ASKED_IN_CLAUDE, true));
    let (said, end) = text(frames(exchange.attempt(target(&executor)).await.unwrap())).await;
    assert!(said.contains("Hel"), "{said}");
    assert_eq!(end.remarks, [UNKNOWN]);
    let exchange = open(&bridge(), request_in("openai", ASKED, true));
    let (said, end) = text(frames(exchange.attempt(target(&executor)).await.unwrap())).await;
    assert!(said.contains("new_member"), "{said}");
    assert_eq!(end.remarks, Vec::<String>::new(), "what passes through is all there");
}

#[tokio::test]
async fn what_nobody_knows_of_a_stream_that_is_put_together_is_told() {
    for (client, asked) in [("claude", ASKED_IN_CLAUDE), ("openai", ASKED)] {
        let answers = [streamed([chunk(unknown_chunks())])];
        let executor = Arc::new(Scripted::new("openai", answers).modes(ReplyModes::StreamOnly));
        let exchange = open(&bridge(), request_in(client, asked, false));
        exchange.attempt(target(&executor)).await.unwrap();
        assert_eq!(exchange.remarks(), [UNKNOWN], "{client}");
    }
}

#[tokio::test]
async fn what_no_event_carries_of_a_whole_reply_is_told_at_the_end_of_its_stream() {
    let reply = json!({"id": "c1", "object": "chat.completion", "created": 7, "model": "m", "new_member": "SECRET",
        "choices": [{"index": 0, "finish_reason": "stop", "newest": 1, "message": {"role": "assistant", "content": "Hello", "newer": 2}}]});
    let executor = Arc::new(Scripted::new("openai", [whole(reply.to_string())]).modes(ReplyModes::WholeOnly));
    let exchange = open(&bridge(), request_in("openai", ASKED, true));
    let (said, end) = text(frames(exchange.attempt(target(&executor)).await.unwrap())).await;
    assert!(said.contains("Hello") && !said.contains("SECRET"), "{said}");
    let told =
        "not carried over from openai: new_member, newest, message.newer (no event of a stream carries it)";
    assert_eq!(end.remarks, [told]);
}

/// Leaves something behind, and says so.
#[derive(Debug)]
struct Censor;

impl RequestMiddleware for Censor {
    fn handle(
        &self,
        envelope: RequestEnvelope,
        next: &mut dyn FnMut(RequestEnvelope) -> Result<RequestEnvelope, CodecError>,
    ) -> Result<RequestEnvelope, CodecError> {
        let mut done = next(envelope)?;
        done.losses.push(Loss::new("attachments", "the house forbids them"));
        Ok(done)
    }
}

impl ResponseMiddleware for Censor {
    fn handle(
        &self,
        envelope: ResponseEnvelope,
        next: &mut dyn FnMut(ResponseEnvelope) -> Result<ResponseEnvelope, CodecError>,
    ) -> Result<ResponseEnvelope, CodecError> {
        let mut done = next(envelope)?;
        done.losses.push(Loss::new("links", "the house forbids them"));
        Ok(done)
    }
}

#[tokio::test]
async fn what_middleware_leaves_behind_is_told_of_requests_replies_and_streams() {
    let mut registry = Registry::with_builtin();
    registry.use_request(Arc::new(Censor));
    registry.use_response(Arc::new(Censor));
    let bridge = Bridge::new(Arc::new(registry), Options::default());
    let sent = "not carried over into claude: attachments (the house forbids them)";
    let came = "stop_sequence (the client's format has no word for it)";
    let gone = "links (the house forbids them)";

    let executor = Arc::new(Scripted::new("claude", [whole(message()), streamed([chunk(events())])]));
    let exchange = open(&bridge, request_in("openai", ASKED, false));
    exchange.attempt(target(&executor)).await.unwrap();
    let told = exchange.remarks();
    assert_eq!(told.first().map(String::as_str), Some(sent));
    assert!(told.iter().any(|line| line.contains(gone)), "{told:?}");

    let exchange = open(&bridge, request_in("openai", ASKED, true));
    let (_, end) = text(frames(exchange.attempt(target(&executor)).await.unwrap())).await;
    assert_eq!(exchange.remarks(), [sent]);
    assert_eq!(end.remarks, [format!("not carried over from claude: {gone}; {came}")]);

    // A stream that is put together.
    let answers = [streamed([chunk(events())])];
    let executor = Arc::new(Scripted::new("claude", answers).modes(ReplyModes::StreamOnly));
    let exchange = open(&bridge, request_in("openai", ASKED, false));
    exchange.attempt(target(&executor)).await.unwrap();
    let told = exchange.remarks();
    assert!(told.iter().any(|line| line.contains(gone) && line.contains("stop_sequence")), "{told:?}");
}
