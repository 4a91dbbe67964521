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
use crate::device::{Extras, consent};
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
        let extras = Extras { scope: "read:user user:email", ..Extras::default() };
        let tokens = consent(means, &request, &ui, &means.token_endpoint()?, extras).await?;
        let what = "the GitHub account";
        let user = match means.json(Call::get(what, means.url("user")?).bearer(&tokens.access_token)).await {
            Ok(user) => user,
            Err(error) => {
                ui.tell(LoginStep::Note(format!("{error}; the account is stored without its name")));
                Value::Null
            }
        };
        let text = |key: &str| user.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let mut check = Call::get("the Copilot seat of this account", means.url("copilot-token")?)
            .bearer(&tokens.access_token);
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
        let file = format!("github-copilot-{}.json", part(&name));
        Ok(NewLogin::new(means.provider.clone(), file, Document::new(document), &["username"]))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.0.endpoints()
    }
}
