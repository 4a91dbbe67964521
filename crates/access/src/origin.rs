//! Keeps web pages out while no key does.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::{HOST, ORIGIN};
use http::uri::{Authority, Uri};
use http::{HeaderMap, HeaderValue};

/// What a listener is called, beside `localhost` and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listener {
    /// Host names under which people reach it, without port, in lower case.
    pub names: Vec<String>,
    /// Origins of other pages that may call it, as browsers send them: `https://chat.example.com`.
    pub origins: Vec<String>,
}

impl Listener {
    /// A listener that is called `localhost` or by its address only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host name.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.names.push(name.trim().to_ascii_lowercase());
        self
    }

    /// Adds an origin that may call.
    #[must_use]
    pub fn with_origin(mut self, origin: &str) -> Self {
        self.origins.push(origin.trim().trim_end_matches('/').to_ascii_lowercase());
        self
    }
}

/// Whether a request may come in although nobody has to show a key: not from a foreign web page.
///
/// - `Host` (and the authority of an HTTP/2 request) must be an address, `localhost`, or a name of the
///   listener. A page whose own name was re-bound to this machine's address comes with its name.
/// - `Origin` must be the very host and port that are called, or one that the listener allows. Programs that
///   are no browsers send none.
/// - `Sec-Fetch-Site` must not say that another site asks: browsers send it even where they send no `Origin`.
// Source: design.md §8; Fetch standard, "Origin header"; Fetch Metadata Request Headers, "Sec-Fetch-Site".
#[must_use]
pub fn origin_allowed(headers: &HeaderMap, uri: &Uri, listener: &Listener) -> bool {
    let mut hosts = Vec::with_capacity(2);
    hosts.extend(uri.authority().cloned());
    for host in headers.get_all(HOST) {
        let Some(host) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else {
            return false;
        };
        hosts.push(host);
    }
    hosts.iter().all(|host| is_ours(host.host(), listener))
        && headers.get_all(ORIGIN).iter().all(|origin| is_own(origin, &hosts, listener))
        && headers.get_all("sec-fetch-site").iter().all(|site| is_same_site(site, headers, listener))
}

fn is_ours(host: &str, listener: &Listener) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host.parse::<Ipv4Addr>().is_ok()
        || v6.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
        || host == "localhost"
        || host.ends_with(".localhost")
        || listener.names.contains(&host)
}

fn is_own(origin: &HeaderValue, hosts: &[Authority], listener: &Listener) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let origin = origin.trim().to_ascii_lowercase();
    if listener.origins.contains(&origin) {
        return true;
    }
    let (port, rest) = match origin.split_once("://") {
        Some(("http", rest)) => (80, rest),
        Some(("https", rest)) => (443, rest),
        // `null`, files and extensions are nobody we know.
        _ => return false,
    };
    let Ok(origin) = rest.parse::<Authority>() else { return false };
    let called = |host: &Authority| {
        host.host().eq_ignore_ascii_case(origin.host())
            && host.port_u16().unwrap_or(port) == origin.port_u16().unwrap_or(port)
    };
    !hosts.is_empty() && hosts.iter().all(called)
}

fn is_same_site(site: &HeaderValue, headers: &HeaderMap, listener: &Listener) -> bool {
    let known = headers
        .get(ORIGIN)
        .and_then(|origin| origin.to_str().ok())
        .is_some_and(|origin| listener.origins.contains(&origin.trim().to_ascii_lowercase()));
    known || matches!(site.as_bytes(), b"same-origin" | b"none")
}
