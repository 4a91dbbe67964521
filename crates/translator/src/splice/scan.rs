//! The cursor under every look at JSON text: it finds where things begin and end.

use std::borrow::Cow;

use super::{MAX_DEPTH, Member, escaped_name};
use crate::codec::CodecError;
use crate::json::quote_or_backslash;

/// A cursor over JSON text.
pub(super) struct Scan<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
    /// Whether what is inside arrays and objects is held against the grammar, too.
    pub(super) strict: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    pub(super) fn white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[cold]
    pub(super) fn broken(&self, what: &str) -> CodecError {
        CodecError::malformed(format!("{what} at byte {} of the JSON text", self.at.min(self.body.len())))
    }

    /// Reads members up to and including the closing brace.
    pub(super) fn members(&mut self, inside: usize, members: &mut Vec<Member<'a>>) -> Result<(), CodecError> {
        let mut region = inside;
        loop {
            let key = self.name()?;
            let start = self.at;
            self.value()?;
            let end = self.at;
            self.white();
            members.push(Member { key, value: (start, end), region: (region, self.at) });
            match self.next() {
                Some(b',') => region = self.at,
                Some(b'}') => return Ok(()),
                _ => return Err(self.broken("expected a comma or the end of the object")),
            }
        }
    }

    /// Reads a member's name, up to where its value begins.
    fn name(&mut self) -> Result<Cow<'a, str>, CodecError> {
        let (start, escaped) = self.quoted()?;
        let key = self.key(start, escaped)?;
        self.colon()?;
        Ok(key)
    }

    /// Reads a member's name, quotes included: where it began, and whether it has an escape.
    pub(super) fn quoted(&mut self) -> Result<(usize, bool), CodecError> {
        self.white();
        let start = self.at;
        if self.next() != Some(b'"') {
            return Err(self.broken("expected a member name"));
        }
        Ok((start, self.string()?))
    }

    /// Reads what stands between a member's name and its value.
    pub(super) fn colon(&mut self) -> Result<(), CodecError> {
        self.white();
        if self.next() != Some(b':') {
            return Err(self.broken("expected a colon"));
        }
        self.white();
        Ok(())
    }

    fn key(&self, start: usize, escaped: bool) -> Result<Cow<'a, str>, CodecError> {
        let quoted = self.body.get(start..self.at).unwrap_or_default();
        let text = std::str::from_utf8(quoted).map_err(|_| self.broken("a member name is not UTF-8"))?;
        if !escaped {
            let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
            return Ok(Cow::Borrowed(inner));
        }
        escaped_name(text).ok_or_else(|| self.broken("bad escape in a member name"))
    }

    /// Skips the rest of a string, closing quote included. Says whether it has an escape.
    fn string(&mut self) -> Result<bool, CodecError> {
        let mut escaped = false;
        loop {
            let rest = self.body.get(self.at..).unwrap_or_default();
            match quote_or_backslash(rest) {
                Some(found) => {
                    self.at += found + 1;
                    if rest.get(found) == Some(&b'"') {
                        return Ok(escaped);
                    }
                    escaped = true;
                    self.at += 1;
                }
                None => {
                    self.at = self.body.len();
                    return Err(self.broken("a string is not closed"));
                }
            }
        }
    }

    /// Skips one value.
    pub(super) fn value(&mut self) -> Result<(), CodecError> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(|_| ())
            }
            Some(b'{' | b'[') if self.strict => self.container_strictly(),
            Some(b'{' | b'[') => self.container(),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => self.scalar(),
            _ => Err(self.broken("expected a value")),
        }
    }

    /// Skips a number or a word. Most are small whole numbers or `null`, which need no parser to be told.
    fn scalar(&mut self) -> Result<(), CodecError> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let goes_on =
            |at: usize| matches!(rest.get(at), Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E'));
        let usual = match rest {
            [b'n', b'u', b'l', b'l', ..] | [b't', b'r', b'u', b'e', ..] => 4,
            [b'f', b'a', b'l', b's', b'e', ..] => 5,
            [b'0', ..] => 1,
            _ => rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        };
        let mut end = usual;
        while goes_on(end) {
            end += 1;
        }
        let scalar = rest.get(..end).unwrap_or_default();
        self.at += end;
        if (usual > 0 && end == usual) || serde_json::from_slice::<serde::de::IgnoredAny>(scalar).is_ok() {
            Ok(())
        } else {
            Err(self.broken("expected a value"))
        }
    }

    /// Skips an array or object: brackets are counted and must match, what is between them is not looked at.
    fn container(&mut self) -> Result<(), CodecError> {
        let mut open = Brackets::default();
        loop {
            match self.next() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(bracket @ (b'{' | b'[')) => {
                    if !open.push(bracket) {
                        return Err(self.broken("arrays and objects nest too deeply"));
                    }
                }
                Some(bracket @ (b'}' | b']')) => {
                    if !open.pop(bracket) {
                        return Err(self.broken("a bracket does not match"));
                    }
                    if open.depth == 0 {
                        return Ok(());
                    }
                }
                Some(_) => {}
                None => return Err(self.broken("an array or object is not closed")),
            }
        }
    }

    /// As [`Self::container`], with everything in its place: names, colons, commas, values. Texts are not looked into.
    fn container_strictly(&mut self) -> Result<(), CodecError> {
        let mut open = Brackets::default();
        loop {
            // A value begins.
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    self.at += 1;
                    if !open.push(bracket) {
                        return Err(self.broken("arrays and objects nest too deeply"));
                    }
                    self.white();
                    if !matches!((bracket, self.peek()), (b'{', Some(b'}')) | (b'[', Some(b']'))) {
                        if bracket == b'{' {
                            self.quoted()?;
                            self.colon()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                _ => self.scalar()?,
            }
            // It has ended, and so may what it stands in.
            loop {
                self.white();
                match self.next() {
                    Some(b',') => {
                        self.white();
                        if open.is_object() {
                            self.quoted()?;
                            self.colon()?;
                        }
                        break;
                    }
                    Some(bracket @ (b'}' | b']')) => {
                        if !open.pop(bracket) {
                            return Err(self.broken("a bracket does not match"));
                        }
                        if open.depth == 0 {
                            return Ok(());
                        }
                    }
                    Some(_) => return Err(self.broken("expected a comma or the end")),
                    None => return Err(self.broken("an array or object is not closed")),
                }
            }
        }
    }
}

