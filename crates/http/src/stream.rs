//! Bodies of streams: frames as they come, signs of life while nothing comes, a valid end whatever happens.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientStream, Frame, UpstreamReply};
use cliproxy_translator::{Codec, ReplyContext};
use cliproxy_transport::Shutdown;
use futures_core::Stream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::failure;
use crate::generate::MAX_EXPLANATION;
use crate::patience::Answering;

/// What a silent stream says, which readers of the client's format skip. Source: http-api.md A.5 rule 4; the formats
/// whose readers stumble over comments say so. Two line ends there: Google's SDK for Go cuts at two, and a single one would
/// stand before the next event (google.golang.org/genai, `scan`).
fn sign_of_life(codec: &dyn Codec) -> Bytes {
    Bytes::from_static(if codec.skips_comments() { b": keep-alive\n\n" } else { b"\n\n" })
}

/// What was lost of a stream: its headers, which explain the rest, went out before it was known.
fn comment(remarks: &[String]) -> Bytes {
    let text: String = remarks.join("; ").chars().take(MAX_EXPLANATION).collect();
    Bytes::from(format!(": {}\n\n", text.replace(|c: char| !c.is_ascii() || c.is_ascii_control(), "?")))
}

/// When the next sign of life is due. Frames only note that they came; the timer is reset when it fires, not per frame.
struct Heartbeat {
    interval: Duration,
    last: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Heartbeat {
    fn new(interval: Duration) -> Self {
        let now = Instant::now();
        Self { interval, last: now, sleep: Box::pin(sleep_until(now + interval)) }
    }

    fn beat(&mut self) {
        self.last = Instant::now();
    }

    /// Ready when nothing was sent for a whole interval.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let due = self.last + self.interval;
            let now = Instant::now();
            if due <= now {
                self.last = now;
                self.sleep.as_mut().reset(now + self.interval);
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(due);
        }
    }
}

/// The body of a stream that has begun.
pub(crate) struct StreamBody {
    frames: Option<Pin<Box<dyn ClientStream>>>,
    heartbeat: Option<Heartbeat>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    codec: Arc<dyn Codec>,
    /// The client wants to know how its reply came about.
    explain: bool,
}

impl StreamBody {
    pub(crate) fn new(
        frames: Pin<Box<dyn ClientStream>>,
        keepalive: Option<Duration>,
        codec: Arc<dyn Codec>,
        shutdown: &Shutdown,
    ) -> Self {
        let cut = Box::pin(shutdown.cut_token().cancelled_owned());
        let heartbeat = keepalive.map(Heartbeat::new);
        Self { frames: Some(frames), heartbeat, cut, codec, explain: false }
    }

    /// With what was lost of the stream at its end, in a comment, where readers skip those.
    pub(crate) fn with_explain(mut self, explain: bool) -> Self {
        self.explain = explain && self.codec.skips_comments();
        self
    }
}

impl Stream for StreamBody {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(frames) = &mut this.frames else { return Poll::Ready(None) };
        match frames.as_mut().poll_frame(cx) {
            Poll::Ready(Some(Frame::Bytes(bytes))) => {
                if let Some(heartbeat) = &mut this.heartbeat {
                    heartbeat.beat();
                }
                return Poll::Ready(Some(Ok(bytes)));
            }
            Poll::Ready(Some(Frame::End(end))) if this.explain && !end.remarks.is_empty() => {
                this.frames = None;
                return Poll::Ready(Some(Ok(comment(&end.remarks))));
            }
            // What broke the stream has been told to the client, and to the conductor by the stream itself.
            Poll::Ready(_) => {
                this.frames = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        if this.cut.as_mut().poll(cx).is_ready() {
            let end = frames.as_mut().fail(&failure::shutting_down());
            this.frames = None;
            return Poll::Ready(Some(Ok(end)));
        }
        match &mut this.heartbeat {
            Some(heartbeat) => heartbeat.poll_due(cx).map(|()| Some(Ok(sign_of_life(this.codec.as_ref())))),
            None => Poll::Pending,
        }
    }
}

/// The body of a stream whose status line had to go out before an answer was there. A failure is told in the
/// stream's own words (Source: design.md §1).
pub(crate) struct WaitingBody {
    state: State,
    heartbeat: Option<Heartbeat>,
    keepalive: Duration,
    first: bool,
    codec: Arc<dyn Codec>,
    shutdown: Shutdown,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    model: String,
    explain: bool,
}

enum State {
    Waiting(Answering),
    Streaming(StreamBody),
    Ended,
}

impl WaitingBody {
    pub(crate) fn new(
        answering: Answering,
        keepalive: Duration,
        codec: Arc<dyn Codec>,
        shutdown: &Shutdown,
        model: String,
    ) -> Self {
        Self {
            state: State::Waiting(answering),
            heartbeat: Some(Heartbeat::new(keepalive)),
            keepalive,
            first: true,
            codec,
            shutdown: shutdown.clone(),
            cut: Box::pin(shutdown.cut_token().cancelled_owned()),
            model,
            explain: false,
        }
    }

    /// As [`StreamBody::with_explain`].
    pub(crate) fn with_explain(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }

    /// An error as the only content of the stream.
    fn fail(&self, error: &ClientError) -> Bytes {
        let mut out = Vec::new();
        self.codec.stream_encoder(&ReplyContext::new(self.model.clone(), "")).fail(error, &mut out);
        Bytes::from(out)
    }
}

impl Stream for WaitingBody {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if std::mem::take(&mut this.first) {
            return Poll::Ready(Some(Ok(sign_of_life(this.codec.as_ref()))));
        }
        match &mut this.state {
            State::Ended => return Poll::Ready(None),
            State::Streaming(body) => return Pin::new(body).poll_next(cx),
            State::Waiting(answering) => match answering.as_mut().poll(cx) {
                Poll::Pending => {}
                Poll::Ready(dispatched) => {
                    this.heartbeat = None;
                    let said = match dispatched.result {
                        Ok(UpstreamReply::Stream(reply)) => {
                            let (codec, keepalive) = (Arc::clone(&this.codec), Some(this.keepalive));
                            let mut body = StreamBody::new(reply.frames, keepalive, codec, &this.shutdown)
                                .with_explain(this.explain);
                            let first = Pin::new(&mut body).poll_next(cx);
                            this.state = State::Streaming(body);
                            return first;
                        }
                        // A whole reply to a request for a stream: whatever made it did not keep the contract.
                        Ok(_) => this.fail(&failure::not_a_stream()),
                        Err(error) => this.fail(&error),
                    };
                    this.state = State::Ended;
                    return Poll::Ready(Some(Ok(said)));
                }
            },
        }
        if this.cut.as_mut().poll(cx).is_ready() {
            this.state = State::Ended;
            return Poll::Ready(Some(Ok(this.fail(&failure::shutting_down()))));
        }
        match &mut this.heartbeat {
            Some(heartbeat) => heartbeat.poll_due(cx).map(|()| Some(Ok(sign_of_life(this.codec.as_ref())))),
            None => Poll::Pending,
        }
    }
}
