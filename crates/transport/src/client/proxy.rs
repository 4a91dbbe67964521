//! Proxy addresses: parsed once, never shown with their password, never silently ignored.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// Why a proxy address cannot be used. The address itself is not repeated: it may hold a password.
///
/// The Go program falls back to a direct connection here (runtime.md K); we refuse, for a user who names a proxy
/// does not want to be seen without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// There is no `scheme://` in it.
    #[error("the proxy address has no scheme: write socks5://, socks5h://, http:// or https://")]
    NoScheme,
    /// The scheme is none that we speak.
    #[error("the proxy scheme is not supported: use socks5, socks5h, http or https")]
    UnsupportedScheme,
    /// There is no host in it, or it is malformed.
    #[error("the proxy address has no valid host")]
    NoHost,
    /// The port is not a number from 1 to 65535.
    #[error("the proxy address has no valid port")]
    BadPort,
    /// The user name or the password is not valid percent-encoded text, or longer than the protocol can say.
    #[error("the user name or password of the proxy cannot be sent")]
    BadCredentials,
}

/// What the proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ProxyScheme {
    Http,
    Https,
    /// `socks5` and `socks5h` alike: names are resolved by the proxy, as the Go program's dialler does for both.
    // Source: runtime.md K; golang.org/x/net/proxy sends the host name with SOCKS5.
    Socks5,
}

/// The address of a proxy. `Debug` and `Display` hide user and password.
#[derive(Clone)]
pub struct ProxyUrl(Arc<Parts>);

struct Parts {
    scheme: ProxyScheme,
    spelled: &'static str,
    host: String,
    port: u16,
    login: Option<(String, SecretString)>,
}

impl ProxyUrl {
    /// Parses `scheme://[user[:password]@]host[:port]`.
    ///
    /// # Errors
    /// When the scheme is not `socks5`, `socks5h`, `http` or `https`, or a part does not parse.
    pub fn parse(text: &str) -> Result<Self, ProxyUrlError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(ProxyUrlError::NoScheme)?;
        let (scheme, spelled, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyScheme::Http, "http", 80),
            "https" => (ProxyScheme::Https, "https", 443),
            "socks5" => (ProxyScheme::Socks5, "socks5", 1080),
            "socks5h" => (ProxyScheme::Socks5, "socks5h", 1080),
            _ => return Err(ProxyUrlError::UnsupportedScheme),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (Some(parse_login(login)?), address),
            None => (None, authority),
        };
        let (host, port) = split_port(address)?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(ProxyUrlError::BadPort)?,
            None => default_port,
        };
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(valid) {
            return Err(ProxyUrlError::NoHost);
        }
        Ok(Self(Arc::new(Parts { scheme, spelled, host: host.to_ascii_lowercase(), port, login })))
    }

    /// The host of the proxy.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port of the proxy.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    pub(crate) fn scheme(&self) -> ProxyScheme {
        self.0.scheme
    }

    /// User and password, for the wire only.
    pub(crate) fn login(&self) -> Option<(&str, &str)> {
        self.0.login.as_ref().map(|(user, password)| (user.as_str(), password.expose_secret()))
    }
}

/// Splits `host:port`, `[v6]:port` and both without a port.
pub(crate) fn split_port(address: &str) -> Result<(&str, Option<&str>), ProxyUrlError> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(ProxyUrlError::NoHost)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(ProxyUrlError::BadPort),
        };
    }
    match address.split_once(':') {
        Some((_, port)) if port.contains(':') => Ok((address, None)), // a bare IPv6 address
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((address, None)),
    }
}

fn parse_login(login: &str) -> Result<(String, SecretString), ProxyUrlError> {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (user, password) = (percent_decode(user)?, percent_decode(password)?);
    // Source: RFC 1929 §2: each is one length byte and at most 255 octets.
    if user.len() > 255 || password.len() > 255 {
        return Err(ProxyUrlError::BadCredentials);
    }
    Ok((user, SecretString::from(password)))
}

fn percent_decode(text: &str) -> Result<String, ProxyUrlError> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit =
            |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).ok_or(ProxyUrlError::BadCredentials);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push(u8::try_from(high * 16 + low).map_err(|_| ProxyUrlError::BadCredentials)?);
    }
    String::from_utf8(out).map_err(|_| ProxyUrlError::BadCredentials)
}

impl FromStr for ProxyUrl {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.0.login.is_some() { "***@" } else { "" };
        let (open, close) = if self.0.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{login}{open}{}{close}:{}", self.0.spelled, self.0.host, self.0.port)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

impl PartialEq for ProxyUrl {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.scheme == other.0.scheme
                && self.0.host == other.0.host
                && self.0.port == other.0.port
                && self.login() == other.login())
    }
}

impl Eq for ProxyUrl {}

impl Hash for ProxyUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.scheme.hash(state);
        self.0.host.hash(state);
        self.0.port.hash(state);
    }
}

/// Which proxy a call takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyChoice {
    /// What `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// None, whatever the environment says: `direct` or `none` in the configuration.
    // Source: runtime.md K [H].
    Direct,
    /// This one, whatever the environment says.
    Through(ProxyUrl),
}

impl ProxyChoice {
    /// Reads a `proxy-url` setting: empty is the environment, `direct` and `none` are no proxy, anything else must
    /// be a proxy address.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Self, ProxyUrlError> {
        match text.trim() {
            "" => Ok(Self::Environment),
            word if word.eq_ignore_ascii_case("direct") || word.eq_ignore_ascii_case("none") => {
                Ok(Self::Direct)
            }
            address => ProxyUrl::parse(address).map(Self::Through),
        }
    }
}

impl FromStr for ProxyChoice {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<ProxyUrl> for ProxyChoice {
    fn from(url: ProxyUrl) -> Self {
        Self::Through(url)
    }
}
