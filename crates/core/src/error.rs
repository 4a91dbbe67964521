//! Failures of a provider. An error answers without string matching: whose fault it is, whether to try again,
//! what it says about the credential and what status the client sees.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::{ProviderId, Timestamp};

/// What went wrong, as far as scheduling and the client care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is at fault (400, 409, 422): another credential would say the same.
    InvalidRequest,
    /// The request is too large for the provider (413, or a context-length error).
    TooLarge,
    /// The access token or key was refused (401).
    Unauthorized,
    /// The account has to pay (402).
    PaymentRequired,
    /// The account may not do this (403).
    Forbidden,
    /// The provider does not know the model for this account (404).
    NotFound,
    /// The provider knows the model but this account may not use it (400 or 422 that says so).
    ModelNotSupported,
    /// A quota or rate limit (429).
    RateLimited,
    /// The refresh token is dead: a parsed OAuth error code said so.
    InvalidGrant,
    /// The provider is overloaded (503, 529).
    Overloaded,
    /// The provider failed (500, 502, 504 and other 5xx).
    Server,
    /// A deadline passed (408, connecting, first byte).
    Timeout,
    /// The provider could not be reached: name, socket, TLS, proxy.
    Connect,
    /// The reply broke off before its end.
    Interrupted,
    /// The stream ended without anything in it.
    EmptyStream,
    /// The reply is not what the wire format says: HTML, garbage, broken JSON.
    BadReply,
    /// A challenge page of a content delivery network stood in for the API.
    Challenge,
    /// An optional endpoint (token count, compaction) does not exist there: says nothing about the model.
    EndpointMissing,
    /// This executor does not offer the operation.
    Unsupported,
    /// The credential lacks something it needs (a base URL, a token): a person must complete it.
    Misconfigured,
    /// The client went away.
    Cancelled,
    /// A fault of ours.
    Internal,
}

/// What the conductor may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Return the error: nothing else would help.
    GiveUp,
    /// Renew the credential once and try it again, else go on to the next.
    RenewThenRetry,
    /// Try the next credential.
    NextCredential,
}

/// What has to cool down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// Nothing: the failure is about this request alone.
    Request,
    /// The model on this credential.
    Model,
    /// The whole credential.
    Credential,
}

impl ErrorKind {
    /// The status a client sees when no reply of the provider is at hand. A failure of *our* credential is
    /// 503: the client's own key is fine and it could do nothing about it (Source: design.md §6).
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest | Self::ModelNotSupported => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthorized
            | Self::Forbidden
            | Self::PaymentRequired
            | Self::InvalidGrant
            | Self::Misconfigured
            | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Server
            | Self::Connect
            | Self::Interrupted
            | Self::EmptyStream
            | Self::BadReply
            | Self::Challenge => StatusCode::BAD_GATEWAY,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::EndpointMissing | Self::Unsupported => StatusCode::NOT_IMPLEMENTED,
            Self::Cancelled => StatusCode::REQUEST_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What may be tried next.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::InvalidRequest | Self::TooLarge | Self::Cancelled | Self::Internal => Verdict::GiveUp,
            Self::Unauthorized => Verdict::RenewThenRetry,
            Self::PaymentRequired
            | Self::Forbidden
            | Self::NotFound
            | Self::ModelNotSupported
            | Self::RateLimited
            | Self::InvalidGrant
            | Self::Overloaded
            | Self::Server
            | Self::Timeout
            | Self::Connect
            | Self::Interrupted
            | Self::EmptyStream
            | Self::BadReply
            | Self::Challenge
            | Self::EndpointMissing
            | Self::Unsupported
            | Self::Misconfigured => Verdict::NextCredential,
        }
    }

    /// What has to cool down, unless the evidence says more.
    // Source: runtime.md D.6 (per model), D.7 (connection failures and request faults cool nothing).
    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Self::InvalidRequest
            | Self::TooLarge
            | Self::EndpointMissing
            | Self::Unsupported
            | Self::Cancelled
            | Self::Internal => Scope::Request,
            Self::NotFound
            | Self::ModelNotSupported
            | Self::RateLimited
            | Self::Overloaded
            | Self::Server
            | Self::Timeout
            | Self::Connect
            | Self::Interrupted
            | Self::EmptyStream
            | Self::BadReply
            | Self::Challenge
            | Self::Forbidden => Scope::Model,
            Self::Unauthorized | Self::PaymentRequired | Self::InvalidGrant | Self::Misconfigured => {
                Scope::Credential
            }
        }
    }

    /// Whether the endpoint is at fault rather than the credential: such attempts share a small budget, so
    /// that an outage is no storm.
    #[must_use]
    pub fn is_endpoint_fault(self) -> bool {
        match self {
            Self::Overloaded
            | Self::Server
            | Self::Timeout
            | Self::Connect
            | Self::Interrupted
            | Self::EmptyStream
            | Self::BadReply
            | Self::Challenge => true,
            Self::InvalidRequest
            | Self::TooLarge
            | Self::Unauthorized
            | Self::PaymentRequired
            | Self::Forbidden
            | Self::NotFound
            | Self::ModelNotSupported
            | Self::RateLimited
            | Self::InvalidGrant
            | Self::EndpointMissing
            | Self::Unsupported
            | Self::Misconfigured
            | Self::Cancelled
            | Self::Internal => false,
        }
    }

    /// The name used in logs and explanations.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::TooLarge => "too_large",
            Self::Unauthorized => "unauthorized",
            Self::PaymentRequired => "payment_required",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::ModelNotSupported => "model_not_supported",
            Self::RateLimited => "rate_limited",
            Self::InvalidGrant => "invalid_grant",
            Self::Overloaded => "overloaded",
            Self::Server => "server_error",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Interrupted => "interrupted",
            Self::EmptyStream => "empty_stream",
            Self::BadReply => "bad_reply",
            Self::Challenge => "challenge",
            Self::EndpointMissing => "endpoint_missing",
            Self::Unsupported => "unsupported",
            Self::Misconfigured => "misconfigured",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// Where a failure showed itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureStage {
    /// The HTTP reply had a failing status.
    Http,
    /// An error arrived inside a reply that began well: an error event, or a 2xx body that is an error.
    InStream,
    /// A token endpoint answered with a failure.
    Token,
}

