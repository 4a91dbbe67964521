//! One pass over JSON text, down to the members that are asked for.

use std::borrow::Cow;

use super::Scan;
use crate::codec::CodecError;

/// What stood where an object or array was looked for.
enum Opened {
    /// Something else, which was skipped.
    Other,
    /// One with nothing in it.
    Empty,
    Inside,
}

/// A cursor over JSON text. Where [`super::TopLevel`] keeps a list of what it saw, this calls back and keeps nothing.
///
/// It takes text, not bytes: whoever has a body looks once whether it is UTF-8, and no name or value need be looked at
/// again.
pub(crate) struct Walk<'a> {
    text: &'a str,
    scan: Scan<'a>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(json: &'a str) -> Self {
        Self { text: json, scan: Scan { body: json.as_bytes(), at: 0, strict: false } }
    }

    /// Reads an object: `member` gets every name, repeated ones too, and takes the value. False when the value is no
    /// object; it is skipped then.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), CodecError>,
    ) -> Result<bool, CodecError> {
        self.members(|walk, name| member(walk, &name))
    }

    /// As [`Self::object`], with names that outlive the walk.
    pub(crate) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), CodecError>,
    ) -> Result<bool, CodecError> {
        match self.open(b'{', b'}')? {
            Opened::Other => return Ok(false),
            Opened::Empty => return Ok(true),
            Opened::Inside => {}
        }
        loop {
            let (start, escaped) = self.scan.quoted()?;
            let quoted = self.text.get(start..self.scan.at).unwrap_or_default();
            self.scan.colon()?;
            if escaped {
                let name = super::escaped_name(quoted)
                    .ok_or_else(|| self.scan.broken("bad escape in a member name"))?;
                member(self, name)?;
            } else {
                let name = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
                member(self, Cow::Borrowed(name))?;
            }
            if !self.goes_on(b'}')? {
                return Ok(true);
            }
        }
    }

    /// Reads an array: `item` gets every index and takes the value. False when the value is no array; it is skipped
    /// then.
    pub(crate) fn array(
        &mut self,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), CodecError>,
    ) -> Result<bool, CodecError> {
        match self.open(b'[', b']')? {
            Opened::Other => return Ok(false),
            Opened::Empty => return Ok(true),
            Opened::Inside => {}
        }
        let mut index = 0;
        loop {
            item(self, index)?;
            index += 1;
            if !self.goes_on(b']')? {
                return Ok(true);
            }
        }
    }

    /// Takes any value: its text.
    pub(crate) fn raw(&mut self) -> Result<&'a str, CodecError> {
        let start = self.place();
        self.scan.value()?;
        Ok(self.since(start))
    }

    /// Whether the next value is `null`.
    pub(crate) fn is_null(&mut self) -> bool {
        self.is_at(b'n')
    }

    /// Whether the next value begins with this byte.
    pub(crate) fn is_at(&mut self, byte: u8) -> bool {
        self.scan.white();
        self.scan.peek() == Some(byte)
    }

    /// Takes any value: its text; `null` says nothing.
    pub(crate) fn said(&mut self) -> Result<Option<&'a str>, CodecError> {
        Ok(Some(self.raw()?).filter(|json| *json != "null"))
    }

    /// Where the next value begins.
    pub(crate) fn place(&mut self) -> usize {
        self.scan.white();
        self.scan.at
    }

    /// Goes back to a place.
    pub(crate) fn back_to(&mut self, place: usize) {
        self.scan.at = place;
    }

    /// How much was read.
    pub(crate) fn read(&self) -> usize {
        self.scan.at
    }

    /// What was read since a place.
    pub(crate) fn since(&self, place: usize) -> &'a str {
        self.text.get(place..self.scan.at).unwrap_or_default()
    }

    /// Skips any value.
    pub(crate) fn skip(&mut self) -> Result<(), CodecError> {
        self.scan.white();
        self.scan.value()
    }

    fn open(&mut self, bracket: u8, close: u8) -> Result<Opened, CodecError> {
        self.scan.white();
        if self.scan.peek() != Some(bracket) {
            return self.scan.value().map(|()| Opened::Other);
        }
        self.scan.at += 1;
        self.scan.white();
        if self.scan.peek() != Some(close) {
            return Ok(Opened::Inside);
        }
        self.scan.at += 1;
        Ok(Opened::Empty)
    }

    /// Whether another one follows; else the closing bracket was read.
    fn goes_on(&mut self, close: u8) -> Result<bool, CodecError> {
        self.scan.white();
        match self.scan.next() {
            Some(b',') => Ok(true),
            Some(byte) if byte == close => Ok(false),
            _ => Err(self.scan.broken("expected a comma or the end")),
        }
    }

    /// Makes sure that nothing follows.
    pub(crate) fn end(&mut self) -> Result<(), CodecError> {
        self.scan.white();
        match self.scan.peek() {
            None => Ok(()),
            Some(_) => Err(CodecError::malformed("there is text behind the JSON object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(json: &str) -> Result<Vec<String>, CodecError> {
        let mut seen = Vec::new();
        let mut walk = Walk::new(json);
        walk.object(|walk, name| match name {
            "in" => {
                let is_array = walk.array(|walk, index| {
                    let is_object = walk.object(|walk, name| {
                        seen.push(format!("{index}.{name}={}", walk.raw()?));
                        Ok(())
                    })?;
                    seen.push(format!("{index} {is_object}"));
                    Ok(())
                })?;
                seen.push(format!("array {is_array}"));
                Ok(())
            }
            "kept" => {
                seen.push(walk.raw()?.to_owned());
                Ok(())
            }
            _ => walk.skip(),
        })?;
        walk.end()?;
        Ok(seen)
    }

    #[test]
    fn what_is_asked_for_is_found_wherever_it_stands_and_the_rest_is_skipped() {
        let json = r#" { "a" : {"kept":[1,{"kept":2}]}, "in":[ {"x":"\"}","y":[]} , 7,{} ], "kept" : -1.5 , "\u006bept":"e",
            "in":{}, "in":[] } "#;
        let expected = [
            r#"0.x="\"}""#,
            "0.y=[]",
            "0 true",
            "1 false",
            "2 true",
            "array true",
            "-1.5",
            r#""e""#,
            "array false",
            "array true",
        ];
        assert_eq!(seen(json).unwrap(), expected);
        assert_eq!(seen("{}").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn broken_text_is_an_error_and_not_the_end() {
        for json in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{\"in\":[",
            "{\"in\":[1",
            "{\"in\":[1,]}",
            "{\"in\":[{\"x\":tru}]}",
            "{} x",
            "{\"kept\":01}",
            "{\"a\":1]",
        ] {
            assert!(seen(json).is_err(), "{json}");
        }
    }
}
