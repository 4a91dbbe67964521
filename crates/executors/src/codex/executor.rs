//! The executor.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, CredentialKind, Endpoint, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo,
    Operation, ProviderExecutor, ProviderFormat, ProviderId, Renewal, ReplyModes, Secret, UpstreamModel,
    WireReply, WireStream,
};
use cliproxy_transport::oauth::known;
use http::{HeaderMap, Method, Request, Response};

use super::{error, plan, request};
use crate::account::{self, OauthClient};
use crate::egress::{self, optional};
use crate::headers::apply_credential_headers;
use crate::urls::Base;
use crate::{Egress, Urls, openai_models};

const PROVIDER: ProviderId = ProviderId::from_static("codex");
const API: &str = "https://api.openai.com/v1";
/// What a ChatGPT account is served by. Source: providers-a.md 3.5 "Base".
const BACKEND_API: &str = "https://chatgpt.com/backend-api/codex";

/// OpenAI's own platform takes Responses as documented, the Codex backend its dialect of it.
static FORMATS: [ProviderFormat; 2] = [ProviderFormat::CODEX, ProviderFormat::OPENAI_RESPONSES];
static BACKEND: [ProviderFormat; 1] = [ProviderFormat::CODEX];
static PLATFORM: [ProviderFormat; 1] = [ProviderFormat::OPENAI_RESPONSES];
static ENDPOINTS: [Endpoint; 3] =
    [Endpoint::new("api", API), Endpoint::new("backend", BACKEND_API), known::CODEX.token];
/// Source: providers-a.md 3.4 "When".
const LEAD: Duration = Duration::from_secs(5 * 86_400);

/// Ends of whole URLs that people paste as a root.
const ENDS: [&str; 4] = ["/compact", "/responses", "/chat/completions", "/models"];

/// Serves models of OpenAI over Responses.
#[derive(Clone, Debug)]
pub struct CodexExecutor {
    provider: ProviderId,
    egress: Egress,
    urls: Urls,
    client: OauthClient,
}

impl CodexExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { provider: PROVIDER, egress, urls: Urls::new(&ENDPOINTS), client: OauthClient::default() }
    }

    /// Replaces a URL (`endpoints.codex.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        self
    }

    /// Replaces the OAuth client (`oauth-clients.codex`).
    #[must_use]
    pub fn with_oauth_client(mut self, id: Option<String>, secret: Option<Secret>) -> Self {
        self.client = OauthClient { id, secret };
        self
    }

    /// The root, and whether it is OpenAI's own platform: a replaced endpoint stands for it. A login is never served by
    /// the platform.
    fn base<'a>(&'a self, credential: &'a Credential) -> (Base<'a>, bool) {
        let login = credential.kind() == CredentialKind::Account;
        let Some(own) = Base::of(credential) else {
            let (name, built_in) = if login { ("backend", BACKEND_API) } else { ("api", API) };
            return (Base::new(self.urls.get(name).unwrap_or(built_in)).without(&ENDS), !login);
        };
        let own = own.without(&ENDS);
        let host = own.host().to_ascii_lowercase();
        (own, !login && (host == "api.openai.com" || host.ends_with(".openai.azure.com")))
    }

    /// A gateway may want no key.
    fn check(&self, credential: &Credential) -> Result<(), ExecutorError> {
        let missing = |what: &str| {
            let message = format!("credential {} has no {what}", credential.masked_id());
            Err(ExecutorError::new(ErrorKind::Misconfigured, message))
        };
        match credential.kind() {
            CredentialKind::Account if credential.access_token().is_none() => {
                missing("access_token: log in again")
            }
            CredentialKind::Account => Ok(()),
            _ if credential.api_key().is_none() && Base::of(credential).is_none() => missing("api-key"),
            _ => Ok(()),
        }
    }

    fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ExecutorError> {
        self.check(&attempt.credential)?;
        let (base, _) = self.base(&attempt.credential);
        let compact = attempt.operation == Operation::Compact;
        let uri = base.join(if compact { "/responses/compact" } else { "/responses" })?;
        let mut request = egress::request(Method::POST, uri, request::body(attempt)?);
        request::set(request.headers_mut(), attempt)?;
        Ok(request)
    }
}

#[async_trait]
impl ProviderExecutor for CodexExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate | Operation::Compact => &FORMATS,
            _ => &[],
        }
    }

    fn wire_formats_for(
        &self,
        credential: &Credential,
        model: &UpstreamModel,
        operation: Operation,
    ) -> &[ProviderFormat] {
        match (self.wire_formats(model, operation), self.base(credential)) {
            ([], _) => &[],
            (_, (_, true)) => &PLATFORM,
            (_, (_, false)) => &BACKEND,
        }
    }

    fn reply_modes(&self, _model: &UpstreamModel) -> ReplyModes {
        // Source: providers-a.md 3.5 "always streamed, non-stream callers get the aggregated result".
        ReplyModes::StreamOnly
    }

    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        self.check(credential)?;
        if credential.kind() == CredentialKind::Account {
            return Ok(plan::models(credential));
        }
        let (base, _) = self.base(credential);
        let mut request = egress::request(Method::GET, base.join("/models")?, Bytes::new());
        request::authorize(request.headers_mut(), credential)?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        let reply = self.egress.listed(self, credential, request).await?;
        openai_models::fetched(&reply.body).ok_or_else(|| {
            ExecutorError::new(ErrorKind::BadReply, "the provider's list of models names none")
        })
    }

    fn known_models(&self, credential: &Credential) -> Option<Vec<ModelInfo>> {
        // The backend of a login has no list: its plan says what there is.
        let asks = credential.kind() == CredentialKind::ApiKey;
        (asks && self.check(credential).is_ok()).then(openai_models::known)
    }

    /// Compacts a conversation. Whole replies are not given otherwise: see [`Self::reply_modes`].
    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        if attempt.operation != Operation::Compact {
            return Err(ExecutorError::unsupported(&self.provider, "whole replies, it only streams"));
        }
        let request = self.request(&attempt)?;
        self.egress.whole(self, &attempt.credential, attempt.now, request).await.map_err(optional)
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        if attempt.operation == Operation::Compact {
            // Source: providers-a.md 3.5 "a streaming caller gets 400".
            return Err(ExecutorError::new(ErrorKind::InvalidRequest, "a compaction cannot be streamed"));
        }
        let request = self.request(&attempt)?;
        self.egress.stream(self, &attempt.credential, attempt.now, request).await
    }

    /// One exchange of the single-use refresh token. What the reply leaves out stays known.
    // Source: providers-a.md 3.4, its trap included.
    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let endpoint =
            self.client.endpoint(&known::CODEX, &self.urls, credential).with_final_statuses(&[401]);
        let now = account::now();
        let tokens = self.egress.renew(credential, &endpoint, "openid profile email").await?;
        let tokens = tokens.or_lifetime_of_jwt(now);
        let mut members = tokens.members(now);
        members.extend(plan::identity(&tokens));
        Ok(account::renewed(credential, members))
    }

    fn renewal(&self, credential: &Credential) -> Renewal {
        account::renewal(credential, LEAD)
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        error::classify(failure)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        self.check(credential)?;
        request::authorize(request.headers_mut(), credential)?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        self.egress.raw(credential, request).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
