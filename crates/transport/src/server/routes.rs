//! What answers requests. Several of these share one port.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use cliproxy_core::boxed;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};

use super::inbound::InboundBody;
use super::outbound::OutboundBody;

/// A boxed future that may move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Who is on the other end of the connection. The socket's word, not a header's.
// Source: http-api.md E 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The remote address.
    pub address: SocketAddr,
    /// Our own end.
    pub local: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl Peer {
    /// A peer, for tests and for other servers that call [`Routes`].
    #[must_use]
    pub fn new(address: SocketAddr, local: SocketAddr, tls: bool) -> Self {
        Self { address, local, tls }
    }
}

/// A request's fate at one [`Routes`].
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once on its way to the next table; a box would cost more"
)]
pub enum Routed {
    /// It is ours; this future makes the reply. Dropped when the client goes away.
    Reply(BoxFuture<Response<OutboundBody>>),
    /// Not ours: somebody else may want it.
    Unmatched(Request<InboundBody>),
}

impl Routed {
    /// Boxes the future that makes the reply.
    pub fn reply(future: impl Future<Output = Response<OutboundBody>> + Send + 'static) -> Self {
        Self::Reply(Box::pin(future))
    }

    /// As [`Self::reply`], with the future made in its box: see [`cliproxy_core::boxed`].
    pub fn reply_with<F>(make: impl FnOnce() -> F) -> Self
    where
        F: Future<Output = Response<OutboundBody>> + Send + 'static,
    {
        Self::Reply(boxed(make))
    }
}

impl fmt::Debug for Routed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reply(_) => "Reply",
            Self::Unmatched(_) => "Unmatched",
        })
    }
}

/// Answers the requests that it knows. Called for every request, so it decides quickly and does its work in the future.
pub trait Routes: fmt::Debug + Send + Sync + 'static {
    /// Takes the request, or gives it back untouched.
    fn handle(&self, request: Request<InboundBody>, peer: Peer) -> Routed;

    /// The reply when the server has as many requests as it takes: in the client's own format if the request shows
    /// one. `None` leaves it to the next table.
    fn busy(&self, _request: &Request<InboundBody>) -> Option<Response<OutboundBody>> {
        None
    }
}

impl<R: Routes + ?Sized> Routes for Arc<R> {
    fn handle(&self, request: Request<InboundBody>, peer: Peer) -> Routed {
        (**self).handle(request, peer)
    }

    fn busy(&self, request: &Request<InboundBody>) -> Option<Response<OutboundBody>> {
        (**self).busy(request)
    }
}

/// Several [`Routes`] one after the other; the first that takes a request answers it.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    tables: Vec<Arc<dyn Routes>>,
}

impl RouteTable {
    /// Nothing yet: every request is 404.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds routes after those already there.
    #[must_use]
    pub fn with(mut self, routes: impl Routes) -> Self {
        self.tables.push(Arc::new(routes));
        self
    }

    /// Adds routes that are shared with others.
    pub fn push(&mut self, routes: Arc<dyn Routes>) {
        self.tables.push(routes);
    }
}

impl Routes for RouteTable {
    fn handle(&self, request: Request<InboundBody>, peer: Peer) -> Routed {
        let mut request = request;
        for table in &self.tables {
            match table.handle(request, peer) {
                Routed::Unmatched(back) => request = back,
                taken @ Routed::Reply(_) => return taken,
            }
        }
        Routed::Unmatched(request)
    }

    fn busy(&self, request: &Request<InboundBody>) -> Option<Response<OutboundBody>> {
        self.tables.iter().find_map(|table| table.busy(request))
    }
}

/// Nobody took it.
// Source: http-api.md A.0, "Unknown path".
pub(super) fn not_found() -> Response<OutboundBody> {
    plain(StatusCode::NOT_FOUND, "404 page not found")
}

/// Nobody said how to be busy.
pub(super) fn busy() -> Response<OutboundBody> {
    let mut response =
        plain(StatusCode::SERVICE_UNAVAILABLE, "the server is at its limit of concurrent requests");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// A route panicked.
// Source: http-api.md A.0, "Panic": empty body, status 500.
pub(super) fn panicked() -> Response<OutboundBody> {
    let mut response = Response::new(OutboundBody::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<OutboundBody> {
    let mut response = Response::new(OutboundBody::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
