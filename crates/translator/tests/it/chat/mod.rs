//! Chat Completions, as client and as provider, and legacy completions.

mod completions;
mod errors;
mod golden;
mod observer;
mod passing;
mod random;
mod reply;
mod request;
mod responses_bodies;
mod round_trip;
mod stream;
mod target;
mod thinking;

use cliproxy_translator::format::chat::ChatCodec;
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::model::Event;
use cliproxy_translator::{Codec, CodecError, Profile, ReplyContext, StreamFrame};
use serde_json::{Value, json};

pub use crate::chunks::{check_chunks, check_frames};
use crate::schema::assert_valid_stream;

/// A signature as OpenAI issues it.
pub const GPT: &str =
    "gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A signature as Claude issues it.
pub const CLAUDE: &str = "EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu";

pub fn codec() -> ChatCodec {
    ChatCodec::default()
}

pub fn context() -> ReplyContext {
    ReplyContext::new("asked-model", "seed")
}

/// A service that speaks the format.
pub fn lenient() -> Profile {
    Profile::new("m", false)
}

/// OpenAI itself.
pub fn strict() -> Profile {
    let mut profile = Profile::new("m", false);
    profile.strict = true;
    profile
}

/// A service that wants thoughts back.
pub fn compat() -> Profile {
    let mut profile = lenient();
    profile.keeps_reasoning_text = true;
    profile
}

/// A body through the canonical model and back; what was lost.
pub fn through(body: &Value, profile: &Profile) -> (Value, Vec<String>) {
    let text = body.to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}"));
    let encoded = codec().encode_request(&request, profile).unwrap();
    let losses = encoded.losses.iter().map(|loss| loss.what.to_string()).collect();
    (serde_json::from_slice(&encoded.body).unwrap(), losses)
}

pub fn body(members: Value) -> Value {
    let mut body = json!({"model":"m","messages":[{"role":"user","content":"hi"}]});
    let Value::Object(members) = members else { panic!("no members") };
    body.as_object_mut().unwrap().extend(members);
    body
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

/// The events of a stream.
pub fn events(sse: &str) -> (Vec<String>, Result<(), CodecError>) {
    let mut seen = Vec::new();
    let result = decode(sse.as_bytes(), sse.len(), &mut |event| seen.push(format!("{event:?}")));
    (seen, result)
}

pub fn frames(chunks: &[Value]) -> String {
    chunks.iter().map(|data| format!("data: {data}\n\n")).collect()
}

/// A chunk with one choice.
pub fn chunk(delta: Value, finish: Value) -> Value {
    let mut chunk = json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"gpt-x","choices":[{"index":0}]});
    chunk["choices"][0]["delta"] = delta;
    chunk["choices"][0]["finish_reason"] = finish;
    chunk
}

/// What a client of this format gets of these events, checked.
pub fn written(events: impl IntoIterator<Item = Event<'static>>, context: &ReplyContext) -> Vec<Value> {
    let mut encoder = codec().stream_encoder(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    check_stream(&out)
}

/// Checks the frames of a stream and returns their data. Source: translation.md B53, B64, B77; http-api.md A.5.
#[track_caller]
pub fn check_stream(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    assert!(!text.contains("event:"), "no names: {text}");
    let values = assert_valid_stream("openai-chat.chunk", out);
    check_chunks(text, values)
}

/// The deltas of a stream, without the first one's role.
pub fn deltas(values: &[Value]) -> Vec<Value> {
    let choices = values.iter().filter_map(|value| value["choices"].as_array()).flatten();
    choices
        .filter(|choice| choice["delta"]["role"] != "assistant")
        .map(|choice| match choice["finish_reason"].as_str() {
            Some(word) => json!(word),
            None => choice["delta"].clone(),
        })
        .collect()
}
