//! Responses.

use cliproxy_testkit::responses::Response;
use cliproxy_testkit::{Received, Reply, json};
use serde_json::{Value, json as value};

use super::{call_id, said, streams, text_of};
use crate::brain::{Seen, Step, Tool};

pub(super) fn seen(body: &Value) -> Seen {
    let mut seen = Seen::default();
    for tool in body["tools"].as_array().into_iter().flatten() {
        let name = tool["name"].as_str().unwrap_or_default().to_owned();
        seen.tools.push(Tool { name, schema: tool["parameters"].clone() });
    }
    if let Some(text) = body["input"].as_str() {
        text.clone_into(&mut seen.user);
    }
    for item in body["input"].as_array().into_iter().flatten() {
        match item["type"].as_str() {
            Some("function_call_output" | "custom_tool_call_output") => {
                seen.results.push(text_of(&item["output"]))
            }
            _ if item["role"] == "user" => seen.user += &text_of(&item["content"]),
            _ => {}
        }
    }
    seen
}

pub(super) fn answer(request: &Received, step: &Step) -> Reply {
    if request.path.ends_with("/models") {
        return json(&value!({"object": "list", "data": []}));
    }
    let mut response = Response::new().reasoning("A plan.", "sealed-by-the-provider").text(said(step));
    if let Step::Call { name, arguments } = step {
        response = response.function_call(&call_id("call_", request), name, &arguments.to_string());
    }
    if streams(request) { response.stream() } else { response.whole() }
}
