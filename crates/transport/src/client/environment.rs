//! `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, read once.

use std::net::IpAddr;

use http::uri::Authority;

use super::proxy::{ProxyUrl, ProxyUrlError, split_port};

/// What the environment says about proxies, read once into a snapshot.
///
/// Upper-case names win over lower-case ones, as in the Go program's HTTP library. Loopback targets never take the
/// environment's proxy. An address that cannot be used is an error of the calls that would have taken it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ProxyEnvironment {
    http: Option<Result<ProxyUrl, ProxyUrlError>>,
    https: Option<Result<ProxyUrl, ProxyUrlError>>,
    exempt: Vec<Exemption>,
}

/// One entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exemption {
    Everything,
    Address { ip: IpAddr, port: Option<u16> },
    Network { ip: IpAddr, bits: u8 },
    Domain { suffix: String, itself: bool, port: Option<u16> },
}

impl ProxyEnvironment {
    /// No proxy at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the variables through `lookup`.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let read = |upper: &str| {
            let set = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
            set(upper).or_else(|| set(&upper.to_ascii_lowercase()))
        };
        let proxy = |name: &str| read(name).map(|value| parse_lenient(&value));
        // In a CGI program HTTP_PROXY can be a request header. Source: RFC 3875 §4.1.18, and Go's ProxyFromEnvironment.
        let http = if lookup("REQUEST_METHOD").is_some() { None } else { proxy("HTTP_PROXY") };
        let exempt = read("NO_PROXY").map(|list| list.split(',').filter_map(Exemption::parse).collect());
        Self { http, https: proxy("HTTPS_PROXY"), exempt: exempt.unwrap_or_default() }
    }

    /// The proxy for a target, if it has one.
    pub(crate) fn proxy_for(
        &self,
        https: bool,
        authority: &Authority,
    ) -> Result<Option<&ProxyUrl>, &ProxyUrlError> {
        let Some(proxy) = (if https { &self.https } else { &self.http }) else { return Ok(None) };
        let (host, port) = (authority.host(), port_of(https, authority));
        let host =
            host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        let ip = host.parse::<IpAddr>().ok();
        let loopback = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
        if loopback || self.exempt.iter().any(|exemption| exemption.covers(&host, ip, port)) {
            return Ok(None);
        }
        proxy.as_ref().map(Some)
    }
}

/// The port of a target, said or not.
pub(crate) fn port_of(https: bool, authority: &Authority) -> u16 {
    authority.port_u16().unwrap_or(if https { 443 } else { 80 })
}

/// `127.0.0.1:7890` means `http://127.0.0.1:7890` in these variables.
fn parse_lenient(value: &str) -> Result<ProxyUrl, ProxyUrlError> {
    match ProxyUrl::parse(value) {
        Err(ProxyUrlError::NoScheme) => ProxyUrl::parse(&format!("http://{}", value.trim())),
        parsed => parsed,
    }
}

impl Exemption {
    // Source: golang.org/x/net/http/httpproxy, documentation of Config.NoProxy.
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim().to_ascii_lowercase();
        if entry.is_empty() {
            return None;
        }
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Some((ip, bits)) = entry.split_once('/') {
            return Some(Self::Network { ip: ip.parse().ok()?, bits: bits.parse().ok()? });
        }
        let (host, port) = split_port(&entry).ok()?;
        let port = match port {
            Some(port) => Some(port.parse().ok()?),
            None => None,
        };
        if let Ok(ip) = host.parse() {
            return Some(Self::Address { ip, port });
        }
        let host = host.strip_prefix('*').unwrap_or(host);
        Some(match host.strip_prefix('.') {
            Some(suffix) => Self::Domain { suffix: suffix.to_owned(), itself: false, port },
            None => Self::Domain { suffix: host.to_owned(), itself: true, port },
        })
    }

    fn covers(&self, host: &str, ip: Option<IpAddr>, to: u16) -> bool {
        let port_fits = |port: &Option<u16>| port.is_none_or(|port| port == to);
        match self {
            Self::Everything => true,
            Self::Address { ip: exempt, port } => ip == Some(*exempt) && port_fits(port),
            Self::Network { ip: network, bits } => ip.is_some_and(|ip| same_network(ip, *network, *bits)),
            Self::Domain { suffix, itself, port } => {
                let inside = host.strip_suffix(suffix.as_str()).is_some_and(|front| front.ends_with('.'));
                port_fits(port) && (inside || (*itself && host == suffix))
            }
        }
    }
}

fn same_network(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let equal = |a: u128, b: u128, width: u32| {
        let kept = u32::from(bits).min(width);
        kept == 0 || (a >> (width - kept)) == (b >> (width - kept))
    };
    match (ip, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => equal(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => equal(u128::from(a), u128::from(b), 128),
        _ => false,
    }
}
