//! Codex: a ChatGPT account of OpenAI, through the browser or by a device code. Source: providers-a.md 3.1 to 3.3.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginErrorKind, LoginRequest, LoginStep, LoginUi,
    NewLogin, ProviderId, Secret,
};
use cliproxy_transport::oauth::{AuthorizeUrl, CodeGrant, Tokens, jwt_claims, known};
use serde_json::{Map, Value, json};

use crate::Options;
use crate::browser::{Redirect, consent};
use crate::means::{Call, Means, failed, parse, token_failed};
use crate::names::{part, short_hash};

/// Where the user types the code in.
const DEVICE_PAGE: Endpoint = Endpoint::new("device-page", "https://auth.openai.com/codex/device");
/// What the exchange names as its redirect URI.
const DEVICE_REDIRECT: Endpoint =
    Endpoint::new("device-redirect", "https://auth.openai.com/deviceauth/callback");

static ENDPOINTS: [Endpoint; 6] = [
    Endpoint::new("authorize", "https://auth.openai.com/oauth/authorize"),
    known::CODEX.token,
    Endpoint::new("device", "https://auth.openai.com/api/accounts/deviceauth/usercode"),
    Endpoint::new("device-token", "https://auth.openai.com/api/accounts/deviceauth/token"),
    DEVICE_PAGE,
    DEVICE_REDIRECT,
];
const REDIRECT: Redirect = Redirect::own_port(1455, "/auth/callback");
const DEVICE_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Which way the user agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Browser,
    Device,
}

#[derive(Debug)]
pub(crate) struct Codex {
    means: Means,
    way: Way,
}

impl Codex {
    pub(crate) fn new(options: &Options, way: Way) -> Self {
        let means = Means::new(ProviderId::from_static("codex"), known::CODEX, &ENDPOINTS, options);
        Self { means, way }
    }

    async fn through_browser(
        &self,
        request: &LoginRequest,
        ui: &Arc<dyn LoginUi>,
    ) -> Result<CodeGrant, LoginError> {
        let means = &self.means;
        let authorize = means.url("authorize")?;
        let consent = consent(means, request, ui, REDIRECT, |flow, redirect| {
            let url = AuthorizeUrl::new(&authorize).map_err(token_failed)?;
            let url = url
                .with("client_id", means.client_id())
                .with("response_type", "code")
                .with("redirect_uri", redirect)
                .with("scope", "openid email profile offline_access")
                .with_pkce(flow)
                .with("prompt", "login")
                .with("id_token_add_organizations", "true")
                .with("codex_cli_simplified_flow", "true");
            Ok(url.into_string())
        })
        .await?;
        Ok(CodeGrant::new(consent.code, consent.redirect_uri).with_verifier(consent.flow.verifier().clone()))
    }

    /// The provider's own kind of device code: it brings an authorization code and its verifier.
    // Source: providers-a.md 3.2.
    async fn by_device(
        &self,
        request: &LoginRequest,
        ui: &Arc<dyn LoginUi>,
    ) -> Result<CodeGrant, LoginError> {
        let means = &self.means;
        let what = "the device code";
        let start = Call::post(what, means.url("device")?, json!({"client_id": means.client_id()}));
        let reply = means.send(start).await?;
        if reply.status().as_u16() == 404 {
            let message = "device codes are not offered here: use the login through the browser";
            return Err(LoginError::new(LoginErrorKind::Refused, message));
        }
        if !reply.status().is_success() {
            return Err(failed(what, &reply));
        }
        let reply = parse(what, &reply)?;
        let text = |key: &str| reply.get(key).and_then(Value::as_str).unwrap_or_default();
        let code = [text("user_code"), text("usercode")].into_iter().find(|code| !code.is_empty());
        // Without the id every question about the code would be answered as if nobody had agreed yet.
        let id = Some(text("device_auth_id")).filter(|id| !id.is_empty());
        let (Some(code), Some(id)) = (code, id) else {
            return Err(LoginError::new(
                LoginErrorKind::BadReply,
                "the device code did not come with the answer",
            ));
        };
        let pause = match reply.get("interval") {
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        let pause = Duration::from_secs(pause.filter(|pause| *pause > 0).unwrap_or(5).min(60));
        let page = means.url(DEVICE_PAGE.name)?;
        let step = LoginStep::code(page.as_str(), page.as_str(), code, DEVICE_LIMIT, request.browser);
        ui.tell(step.in_window_of(request));
        let poll = json!({"device_auth_id": id, "user_code": code});
        self.await_device(&poll, pause).await
    }

    async fn await_device(&self, poll: &Value, pause: Duration) -> Result<CodeGrant, LoginError> {
        let (means, what) = (&self.means, "the device login");
        let deadline = means.now().plus(DEVICE_LIMIT);
        loop {
            means.pace().sleep(pause).await;
            if means.now() > deadline {
                let message = "the code expired before anybody confirmed it: log in again";
                return Err(LoginError::new(LoginErrorKind::TimedOut, message));
            }
            let call = Call::post(what, means.url("device-token")?, poll.clone());
            let reply = match means.send(call).await {
                Ok(reply) => reply,
                // A network that fails for a moment is waited out.
                Err(error) if error.kind() == LoginErrorKind::Unavailable => continue,
                Err(error) => return Err(error),
            };
            match reply.status().as_u16() {
                // Here both mean that nobody has agreed yet.
                403 | 404 => continue,
                429 | 500.. => continue,
                200..300 => {}
                _ => return Err(failed(what, &reply)),
            }
            let reply = parse(what, &reply)?;
            let text = |key: &str| reply.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            let (Some(code), Some(verifier)) = (text("authorization_code"), text("code_verifier")) else {
                return Err(LoginError::new(LoginErrorKind::BadReply, "the device login brought no code"));
            };
            let grant = CodeGrant::new(Secret::from(code), means.url(DEVICE_REDIRECT.name)?);
            return Ok(grant.with_verifier(Secret::from(verifier)));
        }
    }
}

/// What the identity token says. Source: providers-a.md 3.1 "Identity".
#[derive(Debug, Default, PartialEq, Eq)]
struct Identity {
    email: String,
    account: String,
    plan: String,
}

impl Identity {
    fn of(tokens: &Tokens) -> Self {
        let claims =
            tokens.id_token.as_ref().and_then(|token| jwt_claims(token.expose())).unwrap_or_default();
        let claims = Value::Object(claims);
        let auth = |key: &str| {
            let claim = claims.get("https://api.openai.com/auth").and_then(|auth| auth.get(key));
            claim.and_then(Value::as_str).unwrap_or_default().trim().to_owned()
        };
        let email = claims.get("email").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        Self { email, account: auth("chatgpt_account_id"), plan: plan(&auth("chatgpt_plan_type")) }
    }

