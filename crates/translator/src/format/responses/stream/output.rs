//! Items that are done: the terminal event has them all, in the order of their indexes (E178).

use super::frames::Sequence;
use crate::json::Writer;

#[derive(Debug, Default)]
pub(super) struct Done {
    /// The items one behind the other.
    bytes: Vec<u8>,
    /// Index and end of each.
    items: Vec<(u32, usize)>,
}

impl Done {
    /// Appends `output_item.done` and keeps the item.
    pub(super) fn item(
        &mut self,
        index: u32,
        events: &mut Sequence,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Writer),
    ) {
        let start = self.bytes.len();
        let mut w = Writer::new(std::mem::take(&mut self.bytes));
        write(&mut w);
        self.bytes = w.into_bytes();
        self.items.push((index, self.bytes.len()));
        let json = std::str::from_utf8(self.bytes.get(start..).unwrap_or_default()).unwrap_or("{}");
        events.event(out, "response.output_item.done", |w| {
            w.field_unsigned("output_index", u64::from(index));
            w.field_raw("item", json);
        });
    }

    /// The inside of the list of all items.
    pub(super) fn list(&self) -> Vec<u8> {
        let mut start = 0;
        let mut spans: Vec<(u32, usize, usize)> = Vec::with_capacity(self.items.len());
        for (index, end) in &self.items {
            spans.push((*index, start, *end));
            start = *end;
        }
        spans.sort_by_key(|(index, ..)| *index);
        let mut out = Vec::with_capacity(self.bytes.len() + spans.len());
        for (_, start, end) in spans {
            if !out.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(self.bytes.get(start..end).unwrap_or_default());
        }
        out
    }
}
