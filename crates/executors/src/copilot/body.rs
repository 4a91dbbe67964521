//! What Copilot's API refuses of what others take. Source: providers-b.md 2.5.4.

use bytes::Bytes;
use cliproxy_core::{ExecutorError, ProviderFormat};
use cliproxy_translator::splice::{Edits, TopLevel};
use memchr::memmem;
use serde_json::{Value, json};

use super::REFUSED_BETAS;
use super::initiator::initiator;
use crate::service::{edited, not_json};

/// A body as the API takes it, and what its headers have to say.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) body: Bytes,
    pub(super) initiator: &'static str,
    pub(super) vision: bool,
}

pub(super) fn prepare(body: &Bytes, format: &ProviderFormat) -> Result<Prepared, ExecutorError> {
    let top = TopLevel::scan(body).map_err(not_json)?;
    let responses = *format == ProviderFormat::OPENAI_RESPONSES;
    let turns = top.value(if responses { "input" } else { "messages" });
    let vision = turns.is_some_and(has_image);
    let edits = match () {
        () if responses => of_responses(&top),
        () if *format == ProviderFormat::CLAUDE => of_claude(&top),
        () => of_chat(&top),
    };
    Ok(Prepared { body: edited(body, &edits)?, initiator: initiator(turns), vision })
}

fn of_chat<'e>(top: &TopLevel<'_>) -> Edits<'e> {
    let mut edits = Edits::new();
    if let Some(messages) = top.value("messages").and_then(flattened) {
        edits = edits.set("messages", messages);
    }
    if let Some(tools) = top.value("tools").and_then(|raw| serde_json::from_slice::<Vec<Value>>(raw).ok()) {
        let kind = |tool: &Value| tool.get("type").and_then(Value::as_str).unwrap_or_default() == "function";
        let kept: Vec<&Value> = tools.iter().filter(|tool| kind(tool)).collect();
        if kept.is_empty() {
            edits = edits.remove("tools").remove("tool_choice");
        } else if kept.len() < tools.len() {
            edits = edits.set("tools", json!(kept).to_string());
        }
    }
    let choice = top.value("tool_choice").and_then(|raw| serde_json::from_slice::<Value>(raw).ok());
    let known = choice.as_ref().is_none_or(|choice| match choice {
        Value::String(word) => matches!(word.as_str(), "auto" | "none" | "required"),
        choice => choice.get("type").and_then(Value::as_str) == Some("function"),
    });
    if known { edits } else { edits.set("tool_choice", "\"auto\"") }
}

fn of_responses<'e>(top: &TopLevel<'_>) -> Edits<'e> {
    let mut edits = Edits::new().remove("service_tier");
    if !top.has("store") {
        edits = edits.set("store", "false");
    }
    if !top.has("include") {
        edits = edits.set("include", "[\"reasoning.encrypted_content\"]");
    }
    let member = |key: &str| top.value(key).and_then(|raw| serde_json::from_slice::<Value>(raw).ok());
    if let Some(Value::Object(mut reasoning)) = member("reasoning")
        && reasoning.get("effort").is_some_and(Value::is_string)
        && reasoning.get("summary").is_none_or(Value::is_null)
    {
        reasoning.insert("summary".to_owned(), json!("auto"));
        edits = edits.set("reasoning", Value::Object(reasoning).to_string());
    }
    let Some(Value::Array(tools)) = member("tools") else { return edits };
    let kept: Vec<&Value> = tools.iter().filter(|tool| is_offered(tool)).collect();
    if kept.len() == tools.len() {
        return edits;
    }
    if kept.is_empty() {
        return edits.remove("tools").remove("tool_choice");
    }
    edits = edits.set("tools", json!(kept).to_string());
    match member("tool_choice").and_then(|choice| without_hosted(&choice)) {
        Some(choice) => edits.set("tool_choice", choice.to_string()),
        None => edits,
    }
}

/// Whether it is a tool of the client's own, or one of those that OpenAI runs and Copilot has.
// Source: providers-b.md 2.5.4 "built-in tools only `computer`, `computer_use_preview`".
fn is_offered(tool: &Value) -> bool {
    let kind = tool.get("type").and_then(Value::as_str);
    kind.is_none_or(|kind| matches!(kind, "function" | "custom" | "computer" | "computer_use_preview"))
}

