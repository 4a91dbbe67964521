//! The executor.

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo, Operation,
    ProviderExecutor, ProviderFormat, ProviderId, UpstreamModel, WireReply, WireStream,
};
use http::{HeaderMap, Method, Request, Response, Uri};
use serde_json::Value;

use crate::egress::{self, optional};
use crate::google::{body, error, models, request};
use crate::headers::apply_credential_headers;
use crate::urls::{Base, segment};
use crate::{Egress, Urls};

const PROVIDER: ProviderId = ProviderId::from_static("gemini");
const API: &str = "https://generativelanguage.googleapis.com";
static FORMATS: [ProviderFormat; 1] = [ProviderFormat::GEMINI];
static ENDPOINTS: [Endpoint; 1] = [Endpoint::new("api", API)];

/// Pages of a model list that are read; one holds up to a thousand models.
const MAX_PAGES: usize = 20;

/// Serves Gemini models.
#[derive(Clone, Debug)]
pub struct GeminiExecutor {
    provider: ProviderId,
    egress: Egress,
    urls: Urls,
}

impl GeminiExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { provider: PROVIDER, egress, urls: Urls::new(&ENDPOINTS) }
    }

    /// Replaces a URL (`endpoints.gemini.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        self
    }

    fn base<'a>(&'a self, credential: &'a Credential) -> Result<Base<'a>, ExecutorError> {
        if let Some(own) = Base::of(credential) {
            return Ok(own.without(&["/models"]));
        }
        if credential.api_key().is_none() {
            let message = format!("credential {} has no api-key", credential.masked_id());
            return Err(ExecutorError::new(ErrorKind::Misconfigured, message));
        }
        Ok(Base::new(self.urls.get("api").unwrap_or(API)))
    }

    /// Source: providers-a.md 4.5: a root that has a version does not get another.
    fn uri(&self, credential: &Credential, path: [&str; 4]) -> Result<Uri, ExecutorError> {
        let base = self.base(credential)?;
        let version = if base.version().is_some() { "" } else { "/v1beta" };
        let [what, name, joint, rest] = path;
        base.join_all(&[version, what, name, joint, rest])
    }

    fn request(&self, attempt: &Attempt, action: &str, body: Bytes) -> Result<Request<Bytes>, ExecutorError> {
        let (what, name) = match attempt.model.as_str().strip_prefix("tunedModels/") {
            Some(tuned) => ("/tunedModels/", tuned),
            None => ("/models/", name_of(&attempt.model)),
        };
        let uri = self.uri(&attempt.credential, [what, &segment(name), ":", action])?;
        let mut request = egress::request(Method::POST, uri, body);
        request::set(request.headers_mut(), attempt)?;
        Ok(request)
    }

    async fn page(&self, credential: &Credential, token: &str) -> Result<Value, ExecutorError> {
        let key = if token.is_empty() { "" } else { "&pageToken=" };
        let uri = self.uri(credential, ["/models?pageSize=1000", key, &segment(token), ""])?;
        let mut request = egress::request(Method::GET, uri, Bytes::new());
        request::authorize(request.headers_mut(), credential)?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        let reply = self.egress.listed(self, credential, request).await?;
        serde_json::from_slice(&reply.body).map_err(|error| {
            ExecutorError::new(ErrorKind::BadReply, "the list of models is not JSON").with_source(error)
        })
    }
}

fn name_of(model: &UpstreamModel) -> &str {
    model.as_str().strip_prefix("models/").unwrap_or(model.as_str())
}

#[async_trait]
impl ProviderExecutor for GeminiExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate | Operation::CountTokens => &FORMATS,
            _ => &[],
        }
    }

    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        let mut found = Vec::new();
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let page = self.page(credential, &token).await?;
            let items = page.get("models").and_then(Value::as_array);
            found.extend(items.into_iter().flatten().filter_map(models::of_item));
            match page.get("nextPageToken").and_then(Value::as_str) {
                Some(next) if !next.is_empty() && next != token => token = next.to_owned(),
                _ => break,
            }
        }
        if found.is_empty() {
            return Err(ExecutorError::new(ErrorKind::BadReply, "the provider's list of models names none"));
        }
        Ok(found)
    }

    fn known_models(&self, credential: &Credential) -> Option<Vec<ModelInfo>> {
        self.base(credential).is_ok().then(|| models::list(models::GEMINI))
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let request = self.request(&attempt, "generateContent", body::generate(&attempt.body)?)?;
        self.egress.whole(self, &attempt.credential, attempt.now, request).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let body = body::generate(&attempt.body)?;
        let request = self.request(&attempt, "streamGenerateContent?alt=sse", body)?;
        self.egress.stream(self, &attempt.credential, attempt.now, request).await
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        error::classify(failure)
    }

    async fn count_tokens(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let body = body::count(&attempt.body, name_of(&attempt.model))?;
        let request = self.request(&attempt, "countTokens", body)?;
        self.egress.whole(self, &attempt.credential, attempt.now, request).await.map_err(optional)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        request::authorize(request.headers_mut(), credential)?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        self.egress.raw(credential, request).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
