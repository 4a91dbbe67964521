//! What a refusal of state changes of the turn that goes on, and whose. Source: translation.md B30, D.31; Messages API
//! reference, "Extended thinking".

use std::sync::Arc;

use serde_json::{Value, json};

use crate::refused_state::{attempts, bridge, claude_says, refusal, sent, thoughts};
use crate::script::{Answer, Scripted, open, request_in, target};

fn claude_refuses(message: &str) -> Answer {
    refusal(&json!({"type":"error","error":{"type":"invalid_request_error","message":message}}))
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn assistant(blocks: &Value) -> Value {
    json!({"role": "assistant", "content": blocks})
}

fn call(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": {}})
}

fn answer(id: &str) -> Value {
    json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "ok"}]})
}

fn asks(messages: &Value) -> Value {
    json!({"model": "up-model", "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000},
        "messages": messages})
}

#[tokio::test]
async fn b30_one_person_s_refused_state_leaves_the_thinking_of_others_on() {
    let bridge = bridge();
    let refused = claude_refuses("messages.1.content.0: Invalid `signature` in `thinking` block");
    let executor = Arc::new(Scripted::new("claude", [refused, claude_says("A"), claude_says("B")]));
    let first = asks(&json!([user("Hi"), assistant(&json!([thoughts("old"), call("a")])), answer("a")]));
    open(&bridge, request_in("claude", &first.to_string(), false)).attempt(target(&executor)).await.unwrap();
    assert_eq!(sent(&executor, 1).get("thinking"), None);

    // Without interleaved thinking, only the first step of a turn has thoughts.
    let other = asks(&json!([
        user("Hi"),
        assistant(&json!([thoughts("mine"), call("a")])),
        answer("a"),
        assistant(&json!([call("b")])),
        answer("b")
    ]));
    let somebody = request_in("claude", &other.to_string(), false).with_principal("somebody-else".into());
    let exchange = open(&bridge, somebody);
    exchange.attempt(target(&executor)).await.unwrap();
    assert_eq!(sent(&executor, 2), other);
    assert_eq!(attempts(&executor), 3);
}

#[tokio::test]
async fn b30_a_turn_without_thoughts_that_claude_refuses_is_sent_again_without_thinking() {
    // The first step was another provider's, which did not think.
    let refused = claude_refuses(
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.",
    );
    let executor = Arc::new(Scripted::new("claude", [refused, claude_says("A")]));
    let asked = asks(&json!([user("Hi"), assistant(&json!([call("a")])), answer("a")]));
    open(&bridge(), request_in("claude", &asked.to_string(), false))
        .attempt(target(&executor))
        .await
        .unwrap();
    assert_eq!(sent(&executor, 0), asked);
    let again = sent(&executor, 1);
    assert_eq!((again.get("thinking"), &again["messages"]), (None, &asked["messages"]));
}

#[tokio::test]
async fn b30_thoughts_without_a_signature_go_where_none_is_missed() {
    let bridge = bridge();
    let refused = claude_refuses("messages.1.content.0.thinking.signature: Field required");
    let executor =
        Arc::new(Scripted::new("claude", [refused, claude_says("A"), claude_says("B"), claude_says("C")]));
    let unsigned = json!({"type": "thinking", "thinking": "Hm."});
    let text = json!({"type": "text", "text": "Hello"});
    let asked = json!({"model": "up-model", "max_tokens": 4000, "messages": [
        user("Hi"), assistant(&json!([unsigned, text])), user("Go on")]});
    for _ in 0..2 {
        let request = request_in("claude", &asked.to_string(), false);
        open(&bridge, request).attempt(target(&executor)).await.unwrap();
    }
    assert_eq!(sent(&executor, 0), asked);
    for index in [1, 2] {
        assert_eq!(sent(&executor, index)["messages"][1]["content"], json!([text]), "{index}");
    }
    assert_eq!(attempts(&executor), 3, "the next turn leaves them out at once");
    // Another model behind the same credential may want them.
    let mut other = target(&executor);
    other.model = "deepseek-v4".into();
    open(&bridge, request_in("claude", &asked.to_string(), false)).attempt(other).await.unwrap();
    assert_eq!(sent(&executor, 3)["messages"][1]["content"], json!([unsigned, text]));
}
