//! One framed message of a stream, whatever framing it came in.

/// What a frame is by its framing. Server-sent events know only events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameKind {
    /// An event.
    #[default]
    Event,
    /// A failure that the service models, named by its type.
    Exception,
    /// A failure that the service does not model, named by its code.
    Error,
}

/// A frame: the name and the data of one server-sent event (or of one event-stream message).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFrame<'a> {
    /// What it is.
    pub kind: FrameKind,
    /// The event's name; empty when it had none.
    pub event: &'a str,
    /// The data, lines joined by `\n`. Not yet known to be UTF-8 or JSON.
    pub data: &'a [u8],
}

impl<'a> StreamFrame<'a> {
    /// A frame without a name.
    #[must_use]
    pub fn of(data: &'a [u8]) -> Self {
        Self { data, ..Self::default() }
    }

    /// An event with a name.
    #[must_use]
    pub fn named(event: &'a str, data: &'a [u8]) -> Self {
        Self { event, data, ..Self::default() }
    }
}
