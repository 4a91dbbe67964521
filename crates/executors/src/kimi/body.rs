//! The dialect: model names, thinking, and what the service wants of tool calls. Source: providers-b.md 5.5 "Body rule".

use bytes::Bytes;
use cliproxy_core::ExecutorError;
use cliproxy_translator::splice::{Edits, TopLevel};
use memchr::memmem;
use serde_json::{Map, Value, json};

use crate::service::{edited, not_json};

/// Stands where the service insists on reasoning and there is none.
const NO_REASONING: &str = "[reasoning unavailable]";

/// The service's own name for a model.
pub(super) fn upstream(model: &str) -> String {
    let lower = model.to_ascii_lowercase();
    let own = lower.strip_suffix("[1m]").unwrap_or(&lower);
    let own = own.strip_prefix("kimi-").unwrap_or(own);
    match own {
        "k2.7-code" | "for-coding" => "kimi-for-coding".to_owned(),
        "k2.7-code-highspeed" | "for-coding-highspeed" => "kimi-for-coding-highspeed".to_owned(),
        own => own.to_owned(),
    }
}

/// A Claude request differs by the model's name alone.
pub(super) fn claude(body: &Bytes, model: &str) -> Result<Bytes, ExecutorError> {
    edited(body, &Edits::new().set_string("model", &upstream(model)))
}

pub(super) fn chat(body: &Bytes, model: &str) -> Result<Bytes, ExecutorError> {
    let top = TopLevel::scan(body).map_err(not_json)?;
    let mut edits = Edits::new().set_string("model", &upstream(model));
    if let Some(effort) = top.string("reasoning_effort").ok().flatten() {
        edits = edits.remove("reasoning_effort").set("thinking", thinking(&top, &effort));
    }
    if let Some(raw) = top.value("messages")
        && [&b"\"tool\""[..], b"\"assistant\""].iter().any(|word| memmem::find(raw, word).is_some())
        && let Ok(mut messages) = serde_json::from_slice::<Vec<Value>>(raw)
        && mend(&mut messages)
    {
        edits = edits.set("messages", Value::from(messages).to_string());
    }
    edited(body, &edits)
}

/// Source: "[H] `thinking:{type, effort}` … client's `thinking.keep` preserved".
fn thinking(top: &TopLevel<'_>, effort: &str) -> String {
    let given = top.value("thinking").and_then(|raw| serde_json::from_slice::<Map<String, Value>>(raw).ok());
    let mut thinking = Map::new();
    let on = effort != "none";
    thinking.insert("type".to_owned(), json!(if on { "enabled" } else { "disabled" }));
    if on && effort != "auto" {
        thinking.insert("effort".to_owned(), json!(effort));
    }
    if let Some(keep) = given.and_then(|given| given.get("keep").cloned()) {
        thinking.insert("keep".to_owned(), keep);
    }
    Value::Object(thinking).to_string()
}

