//! Stream framing: bytes, cut anywhere, to frames.
//!
//! A frame that lies within one chunk is borrowed from it; only a frame that is cut is copied, once.

use bytes::Bytes;

use crate::codec::CodecError;
use crate::frame::StreamFrame;

mod array;
mod event_stream;
mod parser;

pub use array::JsonArrayFramer;
pub use event_stream::{EventStreamParser, MAX_EVENT_STREAM_FRAME, write_event_stream};
pub use parser::{FrameParser, write_frame};

/// The largest frame that is accepted, framing included. Source: runtime.md, scanner buffer of the reference (50 MiB).
pub const MAX_FRAME: usize = 50 * 1024 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads server-sent events from bytes that are cut anywhere.
///
/// Lines end in CR, LF or CRLF; a byte-order mark at the start, comments, `id:` and `retry:` are skipped; several
/// data lines are joined by `\n`; a block without data is no frame. Any chunking of the same bytes gives the same
/// frames. Source: WHATWG HTML §9.2.6 "Interpreting an event stream".
///
/// ```
/// use cliproxy_translator::framing::SseParser;
/// let mut parser = SseParser::default();
/// let mut seen = Vec::new();
/// for chunk in [&b"event: a\nda"[..], b"ta: {}\r\n\r\nda", b"ta: [DONE]"] {
///     parser.push(chunk, &mut |frame| seen.push((frame.event.to_owned(), frame.data.to_vec())))?;
/// }
/// parser.finish(&mut |frame| seen.push((frame.event.to_owned(), frame.data.to_vec())))?;
/// assert_eq!(seen, [("a".to_owned(), b"{}".to_vec()), (String::new(), b"[DONE]".to_vec())]);
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Debug)]
pub struct SseParser {
    /// The bytes so far of a frame that was cut; empty while no frame is open.
    pending: Vec<u8>,
    /// What is known of the open frame.
    open: Open,
    /// The last byte was a CR that ended a line: an LF that follows belongs to it.
    after_cr: bool,
    /// Lines end in CRLF here: a CR at the end of a chunk waits for its LF, so that raw frames stay whole.
    crlf: bool,
    /// The last byte of `pending` is such a CR.
    held_cr: bool,
    /// No line has been read yet, so a byte-order mark may come.
    first_line: bool,
    limit: usize,
}

/// What is known of a frame that is being read. Offsets count from the frame's first byte.
#[derive(Debug, Default)]
struct Open {
    /// Where the line that is being read begins.
    line: usize,
    event: (usize, usize),
    data: (usize, usize),
    /// How many data lines there were; from the second on they are joined in `joined`.
    data_lines: usize,
    joined: Vec<u8>,
}

/// Where a whole frame lies.
enum Span {
    /// In the chunk at hand.
    Chunk(usize, usize),
    /// In the copied bytes.
    Pending,
}

impl Default for SseParser {
    fn default() -> Self {
        Self::new()
    }
}

