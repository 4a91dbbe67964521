//! One framed message of a stream, whatever framing it came in.

use serde::de::IgnoredAny;

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

    /// Whether the data is one JSON object, to its last brace.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.data.trim_ascii_start().starts_with(b"{") && is_json(self.data)
    }

    /// Whether the data was cut: it says nothing yet, or begins like JSON or the sentinel `[DONE]` and does not end so.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        let data = self.data.trim_ascii();
        match data.first() {
            None => true,
            Some(b'[') => data != b"[DONE]" && !is_json(data),
            Some(b'{') => !is_json(data),
            Some(_) => false,
        }
    }
}

fn is_json(data: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(data).is_ok()
}
