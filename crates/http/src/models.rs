//! Model lists in both styles. Source: http-api.md A.2, C.1 (Claude list by `Anthropic-Version`), E 11 (sorted).

use cliproxy_core::{ListedModel, ModelInfo, Timestamp};
use http::HeaderMap;
use http::header::USER_AGENT;
use serde_json::{Value, json};

/// Which style a client expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    OpenAi,
    Claude,
}

impl Style {
    /// Claude Code says who it is; Anthropic's SDKs always name their API version.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("");
        if headers.contains_key("anthropic-version") || agent.starts_with("claude-cli") {
            Self::Claude
        } else {
            Self::OpenAi
        }
    }

    /// The whole list.
    pub(crate) fn list(self, models: &[ListedModel]) -> Value {
        let items: Vec<Value> = models.iter().map(|model| self.item(&model.info)).collect();
        match self {
            Self::OpenAi => json!({"object": "list", "data": items}),
            Self::Claude => {
                let id =
                    |model: Option<&ListedModel>| model.map_or("", |model| model.info.id.as_str()).to_owned();
                json!({
                    "data": items, "has_more": false,
                    "first_id": id(models.first()), "last_id": id(models.last()),
                })
            }
        }
    }

    /// One model.
    pub(crate) fn item(self, info: &ModelInfo) -> Value {
        match self {
            Self::OpenAi => json!({
                "id": info.id.as_str(), "object": "model",
                "created": info.created.unwrap_or(0),
                "owned_by": info.owned_by.as_deref().unwrap_or("cliproxy"),
            }),
            Self::Claude => claude_item(info),
        }
    }
}

/// The official members, and those of the reference that its users read (`object`, `owned_by`).
fn claude_item(info: &ModelInfo) -> Value {
    let id = info.id.as_str();
    let created = Timestamp::from_secs(info.created.unwrap_or(0)).to_rfc3339();
    let mut item = json!({
        "type": "model", "id": id, "display_name": info.display_name.as_deref().unwrap_or(id),
        "created_at": created, "object": "model", "owned_by": info.owned_by.as_deref().unwrap_or("cliproxy"),
    });
    if let Some(members) = item.as_object_mut() {
        if let Some(tokens) = info.context_length {
            members.insert("max_input_tokens".to_owned(), json!(tokens));
        }
        if let Some(tokens) = info.max_output {
            members.insert("max_tokens".to_owned(), json!(tokens));
        }
    }
    item
}
