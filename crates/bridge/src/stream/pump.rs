//! Pulls a provider's stream when the client pulls, and sees to it that it ends in exactly one way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientStream, ErrorKind, ExecutorError, Frame, StreamEnd, UpstreamBytes};

use super::head::Head;
use super::lane::Lane;
use super::outbox::Outbox;
use crate::explain::Teller;
use crate::failure::{ReplySource, broke_off};
use crate::remarks::Remarker;

/// Chunks that are read in one poll at most, so that one flood does not starve the other tasks of its thread.
const CHUNKS_PER_POLL: usize = 64;

/// How much a stream may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Frames before the first semantic event.
    pub(crate) preamble_events: usize,
    /// Bytes before the first semantic event.
    pub(crate) preamble_bytes: usize,
    /// Ready bytes that are gathered.
    pub(crate) coalesce: usize,
    /// Bytes of the whole stream, when it is put together.
    pub(crate) total: usize,
}

enum Phase {
    Flowing,
    /// What is in the outbox, then this.
    Ending(Box<StreamEnd>),
    Done,
}

/// What one upstream read led to.
enum Step {
    More,
    /// The terminal event came.
    Whole,
    Broken(ExecutorError),
}

/// One reply on its way to the client.
pub(crate) struct Pump<L> {
    /// Gone as soon as the end is known: dropping it ends the call.
    upstream: Option<UpstreamBytes>,
    lane: L,
    head: Head,
    out: Outbox,
    phase: Phase,
    bounds: Bounds,
    read: usize,
    source: ReplySource,
    teller: Teller,
    remarker: Remarker,
}

impl<L: Lane> Pump<L> {
    pub(crate) fn new(
        upstream: UpstreamBytes,
        lane: L,
        bounds: Bounds,
        source: ReplySource,
        teller: Teller,
        remarker: Remarker,
    ) -> Self {
        Self {
            upstream: Some(upstream),
            lane,
            head: Head::default(),
            out: Outbox::default(),
            phase: Phase::Flowing,
            bounds,
            read: 0,
            source,
            teller,
            remarker,
        }
    }

