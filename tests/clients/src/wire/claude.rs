//! Messages.

use cliproxy_testkit::claude::{self, Message};
use cliproxy_testkit::{Received, Reply, json};
use serde_json::{Value, json as value};

use super::{body_of, call_id, said, streams, text_of};
use crate::brain::{Seen, Step, Tool};

pub(super) fn seen(body: &Value) -> Seen {
    let mut seen = Seen::default();
    for tool in body["tools"].as_array().into_iter().flatten() {
        let name = tool["name"].as_str().unwrap_or_default().to_owned();
        seen.tools.push(Tool { name, schema: tool["input_schema"].clone() });
    }
    for message in body["messages"].as_array().into_iter().flatten() {
        if message["role"] != "user" {
            continue;
        }
        match &message["content"] {
            Value::Array(blocks) => {
                for block in blocks {
                    match block["type"].as_str() {
                        Some("tool_result") => seen.results.push(text_of(&block["content"])),
                        _ => seen.user += &text_of(block),
                    }
                }
            }
            other => seen.user += &text_of(other),
        }
    }
    seen
}

pub(super) fn answer(request: &Received, step: &Step) -> Reply {
    if request.path.ends_with("/count_tokens") {
        return json(&value!({"input_tokens": 42}));
    }
    if request.path.ends_with("/models") {
        return json(&value!({"data": [], "has_more": false}));
    }
    if body_of(request)["max_tokens"].as_u64().is_none() {
        return claude::error(400, "invalid_request_error", "max_tokens: Field required");
    }
    let mut message = Message::new().text(said(step));
    if let Step::Call { name, arguments } = step {
        message = message.tool_use(&call_id("toolu_", request), name, arguments.clone());
    }
    if streams(request) { message.stream() } else { message.whole() }
}
