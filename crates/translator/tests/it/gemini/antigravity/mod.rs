//! Antigravity, which serves Google's, Claude's and GPT's models, to clients of every format. Source: translation.md
//! A.15, D.24 to D.27; providers-a.md 7.

mod claude_models;
mod envelope;
mod gemini_client;
mod golden;
mod interactions;
mod openai_client;
mod replies;
mod results;
mod search;
mod state;

use cliproxy_translator::{Encoded, Profile, ReplyContext};
use serde_json::{Value, json};

pub use super::{SIGNED, check_request, chunk, codec_of, context, frames, last, sse};
use crate::schema::assert_valid;

/// One of Google's models there.
pub const GEMINI: &str = "gemini-3-flash";
/// One of Anthropic's.
pub const CLAUDE: &str = "claude-opus-4-6-thinking";
/// A signature of Claude's, in one layer.
pub const CLAUDE_SIGNED: &str = "EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu";
/// The same in two.
pub const CLAUDE_TWICE: &str = "RWhnS0ZnZ0JFaEpqYkdGMVpHVXRkR2hwYm10cGJtY3RZbWx1";
/// Another signature of Gemini's.
pub const OTHER: &str = "EgoKCPr7/P3+/wED";
pub const SENTINEL: &str = "skip_thought_signature_validator";

/// The whole body, checked: the envelope's members, and the request by the vendor's schemas.
#[track_caller]
pub fn enveloped(client: &str, body: &Value, profile: &Profile) -> (Value, Encoded) {
    let text = body.to_string();
    let client = codec_of(client);
    let request = client.decode_request(text.as_bytes()).unwrap();
    let encoded = codec_of("antigravity").encode_request(&request, profile).unwrap();
    let value: Value = serde_json::from_slice(&encoded.body)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&encoded.body)));
    let members: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["model", "userAgent", "requestType", "request"]);
    let mut documented = value["request"].clone();
    as_documented(&mut documented);
    check_request(&documented);
    (value, encoded)
}

/// The schemas' `Type` is in capitals; the service takes both.
fn as_documented(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(as_documented),
        Value::Object(members) => {
            if let Some(Value::String(kind)) = members.get_mut("type") {
                kind.make_ascii_uppercase();
            }
            members.values_mut().for_each(as_documented);
        }
        _ => {}
    }
}

/// A client's request inside of the envelope, and what was lost.
#[track_caller]
pub fn sent(client: &str, body: &Value, model: &str) -> (Value, Encoded) {
    let (mut value, encoded) = enveloped(client, body, &Profile::new(model, false));
    (value["request"].take(), encoded)
}

/// As [`sent`].
#[track_caller]
pub fn to(client: &str, body: &Value, model: &str) -> Value {
    sent(client, body, model).0
}

/// The contents that a Claude client's messages become.
#[track_caller]
pub fn contents(messages: Value, model: &str) -> Value {
    to("claude", &claude(messages), model)["contents"].clone()
}

/// The model's parts of a Claude client's assistant message, in the middle of a conversation. Its calls are answered.
#[track_caller]
pub fn model_parts(blocks: Value, model: &str) -> Value {
    let answers: Vec<_> = blocks
        .as_array()
        .unwrap()
        .iter()
        .filter(|block| block["type"] == "tool_use")
        .map(|block| json!({"type":"tool_result","tool_use_id":block["id"],"content":"ok"}))
        .collect();
    let next = if answers.is_empty() { json!("r") } else { json!(answers) };
    let messages = json!([{"role":"user","content":"q"},{"role":"assistant","content":blocks},{"role":"user","content":next}]);
    let contents = contents(messages, model);
    match contents[1]["role"] == "model" {
        true => contents[1]["parts"].clone(),
        false => json!([]),
    }
}

pub fn claude(messages: Value) -> Value {
    json!({"model":"m","max_tokens":9000,"messages":messages})
}

pub fn with(mut body: Value, members: Value) -> Value {
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// A thinking block.
pub fn thinking(text: &str, signature: &str) -> Value {
    json!({"type":"thinking","thinking":text,"signature":signature})
}

pub fn used(id: &str) -> Value {
    json!({"type":"tool_use","id":id,"name":"f","input":{}})
}

/// A part that is a text, a thought or a call, with a signature.
pub fn signed(mut part: Value, signature: &str) -> Value {
    part["thoughtSignature"] = json!(signature);
    part
}

pub fn text(text: &str) -> Value {
    json!({"text":text})
}

pub fn thought(text: &str) -> Value {
    json!({"text":text,"thought":true})
}

pub fn called(id: &str) -> Value {
    json!({"functionCall":{"id":id,"name":"f","args":{}}})
}

/// A reply in its envelope.
pub fn wrapped(reply: &Value) -> Value {
    json!({"response":reply,"traceId":"t"})
}

/// A stream of chunks in their envelopes.
pub fn stream(chunks: &[Value]) -> String {
    sse(&chunks.iter().map(wrapped).collect::<Vec<_>>())
}

/// A whole reply as a client gets it, valid by its schema.
#[track_caller]
pub fn reply(client: &str, reply: &Value, context: &ReplyContext) -> Value {
    let text = wrapped(reply).to_string();
    let provider = codec_of("antigravity");
    let response = provider.decode_reply(text.as_bytes(), context).unwrap();
    let value = serde_json::from_slice(&codec_of(client).encode_reply(&response, context)).unwrap();
    let schema = match client {
        "claude" => "claude.reply",
        "gemini" => "gemini.reply",
        "openai-response" => "openai-responses.reply",
        _ => "openai-chat.reply",
    };
    assert_valid(schema, &value);
    value
}

/// A stream as a client gets it, with what the reply side knows of the request.
#[track_caller]
pub fn streamed(client: &str, stream: &str, context: &ReplyContext) -> String {
    let (provider, client) = (codec_of("antigravity"), codec_of(client));
    let mut decoder = provider.stream_decoder(context);
    let mut encoder = client.stream_encoder(context);
    let mut out = Vec::new();
    cliproxy_translator::framing::SseParser::new()
        .push(stream.as_bytes(), &mut |frame| {
            decoder.decode(frame, &mut |event| encoder.encode(event, &mut out)).unwrap();
        })
        .unwrap();
    decoder.finish(&mut |event| encoder.encode(event, &mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

/// What a call tells its client as arguments, of a reply and of a stream, which agree.
#[track_caller]
pub fn arguments(name: &str, args: Value, context: &ReplyContext) -> Value {
    let parts = json!([{"functionCall":{"id":"c","name":name,"args":args}}]);
    let whole = reply("claude", &last("STOP", parts.clone()), context);
    let events = frames(&streamed("claude", &stream(&[last("STOP", parts)]), context));
    let delta = events.iter().find_map(|event| event["delta"]["partial_json"].as_str()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(delta).unwrap(), whole["content"][0]["input"]);
    whole["content"][0]["input"].clone()
}
