//! Any service that speaks OpenAI Chat Completions.
//!
//! Endpoint: `{base-url}/chat/completions`. Models are exactly those that the configuration lists. Facts:
//! providers-b.md 6.

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, ErrorKind, ExecutorError, ModelInfo, Operation, ProviderExecutor, ProviderFormat,
    ProviderId, UpstreamModel, WireReply, WireStream,
};
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Request, Response};

use crate::Egress;
use crate::headers::{apply_credential_headers, key_value};
use crate::urls::{join, own_base};

static FORMATS: [ProviderFormat; 1] = [ProviderFormat::OPENAI];

/// Serves one OpenAI-compatible service under the name it has in the configuration.
#[derive(Clone, Debug)]
pub struct OpenAiCompatExecutor {
    provider: ProviderId,
    egress: Egress,
}

impl OpenAiCompatExecutor {
    /// An executor for the service of this name.
    #[must_use]
    pub fn new(provider: ProviderId, egress: Egress) -> Self {
        Self { provider, egress }
    }

    fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ExecutorError> {
        let base = own_base(&attempt.credential).ok_or_else(|| self.no_base())?;
        let mut request =
            Request::post(join(base, "/chat/completions")?).body(attempt.body.clone()).map_err(|error| {
                ExecutorError::new(ErrorKind::Internal, "cannot build the request").with_source(error)
            })?;
        set_headers(request.headers_mut(), attempt)?;
        Ok(request)
    }

    fn no_base(&self) -> ExecutorError {
        ExecutorError::new(ErrorKind::Misconfigured, format!("provider {} has no base-url", self.provider))
    }
}

/// The headers of a call, in one place.
// Source: providers-b.md 6.2 "Headers". The reference sets Accept and Cache-Control last, so that they cannot be
// overridden; ours go before the configured headers.
fn set_headers(headers: &mut HeaderMap, attempt: &Attempt) -> Result<(), ExecutorError> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("cli-proxy-openai-compat"));
    if attempt.stream {
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    authorize(headers, &attempt.credential)?;
    apply_credential_headers(headers, &attempt.credential, &attempt.client_headers);
    Ok(())
}

/// A bearer token when there is a key; a service without keys gets none.
fn authorize(headers: &mut HeaderMap, credential: &Credential) -> Result<(), ExecutorError> {
    if let Some(key) = credential.api_key().or_else(|| credential.access_token()) {
        headers.insert(AUTHORIZATION, key_value(credential, &format!("Bearer {}", key.expose()))?);
    }
    Ok(())
}

#[async_trait]
impl ProviderExecutor for OpenAiCompatExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate | Operation::CountTokens => &FORMATS,
            // Source: providers-a.md 1.6: compaction is served by codex only.
            _ => &[],
        }
    }

    /// None of its own: the credential's `models` are all there are (Source: providers-b.md 6.4).
    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(Vec::new())
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let request = self.request(&attempt)?;
        self.egress.whole(self, &attempt.credential, attempt.now, request).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let request = self.request(&attempt)?;
        self.egress.stream(self, &attempt.credential, attempt.now, request).await
    }

    async fn http_request(
        &self,
        credential: &Credential,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        authorize(request.headers_mut(), credential)?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        self.egress.raw(credential, request).await
    }
}
