//! The executor.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, Evidence, ExecutorError, Failure, ModelInfo, Operation, ProviderExecutor,
    ProviderFormat, ProviderId, Renewal, Secret, UpstreamModel, WireReply, WireStream,
};
use cliproxy_translator::splice::Edits;
use cliproxy_transport::oauth::known;
use http::{HeaderMap, Request, Response};

use super::{limits, models, request};
use crate::account::{self, OauthClient};
use crate::egress::optional;
use crate::headers::apply_credential_headers;
use crate::urls::Base;
use crate::{Egress, Urls};

const PROVIDER: ProviderId = ProviderId::from_static("claude");
static FORMATS: [ProviderFormat; 1] = [ProviderFormat::CLAUDE];
const API: &str = "https://api.anthropic.com";

/// Ends of whole URLs that people paste as a root.
const ENDS: [&str; 3] = ["/count_tokens", "/messages", "/v1"];

/// Where the API is, and where logins are renewed.
pub(crate) const ENDPOINTS: [Endpoint; 2] = [Endpoint::new("api", API), known::CLAUDE.token];
/// Source: providers-a.md 2.3 "When".
const LEAD: Duration = Duration::from_secs(4 * 3600);

/// Serves Claude models.
#[derive(Clone, Debug)]
pub struct ClaudeExecutor {
    provider: ProviderId,
    egress: Egress,
    urls: Urls,
    client: OauthClient,
}

impl ClaudeExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { provider: PROVIDER, egress, urls: Urls::new(&ENDPOINTS), client: OauthClient::default() }
    }

    /// Replaces a URL (`endpoints.claude.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        self
    }

    /// Replaces the OAuth client (`oauth-clients.claude`).
    #[must_use]
    pub fn with_oauth_client(mut self, id: Option<String>, secret: Option<Secret>) -> Self {
        self.client = OauthClient { id, secret };
        self
    }

    /// The root for a credential, and whether it is Anthropic's own: a replaced endpoint stands for it, a base URL
    /// of the credential does not, unless it names the very same host (Source: providers-a.md 2.7, exact test).
    fn base<'a>(&'a self, credential: &'a Credential) -> (Base<'a>, bool) {
        match Base::of(credential).map(|own| own.without(&ENDS)) {
            Some(own) => (own, own.root() == API),
            None => (Base::new(self.urls.get("api").unwrap_or(API)).without(&ENDS), true),
        }
    }

    fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ExecutorError> {
        let (base, first_party) = self.base(&attempt.credential);
        let token = request::Token::of(&attempt.credential, first_party)?;
        request::build(attempt, base.join("/v1/messages?beta=true")?, &token, false)
    }
}

#[async_trait]
impl ProviderExecutor for ClaudeExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate | Operation::CountTokens => &FORMATS,
            _ => &[],
        }
    }

    fn wire_formats_for(
        &self,
        credential: &Credential,
        model: &UpstreamModel,
        operation: Operation,
    ) -> &[ProviderFormat] {
        // Source: providers-a.md 2.4 [H]: only Anthropic's own host counts.
        let counts = operation != Operation::CountTokens || self.base(credential).1;
        if counts { self.wire_formats(model, operation) } else { &[] }
    }

    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(models::list())
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let request = self.request(&attempt)?;
        self.egress.whole(self, &attempt.credential, attempt.now, request).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let request = self.request(&attempt)?;
        self.egress.stream(self, &attempt.credential, attempt.now, request).await
    }

    /// One exchange of the refresh token. The address stays known when the reply does not repeat it.
    // Source: providers-a.md 2.3, its trap included.
    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let endpoint = self.client.endpoint(&known::CLAUDE, &self.urls, credential).with_json();
        let tokens = self.egress.renew(credential, &endpoint, "").await?;
        let mut members = tokens.members(account::now());
        if let Some(email) = tokens.extra.get("account").and_then(|account| account.get("email_address")) {
            members.insert("email".to_owned(), email.clone());
        }
        Ok(account::renewed(credential, members))
    }

    fn renewal(&self, credential: &Credential) -> Renewal {
        account::renewal(credential, LEAD)
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        limits::classify(failure)
    }

    /// Asks Anthropic's own host only: other services rarely have the endpoint, so a local estimate serves those.
    // Source: providers-a.md 2.4 "Count tokens" [H].
    async fn count_tokens(&self, mut attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let (base, first_party) = self.base(&attempt.credential);
        if !first_party {
            return Err(ExecutorError::unsupported(&self.provider, "count_tokens on a custom base-url"));
        }
        let needless = ["metadata", "context_management", "diagnostics", "stream", "max_tokens"];
        let edits = needless.into_iter().fold(Edits::new(), Edits::remove);
        if let Ok(body) = edits.apply(&attempt.body) {
            attempt.body = body;
        }
        let token = request::Token::of(&attempt.credential, first_party)?;
        let uri = base.join("/v1/messages/count_tokens?beta=true")?;
        let request = request::build(&attempt, uri, &token, true)?;
        self.egress.whole(self, &attempt.credential, attempt.now, request).await.map_err(optional)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        let (_, first_party) = self.base(credential);
        request::Token::of(credential, first_party)?.authorize(request.headers_mut())?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        self.egress.raw(credential, request).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
