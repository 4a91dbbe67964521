//! The executor.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, CredentialId, CredentialKind, Endpoint, ErrorKind, Evidence, ExecutorError, Failure,
    ModelInfo, Operation, ProviderExecutor, ProviderFormat, ProviderId, Secret, Timestamp, UpstreamModel,
    WireReply, WireStream,
};
use cliproxy_transport::oauth::known;
use http::header::{AUTHORIZATION, HeaderMap};
use http::{Method, Request, Response};
use parking_lot::RwLock;

use super::REFUSED_BETAS;
use super::body::{Prepared, prepare};
use super::models;
use super::token::{self, Home, Token};
use crate::Egress;
use crate::account;
use crate::headers::{apply_credential_headers, bearer};
use crate::minted::{self, Minted};
use crate::service::{Service, anthropic, put, required};
use crate::urls::Base;
use crate::{egress, hints};

const API: &str = "https://api.githubcopilot.com";
static ENDPOINTS: [Endpoint; 2] = [Endpoint::new("api", API), known::COPILOT_TOKEN];

/// Serves seats of GitHub Copilot.
#[derive(Clone, Debug)]
pub struct CopilotExecutor {
    service: Service,
    tokens: Minted<Token>,
    /// What the models of each seat said of their endpoints, when their list came last.
    spoken: Spoken,
}

type Spoken = Arc<RwLock<HashMap<CredentialId, HashMap<String, &'static [ProviderFormat]>>>>;

impl CopilotExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        let provider = ProviderId::from_static("github-copilot");
        let service = Service::new(provider, egress, &ENDPOINTS);
        Self { service, tokens: Minted::default(), spoken: Spoken::default() }
    }

    /// Replaces a URL (`endpoints.github-copilot.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.service.replace_url(name, url);
        self
    }

    /// The token to spend, and where. A key is taken for a token of Copilot as it is.
    async fn token(&self, credential: &Credential) -> Result<Spent, ExecutorError> {
        if credential.kind() == CredentialKind::ApiKey {
            let key = required(credential, credential.api_key(), "api_key")?;
            return Ok(Spent::Key(key));
        }
        let home = Home::of(credential)?;
        let github = required(credential, credential.access_token(), "access_token")?;
        let now = account::now();
        let exchange = self.exchange(credential, home, &github, now);
        let token = self.tokens.get(credential, &github, now, exchange).await?;
        Ok(Spent::Token { token, home: home.api() })
    }

    async fn exchange(
        &self,
        credential: &Credential,
        home: Home<'_>,
        github: &Secret,
        now: Timestamp,
    ) -> Result<(Token, Timestamp), ExecutorError> {
        let own = account::token_url(credential);
        let replaced = self.service.urls.get(known::COPILOT_TOKEN.name);
        let replaced = replaced.filter(|url| *url != known::COPILOT_TOKEN.default);
        let url = own.or(replaced).map_or_else(|| home.exchange(), str::to_owned);
        token::exchange(self, &self.service.egress, &url, credential, &home, github, now).await
    }

    /// The credential's own root, a replaced endpoint, the one that the token names, or the built-in one.
    fn base<'a>(&'a self, credential: &'a Credential, named: Option<&'a str>) -> Base<'a> {
        let own = self.service.base(credential);
        match named {
            Some(named) if own.root() == API => Base::new(named),
            _ => own,
        }
    }

    async fn request(&self, attempt: &Attempt) -> Result<(Request<Bytes>, Spent), ExecutorError> {
        let credential = &attempt.credential;
        let spent = self.token(credential).await?;
        let claude = attempt.format == ProviderFormat::CLAUDE;
        let path = match () {
            () if attempt.format == ProviderFormat::OPENAI_RESPONSES => "/responses",
            () if claude => "/v1/messages",
            () => "/chat/completions",
        };
        let uri = self.base(credential, spent.api()).join(path)?;
        let Prepared { body, initiator, vision } = prepare(&attempt.body, &attempt.format)?;
        let request = self.service.request(attempt, uri, body, spent.secret(), |headers| {
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
        })?;
        Ok((request, spent))
    }
}

/// What a call spends.
enum Spent {
    Key(Secret),
    Token { token: Arc<minted::Token<Token>>, home: Option<String> },
}

impl Spent {
    fn secret(&self) -> &Secret {
        match self {
            Self::Key(key) => key,
            Self::Token { token, .. } => &token.value.secret,
        }
    }

    /// The API's root, when it names one.
    fn api(&self) -> Option<&str> {
        match self {
            Self::Key(_) => None,
            Self::Token { token, home } => token.value.api.as_deref().or(home.as_deref()),
        }
    }

    fn told<R>(&self, reply: Result<R, ExecutorError>) -> Result<R, ExecutorError> {
        match self {
            Self::Key(_) => reply,
            Self::Token { token, .. } => token.told(reply),
        }
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

    fn wire_formats(&self, model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        if operation == Operation::Generate { models::by_name(model.as_str()) } else { &[] }
    }

    /// What the seat's own list says of a model, else what its name does.
    fn wire_formats_for(
        &self,
        credential: &Credential,
        model: &UpstreamModel,
        operation: Operation,
    ) -> &[ProviderFormat] {
        let said = || self.spoken.read().get(credential.id())?.get(model.as_str()).copied();
        match operation {
            Operation::Generate => said().unwrap_or_else(|| models::by_name(model.as_str())),
            _ => &[],
        }
    }

    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        let spent = self.token(credential).await?;
        let uri = self.base(credential, spent.api()).join("/models")?;
        let mut request = egress::request(Method::GET, uri, Bytes::new());
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer(credential, spent.secret())?);
        editor(headers);
        apply_credential_headers(headers, credential, &HeaderMap::new());
        let reply = spent.told(self.service.egress.listed(self, credential, request).await)?;
        let fetched = models::fetched(&reply.body).ok_or_else(|| {
            ExecutorError::new(ErrorKind::BadReply, "the provider's list of models names none")
        })?;
        self.spoken.write().insert(credential.id().clone(), fetched.formats);
        Ok(fetched.models)
    }

    fn known_models(&self, _credential: &Credential) -> Option<Vec<ModelInfo>> {
        Some(models::known())
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let (request, spent) = self.request(&attempt).await?;
        spent.told(self.service.egress.whole(self, &attempt.credential, attempt.now, request).await)
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let (request, spent) = self.request(&attempt).await?;
        spent.told(self.service.egress.stream(self, &attempt.credential, attempt.now, request).await)
    }

    /// GitHub's token neither expires nor is renewed. What a 401 asks for is a new token of Copilot in place of the
    /// one that was refused, once for all whom it refused.
    // Source: providers-b.md 2.4, 2.7 row 1 "drop the cached token, exchange once, retry".
    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        if credential.kind() == CredentialKind::ApiKey {
            return Err(ExecutorError::unsupported(&self.service.provider, "the renewal of a key"));
        }
        let home = Home::of(credential)?;
        let github = required(credential, credential.access_token(), "access_token")?;
        let now = account::now();
        let exchange = self.exchange(credential, home, &github, now);
        self.tokens.renew(credential, &github, now, exchange).await?;
        Ok(credential.clone())
    }

    /// What it is exchanged for is kept in memory, and the login itself stays as it is.
    fn renewal_spends(&self, _credential: &Credential) -> bool {
        false
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        hints::standard(failure)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        let spent = self.token(credential).await?;
        let reply = self.service.raw(credential, spent.secret(), request, editor).await;
        match &spent {
            Spent::Key(_) => reply,
            Spent::Token { token, .. } => token.told_raw(reply),
        }
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