impl SseParser {
    /// A parser at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(MAX_FRAME)
    }

    /// A parser that refuses frames above `limit` bytes.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            pending: Vec::new(),
            open: Open::default(),
            after_cr: false,
            crlf: false,
            held_cr: false,
            first_line: true,
            limit,
        }
    }

    /// Reads a chunk and hands over every frame that is whole now.
    ///
    /// # Errors
    /// When a frame is larger than the limit. The stream is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(StreamFrame<'_>)) -> Result<(), CodecError> {
        self.read(bytes, |frame, _, _| sink(frame))
    }

    /// As [`Self::push`], with the frame's own bytes up to and including its blank line, so that a pass-through
    /// forwards what came. A frame within one chunk shares the chunk's memory.
    ///
    /// # Errors
    /// When a frame is larger than the limit.
    pub fn push_raw(
        &mut self,
        bytes: &Bytes,
        sink: &mut dyn FnMut(StreamFrame<'_>, Bytes),
    ) -> Result<(), CodecError> {
        self.read(bytes, |frame, span, pending| match span {
            Span::Chunk(start, end) => sink(frame, bytes.slice(start..end)),
            Span::Pending => sink(frame, Bytes::copy_from_slice(pending)),
        })
    }

    /// The bytes ended: hands over a last frame that lacks its blank line (providers do end so).
    ///
    /// # Errors
    /// When the frame is larger than the limit.
    pub fn finish(&mut self, sink: &mut dyn FnMut(StreamFrame<'_>)) -> Result<(), CodecError> {
        self.end(|frame, _| sink(frame))
    }

    /// As [`Self::finish`], with the frame's bytes; the blank line that was missing is added.
    ///
    /// # Errors
    /// When the frame is larger than the limit.
    pub fn finish_raw(&mut self, sink: &mut dyn FnMut(StreamFrame<'_>, Bytes)) -> Result<(), CodecError> {
        self.end(|frame, raw| sink(frame, Bytes::copy_from_slice(raw)))
    }

    fn end(&mut self, mut sink: impl FnMut(StreamFrame<'_>, &[u8])) -> Result<(), CodecError> {
        let mut ended = |frame: StreamFrame<'_>, _: Span, pending: &[u8]| sink(frame, pending);
        let mut last = Ok(());
        self.after_cr = false;
        if std::mem::take(&mut self.held_cr) {
            last = self.pending_line(self.pending.len() - 1, &mut ended);
        }
        if !self.pending.is_empty() && last.is_ok() {
            let end: &[u8] = if self.open.line == self.pending.len() { b"\n" } else { b"\n\n" };
            last = self.read(end, ended);
        }
        *self = Self::with_limit(self.limit);
        last
    }

    fn read(
        &mut self,
        chunk: &[u8],
        mut sink: impl FnMut(StreamFrame<'_>, Span, &[u8]),
    ) -> Result<(), CodecError> {
        let mut at = 0;
        if chunk.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.held_cr) {
            let content = self.pending.len() - 1;
            if chunk.first() == Some(&b'\n') {
                self.pending.push(b'\n');
                at = 1;
            }
            self.pending_line(content, &mut sink)?;
        } else if std::mem::take(&mut self.after_cr) && chunk.first() == Some(&b'\n') {
            at = 1;
            if !self.pending.is_empty() {
                self.pending.push(b'\n');
                self.open.line += 1;
            }
        }
        at = self.read_pending(chunk, at, &mut sink)?;
        self.read_whole(chunk, at, &mut sink)
    }

    /// Completes the frame that was cut, if there is one. Returns where the next frame begins.
    fn read_pending(
        &mut self,
        chunk: &[u8],
        mut at: usize,
        sink: &mut impl FnMut(StreamFrame<'_>, Span, &[u8]),
    ) -> Result<usize, CodecError> {
        while !self.pending.is_empty() {
            let rest = chunk.get(at..).unwrap_or_default();
            let Some((length, next)) = self.line_end(rest) else {
                self.pending.extend_from_slice(rest);
                self.check(self.pending.len())?;
                return Ok(chunk.len());
            };
            let content = self.pending.len() + length;
            self.pending.extend_from_slice(rest.get(..next).unwrap_or_default());
            self.pending_line(content, sink)?;
            at += next;
        }
        Ok(at)
    }

    /// The line of the cut frame that ends at `content` is whole, its terminator is the end of `pending`.
    fn pending_line(
        &mut self,
        content: usize,
        sink: &mut impl FnMut(StreamFrame<'_>, Span, &[u8]),
    ) -> Result<(), CodecError> {
        self.check(self.pending.len())?;
        if content == self.open.line {
            self.first_line = false;
            self.open.hand_over(&self.pending, |frame| sink(frame, Span::Pending, &self.pending));
            self.open.clear();
            self.pending.clear();
        } else {
            let first = std::mem::take(&mut self.first_line);
            self.open.line_done(&self.pending, content, self.pending.len(), first);
        }
        Ok(())
    }

    /// Reads the frames that begin in this chunk; keeps a copy of the last one when it is cut.
    fn read_whole(
        &mut self,
        chunk: &[u8],
        mut frame: usize,
        sink: &mut impl FnMut(StreamFrame<'_>, Span, &[u8]),
    ) -> Result<(), CodecError> {
        let mut at = frame;
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            let Some((length, next)) = self.line_end(rest) else { break };
            let next = at + next;
            let base = chunk.get(frame..).unwrap_or_default();
            if length > 0 {
                let first = std::mem::take(&mut self.first_line);
                self.open.line_done(base, at + length - frame, next - frame, first);
            } else {
                self.first_line = false;
                self.check(next - frame)?;
                self.open.hand_over(base, |found| sink(found, Span::Chunk(frame, next), &[]));
                self.open.clear();
                frame = next;
            }
            at = next;
        }
        let rest = chunk.get(frame..).unwrap_or_default();
        self.check(rest.len())?;
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// Where the line at the start of `bytes` ends, and where the next one begins. `None` when its end has not come
    /// yet.
    fn line_end(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        let at = memchr::memchr2(b'\n', b'\r', bytes)?;
        if bytes.get(at) == Some(&b'\n') {
            self.crlf = false;
            return Some((at, at + 1));
        }
        match bytes.get(at + 1) {
            Some(b'\n') => {
                self.crlf = true;
                Some((at, at + 2))
            }
            Some(_) => Some((at, at + 1)),
            None if self.crlf => {
                self.held_cr = true;
                None
            }
            None => {
                self.after_cr = true;
                Some((at, at + 1))
            }
        }
    }

    fn check(&self, size: usize) -> Result<(), CodecError> {
        if size > self.limit {
            return Err(CodecError::protocol(format!("an event is larger than {} bytes", self.limit)));
        }
        Ok(())
    }
}

impl Open {
    /// Reads the line from `self.line` to `end`; the next line begins at `next`.
    fn line_done(&mut self, base: &[u8], end: usize, next: usize, first: bool) {
        let mut start = self.line;
        self.line = next;
        let mut line = base.get(start..end).unwrap_or_default();
        if first && let Some(rest) = line.strip_prefix(BOM) {
            line = rest;
            start += BOM.len();
        }
        let (name, mut value) = match line {
            [b'd', b'a', b't', b'a', b':', ..] => (4, start + 5),
            [b':', ..] => return,
            _ => match memchr::memchr(b':', line) {
                Some(colon) => (colon, start + colon + 1),
                None => (line.len(), end),
            },
        };
        if base.get(value) == Some(&b' ') && value < end {
            value += 1;
        }
        match line.get(..name) {
            Some(b"data") => self.data_line(base, value, end),
            Some(b"event") => self.event = (value, end),
            _ => {}
        }
    }

    fn data_line(&mut self, base: &[u8], start: usize, end: usize) {
        self.data_lines += 1;
        if self.data_lines == 1 {
            self.data = (start, end);
            return;
        }
        if self.data_lines == 2 {
            self.joined.clear();
            self.joined.extend_from_slice(base.get(self.data.0..self.data.1).unwrap_or_default());
        }
        self.joined.push(b'\n');
        self.joined.extend_from_slice(base.get(start..end).unwrap_or_default());
    }

    fn hand_over(&self, base: &[u8], sink: impl FnOnce(StreamFrame<'_>)) {
        let data = match self.data_lines {
            0 => return,
            1 => base.get(self.data.0..self.data.1).unwrap_or_default(),
            _ => &self.joined,
        };
        let event = base.get(self.event.0..self.event.1).unwrap_or_default();
        sink(StreamFrame::named(std::str::from_utf8(event).unwrap_or_default(), data));
    }

    fn clear(&mut self) {
        self.line = 0;
        self.event = (0, 0);
        self.data_lines = 0;
    }
}

/// Appends one event. Data with line breaks becomes several data lines.
pub fn write_sse(out: &mut Vec<u8>, event: Option<&str>, data: &[u8]) {
    if let Some(event) = event {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.as_bytes());
        out.push(b'\n');
    }
    let mut rest = data;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        let (line, tail) = rest.split_at(at);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
        rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default();
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\n\n");
}

/// Appends a comment: keeps the connection alive and is no event (B72).
pub fn write_sse_comment(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b": ");
    out.extend(text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    out.extend_from_slice(b"\n\n");
}
