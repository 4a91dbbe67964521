//! Antigravity: a Google account, through the browser. Source: providers-a.md 7.1, 7.2.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginErrorKind, LoginRequest, LoginStep, LoginUi,
    NewLogin, ProviderId, Secret,
};
use cliproxy_transport::oauth::{AuthorizeUrl, CodeGrant, known};
use serde_json::{Map, json};

use crate::Options;
use crate::browser::{Redirect, consent};
use crate::google::{self, Loaded, onboard, tier};
use crate::means::{Means, token_failed};
use crate::names::part;

static ENDPOINTS: [Endpoint; 4] = [
    Endpoint::new("authorize", "https://accounts.google.com/o/oauth2/v2/auth"),
    known::ANTIGRAVITY.token,
    Endpoint::new("userinfo", "https://www.googleapis.com/oauth2/v1/userinfo?alt=json"),
    Endpoint::new("onboarding", "https://cloudcode-pa.googleapis.com"),
];
const REDIRECT: Redirect = Redirect::chosen_port(51121, "/oauth-callback");
const SCOPES: [&str; 5] = [
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
    "https://www.googleapis.com/auth/cclog",
    "https://www.googleapis.com/auth/experimentsandconfigs",
];
const ONBOARD: (u32, Duration) = (5, Duration::from_secs(2));

#[derive(Debug)]
pub(crate) struct Antigravity(Means);

impl Antigravity {
    pub(crate) fn new(options: &Options) -> Self {
        let provider = ProviderId::from_static("antigravity");
        Self(Means::new(provider, known::ANTIGRAVITY, &ENDPOINTS, options))
    }

    async fn project(&self, token: &Secret) -> Result<Option<String>, LoginError> {
        let metadata =
            json!({"ideType": "ANTIGRAVITY", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"});
        let loaded = match google::load(&self.0, token, &json!({"metadata": metadata})).await? {
            Loaded::Account(loaded) => loaded,
            Loaded::Guarded => {
                let message = "a security policy of this account's organisation (VPC Service Controls) does not let \
                               Google name a project: put project_id into the file";
                return Err(LoginError::new(LoginErrorKind::NotEntitled, message));
            }
        };
        if let Some(project) = google::project(&loaded) {
            return Ok(Some(project));
        }
        let body = json!({"tierId": tier(&loaded), "metadata": metadata});
        onboard(&self.0, token, &body, ONBOARD).await
    }
}

#[async_trait]
impl Authenticator for Antigravity {
    fn name(&self) -> &str {
        "antigravity"
    }

    fn provider(&self) -> &ProviderId {
        &self.0.provider
    }

    fn summary(&self) -> &str {
        "Antigravity, a Google account (browser)"
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let means = &self.0;
        means.required_secret()?;
        let authorize = means.url("authorize")?;
        let consent = consent(means, &request, &ui, REDIRECT, |flow, redirect| {
            let url = AuthorizeUrl::new(&authorize).map_err(token_failed)?;
            let url = url
                .with("access_type", "offline")
                .with("client_id", means.client_id())
                .with("prompt", "consent")
                .with("redirect_uri", redirect)
                .with("response_type", "code")
                .with("scope", &SCOPES.join(" "))
                .with_pkce(flow);
            Ok(url.into_string())
        })
        .await?;
        let grant =
            CodeGrant::new(consent.code, consent.redirect_uri).with_verifier(consent.flow.verifier().clone());
        let endpoint = means.token_endpoint()?;
        let tokens = endpoint.exchange(means.http(), &means.via(), &grant).await.map_err(token_failed)?;
        let email = google::email(means, &tokens.access_token).await?;
        if email.is_empty() {
            let message = "the Google account did not say its e-mail address: log in again, and allow it";
            return Err(LoginError::new(LoginErrorKind::BadReply, message));
        }
        let project = match self.project(&tokens.access_token).await {
            Ok(project) => project,
            Err(error) => {
                ui.tell(LoginStep::Note(format!(
                    "{error}; the project is looked up again when it is needed"
                )));
                None
            }
        };
        let now = means.now();
        let mut document = Map::new();
        let mut members = tokens.members(now);
        members.shift_remove("last_refresh");
        document.extend(members);
        document.insert("email".to_owned(), json!(email));
        document.insert(
            "expires_in".to_owned(),
            json!(tokens.expires_in.map_or(0, |lifetime| lifetime.as_secs())),
        );
        document.insert("timestamp".to_owned(), json!(now.as_millis()));
        if let Some(project) = project {
            document.insert("project_id".to_owned(), json!(project));
        }
        document.insert("type".to_owned(), json!("antigravity"));
        let file = format!("antigravity-{}.json", part(&email));
        Ok(NewLogin::new(means.provider.clone(), file, Document::new(document), &["email"]))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.0.endpoints()
    }
}
