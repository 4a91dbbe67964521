//! Whose account it is: e-mail and profile. Source: providers-b.md 1.1.6.

use std::sync::Arc;

use cliproxy_core::{LoginError, LoginErrorKind, LoginRequest, LoginUi, Question, Secret};
use cliproxy_transport::oauth::{AuthorizeUrl, jwt_claims, known};
use serde_json::{Value, json};

use super::aws::REGION;
use crate::means::{Call, Means};

/// The account's e-mail, from whoever knows it; empty when nobody does. Failures say nothing: the login is good without.
pub(super) async fn email(means: &Means, token: &Secret, profile: Option<&str>, aws: bool) -> String {
    // `arn:aws:codewhisperer:REGION:…`
    let region = profile.and_then(|arn| arn.split(':').nth(3)).unwrap_or(REGION);
    let mut known = of_usage(means, token, region, profile).await;
    if known.is_none() && aws {
        known = of_userinfo(means, token).await;
    }
    let known = known.or_else(|| {
        let claims = Value::Object(jwt_claims(token.expose())?);
        address(&claims, "email")
            .or_else(|| ["preferred_username", "sub"].iter().find_map(|key| mail(&claims, key)))
    });
    known.unwrap_or_default()
}

async fn of_usage(means: &Means, token: &Secret, region: &str, profile: Option<&str>) -> Option<String> {
    let root = api(means, region).ok()?;
    let mut url = AuthorizeUrl::new(&format!("{root}/getUsageLimits"))
        .ok()?
        .with("isEmailRequired", "true")
        .with("origin", "AI_EDITOR")
        .with("resourceType", "AGENTIC_REQUEST");
    if let Some(arn) = profile {
        url = url.with("profileArn", arn);
    }
    let url = url.into_string();
    let reply = means.json(Call::get("the account's usage", url).bearer(token)).await.ok()?;
    address(reply.get("userInfo")?, "email")
}

async fn of_userinfo(means: &Means, token: &Secret) -> Option<String> {
    let root = means.url(known::KIRO_OIDC.name).ok()?.replace("{region}", REGION);
    let call = Call::get("the account's name", format!("{root}/userinfo")).bearer(token);
    let reply = means.json(call).await.ok()?;
    address(&reply, "email").or_else(|| mail(&reply, "preferred_username"))
}

fn address(value: &Value, key: &str) -> Option<String> {
    let text = value.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A name that is an e-mail.
fn mail(value: &Value, key: &str) -> Option<String> {
    address(value, key).filter(|text| text.contains('@'))
}

fn api(means: &Means, region: &str) -> Result<String, LoginError> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let region = if !region.is_empty() && region.bytes().all(fine) { region } else { REGION };
    Ok(means.url(known::KIRO_AMAZONQ.name)?.replace("{region}", region))
}

/// The profile of an organisation's account; of several the one that the user chooses, who is asked after `so_far`. Without any, calls are made
/// without one, and renewals ask again.
pub(super) async fn profile(
    means: &Means,
    token: &Secret,
    request: &LoginRequest,
    ui: &Arc<dyn LoginUi>,
    so_far: impl Future<Output = ()>,
) -> Result<Option<String>, LoginError> {
    let url = format!("{}/ListAvailableProfiles", api(means, REGION)?);
    let call = Call::post("the account's profiles", url, json!({})).bearer(token);
    let Ok(reply) = means.json(call).await else { return Ok(None) };
    let text = |profile: &Value, key: &str| {
        profile
            .get(key)
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let profiles: Vec<(String, String)> = reply
        .get("profiles")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|profile| {
            let arn = text(profile, "arn")?;
            Some((text(profile, "profileName").unwrap_or_else(|| arn.clone()), arn))
        })
        .collect();
    let Some((_, first)) = profiles.first().cloned() else { return Ok(None) };
    let answer = match request.answer("profile") {
        Some(answer) => answer.to_owned(),
        None if profiles.len() == 1 => return Ok(Some(first)),
        None => {
            so_far.await;
            let names = profiles.iter().map(|(name, _)| name.clone()).collect();
            let question = Question::new("profile", "Which profile? (number or name; Enter: the first)");
            ui.ask(question.with_choices(names)).await.unwrap_or_default().trim().to_owned()
        }
    };
    if answer.is_empty() {
        return Ok(Some(first));
    }
    let by_number = answer.parse::<usize>().ok().and_then(|number| profiles.get(number.checked_sub(1)?));
    let by_name = || profiles.iter().find(|(name, arn)| *name == answer || *arn == answer);
    by_number.or_else(by_name).map(|(_, arn)| Some(arn.clone())).ok_or_else(|| {
        LoginError::new(
            LoginErrorKind::BadInput,
            "the account has no such profile: log in again and choose one",
        )
    })
}
