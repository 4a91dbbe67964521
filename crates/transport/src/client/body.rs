//! The upstream's reply as it arrives. Dropping it cancels the call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::inline::Inline;
use super::multiplexed::StreamSlot;
use super::pool::Place;
use crate::coding::{DecodeError, Decoder, decode_body, parse_content_encoding, sniff_coding};

/// Decoded pieces of a stream may not be larger than this for one piece received: a bomb is not a stream.
const MAX_STREAM_STEP: usize = 32 * 1024 * 1024;

/// Why a reply stopped before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The connection was lost, or the upstream reset the stream.
    #[error("the reply broke off")]
    Interrupted(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is larger than the caller takes.
    #[error("the reply is larger than {limit} bytes")]
    TooLarge {
        /// The caller's limit.
        limit: usize,
    },
    /// Its content encoding is broken.
    #[error("the reply cannot be decoded")]
    Decode(#[from] DecodeError),
}

/// A response body from upstream: a [`Body`] and a [`Stream`] of decoded [`Bytes`].
///
/// Nothing reads ahead of the caller. Dropping it before its end closes the HTTP/1.1 connection or resets the HTTP/2
/// stream; reading it to its end returns the connection to the pool.
pub struct IncomingBody {
    flow: Flow,
    decoder: Option<Box<Decoder>>,
}

/// Where the bytes come from.
pub(crate) enum Flow {
    Inline { incoming: Incoming, connection: Option<Box<Inline>>, home: Arc<Place> },
    Multiplexed { incoming: Incoming, _slot: StreamSlot },
    Given(Option<Bytes>),
    Ended,
}

impl IncomingBody {
    pub(crate) fn new(flow: Flow) -> Self {
        let mut body = Self { flow, decoder: None };
        body.settle();
        body
    }

    /// A body that holds these bytes, for replies that come from no socket.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self { flow: Flow::Given(Some(bytes.into())), decoder: None }
    }

    /// Decodes what we can decode; an encoding that we do not know stays, header and all.
    pub(crate) fn decode(response: Response<Self>) -> Response<Self> {
        let (mut parts, mut body) = response.into_parts();
        if parts.headers.contains_key(CONTENT_ENCODING)
            && let Ok(codings) = parse_content_encoding(&parts.headers)
        {
            parts.headers.remove(CONTENT_ENCODING);
            if !codings.is_empty() {
                parts.headers.remove(CONTENT_LENGTH);
                body.decoder = Some(Box::new(Decoder::for_stream(&codings, MAX_STREAM_STEP)));
            }
        }
        Response::from_parts(parts, body)
    }

    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// When the reply breaks off or cannot be decoded. Nothing follows an error.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        std::future::poll_fn(|cx| self.poll_data(cx)).await
    }

    /// Reads the rest, at most `limit` decoded bytes of it.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] when there is more; otherwise as [`chunk`](Self::chunk).
    pub async fn collect_bounded(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let too_large = BodyError::TooLarge { limit };
        let announced = if self.decoder.is_none() { Body::size_hint(&self).lower() } else { 0 };
        if announced > limit as u64 {
            return Err(too_large);
        }
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        if first.len() > limit {
            return Err(too_large);
        }
        let Some(second) = self.chunk().await.transpose()? else { return Ok(first) }; // one piece: no copy
        let expected = usize::try_from(announced).unwrap_or(0).min(limit);
        let mut whole = BytesMut::with_capacity(expected.max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if whole.len() + piece.len() > limit {
                return Err(too_large);
            }
            whole.extend_from_slice(&piece);
            next = self.chunk().await.transpose()?;
        }
        Ok(whole.freeze())
    }

    /// As [`collect_bounded`](Self::collect_bounded), for error bodies: some upstreams compress those without saying
    /// so, hence gzip and zstd are also recognised by their first bytes. What then does not decode stays as it came.
    ///
    /// # Errors
    /// As [`collect_bounded`](Self::collect_bounded).
    pub async fn collect_sniffed(self, limit: usize) -> Result<Bytes, BodyError> {
        let bytes = self.collect_bounded(limit).await?;
        let Some(coding) = sniff_coding(&bytes) else { return Ok(bytes) };
        match decode_body(&[coding], &bytes, limit) {
            Ok(decoded) => Ok(decoded),
            Err(DecodeError::TooLarge { .. }) => Err(BodyError::TooLarge { limit }),
            Err(_) => Ok(bytes),
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let piece = match self.poll_raw(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(piece) => piece,
            };
            let Some(decoder) = &mut self.decoder else { return Poll::Ready(piece) };
            let decoded = match piece {
                Some(Ok(raw)) => decoder.push(&raw),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => decoder.finish(),
            };
            let ended = matches!(self.flow, Flow::Ended);
            match decoded {
                Ok(bytes) if !bytes.is_empty() => return Poll::Ready(Some(Ok(bytes))),
                Ok(_) if ended && self.decoder.as_ref().is_some_and(|d| d.is_finished()) => {
                    return Poll::Ready(None);
                }
                Ok(_) => {}
                Err(error) => {
                    self.decoder = None;
                    self.flow = Flow::Ended;
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
        }
    }

    fn poll_raw(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let frame = match &mut self.flow {
                Flow::Inline { incoming, connection, .. } => match connection {
                    Some(connection) => connection.turn(cx, |cx| Pin::new(&mut *incoming).poll_frame(cx)),
                    None => Pin::new(incoming).poll_frame(cx),
                },
                Flow::Multiplexed { incoming, .. } => Pin::new(incoming).poll_frame(cx),
                Flow::Given(bytes) => {
                    let given = bytes.take().filter(|bytes| !bytes.is_empty());
                    self.flow = Flow::Ended;
                    return Poll::Ready(given.map(Ok));
                }
                Flow::Ended => return Poll::Ready(None),
            };
            match frame {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => {
                    self.settle();
                    // Trailers carry nothing that any provider uses.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.flow = Flow::Ended;
                    return Poll::Ready(Some(Err(BodyError::Interrupted(error.into()))));
                }
                Poll::Ready(None) => {
                    self.finish();
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// Gives the connection back as soon as hyper knows that nothing follows, not only when somebody asks.
    fn settle(&mut self) {
        let done = match &self.flow {
            Flow::Inline { incoming, .. } | Flow::Multiplexed { incoming, .. } => incoming.is_end_stream(),
            Flow::Given(_) | Flow::Ended => false,
        };
        if done {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Flow::Inline { connection: Some(connection), home, .. } =
            std::mem::replace(&mut self.flow, Flow::Ended)
        {
            home.recycle(connection);
        }
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        // A caller may stop at the format's own last event, with only the end of the framing still unread.
        let Flow::Inline { incoming, connection: Some(connection), .. } = &mut self.flow else { return };
        let mut nobody = Context::from_waker(Waker::noop());
        let rest = connection.turn(&mut nobody, |cx| Pin::new(&mut *incoming).poll_frame(cx));
        if matches!(rest, Poll::Ready(None)) {
            self.finish();
        }
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.get_mut().poll_data(cx).map(|piece| piece.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.flow, Flow::Ended) && self.decoder.as_ref().is_none_or(|decoder| decoder.is_finished())
    }

    fn size_hint(&self) -> SizeHint {
        if self.decoder.is_some() {
            return SizeHint::default();
        }
        match &self.flow {
            Flow::Inline { incoming, .. } | Flow::Multiplexed { incoming, .. } => incoming.size_hint(),
            Flow::Given(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Flow::Ended => SizeHint::with_exact(0),
        }
    }
}

impl Stream for IncomingBody {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_data(cx)
    }
}

impl fmt::Debug for IncomingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = match &self.flow {
            Flow::Inline { .. } => "HTTP/1.1",
            Flow::Multiplexed { .. } => "HTTP/2",
            Flow::Given(_) => "given",
            Flow::Ended => "ended",
        };
        f.debug_struct("IncomingBody").field("flow", &flow).finish_non_exhaustive()
    }
}
