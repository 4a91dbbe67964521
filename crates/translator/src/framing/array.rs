//! Server-sent events as one JSON array: how Gemini streams to clients that did not ask for `alt=sse`.
//! Source: http-api.md A.5, A.6; Gemini API reference, "streamGenerateContent".

use super::SseParser;
use crate::codec::CodecError;

/// Turns a stream of events into the text of a JSON array, element by element as they come. Comments and blank
/// lines become white space, so that they keep the connection alive here too.
///
/// ```
/// use cliproxy_translator::framing::JsonArrayFramer;
/// let mut framer = JsonArrayFramer::default();
/// let mut out = Vec::new();
/// framer.push(b": keep-alive\n\n", &mut out)?;
/// framer.push(b"\n\n", &mut out)?;
/// framer.push(b"data: {\"a\":1}\n\n: keep-alive\n\ndata: {\"b\"", &mut out)?;
/// framer.push(b":2}\n\n", &mut out)?;
/// framer.finish(&mut out)?;
/// assert_eq!(out, b"\n\n[{\"a\":1}\n,\r\n{\"b\":2}\n]");
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Debug, Default)]
pub struct JsonArrayFramer {
    parser: SseParser,
    begun: bool,
}

impl JsonArrayFramer {
    /// Takes bytes of the stream of events, cut anywhere.
    ///
    /// # Errors
    /// When an event is larger than the parser takes.
    pub fn push(&mut self, events: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let before = out.len();
        let begun = &mut self.begun;
        self.parser.push(events, &mut |frame| element(begun, frame.data, out))?;
        if out.len() == before && (events.starts_with(b":") || events == b"\n\n") {
            out.push(b'\n');
        }
        Ok(())
    }

    /// The stream ended: closes the array. One without elements is empty.
    ///
    /// # Errors
    /// When the last event is larger than the parser takes.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let begun = &mut self.begun;
        self.parser.finish(&mut |frame| element(begun, frame.data, out))?;
        out.extend_from_slice(if *begun { b"]" } else { b"[]" });
        Ok(())
    }
}

fn element(begun: &mut bool, data: &[u8], out: &mut Vec<u8>) {
    // A sentinel of another format is no element.
    if data == b"[DONE]" || data.is_empty() {
        return;
    }
    out.extend_from_slice(if std::mem::replace(begun, true) { b",\r\n" } else { b"[" });
    out.extend_from_slice(data);
    out.push(b'\n');
}
