//! The executor.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, Endpoint, ErrorKind, Evidence, ExecutorError, Failure, ModelInfo, Operation,
    ProviderExecutor, ProviderFormat, ProviderId, Timestamp, UpstreamModel, WireReply, WireStream,
};
use cliproxy_relay::{Exchange, Outbound, Relay};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, Response, Uri};
use serde_json::Value;

use super::body;
use super::reply::{self, Asker};
use crate::Urls;
use crate::egress::optional;
use crate::google::{body as google, error, models};
use crate::headers::apply_credential_headers;
use crate::urls::{Base, segment};

const PROVIDER: ProviderId = ProviderId::from_static("aistudio");
const API: &str = "https://generativelanguage.googleapis.com";
static FORMATS: [ProviderFormat; 1] = [ProviderFormat::GEMINI];
static ENDPOINTS: [Endpoint; 1] = [Endpoint::new("api", API)];

/// Serves Gemini models through pages that are connected to a relay.
#[derive(Clone, Debug)]
pub struct AistudioExecutor {
    provider: ProviderId,
    relay: Relay,
    urls: Urls,
    first_byte: Option<Duration>,
}

impl AistudioExecutor {
    /// An executor for the sessions of this relay: a credential's id is the name of its session.
    #[must_use]
    pub fn new(relay: Relay) -> Self {
        Self { provider: PROVIDER, relay, urls: Urls::new(&ENDPOINTS), first_byte: None }
    }

    /// Replaces a URL (`endpoints.aistudio.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        self
    }

    /// How long a page may take to begin its reply; for ever without.
    #[must_use]
    pub fn with_first_byte_timeout(mut self, limit: Option<Duration>) -> Self {
        self.first_byte = limit;
        self
    }

    fn uri(&self, model: &UpstreamModel, action: &str) -> Result<Uri, ExecutorError> {
        let base = Base::new(self.urls.get("api").unwrap_or(API)).without(&["/models"]);
        let version = if base.version().is_some() { "" } else { "/v1beta" };
        base.join(&format!("{version}/models/{}:{action}", segment(name_of(model))))
    }

    async fn send(&self, attempt: &Attempt, action: &str, body: &Bytes) -> Result<Exchange, ExecutorError> {
        let uri = self.uri(&attempt.model, action)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        apply_credential_headers(&mut headers, &attempt.credential, &attempt.client_headers);
        self.relayed(&attempt.credential, &Method::POST, &uri, &headers, body, attempt.now).await
    }

    async fn relayed(
        &self,
        credential: &Credential,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
        now: Timestamp,
    ) -> Result<Exchange, ExecutorError> {
        let body = std::str::from_utf8(body).map_err(|error| {
            let message = "the request body is not text, and a page can be sent nothing else";
            ExecutorError::new(ErrorKind::InvalidRequest, message).with_source(error)
        })?;
        let uri = uri.to_string();
        let request = Outbound::new(method, &uri, headers, body, now);
        self.relay.send(credential.id().as_str(), &request).await.map_err(reply::not_sent)
    }

    fn asker(&self, now: Timestamp) -> Asker<'_> {
        Asker { executor: self, now, first_byte: self.first_byte, raw: false }
    }
}

fn name_of(model: &UpstreamModel) -> &str {
    model.as_str().strip_prefix("models/").unwrap_or(model.as_str())
}

/// A count of nothing is no count. Source: providers-a.md 8.3 "`totalTokens` ≤ 0 ⇒ error".
fn counted(reply: WireReply) -> Result<WireReply, ExecutorError> {
    let told: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if told.get("totalTokens").and_then(Value::as_i64).is_some_and(|total| total > 0) {
        return Ok(reply);
    }
    Err(ExecutorError::new(ErrorKind::BadReply, "the page's reply has no token count in it"))
}

#[async_trait]
impl ProviderExecutor for AistudioExecutor {
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
        if self.relay.is_connected(credential.id().as_str()) {
            return Ok(models::aistudio());
        }
        let message =
            format!("no page of the name {} is connected: pages connect to /v1/ws", credential.masked_id());
        Err(ExecutorError::new(ErrorKind::Misconfigured, message))
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let exchange = self.send(&attempt, "generateContent", &body::generate(&attempt.body)?).await?;
        self.asker(attempt.now).whole(exchange).await
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let body = body::generate(&attempt.body)?;
        let exchange = self.send(&attempt, "streamGenerateContent?alt=sse", &body).await?;
        self.asker(attempt.now).streamed(exchange).await
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        error::classify(failure)
    }

    async fn count_tokens(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let body = google::count(&attempt.body, name_of(&attempt.model))?;
        let exchange = self.send(&attempt, "countTokens", &body).await?;
        counted(self.asker(attempt.now).whole(exchange).await.map_err(optional)?)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        let (mut head, body) = request.into_parts();
        apply_credential_headers(&mut head.headers, credential, &HeaderMap::new());
        let now = Timestamp::from_system_time(std::time::SystemTime::now());
        let exchange = self.relayed(credential, &head.method, &head.uri, &head.headers, &body, now).await?;
        let reply = Asker { raw: true, ..self.asker(now) }.whole(exchange).await?;
        let mut response = Response::new(reply.body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        Ok(response)
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