/// The open brackets, one bit each: set for objects.
#[derive(Default)]
struct Brackets {
    depth: usize,
    objects: [u64; MAX_DEPTH / 64],
}

impl Brackets {
    fn push(&mut self, bracket: u8) -> bool {
        let Some(word) = self.objects.get_mut(self.depth / 64) else { return false };
        let bit = 1 << (self.depth % 64);
        if bracket == b'{' {
            *word |= bit
        } else {
            *word &= !bit
        }
        self.depth += 1;
        true
    }

    /// Whether the innermost one is an object.
    fn is_object(&self) -> bool {
        let at = self.depth.wrapping_sub(1);
        self.objects.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn pop(&mut self, bracket: u8) -> bool {
        self.depth = self.depth.wrapping_sub(1);
        self.objects
            .get(self.depth / 64)
            .is_some_and(|word| (word >> (self.depth % 64) & 1 == 1) == (bracket == b'}'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_told_from_what_only_begins_like_them() {
        for json in ["0", "7", "1795428000", "-1", "-0.5e+3", "1E2", "1.25", "true", "false", "null"] {
            for behind in ["", " ", ",", "]", "}"] {
                let body = format!("{json}{behind}");
                let mut scan = Scan { body: body.as_bytes(), at: 0, strict: false };
                scan.value().unwrap();
                assert_eq!(scan.at, json.len(), "{body}");
            }
        }
        for json in
            ["01", "-", "1.", "1e", ".5", "+1", "truex", "tru", "nulll", "falsE", "n", "1-", "00", "1.e"]
        {
            assert!(Scan { body: json.as_bytes(), at: 0, strict: false }.value().is_err(), "{json}");
        }
    }

    #[test]
    fn a_strict_look_takes_what_the_grammar_takes_and_nothing_else() {
        let strictly = |json: &str| {
            let mut scan = Scan { body: json.as_bytes(), at: 0, strict: true };
            scan.value().map(|()| scan.at)
        };
        for json in [
            "{}",
            "[]",
            "[ ]",
            "[{ } , []]",
            r#"{"a":1}"#,
            r#"{ "a" : [ 1 , "x\"]" , {"b":null} ] , "a" : {"c":{"d":[-1.5e3,true,[]]}} }"#,
            "[[[[1],2],3],4]",
        ] {
            assert_eq!(strictly(json).ok(), Some(json.len()), "{json}");
            assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{json}");
        }
        for json in [
            r#"{"a":1,}"#,
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1,,2]",
            r#"{"a"}"#,
            r#"{"a" 1}"#,
            r#"{"a":}"#,
            r#"{"a":1 "b":2}"#,
            "{1:2}",
            "{a:1}",
            "[NaN]",
            "[tru]",
            "[01]",
            "[:]",
            r#"["a":1]"#,
            r#"{"a":1]"#,
            r#"[{"a":[1}]"#,
            "[",
            "{",
            "[1",
            r#"{"a":[{"b":1,}]}"#,
        ] {
            assert!(strictly(json).is_err(), "{json}");
        }
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(strictly(&deep(MAX_DEPTH)).is_ok() && strictly(&deep(MAX_DEPTH + 1)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn a_strict_look_agrees_with_a_parser(json in "[\\[\\]{},:\"a10 -]{0,12}", inner in "[\\[\\]{},:\"a1 ]{0,8}") {
            for json in [json, format!("[{inner}]"), format!("{{\"a\":{inner}}}")] {
                if !json.starts_with(['[', '{']) {
                    continue;
                }
                let mut scan = Scan { body: json.as_bytes(), at: 0, strict: true };
                let read = scan.value().is_ok() && json.get(scan.at..).unwrap_or_default().trim_start().is_empty();
                let parsed = serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok();
                proptest::prop_assert_eq!(read, parsed, "{}", json);
            }
        }
    }
}
