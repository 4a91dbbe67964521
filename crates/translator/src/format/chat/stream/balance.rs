//! Whether JSON that comes in pieces is whole, without keeping the pieces.

/// Follows JSON through the escaped pieces of a string.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Balance {
    depth: u32,
    in_string: bool,
    /// A backslash of the JSON itself: the next character belongs to it.
    escaped: bool,
    begun: bool,
}

impl Balance {
    /// Takes the next piece: the body of a JSON string, escapes and all.
    pub(super) fn feed(&mut self, body: &str) {
        let mut bytes = body.bytes();
        while let Some(byte) = bytes.next() {
            // Only quotes and backslashes of the inner JSON come escaped; any other escape is a plain character.
            let byte = match byte {
                b'\\' => match bytes.next() {
                    Some(quoted @ (b'"' | b'\\')) => quoted,
                    Some(_) => b' ',
                    None => return,
                },
                byte => byte,
            };
            self.step(byte);
        }
    }

    fn step(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
        } else if self.in_string {
            match byte {
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.begun |= !byte.is_ascii_whitespace();
        }
    }

    /// Whether nothing is open. No text at all is whole too: the call has no arguments.
    pub(super) fn is_whole(self) -> bool {
        !self.begun || self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::Balance;

    #[test]
    fn json_is_whole_when_nothing_is_open_however_it_is_cut() {
        for (body, whole) in [
            (r"", true),
            (r"{}", true),
            (r#"{\"a\":\"}\"}"#, true),
            (r#"{\"a\":\"x\\\"}\"}"#, true),
            (r#"{\"a\":[1,{\"b\":2}]}"#, true),
            (r"{", false),
            (r#"{\"a\":\""#, false),
            (r#"{\"a\":\"x\\\"}"#, false),
        ] {
            let mut at_once = Balance::default();
            at_once.feed(body);
            assert_eq!(at_once.is_whole(), whole, "{body}");
        }
    }
}
