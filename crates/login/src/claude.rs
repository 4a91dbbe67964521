//! Claude: a subscription of Anthropic, through the browser. Source: providers-a.md 2.1, 2.2.

use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginErrorKind, LoginRequest, LoginUi, NewLogin,
    ProviderId,
};
use cliproxy_transport::oauth::{AuthorizeUrl, CodeGrant, known};
use serde_json::{Map, Value, json};

use crate::Options;
use crate::browser::{Redirect, consent};
use crate::means::{Call, Means, token_failed};
use crate::names::{part, short_hash};

static ENDPOINTS: [Endpoint; 3] = [
    Endpoint::new("authorize", "https://claude.ai/oauth/authorize"),
    known::CLAUDE.token,
    Endpoint::new("profile", "https://api.anthropic.com/api/oauth/profile"),
];
/// The redirect URI is constant, also when the listener is elsewhere.
const REDIRECT: Redirect = Redirect::own_port(54545, "/callback");
const SCOPES: &str =
    "user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload";

/// One address may have a plan of its own and a seat in an organisation.
pub(crate) const IDENTITY: [&str; 2] = ["email", "organization_uuid"];

#[derive(Debug)]
pub(crate) struct Claude(Means);

impl Claude {
    pub(crate) fn new(options: &Options) -> Self {
        Self(Means::new(ProviderId::from_static("claude"), known::CLAUDE, &ENDPOINTS, options))
    }

    /// Who it is: the token reply says so, else the profile. A failing profile call says nothing.
    async fn account(&self, tokens: &cliproxy_transport::oauth::Tokens) -> Result<Account, LoginError> {
        let mut account = Account::default();
        account.take(&Value::Object(tokens.extra.clone()));
        if account.email.is_empty() {
            let call =
                Call::get("the account's profile", self.0.url("profile")?).bearer(&tokens.access_token);
            if let Ok(profile) = self.0.json(call).await {
                account.take(&profile);
            }
        }
        Ok(account)
    }
}

#[derive(Default)]
struct Account {
    email: String,
    uuid: String,
    organization: String,
    organization_name: String,
}

impl Account {
    fn take(&mut self, value: &Value) {
        let text = |at: &str| value.pointer(at).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        for (own, places) in [
            (&mut self.email, ["/account/email_address", "/account/email"]),
            (&mut self.uuid, ["/account/uuid", "/account/id"]),
            (&mut self.organization, ["/organization/uuid", "/organization/id"]),
            (&mut self.organization_name, ["/organization/name", "/organization/display_name"]),
        ] {
            if own.is_empty() {
                *own = places.iter().map(|at| text(at)).find(|text| !text.is_empty()).unwrap_or_default();
            }
        }
    }
}

#[async_trait]
impl Authenticator for Claude {
    fn name(&self) -> &str {
        "claude"
    }

    fn provider(&self) -> &ProviderId {
        &self.0.provider
    }

    fn summary(&self) -> &str {
        "Claude, a subscription of Anthropic (browser)"
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let means = &self.0;
        let authorize = means.url("authorize")?;
        let consent = consent(means, &request, &ui, REDIRECT, |flow, redirect| {
            let url = AuthorizeUrl::new(&authorize).map_err(token_failed)?;
            let url = url
                .with("code", "true")
                .with("client_id", means.client_id())
                .with("response_type", "code")
                .with("redirect_uri", redirect)
                .with("scope", SCOPES)
                .with_pkce(flow);
            Ok(url.into_string())
        })
        .await?;
        let grant = CodeGrant::new(consent.code, consent.redirect_uri)
            .with_verifier(consent.flow.verifier().clone())
            .with_extra("state", consent.flow.state().expose());
        let endpoint = means.token_endpoint()?.with_json();
        let tokens = endpoint.exchange(means.http(), &means.via(), &grant).await.map_err(token_failed)?;
        let account = self.account(&tokens).await?;
        if account.email.is_empty() {
            let message = "the account did not say its e-mail address: log in again, and allow the profile";
            return Err(LoginError::new(LoginErrorKind::BadReply, message));
        }
        let mut document = Map::new();
        document.insert("id_token".to_owned(), json!(""));
        document.extend(tokens.members(means.now()));
        document.insert("email".to_owned(), json!(account.email));
        document.insert("type".to_owned(), json!("claude"));
        for (key, text) in [
            ("account_uuid", account.uuid),
            ("organization_uuid", account.organization),
            ("organization_name", account.organization_name),
        ] {
            if !text.is_empty() {
                document.insert(key.to_owned(), json!(text));
            }
        }
        let stem = format!("claude-{}", part(&account.email));
        let document = Document::new(document);
        let organization = document.text("organization_uuid").unwrap_or_default();
        let other = format!("{stem}-{}.json", short_hash(organization));
        let login = NewLogin::new(means.provider.clone(), format!("{stem}.json"), document, &IDENTITY);
        // People share organisations: one of them who is not named may be anybody.
        Ok(login.with_other_name(other).with_exact(&["email"]))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.0.endpoints()
    }
}
