//! A stream that is whole from the start: the replay of a reply that came in one piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientStream, Frame, StreamEnd};

/// All frames, then the end.
pub(crate) struct Canned {
    bytes: Option<Bytes>,
    end: Option<Box<StreamEnd>>,
}

impl Canned {
    pub(crate) fn new(bytes: Bytes, end: StreamEnd) -> Self {
        Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), end: Some(Box::new(end)) }
    }
}

impl ClientStream for Canned {
    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Frame::Bytes(bytes)));
        }
        Poll::Ready(self.end.take().map(Frame::End))
    }

    fn fail(mut self: Pin<&mut Self>, _error: &ClientError) -> Bytes {
        // What is left ends the stream well, and at once.
        self.end = None;
        self.bytes.take().unwrap_or_default()
    }
}
