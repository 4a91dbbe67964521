//! The scan itself: strings are jumped over by `memchr`, brackets are counted, nothing recurses.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Member, TopLevel};
use crate::CodecError;
use crate::json::Text;

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

pub(super) fn object(text: &str) -> Result<TopLevel<'_>, CodecError> {
    let mut cursor = Cursor { text, at: 0 };
    let mut members = Vec::with_capacity(16);
    cursor.blanks();
    if cursor.peek() != Some(b'{') {
        return Err(CodecError::malformed("the body is not a JSON object"));
    }
    cursor.at += 1;
    cursor.blanks();
    if cursor.peek() == Some(b'}') {
        return cursor.close(members);
    }
    loop {
        let start = cursor.at;
        let key = cursor.key()?;
        cursor.blanks();
        if cursor.peek() != Some(b':') {
            return Err(cursor.unexpected("a colon"));
        }
        cursor.at += 1;
        cursor.blanks();
        let value = cursor.at;
        cursor.value()?;
        members.push(Member { key, span: (start, cursor.at), value: (value, cursor.at) });
        cursor.blanks();
        match cursor.peek() {
            Some(b',') => {
                cursor.at += 1;
                cursor.blanks();
            }
            Some(b'}') => return cursor.close(members),
            _ => return Err(cursor.unexpected("a comma or a closing brace")),
        }
    }
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.rest().iter().take_while(blank).count();
    }

    fn unexpected(&self, wanted: &str) -> CodecError {
        let found = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        match found {
            Some(found) => {
                CodecError::malformed(format!("expected {wanted} at byte {}, found {found:?}", self.at))
            }
            None => CodecError::malformed(format!("the body ends where {wanted} should be")),
        }
    }

    fn close(mut self, members: Vec<Member<'a>>) -> Result<TopLevel<'a>, CodecError> {
        let end = self.at;
        self.at += 1;
        self.blanks();
        if self.at < self.text.len() {
            return Err(self.unexpected("the end of the body"));
        }
        Ok(TopLevel { body: self.text, members, end })
    }

    /// A member's name, decoded.
    fn key(&mut self) -> Result<Cow<'a, str>, CodecError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a member name"));
        }
        let start = self.at;
        self.string()?;
        let raw = self.text.get(start..self.at).unwrap_or_default();
        let raw: &RawValue = serde_json::from_str(raw)?;
        Ok(Text::from_raw(raw).map(Text::into_decoded).unwrap_or_default())
    }

    /// Jumps over a string, from quote to quote.
    fn string(&mut self) -> Result<(), CodecError> {
        self.at += 1;
        loop {
            let Some(found) = memchr::memchr2(b'"', b'\\', self.rest()) else {
                self.at = self.text.len();
                return Err(self.unexpected("the end of a string"));
            };
            self.at += found;
            if self.peek() == Some(b'"') {
                self.at += 1;
                return Ok(());
            }
            self.at += 2;
        }
    }

    /// Jumps over a value.
    fn value(&mut self) -> Result<(), CodecError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.nested(),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Result<(), CodecError> {
        let end = |byte: &u8| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        let length = self.rest().iter().take_while(|byte| end(byte)).count();
        let scalar = self.text.get(self.at..self.at + length).unwrap_or_default();
        if serde_json::from_str::<&RawValue>(scalar).is_err() {
            return Err(self.unexpected("a value"));
        }
        self.at += length;
        Ok(())
    }

    /// Jumps over an object or array by counting brackets; which kind closes which is left to the decoder.
    fn nested(&mut self) -> Result<(), CodecError> {
        let mut depth = 0_usize;
        loop {
            let found = self.rest().iter().position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']'));
            let Some(found) = found else {
                self.at = self.text.len();
                return Err(self.unexpected("a closing bracket"));
            };
            self.at += found;
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                _ => depth -= 1,
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}
