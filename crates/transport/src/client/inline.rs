//! HTTP/1.1 connections without a task of their own.
//!
//! Whoever waits for the reply drives the connection: no hand-over between tasks for each piece of a stream, nothing
//! left running when the caller goes away (the connection dies with the body), and an idle connection costs no wake-up.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;

use super::send::ClientOptions;
use crate::socket::Socket;

/// The connection and the waiting side of it wake each other; more turns than this and others get theirs.
const MAX_TURNS: usize = 8;

/// An HTTP/1.1 connection that is polled by the request it serves.
pub(crate) struct Inline {
    sender: http1::SendRequest<Full<Bytes>>,
    connection: http1::Connection<TokioIo<Socket>, Full<Bytes>>,
    ended: bool,
    gate: Arc<Gate>,
    waker: Waker,
}

impl Inline {
    pub(crate) async fn open(io: TokioIo<Socket>, options: &ClientOptions) -> hyper::Result<Box<Self>> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(options.http1_buffer.max(8 * 1024));
        let (sender, connection) = builder.handshake(io).await?;
        let gate = Arc::new(Gate::default());
        let waker = Waker::from(Arc::clone(&gate));
        Ok(Box::new(Self { sender, connection, ended: false, gate, waker }))
    }

    /// Sends a request and waits for the response head.
    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, TrySendError<http::Request<Full<Bytes>>>> {
        // Looking at an idle connection left it with a waker that wakes nobody.
        self.gate.again.store(true, Ordering::SeqCst);
        let mut reply = pin!(self.sender.try_send_request(request));
        std::future::poll_fn(|cx| self.turn(cx, |cx| reply.as_mut().poll(cx))).await
    }

    /// Drives the connection, and asks `waiting` whether that brought what it waits for.
    ///
    /// The two talk through hyper's channel and wake each other all the time. Such a wake means "take another
    /// turn now", not "schedule the whole task again", so both get a waker that knows whether we are inside. A
    /// connection that was not woken has nothing to do and is not polled.
    pub(crate) fn turn<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut waiting: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.gate.enter(cx.waker());
        let mut own = Context::from_waker(&self.waker);
        let mut found = Poll::Pending;
        for _ in 0..MAX_TURNS {
            let woken = self.gate.again.swap(false, Ordering::SeqCst);
            if woken && !self.ended && Pin::new(&mut self.connection).poll(&mut own).is_ready() {
                self.ended = true;
            }
            found = waiting(&mut own);
            if found.is_ready() || !self.gate.again.load(Ordering::SeqCst) {
                break;
            }
        }
        if self.gate.leave() && found.is_pending() {
            cx.waker().wake_by_ref();
        }
        found
    }

    /// Looks whether the peer has closed the connection, and whether it can take a request. Never waits.
    pub(crate) fn is_usable(&mut self) -> bool {
        let sender = &self.sender;
        let mut nobody = Context::from_waker(Waker::noop());
        if !self.ended && Pin::new(&mut self.connection).poll(&mut nobody).is_ready() {
            self.ended = true;
        }
        !self.ended && sender.is_ready()
    }
}

impl std::fmt::Debug for Inline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inline").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// Tells a wake from within a turn from one that comes from the reactor.
#[derive(Default)]
struct Gate {
    inside: AtomicBool,
    again: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Gate {
    fn enter(&self, outer: &Waker) {
        let mut slot = self.outer.lock();
        match &mut *slot {
            Some(known) => known.clone_from(outer),
            empty => *empty = Some(outer.clone()),
        }
        drop(slot);
        self.inside.store(true, Ordering::SeqCst);
    }

    /// Whether somebody called while we were inside and has not been answered: that is left to the next turn.
    fn leave(&self) -> bool {
        self.inside.store(false, Ordering::SeqCst);
        self.again.load(Ordering::SeqCst)
    }
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // First the note, then the question: `leave` asks in the opposite order, so one of the two sees the other.
        self.again.store(true, Ordering::SeqCst);
        if self.inside.load(Ordering::SeqCst) {
            return;
        }
        let outer = self.outer.lock().clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}
