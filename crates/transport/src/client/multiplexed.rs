//! HTTP/2 connections: one task each, many streams, and a cap on those.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::send::ClientOptions;
use crate::socket::Socket;
use crate::tracked::Tracked;

/// What a stream may receive before we ask for more, so that one slow client cannot make us buffer much.
const STREAM_WINDOW: u32 = 256 * 1024;

/// An HTTP/2 connection and how many of our streams are open on it.
#[derive(Debug)]
pub(crate) struct Multiplexed {
    sender: http2::SendRequest<Full<Bytes>>,
    streams: AtomicUsize,
    cap: usize,
    retired: AtomicBool,
    idle_since: Mutex<Instant>,
}

impl Multiplexed {
    pub(crate) async fn open(
        io: TokioIo<Socket>,
        options: &ClientOptions,
        tasks: &TaskTracker,
    ) -> hyper::Result<Arc<Self>> {
        let cap = options.http2_max_streams.max(1);
        let shared =
            u32::try_from(cap).unwrap_or(u32::MAX).saturating_mul(STREAM_WINDOW).min(16 * 1024 * 1024);
        let mut builder = http2::Builder::new(Tracked(tasks.clone()));
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(shared)
            .keep_alive_interval(options.http2_ping_interval)
            .keep_alive_timeout(options.http2_ping_timeout)
            .keep_alive_while_idle(false);
        let (sender, connection) = builder.handshake(io).await?;
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an upstream HTTP/2 connection ended");
            }
        });
        Ok(Arc::new(Self {
            sender,
            streams: AtomicUsize::new(0),
            cap,
            retired: AtomicBool::new(false),
            idle_since: Mutex::new(Instant::now()),
        }))
    }

    /// Takes one stream, unless the connection is full or gone.
    pub(crate) fn reserve(self: &Arc<Self>) -> Option<StreamSlot> {
        if !self.is_open() {
            return None;
        }
        // A peer that allows fewer streams than our cap makes the surplus wait its turn inside hyper.
        let grow = |open: usize| (open < self.cap).then_some(open + 1);
        self.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, grow).ok()?;
        Some(StreamSlot { connection: Arc::clone(self) })
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.retired.load(Ordering::Acquire) && !self.sender.is_closed()
    }

    /// Takes no further streams: the peer said so, or one went wrong in a way that concerns all.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Since when nothing runs on it, if nothing does.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.streams.load(Ordering::Acquire) == 0).then(|| *self.idle_since.lock())
    }
}

/// One open stream; dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct StreamSlot {
    connection: Arc<Multiplexed>,
}

impl StreamSlot {
    pub(crate) fn sender(&self) -> http2::SendRequest<Full<Bytes>> {
        self.connection.sender.clone()
    }

    pub(crate) fn connection(&self) -> &Multiplexed {
        &self.connection
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        *self.connection.idle_since.lock() = Instant::now();
        self.connection.streams.fetch_sub(1, Ordering::AcqRel);
    }
}
