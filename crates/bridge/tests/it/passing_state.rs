//! A Chat client goes on at another service of its own format: what it has from Gemini or from a model that thinks aloud
//! goes where it is wanted. Source: translation.md B29, B30, B36.

use std::sync::Arc;

use cliproxy_core::Target;
use serde_json::json;

use crate::refused_state::{attempts, bridge, claude_says, refusal, sent};
use crate::script::{Answer, Scripted, credential, open, request_in, target, whole};

const GEMINI: &str =
    "EjwKOgEMOdbHAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn says() -> Answer {
    let reply = json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "a cat"}, "finish_reason": "stop"}]});
    whole(reply.to_string())
}

fn asked() -> String {
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": GEMINI}}});
    json!({"model": "asked-model", "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": null, "reasoning_content": "Hm.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "ok"}
    ]})
    .to_string()
}

fn at(executor: &Arc<Scripted>, base_url: &str, model: &'static str) -> Target {
    let mut target = target(executor);
    let mut settings = credential().settings().clone();
    settings.base_url = Some(base_url.to_owned());
    target.credential = Arc::new(credential().with_settings(settings));
    target.model = model.into();
    target
}

#[tokio::test]
async fn b29_b36_each_service_gets_what_it_takes_and_the_rest_is_told() {
    const LENIENT: &str = "https://llm.example.com/v1";
    let executor = Arc::new(Scripted::new("openai", (0..7).map(|_| says())));
    let bridge = bridge();
    // One request that fails over from service to service: what was made for one is not another's.
    let exchange = open(&bridge, request_in("openai", &asked(), false));
    for (place, (base_url, model, thoughts, signature)) in [
        (LENIENT, "llama-4", true, false),
        ("https://api.openai.com/v1", "m", false, false),
        ("https://us.api.openai.com/v1", "m", false, false),
        ("https://api.deepseek.com", "deepseek-chat", true, false),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini-3-pro", true, true),
        (LENIENT, "llama-4", true, false),
        // Whoever is behind a name that tells nothing may be Gemini.
        (LENIENT, "agent-large", true, true),
    ]
    .into_iter()
    .enumerate()
    {
        exchange.attempt(at(&executor, base_url, model)).await.unwrap();
        let message = sent(&executor, place)["messages"][1].clone();
        assert_eq!(message.get("reasoning_content").is_some(), thoughts, "{base_url}");
        assert_eq!(message["tool_calls"][0].get("extra_content").is_some(), signature, "{base_url}");
        let told = exchange.remarks().join("\n");
        // What was made before is told no more.
        if [0, 1, 3, 4].contains(&place) {
            assert_eq!(told.contains("message.thinking"), !thoughts, "{base_url}: {told}");
            assert_eq!(told.contains("message.signature"), !signature, "{base_url}: {told}");
        }
    }
}

#[tokio::test]
async fn b30_a_signature_that_google_refuses_is_left_out_at_once_in_later_turns() {
    let refused = refusal(&json!({"error": {"code": 400, "message": "Thought signature is not valid."}}));
    let executor = Arc::new(Scripted::new("openai", [refused, says(), says()]));
    let bridge = bridge();
    let google = || at(&executor, "https://generativelanguage.googleapis.com/v1beta/openai", "gemini-3-pro");
    for _ in 0..2 {
        open(&bridge, request_in("openai", &asked(), false)).attempt(google()).await.unwrap();
    }
    assert_eq!(attempts(&executor), 3);
    let signature = |place: usize| {
        sent(&executor, place)["messages"][1]["tool_calls"][0]["extra_content"]["google"]["thought_signature"]
            .clone()
    };
    let sentinel = json!("skip_thought_signature_validator");
    assert_eq!([signature(0), signature(1), signature(2)], [json!(GEMINI), sentinel.clone(), sentinel]);
}

#[tokio::test]
async fn b36_a_backend_that_wants_thoughts_gets_them_under_the_names_of_claude_s_models() {
    let executor = Arc::new(Scripted::new("claude", (0..2).map(|_| claude_says("A"))));
    let bridge = bridge();
    let asked = json!({"model": "asked-model", "max_tokens": 9, "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "a"}]},
        {"role": "user", "content": "b"}]});
    for (place, (base_url, kept)) in
        [("https://api.deepseek.com/anthropic", true), ("https://api.anthropic.com", false)]
            .into_iter()
            .enumerate()
    {
        let request = request_in("claude", &asked.to_string(), false);
        open(&bridge, request).attempt(at(&executor, base_url, "claude-opus-4-6")).await.unwrap();
        let content = &sent(&executor, place)["messages"][1]["content"];
        assert_eq!(content.as_array().unwrap().len(), 1 + usize::from(kept), "{base_url}");
    }
}
