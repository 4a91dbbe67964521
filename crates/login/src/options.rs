//! What flows are given.

use std::collections::BTreeMap;
use std::sync::Arc;

use cliproxy_core::Secret;
use cliproxy_transport::oauth::{Pace, RealTime};
use cliproxy_transport::{HttpClient, ProxyChoice};

/// An OAuth client in place of the built-in one, or the secret that is not built in.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OauthClient {
    /// The client id.
    pub id: Option<String>,
    /// The client secret.
    pub secret: Option<Secret>,
}

impl OauthClient {
    /// A client.
    #[must_use]
    pub fn new(id: Option<String>, secret: Option<Secret>) -> Self {
        Self { id, secret }
    }
}

/// What flows are given. Cheap to clone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// What calls go out through.
    pub http: HttpClient,
    /// The proxy of every call.
    pub proxy: ProxyChoice,
    /// URLs in place of the built-in ones: provider, name, URL.
    pub endpoints: BTreeMap<(String, String), String>,
    /// OAuth clients by provider.
    pub clients: BTreeMap<String, OauthClient>,
    /// What waits, and tells the time.
    pub pace: Arc<dyn Pace>,
}

impl Options {
    /// Built-in URLs and clients, real time.
    #[must_use]
    pub fn new(http: HttpClient, proxy: ProxyChoice) -> Self {
        Self { http, proxy, endpoints: BTreeMap::new(), clients: BTreeMap::new(), pace: Arc::new(RealTime) }
    }

    /// Replaces a URL.
    #[must_use]
    pub fn with_endpoint(
        mut self,
        provider: impl Into<String>,
        name: impl Into<String>,
        url: impl Into<String>,
    ) -> Self {
        self.endpoints.insert((provider.into(), name.into()), url.into());
        self
    }

    /// Replaces an OAuth client.
    #[must_use]
    pub fn with_client(mut self, provider: impl Into<String>, client: OauthClient) -> Self {
        self.clients.insert(provider.into(), client);
        self
    }

    /// Waits in another way.
    #[must_use]
    pub fn with_pace(mut self, pace: Arc<dyn Pace>) -> Self {
        self.pace = pace;
        self
    }
}
