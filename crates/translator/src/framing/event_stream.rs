//! AWS event-stream frames (`application/vnd.amazon.eventstream`). Source: providers-b.md 1.5.7.

use std::borrow::Cow;

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;

use crate::codec::CodecError;
use crate::frame::{FrameKind, StreamFrame};
use crate::json::Writer;

/// The largest frame that is accepted. Source: providers-b.md 1.5.7 "Limits".
pub const MAX_EVENT_STREAM_FRAME: usize = 10 * 1024 * 1024;

/// Two lengths and their checksum.
const PRELUDE: usize = 12;

/// A frame without headers and payload: the prelude and the checksum of all of it.
const SMALLEST: usize = PRELUDE + 4;

/// Takes a frame with its bytes, and where in the chunk they begin, if they all lie in it.
type Sink<'s> = &'s mut dyn FnMut(StreamFrame<'_>, &[u8], Option<usize>);

/// Reads AWS event-stream frames from bytes that are cut anywhere.
///
/// Both checksums are proven: that of the two lengths as soon as they are there, so that nobody waits for as many bytes
/// as a broken length says. A stream ends well only between two frames. Any chunking of the same bytes gives the same
/// frames. Source: AWS, "Event stream encoding"; providers-b.md 1.5.7.
///
/// ```
/// use cliproxy_translator::StreamFrame;
/// use cliproxy_translator::framing::{EventStreamParser, write_event_stream};
/// let mut stream = Vec::new();
/// write_event_stream(&mut stream, StreamFrame::named("assistantResponseEvent", br#"{"content":"hi"}"#));
/// let mut parser = EventStreamParser::new();
/// let mut seen = Vec::new();
/// for chunk in stream.chunks(7) {
///     parser.push(chunk, &mut |frame| seen.push((frame.event.to_owned(), frame.data.to_vec())))?;
/// }
/// parser.finish()?;
/// assert_eq!(seen, [("assistantResponseEvent".to_owned(), br#"{"content":"hi"}"#.to_vec())]);
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Debug)]
pub struct EventStreamParser {
    /// The bytes so far of a frame that was cut; empty while no frame is open.
    pending: Vec<u8>,
    limit: usize,
    /// A frame was broken: what follows cannot be told apart any more.
    broken: bool,
}

impl Default for EventStreamParser {
    fn default() -> Self {
        Self::new()
    }
}

impl EventStreamParser {
    /// A parser at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(MAX_EVENT_STREAM_FRAME)
    }

    /// A parser that refuses frames above `limit` bytes.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self { pending: Vec::new(), limit, broken: false }
    }

    /// Reads a chunk and hands over every frame that is whole now.
    ///
    /// # Errors
    /// When a frame is larger than the limit, or broken. The stream is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(StreamFrame<'_>)) -> Result<(), CodecError> {
        self.read(bytes, &mut |frame, _, _| sink(frame))
    }

    /// As [`Self::push`], with the frame's own bytes. A frame within one chunk shares the chunk's memory.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_raw(
        &mut self,
        bytes: &Bytes,
        sink: &mut dyn FnMut(StreamFrame<'_>, Bytes),
    ) -> Result<(), CodecError> {
        self.read(bytes, &mut |frame, raw, at| match at {
            Some(at) => sink(frame, bytes.slice(at..at + raw.len())),
            None => sink(frame, Bytes::copy_from_slice(raw)),
        })
    }

    /// The bytes ended.
    ///
    /// # Errors
    /// When they ended inside a frame.
    pub fn finish(&mut self) -> Result<(), CodecError> {
        if self.broken {
            return Err(broken("a frame was broken"));
        }
        if !self.pending.is_empty() {
            self.broken = true;
            return Err(broken("the stream ended inside a frame"));
        }
        Ok(())
    }

    fn read(&mut self, chunk: &[u8], sink: Sink<'_>) -> Result<(), CodecError> {
        if self.broken {
            return Err(broken("a frame was broken"));
        }
        let result = self.read_frames(chunk, sink);
        self.broken = result.is_err();
        result
    }

    fn read_frames(&mut self, chunk: &[u8], sink: Sink<'_>) -> Result<(), CodecError> {
        let mut at = 0;
        while !self.pending.is_empty() {
            let wanted = self.length(&self.pending)?.unwrap_or(PRELUDE);
            let rest = chunk.get(at..).unwrap_or_default();
            let taken = rest.get(..wanted.saturating_sub(self.pending.len())).unwrap_or(rest);
            self.pending.extend_from_slice(taken);
            at += taken.len();
            if self.pending.len() < wanted {
                // A wrong length is noticed with its last byte, not with the next chunk.
                return self.length(&self.pending).map(drop);
            }
            if self.length(&self.pending)? == Some(self.pending.len()) {
                hand_over(&self.pending, None, sink)?;
                self.pending.clear();
            }
        }
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            match self.length(rest)?.and_then(|length| rest.get(..length)) {
                Some(frame) => {
                    hand_over(frame, Some(at), sink)?;
                    at += frame.len();
                }
                None => {
                    self.pending.extend_from_slice(rest);
                    return Ok(());
                }
            }
        }
    }

    /// How long the frame at the start of `bytes` is, once that can be known and believed.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, CodecError> {
        let Some(total) = bytes.first_chunk::<4>() else { return Ok(None) };
        let total = usize::try_from(u32::from_be_bytes(*total)).unwrap_or(usize::MAX);
        if total < SMALLEST {
            return Err(broken(&format!("a frame of {total} bytes is shorter than its own framing")));
        }
        if total > self.limit {
            return Err(broken(&format!("a frame of {total} bytes is larger than {} bytes", self.limit)));
        }
        let Some((head, checksum)) =
            bytes.first_chunk::<PRELUDE>().and_then(|prelude| prelude.split_last_chunk::<4>())
        else {
            return Ok(None);
        };
        if crc32fast::hash(head) != u32::from_be_bytes(*checksum) {
            return Err(broken("the checksum of a frame's lengths is wrong"));
        }
        Ok(Some(total))
    }
}

