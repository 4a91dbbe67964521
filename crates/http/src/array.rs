//! A stream of events as one JSON array: what Gemini's interface gives to those who do not ask for `alt=sse`.
// Source: Gemini API reference, "streamGenerateContent"; the reference program joins the objects without the array
// (http-api.md A.5 "Gemini (other `alt`)"), which no JSON reader takes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use cliproxy_translator::CodecError;
use cliproxy_translator::framing::JsonArrayFramer;
use futures_core::Stream;

type Piece = Result<Bytes, std::convert::Infallible>;

/// Reads events from a body and writes their data as elements.
pub(crate) struct ArrayBody<S> {
    events: Option<S>,
    framer: JsonArrayFramer,
}

impl<S> ArrayBody<S> {
    pub(crate) fn new(events: S) -> Self {
        Self { events: Some(events), framer: JsonArrayFramer::default() }
    }
}

impl<S: Stream<Item = Piece> + Unpin> Stream for ArrayBody<S> {
    type Item = Piece;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let this = &mut *self;
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        match Pin::new(events).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => {
                let mut out = Vec::with_capacity(bytes.len());
                let read = this.framer.push(&bytes, &mut out);
                told(read);
                Poll::Ready(Some(Ok(out.into())))
            }
            Poll::Ready(_) => {
                this.events = None;
                let mut out = Vec::new();
                let read = this.framer.finish(&mut out);
                told(read);
                Poll::Ready(Some(Ok(out.into())))
            }
        }
    }
}

fn told(read: Result<(), CodecError>) {
    if let Err(error) = read {
        tracing::error!(%error, "an event of our own could not be made an element of an array");
    }
}
