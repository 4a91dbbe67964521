//! Why a call brought no response head.

use std::io;
use std::time::Duration;

use super::proxy::ProxyUrlError;

/// Which wait ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// Resolving the name, connecting, or shaking hands with TLS or a proxy.
    Connect,
    /// Waiting for the response head.
    FirstByte,
}

/// Why a call brought no response head. Texts name the host at most: never a path, a query or a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The request could never have been sent: no host, a scheme other than http and https, a body that hyper refuses.
    #[error("the request cannot be sent: {reason}")]
    InvalidRequest {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name did not resolve, or nobody accepted the connection.
    #[error("cannot connect to {host}")]
    Connect {
        /// The host we called.
        host: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The TLS handshake with the target failed, or no trust store was found.
    #[error("TLS with {host} failed")]
    Tls {
        /// The host we called.
        host: String,
        /// What TLS said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The proxy is misconfigured, unreachable or refused us. There is no silent direct connection.
    #[error("the proxy {proxy} failed: {reason}")]
    Proxy {
        /// The proxy, without its password.
        proxy: String,
        /// What went wrong.
        reason: String,
        /// The cause below, if there is one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A deadline passed.
    #[error("{host} did not answer within {limit:?} ({phase:?})")]
    Timeout {
        /// The host we called.
        host: String,
        /// Which wait it was.
        phase: TimeoutPhase,
        /// How long we waited.
        limit: Duration,
    },
    /// The connection was closed or reset before a response head came.
    #[error("{host} closed the connection before it answered")]
    Closed {
        /// The host we called.
        host: String,
        /// What hyper said.
        #[source]
        source: hyper::Error,
    },
    /// What came back is not HTTP.
    #[error("{host} did not answer in valid HTTP")]
    Protocol {
        /// The host we called.
        host: String,
        /// What hyper said.
        #[source]
        source: hyper::Error,
    },
    /// The client is shutting down.
    #[error("the HTTP client is closed")]
    ShuttingDown,
}

impl SendError {
    /// Whether the endpoint (rather than the request, our proxy or ourselves) is to blame: such failures count
    /// against the host, never against the credential.
    #[must_use]
    pub fn is_endpoint_fault(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Protocol { .. } => true,
            Self::InvalidRequest { .. } | Self::Proxy { .. } | Self::ShuttingDown => false,
        }
    }

    /// Whether the request may have reached the target before the failure. When it did not, trying again cannot
    /// do anything twice.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Timeout { phase: TimeoutPhase::FirstByte, .. }
            | Self::Closed { .. }
            | Self::Protocol { .. } => true,
            Self::InvalidRequest { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Proxy { .. }
            | Self::Timeout { .. }
            | Self::ShuttingDown => false,
        }
    }

    /// Whether a deadline passed.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    pub(crate) fn from_hyper(host: &str, source: hyper::Error) -> Self {
        let host = host.to_owned();
        if source.is_parse() {
            Self::Protocol { host, source }
        } else if source.is_user() {
            Self::InvalidRequest { reason: "hyper refused its method, headers or body" }
        } else {
            Self::Closed { host, source }
        }
    }

    pub(crate) fn tls(host: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Tls { host: host.to_owned(), source: source.into() }
    }
}

/// For [`SendError::Proxy`] of a proxy named in the environment that cannot be used.
impl From<&ProxyUrlError> for SendError {
    fn from(error: &ProxyUrlError) -> Self {
        let source = Some(Box::new(error.clone()) as _);
        Self::Proxy { proxy: "of the environment".to_owned(), reason: error.to_string(), source }
    }
}
