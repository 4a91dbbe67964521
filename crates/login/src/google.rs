//! What the two flows of Google have in common. Source: providers-a.md 5.1, 7.1.

use cliproxy_core::{LoginError, LoginErrorKind, Secret};
use serde_json::Value;

use crate::means::{Call, Means};

/// The account's e-mail address; empty when it is not said.
pub(crate) async fn email(means: &Means, token: &Secret) -> Result<String, LoginError> {
    let user = means.json(Call::get("the Google account", means.url("userinfo")?).bearer(token)).await?;
    Ok(user.get("email").and_then(Value::as_str).unwrap_or_default().trim().to_owned())
}

/// A call of Code Assist: `{root}/v1internal:{method}`, at the provider's `onboarding` endpoint, where it has one of its
/// own, else at its `api`.
pub(crate) async fn code_assist(
    means: &Means,
    token: &Secret,
    method: &'static str,
    body: Value,
) -> Result<Value, LoginError> {
    let what = match method {
        "loadCodeAssist" => "Code Assist for this account",
        _ => "setting up Code Assist for this account",
    };
    let root = match means.url("onboarding") {
        Ok(root) => root,
        Err(_) => means.url("api")?,
    };
    let url = format!("{root}/v1internal:{method}");
    means.json(Call::post(what, url, body).bearer(token)).await
}

/// The project that an answer names: a text, or an object with an id.
pub(crate) fn project(value: &Value) -> Option<String> {
    let text =
        |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    ["cloudaicompanionProject", "projectId", "project"].iter().find_map(|key| {
        let member = value.get(*key)?;
        text(member).or_else(|| member.get("id").and_then(text))
    })
}

/// The tier to set up: the default one of those that are allowed.
pub(crate) fn tier(loaded: &Value) -> String {
    let allowed = loaded.get("allowedTiers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let default = allowed.iter().find(|tier| tier.get("isDefault").and_then(Value::as_bool) == Some(true));
    let id = default.and_then(|tier| tier.get("id")?.as_str()).map(str::trim).filter(|id| !id.is_empty());
    id.unwrap_or("legacy-tier").to_owned()
}

/// Repeats `onboardUser` until it is done; the project it set up, if it names one.
pub(crate) async fn onboard(
    means: &Means,
    token: &Secret,
    body: &Value,
    (tries, pause): (u32, std::time::Duration),
) -> Result<Option<String>, LoginError> {
    for attempt in 0..tries {
        if attempt > 0 {
            means.pace().sleep(pause).await;
        }
        let reply = code_assist(means, token, "onboardUser", body.clone()).await?;
        if reply.get("done").and_then(Value::as_bool) == Some(true) {
            return Ok(reply.get("response").and_then(project));
        }
    }
    let message = "setting up Code Assist for this account is not done after minutes: log in again later";
    Err(LoginError::new(LoginErrorKind::TimedOut, message))
}
