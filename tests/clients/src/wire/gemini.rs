//! Gemini.

use cliproxy_testkit::gemini::{self, Generation};
use cliproxy_testkit::{Received, Reply, json};
use serde_json::{Value, json as value};

use super::said;
use crate::brain::{Seen, Step, Tool};

pub(super) fn seen(body: &Value) -> Seen {
    let mut seen = Seen::default();
    for group in body["tools"].as_array().into_iter().flatten() {
        for tool in group["functionDeclarations"].as_array().into_iter().flatten() {
            let schema = [&tool["parametersJsonSchema"], &tool["parameters"]]
                .into_iter()
                .find(|schema| schema.is_object());
            let name = tool["name"].as_str().unwrap_or_default().to_owned();
            seen.tools.push(Tool { name, schema: schema.cloned().unwrap_or_default() });
        }
    }
    for turn in body["contents"].as_array().into_iter().flatten() {
        for part in turn["parts"].as_array().into_iter().flatten() {
            if turn["role"] != "model" {
                seen.user += part["text"].as_str().unwrap_or_default();
            }
            if part["functionResponse"].is_object() {
                seen.results.push(unquoted(&part["functionResponse"]["response"]));
            }
        }
    }
    seen
}

/// All strings in a response, whatever its members are called.
fn unquoted(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(unquoted).collect::<Vec<_>>().join("\n"),
        Value::Object(members) => members.values().map(unquoted).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    }
}

pub(super) fn answer(request: &Received, step: &Step) -> Reply {
    if request.path.ends_with(":countTokens") {
        return gemini::token_count(42);
    }
    if request.path.ends_with("/models") {
        return json(&value!({"models": []}));
    }
    let generation = generation(step);
    if streams(request) { generation.stream() } else { generation.whole() }
}

/// As [`answer`], for those that wrap it.
pub(super) fn answer_in_envelope(request: &Received, step: &Step) -> Reply {
    if request.path.ends_with(":countTokens") {
        return gemini::token_count(42);
    }
    // What else is asked is a list: what is built in serves as well.
    if !request.path.ends_with("enerateContent") {
        return gemini::error(404, "NOT_FOUND", "there is no such method");
    }
    let generation = generation(step);
    if streams(request) { generation.stream_in_envelope() } else { generation.whole_in_envelope() }
}

fn streams(request: &Received) -> bool {
    request.path.ends_with(":streamGenerateContent")
}

fn generation(step: &Step) -> Generation {
    let mut generation = Generation::new().thought("A plan.").text(said(step));
    if let Step::Call { name, arguments } = step {
        generation = generation.function_call(name, arguments).signed("c2VhbGVkLWJ5LXRoZS1wcm92aWRlcg==");
    }
    generation
}
