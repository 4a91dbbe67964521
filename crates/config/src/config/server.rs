//! The listener and its bounds.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Access;
use crate::report::{Notice, Report};
use crate::setting::{At, shown};

/// The listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// `host`: the bind address. Absent or empty in a file means all interfaces; without a file it is loopback.
    /// Example `127.0.0.1`.
    pub host: Host,
    /// `port`: default 8317; 0 lets the system choose. Example `8317`.
    pub port: u16,
    /// `tls`: certificate and key when `tls.enable` is on; off by default.
    pub tls: Option<TlsFiles>,
    /// `limits`: bounds for what clients send.
    pub limits: Limits,
    /// `shutdown-grace-seconds`: how long running replies may go on after a stop; default 30. Example `60`.
    pub shutdown_grace: Duration,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Host {
    /// All interfaces, IPv4 and IPv6.
    All,
    /// One address.
    Ip(IpAddr),
    /// A name, resolved when listening.
    Name(String),
}

impl Host {
    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::All => false,
            Self::Ip(address) => address.to_canonical().is_loopback(),
            Self::Name(name) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Display for Host {
    /// As a URL writes it; all interfaces as `0.0.0.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("0.0.0.0"),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Ip(IpAddr::V4(address)) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The files of an HTTPS listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// `tls.cert`: the certificate chain, PEM. Example `/etc/ssl/proxy.pem`.
    pub cert: PathBuf,
    /// `tls.key`: its private key, PEM. Example `/etc/ssl/proxy.key`.
    pub key: PathBuf,
}

/// Bounds for what clients send. They stop abuse, not work: the largest prompts of today stay far below.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// `limits.max-body-bytes`: a request body as sent; default 64 MiB. Example `128MiB`.
    pub max_body_bytes: usize,
    /// `limits.max-decompressed-bytes`: a request body after decompression; default 128 MiB. Example `256MiB`.
    pub max_decompressed_bytes: usize,
    /// `limits.max-header-bytes`: all request headers together; default 64 KiB. Example `128KiB`.
    pub max_header_bytes: usize,
    /// `limits.max-concurrent-requests`: requests at once; default 4096, 0 is no bound. Example `256`.
    pub max_concurrent_requests: Option<u32>,
    /// `limits.max-connections`: client connections at once; default 16384, 0 is no bound. Example `1024`.
    pub max_connections: Option<u32>,
    /// `limits.header-read-timeout`: how long a client may take to send its headers; default 30 s. Example `10s`.
    pub header_read_timeout: Duration,
    /// `limits.idle-timeout`: how long an idle connection is kept; default 180 s. Example `60s`.
    pub idle_timeout: Duration,
    /// `limits.tls-handshake-timeout`: default 10 s. Example `5s`.
    pub tls_handshake_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Server::default().limits
    }
}

impl Server {
    pub(super) fn read(root: &At<'_>, has_file: bool, report: &mut Report) -> Self {
        let port = root.get("port").number(report, 0, i64::from(u16::MAX), 8317);
        Self {
            host: host(&root.get("host"), has_file, report),
            port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
            tls: TlsFiles::read(&root.get("tls"), report),
            limits: Limits::read(&root.get("limits"), report),
            shutdown_grace: root.get("shutdown-grace-seconds").optional_seconds(report).unwrap_or_default(),
        }
    }

    /// A listener that others can reach needs client keys, unless the operator says otherwise.
    pub(super) fn check_exposure(&self, access: &Access, root: &At<'_>, report: &mut Report) {
        if !access.api_keys.is_empty() {
            return self.check_relay(access, root, report);
        }
        if access.allow_unauthenticated {
            if !self.host.is_loopback() {
                let at = root.get("allow-unauthenticated");
                let reason = "whoever reaches this port may use every credential".to_owned();
                report.note(Notice::Unsafe { place: at.place().clone(), key: at.key().to_owned(), reason });
            }
            return;
        }
        if self.host.is_loopback() || !report.errors.is_empty() && root.get("api-keys").is_set() {
            return;
        }
        let at = if root.get("api-keys").is_set() { root.get("api-keys") } else { root.get("host") };
        let all = if self.host == Host::All { "all interfaces" } else { "an address that others can reach" };
        report.wrong(
            at.place(),
            "api-keys",
            format!("there are no client keys, and `host` is {all}: anyone could use your accounts"),
            "add a key under `api-keys:`, or set `host: 127.0.0.1`, or say `allow-unauthenticated: true`",
        );
    }

