//! Models: known by heart, and as the API lists them. Source: providers-b.md 2.6.

use bytes::Bytes;
use cliproxy_core::ModelInfo;
use serde_json::Value;

use crate::service::listed;

const KNOWN: [(&str, (u64, u64)); 21] = [
    ("gpt-4.1", (128_000, 16_384)),
    ("gpt-5", (200_000, 32_768)),
    ("gpt-5-mini", (128_000, 16_384)),
    ("gpt-5-codex", (200_000, 32_768)),
    ("gpt-5.1", (200_000, 32_768)),
    ("gpt-5.2", (200_000, 32_768)),
    ("gpt-5.1-codex", (200_000, 32_768)),
    ("gpt-5.1-codex-max", (200_000, 32_768)),
    ("gpt-5.2-codex", (200_000, 32_768)),
    ("gpt-5.1-codex-mini", (128_000, 16_384)),
    ("claude-haiku-4.5", (200_000, 64_000)),
    ("claude-opus-4.5", (200_000, 64_000)),
    ("claude-opus-4.6", (200_000, 64_000)),
    ("claude-sonnet-4", (200_000, 64_000)),
    ("claude-sonnet-4.5", (200_000, 64_000)),
    ("claude-opus-4.1", (200_000, 32_000)),
    ("gemini-2.5-pro", (1_048_576, 65_536)),
    ("gemini-3-pro-preview", (1_048_576, 65_536)),
    ("gemini-3-flash-preview", (1_048_576, 65_536)),
    ("grok-code-fast-1", (128_000, 16_384)),
    ("oswe-vscode-prime", (128_000, 16_384)),
];

pub(super) fn known() -> Vec<ModelInfo> {
    KNOWN.iter().map(|(id, limits)| listed(id, "github-copilot", *limits)).collect()
}

/// The models of a list that take tools and are not switched off for the account. `None` when it is no such list.
pub(super) fn fetched(body: &Bytes) -> Option<Vec<ModelInfo>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let all = value.get("data")?.as_array()?;
    let usable: Vec<&Value> = all
        .iter()
        .filter(|model| model.pointer("/capabilities/supports/tool_calls") != Some(&Value::Bool(false)))
        .collect();
    let policy = |model: &Value| model.pointer("/policy/state").and_then(Value::as_str).map(str::to_owned);
    let picked = |model: &&&Value| {
        model.get("model_picker_enabled") == Some(&Value::Bool(true))
            && policy(model).as_deref() != Some("disabled")
    };
    let says = usable.iter().any(|model| model.get("model_picker_enabled").is_some());
    let kept: Vec<&Value> = if says { usable.iter().filter(picked).copied().collect() } else { usable };
    let models: Vec<ModelInfo> = kept.into_iter().filter_map(info).collect();
    (!models.is_empty()).then_some(models)
}

fn info(model: &Value) -> Option<ModelInfo> {
    let id = model.get("id")?.as_str()?;
    let limit = |key: &str| model.pointer(&format!("/capabilities/limits/{key}")).and_then(Value::as_u64);
    // The limit on the prompt is the one that is enforced.
    let context = limit("max_prompt_tokens").or(limit("max_context_window_tokens")).unwrap_or(128_000);
    let mut info = listed(id, "github-copilot", (context, limit("max_output_tokens").unwrap_or(16_384)));
    if let Some(name) = model.get("name").and_then(Value::as_str) {
        info = info.with_display_name(name);
    }
    Some(info)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_keeps_what_is_picked_and_takes_tools() {
        let model = |id: &str, picked: bool, policy: &str, tools: bool| {
            json!({"id": id, "model_picker_enabled": picked, "policy": {"state": policy},
                "capabilities": {"supports": {"tool_calls": tools},
                    "limits": {"max_prompt_tokens": 90_000, "max_context_window_tokens": 128_000, "max_output_tokens": 4_000}}})
        };
        let body = json!({"data": [model("a", true, "enabled", true), model("b", true, "disabled", true),
            model("c", false, "enabled", true), model("d", true, "enabled", false)]});
        let models = fetched(&Bytes::from(body.to_string())).unwrap();
        assert_eq!(models.len(), 1);
        assert_eq!((models[0].id.as_str(), models[0].context_length), ("a", Some(90_000)));
        assert_eq!(fetched(&Bytes::from(json!({"data": [{"id": "x"}]}).to_string())).unwrap().len(), 1);
        assert_eq!(fetched(&Bytes::from_static(b"<html>")), None);
    }
}
