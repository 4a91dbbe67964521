//! Models: known by heart, and as the API lists them. Source: providers-b.md 2.6.

use std::collections::HashMap;

use bytes::Bytes;
use cliproxy_core::{ModelInfo, ProviderFormat};
use serde_json::Value;

use crate::openai_models;
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
    KNOWN.iter().map(|(id, limits)| of(id, *limits)).collect()
}

/// The lists do not say how a model reasons: OpenAI's do as they do there.
fn of(id: &str, limits: (u64, u64)) -> ModelInfo {
    let info = listed(id, "github-copilot", limits);
    match openai_models::reasoning(id) {
        Some(profile) => info.with_reasoning(profile),
        None => info,
    }
}

/// What a fetched list says of its models.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) models: Vec<ModelInfo>,
    /// The formats of the endpoints that a model says it has, where it says so.
    pub(super) formats: HashMap<String, &'static [ProviderFormat]>,
}

/// The formats for each set of endpoints, best first: Claude's own words keep its signatures, and what may be said in
/// both of OpenAI's passes as it came.
static CLAUDE: [ProviderFormat; 1] = [ProviderFormat::CLAUDE];
static CHAT: [ProviderFormat; 1] = [ProviderFormat::OPENAI];
static RESPONSES: [ProviderFormat; 1] = [ProviderFormat::OPENAI_RESPONSES];
static CLAUDE_CHAT: [ProviderFormat; 2] = [ProviderFormat::CLAUDE, ProviderFormat::OPENAI];
static CHAT_RESPONSES: [ProviderFormat; 2] = [ProviderFormat::OPENAI, ProviderFormat::OPENAI_RESPONSES];
static CLAUDE_RESPONSES: [ProviderFormat; 2] = [ProviderFormat::CLAUDE, ProviderFormat::OPENAI_RESPONSES];
static ALL: [ProviderFormat; 3] =
    [ProviderFormat::CLAUDE, ProviderFormat::OPENAI, ProviderFormat::OPENAI_RESPONSES];

/// What may be spoken with a model, by the name that it goes under. Source: providers-b.md 2.6 "Endpoints", 2.5.4 "[H]
/// model `claude-*`".
pub(super) fn by_name(model: &str) -> &'static [ProviderFormat] {
    match model {
        _ if model.contains("codex") => &RESPONSES,
        _ if model.starts_with("gpt-5") => &CHAT_RESPONSES,
        _ if model.starts_with("claude-") => &CLAUDE_CHAT,
        _ => &CHAT,
    }
}

/// What a model itself says (`supported_endpoints`); `None` when it says nothing, or nothing that we speak.
// Source: providers-b.md 2.5.4 "[H] model whose supported endpoints lack chat but have responses".
fn supported(model: &Value) -> Option<&'static [ProviderFormat]> {
    let named =
        model.get("supported_endpoints").or_else(|| model.pointer("/capabilities/supported_endpoints"))?;
    let has = |ends: &[&str]| {
        let mut named = named.as_array().into_iter().flatten().filter_map(Value::as_str);
        named.any(|one| ends.contains(&one.trim().trim_start_matches("/v1").trim_matches('/')))
    };
    match (has(&["messages"]), has(&["chat/completions"]), has(&["responses"])) {
        (true, true, true) => Some(&ALL),
        (true, true, false) => Some(&CLAUDE_CHAT),
        (true, false, true) => Some(&CLAUDE_RESPONSES),
        (true, false, false) => Some(&CLAUDE),
        (false, true, true) => Some(&CHAT_RESPONSES),
        (false, true, false) => Some(&CHAT),
        (false, false, true) => Some(&RESPONSES),
        (false, false, false) => None,
    }
}

/// The models of a list that take tools and are not switched off for the account. `None` when it is no such list.
pub(super) fn fetched(body: &Bytes) -> Option<Fetched> {
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
    let named = |model: &&Value| Some((model.get("id")?.as_str()?.to_owned(), supported(model)?));
    let formats = kept.iter().filter_map(named).collect();
    let models: Vec<ModelInfo> = kept.into_iter().filter_map(info).collect();
    (!models.is_empty()).then_some(Fetched { models, formats })
}

fn info(model: &Value) -> Option<ModelInfo> {
    let id = model.get("id")?.as_str()?;
    let limit = |key: &str| model.pointer(&format!("/capabilities/limits/{key}")).and_then(Value::as_u64);
    // The limit on the prompt is the one that is enforced.
    let context = limit("max_prompt_tokens").or(limit("max_context_window_tokens")).unwrap_or(128_000);
    let mut info = of(id, (context, limit("max_output_tokens").unwrap_or(16_384)));
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
        let models = fetched(&Bytes::from(body.to_string())).unwrap().models;
        assert_eq!(models.len(), 1);
        assert_eq!((models[0].id.as_str(), models[0].context_length), ("a", Some(90_000)));
        assert_eq!(
            fetched(&Bytes::from(json!({"data": [{"id": "x"}]}).to_string())).unwrap().models.len(),
            1
        );
        assert!(fetched(&Bytes::from_static(b"<html>")).is_none());
    }

    #[test]
    fn a_model_that_says_its_endpoints_is_spoken_with_there_and_no_other_says_anything() {
        let [claude, chat, responses] =
            [ProviderFormat::CLAUDE, ProviderFormat::OPENAI, ProviderFormat::OPENAI_RESPONSES];
        for (said, expected) in [
            (json!(["/chat/completions"]), Some(vec![&chat])),
            (json!(["/responses", "ws:/responses"]), Some(vec![&responses])),
            (json!(["/v1/messages"]), Some(vec![&claude])),
            (json!(["/responses", "/chat/completions"]), Some(vec![&chat, &responses])),
            (json!(["/chat/completions", "/v1/messages"]), Some(vec![&claude, &chat])),
            (json!(["/responses", "/v1/messages"]), Some(vec![&claude, &responses])),
            (
                json!(["/v1/chat/completions", "/v1/messages", "/v1/responses"]),
                Some(vec![&claude, &chat, &responses]),
            ),
            (json!(["/embeddings"]), None),
            (json!([]), None),
            (json!(null), None),
        ] {
            let body = json!({"data": [{"id": "m", "supported_endpoints": said}]}).to_string();
            let formats = fetched(&Bytes::from(body)).unwrap().formats;
            let found = formats.get("m").map(|formats| formats.iter().collect::<Vec<_>>());
            assert_eq!(found, expected, "{said}");
        }
    }
}
