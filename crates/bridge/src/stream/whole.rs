//! Services that answer a request for a stream with one whole reply all the same.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use cliproxy_core::{ExecutorError, UpstreamBytes, WireReply, WireStream};
use futures_core::Stream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// What a provider answered a request for a stream with.
pub(crate) enum Answer {
    Stream(WireStream),
    Whole(WireReply),
    /// A whole reply beyond the limit.
    TooLong(HeaderMap),
}

/// Whether a reply does not call itself a stream of events: only then its first bytes are looked at. Some services send
/// events under another name.
pub(crate) fn is_suspect(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return true };
    let kind = kind.as_bytes().trim_ascii_start();
    kind.get(..16).is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/json"))
}

/// Reads until it is clear which of the two it is; a whole reply is read to its end. No event of a stream begins with a
/// brace. Blank pieces ahead of everything are left out: neither of the two has a use for them.
pub(crate) async fn told_apart(reply: WireStream, limit: usize) -> Result<Answer, ExecutorError> {
    let WireStream { status, headers, mut body, .. } = reply;
    let mut blank = 0;
    let ahead = loop {
        match next(&mut body).await? {
            Some(piece) if piece.trim_ascii_start().is_empty() && blank <= limit => blank += piece.len(),
            piece => break piece,
        }
    };
    let Some(first) = ahead.clone().filter(|piece| piece.trim_ascii_start().starts_with(b"{")) else {
        let mut stream = WireStream::new(headers, Box::pin(Ahead { ahead, rest: body }));
        stream.status = status;
        return Ok(Answer::Stream(stream));
    };
    let mut read = BytesMut::from(first);
    while read.len() <= limit
        && let Some(piece) = next(&mut body).await?
    {
        read.extend_from_slice(&piece);
    }
    if read.len() > limit {
        return Ok(Answer::TooLong(headers));
    }
    let mut whole = WireReply::new(headers, read.freeze());
    whole.status = status;
    Ok(Answer::Whole(whole))
}

async fn next(body: &mut UpstreamBytes) -> Result<Option<Bytes>, ExecutorError> {
    poll_fn(|cx| body.as_mut().poll_next(cx)).await.transpose()
}

/// What was read already, then the rest.
struct Ahead {
    ahead: Option<Bytes>,
    rest: UpstreamBytes,
}

impl Stream for Ahead {
    type Item = Result<Bytes, ExecutorError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.ahead.take() {
            Some(read) => Poll::Ready(Some(Ok(read))),
            None => self.rest.as_mut().poll_next(cx),
        }
    }
}
