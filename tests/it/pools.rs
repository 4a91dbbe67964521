//! Pools of three keys.

use cliproxy_testkit::{FakeUpstream, Reply, chat, cut, data, sse, status};
use serde_json::{Value, json};

use crate::server::Server;

fn pool(upstream: &FakeUpstream) -> String {
    format!(
        "routing: {{strategy: fill-first}}\n\
         openai-compatibility: [{{name: router, base-url: '{}/v1', api-key-entries: [{{api-key: key-a}}, {{api-key: key-b}}, {{api-key: key-c}}], models: [{{name: m}}]}}]\n",
        upstream.url()
    )
}

fn body(stream: bool) -> Value {
    json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

/// The text of a reply, whole or streamed.
fn words(reply: &str) -> String {
    let documents = reply.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    let values = documents.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    let texts = values.filter_map(|value| {
        let choice = &value["choices"][0];
        choice["delta"]["content"].as_str().or(choice["message"]["content"].as_str()).map(str::to_owned)
    });
    texts.collect()
}

#[tokio::test]
async fn a_failing_key_is_passed_over_silently() {
    for (failure, name) in [
        (status(401).json(&json!({"error": {"message": "no"}})), "401"),
        (status(403).json(&json!({"error": {"message": "no"}})), "403"),
        (status(429).json(&json!({"error": {"message": "slow"}})), "429"),
        (status(503).json(&json!({"error": {"message": "later"}})), "503"),
    ] {
        for stream in [false, true] {
            let upstream = FakeUpstream::start().await;
            let good: Reply = if stream { chat::stream("fine") } else { chat::completion("fine") };
            // Whoever comes first fails; the others answer.
            upstream.script_all([failure.clone(), good]);
            let server = Server::with_config(&pool(&upstream)).await;
            let reply = server.client().post("/v1/chat/completions", &body(stream)).await;
            assert_eq!(reply.status(), 200, "{name} stream={stream}");
            assert_eq!(words(&reply.text().await), "fine", "{name} stream={stream}");
            let keys = upstream.keys_seen();
            assert_eq!(keys.len(), 2, "{name}: {keys:?}");
            assert_ne!(keys[0], keys[1], "{name}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_before_it_says_anything_moves_on_and_one_that_breaks_later_says_so() {
    let greeting = || {
        data(
            &json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": null}]}),
        )
    };
    let word = || {
        data(
            &json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "half"}, "finish_reason": null}]}),
        )
    };
    let upstream = FakeUpstream::start().await;
    upstream.script_all([sse([greeting(), cut()]), chat::stream("whole")]);
    let server = Server::with_config(&pool(&upstream)).await;
    let text = server.client().post("/v1/chat/completions", &body(true)).await.text().await;
    assert_eq!(words(&text), "whole");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(upstream.requests().len(), 2);

    let upstream = FakeUpstream::start().await;
    upstream.script_all([sse([greeting(), word(), cut()]), chat::stream("whole")]);
    let server = Server::with_config(&pool(&upstream)).await;
    let text = server.client().post("/v1/chat/completions", &body(true)).await.text().await;
    assert_eq!(words(&text), "half");
    assert!(text.contains("\"error\"") && !text.contains("[DONE]"), "{text}");
    assert_eq!(upstream.requests().len(), 1, "what has begun is never sent again");
}
