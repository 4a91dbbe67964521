//! Connections to providers.

use std::time::Duration;

use super::server::positive;
use crate::report::Report;
use crate::setting::At;

/// Connections to providers. An established reply has no deadline: models think for minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upstream {
    /// `upstream.connect-timeout`: name, TCP and TLS together; default 10 s. Example `5s`.
    pub connect_timeout: Duration,
    /// `upstream.first-byte-timeout`: how long a provider may take to begin its reply; off by default. Example `120s`.
    pub first_byte_timeout: Option<Duration>,
    /// `upstream.idle-connections`: idle connections kept for each host; default 32. Example `8`.
    pub idle_connections: u32,
    /// `upstream.idle-timeout`: how long an idle connection is kept; default 90 s. Example `60s`.
    pub idle_timeout: Duration,
    /// `upstream.tcp-keepalive`: probes that notice a dead peer; default 30 s, 0 is off. Example `15s`.
    pub tcp_keepalive: Option<Duration>,
    /// `upstream.http2-ping-interval`: HTTP/2 PING on open connections; default 20 s, 0 is off. Example `10s`.
    pub http2_ping_interval: Option<Duration>,
    /// `upstream.http2-ping-timeout`: how long a PING may stay unanswered; default 10 s. Example `5s`.
    pub http2_ping_timeout: Duration,
    /// `upstream.http2-streams-per-connection`: after so many streams another connection opens; default 64. Example `16`.
    pub http2_streams_per_connection: u32,
    /// `upstream.http2`: whether HTTP/2 is offered; default on. Example `false`.
    pub http2: bool,
}

impl Upstream {
    pub(super) fn read(at: &At<'_>, report: &mut Report) -> Self {
        at.must_be_map(report);
        Self {
            connect_timeout: positive(&at.get("connect-timeout"), report),
            first_byte_timeout: at.get("first-byte-timeout").optional_seconds(report),
            idle_connections: at.get("idle-connections").count(report, 8).unwrap_or_default(),
            idle_timeout: positive(&at.get("idle-timeout"), report),
            tcp_keepalive: at.get("tcp-keepalive").optional_seconds(report),
            http2_ping_interval: at.get("http2-ping-interval").optional_seconds(report),
            http2_ping_timeout: positive(&at.get("http2-ping-timeout"), report),
            http2_streams_per_connection: at
                .get("http2-streams-per-connection")
                .number(report, 1, 100_000, 64)
                .and_then(|streams| u32::try_from(streams).ok())
                .unwrap_or(1),
            http2: at.get("http2").is_on(report),
        }
    }
}
