//! What only streams have of an odd reply, or the stream of a whole one: what was said arrives, or is told.

use serde_json::{Value, json};

use super::cut::piped;
use crate::event_stream::event;
use crate::grid::{codec, context};

fn chat(choices: &[Value]) -> Vec<u8> {
    let mut out: String = choices
        .iter()
        .map(|choice| format!("data: {}\n\n", json!({"id":"c","model":"m","choices":[choice]})))
        .collect();
    out.push_str("data: [DONE]\n\n");
    out.into_bytes()
}

/// Source: providers-b.md 6.3.
#[test]
fn a_message_in_a_chunk_says_what_it_says_in_a_reply() {
    let message = json!({"role":"assistant","content":null,"refusal":"needle-no"});
    for choice in [
        json!({"index":0,"message":message,"finish_reason":"stop"}),
        json!({"index":0,"delta":{},"message":message,"finish_reason":"stop"}),
        json!({"index":0,"delta":{"role":"assistant","content":""},"message":message,"finish_reason":"stop"}),
    ] {
        for (client, word) in [
            ("claude", r#""stop_reason":"refusal""#),
            ("openai-response", r#""type":"refusal""#),
            ("gemini", r#""finishReason":"SAFETY""#),
        ] {
            let (out, losses) = piped("openai", client, &chat(std::slice::from_ref(&choice))).unwrap();
            assert!(out.contains("needle-no") && out.contains(word), "{client}: {choice}: {out}");
            assert!(losses.is_empty(), "{client}: {losses:?}");
        }
    }
}

/// Some services repeat all that was said so far beside every delta.
#[test]
fn a_message_beside_deltas_that_speak_is_not_said_again() {
    let message = |said: &str| json!({"role":"assistant","content":said});
    let stream = chat(&[
        json!({"index":0,"delta":{"content":"needle-a"},"message":message("needle-a")}),
        json!({"index":0,"delta":{"content":" needle-b"},"message":message("needle-a needle-b")}),
        json!({"index":0,"delta":{},"message":message("needle-a needle-b"),"finish_reason":"stop"}),
    ]);
    let (out, losses) = piped("openai", "claude", &stream).unwrap();
    assert_eq!((out.matches("needle-a").count(), out.matches("needle-b").count()), (1, 1), "{out}");
    assert!(losses.is_empty(), "{losses:?}");
}

#[test]
fn halves_of_surrogate_pairs_in_kiro_s_texts_stay_halves() {
    let frames: Vec<u8> = [r#"{"content":"a \ud83d"}"#, r#"{"content":"\ude00 b"}"#]
        .iter()
        .flat_map(|payload| event("assistantResponseEvent", payload))
        .collect();
    let (out, _) = piped("kiro", "openai", &frames).unwrap();
    assert!(out.contains(r#""content":"a \ud83d""#) && out.contains(r#""content":"\ude00 b""#), "{out}");
    let response = codec("kiro").decode_reply(&frames, &context()).unwrap();
    assert_eq!(response.candidates[0].parts[0].as_text().unwrap().decoded(), "a \u{1f600} b");
}
