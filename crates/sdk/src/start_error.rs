//! Why a service cannot start.

use cliproxy_core::AccessError;
use cliproxy_transport::{ProxyUrlError, ServeError};

/// Why a service cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The proxy of the configuration cannot be used.
    #[error("`proxy-url` cannot be used")]
    Proxy(#[from] ProxyUrlError),
    /// The listener cannot be opened.
    #[error("cannot listen")]
    Listen(#[from] ServeError),
    /// Client keys cannot be checked.
    #[error("access control cannot be set up")]
    Access(#[from] AccessError),
    /// A format that has routes has no codec.
    #[error("there is no codec for the format {name}")]
    NoCodec {
        /// The format.
        name: String,
    },
}
