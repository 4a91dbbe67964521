//! The trait behind every provider.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, StatusCode};

use crate::{
    AccountQuota, ClientFormat, ClientRequest, Credential, Evidence, ExecutorError, Failure, ModelInfo,
    Operation, ProviderFormat, ProviderId, RequestId, Target, Timestamp, UpstreamModel,
};

/// One try with one credential.
#[derive(Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// The client request it belongs to.
    pub request_id: RequestId,
    /// What is spent.
    pub credential: Arc<Credential>,
    /// The model in the provider's own words; the body already names it where the format has a place for it.
    pub model: UpstreamModel,
    /// The format that `body` is in and the reply has to be in: one of those the executor named.
    pub format: ProviderFormat,
    /// What is asked for.
    pub operation: Operation,
    /// Whether a stream is wanted; the body says the same where the format has a place for it.
    pub stream: bool,
    /// The request in the wire format.
    pub body: Bytes,
    /// The format the client speaks; the same name as `format` when bytes pass through.
    pub client_format: ClientFormat,
    /// The client's headers without its key, for those few that a provider takes over.
    pub client_headers: Arc<HeaderMap>,
    /// Now.
    pub now: Timestamp,
}

impl Attempt {
    /// Whether the client itself speaks the wire format.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.client_format.speaks(&self.format)
    }

    /// The attempt of a client's request on a target, with what goes over the wire.
    #[must_use]
    pub fn of(
        request: &ClientRequest,
        target: &Target,
        format: ProviderFormat,
        body: Bytes,
        stream: bool,
    ) -> Self {
        Self {
            request_id: request.id.clone(),
            credential: Arc::clone(&target.credential),
            model: target.model.clone(),
            format,
            operation: request.operation,
            stream,
            body,
            client_format: request.format.clone(),
            client_headers: Arc::clone(&request.headers),
            now: target.now,
        }
    }

    /// An attempt for tests and embedders; every field can be changed afterwards.
    #[must_use]
    pub fn new(
        credential: Arc<Credential>,
        model: UpstreamModel,
        format: ProviderFormat,
        body: Bytes,
    ) -> Self {
        Self {
            request_id: RequestId::from_static("-"),
            credential,
            model,
            client_format: ClientFormat::new(format.as_str()),
            format,
            operation: Operation::Generate,
            stream: false,
            body,
            client_headers: Arc::new(HeaderMap::new()),
            now: Timestamp::default(),
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("request_id", &self.request_id)
            .field("credential", &self.credential.masked_id())
            .field("model", &self.model)
            .field("format", &self.format)
            .field("operation", &self.operation)
            .field("stream", &self.stream)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Bytes of a reply as they arrive, cut anywhere.
pub type UpstreamBytes = Pin<Box<dyn Stream<Item = Result<Bytes, ExecutorError>> + Send>>;

/// A whole reply in the wire format: always a success, failures are errors.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WireReply {
    /// The status, 2xx.
    pub status: StatusCode,
    /// The reply headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}

impl WireReply {
    /// A reply with status 200.
    #[must_use]
    pub fn new(headers: HeaderMap, body: Bytes) -> Self {
        Self { status: StatusCode::OK, headers, body }
    }
}

/// A streamed reply in the wire format, its framing implied by the format.
#[non_exhaustive]
pub struct WireStream {
    /// The status, 2xx.
    pub status: StatusCode,
    /// The reply headers.
    pub headers: HeaderMap,
    /// The bytes, decompressed, at any chunk boundary. Dropping it cancels the call.
    pub body: UpstreamBytes,
}

impl WireStream {
    /// A stream with status 200.
    #[must_use]
    pub fn new(headers: HeaderMap, body: UpstreamBytes) -> Self {
        Self { status: StatusCode::OK, headers, body }
    }
}

impl fmt::Debug for WireStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireStream").field("status", &self.status).finish_non_exhaustive()
    }
}

/// When a credential is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Renewal {
    /// It never is.
    Never,
    /// This long before its expiry, or this long after the last renewal when the expiry is unknown.
    Lead(Duration),
}

/// Which kinds of reply a provider gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyModes {
    /// Whole replies and streams.
    Both,
    /// Streams only: the bridge aggregates for clients that want a whole reply.
    StreamOnly,
    /// Whole replies only: the bridge replays them as a stream.
    WholeOnly,
}

