//! Model lists in every style. Source: http-api.md A.2, C.1 (Claude list by `Anthropic-Version`), E 11 (sorted).

use cliproxy_core::{ClientFormat, ListedModel, ModelInfo, Timestamp};
use http::HeaderMap;
use http::header::USER_AGENT;
use serde_json::{Value, json};

/// The path where clients of a format find the list.
pub(crate) fn list_of(format: &ClientFormat) -> &'static str {
    let gemini = [ClientFormat::GEMINI, ClientFormat::GEMINI_CLI].contains(format);
    if gemini { "/v1beta/models" } else { "/v1/models" }
}

/// Which style a client expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    OpenAi,
    Claude,
    Gemini,
    Codex,
}

impl Style {
    /// What a client of `/v1/models` expects. Claude Code says who it is; Anthropic's SDKs always name their API
    /// version, and Google's itself or the key in a header of its own. Codex asks with its version; an answer that it cannot read it asks for again and
    /// again.
    // Source: Codex 0.171.0, observed; openai/codex, codex-api "models", read 2026-11.
    pub(crate) fn of(headers: &HeaderMap, query: Option<&str>) -> Self {
        let mut members = query.unwrap_or_default().split('&');
        if members.any(|member| member.split('=').next() == Some("client_version")) {
            return Self::Codex;
        }
        let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("");
        if headers.contains_key("anthropic-version") || agent.starts_with("claude-cli") {
            Self::Claude
        } else if ["x-goog-api-client", "x-goog-api-key"].iter().any(|name| headers.contains_key(*name)) {
            Self::Gemini
        } else {
            Self::OpenAi
        }
    }

    /// The format whose clients expect it.
    pub(crate) fn format(self) -> ClientFormat {
        match self {
            Self::OpenAi => ClientFormat::OPENAI,
            Self::Codex => ClientFormat::OPENAI_RESPONSES,
            Self::Claude => ClientFormat::CLAUDE,
            Self::Gemini => ClientFormat::GEMINI,
        }
    }

    /// The whole list.
    pub(crate) fn list(self, models: &[ListedModel]) -> Value {
        let items: Vec<Value> = models.iter().map(|model| self.item(&model.info)).collect();
        match self {
            Self::OpenAi => json!({"object": "list", "data": items}),
            Self::Gemini => json!({"models": items}),
            // It knows its models better than we do: what is listed here replaces that, and each entry has to bring the
            // instructions of the agent, which are Codex's own. An empty catalogue leaves everything as it is.
            Self::Codex => json!({"models": []}),
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
            Self::OpenAi | Self::Codex => json!({
                "id": info.id.as_str(), "object": "model",
                "created": info.created.unwrap_or(0),
                "owned_by": info.owned_by.as_deref().unwrap_or("cliproxy"),
            }),
            Self::Claude => claude_item(info),
            Self::Gemini => gemini_item(info),
        }
    }
}

/// The official members, and those of the reference that its users read (`object`, `owned_by`, `thinking`).
fn claude_item(info: &ModelInfo) -> Value {
    let id = info.id.as_str();
    let created = Timestamp::from_secs(info.created.unwrap_or(0)).to_rfc3339();
    let mut item = json!({
        "type": "model", "id": id, "display_name": info.display_name.as_deref().unwrap_or(id),
        "created_at": created, "object": "model", "owned_by": info.owned_by.as_deref().unwrap_or("cliproxy"),
    });
    add(&mut item, "max_input_tokens", info.context_length.map(Value::from));
    add(&mut item, "max_tokens", info.max_output.map(Value::from));
    add(&mut item, "thinking", info.reasoning.as_ref().map(|_| Value::Bool(true)));
    let budget = info.reasoning.as_ref().and_then(|reasoning| Some((reasoning, reasoning.budget?)));
    let extended = budget.map(|(reasoning, (min, max))| {
        json!({
            "supported": true, "min": min, "max": max,
            "zero_allowed": reasoning.zero_allowed, "dynamic_allowed": reasoning.dynamic_allowed,
        })
    });
    add(&mut item, "extended_thinking", extended);
    item
}

fn gemini_item(info: &ModelInfo) -> Value {
    let id = info.id.as_str();
    let name = if id.starts_with("models/") { id.to_owned() } else { format!("models/{id}") };
    let mut item = json!({
        "name": name,
        "version": id,
        "displayName": info.display_name.as_deref().unwrap_or(id),
        "description": info.description.as_deref().unwrap_or(id),
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    });
    add(&mut item, "inputTokenLimit", info.context_length.map(Value::from));
    add(&mut item, "outputTokenLimit", info.max_output.map(Value::from));
    add(&mut item, "thinking", info.reasoning.as_ref().map(|_| Value::Bool(true)));
    item
}

fn add(item: &mut Value, key: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (item.as_object_mut(), value) {
        members.insert(key.to_owned(), value);
    }
}
