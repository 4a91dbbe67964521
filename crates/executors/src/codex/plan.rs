//! What a login's identity token says: whose account, and on which plan.

use cliproxy_core::{Credential, ModelInfo};
use cliproxy_transport::oauth::{Tokens, jwt_claims};
use serde_json::{Map, Value};

use crate::openai_models;

/// The member in which OpenAI keeps its own claims. Source: providers-a.md 3.1 "Identity".
const CLAIMS: &str = "https://api.openai.com/auth";

fn claim(claims: &Map<String, Value>, key: &str) -> Option<Value> {
    claims.get(CLAIMS)?.get(key).cloned()
}

/// What a renewal learns from the identity token, where one came.
pub(super) fn identity(tokens: &Tokens) -> Map<String, Value> {
    let mut members = Map::new();
    let Some(token) = &tokens.id_token else { return members };
    members.insert("id_token".to_owned(), Value::from(token.expose()));
    let claims = jwt_claims(token.expose()).unwrap_or_default();
    let known =
        [("email", claims.get("email").cloned()), ("account_id", claim(&claims, "chatgpt_account_id"))];
    members.extend(known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    members
}

/// The models of the account's plan; those of the largest plan when it is not known.
// Source: providers-a.md 3.6 "unknown ⇒ pro".
pub(super) fn models(credential: &Credential) -> Vec<ModelInfo> {
    let claims = credential.document().text("id_token").and_then(jwt_claims).unwrap_or_default();
    let plan = claim(&claims, "chatgpt_plan_type").and_then(|plan| plan.as_str().map(str::to_lowercase));
    let left_out: &[&str] = match plan.as_deref() {
        Some("free") => &["gpt-5.4", "gpt-5.6-sol", "gpt-5.3-codex-spark"],
        Some("team" | "business" | "enterprise") => &["gpt-5.3-codex-spark"],
        _ => &[],
    };
    let largest = !matches!(plan.as_deref(), Some("free" | "team" | "business" | "enterprise" | "plus"));
    let offered = openai_models::known().into_iter().chain([openai_models::reviewer()]);
    offered
        .filter(|model| !left_out.contains(&model.id.as_str()))
        .map(|model| if largest { roomier(model) } else { model })
        .collect()
}

/// The largest plan fits more into the newest models. Source: providers-a.md 3.6 "pro 921000".
fn roomier(mut model: ModelInfo) -> ModelInfo {
    if model.id.as_str().starts_with("gpt-5.6-") {
        model.context_length = Some(921_000);
    }
    model
}
