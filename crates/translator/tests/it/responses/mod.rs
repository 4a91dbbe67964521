//! OpenAI Responses, as client and as provider, and its dialect Codex. Cases of the catalogue carry their number.

#![allow(clippy::needless_pass_by_value, reason = "events are built from JSON literals")]

mod chat_to_codex;
mod claude_to_codex;
mod codex_to_chat;
mod codex_to_claude;
mod drafts;
mod errors;
mod from_chat;
mod from_claude;
mod golden;
mod observer;
mod pass;
mod reply;
mod stateless;
mod stream;
mod to_chat;
mod to_claude;
mod with_gemini;

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::model::Event;
use cliproxy_translator::registry::Registry;
use cliproxy_translator::{
    Aggregator, Codec, CodecError, Encoded, Profile, ReplyContext, StreamFrame, replay,
};
use serde_json::{Value, json};

use crate::schema::{assert_valid, assert_valid_bytes};

pub const RS: &str = "openai-response";
pub const CX: &str = "codex";
pub const CC: &str = "openai";
pub const CL: &str = "claude";

pub static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::with_builtin);

pub fn codec(name: &str) -> &'static dyn Codec {
    &**REGISTRY.codec(name).unwrap()
}

pub fn context() -> ReplyContext {
    ReplyContext::new("asked-model", "seed")
}

/// What the reply side knows of a request of a client.
pub fn context_of(client: &str, request: &Value) -> ReplyContext {
    let body = request.to_string();
    let request = codec(client).decode_request(body.as_bytes()).unwrap();
    let mut context = context();
    codec(client).reply_context(&request, &mut context);
    context
}

/// The schema of requests to a provider.
fn request_schema(provider: &str) -> &'static str {
    match provider {
        CL => "claude.request",
        CC => "openai-chat.request",
        RS | CX => "openai-responses.request",
        other => panic!("{other}"),
    }
}

pub fn encoded(
    client: &str,
    provider: &str,
    request: &Value,
    profile: &Profile,
) -> Result<Encoded, CodecError> {
    let body = request.to_string();
    let request = codec(client).decode_request(body.as_bytes())?;
    codec(provider).encode_request(&request, profile)
}

/// A client's request as a provider of another format gets it.
#[track_caller]
pub fn request_with(client: &str, provider: &str, request: &Value, profile: &Profile) -> Value {
    let encoded = encoded(client, provider, request, profile).unwrap();
    let value: Value = serde_json::from_slice(&encoded.body).unwrap();
    if !profile.keeps_reasoning_text {
        assert_valid(request_schema(provider), &value);
    }
    value
}

#[track_caller]
pub fn request(client: &str, provider: &str, request: &Value) -> Value {
    let model = if provider == CL { "claude-sonnet-5" } else { "gpt-5" };
    request_with(client, provider, request, &Profile::new(model, false))
}

/// The items that a conversation becomes.
#[track_caller]
pub fn items(client: &str, provider: &str, body: &Value) -> Vec<Value> {
    request(client, provider, body)["input"].as_array().unwrap().clone()
}

/// Frames of a stream, one event each.
pub fn sse(events: &[Value]) -> String {
    let mut out = String::new();
    for event in events {
        match event {
            Value::String(raw) => out.push_str(&format!("data: {raw}\n\n")),
            event => match event["type"].as_str() {
                Some(kind) => out.push_str(&format!("event: {kind}\ndata: {event}\n\n")),
                None => out.push_str(&format!("data: {event}\n\n")),
            },
        }
    }
    out
}

pub fn decode(
    provider: &str,
    context: &ReplyContext,
    stream: &[u8],
    size: usize,
    sink: &mut dyn FnMut(Event<'_>),
) -> Result<(), CodecError> {
    let mut decoder = codec(provider).stream_decoder(context);
    let mut parser = SseParser::new();
    let mut result = Ok(());
    let mut feed = |frame: StreamFrame<'_>| {
        if result.is_ok() {
            result = decoder.decode(frame, sink);
        }
    };
    for chunk in stream.chunks(size.max(1)) {
        parser.push(chunk, &mut feed)?;
    }
    parser.finish(&mut feed)?;
    result?;
    decoder.finish(sink)
}

/// The events of a stream, as text.
pub fn events(provider: &str, stream: &str) -> (Vec<String>, Result<(), CodecError>) {
    let mut seen = Vec::new();
    let result = decode(provider, &context(), stream.as_bytes(), stream.len(), &mut |event| {
        seen.push(format!("{event:?}"));
    });
    (seen, result)
}

