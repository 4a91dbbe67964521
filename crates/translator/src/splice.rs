//! Edits of JSON bodies in place, over one scan of the top level; [`Document`] goes deeper, along paths.
//!
//! The scan finds where members begin and end; it does not validate what is inside them unless it is asked to. Repeated keys are kept:
//! the last wins for reading, an edit touches all (Source: design.md §12). What is new stands once, in the place of the last:
//! a body may repeat a name a million times, and there is no room for a million copies.

use std::borrow::Cow;

use bytes::Bytes;

use crate::codec::{CodecError, Peek};
use crate::json::{self, Text, Writer, first_to_escape};

mod document;
mod glob;
mod outline;
mod path;
mod piece;
mod query;
mod scan;
mod walk;
mod word;

pub use document::Document;
pub use glob::Glob;
pub use path::{Path, PathError};
use piece::{Out, Pieces, Sink};
pub(crate) use piece::{Piece, items};
use scan::Scan;
pub(crate) use walk::Walk;
pub use word::Word;

/// How deep arrays and objects may nest. Deeper bodies are refused before anything recurses over them.
pub const MAX_DEPTH: usize = 512;

/// The members of a JSON object, as spans of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopLevel<'a> {
    body: &'a [u8],
    members: Vec<Member<'a>>,
    /// The byte behind `{`.
    inside: usize,
    /// The byte of `}`.
    close: usize,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member<'a> {
    key: Cow<'a, str>,
    /// Where its value lies.
    value: (usize, usize),
    /// From behind the comma (or brace) before it to the comma (or brace) after it.
    region: (usize, usize),
}

impl<'a> TopLevel<'a> {
    /// Scans an object.
    ///
    /// # Errors
    /// When the text is not one JSON object, or nests deeper than [`MAX_DEPTH`].
    pub fn scan(body: &'a [u8]) -> Result<Self, CodecError> {
        Self::scan_with(Scan { body, at: 0, strict: false })
    }