    /// The usual name, and the one for a further account of the same address. Source: providers-a.md 3.3.
    fn names(&self) -> (String, String) {
        let email = part(&self.email);
        let hash = short_hash(&self.account);
        let plan = if self.plan.is_empty() { String::new() } else { format!("-{}", self.plan) };
        let hashed = format!("codex-{hash}-{email}{plan}.json");
        if self.plan == "team" && !self.account.is_empty() {
            return (hashed.clone(), hashed);
        }
        (format!("codex-{email}{plan}.json"), hashed)
    }
}

/// Lower-case, runs of anything else become one dash.
fn plan(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[async_trait]
impl Authenticator for Codex {
    fn name(&self) -> &str {
        match self.way {
            Way::Browser => "codex",
            Way::Device => "codex-device",
        }
    }

    fn provider(&self) -> &ProviderId {
        &self.means.provider
    }

    fn summary(&self) -> &str {
        match self.way {
            Way::Browser => "Codex, a ChatGPT account of OpenAI (browser)",
            Way::Device => "Codex, a ChatGPT account of OpenAI (code on any device)",
        }
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let means = &self.means;
        let grant = match self.way {
            Way::Browser => self.through_browser(&request, &ui).await?,
            Way::Device => self.by_device(&request, &ui).await?,
        };
        let endpoint = means.token_endpoint()?;
        let tokens = endpoint.exchange(means.http(), &means.via(), &grant).await.map_err(token_failed)?;
        let identity = Identity::of(&tokens);
        if identity.email.is_empty() {
            let message = "the identity token names no e-mail address: log in again";
            return Err(LoginError::new(LoginErrorKind::BadReply, message));
        }
        let mut document = Map::new();
        let id_token = tokens.id_token.as_ref().map(Secret::expose).unwrap_or_default();
        document.insert("id_token".to_owned(), json!(id_token));
        document.extend(tokens.clone().or_lifetime_of_jwt(means.now()).members(means.now()));
        document.insert("account_id".to_owned(), json!(identity.account));
        document.insert("email".to_owned(), json!(identity.email));
        document.insert("type".to_owned(), json!("codex"));
        if self.way == Way::Device {
            document.insert("codex_login_mode".to_owned(), json!("device"));
        }
        let (name, other) = identity.names();
        let login =
            NewLogin::new(means.provider.clone(), name, Document::new(document), &["email", "account_id"]);
        Ok(login.with_exact(&["email"]).with_other_name(other))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.means.endpoints()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_the_reference_names_them() {
        for (plan_type, account, name) in [
            ("", "", "codex-me@x.json"),
            ("plus", "1", "codex-me@x-plus.json"),
            ("team", "1", "codex-6b86b273-me@x-team.json"),
            ("Team Plan!", "1", "codex-me@x-team-plan.json"),
            ("team", "", "codex-me@x-team.json"),
        ] {
            let identity = Identity { email: "me@x".into(), account: account.into(), plan: plan(plan_type) };
            assert_eq!(identity.names().0, name, "{plan_type}");
        }
    }
}