fn broken(what: &str) -> CodecError {
    CodecError::protocol(what)
}

/// Reads one whole frame.
fn hand_over(bytes: &[u8], at: Option<usize>, sink: Sink<'_>) -> Result<(), CodecError> {
    let message = read_message_from(bytes).map_err(|error| broken(&format!("a frame is broken: {error}")))?;
    let (kind, event) = match text(&message, ":message-type") {
        Some("exception") => (FrameKind::Exception, text(&message, ":exception-type")),
        Some("error") => (FrameKind::Error, text(&message, ":error-code")),
        // Without a type, and of a type that nobody knows yet, it is read as the event that it names.
        _ => (FrameKind::Event, text(&message, ":event-type")),
    };
    let event = event.unwrap_or_default();
    let data = match kind {
        FrameKind::Error if message.payload().is_empty() => Cow::Owned(spelled_out(event, &message)),
        _ => Cow::Borrowed(&**message.payload()),
    };
    sink(StreamFrame { kind, event, data: &data }, bytes, at);
    Ok(())
}

/// An error without payload: its headers say everything.
fn spelled_out(code: &str, message: &Message) -> Vec<u8> {
    let mut w = Writer::default();
    w.begin_object();
    w.field_string("__type", code);
    w.field_string("message", text(message, ":error-message").unwrap_or_default());
    w.end_object();
    w.into_bytes()
}

/// A header that is a text.
fn text<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
    header.value().as_string().ok().map(|value| value.as_str())
}

/// Appends one frame. What no frame can hold (a name above 32 KiB, data above 4 GiB) is left out, as the writer's side
/// of a stream cannot fail.
pub fn write_event_stream(out: &mut Vec<u8>, frame: StreamFrame<'_>) {
    let (kind, name) = match frame.kind {
        FrameKind::Event => ("event", ":event-type"),
        FrameKind::Exception => ("exception", ":exception-type"),
        FrameKind::Error => ("error", ":error-code"),
    };
    let string = |value: &str| HeaderValue::String(value.to_owned().into());
    let message = Message::new(frame.data.to_vec())
        .add_header(Header::new(":message-type", string(kind)))
        .add_header(Header::new(name, string(frame.event)))
        .add_header(Header::new(":content-type", string("application/json")));
    let before = out.len();
    if write_message_to(&message, out).is_err() {
        out.truncate(before);
    }
}
