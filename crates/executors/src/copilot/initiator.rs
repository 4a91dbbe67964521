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

/// `agent` when the last turn is the model's own or a tool's, or follows a tool's result without an answer in between: a
/// turn of another format that holds results and words is two here. A further question in a long conversation is a person's.
pub(super) fn initiator(turns: Option<&[u8]>) -> &'static str {
    let turns: Vec<&RawValue> = turns.and_then(|raw| serde_json::from_slice(raw).ok()).unwrap_or_default();
    let mut backwards = turns.iter().rev().map(|raw| serde_json::from_str::<Turn<'_>>(raw.get()).ok());
    let agent = match backwards.next() {
        Some(Some(last)) if last.role == Some("user") => {
            says(last.content, "\"tool_result\"") || {
                let before = backwards.flatten().find(|turn| turn.role != Some("user"));
                before.is_some_and(|turn| turn.is_a_result() || turn.calls())
            }
        }
        Some(Some(last)) => last.is_the_agents(),
        Some(None) | None => false,
    };
    if agent { "agent" } else { "user" }
}

impl Turn<'_> {
    fn is_the_agents(&self) -> bool {
        match (self.role, self.kind) {
            (Some("assistant" | "tool"), _) => true,
            (Some(_), _) | (None, None) => false,
            (None, Some(kind)) => kind.ends_with("_call") || kind.ends_with("_output") || kind == "reasoning",
        }
    }

    /// What a tool returned.
    fn is_a_result(&self) -> bool {
        match self.role {
            Some(role) => role == "tool",
            None => self.kind.is_some_and(|kind| kind.ends_with("_output")),
        }
    }

    /// The model's own turn, with calls that nothing has answered yet.
    fn calls(&self) -> bool {
        let listed = self.tool_calls.is_some_and(|calls| calls.get() != "[]" && calls.get() != "null");
        self.role == Some("assistant") && (says(self.content, "\"tool_use\"") || listed)
    }
}

fn says(raw: Option<&RawValue>, word: &str) -> bool {
    raw.is_some_and(|raw| raw.get().contains(word))
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
            // A Claude turn of results and words is two in Chat's format, and pictures that a tool returned are one more.
            (json!([user, called, {"role": "tool", "content": "x"}, user]), "agent"),
            (json!([user, called, {"role": "tool"}, {"role": "tool"}, user, user]), "agent"),
            (json!([user, called, {"role": "tool"}, answer, user]), "user"),
            (json!([user, {"type": "function_call"}, {"type": "function_call_output"}, user]), "agent"),
            (
                json!([{"type": "custom_tool_call_output"}, {"type": "message", "role": "user", "content": []}]),
                "agent",
            ),
            (json!([{"type": "function_call_output"}, {"type": "reasoning"}, answer, user]), "user"),
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
