//! Where a credential's requests go.

use std::hash::{DefaultHasher, Hash, Hasher};

use cliproxy_core::Credential;

/// What an outage takes down together. The conductor knows no hosts; this is as near as it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Who answers: a provider, or its replacement under a base URL.
    pub(crate) host: u64,
    /// The way there: through the configuration's proxy, or the credential's own.
    pub(crate) way: u64,
}

impl Endpoint {
    pub(crate) fn of(credential: &Credential) -> Self {
        let settings = credential.settings();
        let mut hasher = DefaultHasher::new();
        (credential.provider(), &settings.base_url).hash(&mut hasher);
        let host = hasher.finish();
        // Hashed further in any case: the two are looked for in one list.
        settings.proxy.as_ref().map(|proxy| proxy.expose()).hash(&mut hasher);
        Self { host, way: hasher.finish() }
    }
}