    /// As [`Self::scan`], for a body that others will not look at again: what is inside the members must be JSON too. Only
    /// texts are not looked into.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn scan_strictly(body: &'a [u8]) -> Result<Self, CodecError> {
        Self::scan_with(Scan { body, at: 0, strict: true })
    }

    fn scan_with(mut scan: Scan<'a>) -> Result<Self, CodecError> {
        scan.white();
        let scanned = Self::next_of(&mut scan)?;
        scan.white();
        if scan.peek().is_some() {
            return Err(CodecError::malformed("there is text behind the JSON object"));
        }
        Ok(scanned)
    }

    /// Scans the first object of an array and nothing behind it; `None` when the array is empty.
    ///
    /// # Errors
    /// When the text is no array, or begins with something that is no object.
    pub fn first_of(array: &'a [u8]) -> Result<Option<Self>, CodecError> {
        let mut scan = Scan { body: array, at: 0, strict: false };
        scan.white();
        if scan.next() != Some(b'[') {
            return Err(CodecError::malformed("expected an array"));
        }
        scan.white();
        if scan.peek() == Some(b']') { Ok(None) } else { Self::next_of(&mut scan).map(Some) }
    }

    /// The members of an object from the one on whose name begins at this byte.
    pub(crate) fn from_member(body: &'a [u8], at: usize) -> Result<Self, CodecError> {
        let (mut scan, mut members) = (Scan { body, at, strict: false }, Vec::new());
        scan.members(at, &mut members)?;
        Ok(Self { body, members, inside: at, close: scan.at.saturating_sub(1) })
    }

    /// The byte of the closing brace.
    pub(crate) fn close(&self) -> usize {
        self.close
    }

    fn next_of(scan: &mut Scan<'a>) -> Result<Self, CodecError> {
        if scan.next() != Some(b'{') {
            return Err(CodecError::malformed("the body is not a JSON object"));
        }
        let inside = scan.at;
        let mut members = Vec::with_capacity(16);
        scan.white();
        if scan.peek() == Some(b'}') {
            scan.at += 1;
        } else {
            scan.members(inside, &mut members)?;
        }
        Ok(Self { body: scan.body, members, inside, close: scan.at.saturating_sub(1) })
    }

    /// The text of a member's value; the last of repeated keys.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&'a [u8]> {
        self.last(key).and_then(|member| self.span(member.value))
    }

    /// The last of repeated members, which counts.
    fn last(&self, key: &str) -> Option<&Member<'a>> {
        self.members.iter().rev().find(|member| member.key == key)
    }

    /// Whether there is such a member.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.members.iter().any(|member| member.key == key)
    }

    /// The keys and the texts of their values, in order, repeated ones included.
    pub fn members(&self) -> impl Iterator<Item = (&str, &'a [u8])> {
        self.members
            .iter()
            .filter_map(|member| self.span(member.value).map(|value| (member.key.as_ref(), value)))
    }

    /// As [`Self::members`], for whoever keeps the keys.
    pub(crate) fn into_members(self) -> impl Iterator<Item = (Cow<'a, str>, &'a [u8])> {
        let body = self.body;
        let value = move |(start, end): (usize, usize)| body.get(start..end);
        self.members
            .into_iter()
            .filter_map(move |member| value(member.value).map(|value| (member.key, value)))
    }

    /// The object with other values in some of its members, in one pass however many they are; `None` when all stay.
    pub(crate) fn with_values(&self, mut new: impl FnMut(&'a str) -> Option<String>) -> Option<String> {
        let mut out = Out { body: self.body, text: Vec::new() };
        let mut kept = 0;
        for member in &self.members {
            let value = self.span(member.value).and_then(|value| json::text(value).ok());
            if let Some(changed) = value.and_then(&mut new) {
                out.keep(kept, member.value.0);
                out.add(changed.as_bytes());
                kept = member.value.1;
            }
        }
        if kept == 0 {
            return None;
        }
        out.keep(kept, self.body.len());
        String::from_utf8(out.text).ok()
    }

    /// The text of a member's value as JSON text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn raw(&self, key: &str) -> Result<Option<&'a str>, CodecError> {
        self.value(key)
            .map(json::text)
            .transpose()
            .map_err(|_| CodecError::malformed(format!("{key}: not UTF-8")).with_param(key))
    }

    /// A string member. `null` is absence.
    ///
    /// # Errors
    /// When it is something else.
    pub fn string(&self, key: &str) -> Result<Option<Cow<'a, str>>, CodecError> {
        match self.raw(key)? {
            None | Some("null") => Ok(None),
            Some(json) => decoded(json).map(Some).map_err(|error| named(key, &error)),
        }
    }

    /// A boolean member. `null` is absence.
    ///
    /// # Errors
    /// When it is something else.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>, CodecError> {
        match self.value(key) {
            None | Some(b"null") => Ok(None),
            Some(b"true") => Ok(Some(true)),
            Some(b"false") => Ok(Some(false)),
            Some(_) => Err(CodecError::malformed(format!("{key}: expected a boolean")).with_param(key)),
        }
    }

    /// A whole-number member; `None` when it is absent or something else.
    #[must_use]
    pub fn unsigned(&self, key: &str) -> Option<u64> {
        std::str::from_utf8(self.value(key)?).ok()?.parse().ok()
    }

    /// An object member, scanned; `None` when it is absent or something else.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<Self> {
        Self::scan(self.value(key)?).ok()
    }

    /// What routing needs of the formats that name model and stream in the body. The conversation's name is the
    /// codec's to add.
    ///
    /// # Errors
    /// When `model` is no string.
    pub fn peek(&self) -> Result<Peek<'a>, CodecError> {
        Ok(Peek {
            model: self.string("model")?.unwrap_or_default(),
            // Anything but `false` asks for a stream. Source: http-api.md A.3.
            stream: !matches!(self.value("stream"), None | Some(b"false" | b"null")),
            session: None,
            cache_key: self.string("prompt_cache_key").ok().flatten(),
            top: None,
        })
    }

    fn span(&self, (start, end): (usize, usize)) -> Option<&'a [u8]> {
        self.body.get(start..end)
    }
}

/// Changes to the members of one object.
///
/// ```
/// use bytes::Bytes;
/// use cliproxy_translator::splice::Edits;
/// let body = Bytes::from_static(br#"{ "model":"a", "x": 1,"model":"b" }"#);
/// let patched = Edits::new().set_string("model", "c").remove("x").set("n", "2").apply(&body)?;
/// assert_eq!(patched, &br#"{"model":"c","n":2 }"#[..]);
/// assert_eq!(Edits::new().remove("y").apply(&body)?.as_ptr(), body.as_ptr());
/// # Ok::<(), cliproxy_translator::CodecError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Edits<'e> {
    edits: Vec<(Cow<'e, str>, Change<'e>)>,
}

