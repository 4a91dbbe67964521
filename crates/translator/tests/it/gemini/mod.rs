//! Gemini generateContent, as client and as provider.
#![expect(clippy::needless_pass_by_value, reason = "`json!` values read better without a borrow before each")]

mod antigravity;
mod client;
mod errors;
mod golden;
mod observer;
mod passthrough;
mod reply;
mod request;
mod responses;
mod round_trip;
mod stream;
mod target;
mod tools;

use cliproxy_translator::format::chat::ChatCodec;
use cliproxy_translator::format::claude::ClaudeCodec;
use cliproxy_translator::format::gemini::GeminiCodec;
use cliproxy_translator::format::responses::ResponsesCodec;
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::model::Event;
use cliproxy_translator::{Codec, CodecError, Encoded, Profile, ReplyContext, StreamFrame};
use serde_json::Value;

use crate::schema::assert_valid;

/// A signature as Gemini issues it: field 2 → field 1 → opaque bytes.
pub const SIGNED: &str = "EgoKCPr7/P3+/wEC";

pub fn codec() -> GeminiCodec {
    GeminiCodec::default()
}

pub fn codec_of(name: &str) -> Box<dyn Codec> {
    match name {
        "openai" => Box::new(ChatCodec::default()),
        "claude" => Box::new(ClaudeCodec::default()),
        "gemini" => Box::new(GeminiCodec::default()),
        "gemini-cli" => Box::new(GeminiCodec::cli()),
        "antigravity" => Box::new(GeminiCodec::antigravity()),
        "openai-response" => Box::new(ResponsesCodec::default()),
        "codex" => Box::new(ResponsesCodec::codex()),
        other => panic!("{other}"),
    }
}

pub fn context() -> ReplyContext {
    ReplyContext::new("asked-model", "seed")
}

/// A client's request as Gemini gets it. What is sent is valid by the vendor's schemas.
#[track_caller]
pub fn sent(client: &str, body: &Value, profile: &Profile) -> (Value, Encoded) {
    let text = body.to_string();
    let client = codec_of(client);
    let request = client.decode_request(text.as_bytes()).unwrap();
    let encoded = codec().encode_request(&request, profile).unwrap();
    let value: Value = serde_json::from_slice(&encoded.body)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&encoded.body)));
    check_request(&value);
    (value, encoded)
}

/// As [`sent`], for Gemini 3.
#[track_caller]
pub fn to_gemini(client: &str, body: &Value) -> Value {
    sent(client, body, &Profile::new("gemini-3-flash-preview", false)).0
}

/// A Gemini client's request as another provider gets it.
#[track_caller]
pub fn from_gemini(provider: &str, body: &Value) -> Value {
    let text = body.to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    let model = if provider == "claude" { "claude-sonnet-4-5" } else { "gpt-5" };
    let encoded = codec_of(provider).encode_request(&request, &Profile::new(model, false)).unwrap();
    let value: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_valid(if provider == "claude" { "claude.request" } else { "openai-chat.request" }, &value);
    value
}

/// Checks a request by the vendor's schemas, and what they cannot say: roles, pairing, signatures.
#[track_caller]
pub fn check_request(value: &Value) {
    let contents = value["contents"].as_array().expect("contents");
    let mut waiting = 0;
    for content in contents {
        assert_valid("gemini.content", content);
        let role = content["role"].as_str().expect("a role");
        let parts = content["parts"].as_array().unwrap();
        assert!(!parts.is_empty(), "no empty content: {value:#}");
        let count = |key: &str| parts.iter().filter(|part| part.get(key).is_some()).count();
        let (calls, results) = (count("functionCall"), count("functionResponse"));
        assert!(role == "user" || role == "model", "{role}");
        assert!(results == 0 || role == "user" && results == waiting, "as many results as calls: {value:#}");
        assert!(calls == 0 || role == "model", "the model calls: {value:#}");
        waiting = calls;
    }
    if let Some(system) = value.get("systemInstruction") {
        assert_valid("gemini.content", system);
    }
    for tool in value.get("tools").and_then(Value::as_array).into_iter().flatten() {
        assert_valid("gemini.tool", tool);
    }
    if let Some(config) = value.get("generationConfig") {
        let mut config = config.clone();
        // Documented, but not in the SDK's type.
        config.as_object_mut().unwrap().remove("imageConfig");
        assert_valid("gemini.generationConfig", &config);
    }
}

