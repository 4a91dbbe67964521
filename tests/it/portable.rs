//! Conversations that move: state that a provider refuses, and state that a client drops.

use cliproxy_testkit::{FakeUpstream, TestClient, claude, status};
use serde_json::{Value, json};

use crate::server::{KEY, Server};

fn config(upstream: &FakeUpstream, more: &str) -> String {
    format!(
        "claude-api-key: [{{api-key: c, base-url: '{}', models: [{{name: claude-up, alias: messages}}]}}]\n{more}",
        upstream.url()
    )
}

async fn ask(server: &Server, path: &str, body: &Value) -> String {
    let client =
        TestClient::new(format!("http://{}", server.address)).bearer(KEY).header("x-cliproxy-explain", "1");
    let reply = client.post(path, body).await;
    let told = reply.header("x-cliproxy-explanation").unwrap_or_default().to_owned();
    assert_eq!(reply.status(), 200, "{told}: {}", reply.text().await);
    told
}

/// A state that looks like Claude's.
fn state() -> String {
    format!("EkQKQggBGAIqPA{}", "A".repeat(82))
}

#[tokio::test]
async fn a_refused_signature_costs_one_more_call_and_the_next_turn_none() {
    let upstream = FakeUpstream::start().await;
    let refusal = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "messages.1.content.0: Invalid `signature` in `thinking` block"}});
    upstream.script("c", [status(400).json(&refusal), claude::message("A"), claude::message("B")]);
    let server = Server::with_config(&config(&upstream, "")).await;
    let body = json!({"model": "messages", "max_tokens": 100, "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": state()}, {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "Go on"}]});
    let told = ask(&server, "/v1/messages", &body).await;
    assert!(told.contains("refused opaque state of earlier turns"), "{told}");
    ask(&server, "/v1/messages", &body).await;
    let thinks: Vec<bool> = upstream
        .requests()
        .iter()
        .map(|sent| sent.json()["messages"][1]["content"][0]["type"] == "thinking")
        .collect();
    assert_eq!(thinks, [true, false, false]);
    assert!(!server.log().contains(&state()), "no state in the log");
}

#[tokio::test]
async fn what_a_chat_client_drops_is_put_back_until_the_operator_says_otherwise() {
    let upstream = FakeUpstream::start().await;
    let called = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-up", "stop_reason": "tool_use",
        "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}, "content": [
            {"type": "redacted_thinking", "data": state()}, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]});
    upstream.script("c", [status(200).json(&called), claude::message("done"), claude::message("done")]);
    let server = Server::with_config(&config(&upstream, "")).await;
    let hi = json!({"role": "user", "content": "Hi"});
    ask(&server, "/v1/chat/completions", &json!({"model": "messages", "messages": [hi]})).await;
    let next = json!({"model": "messages", "messages": [hi,
        {"role": "assistant", "content": null, "tool_calls": [{"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "ok"}]});
    let first = |sent: Value| sent["messages"][1]["content"][0].clone();
    ask(&server, "/v1/chat/completions", &next).await;
    assert_eq!(first(upstream.requests()[1].json()), json!({"type": "redacted_thinking", "data": state()}));

    server.write_config(&config(&upstream, "opaque-state: {enabled: false}\n"));
    server.signal("HUP").await;
    server.wait_for_log("reloaded", 1).await;
    ask(&server, "/v1/chat/completions", &next).await;
    assert_eq!(first(upstream.requests()[2].json())["type"], "tool_use");
}
