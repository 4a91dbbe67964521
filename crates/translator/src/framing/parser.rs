//! The parser of whichever framing a format has.

use bytes::Bytes;

use super::{EventStreamParser, SseParser, write_event_stream, write_sse};
use crate::codec::{CodecError, Framing};
use crate::frame::StreamFrame;

/// Reads frames of one framing from bytes that are cut anywhere.
#[derive(Debug)]
#[non_exhaustive]
pub enum FrameParser {
    /// Server-sent events.
    Sse(SseParser),
    /// AWS event-stream frames.
    EventStream(EventStreamParser),
}

impl FrameParser {
    /// A parser at the start of a stream.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Sse => Self::Sse(SseParser::new()),
            Framing::EventStream => Self::EventStream(EventStreamParser::new()),
        }
    }

    /// Reads a chunk and hands over every frame that is whole now.
    ///
    /// # Errors
    /// When a frame is too large, or broken. The stream is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(StreamFrame<'_>)) -> Result<(), CodecError> {
        match self {
            Self::Sse(parser) => parser.push(bytes, sink),
            Self::EventStream(parser) => parser.push(bytes, sink),
        }
    }

    /// As [`Self::push`], with the frame's own bytes, so that a pass-through forwards what came. A frame within one
    /// chunk shares the chunk's memory.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_raw(
        &mut self,
        bytes: &Bytes,
        sink: &mut dyn FnMut(StreamFrame<'_>, Bytes),
    ) -> Result<(), CodecError> {
        match self {
            Self::Sse(parser) => parser.push_raw(bytes, sink),
            Self::EventStream(parser) => parser.push_raw(bytes, sink),
        }
    }

    /// The bytes ended: hands over a last frame that may lack its end in this framing.
    ///
    /// # Errors
    /// When they ended inside a frame that may not.
    pub fn finish(&mut self, sink: &mut dyn FnMut(StreamFrame<'_>)) -> Result<(), CodecError> {
        match self {
            Self::Sse(parser) => parser.finish(sink),
            Self::EventStream(parser) => parser.finish(),
        }
    }

    /// As [`Self::finish`], with the frame's bytes.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn finish_raw(&mut self, sink: &mut dyn FnMut(StreamFrame<'_>, Bytes)) -> Result<(), CodecError> {
        match self {
            Self::Sse(parser) => parser.finish_raw(sink),
            Self::EventStream(parser) => parser.finish(),
        }
    }
}

/// Appends one frame in a framing.
pub fn write_frame(out: &mut Vec<u8>, framing: Framing, frame: StreamFrame<'_>) {
    match framing {
        Framing::Sse => write_sse(out, Some(frame.event).filter(|event| !event.is_empty()), frame.data),
        Framing::EventStream => write_event_stream(out, frame),
    }
}
