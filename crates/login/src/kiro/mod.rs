//! Kiro: AWS Builder ID, an organisation's IAM Identity Center, Google, GitHub; each by a code on any device or through a
//! browser.
// Source: providers-b.md 1.1 to 1.3.

mod account;
mod aws;
mod plan;
mod social;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginRequest, LoginUi, NewLogin, ProviderId, Secret,
};
use cliproxy_transport::oauth::known;
use serde_json::{Map, Value};

use crate::Options;
use crate::means::Means;
use crate::names::{part, short_hash};
use plan::Flow;
pub(crate) use plan::Method;

static ENDPOINTS: [Endpoint; 4] =
    [known::KIRO_OIDC, known::KIRO_SOCIAL, known::KIRO_AMAZONQ, aws::BUILDER_ID];
/// How long a token lives that does not say so. Source: providers-b.md 1.1.5 "`expiresIn` ≤ 0 → 3600".
const LIFETIME: Duration = Duration::from_secs(3600);
/// One person may have several of these under one e-mail.
const DISTINCT: [&str; 3] = ["auth_method", "provider", "start_url"];
/// What the Go program and the IDE call some of them. Source: providers-b.md 1.1.1, 1.3.
const SYNONYMS: [(&str, &str, &str); 3] = [
    ("auth_method", "google", "social"),
    ("auth_method", "github", "social"),
    ("provider", "builderid", "aws"),
];

/// With what tells a person's accounts of Kiro apart.
pub(crate) fn by_way_in(login: NewLogin) -> NewLogin {
    let mut login = login.with_distinct(&DISTINCT);
    login.synonyms = &SYNONYMS;
    login
}

/// A login, of a method that its name says, or else the request.
#[derive(Debug)]
pub(crate) struct Kiro {
    means: Means,
    method: Option<Method>,
}

/// What any of the ways brings.
struct Brought {
    access: Secret,
    refresh: Option<Secret>,
    expires_in: Option<Duration>,
    profile_arn: Option<String>,
    provider: String,
    aws: Option<(aws::Client, aws::Place)>,
}

impl Kiro {
    pub(crate) fn new(options: &Options, method: Option<Method>) -> Self {
        let means = Means::new(ProviderId::from_static("kiro"), None, &ENDPOINTS, options);
        Self { means, method }
    }

    async fn brought(
        &self,
        method: Method,
        request: &LoginRequest,
        ui: &Arc<dyn LoginUi>,
    ) -> Result<Brought, LoginError> {
        let (means, way) = (&self.means, (method, Flow::of(method, request)?));
        let provider = method.provider().to_owned();
        if matches!(method, Method::Google | Method::GitHub) {
            let social = social::login(means, way, request, ui).await?;
            return Ok(Brought {
                access: social.access,
                refresh: social.refresh,
                expires_in: social.expires_in,
                profile_arn: social.profile_arn,
                provider: social.identity_provider.unwrap_or(provider),
                aws: None,
            });
        }
        let place = aws::Place::of(means, method, request, ui).await?;
        let (tokens, client) = aws::login(means, way, &place, request, ui).await?;
        let mut brought = Brought {
            access: tokens.access_token,
            refresh: tokens.refresh_token,
            expires_in: tokens.expires_in,
            profile_arn: None,
            provider,
            aws: Some((client, place)),
        };
        // A Builder ID has no profile.
        if method == Method::IdentityCenter {
            // It serves without one, too. Whose it is may take a while to tell.
            let so_far = async {
                ui.so_far(self.named(method, &brought, ""));
                let email = account::email(means, &brought.access, None, true).await;
                ui.so_far(self.named(method, &brought, &email));
            };
            brought.profile_arn = account::profile(means, &brought.access, request, ui, so_far).await?;
        }
        Ok(brought)
    }

    fn named(&self, method: Method, brought: &Brought, email: &str) -> NewLogin {
        let stem = self.file_stem(method, brought, email);
        let document = self.document(method, brought, email);
        // One address may have an account in each of two organisations.
        let token = brought.refresh.as_ref().unwrap_or(&brought.access);
        let other = format!("{stem}-{}.json", short_hash(token.expose()));
        let name = format!("{stem}.json");
        let login = NewLogin::new(self.means.provider.clone(), name, document, &["email"]);
        by_way_in(login).with_other_name(other)
    }

