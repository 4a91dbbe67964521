//! How the server behaves.

use std::path::PathBuf;
use std::time::Duration;

/// Where the server's certificate chain and private key are (PEM).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerTls {
    /// The certificate chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl ServerTls {
    /// Names the two files.
    #[must_use]
    pub fn new(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { cert: cert.into(), key: key.into() }
    }
}

/// How the server behaves. Every member has a default; set what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The host or address to bind; empty is all interfaces, IPv6 and IPv4. Default `127.0.0.1`.
    pub host: String,
    /// The port; 0 lets the system choose. Default 0.
    pub port: u16,
    /// HTTPS, when set.
    pub tls: Option<ServerTls>,
    /// For a TLS handshake, in the connection's own task. Default 10 s.
    pub tls_handshake_timeout: Duration,
    /// For a request's head, from its first byte (or from the connection's start). Default 30 s.
    pub header_timeout: Duration,
    /// How long a connection without a request stays open. Default 3 min.
    pub idle_timeout: Duration,
    /// The largest request head. Default 128 KiB.
    pub max_header_bytes: usize,
    /// Connections beyond this wait in the system's queue. Default 10 000.
    pub max_connections: usize,
    /// Requests beyond this are answered as busy. Default 4 096.
    pub max_requests: usize,
    /// How long a client may leave a reply unread before it is cut off. Default 5 min.
    pub write_stall_timeout: Option<Duration>,
    /// How often a busy HTTP/2 connection is pinged. Default 20 s.
    pub http2_ping_interval: Option<Duration>,
    /// Requests at once on one HTTP/2 connection. Default 250.
    pub http2_max_streams: u32,
    /// When the system starts to probe a silent connection. Default 60 s.
    pub tcp_keep_alive: Option<Duration>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            tls: None,
            tls_handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(180),
            max_header_bytes: 128 * 1024,
            max_connections: 10_000,
            max_requests: 4_096,
            write_stall_timeout: Some(Duration::from_secs(300)),
            http2_ping_interval: Some(Duration::from_secs(20)),
            http2_max_streams: 250,
            tcp_keep_alive: Some(Duration::from_secs(60)),
        }
    }
}

impl ServerOptions {
    /// Binds this host and port.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, ..Self::default() }
    }

    /// Serves HTTPS.
    #[must_use]
    pub fn with_tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Answers as busy beyond this many requests.
    #[must_use]
    pub fn with_max_requests(mut self, limit: usize) -> Self {
        self.max_requests = limit;
        self
    }

    /// Accepts no more connections than this at once.
    #[must_use]
    pub fn with_max_connections(mut self, limit: usize) -> Self {
        self.max_connections = limit;
        self
    }

    /// The deadlines for request heads and for idle connections.
    #[must_use]
    pub fn with_timeouts(mut self, header: Duration, idle: Duration) -> Self {
        self.header_timeout = header;
        self.idle_timeout = idle;
        self
    }

    /// The deadline for a TLS handshake.
    #[must_use]
    pub fn with_tls_handshake_timeout(mut self, limit: Duration) -> Self {
        self.tls_handshake_timeout = limit;
        self
    }

    /// Cuts off clients that leave a reply unread for this long.
    #[must_use]
    pub fn with_write_stall_timeout(mut self, limit: Option<Duration>) -> Self {
        self.write_stall_timeout = limit;
        self
    }
}