/// What a client gets of a provider's stream.
pub fn written(
    provider: &str,
    client: &str,
    context: &ReplyContext,
    stream: &str,
) -> Result<String, CodecError> {
    let mut encoder = codec(client).stream_encoder(context);
    let mut out = Vec::new();
    decode(provider, context, stream.as_bytes(), stream.len(), &mut |event| encoder.encode(event, &mut out))?;
    Ok(String::from_utf8(out).unwrap())
}

/// A stream for a client of this format, checked.
#[track_caller]
pub fn response_stream(provider: &str, context: &ReplyContext, events: &[Value]) -> Vec<Value> {
    let out = written(provider, RS, context, &sse(events)).unwrap();
    check_stream(out.as_bytes())
}

/// The terminal event's response.
#[track_caller]
pub fn final_response(values: &[Value]) -> Value {
    values.last().unwrap()["response"].clone()
}

/// The output of the whole reply that a stream aggregates to.
#[track_caller]
pub fn aggregated(provider: &str, client: &str, context: &ReplyContext, events: &[Value]) -> Value {
    let stream = sse(events);
    let mut aggregator = Aggregator::new();
    decode(provider, context, stream.as_bytes(), stream.len(), &mut |event| aggregator.push(event)).unwrap();
    let response = aggregator.finish().unwrap();
    serde_json::from_slice(&codec(client).encode_reply(&response, context)).unwrap()
}

/// A whole reply for a client of this format.
#[track_caller]
pub fn reply(provider: &str, client: &str, context: &ReplyContext, body: &Value) -> Value {
    let text = body.to_string();
    let response = codec(provider).decode_reply(text.as_bytes(), context).unwrap();
    let out = codec(client).encode_reply(&response, context);
    match client {
        RS => assert_valid_bytes("openai-responses.reply", &out),
        CL => assert_valid_bytes("claude.reply", &out),
        CC => assert_valid_bytes("openai-chat.reply", &out),
        _ => serde_json::from_slice(&out).unwrap(),
    }
}

/// Checks the choreography of a stream and returns its events. Source: translation.md B65 to B67.
#[track_caller]
pub fn check_stream(out: &[u8]) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    let mut names = Vec::new();
    SseParser::new()
        .push(out, &mut |frame| {
            names.push(frame.event.to_owned());
            values.push(serde_json::from_slice(frame.data).unwrap());
        })
        .unwrap();
    let mut items: HashMap<u64, Value> = HashMap::new();
    let mut done: Vec<(u64, Value)> = Vec::new();
    let mut ended = false;
    for (number, value) in values.iter().enumerate() {
        assert!(!ended, "nothing follows the end: {value}");
        let kind = value["type"].as_str().unwrap();
        assert_eq!(names[number], kind, "each event is named by its type");
        assert_eq!(value["sequence_number"], number, "numbers without gaps: {value}");
        // The service's own codes are more than the schema's.
        if kind != "response.failed" {
            assert_valid("openai-responses.event", value);
        }
        let index = value["output_index"].as_u64();
        match kind {
            "response.created" => assert_eq!(number, 0),
            "response.in_progress" => assert_eq!(number, 1),
            "response.output_item.added" => {
                let index = index.unwrap();
                assert_eq!(index, items.len() as u64, "places without gaps: {value}");
                items.insert(index, value["item"].clone());
            }
            "response.output_item.done" => {
                let index = index.unwrap();
                let added = &items[&index];
                let item = &value["item"];
                assert_eq!(added["type"], item["type"]);
                assert_eq!(added["id"], item["id"], "an item keeps its id");
                assert!(done.iter().all(|(known, _)| *known != index), "done once: {value}");
                done.push((index, item.clone()));
            }
            "response.completed" | "response.incomplete" => {
                ended = true;
                assert_eq!(done.len(), items.len(), "all items are done before the end");
                done.sort_by_key(|(index, _)| *index);
                let output: Vec<Value> = done.iter().map(|(_, item)| item.clone()).collect();
                assert_eq!(value["response"]["output"], json!(output), "the end has every item, in order");
            }
            "response.failed" | "error" => ended = true,
            _ => {
                let index = index.unwrap();
                assert!(done.iter().all(|(known, _)| *known != index), "within its item: {value}");
                assert_eq!(items[&index]["id"], value["item_id"], "of its item: {value}");
            }
        }
    }
    values
}

