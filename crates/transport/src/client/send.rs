//! The client itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::IncomingBody;
use super::connect::{Connector, Destination};
use super::environment::ProxyEnvironment;
use super::error::{SendError, TimeoutPhase};
use super::exchange::exchange;
use super::pool::{Lease, Pool};
use super::proxy::ProxyChoice;
use super::via::Via;
use crate::tls::{ClientTls, TrustRoots};
use crate::workers;

/// How the outbound client behaves. Every member has a default; set what differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// For resolving, connecting, and asking a proxy for a tunnel. Default 10 s.
    pub connect_timeout: Duration,
    /// For the TLS handshake with the target. Default 10 s.
    pub tls_timeout: Duration,
    /// For the response head, unless the call says otherwise. Default none: models think for minutes.
    pub first_byte_timeout: Option<Duration>,
    /// How long a connection stays pooled without work. Default 90 s.
    pub idle_timeout: Duration,
    /// Idle HTTP/1.1 connections kept for one destination, by each worker. Default 256.
    pub max_idle_per_host: usize,
    /// Whether HTTP/2 is offered to targets. Default on.
    pub http2: bool,
    /// Streams on one HTTP/2 connection before another one is opened. Default 32.
    pub http2_max_streams: usize,
    /// How often a busy HTTP/2 connection is pinged. Default 20 s.
    pub http2_ping_interval: Option<Duration>,
    /// How long a ping may go unanswered. Default 20 s.
    pub http2_ping_timeout: Duration,
    /// When the system starts to probe a silent TCP connection. Default 30 s.
    pub tcp_keep_alive: Option<Duration>,
    /// The largest read buffer of an HTTP/1.1 connection; it bounds the response head too. Default 256 KiB.
    pub http1_buffer: usize,
    /// Whom we trust.
    pub roots: TrustRoots,
    /// The environment's proxies. Default none: the caller reads the environment.
    pub environment: ProxyEnvironment,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            tls_timeout: Duration::from_secs(10),
            first_byte_timeout: None,
            idle_timeout: Duration::from_secs(90),
            max_idle_per_host: 256,
            http2: true,
            http2_max_streams: 32,
            http2_ping_interval: Some(Duration::from_secs(20)),
            http2_ping_timeout: Duration::from_secs(20),
            tcp_keep_alive: Some(Duration::from_secs(30)),
            http1_buffer: 256 * 1024,
            roots: TrustRoots::native(),
            environment: ProxyEnvironment::none(),
        }
    }
}

impl ClientOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these roots.
    #[must_use]
    pub fn with_roots(mut self, roots: TrustRoots) -> Self {
        self.roots = roots;
        self
    }

    /// Uses these proxies where a call does not name its own.
    #[must_use]
    pub fn with_environment(mut self, environment: ProxyEnvironment) -> Self {
        self.environment = environment;
        self
    }

    /// Waits at most this long for response heads.
    #[must_use]
    pub fn with_first_byte_timeout(mut self, limit: Option<Duration>) -> Self {
        self.first_byte_timeout = limit;
        self
    }

    /// Waits at most this long for a connection, and as long again for TLS.
    #[must_use]
    pub fn with_connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self.tls_timeout = limit;
        self
    }

    /// Keeps idle connections this long.
    #[must_use]
    pub fn with_idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = limit;
        self
    }

    /// Offers HTTP/2 to targets, or does not.
    #[must_use]
    pub fn with_http2(mut self, offered: bool) -> Self {
        self.http2 = offered;
        self
    }

    /// Opens another HTTP/2 connection when one carries this many streams.
    #[must_use]
    pub fn with_http2_max_streams(mut self, cap: usize) -> Self {
        self.http2_max_streams = cap;
        self
    }
}

/// The process's HTTP client. Clones share everything.
#[derive(Clone)]
pub struct HttpClient {
    inner: Arc<Inner>,
}

struct Inner {
    connector: Connector,
    pool: Arc<Pool>,
    closing: CancellationToken,
}

impl HttpClient {
    /// Makes a client. Cheap: sockets, TLS and the trust store wait for the first call.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        let tls = ClientTls::new(options.roots.clone(), options.http2);
        let pool = Pool::new(options.idle_timeout, options.max_idle_per_host, tasks.clone(), closing.clone());
        Self { inner: Arc::new(Inner { connector: Connector { options, tls, tasks }, pool, closing }) }
    }

    /// Sends a request and waits for the response head. The URI is absolute; `Host` is added when it is missing.
    ///
    /// A body with a `Content-Encoding` that we know arrives decoded, and that header and `Content-Length` are gone.
    /// A request that met a pooled connection which had just died, before anything of it was written, is sent once
    /// more on a new connection.
    ///
    /// # Errors
    /// [`SendError`] says whose fault it was. A status of 400 or above is a response, not an error.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call, as dropping the response body does later.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        via: &Via,
    ) -> Result<Response<IncomingBody>, SendError> {
        let to = self.destination(request.uri(), via)?;
        let inner = &*self.inner;
        let first_byte = via.first_byte(inner.connector.options.first_byte_timeout);
        let place = inner.pool.place(&to);
        let mut request = request.map(Full::new);
        let mut fresh = false;
        loop {
            if inner.closing.is_cancelled() {
                return Err(SendError::ShuttingDown);
            }
            let lease = place.lease(&inner.connector, &to, fresh).await?;
            let reused = matches!(lease, Lease::H1 { reused: true, .. } | Lease::H2 { reused: true, .. });
            let mut answering = std::pin::pin!(exchange(lease, &place, &to, request));
            let answered = match first_byte {
                None => answering.await,
                Some(limit) => tokio::time::timeout(limit, answering.as_mut()).await.map_err(|_| {
                    SendError::Timeout { host: to.host().to_owned(), phase: TimeoutPhase::FirstByte, limit }
                })?,
            };
            match answered {
                Ok(response) => return Ok(IncomingBody::decode(response)),
                Err(failed) => match failed.unsent {
                    Some(unsent) if reused && !fresh => {
                        tracing::debug!(error = %failed.error, "a pooled connection had died; sending again");
                        request = *unsent;
                        fresh = true;
                    }
                    _ => return Err(failed.error),
                },
            }
        }
    }

    /// Loads the trust store now, off the runtime's threads, so that the first call need not wait for it.
    ///
    /// # Errors
    /// When there is nothing to trust.
    pub async fn warm_up(&self) -> Result<(), crate::TlsError> {
        self.inner.connector.tls.configs().await.map(|_| ())
    }

    /// Refuses new calls, closes idle connections and waits until those in use have ended.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.pool.clear();
        self.inner.connector.tasks.close();
        self.inner.connector.tasks.wait().await;
    }

    fn destination(&self, uri: &Uri, via: &Via) -> Result<Destination, SendError> {
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(SendError::InvalidRequest { reason: "the address is neither http nor https" }),
        };
        let authority = uri
            .authority()
            .filter(|authority| !authority.host().is_empty())
            .ok_or(SendError::InvalidRequest { reason: "the address has no host" })?;
        if authority.as_str().contains('@') {
            return Err(SendError::InvalidRequest { reason: "the address holds a user name" });
        }
        let proxy = match via.proxy() {
            ProxyChoice::Direct => None,
            ProxyChoice::Through(url) => Some(url.clone()),
            ProxyChoice::Environment => {
                self.inner.connector.options.environment.proxy_for(https, authority)?.cloned()
            }
        };
        Ok(Destination { proxy, https, authority: authority.clone(), worker: workers::here() })
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new(ClientOptions::default())
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("options", &self.inner.connector.options).finish_non_exhaustive()
    }
}
