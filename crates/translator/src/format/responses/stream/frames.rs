//! The frames of a stream, written straight into the output. Every event has the next number (B65).

use crate::json::Writer;

/// The number of the next event.
#[derive(Debug, Default)]
pub(super) struct Sequence(u64);

impl Sequence {
    /// Continues behind events that somebody else numbered.
    pub(super) fn at(next: u64) -> Self {
        Self(next)
    }

    /// Appends one event whose data is an object; `members` writes what stands behind its type and number.
    pub(super) fn event(&mut self, out: &mut Vec<u8>, name: &str, members: impl FnOnce(&mut Writer)) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let mut w = Writer::new(std::mem::take(out));
        w.begin_object();
        w.field_string("type", name);
        w.field_unsigned("sequence_number", self.0);
        members(&mut w);
        w.end_object();
        *out = w.into_bytes();
        out.extend_from_slice(b"\n\n");
        self.0 += 1;
    }

    /// Appends a delta whose frame was rendered once: everything but its number and its text.
    pub(super) fn delta(&mut self, out: &mut Vec<u8>, prefix: &[u8], body: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(prefix);
        out.extend_from_slice(itoa::Buffer::new().format(self.0).as_bytes());
        out.extend_from_slice(b",\"delta\":\"");
        body(out);
        out.extend_from_slice(b"\"}\n\n");
        self.0 += 1;
    }
}

/// Where an event belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    pub(super) item: &'p str,
    pub(super) output: u32,
    /// The member that counts inside the item, and its value.
    pub(super) inner: Option<(&'static str, u32)>,
}

impl Place<'_> {
    pub(super) fn write(&self, w: &mut Writer) {
        w.field_string("item_id", self.item);
        w.field_unsigned("output_index", u64::from(self.output));
        if let Some((key, index)) = self.inner {
            w.field_unsigned(key, u64::from(index));
        }
    }

    /// What every delta of the place begins with, up to its number.
    pub(super) fn delta_prefix(&self, name: &str, logprobs: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(192);
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let mut w = Writer::new(out);
        w.begin_object();
        w.field_string("type", name);
        self.write(&mut w);
        if logprobs {
            w.field_raw("logprobs", "[]");
        }
        w.key("sequence_number");
        w.into_bytes()
    }
}
