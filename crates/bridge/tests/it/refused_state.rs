//! A provider refuses opaque state of earlier turns: one more attempt without it, and never again the same state.
//! Source: translation.md B30, D.31.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{
    Credential, CredentialId, CredentialKind, Document, ErrorKind, ExecutorError, Origin, Secret, Settings,
};
use cliproxy_translator::registry::Registry;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::script::{Answer, Scripted, body, chunk, frames, open, request_in, streamed, target, text, whole};

/// The registry with every format of ours.
pub fn bridge() -> Bridge {
    bridge_with(Options::default())
}

pub fn bridge_with(options: Options) -> Bridge {
    Bridge::new(Arc::new(Registry::with_builtin()), options)
}

/// The body of one attempt.
pub fn sent(executor: &Scripted, index: usize) -> Value {
    serde_json::from_slice(&executor.watch.attempts.lock()[index].body).unwrap()
}

pub fn attempts(executor: &Scripted) -> usize {
    executor.watch.attempts.lock().len()
}

pub fn refusal(body: &Value) -> Answer {
    let error = ExecutorError::new(ErrorKind::InvalidRequest, "the provider refused the request").with_reply(
        StatusCode::BAD_REQUEST,
        HeaderMap::new(),
        Bytes::from(body.to_string()),
    );
    Answer::Fail(error)
}

const CLAUDE_SAYS: &str = "messages.1.content.0: Invalid `signature` in `thinking` block";

pub fn claude_refuses() -> Answer {
    refusal(&json!({"type":"error","error":{"type":"invalid_request_error","message":CLAUDE_SAYS}}))
}

pub fn claude_says(text: &str) -> Answer {
    whole(
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 1, "output_tokens": 1}
        })
        .to_string(),
    )
}

/// Thoughts with a signature that looks like Claude's, told apart by its last letters.
pub fn thoughts(name: &str) -> Value {
    json!({"type": "thinking", "thinking": "Hm.", "signature": format!("EgQKAggB{}{name}", "A".repeat(80))})
}

fn claude_asks(messages: &Value) -> String {
    json!({"model": "claude-x", "max_tokens": 4000, "messages": messages}).to_string()
}

#[tokio::test]
async fn b30_one_more_attempt_goes_without_the_state_and_the_next_turn_leaves_it_out_at_once() {
    let bridge = bridge();
    let executor = Arc::new(Scripted::new("claude", [claude_refuses(), claude_says("A"), claude_says("B")]));
    let first = claude_asks(&json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [thoughts("old"), {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "Go on"}
    ]));
    let exchange = open(&bridge, request_in("claude", &first, false));
    let reply = body(exchange.attempt(target(&executor)).await.unwrap());
    assert!(String::from_utf8_lossy(&reply.body).contains("\"A\""));
    let content =
        |index: usize, message: usize| sent(&executor, index)["messages"][message]["content"].clone();
    assert_eq!(content(0, 1)[0]["type"], "thinking", "at first everything goes along");
    assert_eq!(content(1, 1), json!([{"type": "text", "text": "Hello"}]));
    let told = exchange.remarks().join("\n");
    assert!(told.contains("refused opaque state") && told.contains("(1 left out)"), "{told}");

    // The client repeats the refused thoughts beside those of the turn that followed.
    let second = claude_asks(&json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [thoughts("old"), {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "Go on"},
        {"role": "assistant", "content": [thoughts("new"), {"type": "text", "text": "A"}]},
        {"role": "user", "content": "And?"}
    ]));
    open(&bridge, request_in("claude", &second, false)).attempt(target(&executor)).await.unwrap();
    assert_eq!(attempts(&executor), 3, "nothing was refused this time");
    assert_eq!(content(2, 1), json!([{"type": "text", "text": "Hello"}]));
    assert_eq!(content(2, 3)[0], thoughts("new"), "what was never refused goes along");
}

#[tokio::test]
async fn b30_what_one_credential_refused_goes_to_another_and_another_person_s_stays_apart() {
    let bridge = bridge();
    let executor = Arc::new(Scripted::new(
        "claude",
        [claude_refuses(), claude_says("A"), claude_says("B"), claude_says("C")],
    ));
    let asked = claude_asks(&json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [thoughts("old"), {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "Go on"}
    ]));
    open(&bridge, request_in("claude", &asked, false)).attempt(target(&executor)).await.unwrap();
    let thinks = |index: usize| sent(&executor, index)["messages"][1]["content"][0]["type"] == "thinking";
    assert!(thinks(0) && !thinks(1));

    let mut other = target(&executor);
    other.credential = Arc::new(credential("scripted:2"));
    open(&bridge, request_in("claude", &asked, false)).attempt(other).await.unwrap();
    assert!(thinks(2), "another credential may read it");

    let somebody = request_in("claude", &asked, false).with_principal("somebody-else".into());
    open(&bridge, somebody).attempt(target(&executor)).await.unwrap();
    assert!(thinks(3), "what one client sent says nothing of another's");
}

pub fn credential(id: &'static str) -> Credential {
    Credential::new(
        CredentialId::from_static(id),
        cliproxy_core::ProviderId::from_static("scripted"),
        CredentialKind::ApiKey,
        Origin::Runtime,
        Document::with_api_key(&Secret::from("CANARY-key-9876543210")),
        Settings::new("label"),
    )
}

