//! The executor.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo, Operation,
    ProviderExecutor, ProviderFormat, ProviderId, ReplyModes, Secret, UpstreamModel, WireReply, WireStream,
};
use cliproxy_transport::oauth::known;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, Response, Uri};

use super::account::{self, Account};
use super::imagen;
use crate::account::now;
use crate::egress::{self, optional};
use crate::google::{body, error, models, request};
use crate::headers::{apply_credential_headers, bearer};
use crate::minted::{Minted, Token};
use crate::urls::{Base, segment};
use crate::{Egress, Urls};

const PROVIDER: ProviderId = ProviderId::from_static("vertex");
const API: &str = "https://aiplatform.googleapis.com";
static FORMATS: [ProviderFormat; 1] = [ProviderFormat::GEMINI];
/// Where service accounts are served, by their location. Source: providers-a.md 6.4.
const REGIONAL: &str = "https://{location}-aiplatform.googleapis.com";
static ENDPOINTS: [Endpoint; 3] =
    [Endpoint::new("api", API), Endpoint::new("regional", REGIONAL), known::GOOGLE_TOKEN];

/// Serves Gemini models of Vertex AI.
#[derive(Clone, Debug)]
pub struct VertexExecutor {
    provider: ProviderId,
    egress: Egress,
    urls: Urls,
    tokens: Minted<Secret>,
}

impl VertexExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { provider: PROVIDER, egress, urls: Urls::new(&ENDPOINTS), tokens: Minted::default() }
    }

    /// Replaces a URL (`endpoints.vertex.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        self
    }

    fn has_key(credential: &Credential) -> Result<(), ExecutorError> {
        if credential.api_key().is_none() {
            let message = format!("credential {} has no api-key", credential.masked_id());
            return Err(ExecutorError::new(ErrorKind::Misconfigured, message));
        }
        Ok(())
    }

    /// The token of a service account. Nothing of it is ever stored. Source: providers-a.md 6.3.
    async fn token(&self, credential: &Credential) -> Result<Arc<Token<Secret>>, ExecutorError> {
        let account = Account::of(credential)?;
        let (identity, now) = (account.identity()?, now());
        self.tokens.get(credential, &identity, now, account.token(&self.egress, &self.urls, now)).await
    }

    fn uri(&self, attempt: &Attempt, action: &str) -> Result<Uri, ExecutorError> {
        let credential = &attempt.credential;
        let model = attempt.model.as_str();
        let model = model.strip_prefix("publishers/google/").unwrap_or(model);
        let model = segment(model.strip_prefix("models/").unwrap_or(model));
        let below = |base: Base<'_>, path: &str| {
            let base = base.without(&["/models", "/publishers/google", path]);
            let version = if base.version().is_some() { "" } else { "/v1" };
            base.join_all(&[version, path, "/publishers/google/models/", &model, ":", action])
        };
        if account::is_one(credential) {
            let root = Account::of(credential)?.root(&self.urls)?;
            return below(root.base(), &root.path);
        }
        below(Base::of(credential).unwrap_or_else(|| Base::new(self.urls.get("api").unwrap_or(API))), "")
    }

    async fn request(
        &self,
        attempt: &Attempt,
        action: &str,
        body: Bytes,
    ) -> Result<(Request<Bytes>, Spent), ExecutorError> {
        let credential = &attempt.credential;
        let mut request = egress::request(Method::POST, self.uri(attempt, action)?, body);
        let headers = request.headers_mut();
        request::plain(headers, attempt);
        let spent = self.authorize(headers, credential).await?;
        apply_credential_headers(headers, credential, &attempt.client_headers);
        Ok((request, spent))
    }

    async fn authorize(
        &self,
        headers: &mut HeaderMap,
        credential: &Credential,
    ) -> Result<Spent, ExecutorError> {
        if !account::is_one(credential) {
            Self::has_key(credential)?;
            request::authorize(headers, credential)?;
            return Ok(Spent(None));
        }
        let token = self.token(credential).await?;
        headers.insert(AUTHORIZATION, bearer(credential, &token.value)?);
        Ok(Spent(Some(token)))
    }

    async fn whole(&self, attempt: &Attempt, action: &str, body: Bytes) -> Result<WireReply, ExecutorError> {
        let (request, spent) = self.request(attempt, action, body).await?;
        spent.told(self.egress.whole(self, &attempt.credential, attempt.now, request).await)
    }
}

/// The token that a call spends, if it is not a key that it spends.
struct Spent(Option<Arc<Token<Secret>>>);

impl Spent {
    fn told<R>(&self, reply: Result<R, ExecutorError>) -> Result<R, ExecutorError> {
        match &self.0 {
            Some(token) => token.told(reply),
            None => reply,
        }
    }
}

#[async_trait]
impl ProviderExecutor for VertexExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate | Operation::CountTokens => &FORMATS,
            _ => &[],
        }
    }

    fn reply_modes(&self, model: &UpstreamModel) -> ReplyModes {
        if imagen::is_one(model.as_str()) { ReplyModes::WholeOnly } else { ReplyModes::Both }
    }

    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        if account::is_one(credential) {
            Account::of(credential)?.check().await?;
        } else {
            Self::has_key(credential)?;
        }
        Ok(models::list(models::VERTEX).into_iter().chain(imagen::models()).collect())
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        if imagen::is_one(attempt.model.as_str()) {
            let reply = self.whole(&attempt, "predict", imagen::request(&attempt.body)?).await?;
            return imagen::reply(reply, &attempt);
        }
        let body = body::without_call_ids(&body::generate(&attempt.body)?)?;
        self.whole(&attempt, "generateContent", body).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        if imagen::is_one(attempt.model.as_str()) {
            return Err(ExecutorError::unsupported(&self.provider, "streams of image models"));
        }
        let body = body::without_call_ids(&body::generate(&attempt.body)?)?;
        let (request, spent) = self.request(&attempt, "streamGenerateContent?alt=sse", body).await?;
        spent.told(self.egress.stream(self, &attempt.credential, attempt.now, request).await)
    }

    /// A service account is not renewed, and its file stays as it is. What a 401 asks for is another token in
    /// place of the one that was refused, once for all whom it refused.
    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        if !account::is_one(credential) {
            return Err(ExecutorError::unsupported(&self.provider, "the renewal of a key"));
        }
        let account = Account::of(credential)?;
        let (identity, now) = (account.identity()?, now());
        let exchange = account.token(&self.egress, &self.urls, now);
        self.tokens.renew(credential, &identity, now, exchange).await?;
        Ok(credential.clone())
    }

    /// What it is exchanged for is kept in memory, and the login itself stays as it is.
    fn renewal_spends(&self, _credential: &Credential) -> bool {
        false
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        error::classify(failure)
    }

    async fn count_tokens(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let body = body::without_call_ids(&body::count_vertex(&attempt.body)?)?;
        self.whole(&attempt, "countTokens", body).await.map_err(optional)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        let spent = self.authorize(request.headers_mut(), credential).await?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        let reply = self.egress.raw(credential, request).await;
        match &spent.0 {
            Some(token) => token.told_raw(reply),
            None => reply,
        }
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
