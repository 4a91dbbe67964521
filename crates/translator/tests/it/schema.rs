//! The vendors' schemas as an oracle: what we emit must be valid by them.
//!
//! The files in `tests/schemas` were derived from the type definitions of the official SDKs. Where the service
//! differs from them, it wins: see [`assert_valid`].

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use jsonschema::Validator;
use serde_json::Value;

static SCHEMAS: LazyLock<HashMap<&'static str, Arc<Validator>>> = LazyLock::new(|| {
    [
        ("openai-chat.request", include_str!("../schemas/openai-chat.request.json")),
        ("openai-chat.reply", include_str!("../schemas/openai-chat.reply.json")),
        ("openai-chat.chunk", include_str!("../schemas/openai-chat.chunk.json")),
        ("claude.request", include_str!("../schemas/claude.request.json")),
        ("claude.reply", include_str!("../schemas/claude.reply.json")),
        ("claude.event", include_str!("../schemas/claude.event.json")),
        ("claude.error", include_str!("../schemas/claude.error.json")),
        ("openai.error", include_str!("../schemas/openai.error.json")),
        ("openai-responses.request", include_str!("../schemas/openai-responses.request.json")),
        ("openai-responses.reply", include_str!("../schemas/openai-responses.reply.json")),
        ("openai-responses.event", include_str!("../schemas/openai-responses.event.json")),
        ("gemini.content", include_str!("../schemas/gemini.content.json")),
        ("gemini.tool", include_str!("../schemas/gemini.tool.json")),
        ("gemini.generationConfig", include_str!("../schemas/gemini.generationConfig.json")),
        ("gemini.reply", include_str!("../schemas/gemini.reply.json")),
    ]
    .into_iter()
    .map(|(name, text)| {
        let schema: Value = serde_json::from_str(text).unwrap();
        (name, Arc::new(jsonschema::validator_for(&schema).unwrap()))
    })
    .collect()
});

/// Fails with every violation when `value` is not valid by the schema of that name: `openai-chat.{request,reply,
/// chunk}`, `claude.{request,reply,event,error}`, `openai-responses.{request,reply,event}`, `openai.error`,
/// `gemini.{content,tool,generationConfig,reply}`. Claude's `ping` and `error` events, and the errors that end a stream of
/// chunks, are missing in the schemas of events: the latter are valid by those of errors.
#[track_caller]
pub fn assert_valid(schema: &str, value: &Value) {
    let schema = match schema {
        "claude.event" if value["type"] == "ping" => {
            assert_eq!(*value, serde_json::json!({"type": "ping"}));
            return;
        }
        "claude.event" if value["type"] == "error" => "claude.error",
        "openai-chat.chunk" if value.get("error").is_some() => "openai.error",
        other => other,
    };
    let served;
    let value = if schema == "openai-responses.request" {
        served = as_served(value.clone());
        &served
    } else {
        value
    };
    let validator = SCHEMAS.get(schema).unwrap_or_else(|| panic!("no schema {schema}"));
    let violations: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path)).collect();
    assert!(violations.is_empty(), "not a valid {schema}: {value:#}\n{}", violations.join("\n"));
}

/// A Responses request as its schema wants it, where the service takes more: items that it did not store have no ids,
/// assistant texts no status and no annotations, `input_audio` is a part, and web search is chosen by its name of today.
fn as_served(mut request: Value) -> Value {
    if request["tool_choice"]["type"] == "web_search" {
        request["tool_choice"]["type"] = "web_search_preview".into();
    }
    let items = request["input"].as_array_mut().into_iter().flatten();
    for item in items {
        let kind = item["type"].as_str().unwrap_or("message").to_owned();
        let add = |item: &mut Value, key: &str, value: Value| {
            item.as_object_mut().unwrap().entry(key).or_insert(value);
        };
        if kind == "reasoning" {
            add(item, "id", "rs_1".into());
        }
        if kind == "message" {
            let assistant = item["role"] == "assistant";
            if let Some(parts) = item["content"].as_array_mut() {
                parts.retain(|part| part["type"] != "input_audio");
                if assistant {
                    parts.iter_mut().filter(|part| part["type"] == "output_text").for_each(|part| {
                        add(part, "annotations", Value::Array(Vec::new()));
                    });
                    add(item, "id", "msg_1".into());
                    add(item, "status", "completed".into());
                }
            }
        }
    }
    request
}

/// As [`assert_valid`], for bytes that must be JSON.
#[track_caller]
pub fn assert_valid_bytes(schema: &str, bytes: &[u8]) -> Value {
    let value = serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("not JSON: {error}: {}", String::from_utf8_lossy(bytes)));
    assert_valid(schema, &value);
    value
}

/// As [`assert_valid`], for every frame of a stream; `[DONE]` is let through. Returns the values.
#[track_caller]
pub fn assert_valid_stream(schema: &str, bytes: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    let mut parser = cliproxy_translator::framing::SseParser::new();
    parser
        .push(bytes, &mut |frame| {
            if frame.data != b"[DONE]" {
                values.push(assert_valid_bytes(schema, frame.data));
            }
        })
        .unwrap();
    values
}

#[test]
fn the_oracle_tells_right_from_wrong() {
    use serde_json::json;
    for (schema, right, wrong) in [
        (
            "claude.request",
            json!({"model":"claude-sonnet-4-5","max_tokens":1,"messages":[{"role":"user","content":"a"}]}),
            json!({"model":"claude-sonnet-4-5","max_tokens":1,"messages":[{"role":"user","content":5}]}),
        ),
        (
            "openai-chat.request",
            json!({"model":"m","messages":[{"role":"user","content":"a"}]}),
            json!({"model":"m","messages":[{"role":"user"}]}),
        ),
        ("claude.event", json!({"type":"message_stop"}), json!({"type":"message_halt"})),
        (
            "openai-chat.chunk",
            json!({"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}),
            json!({"id":"i","object":"chat.completion","created":1,"model":"m","choices":[]}),
        ),
    ] {
        assert_valid(schema, &right);
        assert!(std::panic::catch_unwind(|| assert_valid(schema, &wrong)).is_err(), "{schema}");
    }
    assert_valid("claude.event", &json!({"type":"ping"}));
    let error = |kind: &str| json!({"type":"error","error":{"type":kind,"message":"m"}});
    assert_valid("claude.event", &error("overloaded_error"));
    let chunk = |code: Value| json!({"error":{"type":"server_error","message":"m","param":null,"code":code}});
    assert_valid("openai-chat.chunk", &chunk(Value::Null));
    for (schema, wrong) in [
        ("claude.event", error("server_error")),
        ("claude.event", json!({"type":"error","error":"m"})),
        ("claude.event", json!({"type":"ping","index":0})),
        ("openai-chat.chunk", chunk(json!(500))),
        ("openai-chat.chunk", json!({"error":{"message":"m"}})),
        (
            "openai-chat.chunk",
            json!({"error":{"type":"a","message":"m","param":null,"code":null},"choices":[]}),
        ),
    ] {
        assert!(std::panic::catch_unwind(|| assert_valid(schema, &wrong)).is_err(), "{schema}: {wrong}");
    }
}
