//! How one call goes out.

use std::time::Duration;

use super::proxy::ProxyChoice;

/// The way one call goes out: through which proxy, and how long we wait for its first byte.
///
/// It comes from the credential, so that a credential's `proxy_url` cannot be forgotten. The default is the
/// environment's proxy and the client's own first-byte deadline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Via {
    proxy: ProxyChoice,
    first_byte: Deadline,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Deadline {
    #[default]
    AsClient,
    Off,
    After(Duration),
}

impl Via {
    /// The environment's proxy, the client's deadlines.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Straight to the target, whatever the environment says.
    #[must_use]
    pub fn direct() -> Self {
        Self::new().with_proxy(ProxyChoice::Direct)
    }

    /// Goes through this proxy.
    #[must_use]
    pub fn with_proxy(mut self, proxy: impl Into<ProxyChoice>) -> Self {
        self.proxy = proxy.into();
        self
    }

    /// Fails the call when no response head has come after this long.
    #[must_use]
    pub fn with_first_byte_timeout(mut self, limit: Duration) -> Self {
        self.first_byte = Deadline::After(limit);
        self
    }

    /// Waits for the response head as long as it takes.
    #[must_use]
    pub fn without_first_byte_timeout(mut self) -> Self {
        self.first_byte = Deadline::Off;
        self
    }

    /// The proxy chosen.
    #[must_use]
    pub fn proxy(&self) -> &ProxyChoice {
        &self.proxy
    }

    pub(crate) fn first_byte(&self, client: Option<Duration>) -> Option<Duration> {
        match self.first_byte {
            Deadline::AsClient => client,
            Deadline::Off => None,
            Deadline::After(limit) => Some(limit),
        }
    }
}
