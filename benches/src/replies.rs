//! What the fake provider answers: whole replies, and streams of text events, one piece an event.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::format::Format;

/// The words of one event.
const WORDS: &str = " some words or \"two\"";

/// A whole reply of a sentence.
#[must_use]
pub fn whole(format: Format, model: &str) -> Bytes {
    let text = WORDS.repeat(8);
    let value = match format {
        Format::Chat => {
            json!({"id":"chatcmpl-123456789","object":"chat.completion","created":1_795_428_000,"model":model,
            "choices":[{"index":0,"message":{"role":"assistant","content":text,"refusal":null},"logprobs":null,
                "finish_reason":"stop"}],
            "usage":{"prompt_tokens":100,"completion_tokens":40,"total_tokens":140},"system_fingerprint":"fp_1"})
        }
        Format::Claude => json!({"id":"msg_123456789","type":"message","role":"assistant","model":model,
            "content":[{"type":"text","text":text}],"stop_reason":"end_turn","stop_sequence":null,
            "usage":{"input_tokens":100,"output_tokens":40}}),
        Format::Responses => response(model, "completed", &text),
        Format::Gemini => json!({"candidates":[{"content":{"role":"model","parts":[{"text":text}]},
                "finishReason":"STOP","index":0}],
            "usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":40,"totalTokenCount":140},
            "modelVersion":model,"responseId":"r1"}),
    };
    Bytes::from(value.to_string())
}

/// A stream with this many text events between its beginning and its end.
#[must_use]
pub fn stream(format: Format, model: &str, events: usize) -> Vec<Bytes> {
    match format {
        Format::Chat => chat(model, events),
        Format::Claude => claude(model, events),
        Format::Responses => responses(model, events),
        Format::Gemini => gemini(model, events),
    }
}

fn named(value: &Value) -> Bytes {
    let name = value.get("type").and_then(Value::as_str).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {value}\n\n"))
}

fn data(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

fn chat(model: &str, events: usize) -> Vec<Bytes> {
    let chunk = |choices: Value, usage: Value| {
        data(
            &json!({"id":"chatcmpl-123456789","object":"chat.completion.chunk","created":1_795_428_000,"model":model,
            "system_fingerprint":"fp_1","choices":choices,"usage":usage}),
        )
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index":0,"delta":delta,"logprobs":null,"finish_reason":finish}]), Value::Null)
    };
    let mut out = vec![delta(json!({"role":"assistant","content":""}), Value::Null)];
    out.extend((0..events).map(|_| delta(json!({"content":WORDS}), Value::Null)));
    out.push(delta(json!({}), "stop".into()));
    out.push(chunk(json!([]), json!({"prompt_tokens":100,"completion_tokens":400,"total_tokens":500})));
    out.push(Bytes::from_static(b"data: [DONE]\n\n"));
    out
}

fn claude(model: &str, events: usize) -> Vec<Bytes> {
    let mut out = vec![
        named(
            &json!({"type":"message_start","message":{"id":"msg_123456789","type":"message","role":"assistant",
            "model":model,"content":[],"stop_reason":null,"stop_sequence":null,
            "usage":{"input_tokens":100,"output_tokens":1}}}),
        ),
        named(&json!({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})),
    ];
    out.extend((0..events).map(|_| {
        named(&json!({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":WORDS}}))
    }));
    out.push(named(&json!({"type":"content_block_stop","index":0})));
    out.push(named(&json!({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},
        "usage":{"output_tokens":400}})));
    out.push(named(&json!({"type":"message_stop"})));
    out
}

fn response(model: &str, status: &str, text: &str) -> Value {
    let output = if status == "completed" { json!([message("completed", text)]) } else { json!([]) };
    let usage = if status == "completed" {
        json!({"input_tokens":100,"input_tokens_details":{"cached_tokens":0},"output_tokens":400,
            "output_tokens_details":{"reasoning_tokens":0},"total_tokens":500})
    } else {
        Value::Null
    };
    json!({"id":"resp_123456789","object":"response","created_at":1_795_428_000,"status":status,"error":null,
        "incomplete_details":null,"model":model,"output":output,"parallel_tool_calls":true,"tool_choice":"auto",
        "tools":[],"usage":usage})
}

fn message(status: &str, text: &str) -> Value {
    let content = if status == "completed" {
        json!([{"type":"output_text","text":text,"annotations":[]}])
    } else {
        json!([])
    };
    json!({"id":"msg_1","type":"message","status":status,"role":"assistant","content":content})
}

fn responses(model: &str, events: usize) -> Vec<Bytes> {
    let text = WORDS.repeat(events);
    let place = |kind: &str, number: usize| json!({"type":kind,"sequence_number":number,"item_id":"msg_1","output_index":0,"content_index":0});
    let with = |mut value: Value, name: &str, member: Value| {
        if let Value::Object(members) = &mut value {
            members.insert(name.to_owned(), member);
        }
        named(&value)
    };
    let part = |text: &str| json!({"type":"output_text","text":text,"annotations":[]});
    let item = |kind: &str, number: usize, item: Value| {
        named(&json!({"type":kind,"sequence_number":number,"output_index":0,"item":item}))
    };
    let mut out = vec![
        with(
            json!({"type":"response.created","sequence_number":0}),
            "response",
            response(model, "in_progress", ""),
        ),
        with(
            json!({"type":"response.in_progress","sequence_number":1}),
            "response",
            response(model, "in_progress", ""),
        ),
        item("response.output_item.added", 2, message("in_progress", "")),
        with(place("response.content_part.added", 3), "part", part("")),
    ];
    out.extend(
        (0..events).map(|event| with(place("response.output_text.delta", 4 + event), "delta", WORDS.into())),
    );
    out.push(with(place("response.output_text.done", 4 + events), "text", text.as_str().into()));
    out.push(with(place("response.content_part.done", 5 + events), "part", part(&text)));
    out.push(item("response.output_item.done", 6 + events, message("completed", &text)));
    out.push(with(
        json!({"type":"response.completed","sequence_number":7 + events}),
        "response",
        response(model, "completed", &text),
    ));
    out
}

fn gemini(model: &str, events: usize) -> Vec<Bytes> {
    let usage = json!({"promptTokenCount":100,"candidatesTokenCount":400,"totalTokenCount":500});
    let chunk = |text: &str, finish: Option<&str>| {
        let mut candidate = json!({"content":{"role":"model","parts":[{"text":text}]},"index":0});
        if let (Some(finish), Value::Object(members)) = (finish, &mut candidate) {
            members.insert("finishReason".to_owned(), finish.into());
        }
        data(&json!({"candidates":[candidate],"usageMetadata":usage,"modelVersion":model,"responseId":"r1"}))
    };
    let mut out: Vec<Bytes> = (0..events).map(|_| chunk(WORDS, None)).collect();
    out.push(chunk("", Some("STOP")));
    out
}
