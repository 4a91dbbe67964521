//! Google and GitHub, over Kiro's own service: an authorization code with PKCE, or a code on any device.
// Source: providers-b.md 1.1.5.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{LoginError, LoginErrorKind, LoginRequest, LoginStep, LoginUi, Secret};
use cliproxy_transport::oauth::{AuthorizeUrl, CodeGrant, TokenEndpoint, Tokens, known};
use serde_json::{Value, json};

use super::plan::{Flow, Method};
use crate::browser::{Door, Redirect};
use crate::means::{Call, Means, failed, parse, token_failed};

/// The only address that the service sends browsers to. What opens the scheme on this machine may hand it to the
/// listener (`http://127.0.0.1:19876/oauth/callback?…`); else the user copies it.
const REDIRECT: Redirect =
    Redirect::scheme("kiro://kiro.kiroAgent/authenticate-success", 19876, "/oauth/callback")
        .within(Duration::from_secs(10 * 60));
/// Source: providers-b.md 1.1.5 "default 300000", "default 5000".
const LIFETIME: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_secs(5);
/// No code is waited for longer, whatever the service says.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// What a social login brings.
pub(super) struct Social {
    pub(super) access: Secret,
    pub(super) refresh: Option<Secret>,
    pub(super) expires_in: Option<Duration>,
    pub(super) profile_arn: Option<String>,
    /// Whose account it is, in the service's own words.
    pub(super) identity_provider: Option<String>,
}

pub(super) async fn login(
    means: &Means,
    (method, flow): (Method, Flow),
    request: &LoginRequest,
    ui: &Arc<dyn LoginUi>,
) -> Result<Social, LoginError> {
    let root = means.url(known::KIRO_SOCIAL.name)?;
    match flow {
        Flow::Browser => through_browser(means, &root, method, request, ui).await,
        Flow::Device => by_device(means, &root, method, request, ui).await,
    }
}

async fn through_browser(
    means: &Means,
    root: &str,
    method: Method,
    request: &LoginRequest,
    ui: &Arc<dyn LoginUi>,
) -> Result<Social, LoginError> {
    let door = Door::open(means, request, ui, REDIRECT).await?;
    let url = AuthorizeUrl::new(&format!("{root}/login"))
        .map_err(token_failed)?
        .with("idp", method.provider())
        .with("redirect_uri", door.redirect_uri())
        .with_pkce(door.flow())
        .with("prompt", "select_account");
    let consent = door.consent(url.into_string()).await?;
    let grant =
        CodeGrant::new(consent.code, consent.redirect_uri).with_verifier(consent.flow.verifier().clone());
    // There is no client to name.
    let endpoint = TokenEndpoint::new(format!("{root}/oauth/token"), "-").with_only(&[
        "code",
        "code_verifier",
        "redirect_uri",
    ]);
    let tokens: Tokens = endpoint.exchange(means.http(), &means.via(), &grant).await.map_err(token_failed)?;
    let text = |key: &str| tokens.extra.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(Social {
        profile_arn: text("profileArn"),
        identity_provider: None,
        access: tokens.access_token,
        refresh: tokens.refresh_token,
        expires_in: tokens.expires_in,
    })
}

async fn by_device(
    means: &Means,
    root: &str,
    method: Method,
    request: &LoginRequest,
    ui: &Arc<dyn LoginUi>,
) -> Result<Social, LoginError> {
    let what = "the device code";
    let body = json!({"clientId": known::KIRO_DEVICE_CLIENT, "loginProvider": method.provider()});
    let reply = means.json(Call::post(what, format!("{root}/oauth/device/authorization"), body)).await?;
    let text = |key: &str| reply.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(device), Some(user), Some(url)) =
        (text("deviceCode"), text("userCode"), text("verificationUri"))
    else {
        let message = "the device code did not come with the answer";
        return Err(LoginError::new(LoginErrorKind::BadReply, message));
    };
    let millis = |key: &str| {
        reply.get(key).and_then(Value::as_u64).filter(|millis| *millis > 0).map(Duration::from_millis)
    };
    let lifetime = millis("expiresInMilliseconds").unwrap_or(LIFETIME).min(LIMIT);
    let pause = millis("intervalInMilliseconds").unwrap_or(PAUSE).clamp(PAUSE, Duration::from_secs(60));
    let complete = text("verificationUriComplete").unwrap_or(url);
    let step = LoginStep::code(url, complete, user, lifetime, request.browser);
    ui.tell(step.in_window_of(request));
    let poll = json!({"clientId": known::KIRO_DEVICE_CLIENT, "deviceCode": device});
    await_device(means, &format!("{root}/oauth/device/poll"), &poll, pause, lifetime).await
}

/// Asks until the user has agreed. Nobody having agreed yet comes under status 200 too.
async fn await_device(
    means: &Means,
    url: &str,
    poll: &Value,
    mut pause: Duration,
    lifetime: Duration,
) -> Result<Social, LoginError> {
    let what = "the device login";
    let deadline = means.now().plus(lifetime);
    let expired = || {
        let message = "the code expired before anybody confirmed it: log in again";
        LoginError::new(LoginErrorKind::TimedOut, message)
    };
    loop {
        means.pace().sleep(pause).await;
        if means.now() > deadline {
            return Err(expired());
        }
        let reply = match means.send(Call::post(what, url, poll.clone())).await {
            Ok(reply) => reply,
            // A network that fails for a moment is waited out.
            Err(error) if error.kind() == LoginErrorKind::Unavailable => continue,
            Err(error) => return Err(error),
        };
        if reply.status().as_u16() == 429 || reply.status().is_server_error() {
            continue;
        }
        let said = match parse(what, &reply) {
            Err(_) if !reply.status().is_success() => return Err(failed(what, &reply)),
            said => said?,
        };
        let text = |key: &str| said.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let (true, Some(access)) = (reply.status().is_success(), text("accessToken")) {
            return Ok(Social {
                access: Secret::from(access),
                refresh: text("refreshToken").map(Secret::from),
                expires_in: said.get("expiresIn").and_then(Value::as_u64).map(Duration::from_secs),
                profile_arn: text("profileArn").map(str::to_owned),
                identity_provider: text("identityProvider").map(str::to_owned),
            });
        }
        let status = text("status").or_else(|| text("error")).unwrap_or_default().to_ascii_lowercase();
        if status.contains("expired") {
            return Err(expired());
        }
        if status.contains("denied") {
            return Err(LoginError::new(LoginErrorKind::Denied, "the login was denied"));
        }
        if status.contains("slow") {
            pause += PAUSE;
        } else if !reply.status().is_success() && !status.contains("pending") {
            return Err(failed(what, &reply));
        }
    }
}