/// A stream as short lines: what a reader wants to compare.
pub fn lines(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .map(|value| {
            let kind = value["type"].as_str().unwrap().trim_start_matches("response.");
            let place = value["output_index"].as_u64().map(|at| format!("{at} ")).unwrap_or_default();
            let said = ["delta", "text", "arguments", "input", "refusal"]
                .iter()
                .find_map(|key| value[*key].as_str())
                .map(|said| format!(" {said:?}"))
                .unwrap_or_default();
            let item = value["item"]["type"].as_str().map(|kind| format!(" {kind}")).unwrap_or_default();
            format!("{place}{kind}{item}{said}")
        })
        .collect()
}

/// The types of the items of a response.
pub fn types(response: &Value) -> Vec<&str> {
    response["output"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect()
}

/// Whole stream in pieces of any size: the same events.
#[track_caller]
pub fn same_in_pieces(provider: &str, stream: &str) {
    let whole = events(provider, stream).0;
    for size in [1, 7, 64] {
        let mut seen = Vec::new();
        decode(provider, &context(), stream.as_bytes(), size, &mut |event| seen.push(format!("{event:?}")))
            .unwrap();
        assert_eq!(seen, whole);
    }
}

/// The stream of a whole reply, and the reply that it aggregates to again.
#[track_caller]
pub fn replayed(provider: &str, context: &ReplyContext, body: &Value) -> (Vec<Value>, Value) {
    let text = body.to_string();
    let response = codec(provider).decode_reply(text.as_bytes(), context).unwrap();
    let mut encoder = codec(RS).stream_encoder(context);
    let mut out = Vec::new();
    let mut aggregator = Aggregator::new();
    replay(&response, &mut |event| {
        aggregator.push(event.clone());
        encoder.encode(event, &mut out);
    });
    let again = codec(RS).encode_reply(&aggregator.finish().unwrap(), context);
    (check_stream(&out), serde_json::from_slice(&again).unwrap())
}

pub fn patched(
    provider: &str,
    body: &Value,
    patch: &cliproxy_translator::Patch,
) -> Result<Value, CodecError> {
    let body = Bytes::from(body.to_string());
    codec(provider).patch_request(&body, patch).map(|done| serde_json::from_slice(&done.body).unwrap())
}

// Signatures that tell their issuer by their form (translation.md B29).
pub fn gpt_signature() -> String {
    format!("gAAAA{}", "A".repeat(93))
}

pub fn claude_signature() -> String {
    // Field 2 around field 1 around a message that begins with a version.
    use base64::Engine as _;
    let inner = [0x08, 0x01, 0x12, 0x04, b'a', b'b', b'c', b'd'];
    let mut middle = vec![0x0a, inner.len() as u8];
    middle.extend(inner);
    let mut outer = vec![0x12, middle.len() as u8];
    outer.extend(middle);
    base64::engine::general_purpose::STANDARD.encode(outer)
}

/// Items behind one that stays whole are read as they are in front of it.
#[test]
fn an_item_that_stays_whole_changes_nothing_about_the_others() {
    let message = json!({"type": "message", "role": "user", "content": "q"});
    let call = json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c1", "output": "done"});
    let whole = json!({"type": "local_shell_call", "call_id": "c2", "action": {"n": 1}});
    let turns = |items: &[&Value]| -> Vec<String> {
        let body = json!({"model": "m", "input": items}).to_string();
        let request = crate::grid::codec("openai-response").decode_request(body.as_bytes()).unwrap();
        request.turns.iter().map(|turn| format!("{turn:?}")).collect()
    };
    let plain = turns(&[&message, &call, &output]);
    for at in 0..=3 {
        let mut items = vec![&message, &call, &output];
        items.insert(at, &whole);
        let mut all = turns(&items);
        assert!(all.remove(at).contains("local_shell_call"), "{at}");
        assert_eq!(all, plain, "{at}");
    }
    for items in [json!([message, {"role": "nobody"}]), json!([whole, message, {"role": "nobody"}])] {
        let body = json!({"model": "m", "input": items}).to_string();
        let error = crate::grid::codec("openai-response").decode_request(body.as_bytes()).unwrap_err();
        let place = format!("input[{}].role", items.as_array().unwrap().len() - 1);
        assert_eq!(error.param(), Some(place.as_str()), "{error}");
    }
}
