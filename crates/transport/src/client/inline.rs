//! HTTP/1.1 connections without a task of their own.
//!
//! Whoever waits for the reply drives the connection: no hand-over between tasks for each piece of a stream, nothing
//! left running when the caller goes away (the connection dies with the body), and an idle connection costs no wake-up.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;

use super::send::ClientOptions;
use crate::gate::Gate;
use crate::socket::Socket;

/// An HTTP/1.1 connection that is polled by the request it serves.
pub(crate) struct Inline {
    sender: http1::SendRequest<Full<Bytes>>,
    connection: http1::Connection<TokioIo<Socket>, Full<Bytes>>,
    ended: bool,
    gate: Gate,
}

impl Inline {
    pub(crate) async fn open(io: TokioIo<Socket>, options: &ClientOptions) -> hyper::Result<Box<Self>> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(options.http1_buffer.max(8 * 1024));
        let (sender, connection) = builder.handshake(io).await?;
        Ok(Box::new(Self { sender, connection, ended: false, gate: Gate::new() }))
    }

    /// Sends a request and waits for the response head.
    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, TrySendError<http::Request<Full<Bytes>>>> {
        // Looking at an idle connection left it with a waker that wakes nobody.
        self.gate.ring();
        let mut reply = pin!(self.sender.try_send_request(request));
        std::future::poll_fn(|cx| self.turn(cx, |cx| reply.as_mut().poll(cx))).await
    }

    /// Drives the connection, and asks `waiting` whether that brought what it waits for.
    ///
    /// The two talk through hyper's channel and wake each other all the time. A connection that was not woken has
    /// nothing to do and is not polled.
    pub(crate) fn turn<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut waiting: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Self { connection, ended, gate, .. } = self;
        gate.turns(cx, |cx, woken| {
            if woken && !*ended && Pin::new(&mut *connection).poll(cx).is_ready() {
                *ended = true;
            }
            waiting(cx)
        })
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
