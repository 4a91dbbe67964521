//! Who asks: a person, or an agent that goes on by itself. GitHub bills a person's request, so this is the truth.
// Source: providers-b.md 2.5.3 "`X-Initiator` rules".

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow, default)]
    role: Option<&'a str>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<&'a str>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
}

/// `agent` when the last turn is the model's own or a tool's, else `user`. A further question in a long conversation is
/// a person's.
pub(super) fn initiator(turns: Option<&[u8]>) -> &'static str {
    let turns: Vec<&RawValue> = turns.and_then(|raw| serde_json::from_slice(raw).ok()).unwrap_or_default();
    let Some((last, before)) = turns.split_last() else { return "user" };
    let Ok(last) = serde_json::from_str::<Turn<'_>>(last.get()) else { return "user" };
    let says = |raw: Option<&RawValue>, word: &str| raw.is_some_and(|raw| raw.get().contains(word));
    let called = || {
        let before = before.last().and_then(|raw| serde_json::from_str::<Turn<'_>>(raw.get()).ok());
        before.is_some_and(|turn| {
            turn.role == Some("assistant")
                && (says(turn.content, "\"tool_use\"")
                    || turn.tool_calls.is_some_and(|calls| calls.get() != "[]" && calls.get() != "null"))
        })
    };
    let agent = match (last.role, last.kind) {
        (Some("assistant" | "tool"), _) => true,
        (Some("user"), _) => says(last.content, "\"tool_result\"") || called(),
        (Some(_), _) => false,
        (None, Some(kind)) => kind.ends_with("_call") || kind.ends_with("_output") || kind == "reasoning",
        (None, None) => false,
    };
    if agent { "agent" } else { "user" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_asks_unless_the_last_turn_is_the_models_or_a_tools() {
        let user = json!({"role": "user", "content": "hi"});
        let answer = json!({"role": "assistant", "content": "hello"});
        let called = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "a"}]});
        for (turns, expected) in [
            (json!([user]), "user"),
            (json!([user, answer]), "agent"),
            (json!([user, answer, user]), "user"),
            (json!([user, called, {"role": "tool", "content": "x"}]), "agent"),
            (json!([user, called, user]), "agent"),
            (json!([user, {"role": "user", "content": [{"type": "tool_result"}]}]), "agent"),
            (json!([user, {"role": "system", "content": "s"}]), "user"),
            (json!([{"type": "message", "role": "user", "content": "hi"}]), "user"),
            (json!([user, {"type": "function_call", "name": "f"}]), "agent"),
            (json!([user, {"type": "function_call_output", "output": "x"}]), "agent"),
            (json!([user, {"type": "function_call_output"}, answer, user]), "user"),
            (json!([]), "user"),
            (json!("hi"), "user"),
        ] {
            assert_eq!(initiator(Some(turns.to_string().as_bytes())), expected, "{turns}");
        }
        assert_eq!(initiator(None), "user");
    }
}
