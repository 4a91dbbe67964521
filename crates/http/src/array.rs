//! A stream of events as one JSON array: what Gemini's interface gives to those who do not ask for `alt=sse`.
// Source: Gemini API reference, "streamGenerateContent"; the reference program joins the objects without the array
// (http-api.md A.5 "Gemini (other `alt`)"), which no JSON reader takes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use cliproxy_translator::framing::SseParser;
use futures_core::Stream;

type Piece = Result<Bytes, std::convert::Infallible>;

/// Reads whole events from a body and writes their data as elements.
pub(crate) struct ArrayBody<S> {
    events: Option<S>,
    parser: SseParser,
    begun: bool,
}

impl<S> ArrayBody<S> {
    pub(crate) fn new(events: S) -> Self {
        Self { events: Some(events), parser: SseParser::new(), begun: false }
    }

    /// The elements of these bytes; a blank for bytes without any, which keep the connection alive.
    fn elements(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let begun = &mut self.begun;
        let mut write = |data: &[u8]| {
            out.extend_from_slice(if std::mem::replace(begun, true) { b",\n" } else { b"[" });
            out.extend_from_slice(data);
        };
        let read = self.parser.push(bytes, &mut |frame| {
            if !frame.data.is_empty() {
                write(frame.data);
            }
        });
        if read.is_err() {
            tracing::error!("an event of our own was too long to be turned into an array");
        }
        if out.is_empty() {
            out.push(b'\n');
        }
        out
    }
}

impl<S: Stream<Item = Piece> + Unpin> Stream for ArrayBody<S> {
    type Item = Piece;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let this = &mut *self;
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        match Pin::new(events).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(Ok(this.elements(&bytes).into()))),
            Poll::Ready(_) => {
                this.events = None;
                let end: &'static [u8] = if this.begun { b"]\n" } else { b"[]\n" };
                Poll::Ready(Some(Ok(Bytes::from_static(end))))
            }
        }
    }
}
