//! What can be done to a stream.

use std::pin::Pin;
use std::sync::mpsc::{self, TryRecvError};
use std::task::{Context, Poll};

use bytes::Bytes;
use cliproxy_core::{ExecutorError, UpstreamBytes};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::OwnedMutexGuard;

/// All of it at its end.
pub async fn buffered(body: UpstreamBytes) -> UpstreamBytes {
    let all: Vec<_> = body.collect().await;
    Box::pin(stream::iter(all))
}

/// Taken from the provider as fast as it comes.
pub fn read_ahead(body: UpstreamBytes) -> UpstreamBytes {
    let (sender, receiver) = mpsc::channel();
    #[expect(clippy::disallowed_methods, reason = "the fault is to spawn")]
    tokio::spawn(async move {
        let mut body = body;
        while let Some(piece) = body.next().await {
            if sender.send(piece).is_err() {
                return;
            }
        }
    });
    Box::pin(stream::unfold(receiver, |receiver| async move {
        loop {
            match receiver.try_recv() {
                Ok(piece) => return Some((piece, receiver)),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => tokio::task::yield_now().await,
            }
        }
    }))
}

/// Ended where it breaks.
pub fn without_breaks(body: UpstreamBytes) -> UpstreamBytes {
    Box::pin(body.take_while(|piece| {
        let whole = piece.is_ok();
        async move { whole }
    }))
}

/// Without its first byte.
pub fn trimmed(body: UpstreamBytes) -> UpstreamBytes {
    let mut first = true;
    Box::pin(body.map(move |piece| {
        piece.map(|bytes| if std::mem::take(&mut first) { bytes.slice(1..) } else { bytes })
    }))
}

/// With something that is held until it is dropped.
pub fn holding(turn: Option<OwnedMutexGuard<()>>, body: UpstreamBytes) -> UpstreamBytes {
    Box::pin(body.inspect(move |_| {
        let _held = &turn;
    }))
}

/// Read to its end even when its caller drops it.
pub fn read_on(body: UpstreamBytes) -> UpstreamBytes {
    Box::pin(ReadOn(Some(body)))
}

struct ReadOn(Option<UpstreamBytes>);

impl Stream for ReadOn {
    type Item = Result<Bytes, ExecutorError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().map_or(Poll::Ready(None), |body| body.as_mut().poll_next(cx))
    }
}

impl Drop for ReadOn {
    fn drop(&mut self) {
        if let Some(mut body) = self.0.take() {
            #[expect(clippy::disallowed_methods, reason = "the fault is to spawn")]
            tokio::spawn(async move { while body.next().await.is_some() {} });
        }
    }
}
