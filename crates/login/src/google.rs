//! What the two flows of Google have in common. Source: providers-a.md 5.1, 7.1.

use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{LoginError, LoginErrorKind, Secret};
use http::Response;
use serde_json::Value;

use crate::means::{Call, Means, failed, parse};

/// The account's e-mail address; empty when it is not said.
pub(crate) async fn email(means: &Means, token: &Secret) -> Result<String, LoginError> {
    let user = means.json(Call::get("the Google account", means.url("userinfo")?).bearer(token)).await?;
    Ok(user.get("email").and_then(Value::as_str).unwrap_or_default().trim().to_owned())
}

/// A call of Code Assist: `{root}/v1internal:{method}`, at the provider's `onboarding` endpoint, where it has one of its
/// own, else at its `api`.
async fn code_assist(
    means: &Means,
    token: &Secret,
    (method, what): (&'static str, &'static str),
    body: Value,
) -> Result<Response<Bytes>, LoginError> {
    let root = match means.url("onboarding") {
        Ok(root) => root,
        Err(_) => means.url("api")?,
    };
    let reply =
        means.send(Call::post(what, format!("{root}/v1internal:{method}"), body).bearer(token)).await?;
    // A service in trouble is asked again by whoever can wait.
    if reply.status().as_u16() == 429 || reply.status().is_server_error() {
        return Err(failed(what, &reply));
    }
    Ok(reply)
}

/// What Code Assist knows of an account.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// Its answer.
    Account(Value),
    /// A perimeter of the organisation (VPC Service Controls) forbids to ask; its accounts have the standard tier.
    // Source: providers-a.md 5.1 [V] "SECURITY_POLICY_VIOLATED".
    Guarded,
}

/// How often a service in trouble is asked, and the pause between.
const TRIES: (u32, Duration) = (3, Duration::from_secs(2));

/// Asks what Code Assist knows of an account.
pub(crate) async fn load(means: &Means, token: &Secret, body: &Value) -> Result<Loaded, LoginError> {
    let what = "Code Assist for this account";
    let mut tries = TRIES.0;
    let reply = loop {
        tries -= 1;
        match code_assist(means, token, ("loadCodeAssist", what), body.clone()).await {
            Err(error) if error.kind() == LoginErrorKind::Unavailable && tries > 0 => {
                means.pace().sleep(TRIES.1).await;
            }
            answered => break answered?,
        }
    };
    if reply.status().is_success() {
        return parse(what, &reply).map(Loaded::Account);
    }
    let said: Value = serde_json::from_slice(reply.body()).unwrap_or_default();
    let details =
        said.pointer("/error/details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let reason =
        |detail: &Value| detail.get("reason").and_then(Value::as_str) == Some("SECURITY_POLICY_VIOLATED");
    if details.iter().any(reason) { Ok(Loaded::Guarded) } else { Err(failed(what, &reply)) }
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
    (tries, pause): (u32, Duration),
) -> Result<Option<String>, LoginError> {
    let what = "setting up Code Assist for this account";
    let mut trouble = None;
    for attempt in 0..tries {
        if attempt > 0 {
            means.pace().sleep(pause).await;
        }
        let reply = match code_assist(means, token, ("onboardUser", what), body.clone()).await {
            Err(error) if error.kind() == LoginErrorKind::Unavailable => {
                trouble = Some(error);
                continue;
            }
            answered => answered?,
        };
        if !reply.status().is_success() {
            return Err(failed(what, &reply));
        }
        trouble = None;
        let said = parse(what, &reply)?;
        if said.get("done").and_then(Value::as_bool) == Some(true) {
            return Ok(said.get("response").and_then(project));
        }
    }
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    let message = "setting up Code Assist for this account is not done after minutes: log in again later";
    Err(LoginError::new(LoginErrorKind::TimedOut, message))
}