#[derive(Clone, Debug)]
enum Change<'e> {
    Remove,
    Set(Cow<'e, str>),
    /// Pieces of the value that stands there change, and the rest stays where it lies.
    Within(Vec<Piece>),
}

impl<'e> Edits<'e> {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a member this value, which must be JSON: in place of the last member of that name, or at the end. Others of that
    /// name go.
    #[must_use]
    pub fn set(mut self, key: impl Into<Cow<'e, str>>, json: impl Into<Cow<'e, str>>) -> Self {
        self.put(key.into(), Change::Set(json.into()));
        self
    }

    /// Changes pieces of a member's value, in order and counted from where it begins; without a copy of the value, however
    /// large it is. Nothing when there are no pieces, or no such member.
    #[must_use]
    pub(crate) fn within(mut self, key: impl Into<Cow<'e, str>>, pieces: Vec<Piece>) -> Self {
        if !pieces.is_empty() {
            self.put(key.into(), Change::Within(pieces));
        }
        self
    }

    /// Gives a member a string.
    #[must_use]
    pub fn set_string(self, key: impl Into<Cow<'e, str>>, value: &str) -> Self {
        let mut writer = Writer::new(Vec::with_capacity(value.len() + 2));
        writer.string(value);
        let json = String::from_utf8(writer.into_bytes()).unwrap_or_default();
        self.set(key, json)
    }

    /// Removes all members of that name.
    #[must_use]
    pub fn remove(mut self, key: impl Into<Cow<'e, str>>) -> Self {
        self.put(key.into(), Change::Remove);
        self
    }

    /// Leaves the members of that name as they are, whatever was said of them before.
    pub(crate) fn leave(&mut self, key: &str) {
        self.edits.retain(|(known, _)| known != key);
    }

    /// With others, which count where both speak of a member.
    #[must_use]
    pub(crate) fn then(mut self, others: Self) -> Self {
        others.edits.into_iter().for_each(|(key, change)| self.put(key, change));
        self
    }

    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    fn put(&mut self, key: Cow<'e, str>, value: Change<'e>) {
        match self.edits.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.edits.push((key, value)),
        }
    }

    /// Scans the body and changes it; the same buffer when nothing changes.
    ///
    /// # Errors
    /// When the body is not a JSON object.
    pub fn apply(&self, body: &Bytes) -> Result<Bytes, CodecError> {
        Ok(self.apply_scanned(body, &TopLevel::scan(body)?))
    }

    /// As [`Self::apply`], with a scan of that body at hand.
    #[must_use]
    pub fn apply_scanned(&self, body: &Bytes, scanned: &TopLevel<'_>) -> Bytes {
        self.rewritten(scanned).map_or_else(|| body.clone(), Bytes::from)
    }

    /// Changes an object that is a part of something larger.
    ///
    /// # Errors
    /// When the text is not a JSON object.
    pub fn apply_str<'j>(&self, json: &'j str) -> Result<Cow<'j, str>, CodecError> {
        Ok(match self.rewritten(&TopLevel::scan(json.as_bytes())?) {
            None => Cow::Borrowed(json),
            Some(bytes) => Cow::Owned(String::from_utf8(bytes).unwrap_or_default()),
        })
    }

    /// The changes as pieces of the object's text; none when it would come out as it is.
    pub(crate) fn pieces(&self, scanned: &TopLevel<'_>) -> Vec<Piece> {
        if !self.changes(scanned) {
            return Vec::new();
        }
        let mut pieces = Pieces::of(scanned.body);
        self.write(scanned, &mut pieces);
        pieces.finish()
    }

    /// Whether the object would come out different.
    fn changes(&self, scanned: &TopLevel<'_>) -> bool {
        self.edits.iter().any(|(key, value)| {
            let mut members = scanned.members.iter().filter(|member| member.key == *key).peekable();
            match value {
                Change::Remove | Change::Within(_) => members.peek().is_some(),
                Change::Set(json) => {
                    members.peek().is_none()
                        || members.any(|member| scanned.span(member.value) != Some(json.as_bytes()))
                }
            }
        })
    }

    fn rewritten(&self, scanned: &TopLevel<'_>) -> Option<Vec<u8>> {
        if !self.changes(scanned) {
            return None;
        }
        let added: usize = self.edits.iter().map(|(key, change)| key.len() + change.added() + 8).sum();
        let mut out = Out { body: scanned.body, text: Vec::with_capacity(scanned.body.len() + added) };
        self.write(scanned, &mut out);
        Some(out.text)
    }

    fn write(&self, scanned: &TopLevel<'_>, out: &mut impl Sink) {
        out.keep(0, scanned.inside);
        let mut comma = false;
        // White space behind the last member stays behind what is added.
        let mut tail = (scanned.inside, scanned.close);
        // The member that counts for each edit, looked for once.
        let mut counts: Vec<Option<&Member<'_>>> = vec![None; self.edits.len()];
        for member in &scanned.members {
            let edit = self.edits.iter().zip(&mut counts).find(|((key, _), _)| *key == member.key);
            let edit = edit.map(|((_, change), counts)| {
                let counts = counts.get_or_insert_with(|| scanned.last(&member.key).unwrap_or(member));
                (change, std::ptr::eq(*counts, member))
            });
            if matches!(edit, Some((Change::Remove, _) | (_, false))) {
                tail = (member.value.1, member.region.1);
                continue;
            }
            if std::mem::replace(&mut comma, true) {
                out.keep(tail.0, tail.1);
                out.add(b",");
            }
            out.keep(member.region.0, member.value.0);
            match edit {
                Some((Change::Set(json), _)) => out.add(json.as_bytes()),
                Some((Change::Within(pieces), _)) => out.keep_but(member.value, pieces),
                _ => out.keep(member.value.0, member.value.1),
            }
            tail = (member.value.1, member.region.1);
        }
        for (key, change) in &self.edits {
            let Change::Set(json) = change else { continue };
            if scanned.has(key) {
                continue;
            }
            if std::mem::replace(&mut comma, true) {
                out.add(b",");
            }
            let mut writer = Writer::new(Vec::with_capacity(key.len() + 3));
            writer.key(key);
            out.add(&writer.into_bytes());
            out.add(json.as_bytes());
        }
        out.keep(tail.0, tail.1);
        out.keep(scanned.close, scanned.body.len());
    }
}

