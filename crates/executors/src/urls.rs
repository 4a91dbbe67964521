//! The URLs of a provider: built in, each replaceable under `endpoints.<provider>.<name>`.

use cliproxy_core::{Credential, Endpoint, ErrorKind, ExecutorError};
use http::Uri;

/// A provider's URLs by name.
#[derive(Clone, Debug, Default)]
pub struct Urls {
    entries: Vec<(String, String)>,
}

impl Urls {
    /// The URLs built in.
    #[must_use]
    pub fn new(defaults: &[Endpoint]) -> Self {
        let entry = |endpoint: &Endpoint| (endpoint.name.to_owned(), trimmed(endpoint.default));
        Self { entries: defaults.iter().map(entry).collect() }
    }

    /// With one of them replaced, or added.
    #[must_use]
    pub fn with_override(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        let (name, url) = (name.into(), trimmed(url.as_ref()));
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = url,
            None => self.entries.push((name, url)),
        }
        self
    }

    /// One URL, without a slash at its end.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, url)| url.as_str())
    }
}

fn trimmed(url: &str) -> String {
    url.trim().trim_end_matches('/').to_owned()
}

/// The credential's own root without a slash at its end.
pub(crate) fn own_base(credential: &Credential) -> Option<&str> {
    let base = credential.settings().base_url.as_deref()?.trim().trim_end_matches('/');
    (!base.is_empty()).then_some(base)
}

/// Puts root and path together.
pub(crate) fn join(base: &str, path: &str) -> Result<Uri, ExecutorError> {
    format!("{base}{path}").parse().map_err(|_| {
        ExecutorError::new(
            ErrorKind::Misconfigured,
            "the base URL of this credential is not a URL: correct `base-url`",
        )
    })
}
