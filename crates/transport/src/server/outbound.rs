//! Reply bodies: nothing, some bytes, or a stream that the client's socket pulls.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};

use super::attentive::Attentive;
use super::connection::InFlight;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxStream = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

/// Pieces that are ready at the same moment leave as one, up to this size: each frame costs a hand-over.
const COALESCE: usize = 16 * 1024;

/// The body of a reply. A small whole body costs no allocation.
///
/// A stream is pulled by the client's socket: a slow reader slows it down, and a reader that goes away drops it. An
/// error in it closes the connection (HTTP/1.1) or resets the stream (HTTP/2), so that the client cannot take the
/// fragment for the whole; formats that can say an error in-band should do that instead.
pub struct OutboundBody {
    content: Content,
    in_flight: Option<InFlight>,
}

enum Content {
    Empty,
    Full(Bytes),
    Stream(Attentive<BoxStream>),
    /// The stream ended while its last pieces were being joined.
    Ending(Option<BoxError>),
}

impl OutboundBody {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self { content: Content::Empty, in_flight: None }
    }

    /// These bytes, with their length announced.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let content = if bytes.is_empty() { Content::Empty } else { Content::Full(bytes) };
        Self { content, in_flight: None }
    }

    /// A stream, sent piece by piece as it becomes ready.
    #[must_use]
    pub fn stream<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        use futures_util::TryStreamExt as _;
        Self::boxed(Box::pin(stream.map_err(Into::into)))
    }

    /// A stream that is boxed already.
    #[must_use]
    pub fn boxed(stream: Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>) -> Self {
        Self { content: Content::Stream(Attentive::new(stream)), in_flight: None }
    }

    /// Counts the request as running until the body is gone.
    pub(super) fn holding(mut self, in_flight: InFlight) -> Self {
        self.in_flight = Some(in_flight);
        self
    }

    fn end(&mut self) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let error = match std::mem::replace(&mut self.content, Content::Empty) {
            Content::Ending(Some(error)) => Some(Err(error)),
            _ => None,
        };
        Poll::Ready(error)
    }
}

/// Polls a stream, taking a panic in it for an error of this reply alone.
fn poll_safely(
    stream: &mut Attentive<BoxStream>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, BoxError>>> {
    catch_unwind(AssertUnwindSafe(|| stream.poll_next(cx))).unwrap_or_else(|_| {
        tracing::error!("a reply stream panicked");
        Poll::Ready(Some(Err("the reply stream panicked".into())))
    })
}

impl Body for OutboundBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let stream = match &mut this.content {
            Content::Empty => return Poll::Ready(None),
            Content::Ending(_) => return this.end(),
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.content = Content::Empty;
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Content::Stream(stream) => stream,
        };
        let mut first = Bytes::new();
        while first.is_empty() {
            match poll_safely(stream, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(piece))) => first = piece,
                Poll::Ready(end) => {
                    this.content = Content::Ending(end.and_then(Result::err));
                    return this.end();
                }
            }
        }
        let mut joined: Option<BytesMut> = None;
        while joined.as_ref().map_or(first.len(), BytesMut::len) < COALESCE {
            match poll_safely(stream, cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(piece))) => joined
                    .get_or_insert_with(|| {
                        let mut buffer = BytesMut::with_capacity((first.len() + piece.len()).max(4 * 1024));
                        buffer.extend_from_slice(&first);
                        buffer
                    })
                    .extend_from_slice(&piece),
                Poll::Ready(end) => {
                    this.content = Content::Ending(end.and_then(Result::err));
                    break;
                }
            }
        }
        Poll::Ready(Some(Ok(Frame::data(joined.map_or(first, BytesMut::freeze)))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Empty | Content::Ending(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty | Content::Ending(_) => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

impl Default for OutboundBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for OutboundBody {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl fmt::Debug for OutboundBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Empty => f.write_str("OutboundBody(empty)"),
            Content::Full(bytes) => write!(f, "OutboundBody({} bytes)", bytes.len()),
            Content::Stream(_) | Content::Ending(_) => f.write_str("OutboundBody(stream)"),
        }
    }
}
