//! Gemini stand-ins: chunks of new parts only, signatures, and the array of a stream that is no event stream.

use cliproxy_testkit::gemini::{self, Generation};
use cliproxy_testkit::{FakeUpstream, TestClient};
use serde_json::{Value, json};

use crate::replies::events;

pub fn rich_generation() -> Generation {
    Generation::new()
        .thought("let me think — carefully")
        .text("héllo wörld")
        .signed("c2lnbmF0dXJl")
        .function_call("get_weather", &json!({"city": "Zürich"}))
        .signed("bW9yZQ==")
        .function_call_with_id("call_2", "get_time", &json!({}))
        .inline_data("image/png", "iVBORw0KGgo=")
        .signature("bGFzdA==")
        .usage(100, 20)
        .usage_details(80, 4)
        .tool_prompt(3)
}

/// Neighbouring texts of the same kind are one.
fn joined(chunks: &[Value]) -> Vec<Value> {
    let mut parts: Vec<Value> = Vec::new();
    for part in chunks.iter().flat_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array().unwrap())
    {
        let open = parts.last_mut().filter(|open| {
            open["text"].is_string()
                && part["text"].is_string()
                && open["thought"] == part["thought"]
                && open["thoughtSignature"].is_null()
        });
        let Some(open) = open else {
            parts.push(part.clone());
            continue;
        };
        open["text"] = json!(format!("{}{}", open["text"].as_str().unwrap(), part["text"].as_str().unwrap()));
        if let Some(signature) = part.get("thoughtSignature") {
            open["thoughtSignature"] = signature.clone();
        }
    }
    parts
}

#[tokio::test]
async fn a_gemini_stream_adds_up_to_its_whole_reply() {
    let whole = rich_generation().to_json();
    let chunks = events(rich_generation().stream()).await;
    assert!(chunks.len() > 4);
    assert_eq!(json!(joined(&chunks)), whole["candidates"][0]["content"]["parts"]);
    assert!(chunks.iter().all(|chunk| chunk["responseId"] == whole["responseId"]));
    let finished: Vec<_> = chunks.iter().map(|chunk| &chunk["candidates"][0]["finishReason"]).collect();
    assert_eq!(finished.iter().filter(|reason| !reason.is_null()).count(), 1);
    assert_eq!(finished.last().unwrap(), &"STOP");
    assert_eq!(chunks.last().unwrap()["usageMetadata"], whole["usageMetadata"]);
    assert_eq!(whole["usageMetadata"]["totalTokenCount"], 100 + 20 + 4 + 3);
    assert_eq!(chunks[0]["usageMetadata"].get("candidatesTokenCount"), None);
}

#[tokio::test]
async fn a_stream_without_sse_is_one_json_array_of_the_same_chunks() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([rich_generation().array().split_every(11)]);
    let reply = TestClient::new(upstream.url()).post("/", &json!({})).await;
    assert_eq!(reply.header("content-type"), Some("application/json; charset=UTF-8"));
    assert_eq!(reply.json().await, json!(rich_generation().chunks()));
}

#[tokio::test]
async fn a_blocked_prompt_has_feedback_and_no_candidate() {
    let chunks = events(Generation::new().blocked("PROHIBITED_CONTENT").stream()).await;
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0]["promptFeedback"]["blockReason"], "PROHIBITED_CONTENT");
    assert_eq!(chunks[0].get("candidates"), None);
}

#[test]
fn an_empty_generation_finishes_without_parts() {
    let whole = Generation::new().finish("MAX_TOKENS").to_json();
    assert_eq!(whole["candidates"][0]["content"], json!({"role": "model"}));
    assert_eq!(whole["candidates"][0]["finishReason"], "MAX_TOKENS");
}

#[test]
fn gemini_errors_name_code_and_status_and_say_when_to_come_back() {
    let body = |reply: cliproxy_testkit::Reply| serde_json::from_slice::<Value>(&reply.bytes()).unwrap();
    let limited = body(gemini::rate_limited(30));
    assert_eq!(limited["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(limited["error"]["details"][1]["retryDelay"], "30s");
    assert_eq!(body(gemini::invalid_key())["error"]["details"][0]["reason"], "API_KEY_INVALID");
    assert_eq!(body(gemini::error(503, "UNAVAILABLE", "m")), gemini::error_json(503, "UNAVAILABLE", "m"));
    assert_eq!(body(gemini::token_count(31))["totalTokens"], 31);
}
