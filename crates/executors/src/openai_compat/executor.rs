//! The executor.

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo, Operation,
    ProviderExecutor, ProviderFormat, ProviderId, UpstreamModel, WireReply, WireStream,
};
use cliproxy_translator::splice::Edits;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Response};

use super::error;
use crate::egress::{optional, request};
use crate::headers::{apply_credential_headers, bearer};
use crate::urls::Base;
use crate::{Egress, Urls, openai_models};

static CHAT: [ProviderFormat; 1] = [ProviderFormat::OPENAI];
static COMPACT: [ProviderFormat; 1] = [ProviderFormat::OPENAI_RESPONSES];
static OPENAI_ENDPOINTS: [Endpoint; 1] = [Endpoint::new("api", "https://api.openai.com/v1")];

/// Ends of whole URLs that people paste as a root.
const ENDS: [&str; 3] = ["/chat/completions", "/responses", "/models"];

/// Serves one OpenAI-compatible service under the name it has in the configuration.
#[derive(Clone, Debug)]
pub struct OpenAiCompatExecutor {
    provider: ProviderId,
    egress: Egress,
    endpoints: &'static [Endpoint],
    urls: Urls,
}

impl OpenAiCompatExecutor {
    /// An executor for the service of this name: the credential says where it is and what it offers.
    #[must_use]
    pub fn new(provider: ProviderId, egress: Egress) -> Self {
        Self { provider, egress, endpoints: &[], urls: Urls::default() }
    }

    /// An executor for OpenAI's own Chat Completions, under the provider `openai`.
    #[must_use]
    pub fn openai(egress: Egress) -> Self {
        let provider = ProviderId::from_static("openai");
        Self { provider, egress, endpoints: &OPENAI_ENDPOINTS, urls: Urls::new(&OPENAI_ENDPOINTS) }
    }

    /// Replaces a URL (`endpoints.<provider>.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        self
    }

    fn base<'a>(&'a self, credential: &'a Credential) -> Result<Base<'a>, ExecutorError> {
        Base::of(credential)
            .or_else(|| self.urls.get("api").map(Base::new))
            .map(|base| base.without(&ENDS))
            .ok_or_else(|| {
                let message = format!("provider {} has no base-url", self.provider);
                ExecutorError::new(ErrorKind::Misconfigured, message)
            })
    }

    fn request(&self, attempt: &Attempt) -> Result<Request<Bytes>, ExecutorError> {
        let base = self.base(&attempt.credential)?;
        let (path, body) = if attempt.operation == Operation::Compact {
            // Source: providers-b.md 6.2 "with `stream` removed".
            ("/responses/compact", Edits::new().remove("stream").apply(&attempt.body).map_err(not_json)?)
        } else {
            ("/chat/completions", attempt.body.clone())
        };
        let mut request = request(Method::POST, base.join(path)?, body);
        set_headers(request.headers_mut(), attempt)?;
        Ok(request)
    }

    /// Whether a credential may be asked for its models: not when it names a service of its own.
    fn lists(&self, credential: &Credential) -> bool {
        credential.settings().base_url.is_none() && self.urls.get("api").is_some()
    }
}

fn not_json(error: cliproxy_translator::CodecError) -> ExecutorError {
    ExecutorError::new(ErrorKind::InvalidRequest, "the request body is not a JSON object").with_source(error)
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
    headers.remove(AUTHORIZATION);
    if let Some(key) = credential.api_key().or_else(|| credential.access_token()) {
        headers.insert(AUTHORIZATION, bearer(credential, &key)?);
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
            Operation::Generate => &CHAT,
            Operation::Compact => &COMPACT,
            _ => &[],
        }
    }

    /// None of its own: the credential's `models` are all there are (Source: providers-b.md 6.4). OpenAI itself is
    /// asked, and known by heart when it does not answer.
    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        if !self.lists(credential) {
            return Ok(Vec::new());
        }
        let mut request = request(Method::GET, self.base(credential)?.join("/models")?, Bytes::new());
        authorize(request.headers_mut(), credential)?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        let reply = self.egress.listed(self, credential, request).await?;
        let models = openai_models::fetched(&reply.body).unwrap_or_else(openai_models::known);
        Ok(models.into_iter().filter(|model| speaks_chat(model.id.as_str())).collect())
    }

    fn known_models(&self, credential: &Credential) -> Option<Vec<ModelInfo>> {
        if !self.lists(credential) {
            return None;
        }
        Some(openai_models::known().into_iter().filter(|model| speaks_chat(model.id.as_str())).collect())
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let request = self.request(&attempt)?;
        let reply = self.egress.whole(self, &attempt.credential, attempt.now, request).await;
        if attempt.operation == Operation::Compact { reply.map_err(optional) } else { reply }
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let request = self.request(&attempt)?;
        self.egress.stream(self, &attempt.credential, attempt.now, request).await
    }

    /// It renews nothing at all, so no two logins spend each other's tokens.
    fn renewal_spends(&self, _credential: &Credential) -> bool {
        false
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        error::classify(failure)
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

    fn endpoints(&self) -> &[Endpoint] {
        self.endpoints
    }
}

/// Some models of OpenAI answer on the Responses API only.
// Source: OpenAI API reference, "Models", read 2026-11.
fn speaks_chat(model: &str) -> bool {
    !model.contains("codex") && !model.contains("-pro")
}
