//! Why a service cannot start.

use cliproxy_core::{AccessError, StoreError};
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
    /// The credential store cannot be read as a whole.
    #[error("the credential store cannot be read")]
    Store(#[from] StoreError),
    /// A format that has routes has no codec.
    #[error("there is no codec for the format {name}")]
    NoCodec {
        /// The format.
        name: String,
    },
}