    /// So does the relay of such a listener: who connects there reads prompts and answers them. Source: design.md §8.
    fn check_relay(&self, access: &Access, root: &At<'_>, report: &mut Report) {
        let at = root.get("ws-auth");
        // What is not readable as a switch has been told already.
        if access.ws_auth
            || access.allow_unauthenticated
            || self.host.is_loopback()
            || !report.errors.is_empty()
        {
            return;
        }
        report.wrong(
            at.place(),
            "ws-auth",
            "others can reach this listener, and without keys any of them could connect as a relay page: it would read \
             what your clients send, and answer them",
            "say `ws-auth: true`, or set `host: 127.0.0.1`, or say `allow-unauthenticated: true`",
        );
    }
}

fn host(at: &At<'_>, has_file: bool, report: &mut Report) -> Host {
    if !at.is_set() && !has_file {
        return Host::Ip(IpAddr::from([127, 0, 0, 1]));
    }
    let Some(text) = at.text(report) else { return Host::All };
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(&text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return if address.is_unspecified() { Host::All } else { Host::Ip(address) };
    }
    if text == "*" {
        return Host::All;
    }
    let is_name = text.len() <= 253
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if !is_name {
        let remedy =
            "expected an address or a name without scheme and port, such as `127.0.0.1`; the port is `port`";
        at.wrong(report, format!("{} is not a host", shown(&text)), remedy);
    }
    Host::Name(text)
}

impl TlsFiles {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        if !at.must_be_map(report) {
            return None;
        }
        let (cert, key) = (at.get("cert").text(report), at.get("key").text(report));
        if !at.get("enable").is_on(report) {
            return None;
        }
        // Source: runtime.md A.2: both paths are required when on.
        for (name, path) in [("cert", &cert), ("key", &key)] {
            if path.is_none() {
                let remedy = format!("add `{name}: /path/to/{name}.pem`, or set `enable: false`");
                at.get(name).wrong(report, "it is missing, and `tls.enable` is on", remedy);
            }
        }
        Some(Self { cert: PathBuf::from(cert?), key: PathBuf::from(key?) })
    }
}

impl Limits {
    fn read(at: &At<'_>, report: &mut Report) -> Self {
        at.must_be_map(report);
        let bound = |value: Option<u32>| value.filter(|value| *value > 0);
        Self {
            max_body_bytes: at.get("max-body-bytes").bytes(report).unwrap_or_default(),
            max_decompressed_bytes: at.get("max-decompressed-bytes").bytes(report).unwrap_or_default(),
            max_header_bytes: at.get("max-header-bytes").bytes(report).unwrap_or_default(),
            max_concurrent_requests: bound(at.get("max-concurrent-requests").count(report, 256)),
            max_connections: bound(at.get("max-connections").count(report, 1024)),
            header_read_timeout: positive(&at.get("header-read-timeout"), report),
            idle_timeout: positive(&at.get("idle-timeout"), report),
            tls_handshake_timeout: positive(&at.get("tls-handshake-timeout"), report),
        }
    }
}

/// A deadline that cannot be switched off.
pub(super) fn positive(at: &At<'_>, report: &mut Report) -> Duration {
    let length = at.seconds(report).unwrap_or(Duration::from_secs(1));
    if length.is_zero() {
        at.wrong(report, "it cannot be zero", "expected seconds or a length such as `30s`");
    }
    length
}
