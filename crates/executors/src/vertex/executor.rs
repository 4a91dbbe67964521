//! The executor.

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, CredentialKind, Endpoint, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo,
    Operation, ProviderExecutor, ProviderFormat, ProviderId, ReplyModes, UpstreamModel, WireReply,
    WireStream,
};
use http::{HeaderMap, Method, Request, Response};

use super::imagen;
use crate::egress::{self, optional};
use crate::google::{body, error, models, request};
use crate::headers::apply_credential_headers;
use crate::urls::{Base, segment};
use crate::{Egress, Urls};

const PROVIDER: ProviderId = ProviderId::from_static("vertex");
const API: &str = "https://aiplatform.googleapis.com";
static FORMATS: [ProviderFormat; 1] = [ProviderFormat::GEMINI];
static ENDPOINTS: [Endpoint; 1] = [Endpoint::new("api", API)];

/// Serves Gemini models of Vertex AI.
#[derive(Clone, Debug)]
pub struct VertexExecutor {
    provider: ProviderId,
    egress: Egress,
    urls: Urls,
}

impl VertexExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { provider: PROVIDER, egress, urls: Urls::new(&ENDPOINTS) }
    }

    /// Replaces a URL (`endpoints.vertex.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        self
    }

    /// A service account is never taken for a key, whatever else its file contains (Source: providers-a.md 6.7).
    fn check(credential: &Credential) -> Result<(), ExecutorError> {
        if credential.kind() == CredentialKind::Account
            || credential.document().get("service_account").is_some()
        {
            return Err(ExecutorError::new(
                ErrorKind::Unsupported,
                "service accounts of vertex are not built yet in this release: use an API key (vertex-api-key)",
            ));
        }
        if credential.api_key().is_none() {
            let message = format!("credential {} has no api-key", credential.masked_id());
            return Err(ExecutorError::new(ErrorKind::Misconfigured, message));
        }
        Ok(())
    }

    fn request(&self, attempt: &Attempt, action: &str, body: Bytes) -> Result<Request<Bytes>, ExecutorError> {
        let credential = &attempt.credential;
        Self::check(credential)?;
        let base = Base::of(credential).unwrap_or_else(|| Base::new(self.urls.get("api").unwrap_or(API)));
        let base = base.without(&["/models", "/publishers/google"]);
        let version = if base.version().is_some() { "" } else { "/v1" };
        let model = attempt.model.as_str();
        let model = model.strip_prefix("publishers/google/").unwrap_or(model);
        let model = segment(model.strip_prefix("models/").unwrap_or(model));
        let uri = base.join(&format!("{version}/publishers/google/models/{model}:{action}"))?;
        let mut request = egress::request(Method::POST, uri, body);
        request::set(request.headers_mut(), attempt)?;
        Ok(request)
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
        Self::check(credential)?;
        Ok(models::list(models::VERTEX).into_iter().chain(imagen::models()).collect())
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        if imagen::is_one(attempt.model.as_str()) {
            let request = self.request(&attempt, "predict", imagen::request(&attempt.body)?)?;
            let reply = self.egress.whole(self, &attempt.credential, attempt.now, request).await?;
            return imagen::reply(reply, &attempt);
        }
        let body = body::without_call_ids(&body::generate(&attempt.body)?)?;
        let request = self.request(&attempt, "generateContent", body)?;
        self.egress.whole(self, &attempt.credential, attempt.now, request).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        if imagen::is_one(attempt.model.as_str()) {
            return Err(ExecutorError::unsupported(&self.provider, "streams of image models"));
        }
        let body = body::without_call_ids(&body::generate(&attempt.body)?)?;
        let request = self.request(&attempt, "streamGenerateContent?alt=sse", body)?;
        self.egress.stream(self, &attempt.credential, attempt.now, request).await
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        error::classify(failure)
    }

    async fn count_tokens(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let body = body::without_call_ids(&body::count_vertex(&attempt.body)?)?;
        let request = self.request(&attempt, "countTokens", body)?;
        self.egress.whole(self, &attempt.credential, attempt.now, request).await.map_err(optional)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        Self::check(credential)?;
        request::authorize(request.headers_mut(), credential)?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        self.egress.raw(credential, request).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
