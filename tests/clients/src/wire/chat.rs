//! Chat Completions.

use cliproxy_testkit::chat::Completion;
use cliproxy_testkit::{Received, Reply, json};
use serde_json::{Value, json as value};

use super::{call_id, said, streams, text_of};
use crate::brain::{Seen, Step, Tool};

pub(super) fn seen(body: &Value) -> Seen {
    let mut seen = Seen::default();
    for tool in body["tools"].as_array().into_iter().flatten() {
        let function = &tool["function"];
        let name = function["name"].as_str().unwrap_or_default().to_owned();
        seen.tools.push(Tool { name, schema: function["parameters"].clone() });
    }
    for message in body["messages"].as_array().into_iter().flatten() {
        match message["role"].as_str() {
            Some("user") => seen.user += &text_of(&message["content"]),
            Some("tool") => seen.results.push(text_of(&message["content"])),
            _ => {}
        }
    }
    seen
}

pub(super) fn answer(request: &Received, step: &Step) -> Reply {
    if request.path.ends_with("/models") {
        return json(&value!({"object": "list", "data": []}));
    }
    let mut completion = Completion::new().text(said(step));
    if let Step::Call { name, arguments } = step {
        completion = completion.tool_call(&call_id("call_", request), name, &arguments.to_string());
    }
    if streams(request) { completion.stream() } else { completion.whole() }
}
