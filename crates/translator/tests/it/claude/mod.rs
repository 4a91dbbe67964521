//! Claude Messages, as client and as provider.

mod blocks;
mod errors;
mod golden;
mod hygiene;
mod observer;
mod reply;
mod request;
mod returned;
mod round_trip;
mod stream;
mod target;
mod thinking;
mod with_chat;

use cliproxy_translator::format::claude::ClaudeCodec;
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::model::Event;
use cliproxy_translator::{Codec, CodecError, Profile, ReplyContext, StreamFrame};
use serde_json::Value;

use crate::schema::{assert_valid_bytes, assert_valid_stream};

pub fn codec() -> ClaudeCodec {
    ClaudeCodec::default()
}

pub fn context() -> ReplyContext {
    ReplyContext::new("asked-model", "seed")
}

pub fn profile(model: &str) -> Profile {
    Profile::new(model, false)
}

/// A Claude body through the canonical model and back.
pub fn through(body: &Value, profile: &Profile) -> Value {
    let text = body.to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    assert_valid_bytes("claude.request", &codec().encode_request(&request, profile).unwrap().body)
}

/// The events of a stream.
pub fn events(sse: &str) -> (Vec<String>, Result<(), CodecError>) {
    let mut seen = Vec::new();
    let result = decode(sse.as_bytes(), sse.len().max(1), &mut |event| seen.push(format!("{event:?}")));
    (seen, result)
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
    for chunk in sse.chunks(size) {
        parser.push(chunk, &mut feed)?;
    }
    parser.finish(&mut feed)?;
    result?;
    decoder.finish(sink)
}

/// What a client of this format gets of these events. Every event is valid, and the block machine holds.
pub fn written(events: impl IntoIterator<Item = Event<'static>>, context: &ReplyContext) -> Vec<Value> {
    let mut encoder = codec().stream_encoder(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    check_stream(&out)
}

/// Checks the frames of a stream and returns their data. Source: translation.md B60.
#[track_caller]
pub fn check_stream(out: &[u8]) -> Vec<Value> {
    let values = assert_valid_stream("claude.event", out);
    let mut parser = SseParser::new();
    let mut names = Vec::new();
    parser.push(out, &mut |frame| names.push(frame.event.to_owned())).unwrap();
    let types: Vec<_> = values.iter().map(|value| value["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, types, "each event is named by its type");
    let (mut next, mut open, mut ended, mut stopped) = (0, None, false, false);
    for (at, value) in values.iter().enumerate() {
        assert!(!stopped, "nothing follows the end: {value}");
        match value["type"].as_str().unwrap() {
            "message_start" => assert_eq!(at, 0),
            "content_block_start" => {
                assert!(open.is_none() && !ended, "one block at a time: {value}");
                assert_eq!(value["index"], next, "indexes without gaps");
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => assert_eq!(value["index"].as_i64(), open, "a delta of the open block"),
            "content_block_stop" => {
                assert_eq!(value["index"].as_i64(), open);
                open = None;
            }
            "message_delta" => assert!(open.is_none() && !std::mem::replace(&mut ended, true)),
            "message_stop" => {
                assert!(ended, "message_delta comes first");
                stopped = true;
            }
            "error" => stopped = true,
            "ping" => {}
            other => panic!("{other}"),
        }
    }
    values
}

/// A stream as short lines: what a reader wants to compare.
pub fn lines(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .map(|value| match value["type"].as_str().unwrap() {
            "content_block_start" => format!("{}> {}", value["index"], value["content_block"]),
            "content_block_delta" => {
                let delta = value["delta"].as_object().unwrap();
                let (_, said) = delta.iter().find(|(key, _)| *key != "type").unwrap();
                let kind = delta["type"].as_str().unwrap();
                format!("{} {} {said}", value["index"], kind.trim_end_matches("_delta"))
            }
            "content_block_stop" => format!("{}<", value["index"]),
            "message_delta" => {
                format!("end {} {}", value["delta"]["stop_reason"].as_str().unwrap(), value["usage"])
            }
            other => other.to_owned(),
        })
        .collect()
}
