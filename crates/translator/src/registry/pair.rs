//! What a third party implements to serve one exact pair of formats.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{Exchange, RequestCall};
use crate::codec::{CodecError, StreamSeen};
use crate::frame::StreamFrame;
use crate::loss::Loss;

/// Turns requests of one client format into those of one provider format.
///
/// Pure: it may be called any number of times for one request (once an attempt), from any thread, and must not
/// block.
pub trait RequestTransform: fmt::Debug + Send + Sync + 'static {
    /// The body for the provider.
    ///
    /// # Errors
    /// When the request cannot be read, or not be said in the provider's format.
    fn transform(&self, call: &RequestCall<'_>) -> Result<Bytes, CodecError>;

    /// As [`Self::transform`], and tells what of the request it leaves behind. This is what the registry calls; without it
    /// nothing is told.
    ///
    /// # Errors
    /// As [`Self::transform`].
    fn transform_telling(&self, call: &RequestCall<'_>, losses: &mut Vec<Loss>) -> Result<Bytes, CodecError> {
        let _ = losses;
        self.transform(call)
    }
}

/// Turns whole replies of one provider format into those of one client format. As pure as [`RequestTransform`].
pub trait ResponseNonStreamTransform: fmt::Debug + Send + Sync + 'static {
    /// The body for the client.
    ///
    /// # Errors
    /// When the reply cannot be read.
    fn transform(&self, exchange: &Exchange, body: &Bytes) -> Result<Bytes, CodecError>;

    /// As [`Self::transform`], and tells what of the reply it leaves behind. This is what the registry calls; without it
    /// nothing is told.
    ///
    /// # Errors
    /// As [`Self::transform`].
    fn transform_telling(
        &self,
        exchange: &Exchange,
        body: &Bytes,
        losses: &mut Vec<Loss>,
    ) -> Result<Bytes, CodecError> {
        let _ = losses;
        self.transform(exchange, body)
    }
}

/// Turns streams of one provider format into those of one client format.
pub trait ResponseStreamTransform: fmt::Debug + Send + Sync + 'static {
    /// Begins one stream, with fresh state: one per attempt (C.5).
    fn begin(&self, exchange: &Exchange) -> Box<dyn ResponseStream>;
}

/// The state of one stream.
pub trait ResponseStream: Send {
    /// Takes one frame and appends what the client gets for it, framing included. Nothing appended means that the
    /// client gets nothing (C.4).
    ///
    /// # Errors
    /// When the frame cannot be read: the stream fails, behind what was appended. No error event is to be appended here:
    /// it is written in the client's format by whoever ends the stream.
    fn push(&mut self, frame: StreamFrame<'_>, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// The bytes ended: appends what is still held back.
    ///
    /// # Errors
    /// When the stream broke off.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// What is known of the stream. The default takes whatever came for a good reply.
    ///
    /// An error of the provider's belongs into [`StreamSeen::error`] and not to the client: whoever ends the stream tells
    /// it, in the client's format and masked, or asks another credential where nothing was said yet. Behind it, and behind
    /// the terminal event, no frame is pushed any more. Where a pair does write an error event of the client's format, or
    /// its terminal event, that was the end, and none is written behind it. Source: translation.md B68, B77.
    fn seen(&self) -> Option<&StreamSeen> {
        None
    }

    /// What of the stream it left behind so far, each kind once. Asked after every chunk of bytes, so it must be at hand; by
    /// default nothing is told.
    fn losses(&self) -> &[Loss] {
        &[]
    }
}

/// Writes the reply of a token-count endpoint.
pub trait TokenCountTransform: fmt::Debug + Send + Sync + 'static {
    /// The body for the client.
    fn transform(&self, tokens: u64) -> Vec<u8>;
}

/// The response side of a pair. Each kind may be there or not.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ResponseTransforms {
    /// For streams.
    pub stream: Option<Arc<dyn ResponseStreamTransform>>,
    /// For whole replies.
    pub whole: Option<Arc<dyn ResponseNonStreamTransform>>,
    /// For token counts.
    pub count: Option<Arc<dyn TokenCountTransform>>,
}

impl ResponseTransforms {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds one for streams.
    #[must_use]
    pub fn with_stream(mut self, stream: Arc<dyn ResponseStreamTransform>) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Adds one for whole replies.
    #[must_use]
    pub fn with_whole(mut self, whole: Arc<dyn ResponseNonStreamTransform>) -> Self {
        self.whole = Some(whole);
        self
    }

    /// Adds one for token counts.
    #[must_use]
    pub fn with_count(mut self, count: Arc<dyn TokenCountTransform>) -> Self {
        self.count = Some(count);
        self
    }

    /// Whether there is none of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stream.is_none() && self.whole.is_none() && self.count.is_none()
    }
}

/// A request on its way through middleware.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestEnvelope {
    /// The format that `body` is in.
    pub format: String,
    /// The model.
    pub model: String,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// The body.
    pub body: Bytes,
    /// What middleware left behind of the request: it adds to these. What the translation loses is told beside them.
    pub losses: Vec<Loss>,
}

impl RequestEnvelope {
    /// An envelope.
    #[must_use]
    pub fn new(format: impl Into<String>, model: impl Into<String>, stream: bool, body: Bytes) -> Self {
        Self { format: format.into(), model: model.into(), stream, body, losses: Vec::new() }
    }
}

/// A reply, or a piece of a stream, on its way through middleware.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseEnvelope {
    /// The format that `body` is in.
    pub format: String,
    /// The model.
    pub model: String,
    /// Whether this is a piece of a stream: frames, framing included.
    pub stream: bool,
    /// The body, or the piece.
    pub body: Bytes,
    /// What middleware left behind of it: it adds to these. Of a stream each kind is told once.
    pub losses: Vec<Loss>,
}

impl ResponseEnvelope {
    /// An envelope.
    #[must_use]
    pub fn new(format: impl Into<String>, model: impl Into<String>, stream: bool, body: Bytes) -> Self {
        Self { format: format.into(), model: model.into(), stream, body, losses: Vec::new() }
    }
}