impl Change<'_> {
    /// How many bytes it adds, at most.
    fn added(&self) -> usize {
        match self {
            Self::Remove => 0,
            Self::Set(json) => json.len(),
            Self::Within(pieces) => pieces.iter().map(|piece| piece.text.len()).sum(),
        }
    }
}

fn named(key: &str, error: &serde_json::Error) -> CodecError {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    CodecError::malformed(format!("{key}: {message}")).with_param(key)
}

/// What a JSON string says; `None` when the text is something else.
pub(crate) fn text_of(json: &str) -> Option<Cow<'_, str>> {
    decoded(json).ok()
}

/// Whether a JSON string says this text.
pub(crate) fn says(json: &str, text: &str) -> bool {
    let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
    // Without a backslash the text is written as it is.
    (inner == Some(text) && !text.contains('\\')) || text_of(json).as_deref() == Some(text)
}

/// A member's name that has an escape. Half a surrogate pair is U+FFFD, to compare names by: the text itself stays.
fn escaped_name(json: &str) -> Option<Cow<'static, str>> {
    serde_json::from_str::<Text<'_>>(json).ok().map(|name| Cow::Owned(name.decoded().into_owned()))
}

/// As [`text_of`], in the form that it has.
pub(crate) fn text_in(json: &str) -> Option<Text<'_>> {
    match plain_text(json) {
        Some(plain) => Some(Text::plain(plain)),
        None => serde_json::from_str(json).ok(),
    }
}

fn decoded(json: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    match plain_text(json) {
        // The usual text means itself.
        Some(plain) => Ok(Cow::Borrowed(plain)),
        None => serde_json::from_str::<Text<'_>>(json).map(Text::into_decoded),
    }
}

/// What is between the quotes of a string that holds neither escapes nor control characters.
fn plain_text(json: &str) -> Option<&str> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    first_to_escape(inner.as_bytes()).is_none().then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_says_a_text_however_it_is_escaped() {
        for (json, text, expected) in [
            (r#""a/b""#, "a/b", true),
            (r#""\u0061\/b""#, "a/b", true),
            (r#""a\\b""#, r"a\b", true),
            (r#""a\\b""#, r"a\\b", false),
            (r#""a\nb""#, r"a\nb", false),
            (r#""a""#, "b", false),
            ("5", "5", false),
            ("null", "null", false),
            ("\"a", "a", false),
            ("\"", "", false),
        ] {
            assert_eq!(says(json, text), expected, "{json} {text}");
        }
    }
}