#[tokio::test]
async fn b30_it_is_tried_once_in_the_life_of_a_request() {
    let executor = Arc::new(Scripted::new("claude", (0..4).map(|_| claude_refuses())));
    let asked = claude_asks(&json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [thoughts("a"), {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "Go on"}
    ]));
    let exchange = open(&bridge(), request_in("claude", &asked, false));
    for expected in [2, 3] {
        let error = exchange.attempt(target(&executor)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert_eq!(attempts(&executor), expected);
    }
}

#[tokio::test]
async fn b30_other_refusals_and_requests_without_state_are_not_repeated() {
    let with = json!([thoughts("a"), {"type": "text", "text": "Hello"}]);
    let without = json!([{"type": "text", "text": "Hello"}]);
    let other =
        json!({"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: too large"}});
    for (said, answer) in [(with, refusal(&other)), (without, claude_refuses())] {
        let executor = Arc::new(Scripted::new("claude", [answer]));
        let asked = claude_asks(&json!([
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": said},
            {"role": "user", "content": "Go on"}
        ]));
        open(&bridge(), request_in("claude", &asked, false)).attempt(target(&executor)).await.unwrap_err();
        assert_eq!(attempts(&executor), 1);
    }
}

#[tokio::test]
async fn b30_a_turn_that_goes_on_without_its_thoughts_asks_for_none() {
    // With a budget for thinking, Claude refuses a turn whose calls stand there without the thoughts before them.
    let executor = Arc::new(Scripted::new("claude", [claude_refuses(), claude_says("A")]));
    let asked = json!({
        "model": "claude-x", "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000},
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [
                thoughts("a"), {"type": "redacted_thinking", "data": format!("Eg{}", "B".repeat(60))},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]}
        ]
    });
    open(&bridge(), request_in("claude", &asked.to_string(), false))
        .attempt(target(&executor))
        .await
        .unwrap();
    assert_eq!(sent(&executor, 0)["thinking"]["budget_tokens"], 2000);
    let again = sent(&executor, 1);
    assert_eq!(again.get("thinking"), None);
    assert_eq!(again["messages"][1]["content"][0]["type"], "tool_use");
    assert_eq!(again["messages"][1]["content"].as_array().unwrap().len(), 1);
}

fn gpt(name: &str) -> String {
    // 57 bytes and whole blocks: as `gAAAA` tokens are.
    let mut token = format!("gAAAA{name}");
    token.push_str(&"A".repeat(140 - token.len()));
    token
}

#[tokio::test]
async fn b30_responses_lose_their_thoughts_and_the_ids_of_what_they_led_to() {
    // Source: providers-a.md 3.7: a refusal inside a stream too.
    let event = json!({
        "type": "error", "code": "invalid_encrypted_content", "sequence_number": 0, "param": null,
        "message": "The encrypted content gAAA... could not be verified."
    });
    let done = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",",
        "\"created_at\":1,\"status\":\"in_progress\",\"model\":\"gpt-x\",\"output\":[]}}\n\n",
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,",
        "\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"in_progress\",\"content\":[]}}\n\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"item_id\":\"msg_1\",",
        "\"output_index\":0,\"content_index\":0,\"delta\":\"Yes\",\"logprobs\":[]}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":3,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",",
        "\"created_at\":1,\"status\":\"completed\",\"model\":\"gpt-x\",\"output\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1,\"total_tokens\":2}}}\n\n",
    );
    let answers = [streamed([chunk(format!("event: error\ndata: {event}\n\n"))]), streamed([chunk(done)])];
    let executor = Arc::new(Scripted::new("openai-response", answers));
    let asked = json!({
        "model": "gpt-x", "stream": true, "store": false, "input": [
            {"type": "message", "role": "user", "content": "Hi"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": gpt("old")},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "ok"},
            {"type": "message", "id": "msg_0", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "Hm", "annotations": []}]},
            {"type": "message", "role": "user", "content": "Go on"}
        ]
    });
    let reply = open(&bridge(), request_in("openai-response", &asked.to_string(), true))
        .attempt(target(&executor))
        .await
        .unwrap();
    let (written, end) = text(frames(reply)).await;
    assert!(written.contains("Yes") && !written.contains("invalid_encrypted"), "{written}");
    assert!(end.error.is_none());
    let input = sent(&executor, 1)["input"].clone();
    assert_eq!(input.as_array().unwrap().len(), 5, "{input:#}");
    assert_eq!(
        input[1],
        json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"})
    );
    assert_eq!(input[3]["id"], "msg_0", "that turn had no thoughts to lose");
}

#[tokio::test]
async fn b31_gemini_gets_the_sentinel_in_place_of_a_signature_that_it_refused() {
    let refused = refusal(&json!({"error": {
        "code": 400, "message": "Thought signature is not valid.", "status": "INVALID_ARGUMENT"
    }}));
    let says = whole(
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Yes"}]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}})
        .to_string(),
    );
    let executor = Arc::new(Scripted::new("gemini", [refused, says]));
    let asked = json!({"contents": [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [
            {"text": "Let me see", "thoughtSignature": "EgkKBwEMOdbHAAA="},
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "EgkKBwEMOdbHAAA="}
        ]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"ok": true}}}]}
    ]});
    let mut target = target(&executor);
    target.model = "gemini-3-pro".into();
    open(&bridge(), request_in("gemini", &asked.to_string(), false)).attempt(target).await.unwrap();
    let parts = |index: usize| sent(&executor, index)["contents"][1]["parts"].clone();
    assert_eq!(parts(0)[0]["thoughtSignature"], "EgkKBwEMOdbHAAA=");
    assert_eq!(parts(1)[0], json!({"text": "Let me see"}));
    assert_eq!(parts(1)[1]["thoughtSignature"], "skip_thought_signature_validator");
}
