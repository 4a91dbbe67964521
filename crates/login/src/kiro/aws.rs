//! AWS's OIDC: a client of this login's own, then a code on any device or an authorization code.
// Source: providers-b.md 1.1.2 to 1.1.4.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{
    Endpoint, LoginError, LoginErrorKind, LoginRequest, LoginUi, Question, Secret, Timestamp,
};
use cliproxy_transport::oauth::{AuthorizeUrl, ClientAuth, CodeGrant, TokenEndpoint, Tokens, known};
use serde_json::{Value, json};

use super::plan::{Flow, Method};
use crate::browser::{Door, Redirect};
use crate::device::{Extras, consent_at};
use crate::means::{Call, Means, token_failed};

/// Where Builder IDs sign in: their start URL.
pub(super) const BUILDER_ID: Endpoint = Endpoint::new("builder-id", "https://view.awsapps.com/start");
pub(super) const REGION: &str = "us-east-1";
const SCOPES: [&str; 5] = [
    "codewhisperer:completions",
    "codewhisperer:analysis",
    "codewhisperer:conversations",
    "codewhisperer:transformations",
    "codewhisperer:taskassist",
];
/// The redirect URI is part of the registration: any free port will do.
const REDIRECT: Redirect =
    Redirect::listening_port(19877, "/oauth/callback").within(Duration::from_secs(10 * 60));

/// Where the user signs in.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) start: String,
    pub(super) region: String,
}

impl Place {
    pub(super) async fn of(
        means: &Means,
        method: Method,
        request: &LoginRequest,
        ui: &Arc<dyn LoginUi>,
    ) -> Result<Self, LoginError> {
        if method == Method::BuilderId {
            return Ok(Self { start: means.url(BUILDER_ID.name)?, region: REGION.to_owned() });
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
        // It becomes part of a host: nothing else may.
        if !region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(LoginError::new(LoginErrorKind::BadInput, format!("{region} is no region of AWS")));
        }
        Ok(Self { start, region: region.to_owned() })
    }
}

/// The client that was registered for one login: AWS makes its secret for it, and wants it back at every renewal.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) expires: Option<Timestamp>,
}

/// The tokens of a login with AWS, and the client that they belong to.
pub(super) async fn login(
    means: &Means,
    (method, flow): (Method, Flow),
    place: &Place,
    request: &LoginRequest,
    ui: &Arc<dyn LoginUi>,
) -> Result<(Tokens, Client), LoginError> {
    let root = means.url(known::KIRO_OIDC.name)?.replace("{region}", &place.region);
    match flow {
        Flow::Device => {
            let client = register(means, &root, place, None).await?;
            let extras = Extras { start: &[("start_url", &place.start)], ..Extras::default() };
            let url = format!("{root}/device_authorization");
            let tokens = consent_at(means, request, ui, &client.endpoint(&root), &url, extras).await?;
            Ok((tokens, client))
        }
        Flow::Browser => {
            let door = Door::open(means, request, ui, REDIRECT).await?;
            let client = register(means, &root, place, Some(door.redirect_uri())).await?;
            // Source: providers-b.md 1.1.4 "Scopes sent".
            let scopes = if method == Method::BuilderId { SCOPES.get(..3) } else { None };
            let url = AuthorizeUrl::new(&format!("{root}/authorize"))
                .map_err(token_failed)?
                .with("response_type", "code")
                .with("client_id", &client.id)
                .with("redirect_uri", door.redirect_uri())
                .with("scopes", &scopes.unwrap_or(&SCOPES).join(","))
                .with_pkce(door.flow());
            let consent = door.consent(url.into_string()).await?;
            let grant = CodeGrant::new(consent.code, consent.redirect_uri)
                .with_verifier(consent.flow.verifier().clone());
            let endpoint = client.endpoint(&root);
            let tokens = endpoint.exchange(means.http(), &means.via(), &grant).await.map_err(token_failed)?;
            Ok((tokens, client))
        }
    }
}

impl Client {
    fn endpoint(&self, root: &str) -> TokenEndpoint {
        TokenEndpoint::new(format!("{root}/token"), self.id.as_str())
            .with_secret(self.secret.clone(), ClientAuth::Body)
            .with_camel_case_json()
    }
}

async fn register(
    means: &Means,
    root: &str,
    place: &Place,
    redirect: Option<&str>,
) -> Result<Client, LoginError> {
    let what = "the registration with AWS";
    let grant = match redirect {
        Some(_) => "authorization_code",
        None => "urn:ietf:params:oauth:grant-type:device_code",
    };
    let mut body = json!({
        "clientName": "cliproxy",
        "clientType": "public",
        "scopes": SCOPES,
        "grantTypes": [grant, "refresh_token"],
        "issuerUrl": place.start,
    });
    if let (Some(redirect), Some(body)) = (redirect, body.as_object_mut()) {
        body.insert("redirectUris".to_owned(), json!([redirect]));
    }
    let reply = means.json(Call::post(what, format!("{root}/client/register"), body)).await?;
    let text = |key: &str| reply.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(id), Some(secret)) = (text("clientId"), text("clientSecret")) else {
        return Err(LoginError::new(LoginErrorKind::BadReply, format!("{what} brought no client")));
    };
    let expires = reply.get("clientSecretExpiresAt").and_then(Value::as_i64).filter(|at| *at > 0);
    Ok(Client { id: id.to_owned(), secret: Secret::from(secret), expires: expires.map(Timestamp::from_secs) })
}