    /// Reads until the first semantic event has been seen, or the preamble is full: then the stream is committed,
    /// as nobody can hold it for ever. Fails when the stream fails before.
    pub(crate) fn poll_primed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ExecutorError>> {
        for _ in 0..CHUNKS_PER_POLL {
            match ready!(self.step(cx)) {
                Step::More => {
                    let full = self.lane.frames() > self.bounds.preamble_events
                        || self.out.len() > self.bounds.preamble_bytes;
                    if self.lane.seen().semantic || full {
                        return Poll::Ready(Ok(()));
                    }
                }
                Step::Whole => {
                    self.end_well(cx);
                    return Poll::Ready(Ok(()));
                }
                Step::Broken(error) => {
                    if !self.lane.seen().semantic {
                        self.upstream = None;
                        self.phase = Phase::Done;
                        return Poll::Ready(Err(error));
                    }
                    self.end_badly(error);
                    return Poll::Ready(Ok(()));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads to the end; for lanes that keep what they read.
    pub(crate) fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ExecutorError>> {
        for _ in 0..CHUNKS_PER_POLL {
            match ready!(self.step(cx)) {
                Step::More if self.read > self.bounds.total => {
                    self.upstream = None;
                    return Poll::Ready(Err(self.source.too_long(self.bounds.total)));
                }
                Step::More => {}
                Step::Whole => {
                    self.end_well(cx);
                    return Poll::Ready(Ok(()));
                }
                Step::Broken(error) => {
                    self.upstream = None;
                    return Poll::Ready(Err(error));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The lane with what it kept, what it wrote, and how many bytes it read.
    pub(crate) fn into_parts(mut self) -> (L, Bytes, usize) {
        (self.lane, self.out.take().unwrap_or_default(), self.read)
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let Some(upstream) = &mut self.upstream else {
            let error = ExecutorError::new(ErrorKind::Internal, "the stream was read past its end");
            return Poll::Ready(Step::Broken(error));
        };
        Poll::Ready(match ready!(upstream.as_mut().poll_next(cx)) {
            Some(Ok(chunk)) => self.took(&chunk),
            Some(Err(error)) => Step::Broken(error),
            None => self.ran_out(),
        })
    }

    fn took(&mut self, chunk: &Bytes) -> Step {
        self.read = self.read.saturating_add(chunk.len());
        if self.head.is_foreign(chunk) {
            return match self.head.keep(chunk) {
                true => Step::More,
                false => Step::Broken(self.foreign()),
            };
        }
        let result = self.lane.push(chunk, &mut self.out);
        let seen = self.lane.seen();
        if let Some(error) = &seen.error {
            return Step::Broken(self.source.error_event(error));
        }
        match result {
            Err(error) => Step::Broken(self.source.unreadable(error)),
            Ok(()) if seen.terminal && !seen.semantic => Step::Broken(broke_off(false, None)),
            Ok(()) if seen.terminal => Step::Whole,
            Ok(()) => Step::More,
        }
    }

    /// The bytes ended: good only when the terminal event went by, or the codec can vouch for the end.
    // Source: translation.md B68.
    fn ran_out(&mut self) -> Step {
        if self.head.kept().is_some() {
            return Step::Broken(self.foreign());
        }
        let result = self.lane.finish(&mut self.out);
        let seen = self.lane.seen();
        if let Some(error) = &seen.error {
            return Step::Broken(self.source.error_event(error));
        }
        if seen.terminal && seen.semantic {
            return Step::Whole;
        }
        Step::Broken(broke_off(seen.semantic, result.err()))
    }

    fn foreign(&self) -> ExecutorError {
        let body = Bytes::copy_from_slice(self.head.kept().unwrap_or_default());
        self.source.not_a_reply(self.teller.wire(), &body)
    }

    fn end_well(&mut self, cx: &mut Context<'_>) {
        // One look without waiting: a connection that has already ended its reply can be used again, one that is
        // dropped before that cannot.
        if let Some(mut upstream) = self.upstream.take() {
            drop(upstream.as_mut().poll_next(cx));
        }
        let seen = self.lane.seen();
        let end = StreamEnd::done(seen.usage, seen.finish);
        self.phase = Phase::Ending(Box::new(end.with_remarks(self.remarks())));
    }

    fn end_badly(&mut self, error: ExecutorError) {
        self.upstream = None;
        let told = self.teller.tell(&error);
        self.lane.fail(&told, self.out.writer());
        let usage = self.lane.seen().usage;
        let end = StreamEnd::failed(usage, error);
        self.phase = Phase::Ending(Box::new(end.with_remarks(self.remarks())));
    }

    /// What was lost of the whole stream.
    fn remarks(&self) -> Vec<String> {
        self.remarker.of_reply(self.lane.losses()).into_iter().collect()
    }

    fn poll_next_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        for _ in 0..CHUNKS_PER_POLL {
            match &mut self.phase {
                Phase::Done => return Poll::Ready(None),
                Phase::Ending(end) => {
                    if let Some(bytes) = self.out.take() {
                        return Poll::Ready(Some(Frame::Bytes(bytes)));
                    }
                    let end = std::mem::take(end);
                    self.phase = Phase::Done;
                    return Poll::Ready(Some(Frame::End(end)));
                }
                Phase::Flowing => {}
            }
            if self.out.len() >= self.bounds.coalesce {
                break;
            }
            match self.step(cx) {
                Poll::Pending => {
                    return self
                        .out
                        .take()
                        .map_or(Poll::Pending, |bytes| Poll::Ready(Some(Frame::Bytes(bytes))));
                }
                Poll::Ready(Step::More) => {}
                Poll::Ready(Step::Whole) => self.end_well(cx),
                Poll::Ready(Step::Broken(error)) => self.end_badly(error),
            }
        }
        if let Some(bytes) = self.out.take() {
            return Poll::Ready(Some(Frame::Bytes(bytes)));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<L: Lane + Unpin> ClientStream for Pump<L> {
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.get_mut().poll_next_frame(cx)
    }

    fn fail(self: Pin<&mut Self>, error: &ClientError) -> Bytes {
        let this = self.get_mut();
        this.upstream = None;
        // Behind the terminal event, or behind another failure, there is nothing left to say.
        if matches!(this.phase, Phase::Flowing) {
            this.lane.fail(error, this.out.writer());
        }
        this.phase = Phase::Done;
        this.out.take().unwrap_or_default()
    }
}
