//! One client connection: HTTP/1.1 or HTTP/2, its deadlines, and what happens to each request.

use std::future::Future;
use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::alarm::Alarm;
use super::inbound::InboundBody;
use super::options::ServerOptions;
use super::outbound::OutboundBody;
use super::routes::{self, Peer, Routed, Routes};
use super::shutdown::Shutdown;
use crate::gate::Gate;
use crate::socket::{Socket, Stalling};
use crate::tracked::Tracked;

/// An idle connection may stay open for this part of its time longer: it need not set its timer after each request.
const IDLE_SLACK: u32 = 64;

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) routes: Arc<dyn Routes>,
    pub(super) options: ServerOptions,
    pub(super) running: AtomicUsize,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: Shutdown,
}

pub(super) async fn serve(socket: Stalling<Socket>, peer: Peer, shared: Arc<Shared>) {
    let activity = Arc::new(Activity::default());
    let io = TokioIo::new(Noticing { socket, activity: Arc::clone(&activity) });
    let service = {
        let (shared, activity) = (Arc::clone(&shared), Arc::clone(&activity));
        service_fn(move |request| answer(request, peer, Arc::clone(&shared), Arc::clone(&activity)))
    };
    let builder = builder(&shared);
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
    let draining = shared.shutdown.draining_token();
    let mut drain = pin!(draining.cancelled().fuse());
    let (mut alarm, mut closing, mut last_call) = (Alarm::default(), false, None);
    // The connection and the request that it serves wake each other: for a body that may come, for a reply that is there.
    let gate = Gate::new();
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

fn builder(shared: &Shared) -> auto::Builder<Tracked> {
    let options = &shared.options;
    let mut builder = auto::Builder::new(Tracked(shared.tasks.clone()));
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

async fn answer(
    request: Request<Incoming>,
    peer: Peer,
    shared: Arc<Shared>,
    activity: Arc<Activity>,
) -> Result<Response<OutboundBody>, std::convert::Infallible> {
    let h2 = request.version() == Version::HTTP_2;
    let in_flight = InFlight::new(&shared, activity, h2);
    let request = InboundBody::attach(request);
    if shared.running.load(Ordering::Acquire) > shared.options.max_requests {
        let busy = shared.routes.busy(&request).unwrap_or_else(routes::busy);
        return Ok(busy.map(|body| body.holding(in_flight)));
    }
    let routed = catch_unwind(AssertUnwindSafe(|| shared.routes.handle(request, peer)));
    let response = match routed {
        Ok(Routed::Unmatched(_)) => Ok(routes::not_found()),
        Ok(Routed::Reply(reply)) => AssertUnwindSafe(reply).catch_unwind().await,
        Err(panic) => Err(panic),
    };
    let response = response.unwrap_or_else(|_| {
        tracing::error!("a route panicked");
        routes::panicked()
    });
    Ok(response.map(|body| body.holding(in_flight)))
}

/// A request from its head to the end of its reply.
pub(super) struct InFlight {
    shared: Arc<Shared>,
    activity: Arc<Activity>,
}

impl InFlight {
    fn new(shared: &Arc<Shared>, activity: Arc<Activity>, h2: bool) -> Self {
        shared.running.fetch_add(1, Ordering::AcqRel);
        activity.multiplexed.store(h2, Ordering::Relaxed);
        activity.running.fetch_add(1, Ordering::AcqRel);
        activity.pause.lock().head_since = None;
        Self { shared: Arc::clone(shared), activity }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.running.fetch_sub(1, Ordering::AcqRel);
        self.activity.pause.lock().idle_since = Instant::now();
        self.activity.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a connection is doing.
struct Activity {
    running: AtomicUsize,
    multiplexed: AtomicBool,
    pause: Mutex<Pause>,
}

struct Pause {
    idle_since: Instant,
    /// When the first byte after the last request came. A new connection counts as one that has begun to speak.
    head_since: Option<Instant>,
}

impl Default for Activity {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            running: AtomicUsize::new(0),
            multiplexed: AtomicBool::new(false),
            pause: Mutex::new(Pause { idle_since: now, head_since: Some(now) }),
        }
    }
}

impl Activity {
    /// Bytes have come.
    fn received(&self) {
        if self.running.load(Ordering::Acquire) == 0 {
            self.pause.lock().head_since.get_or_insert_with(Instant::now);
        }
    }

    /// When the connection will have been quiet, or slow with a head, for too long; never while a request runs.
    fn due(&self, options: &ServerOptions) -> Option<RangeInclusive<Instant>> {
        if self.running.load(Ordering::Acquire) > 0 {
            return None;
        }
        let pause = self.pause.lock();
        Some(match pause.head_since.filter(|_| !self.multiplexed.load(Ordering::Relaxed)) {
            Some(since) => {
                let due = since + options.header_timeout;
                due..=due
            }
            None => {
                let due = pause.idle_since + options.idle_timeout;
                due..=due + options.idle_timeout / IDLE_SLACK
            }
        })
    }

    fn is_reading_head(&self) -> bool {
        self.running.load(Ordering::Acquire) == 0
            && !self.multiplexed.load(Ordering::Relaxed)
            && self.pause.lock().head_since.is_some()
    }
}

/// A socket that tells when something arrives.
struct Noticing<S> {
    socket: S,
    activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Noticing<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            this.activity.received();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noticing<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