/// What a choice becomes where it names tools that are left out; `None` when it names none.
fn without_hosted(choice: &Value) -> Option<Value> {
    let kind = choice.get("type").and_then(Value::as_str)?;
    if kind != "allowed_tools" {
        return (!is_offered(choice)).then(|| json!("auto"));
    }
    let named = choice.get("tools").and_then(Value::as_array)?;
    let kept: Vec<&Value> = named.iter().filter(|tool| is_offered(tool)).collect();
    if kept.len() == named.len() {
        return None;
    }
    if kept.is_empty() {
        return Some(json!("auto"));
    }
    let mut choice = choice.clone();
    choice.as_object_mut()?.insert("tools".to_owned(), json!(kept));
    Some(choice)
}

/// Claude's own words go as they are, but for a beta that is refused. Source: providers-b.md 2.5.4 "[H] beta".
fn of_claude<'e>(top: &TopLevel<'_>) -> Edits<'e> {
    let kept = |betas: &Value| -> Option<Value> {
        let all = betas.as_array()?;
        let kept: Vec<&Value> =
            all.iter().filter(|beta| !REFUSED_BETAS.iter().any(|no| *beta == no)).collect();
        (kept.len() < all.len()).then(|| json!(kept))
    };
    let member = |key: &str| top.value(key).and_then(|raw| serde_json::from_slice::<Value>(raw).ok());
    let mut edits = Edits::new();
    if let Some(betas) = member("betas").as_ref().and_then(kept) {
        edits = edits.set("betas", betas.to_string());
    }
    if let Some(mut metadata) = member("metadata")
        && let Some(betas) = metadata.get("betas").and_then(kept)
        && let Some(object) = metadata.as_object_mut()
    {
        object.insert("betas".to_owned(), betas);
        edits = edits.set("metadata", metadata.to_string());
    }
    edits
}

/// Messages whose assistants' texts are one text each; `None` when they are already. With lists, Claude's models answer
/// every earlier question again. What is more than text stays a list.
fn flattened(raw: &[u8]) -> Option<String> {
    memmem::find(raw, b"\"assistant\"")?;
    let mut messages: Vec<Value> = serde_json::from_slice(raw).ok()?;
    let mut changed = false;
    for message in messages.iter_mut().filter(|message| message["role"] == "assistant") {
        let Some(parts) = message.get("content").and_then(Value::as_array) else { continue };
        let texts: Option<Vec<&str>> = parts
            .iter()
            .map(|part| part.get("text").and_then(Value::as_str).filter(|_| part["type"] == "text"))
            .collect();
        if let Some(texts) = texts {
            let joined = texts.concat();
            if let Some(message) = message.as_object_mut() {
                message.insert("content".to_owned(), json!(joined));
                changed = true;
            }
        }
    }
    changed.then(|| Value::from(messages).to_string())
}

