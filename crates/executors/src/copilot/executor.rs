//! The executor.

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, CredentialKind, Endpoint, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo,
    Operation, ProviderExecutor, ProviderFormat, ProviderId, Secret, UpstreamModel, WireReply, WireStream,
};
use cliproxy_transport::oauth::known;
use http::header::{AUTHORIZATION, HeaderMap};
use http::{Method, Request, Response};

use super::REFUSED_BETAS;
use super::body::{Prepared, prepare};
use super::models;
use super::token::{self, Home, Token};
use crate::Egress;
use crate::account;
use crate::headers::{apply_credential_headers, bearer};
use crate::minted::Minted;
use crate::service::{Service, anthropic, put, required};
use crate::urls::Base;
use crate::{egress, hints};

const API: &str = "https://api.githubcopilot.com";
static CHAT: [ProviderFormat; 1] = [ProviderFormat::OPENAI];
static RESPONSES: [ProviderFormat; 1] = [ProviderFormat::OPENAI_RESPONSES];
static BOTH: [ProviderFormat; 2] = [ProviderFormat::OPENAI, ProviderFormat::OPENAI_RESPONSES];
/// Claude's own words first: there its thinking keeps its signatures.
static CLAUDES: [ProviderFormat; 2] = [ProviderFormat::CLAUDE, ProviderFormat::OPENAI];
static ENDPOINTS: [Endpoint; 2] = [Endpoint::new("api", API), known::COPILOT_TOKEN];

/// Serves seats of GitHub Copilot.
#[derive(Clone, Debug)]
pub struct CopilotExecutor {
    service: Service,
    tokens: Minted<Token>,
}

impl CopilotExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        let provider = ProviderId::from_static("github-copilot");
        Self { service: Service::new(provider, egress, &ENDPOINTS), tokens: Minted::default() }
    }

    /// Replaces a URL (`endpoints.github-copilot.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.service.replace_url(name, url);
        self
    }

    /// The token to spend, and where. A key is taken for a token of Copilot as it is.
    async fn token(&self, credential: &Credential) -> Result<(Secret, Option<String>), ExecutorError> {
        if credential.kind() == CredentialKind::ApiKey {
            return Ok((required(credential, credential.api_key(), "api_key")?, None));
        }
        let home = Home::of(credential)?;
        let replaced = self.service.urls.get(known::COPILOT_TOKEN.name);
        let replaced = replaced.filter(|url| *url != known::COPILOT_TOKEN.default);
        let url = replaced.map_or_else(|| home.exchange(), str::to_owned);
        let github = required(credential, credential.access_token(), "access_token")?;
        let now = account::now();
        let exchange = token::exchange(self, &self.service.egress, &url, credential, &home, &github, now);
        let Token { secret, api } = self.tokens.get(credential, &github, now, exchange).await?;
        Ok((secret, api.or_else(|| home.api())))
    }

    /// The credential's own root, a replaced endpoint, the one that the token names, or the built-in one.
    fn base<'a>(&'a self, credential: &'a Credential, named: Option<&'a str>) -> Base<'a> {
        let own = self.service.base(credential);
        match named {
            Some(named) if own.root() == API => Base::new(named),
            _ => own,
        }
    }

    async fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ExecutorError> {
        let credential = &attempt.credential;
        let (secret, api) = self.token(credential).await?;
        let claude = attempt.format == ProviderFormat::CLAUDE;
        let path = match () {
            () if attempt.format == ProviderFormat::OPENAI_RESPONSES => "/responses",
            () if claude => "/v1/messages",
            () => "/chat/completions",
        };
        let uri = self.base(credential, api.as_deref()).join(path)?;
        let Prepared { body, initiator, vision } = prepare(&attempt.body, &attempt.format)?;
        self.service.request(attempt, uri, body, &secret, |headers| {
            editor(headers);
            if claude {
                anthropic(headers, attempt, &REFUSED_BETAS);
            }
            put(headers, "openai-intent", "conversation-edits");
            put(headers, "x-initiator", initiator);
            put(headers, "x-request-id", attempt.request_id.as_str());
            if vision {
                put(headers, "copilot-vision-request", "true");
            }
        })
    }
}

fn editor(headers: &mut HeaderMap) {
    for (name, value) in known::COPILOT_HEADERS {
        put(headers, name, value);
    }
}

#[async_trait]
impl ProviderExecutor for CopilotExecutor {
    fn provider(&self) -> &ProviderId {
        &self.service.provider
    }

    // Source: providers-b.md 2.6 "Endpoints", 2.5.4 "[H] model `claude-*`".
    fn wire_formats(&self, model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        let model = model.as_str();
        match operation {
            Operation::Generate | Operation::CountTokens if model.contains("codex") => &RESPONSES,
            Operation::Generate | Operation::CountTokens if model.starts_with("gpt-5") => &BOTH,
            Operation::Generate if model.starts_with("claude-") => &CLAUDES,
            Operation::Generate | Operation::CountTokens => &CHAT,
            _ => &[],
        }
    }

    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        let (secret, api) = self.token(credential).await?;
        let uri = self.base(credential, api.as_deref()).join("/models")?;
        let mut request = egress::request(Method::GET, uri, Bytes::new());
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer(credential, &secret)?);
        editor(headers);
        apply_credential_headers(headers, credential, &HeaderMap::new());
        let reply = self.service.egress.listed(self, credential, request).await?;
        models::fetched(&reply.body).ok_or_else(|| {
            ExecutorError::new(ErrorKind::BadReply, "the provider's list of models names none")
        })
    }

    fn known_models(&self, _credential: &Credential) -> Option<Vec<ModelInfo>> {
        Some(models::known())
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let request = self.request(&attempt).await?;
        self.service.egress.whole(self, &attempt.credential, attempt.now, request).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let request = self.request(&attempt).await?;
        self.service.egress.stream(self, &attempt.credential, attempt.now, request).await
    }

    /// GitHub's token neither expires nor is renewed. What a 401 asks for is a new token of Copilot: the old one is
    /// forgotten, and the exchange repeated.
    // Source: providers-b.md 2.4, 2.7 row 1 "drop the cached token, exchange once, retry".
    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        if credential.kind() == CredentialKind::ApiKey {
            return Err(ExecutorError::unsupported(&self.service.provider, "the renewal of a key"));
        }
        self.tokens.forget(credential);
        self.token(credential).await?;
        Ok(credential.clone())
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        hints::standard(failure)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        let (secret, _) = self.token(credential).await?;
        self.service.raw(credential, &secret, request, editor).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
