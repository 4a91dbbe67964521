//! The URLs of a provider: built in, each replaceable under `endpoints.<provider>.<name>`, or the credential's own.

use std::borrow::Cow;

use cliproxy_core::{Credential, Endpoint, ErrorKind, ExecutorError};
use http::Uri;

mod read;

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

/// A root to which paths are added. It may have a query of its own (`?api-version=…`), which stays at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base<'a> {
    root: &'a str,
    query: &'a str,
}

impl<'a> Base<'a> {
    pub(crate) fn new(url: &'a str) -> Self {
        let url = url.trim();
        let url = url.split_once('#').map_or(url, |(url, _)| url);
        let (root, query) = url.split_once('?').unwrap_or((url, ""));
        Self { root: root.trim_end_matches('/'), query }
    }

    /// The credential's own root.
    pub(crate) fn of(credential: &'a Credential) -> Option<Self> {
        let base = Self::new(credential.settings().base_url.as_deref()?);
        (!base.root.is_empty()).then_some(base)
    }

    /// People paste whole URLs: these ends are taken off, in order, each once.
    pub(crate) fn without(mut self, ends: &[&str]) -> Self {
        for end in ends {
            self.root = self.root.strip_suffix(end).unwrap_or(self.root).trim_end_matches('/');
        }
        self
    }

    pub(crate) fn root(&self) -> &'a str {
        self.root
    }

    /// The host, without port; empty when there is none.
    pub(crate) fn host(&self) -> &'a str {
        let rest = self.root.split_once("://").map_or(self.root, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or(rest);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        host.split_once(':').map_or(host, |(host, _)| host)
    }

    /// The version at the end of the path: `v1`, `v1beta`.
    pub(crate) fn version(&self) -> Option<&'a str> {
        let last = self.root.rsplit_once('/')?.1;
        let digits = last.strip_prefix('v')?;
        digits.starts_with(|first: char| first.is_ascii_digit()).then_some(last)
    }

    /// Root and path together. The path may have a query.
    pub(crate) fn join(&self, path: &str) -> Result<Uri, ExecutorError> {
        self.join_all(&[path])
    }

    /// As [`Self::join`], of a path in pieces.
    pub(crate) fn join_all(&self, path: &[&str]) -> Result<Uri, ExecutorError> {
        let asks = path.iter().any(|piece| piece.contains('?'));
        let separator = match (self.query.is_empty(), asks) {
            (true, _) => "",
            (false, true) => "&",
            (false, false) => "?",
        };
        let parts = || [self.root].into_iter().chain(path.iter().copied()).chain([separator, self.query]);
        read::uri(parts).ok_or_else(|| {
            ExecutorError::new(
                ErrorKind::Misconfigured,
                "the base URL of this credential is not a URL: correct `base-url`",
            )
        })
    }
}

/// A model as one segment of a path.
pub(crate) fn segment(model: &str) -> Cow<'_, str> {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@');
    if model.bytes().all(stays) {
        return Cow::Borrowed(model);
    }
    let mut out = String::with_capacity(model.len() + 8);
    for byte in model.bytes() {
        if stays(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            let hex =
                |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase();
            out.push(hex(byte >> 4));
            out.push(hex(byte & 15));
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_and_a_path_make_one_url_however_the_root_is_written() {
        for (base, ends, path, expected) in [
            ("https://h/v1", &[][..], "/chat/completions", "https://h/v1/chat/completions"),
            (" https://h/v1/// ", &[], "/chat/completions", "https://h/v1/chat/completions"),
            ("https://h/v1/chat/completions/", &["/chat/completions"], "/models", "https://h/v1/models"),
            ("https://h/v1/messages", &["/messages", "/v1"], "/v1/messages", "https://h/v1/messages"),
            ("https://h/v1/", &["/messages", "/v1"], "/v1/messages", "https://h/v1/messages"),
            ("https://h", &["/messages", "/v1"], "/v1/messages", "https://h/v1/messages"),
            ("https://h/d?api-version=2", &[], "/x", "https://h/d/x?api-version=2"),
            ("https://h/d/?api-version=2", &[], "/x?alt=sse", "https://h/d/x?alt=sse&api-version=2"),
            ("https://h/#part", &[], "/x", "https://h/x"),
        ] {
            let base = Base::new(base).without(ends);
            assert_eq!(base.join(path).unwrap().to_string(), expected, "{base:?}");
            let (head, tail) = path.split_at(2);
            assert_eq!(base.join_all(&[head, tail]).unwrap().to_string(), expected, "{base:?}");
        }
        assert_eq!(Base::new("ht tp://h").join("/x").unwrap_err().kind(), ErrorKind::Misconfigured);
    }

    #[test]
    fn what_no_segment_may_hold_is_escaped_and_the_rest_is_as_it_was() {
        assert!(matches!(segment("gemini-3.1_pro~x@1"), Cow::Borrowed("gemini-3.1_pro~x@1")));
        assert_eq!(segment("a/b:c?é"), "a%2Fb%3Ac%3F%C3%A9");
    }
}