fn has_image(turns: &[u8]) -> bool {
    [&b"\"image_url\""[..], b"\"input_image\"", b"\"image\""]
        .iter()
        .any(|kind| memmem::find(turns, kind).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &Value, format: &ProviderFormat) -> (Value, bool) {
        let prepared = prepare(&Bytes::from(body.to_string()), format).unwrap();
        (serde_json::from_slice(&prepared.body).unwrap(), prepared.vision)
    }

    #[test]
    fn what_the_api_refuses_is_put_right_and_the_rest_stays() {
        let chat = ProviderFormat::OPENAI;
        let texts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        let mixed = json!([{"type": "text", "text": "a"}, {"type": "tool_use", "id": "1"}]);
        for (body, expected) in [
            (
                json!({"messages": [{"role": "assistant", "content": texts}]}),
                json!({"messages": [{"role": "assistant", "content": "ab"}]}),
            ),
            (
                json!({"messages": [{"role": "assistant", "content": mixed}]}),
                json!({"messages": [{"role": "assistant", "content": mixed}]}),
            ),
            (
                json!({"messages": [{"role": "user", "content": texts}]}),
                json!({"messages": [{"role": "user", "content": texts}]}),
            ),
            (
                json!({"tools": [{"type": "web_search"}, {"type": "function"}]}),
                json!({"tools": [{"type": "function"}]}),
            ),
            (json!({"tools": [{"type": "web_search"}], "tool_choice": "auto"}), json!({})),
            (json!({"tool_choice": {"type": "allowed_tools"}}), json!({"tool_choice": "auto"})),
            (
                json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
                json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
            ),
        ] {
            assert_eq!(sent(&body, &chat).0, expected, "{body}");
        }
        let claude = ProviderFormat::CLAUDE;
        for (body, expected) in [
            (
                json!({"betas": ["a", "context-1m-2025-08-07"], "metadata": {"betas": ["context-1m-2025-08-07"], "user_id": "u"}}),
                json!({"betas": ["a"], "metadata": {"betas": [], "user_id": "u"}}),
            ),
            (
                json!({"messages": [{"role": "assistant", "content": texts}], "tools": [{"name": "f"}], "thinking": {}}),
                json!({"messages": [{"role": "assistant", "content": texts}], "tools": [{"name": "f"}], "thinking": {}}),
            ),
        ] {
            assert_eq!(sent(&body, &claude).0, expected, "{body}");
        }
        let responses = ProviderFormat::OPENAI_RESPONSES;
        assert_eq!(
            sent(&json!({"service_tier": "flex", "store": true, "input": []}), &responses).0,
            json!({"store": true, "input": [], "include": ["reasoning.encrypted_content"]})
        );
    }

    /// Source: providers-b.md 2.5.4 "responses".
    #[test]
    fn tools_that_copilot_does_not_run_are_left_out_of_a_responses_body_with_every_choice_of_them() {
        let function = json!({"type": "function", "name": "f"});
        let search = json!({"type": "web_search"});
        let choice = |names: Value| json!({"type": "allowed_tools", "mode": "auto", "tools": names});
        let own = json!([function, {"type": "custom", "name": "c"}, {"type": "computer_use_preview"}, {"type": "computer"}]);
        for (tools, chosen, kept, choice) in [
            (own.clone(), json!("required"), Some(own), Some(json!("required"))),
            (json!([function, search]), json!("required"), Some(json!([function])), Some(json!("required"))),
            (json!([search, function]), search.clone(), Some(json!([function])), Some(json!("auto"))),
            (json!([search, function]), function.clone(), Some(json!([function])), Some(function.clone())),
            (
                json!([search, function]),
                choice(json!([search, function])),
                Some(json!([function])),
                Some(choice(json!([function]))),
            ),
            (
                json!([search, function]),
                choice(json!([search])),
                Some(json!([function])),
                Some(json!("auto")),
            ),
            (json!([search, {"type": "image_generation"}]), json!("required"), None, None),
        ] {
            let body = json!({"input": [], "tools": tools, "tool_choice": chosen});
            let (got, _) = sent(&body, &ProviderFormat::OPENAI_RESPONSES);
            assert_eq!(
                (got.get("tools"), got.get("tool_choice")),
                (kept.as_ref(), choice.as_ref()),
                "{body}"
            );
        }
    }

    /// Source: providers-b.md 2.5.4 "`reasoning.summary="auto"` (only if effort is given)".
    #[test]
    fn whoever_names_an_effort_is_told_a_summary_of_the_thoughts() {
        for (reasoning, expected) in [
            (json!({"effort": "high"}), json!({"effort": "high", "summary": "auto"})),
            (json!({"effort": "high", "summary": null}), json!({"effort": "high", "summary": "auto"})),
            (
                json!({"effort": "low", "summary": "detailed"}),
                json!({"effort": "low", "summary": "detailed"}),
            ),
            (json!({"summary": null}), json!({"summary": null})),
            (json!({}), json!({})),
        ] {
            let body = json!({"input": [], "reasoning": reasoning});
            assert_eq!(
                sent(&body, &ProviderFormat::OPENAI_RESPONSES).0["reasoning"],
                expected,
                "{reasoning}"
            );
        }
        assert_eq!(sent(&json!({"input": []}), &ProviderFormat::OPENAI_RESPONSES).0.get("reasoning"), None);
    }

    #[test]
    fn images_are_announced_wherever_a_format_keeps_them() {
        let part = |kind: &str| json!([{"role": "user", "content": [{"type": kind}]}]);
        for (kind, seen) in [("image_url", true), ("image", true), ("text", false)] {
            assert_eq!(sent(&json!({"messages": part(kind)}), &ProviderFormat::OPENAI).1, seen, "{kind}");
        }
        assert!(sent(&json!({"input": part("input_image")}), &ProviderFormat::OPENAI_RESPONSES).1);
    }
}