/// Puts right what the service refuses; whether anything was.
fn mend(messages: &mut Vec<Value>) -> bool {
    let before = messages.len();
    messages.retain(|message| !is_empty(message));
    let mut changed = messages.len() < before;
    let mut open: Vec<String> = Vec::new();
    let mut reasoning: Option<String> = None;
    for message in messages.iter_mut().filter_map(Value::as_object_mut) {
        let text = |message: &Map<String, Value>, key: &str| {
            message
                .get(key)
                .and_then(Value::as_str)
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        match message.get("role").and_then(Value::as_str) {
            Some("assistant") => {
                let said = text(message, "reasoning_content").filter(|said| said != NO_REASONING);
                let calls = message.get("tool_calls").and_then(Value::as_array).cloned().unwrap_or_default();
                if !calls.is_empty() {
                    open =
                        calls.iter().filter_map(|call| call.get("id")?.as_str().map(str::to_owned)).collect();
                    if said.is_none() {
                        let stand_in = reasoning.clone().or_else(|| text(message, "content"));
                        let stand_in = stand_in.unwrap_or_else(|| NO_REASONING.to_owned());
                        message.insert("reasoning_content".to_owned(), json!(stand_in));
                        changed = true;
                    }
                }
                reasoning = said.or(reasoning);
            }
            Some("tool") => {
                if text(message, "tool_call_id").is_none() {
                    let only = if let [only] = open.as_slice() { Some(only.clone()) } else { None };
                    // With several calls open nobody can tell which is meant: the service says so itself.
                    if let Some(id) = text(message, "call_id").or(only) {
                        message.insert("tool_call_id".to_owned(), json!(id));
                        changed = true;
                    }
                }
                if let Some(id) = text(message, "tool_call_id") {
                    open.retain(|known| *known != id);
                }
            }
            _ => {}
        }
    }
    changed
}

/// Whether it is an assistant's message that says nothing. A reply that is to be continued does: `partial`.
// Source: "[H] empty assistant messages without calls or reasoning are dropped".
fn is_empty(message: &Value) -> bool {
    let blank = |text: &Value| text.as_str().is_some_and(|text| text.trim().is_empty());
    let nothing = |key: &str| match message.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::Array(parts)) => parts.iter().all(|part| {
            part.get("type").is_some_and(|kind| kind == "text") && part.get("text").is_none_or(blank)
        }),
        Some(value) => blank(value),
    };
    let unreasoned = nothing("reasoning_content")
        || message.get("reasoning_content").and_then(Value::as_str).map(str::trim) == Some(NO_REASONING);
    message.get("role").and_then(Value::as_str) == Some("assistant")
        && ["content", "tool_calls", "function_call", "refusal", "audio"].into_iter().all(nothing)
        && unreasoned
        && message.get("partial").and_then(Value::as_bool) != Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &Value, model: &str) -> Value {
        serde_json::from_slice(&chat(&Bytes::from(body.to_string()), model).unwrap()).unwrap()
    }

    #[test]
    fn models_go_by_the_services_own_names() {
        for (model, own) in [
            ("kimi-k2.5", "k2.5"),
            ("Kimi-K2", "k2"),
            ("kimi-k3[1m]", "k3"),
            ("kimi-k2.7-code", "kimi-for-coding"),
            ("k2.7-code-highspeed", "kimi-for-coding-highspeed"),
            ("for-coding", "kimi-for-coding"),
        ] {
            assert_eq!(upstream(model), own, "{model}");
            assert_eq!(sent(&json!({"model": model}), model)["model"], own);
        }
    }

    #[test]
    fn thinking_is_asked_for_in_the_services_way() {
        for (body, expected) in [
            (json!({"reasoning_effort": "high"}), json!({"type": "enabled", "effort": "high"})),
            (json!({"reasoning_effort": "auto"}), json!({"type": "enabled"})),
            (
                json!({"reasoning_effort": "none", "thinking": {"keep": "all", "type": "x"}}),
                json!({"type": "disabled", "keep": "all"}),
            ),
        ] {
            let got = sent(&body, "kimi-k3");
            assert_eq!(got["thinking"], expected, "{body}");
            assert_eq!(got.get("reasoning_effort"), None);
        }
    }

    #[test]
    fn an_assistant_that_said_nothing_is_left_out_and_nobody_else() {
        let user = json!({"role": "user", "content": ""});
        for (message, stays) in [
            (json!({"role": "assistant", "content": ""}), false),
            (json!({"role": "assistant", "content": " \n", "tool_calls": []}), false),
            (json!({"role": "assistant", "content": null, "reasoning_content": " "}), false),
            (json!({"role": "assistant"}), false),
            (json!({"role": "assistant", "content": [{"type": "text", "text": ""}]}), false),
            (json!({"role": "assistant", "content": "", "reasoning_content": NO_REASONING}), false),
            (json!({"role": "assistant", "content": "a"}), true),
            (json!({"role": "assistant", "content": [{"type": "image_url"}]}), true),
            (json!({"role": "assistant", "content": "", "reasoning_content": "r"}), true),
            (json!({"role": "assistant", "content": null, "refusal": "no"}), true),
            (json!({"role": "assistant", "content": "", "name": "Kelsier", "partial": true}), true),
            (
                json!({"role": "assistant", "content": null, "reasoning_content": "r", "tool_calls": [{"id": "a"}]}),
                true,
            ),
            (json!({"role": "system", "content": ""}), true),
            (json!({"role": "tool", "tool_call_id": "a", "content": ""}), true),
        ] {
            let got = sent(&json!({"messages": [user, message, user]}), "kimi-k2");
            let expected = if stays { json!([user, message, user]) } else { json!([user, user]) };
            assert_eq!(got["messages"], expected, "{message}");
        }
    }

    #[test]
    fn tool_results_find_the_call_that_they_belong_to() {
        let calls = |ids: &[&str]| -> Value {
            let calls: Vec<Value> = ids.iter().map(|id| json!({"id": id, "type": "function"})).collect();
            json!({"role": "assistant", "reasoning_content": "r", "tool_calls": calls})
        };
        for (messages, id) in [
            (json!([calls(&["a"]), {"role": "tool", "content": "x"}]), json!("a")),
            (json!([calls(&["a", "b"]), {"role": "tool", "call_id": "b", "content": "x"}]), json!("b")),
            (json!([calls(&["a", "b"]), {"role": "tool", "content": "x"}]), Value::Null),
            (json!([calls(&["a"]), {"role": "tool", "tool_call_id": "z", "content": "x"}]), json!("z")),
        ] {
            let got = sent(&json!({"messages": messages}), "kimi-k2");
            assert_eq!(got["messages"][1]["tool_call_id"], id, "{messages}");
        }
    }

    #[test]
    fn calls_without_reasoning_borrow_it_and_a_placeholder_is_never_borrowed() {
        let call = json!([{"id": "a"}]);
        for (messages, at, reasoning) in [
            (
                json!([{"role": "assistant", "reasoning_content": "first", "tool_calls": call}, {"role": "assistant", "tool_calls": call}]),
                1,
                "first",
            ),
            (json!([{"role": "assistant", "content": "words", "tool_calls": call}]), 0, "words"),
            (json!([{"role": "assistant", "content": null, "tool_calls": call}]), 0, NO_REASONING),
            (
                json!([{"role": "assistant", "reasoning_content": NO_REASONING, "content": "words", "tool_calls": call}]),
                0,
                "words",
            ),
        ] {
            let got = sent(&json!({"messages": messages}), "kimi-k2");
            assert_eq!(got["messages"][at]["reasoning_content"], reasoning, "{messages}");
        }
    }
}