/// What a provider said when it failed: the input of [`crate::ProviderExecutor::classify`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// Where it showed itself.
    pub stage: FailureStage,
    /// The status of the reply, or the one named inside it.
    pub status: Option<StatusCode>,
    /// The headers of the reply.
    pub headers: &'a HeaderMap,
    /// The body of the reply, decompressed, or the error event's data.
    pub body: &'a [u8],
    /// Now, for dates in headers.
    pub now: Timestamp,
}

impl<'a> Failure<'a> {
    /// A failing HTTP reply.
    #[must_use]
    pub fn http(status: StatusCode, headers: &'a HeaderMap, body: &'a [u8], now: Timestamp) -> Self {
        Self { stage: FailureStage::Http, status: Some(status), headers, body, now }
    }

    /// An error inside a reply that began well.
    #[must_use]
    pub fn in_stream(
        status: Option<StatusCode>,
        headers: &'a HeaderMap,
        body: &'a [u8],
        now: Timestamp,
    ) -> Self {
        Self { stage: FailureStage::InStream, status, headers, body, now }
    }

    /// The same failure in other words: for providers that keep the error where the standard reading does not look.
    #[must_use]
    pub fn with_body<'b>(&self, body: &'b [u8]) -> Failure<'b>
    where
        'a: 'b,
    {
        Failure { stage: self.stage, status: self.status, headers: self.headers, body, now: self.now }
    }
}

/// What a failure proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// What went wrong.
    pub kind: ErrorKind,
    /// When the provider says to come back: evidence, not an order; the ledger bounds it.
    pub retry_after: Option<Duration>,
    /// What it covers.
    pub scope: Scope,
}

impl Evidence {
    /// Evidence with the kind's own scope and no hint.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, retry_after: None, scope: kind.scope() }
    }

    /// Adds the provider's hint.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Says what it covers.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The reading that fits every provider without rules of its own.
    #[must_use]
    pub fn standard(failure: &Failure<'_>) -> Self {
        standard::read(failure)
    }
}

mod standard;

pub use standard::retry_after;

/// A failed attempt.
///
/// `Display` is one lower-case clause without secrets; the provider's own reply travels in [`Self::body`].
#[derive(Debug)]
pub struct ExecutorError(Box<Inner>);

struct Inner {
    evidence: Evidence,
    status: Option<StatusCode>,
    headers: HeaderMap,
    body: Bytes,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorError")
            .field("evidence", &self.evidence)
            .field("status", &self.status)
            .field("message", &self.message)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl ExecutorError {
    /// An error of a kind, told in one lower-case clause.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::from_evidence(Evidence::new(kind), message)
    }

    /// An error from evidence.
    #[must_use]
    pub fn from_evidence(evidence: Evidence, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            evidence,
            status: None,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            message: message.into(),
            source: None,
        }))
    }

    /// The executor of `provider` does not offer `operation`.
    #[must_use]
    pub fn unsupported(provider: &ProviderId, operation: &str) -> Self {
        Self::new(ErrorKind::Unsupported, format!("provider {provider} does not offer {operation}"))
    }

    /// Attaches the provider's reply.
    #[must_use]
    pub fn with_reply(mut self, status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        self.0.status = Some(status);
        self.0.headers = headers;
        self.0.body = body;
        self
    }

    /// Attaches the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.evidence.kind
    }

    /// What it proves.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.0.evidence
    }

    /// The provider's status, when there was a reply.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// The provider's reply headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The provider's reply body, in the wire format of the attempt.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// One clause for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for ExecutorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for ExecutorError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
