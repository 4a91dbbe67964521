//! Watches a stream to its end, to mark how the attempt went.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientStream, ErrorKind, ExecutorError, Frame, StreamEnd, Usage};

use crate::live::Live;
use crate::retry::judge;

/// A stream whose end is an outcome. Dropped before its end it is the client's cancel.
pub(crate) struct Guarded {
    frames: Pin<Box<dyn ClientStream>>,
    live: Option<Live>,
}

impl Guarded {
    pub(crate) fn new(frames: Pin<Box<dyn ClientStream>>, live: Live) -> Self {
        Self { frames, live: Some(live) }
    }

    fn ended(&mut self, end: &StreamEnd) {
        let Some(live) = self.live.take() else { return };
        match &end.error {
            None => live.succeed(end.usage),
            // Dropping it marks the cancel.
            Some(error) if error.kind() == ErrorKind::Cancelled => {}
            Some(error) => break_off(live, error, end.usage),
        }
    }
}

fn break_off(live: Live, error: &ExecutorError, usage: Usage) {
    let judged = judge(error, live.credential(), &live.settled().options, live.operation());
    live.break_off(error, &judged.fault, usage);
}

impl ClientStream for Guarded {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let polled = self.frames.as_mut().poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Frame::End(end))) => self.ended(end),
            // A stream without an end is a failure, never a success (Source: design.md §4).
            Poll::Ready(None) => {
                if let Some(live) = self.live.take() {
                    let cut = ExecutorError::new(ErrorKind::Interrupted, "the stream stopped without an end");
                    break_off(live, &cut, Usage::default());
                }
            }
            Poll::Ready(Some(_)) | Poll::Pending => {}
        }
        polled
    }

    fn fail(mut self: Pin<&mut Self>, error: &ClientError) -> Bytes {
        // We end it, for reasons of ours: that says nothing about the credential.
        self.live = None;
        self.frames.as_mut().fail(error)
    }
}
