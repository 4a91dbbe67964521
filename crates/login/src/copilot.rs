//! GitHub Copilot: GitHub's device flow, and a check that the account has Copilot. Source: providers-b.md 2.1 to 2.5.1.

use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginErrorKind, LoginRequest, LoginStep, LoginUi,
    NewLogin, ProviderId,
};
use cliproxy_transport::oauth::known;
use serde_json::{Map, Value, json};

use crate::Options;
use crate::device::{Extras, consent_at};
use crate::means::{Call, Means};
use crate::names::part;

static ENDPOINTS: [Endpoint; 4] = [
    Endpoint::new("device", "https://github.com/login/device/code"),
    known::GITHUB_COPILOT.token,
    Endpoint::new("user", "https://api.github.com/user"),
    known::COPILOT_TOKEN,
];

#[derive(Debug)]
pub(crate) struct Copilot(Means);

impl Copilot {
    pub(crate) fn new(options: &Options) -> Self {
        let provider = ProviderId::from_static("github-copilot");
        Self(Means::new(provider, known::GITHUB_COPILOT, &ENDPOINTS, options))
    }
}

/// The domain of an organisation whose GitHub is its own.
fn domain(request: &LoginRequest) -> Result<Option<&str>, LoginError> {
    let Some(said) = request.answer("enterprise-domain") else { return Ok(None) };
    let domain = known::enterprise_domain(said).ok_or_else(|| {
        let message = format!("{said} is no domain: name it like --enterprise-domain example.ghe.com");
        LoginError::new(LoginErrorKind::BadInput, message)
    })?;
    Ok(Some(domain).filter(|domain| *domain != "github.com"))
}

/// A URL of github.com at an organisation's own domain; one that the configuration replaced stays.
// Source: providers-b.md 2.1 [H] "hosts become `https://D/login/...`, `https://api.D/user`".
fn at_home(url: &str, domain: Option<&str>) -> String {
    let Some(domain) = domain else { return url.to_owned() };
    for host in ["https://github.com/", "https://api.github.com/"] {
        if let Some(path) = url.strip_prefix(host) {
            return format!("{}{path}", host.replace("github.com", domain));
        }
    }
    url.to_owned()
}

#[async_trait]
impl Authenticator for Copilot {
    fn name(&self) -> &str {
        "github-copilot"
    }

    fn provider(&self) -> &ProviderId {
        &self.0.provider
    }

    fn summary(&self) -> &str {
        "GitHub Copilot, an account of GitHub with a seat (code on any device)"
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let means = &self.0;
        let domain = domain(&request)?;
        let url = |name: &'static str| means.url(name).map(|url| at_home(&url, domain));
        let extras = Extras { scope: "read:user user:email", ..Extras::default() };
        let endpoint = means.token_endpoint_at(url("token")?);
        let tokens = consent_at(means, &request, &ui, &endpoint, &url("device")?, extras).await?;
        let what = "the GitHub account";
        let user = match means.json(Call::get(what, url("user")?).bearer(&tokens.access_token)).await {
            Ok(user) => user,
            Err(error) => {
                ui.tell(LoginStep::Note(format!("{error}; the account is stored without its name")));
                Value::Null
            }
        };
        let text = |key: &str| user.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let mut check =
            Call::get("the Copilot seat of this account", url("copilot-token")?).bearer(&tokens.access_token);
        for (name, value) in known::COPILOT_HEADERS {
            check = check.header(name, value);
        }
        let seat = means.json(check).await.map_err(|error| match error.kind() {
            LoginErrorKind::NotEntitled | LoginErrorKind::Refused => {
                let message =
                    format!("{error}: this account has no Copilot subscription, or its seat was removed");
                LoginError::new(LoginErrorKind::NotEntitled, message).with_source(error)
            }
            _ => error,
        })?;
        if !seat.get("token").is_some_and(Value::is_string) {
            let message = "the Copilot seat of this account: the answer has no token in it";
            return Err(LoginError::new(LoginErrorKind::BadReply, message));
        }
        let name = text("login");
        // Without a name nothing but the token tells one account from another.
        let identity = if name.is_empty() { "access_token" } else { "username" };
        let name = if name.is_empty() { "unknown".to_owned() } else { name };
        let mut document = Map::new();
        for (key, value) in [
            ("access_token", tokens.access_token.expose()),
            ("token_type", tokens.token_type.as_str()),
            ("scope", tokens.scope.as_str()),
            ("username", name.as_str()),
            ("type", "github-copilot"),
        ] {
            document.insert(key.to_owned(), json!(value));
        }
        for key in ["email", "name"] {
            if !text(key).is_empty() {
                document.insert(key.to_owned(), json!(text(key)));
            }
        }
        let mut file = format!("github-copilot-{}.json", part(&name));
        if let Some(domain) = domain {
            document.insert("enterprise_domain".to_owned(), json!(domain));
            file = format!("github-copilot-{}-{}.json", part(&name), part(domain));
        }
        let login = NewLogin::new(means.provider.clone(), file, Document::new(document), &[identity]);
        Ok(login.with_exact(&["enterprise_domain"]))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.0.endpoints()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_of_its_own_domain_logs_in_at_its_own_hosts() {
        let domain = Some("corp.ghe.com");
        for (endpoint, expected) in ENDPOINTS.iter().zip([
            "https://corp.ghe.com/login/device/code",
            "https://corp.ghe.com/login/oauth/access_token",
            "https://api.corp.ghe.com/user",
            "https://api.corp.ghe.com/copilot_internal/v2/token",
        ]) {
            assert_eq!(at_home(endpoint.default, domain), expected);
            assert_eq!(at_home(endpoint.default, None), endpoint.default);
        }
        assert_eq!(at_home("http://mirror.example/user", domain), "http://mirror.example/user");
    }
}
