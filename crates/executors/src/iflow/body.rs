//! The dialect: how thinking is asked for, and what the service refuses. Source: providers-b.md 4.6.

use bytes::Bytes;
use cliproxy_core::ExecutorError;
use cliproxy_translator::splice::{Edits, TopLevel};

use crate::service::{edited, not_json};

/// Which switch a model has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    /// `chat_template_kwargs.enable_thinking`, and for GLM `clear_thinking`.
    Template {
        glm: bool,
    },
    /// `reasoning_split`.
    Split,
    None,
}

fn switch(model: &str) -> Switch {
    let model = model.to_ascii_lowercase();
    match () {
        () if model.starts_with("glm") => Switch::Template { glm: true },
        () if ["qwen3-max-preview", "deepseek-v3.2", "deepseek-v3.1"].contains(&model.as_str()) => {
            Switch::Template { glm: false }
        }
        () if model.starts_with("minimax") => Switch::Split,
        () => Switch::None,
    }
}

pub(super) fn dialect(body: &Bytes, model: &str) -> Result<Bytes, ExecutorError> {
    let top = TopLevel::scan(body).map_err(not_json)?;
    let mut edits = Edits::new();
    if let Some(effort) = top.string("reasoning_effort").ok().flatten() {
        let on = effort != "none";
        edits = match switch(model) {
            Switch::Template { glm } => {
                let clear = if glm && on { ",\"clear_thinking\":false" } else { "" };
                edits.set("chat_template_kwargs", format!("{{\"enable_thinking\":{on}{clear}}}"))
            }
            Switch::Split => edits.set("reasoning_split", if on { "true" } else { "false" }),
            Switch::None => edits,
        };
        edits = edits.remove("reasoning_effort");
    }
    // An empty list is refused; the reference puts a tool that does nothing in its place.
    if top.value("tools").is_some_and(|tools| tools.iter().all(|byte| b"[] \t\r\n".contains(byte))) {
        edits = edits.remove("tools").remove("tool_choice");
    }
    edited(body, &edits)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_family_has_its_own_switch_for_thinking() {
        for (model, body, expected) in [
            (
                "glm-4.6",
                json!({"reasoning_effort": "high"}),
                json!({"chat_template_kwargs": {"enable_thinking": true, "clear_thinking": false}}),
            ),
            (
                "GLM-4.7",
                json!({"reasoning_effort": "none"}),
                json!({"chat_template_kwargs": {"enable_thinking": false}}),
            ),
            (
                "deepseek-v3.2",
                json!({"reasoning_effort": "low"}),
                json!({"chat_template_kwargs": {"enable_thinking": true}}),
            ),
            ("minimax-m2.1", json!({"reasoning_effort": "minimal"}), json!({"reasoning_split": true})),
            ("minimax-m2", json!({"reasoning_effort": "none"}), json!({"reasoning_split": false})),
            ("kimi-k2", json!({"reasoning_effort": "high", "a": 1}), json!({"a": 1})),
            ("glm-4.6", json!({"a": 1}), json!({"a": 1})),
            ("kimi-k2", json!({"tools": [], "tool_choice": "auto"}), json!({})),
            ("kimi-k2", json!({"tools": [{"type": "function"}]}), json!({"tools": [{"type": "function"}]})),
        ] {
            let got = dialect(&Bytes::from(body.to_string()), model).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&got).unwrap(), expected, "{model} {body}");
        }
    }
}
