//! The frames of a stream, written straight into the output.

use crate::json::{Text, Writer};

/// Ends a delta whose last member is a string.
pub(super) const DELTA_END: &[u8] = b"\"}}\n\n";

/// Appends one event whose data is an object; `members` writes what stands between the braces.
pub(super) fn event(out: &mut Vec<u8>, name: &str, members: impl FnOnce(&mut Writer)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let mut w = Writer::new(std::mem::take(out));
    w.begin_object();
    w.field_string("type", name);
    members(&mut w);
    w.end_object();
    *out = w.into_bytes();
    out.extend_from_slice(b"\n\n");
}

/// Appends `content_block_start` with a block that is rendered already.
pub(super) fn block_start(out: &mut Vec<u8>, index: u32, block: &[u8]) {
    out.extend_from_slice(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
    number(out, index);
    out.extend_from_slice(b",\"content_block\":");
    out.extend_from_slice(block);
    out.extend_from_slice(b"}\n\n");
}

/// Appends `content_block_stop`.
pub(super) fn block_stop(out: &mut Vec<u8>, index: u32) {
    out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
    number(out, index);
    out.extend_from_slice(b"}\n\n");
}

/// Appends everything of a delta up to its text: `{"type":…,"index":…,"delta":{"type":kind,"member":"`. The text's
/// body and [`DELTA_END`] follow.
pub(super) fn delta_head(out: &mut Vec<u8>, index: u32, kind: &str, member: &str) {
    delta_open(out, index, kind, member);
    out.push(b'"');
}

/// Appends a citation. It must stand on one line.
pub(super) fn citation(out: &mut Vec<u8>, index: u32, json: &[u8]) {
    delta_open(out, index, "citations_delta", "citation");
    out.extend_from_slice(json);
    out.extend_from_slice(b"}}\n\n");
}

fn delta_open(out: &mut Vec<u8>, index: u32, kind: &str, member: &str) {
    out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    number(out, index);
    out.extend_from_slice(b",\"delta\":{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"");
    out.extend_from_slice(member.as_bytes());
    out.extend_from_slice(b"\":");
}

/// The body of the string that holds a custom tool's input inside its arguments: escaped once for the arguments and
/// once for the delta (B10).
pub(super) fn twice_escaped(text: &Text<'_>, out: &mut Vec<u8>) {
    let mut once = Vec::with_capacity(text.size_hint() + 8);
    text.write_body(&mut once);
    Text::plain(String::from_utf8_lossy(&once)).write_body(out);
}

fn number(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}
