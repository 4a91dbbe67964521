//! Streams of very many calls, choices and candidates, as in [`crate::many`]: what a provider numbers costs the same for
//! each. Nothing is timed: with a look at all of them for each of them, these tests would take minutes.

use cliproxy_translator::StreamFrame;
use serde_json::{Value, json};

use crate::gemini::{codec_of, context};

const MANY: usize = 30_000;

/// How often a word stands in what a client gets of these frames.
#[track_caller]
fn count(provider: &str, client: &str, frames: &[Value], word: &str) -> usize {
    let (provider, client) = (codec_of(provider), codec_of(client));
    let mut decoder = provider.stream_decoder(&context());
    let mut encoder = client.stream_encoder(&context());
    let mut out = Vec::new();
    for frame in frames {
        let frame = frame.to_string();
        let sink = &mut |event: cliproxy_translator::model::Event<'_>| encoder.encode(event, &mut out);
        decoder.decode(StreamFrame::of(frame.as_bytes()), sink).unwrap();
    }
    decoder.finish(&mut |event| encoder.encode(event, &mut out)).unwrap();
    memchr::memmem::find_iter(&out, word).count()
}

fn chunk(calls: &[Value]) -> Value {
    json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]})
}

fn calls(call: impl Fn(usize) -> Value) -> Vec<Value> {
    (0..MANY).map(call).collect()
}

#[test]
fn calls_that_begin_in_one_chunk() {
    let end = json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    let function = json!({"name": "f", "arguments": "{}"});
    let all: [(&str, Vec<Value>); 5] = [
        ("numbered", calls(|at| json!({"index": at, "id": format!("i{at}"), "function": function}))),
        ("numbered alike", calls(|at| json!({"index": 0, "id": format!("i{at}"), "function": function}))),
        ("not numbered", calls(|at| json!({"id": format!("i{at}"), "function": function}))),
        ("without ids", calls(|at| json!({"index": at, "function": function}))),
        (
            "without names",
            calls(|at| json!({"index": at, "id": format!("i{at}"), "function": {"arguments": "{}"}})),
        ),
    ];
    for (what, calls) in all {
        let frames = [chunk(&calls), end.clone()];
        assert_eq!(count("openai", "gemini", &frames, "\"functionCall\""), MANY, "{what}");
        if what == "numbered" {
            assert_eq!(count("openai", "openai", &frames, "\"type\":\"function\""), MANY);
        }
    }
}

#[test]
fn calls_that_grow_by_turns() {
    let begun = calls(|at| json!({"index": at, "id": format!("i{at}"), "function": {"name": "f"}}));
    let grown = calls(|at| json!({"index": at, "function": {"arguments": "{\"a\":1}"}}));
    let named = calls(
        |at| json!({"index": MANY - at - 1, "id": format!("i{}", MANY - at - 1), "function": {"name": "f", "arguments": " "}}),
    );
    let end = json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    let frames = [chunk(&begun), chunk(&grown), chunk(&named), end];
    assert_eq!(count("openai", "gemini", &frames, "\"args\":{\"a\":1}"), MANY);
    assert_eq!(count("openai", "openai", &frames, r#""{\"a\":1}""#), MANY);
}

#[test]
fn ids_that_come_late() {
    let begun = calls(|at| json!({"index": at, "function": {"name": "f"}}));
    let told = calls(|at| json!({"id": format!("i{at}"), "function": {"name": "f", "arguments": "{}"}}));
    let end = json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    // Without an index an id goes to the latest call that has none.
    assert_eq!(count("openai", "gemini", &[chunk(&begun), chunk(&told), end], "\"id\":\"i"), MANY);
}

#[test]
fn choices_and_candidates() {
    let said = |at: usize| json!({"index": at, "delta": {"content": "said"}});
    let ended = |at: usize| json!({"index": at, "delta": {}, "finish_reason": "stop"});
    let chunk = |choices: Vec<Value>| json!({"id": "x", "model": "m", "choices": choices});
    let frames = [chunk(calls(said)), chunk(calls(said)), chunk(calls(ended))];
    for client in ["gemini", "openai"] {
        assert_eq!(count("openai", client, &frames, "\"said\""), 2 * MANY, "{client}");
    }
    let said =
        |at: usize| json!({"index": at, "content": {"parts": [{"text": "said"}]}, "finishReason": "STOP"});
    let frames = [json!({"candidates": calls(said), "responseId": "r"})];
    for (client, word) in [("openai", "\"content\":\"said\""), ("antigravity", "\"text\":\"said\"")] {
        assert_eq!(count("gemini", client, &frames, word), MANY, "{client}");
    }
}

#[test]
fn sources_that_are_told_again_and_again() {
    let source = |at: usize| json!({"web": {"uri": format!("https://{at}.example"), "title": "t"}});
    let support = |at: usize| json!({"segment": {"startIndex": 0, "endIndex": 4, "text": "said"}, "groundingChunkIndices": [at]});
    let grounded = |reason: Value| {
        json!({"candidates": [{"content": {"parts": [{"text": "said"}]}, "finishReason": reason,
            "groundingMetadata": {"groundingChunks": calls(source), "groundingSupports": calls(support)}}], "responseId": "r"})
    };
    let frames = [grounded(Value::Null), grounded(json!("STOP"))];
    assert_eq!(count("gemini", "openai", &frames, "\"url_citation\":{"), MANY);
}
