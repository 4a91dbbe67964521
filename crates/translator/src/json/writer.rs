//! Writes JSON straight into a buffer. Commas place themselves; everything else is the caller's order.

use super::{Text, first_to_escape};

/// A JSON writer over a growing buffer.
///
/// ```
/// use cliproxy_translator::json::Writer;
/// let mut w = Writer::new(Vec::new());
/// w.begin_object();
/// w.key("model");
/// w.string("gpt-5");
/// w.key("n");
/// w.unsigned(1);
/// w.end_object();
/// assert_eq!(w.into_bytes(), br#"{"model":"gpt-5","n":1}"#);
/// ```
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    comma: bool,
}

impl Writer {
    /// Appends to `out`.
    #[must_use]
    pub fn new(out: Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    /// The buffer.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Makes room for so many bytes at once.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    /// `{`
    pub fn begin_object(&mut self) {
        self.separate();
        self.out.push(b'{');
        self.comma = false;
    }

    /// `}`
    pub fn end_object(&mut self) {
        self.out.push(b'}');
        self.comma = true;
    }

    /// `[`
    pub fn begin_array(&mut self) {
        self.separate();
        self.out.push(b'[');
        self.comma = false;
    }

    /// `]`
    pub fn end_array(&mut self) {
        self.out.push(b']');
        self.comma = true;
    }

    /// A member's name; its value comes next.
    pub fn key(&mut self, key: &str) {
        self.separate();
        self.out.push(b'"');
        escape(key, &mut self.out);
        self.out.extend_from_slice(b"\":");
        self.comma = false;
    }

    /// A string.
    pub fn string(&mut self, value: &str) {
        self.separate();
        self.out.push(b'"');
        escape(value, &mut self.out);
        self.out.push(b'"');
    }

    /// A string in whatever form it is kept.
    pub fn text(&mut self, value: &Text<'_>) {
        self.separate();
        self.out.push(b'"');
        value.write_body(&mut self.out);
        self.out.push(b'"');
    }

    /// A string put together from pieces, without joining them first.
    pub fn texts<'t>(&mut self, pieces: impl IntoIterator<Item = Text<'t>>) {
        self.separate();
        self.out.push(b'"');
        for piece in pieces {
            piece.write_body(&mut self.out);
        }
        self.out.push(b'"');
    }

    /// A string whose content is JSON text, as tool arguments in Chat Completions.
    pub fn string_of_json(&mut self, json: &str) {
        self.string(json);
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, json: &str) {
        self.separate();
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Members that are JSON already, without the braces around them.
    pub fn members(&mut self, json: &str) {
        if !json.is_empty() {
            self.raw(json);
        }
    }

    /// `true` or `false`
    pub fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    /// `null`
    pub fn null(&mut self) {
        self.raw("null");
    }

    /// A whole number without sign.
    pub fn unsigned(&mut self, value: u64) {
        self.raw(itoa::Buffer::new().format(value));
    }

    /// A whole number.
    pub fn signed(&mut self, value: i64) {
        self.raw(itoa::Buffer::new().format(value));
    }

    /// A member with a string value.
    pub fn field_string(&mut self, key: &str, value: &str) {
        self.key(key);
        self.string(value);
    }

    /// A member with a text value.
    pub fn field_text(&mut self, key: &str, value: &Text<'_>) {
        self.key(key);
        self.text(value);
    }

    /// A member with a raw value.
    pub fn field_raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.raw(json);
    }

    /// A member with a boolean value.
    pub fn field_boolean(&mut self, key: &str, value: bool) {
        self.key(key);
        self.boolean(value);
    }

    /// A member with a whole number.
    pub fn field_unsigned(&mut self, key: &str, value: u64) {
        self.key(key);
        self.unsigned(value);
    }

    /// A member with a signed whole number.
    pub fn field_signed(&mut self, key: &str, value: i64) {
        self.key(key);
        self.signed(value);
    }
}

/// Appends `text` with JSON escapes: only what must be escaped is (Source: RFC 8259 §7).
pub(crate) fn escape(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    while let Some(at) = first_to_escape(rest) {
        let Some((before, tail)) = rest.split_at_checked(at) else { break };
        out.extend_from_slice(before);
        let Some((&byte, after)) = tail.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                out.extend_from_slice(b"\\u00");
                out.extend(HEX.get(usize::from(other >> 4)));
                out.extend(HEX.get(usize::from(other & 15)));
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_read_back() {
        let all: String = (0_u32..0x250).filter_map(char::from_u32).chain("😀\u{2028}".chars()).collect();
        let mut w = Writer::default();
        w.string(&all);
        assert_eq!(serde_json::from_slice::<String>(&w.into_bytes()).unwrap(), all);
    }

    #[test]
    fn commas_stand_where_they_belong() {
        let mut w = Writer::default();
        w.begin_array();
        w.begin_object();
        w.field_boolean("a", true);
        w.key("b");
        w.begin_array();
        w.end_array();
        w.end_object();
        w.signed(-3);
        w.null();
        w.end_array();
        assert_eq!(w.into_bytes(), br#"[{"a":true,"b":[]},-3,null]"#);
    }
}
