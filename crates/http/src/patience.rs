//! Waiting for an answer: with the true status as long as the client's patience allows, with signs of life after.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{Dispatched, RequestId, UpstreamReply};
use cliproxy_translator::Codec;
use cliproxy_transport::Shutdown;
use futures_core::Stream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::failure;

/// A dispatch that is under way. Dropping it cancels the request.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Dispatched> + Send>>;

/// What the first interval brought.
pub(crate) enum Early {
    /// The answer.
    Answered(Box<Dispatched>),
    /// Nothing yet: the client wants a sign of life.
    Patience(Answering, Duration),
    /// The server's end.
    ShuttingDown,
}

impl Early {
    pub(crate) async fn wait(
        mut answering: Answering,
        interval: Option<Duration>,
        shutdown: &Shutdown,
    ) -> Self {
        let patience = async {
            match interval {
                Some(interval) => {
                    tokio::time::sleep(interval).await;
                    interval
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            dispatched = &mut answering => Self::Answered(Box::new(dispatched)),
            interval = patience => Self::Patience(answering, interval),
            () = shutdown.cut() => Self::ShuttingDown,
        }
    }
}

/// The body of a whole reply that took long: blank lines, which JSON readers skip, then the reply. A failure is
/// visible only as an error body under status 200 (Source: http-api.md A.4).
pub(crate) struct WholeBody {
    answering: Option<Answering>,
    blanks: Interval,
    first: bool,
    codec: Arc<dyn Codec>,
    id: RequestId,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl WholeBody {
    pub(crate) fn new(
        answering: Answering,
        interval: Duration,
        codec: Arc<dyn Codec>,
        id: RequestId,
        shutdown: &Shutdown,
    ) -> Self {
        let mut blanks = interval_at(Instant::now() + interval, interval);
        blanks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let cut = Box::pin(shutdown.cut_token().cancelled_owned());
        Self { answering: Some(answering), blanks, first: true, codec, id, cut }
    }
}

impl Stream for WholeBody {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if std::mem::take(&mut this.first) {
            return Poll::Ready(Some(Ok(Bytes::from_static(b"\n"))));
        }
        let Some(answering) = &mut this.answering else { return Poll::Ready(None) };
        if let Poll::Ready(dispatched) = answering.as_mut().poll(cx) {
            this.answering = None;
            let body = match dispatched.result {
                Ok(UpstreamReply::Whole(reply)) => reply.body,
                Ok(_) => this.codec.encode_error(&failure::not_whole(), this.id.as_str()).into(),
                Err(error) => this.codec.encode_error(&error, this.id.as_str()).into(),
            };
            return Poll::Ready(Some(Ok(body)));
        }
        if this.cut.as_mut().poll(cx).is_ready() {
            this.answering = None;
            let body = this.codec.encode_error(&failure::shutting_down(), this.id.as_str());
            return Poll::Ready(Some(Ok(body.into())));
        }
        this.blanks.poll_tick(cx).map(|_| Some(Ok(Bytes::from_static(b"\n"))))
    }
}