/// One URL that an executor calls, so that configuration can replace it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Its name under `endpoints.<provider>`.
    pub name: &'static str,
    /// The URL built in.
    pub default: &'static str,
}

impl Endpoint {
    /// An endpoint.
    #[must_use]
    pub const fn new(name: &'static str, default: &'static str) -> Self {
        Self { name, default }
    }
}

/// A provider: it takes a request in a wire format, signs it, sends it and hands back the reply.
///
/// It never sees a client format, never retries and never touches another credential. Every future may be
/// dropped at any await, except [`Self::refresh`]'s, which is run to its end.
#[async_trait]
pub trait ProviderExecutor: fmt::Debug + Send + Sync + 'static {
    /// The provider it serves.
    fn provider(&self) -> &ProviderId;

    /// The formats this provider speaks for a model and an operation, best first. The client's own is
    /// preferred when it is among them. Empty means: not offered; token counts are then estimated, and nothing is
    /// encoded for them.
    fn wire_formats(&self, model: &UpstreamModel, operation: Operation) -> &[ProviderFormat];

    /// As [`wire_formats`](Self::wire_formats), for one credential: those that its service speaks, where one provider
    /// serves several kinds of service.
    fn wire_formats_for(
        &self,
        credential: &Credential,
        model: &UpstreamModel,
        operation: Operation,
    ) -> &[ProviderFormat] {
        let _ = credential;
        self.wire_formats(model, operation)
    }

    /// The models this credential offers, in the provider's own names.
    ///
    /// # Errors
    /// When the list has to be fetched and cannot be.
    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError>;

    /// The models it knows without asking anybody, served until [`models`](Self::models) has answered, and when that
    /// fails. `None` means that there is nothing to ask: `models` answers at once, and its failure is final.
    fn known_models(&self, credential: &Credential) -> Option<Vec<ModelInfo>> {
        let _ = credential;
        None
    }

    /// Sends one request and waits for the whole reply.
    ///
    /// # Errors
    /// Every failure, an HTTP error of the provider included, with its reply attached.
    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError>;

    /// As [`execute`](Self::execute), bytes as they arrive. No task reads ahead of the caller.
    ///
    /// # Errors
    /// Failures before the reply's head; later ones are items of the stream.
    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let _ = attempt;
        Err(ExecutorError::unsupported(self.provider(), "execute_stream"))
    }

    /// Which kinds of reply it gives for a model.
    fn reply_modes(&self, model: &UpstreamModel) -> ReplyModes {
        let _ = model;
        ReplyModes::Both
    }

    /// Renews a credential: returns it with new tokens. The caller saves it. May be called again with the
    /// same credential when the caller could not save.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidGrant`] only when the provider said so in a parsed OAuth error.
    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let _ = credential;
        Err(ExecutorError::unsupported(self.provider(), "refresh"))
    }

    /// When a credential is renewed.
    fn renewal(&self, credential: &Credential) -> Renewal {
        let _ = credential;
        Renewal::Never
    }

    /// Whether a renewal may use up what it is made with, as a refresh token that works once is: then it is not begun
    /// unless what it brings can be kept.
    fn renewal_spends(&self, credential: &Credential) -> bool {
        let _ = credential;
        true
    }

    /// Reads a failure: an HTTP reply, or an error inside a reply that began well.
    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        Evidence::standard(failure)
    }

    /// Counts the tokens of a request without generating. The reply is in the wire format.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] when the provider has no such endpoint: the caller then estimates.
    async fn count_tokens(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let _ = attempt;
        Err(ExecutorError::unsupported(self.provider(), "count_tokens"))
    }

    /// What the account has used of what it may use.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] when the provider does not tell.
    async fn quota(&self, credential: &Credential) -> Result<AccountQuota, ExecutorError> {
        let _ = credential;
        Err(ExecutorError::unsupported(self.provider(), "quota"))
    }

    /// Signs and sends a raw request with this credential (management calls, quota polls).
    ///
    /// # Errors
    /// When the request cannot be sent; a failing status is not an error here.
    async fn http_request(
        &self,
        credential: &Credential,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, ExecutorError> {
        let _ = (credential, request);
        Err(ExecutorError::unsupported(self.provider(), "http_request"))
    }

    /// The URLs it calls, for `endpoints.<provider>.<name>`.
    fn endpoints(&self) -> &[Endpoint] {
        &[]
    }
}
