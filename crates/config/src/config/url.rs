//! URLs that may carry a password: they do not print it.

use std::fmt;

use crate::report::Report;
use crate::setting::At;

/// A URL from the config. `Debug` and `Display` leave out user, password, query and fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlText(String);

impl UrlText {
    /// The whole URL, password included.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Scheme, host, port and path.
    #[must_use]
    pub fn redacted(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let rest = rest.get(..end).unwrap_or_default();
        let (authority, path) = match rest.find('/') {
            Some(index) => rest.split_at(index),
            None => (rest, ""),
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}{path}")
    }

    /// Checks a URL against the schemes that make sense for it.
    fn parse(text: &str, schemes: &[&str]) -> Result<Self, String> {
        let expected = || format!("expected a URL that begins with {}", list(schemes));
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!(
                "it has no scheme; {}, such as `{}://{}`",
                expected(),
                schemes.first().unwrap_or(&""),
                sample(text)
            ));
        };
        if !schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return Err(format!("the scheme `{}` does not work here; {}", sample(scheme), expected()));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port)),
            _ => (host, None),
        };
        if name.is_empty() {
            return Err(format!("it names no host; {}", expected()));
        }
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err("its port is not a number from 0 to 65535; expected `host:port`".to_owned());
        }
        if text.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return Err("it contains a space or control character; encode it as %20".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// An HTTP URL, without a slash at its end.
    pub(super) fn read_http(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = at.text(report)?;
        match Self::parse(&text, &["https", "http"]) {
            Ok(url) => Some(Self(url.0.trim_end_matches('/').to_owned())),
            Err(problem) => {
                wrong(at, report, &problem);
                None
            }
        }
    }
}

/// What may be shown of something that should have been a URL: it may hold a password, so only harmless text.
fn sample(text: &str) -> &str {
    let harmless =
        text.len() <= 60 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-/".contains(&byte));
    if harmless && !text.contains("sk-") { text } else { "example.com" }
}

fn list(schemes: &[&str]) -> String {
    schemes.iter().map(|scheme| format!("`{scheme}://`")).collect::<Vec<_>>().join(", ")
}

fn wrong(at: &At<'_>, report: &mut Report, problem: &str) {
    let (problem, remedy) = problem.split_once("; ").unwrap_or((problem, ""));
    at.wrong(report, problem, remedy);
}

impl fmt::Debug for UrlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.redacted())
    }
}

impl fmt::Display for UrlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

/// How calls leave this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxySetting {
    /// `direct` or `none`: no proxy, whatever the global one is.
    Direct,
    /// Through this proxy.
    Via(UrlText),
}

impl ProxySetting {
    /// The setting as text for a credential: `direct`, or the URL with its password.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Direct => "direct",
            Self::Via(url) => url.expose(),
        }
    }

    // Source: runtime.md K [H]. The reference goes direct when it cannot read a proxy; we refuse the file, because
    // whoever sets a proxy wants no traffic beside it.
    pub(super) fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let text = at.text(report)?;
        if ["direct", "none"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Some(Self::Direct);
        }
        match UrlText::parse(&text, &["http", "https", "socks5", "socks5h"]) {
            Ok(url) => Some(Self::Via(url)),
            Err(problem) => {
                wrong(at, report, &problem);
                None
            }
        }
    }
}
