//! What only streams have of an odd reply, or the stream of a whole one: what was said arrives, or is told.
#![expect(clippy::needless_pass_by_value, reason = "`json!` values read better without a borrow before each")]

use serde_json::{Value, json};

use super::cut::{piped, whole};
use super::{Target, send};
use crate::event_stream::event;
use crate::grid::{codec, context};

fn sse(chunks: &[Value]) -> Vec<u8> {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<String>().into_bytes()
}

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

fn said(parts: Value, more: Value) -> Value {
    let mut candidate = json!({"index":0,"content":{"role":"model","parts":parts}});
    candidate.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"responseId":"r","modelVersion":"m","candidates":[candidate]})
}

#[test]
fn f53_pictures_that_are_thoughts_are_no_pictures_of_the_answer() {
    let picture = |data: &str| json!({"inlineData":{"mimeType":"image/png","data":data}});
    let mut thought = picture("QUFB");
    thought["thought"] = json!(true);
    let parts = json!([thought, picture("QkJC")]);
    let body = said(parts.clone(), json!({"finishReason":"STOP"}));
    for client in ["openai", "openai-response", "claude", "gemini-cli"] {
        let (reply, losses) = whole("gemini", client, &body).unwrap();
        let (stream, streamed) = piped("gemini", client, &sse(std::slice::from_ref(&body))).unwrap();
        for (out, losses) in [(reply.to_string(), losses), (stream, streamed)] {
            let own = client == "gemini-cli";
            assert_eq!(out.contains("QUFB"), own, "{client}: {out}");
            assert_eq!(out.contains(r#""thought":true"#), own, "{client}: {out}");
            assert!(client == "claude" || out.contains("QkJC"), "{client}: {out}");
            let told = losses.iter().any(|what| what == "message.thinking");
            assert_eq!(told, !own, "{client}: {losses:?}");
        }
    }
    let question = json!({"role":"user","parts":[{"text":"q"}]});
    let body = json!({"contents":[question, {"role":"model","parts":parts}, question]});
    for (name, model, own) in [
        ("openai", "gpt-5", false),
        ("openai-response", "gpt-5", false),
        ("claude", "claude-sonnet-4-5", false),
        ("antigravity", "claude-sonnet-4-5", false),
        ("antigravity", "gemini-3-pro", true),
        ("gemini-cli", "gemini-3-pro", true),
    ] {
        let (sent, losses) = send("gemini", Target { name, model, strict: false }, &body).unwrap();
        assert_eq!(sent.contains("QUFB") && sent.contains(r#""thought":true"#), own, "{name}: {sent}");
        assert!(own || !sent.contains("QUFB"), "{name}: {sent}");
        let told = losses.iter().any(|loss| loss.what == "message.thinking");
        assert_eq!(told, !own, "{name}: {losses:?}");
    }
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
