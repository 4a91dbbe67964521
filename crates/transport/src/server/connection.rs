//! One client connection: HTTP/1.1 or HTTP/2, its deadlines, and what happens to each request.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::FutureExt;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::activity::Activity;
use super::alarm::Alarm;
use super::inbound::InboundBody;
use super::noticing::Noticing;
use super::options::ServerOptions;
use super::outbound::OutboundBody;
use super::routes::{self, BoxFuture, Peer, Routed, Routes};
use super::shutdown::Shutdown;
use crate::gate::Gate;
use crate::socket::{Socket, Stalling};
use crate::tracked::Tracked;

/// What all connections of a server share.
pub(super) struct Shared {
    routes: Arc<dyn Routes>,
    pub(super) options: ServerOptions,
    running: AtomicUsize,
    shutdown: Shutdown,
    http: auto::Builder<Tracked>,
}

impl Shared {
    pub(super) fn new(
        routes: Arc<dyn Routes>,
        options: ServerOptions,
        tasks: TaskTracker,
        shutdown: Shutdown,
    ) -> Self {
        let http = builder(&options, tasks);
        Self { routes, options, running: AtomicUsize::new(0), shutdown, http }
    }
}

/// One client: who it is and what it is doing. Small, as a connection holds several of it.
#[derive(Clone)]
pub(super) struct Client(Arc<Known>);

struct Known {
    peer: Peer,
    shared: Arc<Shared>,
    activity: Activity,
}

impl Client {
    pub(super) fn new(peer: Peer, shared: &Arc<Shared>) -> Self {
        Self(Arc::new(Known { peer, shared: Arc::clone(shared), activity: Activity::default() }))
    }

    /// The handshake is over: the time for the first head begins.
    pub(super) fn greeted(&self) {
        self.0.activity.restart();
    }

    pub(super) fn options(&self) -> &ServerOptions {
        &self.0.shared.options
    }
}

impl AsRef<Activity> for Client {
    fn as_ref(&self) -> &Activity {
        &self.0.activity
    }
}

pub(super) async fn serve(socket: Stalling<Socket>, client: Client) {
    let Known { shared, activity, .. } = &*client.0;
    let io = TokioIo::new(Noticing::new(socket, client.clone()));
    let service = {
        let client = client.clone();
        service_fn(move |request| answer(request, &client))
    };
    let mut connection = pin!(shared.http.serve_connection_with_upgrades(io, service));
    let draining = shared.shutdown.draining_token();
    let mut drain = pin!(draining.cancelled().fuse());
    let (mut alarm, mut closing, mut last_call) = (Alarm::default(), false, None);
    // The connection and the request that it serves wake each other: for a body that may come, for a reply that is there.
    let mut gate = Gate::new();
    let ended = std::future::poll_fn(|cx| {
        loop {
            let ended =
                gate.turns(cx, |cx, woken| if woken { connection.as_mut().poll(cx) } else { Poll::Pending });
            if let Poll::Ready(ended) = ended {
                return Poll::Ready(Some(ended));
            }
            if !closing && drain.as_mut().poll(cx).is_ready() {
                closing = true;
                connection.as_mut().graceful_shutdown();
                gate.ring();
                continue;
            }
            let due = activity.due(&shared.options).map(|due| last_call.map_or(due, |end| end..=end));
            if alarm.poll_due(due, cx).is_pending() {
                return Poll::Pending;
            }
            if closing || activity.is_reading_head() {
                return Poll::Ready(None);
            }
            closing = true;
            connection.as_mut().graceful_shutdown();
            gate.ring();
            // An HTTP/2 client has to hear of it first.
            last_call = Some(Instant::now() + shared.options.header_timeout);
        }
    });
    match ended.await {
        Some(Err(error)) => tracing::debug!(%error, "a client connection broke off"),
        None => tracing::debug!("a client connection was idle for too long"),
        Some(Ok(())) => {}
    }
}

fn builder(options: &ServerOptions, tasks: TaskTracker) -> auto::Builder<Tracked> {
    let mut builder = auto::Builder::new(Tracked(tasks));
    // hyper's own head deadline would also close idle connections; ours tells the two apart.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .half_close(false)
        .max_buf_size(options.max_header_bytes.max(8 * 1024));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(options.max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(options.http2_max_streams)
        .keep_alive_interval(options.http2_ping_interval);
    builder
}

/// Begins to answer. hyper keeps the future for as long as the reply lasts, so that it holds no request.
fn answer(
    request: Request<Incoming>,
    client: &Client,
) -> impl Future<Output = Result<Response<OutboundBody>, Infallible>> + use<> {
    let h2 = request.version() == Version::HTTP_2;
    let request = InboundBody::attach(request);
    client.0.activity.begin(h2, request.body().announced());
    let in_flight = InFlight::new(client);
    let reply = reply_to(request, &client.0);
    async move {
        let response = AssertUnwindSafe(reply).catch_unwind().await.unwrap_or_else(|_| panicked());
        Ok(response.map(|body| body.holding(in_flight)))
    }
}

fn reply_to(request: Request<InboundBody>, client: &Known) -> BoxFuture<Response<OutboundBody>> {
    let shared = &client.shared;
    if shared.running.load(Ordering::Acquire) > shared.options.max_requests {
        return Box::pin(ready(shared.routes.busy(&request).unwrap_or_else(routes::busy)));
    }
    match catch_unwind(AssertUnwindSafe(|| shared.routes.handle(request, client.peer))) {
        Ok(Routed::Reply(reply)) => reply,
        Ok(Routed::Unmatched(_)) => Box::pin(ready(routes::not_found())),
        Err(_) => Box::pin(ready(panicked())),
    }
}

fn panicked() -> Response<OutboundBody> {
    tracing::error!("a route panicked");
    routes::panicked()
}

/// A request from its head to the end of its reply.
pub(super) struct InFlight(Client);

impl InFlight {
    /// One that the client's activity has begun.
    fn new(client: &Client) -> Self {
        client.0.shared.running.fetch_add(1, Ordering::AcqRel);
        Self(client.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Known { shared, activity, .. } = &*self.0.0;
        shared.running.fetch_sub(1, Ordering::AcqRel);
        activity.end();
    }
}
