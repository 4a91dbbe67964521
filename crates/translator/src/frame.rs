//! One framed message of a stream, whatever framing it came in.

/// A frame: the name and the data of one server-sent event (or of one event-stream message).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFrame<'a> {
    /// The event's name; empty when it had none.
    pub event: &'a str,
    /// The data, lines joined by `\n`. Not yet known to be UTF-8 or JSON.
    pub data: &'a [u8],
}

impl<'a> StreamFrame<'a> {
    /// A frame without a name.
    #[must_use]
    pub fn of(data: &'a [u8]) -> Self {
        Self { event: "", data }
    }
}
