//! Kiro: conversation states out, AWS event-stream frames in.
#![expect(clippy::needless_pass_by_value, reason = "`json!` values read better without a borrow before each")]

mod errors;
mod golden;
mod properties;
mod request;
mod search;
mod stream;
mod tools;

use std::collections::HashSet;

use cliproxy_translator::format::kiro::KiroCodec;
use cliproxy_translator::framing::EventStreamParser;
use cliproxy_translator::model::Event;
use cliproxy_translator::{Codec, CodecError, Encoded, Profile, ReplyContext};
use serde_json::Value;

use crate::event_stream::event;
use crate::gemini::codec_of;

pub fn codec() -> KiroCodec {
    KiroCodec::default()
}

pub fn context() -> ReplyContext {
    ReplyContext::new("asked-model", "seed")
}

/// A client's request as Kiro gets it: always one that keeps its rules.
#[track_caller]
pub fn sent(client: &str, body: &Value, profile: &Profile) -> (Value, Encoded) {
    let text = body.to_string();
    let client = codec_of(client);
    let request = client.decode_request(text.as_bytes()).unwrap();
    let encoded = codec().encode_request(&request, profile).unwrap();
    let value: Value = serde_json::from_slice(&encoded.body)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&encoded.body)));
    check(&value);
    (value, encoded)
}

#[track_caller]
pub fn to_kiro(client: &str, body: Value) -> Value {
    sent(client, &body, &Profile::new("claude-sonnet-4.5", true)).0
}

/// What went missing on the way.
#[track_caller]
pub fn losses(client: &str, body: Value) -> Vec<String> {
    let (_, encoded) = sent(client, &body, &Profile::new("claude-sonnet-4.5", true));
    encoded.losses.into_iter().map(|loss| loss.what.into_owned()).collect()
}

/// Checks what the service demands of a conversation state. Source: providers-b.md 1.5.3, 1.5.5; translation.md A.15.
#[track_caller]
pub fn check(value: &Value) {
    let state = &value["conversationState"];
    let id = state["conversationId"].as_str().unwrap();
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
    assert_eq!(state["chatTriggerType"], "MANUAL");
    let history = state["history"].as_array().unwrap();
    let messages: Vec<&Value> = history.iter().chain([&state["currentMessage"]]).collect();
    let mut called: HashSet<String> = HashSet::new();
    for (at, message) in messages.iter().enumerate() {
        let members = message.as_object().unwrap();
        assert_eq!(members.len(), 1, "{message}");
        let user = at % 2 == 0;
        let inner = &message[if user { "userInputMessage" } else { "assistantResponseMessage" }];
        let content = inner["content"].as_str().unwrap_or_else(|| panic!("by turns: {value:#}"));
        assert!(!content.trim().is_empty(), "no content is empty: {value:#}");
        if user {
            assert!(inner["modelId"].is_string() && inner["origin"] == "AI_EDITOR");
            let context = &inner["userInputMessageContext"];
            let results = context["toolResults"].as_array().cloned().unwrap_or_default();
            let answered: HashSet<String> =
                results.iter().map(|result| result["toolUseId"].as_str().unwrap().to_owned()).collect();
            assert_eq!(answered.len(), results.len(), "each call is answered once");
            assert_eq!(answered, called, "the results are those of the calls before them: {value:#}");
            assert!(
                at + 1 == messages.len() || context.get("tools").is_none(),
                "tools stand on the last only"
            );
            called.clear();
            for result in results {
                for piece in result["content"].as_array().unwrap() {
                    assert!(!piece["text"].as_str().unwrap().trim().is_empty());
                }
            }
            for tool in context["tools"].as_array().into_iter().flatten() {
                let tool = &tool["toolSpecification"];
                assert!(tool["name"].as_str().unwrap().len() <= 64);
                let description = tool["description"].as_str().unwrap();
                assert!(!description.is_empty() && description.len() <= 10_237);
                assert_eq!(tool["inputSchema"]["json"]["type"], "object");
            }
        } else {
            for call in inner["toolUses"].as_array().into_iter().flatten() {
                assert!(call["input"].is_object(), "{call}");
                assert!(called.insert(call["toolUseId"].as_str().unwrap().to_owned()), "{value:#}");
            }
        }
    }
    assert!(called.is_empty(), "no call is left open");
}

/// Frames, each an event with its payload.
pub fn frames(events: &[(&str, Value)]) -> Vec<u8> {
    events.iter().flat_map(|(name, payload)| event(name, &payload.to_string())).collect()
}

/// Reads a stream cut into chunks of `size` bytes.
pub fn decode(stream: &[u8], size: usize, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
    decode_with(&context(), stream, size, sink)
}

pub fn decode_with(
    context: &ReplyContext,
    stream: &[u8],
    size: usize,
    sink: &mut dyn FnMut(Event<'_>),
) -> Result<(), CodecError> {
    let mut decoder = codec().stream_decoder(context);
    let mut parser = EventStreamParser::new();
    let mut result = Ok(());
    for chunk in stream.chunks(size.max(1)) {
        parser.push(chunk, &mut |frame| {
            if result.is_ok() {
                result = decoder.decode(frame, sink);
            }
        })?;
    }
    result?;
    parser.finish()?;
    decoder.finish(sink)
}

/// The events of a stream as text, and whether it was whole.
pub fn events(stream: &[(&str, Value)]) -> (Vec<String>, Result<(), CodecError>) {
    let mut seen = Vec::new();
    let result = decode(&frames(stream), usize::MAX, &mut |event| seen.push(format!("{event:?}")));
    (seen, result)
}

/// The stream as a client of a format gets it.
#[track_caller]
pub fn translated(client: &str, stream: &[u8]) -> String {
    let mut encoder = codec_of(client).stream_encoder(&context());
    let mut out = Vec::new();
    decode(stream, usize::MAX, &mut |event| encoder.encode(event, &mut out)).unwrap();
    String::from_utf8(out).unwrap()
}
