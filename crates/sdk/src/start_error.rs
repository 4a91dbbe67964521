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
    #[error(transparent)]
    Listen(#[from] ServeError),
    /// Client keys cannot be checked.
    #[error("access control cannot be set up")]
    Access(#[from] AccessError),
    /// The credential store cannot be read as a whole.
    #[error("the credential store cannot be read")]
    Store(#[from] StoreError),
    /// URLs below `endpoints` are called by nobody, so their providers' own would be.
    #[error(
        "{} replaces no URL, so calls would go where they went; `known_endpoints` lists what there is, and executors of \
         your own say theirs in `ProviderExecutor::endpoints`",
        keys.join(", ")
    )]
    UnknownEndpoints {
        /// The keys.
        keys: Vec<String>,
    },
    /// A format that has routes has no codec.
    #[error("there is no codec for the format {name}")]
    NoCodec {
        /// The format.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_told_once() {
        let taken = ServeError::Bind {
            address: "127.0.0.1:1".to_owned(),
            source: std::io::Error::other("address in use"),
        };
        let error = StartError::from(taken);
        let mut told = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            told.push_str(&format!(": {error}"));
            source = error.source();
        }
        assert_eq!(told, "cannot listen on 127.0.0.1:1: address in use");
    }
}
