//! Kiro: AWS Builder ID, or an organisation's IAM Identity Center, by a code on any device.
// Source: providers-b.md 1.1.2, 1.1.3, 1.3.

use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginErrorKind, LoginRequest, LoginUi, NewLogin,
    ProviderId, Question, Secret,
};
use cliproxy_transport::oauth::{ClientAuth, TokenEndpoint, jwt_claims, known};
use serde_json::{Map, Value, json};

use crate::Options;
use crate::device::{Extras, consent_at};
use crate::means::{Call, Means};
use crate::names::part;

static ENDPOINTS: [Endpoint; 1] = [known::KIRO_OIDC];
const BUILDER_ID: &str = "https://view.awsapps.com/start";
const REGION: &str = "us-east-1";
const SCOPES: [&str; 5] = [
    "codewhisperer:completions",
    "codewhisperer:analysis",
    "codewhisperer:conversations",
    "codewhisperer:transformations",
    "codewhisperer:taskassist",
];

/// Whose directory the user is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    BuilderId,
    IdentityCenter,
}

#[derive(Debug)]
pub(crate) struct Kiro {
    means: Means,
    way: Way,
}

impl Kiro {
    pub(crate) fn new(options: &Options, way: Way) -> Self {
        let means = Means::new(ProviderId::from_static("kiro"), None, &ENDPOINTS, options);
        Self { means, way }
    }

    /// Where the user signs in, and in which region that is.
    async fn place(
        &self,
        request: &LoginRequest,
        ui: &Arc<dyn LoginUi>,
    ) -> Result<(String, String), LoginError> {
        if self.way == Way::BuilderId {
            return Ok((BUILDER_ID.to_owned(), REGION.to_owned()));
        }
        let start = match request.answer("start-url") {
            Some(start) => start.to_owned(),
            None => {
                let question = Question::new(
                    "start-url",
                    "The start URL of your organisation (https://….awsapps.com/start)",
                );
                ui.ask(question).await.unwrap_or_default().trim().to_owned()
            }
        };
        if !start.starts_with("https://") {
            let message =
                "IAM Identity Center needs the start URL of your organisation: --start-url https://…";
            return Err(LoginError::new(LoginErrorKind::BadInput, message));
        }
        let region = request.answer("region").unwrap_or(REGION);
        if region.is_empty() || !region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(LoginError::new(LoginErrorKind::BadInput, format!("{region} is no region of AWS")));
        }
        Ok((start, region.to_owned()))
    }

    /// A client of this login's own: AWS makes its secret for it, and wants it back at every renewal.
    async fn register(&self, root: &str, start: &str) -> Result<(String, Secret), LoginError> {
        let what = "the registration with AWS";
        let body = json!({
            "clientName": "cliproxy",
            "clientType": "public",
            "scopes": SCOPES,
            "grantTypes": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
            "issuerUrl": start,
        });
        let reply = self.means.json(Call::post(what, format!("{root}/client/register"), body)).await?;
        let text = |key: &str| reply.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        match (text("clientId"), text("clientSecret")) {
            (Some(id), Some(secret)) => Ok((id.to_owned(), Secret::from(secret))),
            _ => Err(LoginError::new(LoginErrorKind::BadReply, format!("{what} brought no client"))),
        }
    }

    fn file_name(&self, email: &str, client: &str, start: &str) -> String {
        match self.way {
            Way::BuilderId if email.is_empty() => format!("kiro-aws-{}.json", part(client)),
            Way::BuilderId => format!("kiro-aws-{}.json", part(email)),
            Way::IdentityCenter if email.is_empty() => {
                let host = start.trim_start_matches("https://");
                let label = host.split(['.', '/']).next().unwrap_or("idc");
                format!(
                    "kiro-idc-{}-{:05}.json",
                    part(label),
                    self.means.now().as_millis().rem_euclid(100_000)
                )
            }
            Way::IdentityCenter => format!("kiro-idc-{}.json", part(email)),
        }
    }
}

#[async_trait]
impl Authenticator for Kiro {
    fn name(&self) -> &str {
        match self.way {
            Way::BuilderId => "kiro",
            Way::IdentityCenter => "kiro-idc",
        }
    }

    fn provider(&self) -> &ProviderId {
        &self.means.provider
    }

    fn summary(&self) -> &str {
        match self.way {
            Way::BuilderId => "Kiro, an AWS Builder ID (code on any device)",
            Way::IdentityCenter => "Kiro, IAM Identity Center of an organisation (code on any device)",
        }
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let means = &self.means;
        let (start, region) = self.place(&request, &ui).await?;
        let root = means.url(known::KIRO_OIDC.name)?.replace("{region}", &region);
        let (client, secret) = self.register(&root, &start).await?;
        let endpoint = TokenEndpoint::new(format!("{root}/token"), client.as_str())
            .with_secret(secret.clone(), ClientAuth::Body)
            .with_camel_case_json();
        let extras = Extras { start: &[("start_url", &start)], ..Extras::default() };
        let url = format!("{root}/device_authorization");
        let tokens = consent_at(means, &request, &ui, &endpoint, &url, extras).await?;
        let claims = jwt_claims(tokens.access_token.expose()).unwrap_or_default();
        let email = claims.get("email").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let method = if self.way == Way::BuilderId { "builder-id" } else { "idc" };
        let mut members = tokens.members(means.now());
        let expires = members.shift_remove("expired");
        let mut document = Map::new();
        document.insert("type".to_owned(), json!("kiro"));
        document.extend(members);
        document.extend(expires.map(|at| ("expires_at".to_owned(), at)));
        for (key, value) in [
            ("profile_arn", ""),
            ("auth_method", method),
            ("provider", "AWS"),
            ("client_id", client.as_str()),
            ("client_secret", secret.expose()),
            ("email", email.as_str()),
            ("start_url", start.as_str()),
            ("region", region.as_str()),
        ] {
            document.insert(key.to_owned(), json!(value));
        }
        let name = self.file_name(&email, &client, &start);
        Ok(NewLogin::new(means.provider.clone(), name, Document::new(document), &["email"]))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.means.endpoints()
    }
}