/// Reads a stream cut into chunks of `size` bytes.
pub fn decode(sse: &[u8], size: usize, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
    let mut decoder = codec().stream_decoder(&context());
    let mut parser = SseParser::new();
    let mut result = Ok(());
    let mut feed = |frame: StreamFrame<'_>| {
        if result.is_ok() {
            result = decoder.decode(frame, sink);
        }
    };
    for chunk in sse.chunks(size.max(1)) {
        parser.push(chunk, &mut feed)?;
    }
    parser.finish(&mut feed)?;
    result?;
    decoder.finish(sink)
}

/// The events of a stream, and whether it was whole.
pub fn events(sse: &str) -> (Vec<String>, Result<(), CodecError>) {
    let mut seen = Vec::new();
    let result = decode(sse.as_bytes(), sse.len().max(1), &mut |event| seen.push(format!("{event:?}")));
    (seen, result)
}

/// Chunks as a stream of server-sent events.
pub fn sse(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

/// A chunk of these parts.
pub fn chunk(parts: Value) -> Value {
    serde_json::json!({"candidates":[{"content":{"role":"model","parts":parts},"index":0}],
        "modelVersion":"gemini-3-flash-preview","responseId":"r1"})
}

/// The last chunk.
pub fn last(reason: &str, parts: Value) -> Value {
    serde_json::json!({"candidates":[{"content":{"role":"model","parts":parts},"finishReason":reason,"index":0}],
        "usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":5,
        "thoughtsTokenCount":3,"totalTokenCount":18},
        "modelVersion":"gemini-3-flash-preview","responseId":"r1"})
}

/// A provider's stream as a client gets it.
#[track_caller]
pub fn translated(provider: &str, client: &str, stream: &str) -> String {
    let (provider, client) = (codec_of(provider), codec_of(client));
    let mut decoder = provider.stream_decoder(&context());
    let mut encoder = client.stream_encoder(&context());
    let mut out = Vec::new();
    let mut parser = SseParser::new();
    let mut feed = |frame: StreamFrame<'_>| {
        decoder.decode(frame, &mut |event| encoder.encode(event, &mut out)).unwrap();
    };
    parser.push(stream.as_bytes(), &mut feed).unwrap();
    parser.finish(&mut feed).unwrap();
    decoder.finish(&mut |event| encoder.encode(event, &mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

/// A provider's whole reply as a client gets it.
#[track_caller]
pub fn whole(provider: &str, client: &str, reply: &Value) -> Value {
    let text = reply.to_string();
    let provider = codec_of(provider);
    let response = provider.decode_reply(text.as_bytes(), &context()).unwrap();
    let body = codec_of(client).encode_reply(&response, &context());
    serde_json::from_slice(&body).unwrap()
}

/// The data of the frames of a stream.
#[track_caller]
pub fn frames(stream: &str) -> Vec<Value> {
    let mut values = Vec::new();
    SseParser::new()
        .push(stream.as_bytes(), &mut |frame| {
            if frame.data != b"[DONE]" {
                values.push(serde_json::from_slice(frame.data).unwrap());
            }
        })
        .unwrap();
    values
}

/// The frames of a stream for a Gemini client, each a valid reply.
#[track_caller]
pub fn chunks(stream: &str) -> Vec<Value> {
    let values = frames(stream);
    for value in &values {
        if value.get("error").is_none() {
            assert_valid("gemini.reply", value);
        }
    }
    values
}

/// The names that a request declares, in order.
pub fn declared_names(request: &Value) -> Vec<String> {
    let tools = request["tools"].as_array().unwrap();
    let declarations = tools.iter().filter_map(|tool| tool["functionDeclarations"].as_array()).flatten();
    declarations.map(|function| function["name"].as_str().unwrap().to_owned()).collect()
}
