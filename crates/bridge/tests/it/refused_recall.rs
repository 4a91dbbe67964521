//! A provider refuses state that was put back for a client: one more attempt without it, and never again the same state.
//! Source: translation.md B30, B38, D.31.

use std::sync::Arc;

use cliproxy_core::UpstreamReply;
use serde_json::{Value, json};

use crate::refused_state::{attempts, bridge, claude_refuses, refusal, sent};
use crate::remembered_state::{
    answer, asks, calls, claude_says, gpt, hi, responds, signature, states, thinks_and_calls, thinks_and_says,
};
use crate::script::{Scripted, open, request_in, target};

#[tokio::test]
async fn b30_b38_what_was_put_back_and_refused_is_left_out_at_once_and_what_follows_is_found() {
    let bridge = bridge();
    let refused = refusal(&json!({"error": {"code": "invalid_encrypted_content", "message": "x"}}));
    let executor = Arc::new(Scripted::new(
        "openai-response",
        [
            thinks_and_calls(&[("call_1", &gpt("one"))]),
            refused,
            thinks_and_says(&gpt("two"), "Done."),
            thinks_and_says(&gpt("three"), "More."),
            responds(&[]),
        ],
    ));
    let ask = async |messages: &[Value]| {
        let exchange = open(&bridge, request_in("openai", &asks(&Value::from(messages)), false));
        let reply = exchange.attempt(target(&executor)).await;
        (reply, exchange.remarks().join("\n"))
    };
    let mut messages = vec![hi()];
    ask(&messages).await.0.unwrap();
    messages.extend([calls(&["call_1"]), answer("call_1")]);
    let (reply, told) = ask(&messages).await;
    reply.unwrap();
    assert_eq!(states(&sent(&executor, 1)), [(gpt("one"), "call_1".to_owned())], "it was put back");
    assert_eq!(states(&sent(&executor, 2)), [], "and left out when it was refused");
    assert!(told.contains("(1 left out)"), "{told}");

    messages.extend([
        json!({"role": "assistant", "content": "Done."}),
        json!({"role": "user", "content": "More"}),
    ]);
    ask(&messages).await.0.unwrap();
    assert_eq!(attempts(&executor), 4, "nothing was refused this time");
    assert_eq!(states(&sent(&executor, 3)), [(gpt("two"), "Done.".to_owned())]);

    messages.extend([
        json!({"role": "assistant", "content": "More."}),
        json!({"role": "user", "content": "And?"}),
    ]);
    let _empty = ask(&messages).await;
    let found = [(gpt("two"), "Done.".to_owned()), (gpt("three"), "More.".to_owned())];
    assert_eq!(states(&sent(&executor, 4)), found);
}

#[tokio::test]
async fn b30_b38_a_signature_of_claude_s_that_was_refused_is_put_back_no_more() {
    let bridge = bridge();
    let thinks = json!([
        {"type": "thinking", "thinking": "Let me think.", "signature": signature("AAA")},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    ]);
    let says = || claude_says(&json!([{"type": "text", "text": "Done."}]));
    let answers = [claude_says(&thinks), claude_refuses(), says(), says()];
    let executor = Arc::new(Scripted::new("claude", answers));
    let ask = async |messages: &[Value]| -> UpstreamReply {
        let mut target = target(&executor);
        target.model = "claude-x".into();
        let exchange = open(&bridge, request_in("openai", &asks(&Value::from(messages)), false));
        exchange.attempt(target).await.unwrap()
    };
    let mut messages = vec![hi()];
    ask(&messages).await;
    let mut turn = calls(&["toolu_1"]);
    turn["reasoning_content"] = "Let me think.".into();
    messages.extend([turn, answer("toolu_1")]);
    ask(&messages).await;
    let first = |index: usize| sent(&executor, index)["messages"][1]["content"][0]["type"].clone();
    assert_eq!((first(1), first(2)), (json!("thinking"), json!("tool_use")));

    messages.extend([
        json!({"role": "assistant", "content": "Done."}),
        json!({"role": "user", "content": "More"}),
    ]);
    ask(&messages).await;
    assert_eq!((attempts(&executor), first(3)), (4, json!("tool_use")), "nothing was refused this time");
}