    fn document(&self, method: Method, brought: &Brought, email: &str) -> Document {
        let now = self.means.now();
        let lifetime = brought.expires_in.filter(|length| !length.is_zero()).unwrap_or(LIFETIME);
        let mut document = Map::new();
        let mut put = |key: &str, value: &str| {
            document.insert(key.to_owned(), Value::from(value));
        };
        put("type", "kiro");
        put("access_token", brought.access.expose());
        if let Some(refresh) = &brought.refresh {
            put("refresh_token", refresh.expose());
        }
        put("profile_arn", brought.profile_arn.as_deref().unwrap_or_default());
        put("expires_at", &now.plus(lifetime).to_rfc3339());
        put("auth_method", method.auth_method());
        put("provider", &brought.provider);
        if let Some((client, place)) = &brought.aws {
            put("client_id", &client.id);
            put("client_secret", client.secret.expose());
            // Ours: a renewal that fails for it says so.
            if let Some(expires) = client.expires {
                put("client_secret_expires_at", &expires.to_rfc3339());
            }
            put("start_url", &place.start);
            put("region", &place.region);
        } else {
            put("region", aws::REGION);
        }
        put("email", email);
        put("last_refresh", &now.to_rfc3339());
        Document::new(document)
    }

    /// Without its ending. Source: providers-b.md 1.3.
    fn file_stem(&self, method: Method, brought: &Brought, email: &str) -> String {
        let prefix = method.prefix();
        let digits = || format!("{:05}", self.means.now().as_millis().rem_euclid(100_000));
        let id = match (&brought.aws, method) {
            _ if !email.is_empty() => part(email),
            (Some((_, place)), Method::IdentityCenter) => {
                let host = place.start.trim_start_matches("https://");
                let label = host.split(['.', '/']).next().unwrap_or("idc");
                format!("{}-{}", part(label), digits())
            }
            (Some((client, _)), _) => part(&client.id),
            // Accounts share profiles: the profile's name is no name for one of them.
            (None, _) => digits(),
        };
        format!("{prefix}-{id}")
    }
}

/// Whose account a login is that another program made; empty when nobody knows.
pub(crate) async fn email_of(options: &Options, login: &Document) -> String {
    let means = Means::new(ProviderId::from_static("kiro"), None, &ENDPOINTS, options);
    let Some(token) = login.secret("access_token") else { return String::new() };
    let aws = login.text("auth_method").is_some_and(|method| matches!(method, "idc" | "builder-id"));
    account::email(&means, &token, login.text("profile_arn"), aws).await
}

#[async_trait]
impl Authenticator for Kiro {
    fn name(&self) -> &str {
        match self.method {
            None | Some(Method::BuilderId) => "kiro",
            Some(Method::IdentityCenter) => "kiro-idc",
            Some(Method::Google) => "kiro-google",
            Some(Method::GitHub) => "kiro-github",
        }
    }

    fn provider(&self) -> &ProviderId {
        &self.means.provider
    }

    fn summary(&self) -> &str {
        match self.method {
            None | Some(Method::BuilderId) => {
                "Kiro, an AWS Builder ID, or --method idc, google, github (code on any device, or --flow authcode)"
            }
            Some(Method::IdentityCenter) => {
                "Kiro, IAM Identity Center of an organisation (browser, or --flow device)"
            }
            Some(Method::Google) => "Kiro, a Google account (code on any device, or --flow authcode)",
            Some(Method::GitHub) => "Kiro, a GitHub account (code on any device, or --flow authcode)",
        }
    }

    async fn login(&self, mut request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        // The vendors' pages take whoever is signed in: a private window asks.
        // Source: runtime.md B.3 "kiro default is private window on".
        request.private_window.get_or_insert(true);
        let method = match self.method {
            Some(method) => method,
            None => Method::of(&request)?,
        };
        let brought = self.brought(method, &request, &ui).await?;
        let aws = brought.aws.is_some();
        let email = account::email(&self.means, &brought.access, brought.profile_arn.as_deref(), aws).await;
        Ok(self.named(method, &brought, &email))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.means.endpoints()
    }
}
