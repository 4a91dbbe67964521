//! What a client is told when something failed, before its format is known.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::ProviderFormat;

/// The kinds of failure that client formats distinguish. Source: translation.md B76.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientErrorKind {
    /// The request is malformed or asks for what cannot be.
    InvalidRequest,
    /// No client key, or a wrong one.
    Authentication,
    /// An account has to pay.
    Billing,
    /// The client may not do this.
    Permission,
    /// No such route or thing.
    NotFound,
    /// No credential offers this model.
    ModelNotFound,
    /// The route exists, the method does not.
    MethodNotAllowed,
    /// The client was too slow in sending.
    RequestTimeout,
    /// The body is too large.
    TooLarge,
    /// The body has an encoding that we do not read.
    UnsupportedEncoding,
    /// A rate limit or quota of the provider.
    RateLimited,
    /// All credentials for the model are cooling down.
    ModelCooldown,
    /// A fault of ours.
    Internal,
    /// Not offered here.
    Unsupported,
    /// The provider failed or answered nonsense.
    BadGateway,
    /// No credential can serve now.
    Unavailable,
    /// The provider or this server is overloaded.
    Overloaded,
    /// The provider took too long.
    GatewayTimeout,
}

impl ClientErrorKind {
    /// The status that goes with the kind.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Authentication => StatusCode::UNAUTHORIZED,
            Self::Billing => StatusCode::PAYMENT_REQUIRED,
            Self::Permission => StatusCode::FORBIDDEN,
            Self::NotFound | Self::ModelNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited | Self::ModelCooldown => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unsupported => StatusCode::NOT_IMPLEMENTED,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::Unavailable | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The kind that a status stands for.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Authentication,
            402 => Self::Billing,
            403 => Self::Permission,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 => Self::RequestTimeout,
            413 => Self::TooLarge,
            415 => Self::UnsupportedEncoding,
            429 => Self::RateLimited,
            500 => Self::Internal,
            501 => Self::Unsupported,
            503 | 529 => Self::Overloaded,
            504 => Self::GatewayTimeout,
            505.. | 502 => Self::BadGateway,
            _ => Self::InvalidRequest,
        }
    }
}

/// A provider's own error reply, to be passed on or re-dressed by the client's codec.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamBody {
    /// The wire format it is in.
    pub format: ProviderFormat,
    /// The reply, decompressed, masked and bounded.
    pub body: Bytes,
}

impl UpstreamBody {
    /// A reply in a format.
    #[must_use]
    pub fn new(format: ProviderFormat, body: Bytes) -> Self {
        Self { format, body }
    }
}

/// A failure as the client will learn it. The client's codec writes it in the client's format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ClientError {
    /// The kind.
    pub kind: ClientErrorKind,
    /// The status; the kind's own unless the provider's is passed on.
    pub status: StatusCode,
    /// A sentence for people: what is wrong and what would be right. No secrets.
    pub message: String,
    /// The provider's or our own error code, when there is one.
    pub code: Option<String>,
    /// The request member at fault, when known.
    pub param: Option<String>,
    /// When it makes sense to come back.
    pub retry_after: Option<Duration>,
    /// The model, for cooldown errors.
    pub model: Option<String>,
    /// The provider's own reply.
    pub upstream: Option<UpstreamBody>,
    /// Reply headers to add.
    pub headers: HeaderMap,
}

impl ClientError {
    /// An error of a kind with the kind's status.
    #[must_use]
    pub fn new(kind: ClientErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: kind.status(),
            message: message.into(),
            code: None,
            param: None,
            retry_after: None,
            model: None,
            upstream: None,
            headers: HeaderMap::new(),
        }
    }

    /// Replaces the status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds a code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Names the request member at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Names the model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Attaches the provider's reply.
    #[must_use]
    pub fn with_upstream(mut self, upstream: UpstreamBody) -> Self {
        self.upstream = Some(upstream);
        self
    }
}
