//! A JSON string that is not unescaped unless somebody must look inside: all our targets are JSON with the same
//! escapes, so history text is copied as it came (Source: translation.md E.4).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use super::writer;

/// Text from a JSON string, or for one.
#[derive(Clone)]
pub struct Text<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    /// What stood between the quotes, escapes and all. Invariant: a valid JSON string body.
    Escaped(Cow<'a, str>),
    /// The characters themselves.
    Plain(Cow<'a, str>),
}

impl<'a> Text<'a> {
    /// Text as people read it.
    #[must_use]
    pub fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Self(Repr::Plain(text.into()))
    }

    /// The string inside a raw JSON value; `None` when the value is not a string.
    #[must_use]
    pub fn from_raw(raw: &'a RawValue) -> Option<Self> {
        let body = raw.get().strip_prefix('"')?.strip_suffix('"')?;
        // Without a backslash both forms are the same, and plain is the cheaper to look into.
        Some(if memchr::memchr(b'\\', body.as_bytes()).is_some() {
            Self(Repr::Escaped(Cow::Borrowed(body)))
        } else {
            Self(Repr::Plain(Cow::Borrowed(body)))
        })
    }

    /// The characters. Lone surrogates become U+FFFD here; copied text keeps them.
    #[must_use]
    pub fn decoded(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Plain(text) => Cow::Borrowed(text),
            Repr::Escaped(body) => Cow::Owned(unescape(body)),
        }
    }

    /// As [`Self::decoded`], keeping the borrow of the source where nothing had to be unescaped.
    #[must_use]
    pub fn into_decoded(self) -> Cow<'a, str> {
        match self.0 {
            Repr::Plain(text) => text,
            Repr::Escaped(body) => Cow::Owned(unescape(&body)),
        }
    }

    /// The characters of a text that is JSON itself. Half a surrogate pair, which is no character, stays an escape: in a
    /// string of that JSON it means the same. Behind a backslash, where it is no JSON, it would make JSON of it.
    #[must_use]
    pub fn as_json(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Plain(text) => Cow::Borrowed(text),
            Repr::Escaped(body) => Cow::Owned(unescape_with(body, |out, half| {
                let backslashes = out.len() - out.trim_end_matches('\\').len();
                if backslashes % 2 == 1 {
                    return out.push(char::REPLACEMENT_CHARACTER);
                }
                out.push_str("\\u");
                out.push_str(half);
            })),
        }
    }

    /// The characters when they can be had without work.
    #[must_use]
    pub fn as_plain(&self) -> Option<&str> {
        match &self.0 {
            Repr::Plain(text) => Some(text),
            Repr::Escaped(_) => None,
        }
    }

    /// Whether there are no characters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Repr::Plain(text) | Repr::Escaped(text) => text.is_empty(),
        }
    }

    /// Whether all characters are ASCII, as far as that is seen without unescaping: with a `\\u` it is not.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        match &self.0 {
            Repr::Plain(text) => text.is_ascii(),
            Repr::Escaped(body) => body.is_ascii() && !body.as_bytes().windows(2).any(|pair| pair == b"\\u"),
        }
    }

    /// Whether there is nothing but white space.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match &self.0 {
            Repr::Plain(text) => text.trim().is_empty(),
            // Most texts say by their first byte that they are none; the others are unescaped for it.
            Repr::Escaped(body) => {
                body.starts_with(|c: char| c == '\\' || c.is_whitespace()) && self.decoded().trim().is_empty()
            }
        }
    }

    /// Bytes of the form it is kept in: a size to plan with, not the exact length.
    #[must_use]
    pub fn size_hint(&self) -> usize {
        match &self.0 {
            Repr::Plain(text) | Repr::Escaped(text) => text.len(),
        }
    }

    /// How many characters there are.
    #[must_use]
    pub fn char_count(&self) -> usize {
        match &self.0 {
            Repr::Plain(text) => text.chars().count(),
            Repr::Escaped(body) => escaped_char_count(body),
        }
    }

    /// The bytes of the characters, one after the other, without a copy. What is written with a `\\u` and is not ASCII is
    /// told by a single byte that no ASCII character has.
    pub(crate) fn each_byte(&self, mut take: impl FnMut(u8)) {
        let body = match &self.0 {
            Repr::Plain(text) => return text.bytes().for_each(take),
            Repr::Escaped(body) => body,
        };
        let mut rest: &str = body;
        while let Some((before, escape)) =
            memchr::memchr(b'\\', rest.as_bytes()).and_then(|at| rest.split_at_checked(at))
        {
            before.bytes().for_each(&mut take);
            let mut taken = 2;
            take(match escape.as_bytes().get(1).copied() {
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'r') => b'\r',
                Some(b'b') => 0x08,
                Some(b'f') => 0x0c,
                Some(b'u') => {
                    let (character, digits) = unicode(escape.get(2..).unwrap_or(""));
                    taken += digits;
                    u8::try_from(character).ok().filter(u8::is_ascii).unwrap_or(0xff)
                }
                Some(other) => other,
                None => return,
            });
            rest = escape.get(taken..).unwrap_or("");
        }
        rest.bytes().for_each(take);
    }

    /// A copy that borrows from this one.
    #[must_use]
    pub fn reborrow(&self) -> Text<'_> {
        match &self.0 {
            Repr::Plain(text) => Text(Repr::Plain(Cow::Borrowed(text))),
            Repr::Escaped(text) => Text(Repr::Escaped(Cow::Borrowed(text))),
        }
    }

    /// A copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        match self.0 {
            Repr::Plain(text) => Text(Repr::Plain(Cow::Owned(text.into_owned()))),
            Repr::Escaped(text) => Text(Repr::Escaped(Cow::Owned(text.into_owned()))),
        }
    }

    /// Appends the body of a JSON string, without the quotes.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Repr::Plain(text) => writer::escape(text, out),
            Repr::Escaped(body) => out.extend_from_slice(body.as_bytes()),
        }
    }

    /// Appends the text of `self` to a growing text, keeping whatever form is cheaper.
    pub fn push_onto(&self, target: &mut Text<'static>) {
        match (&mut target.0, &self.0) {
            (Repr::Plain(text), Repr::Plain(more)) => text.to_mut().push_str(more),
            (Repr::Escaped(text), Repr::Escaped(more)) => text.to_mut().push_str(more),
            (Repr::Escaped(text), Repr::Plain(more)) => {
                let mut body = Vec::with_capacity(more.len() + 16);
                writer::escape(more, &mut body);
                text.to_mut().push_str(&String::from_utf8_lossy(&body));
            }
            (Repr::Plain(text), Repr::Escaped(more)) => {
                let mut body = Vec::with_capacity(text.len() + more.len() + 16);
                writer::escape(text, &mut body);
                body.extend_from_slice(more.as_bytes());
                target.0 = Repr::Escaped(Cow::Owned(String::from_utf8_lossy(&body).into_owned()));
            }
        }
    }
}

/// The characters of a string body, an escape or a pair of surrogates being one.
fn escaped_char_count(body: &str) -> usize {
    let mut count = 0;
    let mut rest = body;
    while let Some((before, escape)) =
        memchr::memchr(b'\\', rest.as_bytes()).and_then(|at| rest.split_at_checked(at))
    {
        count += before.chars().count() + 1;
        rest = match escape.strip_prefix("\\u") {
            Some(digits) => digits.get(unicode(digits).1..).unwrap_or(""),
            None => escape.get(2..).unwrap_or(""),
        };
    }
    count + rest.chars().count()
}

/// Undoes JSON escapes. The input is a valid string body, so nothing can fail but lone surrogates.
fn unescape(body: &str) -> String {
    unescape_with(body, |out, _| out.push(char::REPLACEMENT_CHARACTER))
}

/// As [`unescape`]; what becomes of half a surrogate pair is said by its digits.
fn unescape_with(body: &str, mut lone: impl FnMut(&mut String, &str)) -> String {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let Some((before, escape)) = rest.split_at_checked(at) else { break };
        out.push_str(before);
        let mut chars = escape.chars();
        let _backslash = chars.next();
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let (character, taken) = unicode(chars.as_str());
                match chars
                    .as_str()
                    .get(..4)
                    .filter(|_| taken == 4 && character == char::REPLACEMENT_CHARACTER)
                {
                    Some(digits) if !digits.eq_ignore_ascii_case("fffd") => lone(&mut out, digits),
                    _ => out.push(character),
                }
                rest = chars.as_str().get(taken..).unwrap_or("");
                continue;
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// Reads `XXXX`, or `XXXX\uYYYY` for a pair; returns how many bytes it took.
fn unicode(text: &str) -> (char, usize) {
    let hex = |at: usize| text.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(first) = hex(0) else {
        return (char::REPLACEMENT_CHARACTER, text.len().min(4));
    };
    if (0xD800..0xDC00).contains(&first)
        && text.get(4..6) == Some("\\u")
        && let Some(second) = hex(6).filter(|second| (0xDC00..0xE000).contains(second))
    {
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self::plain("")
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.decoded(), f)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Plain(a), Repr::Plain(b)) => a == b,
            _ => self.decoded() == other.decoded(),
        }
    }
}

impl Eq for Text<'_> {}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.decoded() == other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.decoded() == *other
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::plain(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Text::from_raw(raw)
            .ok_or_else(|| D::Error::custom(format!("expected a string, found {}", kind_of(raw))))
    }
}

/// What a raw value is, for error messages.
pub(crate) fn kind_of(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> String {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        Text::from_raw(raw).unwrap().decoded().into_owned()
    }

    #[test]
    fn escapes_decode_as_serde_json_decodes_them() {
        for json in [
            r#""""#,
            r#""plain""#,
            r#""a\nb\t\"q\" \\ \/ \b\f\r""#,
            r#""\u00e9\u4e2d\ud83d\ude00 end""#,
            r#""\\u0041""#,
        ] {
            let expected: String = serde_json::from_str(json).unwrap();
            assert_eq!(text(json), expected, "{json}");
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(Text::from_raw(raw).unwrap().char_count(), expected.chars().count(), "{json}");
        }
        assert_eq!(text(r#""x\ud800y""#), "x\u{fffd}y");
    }

    #[test]
    fn half_a_pair_stays_an_escape_of_inner_json_and_makes_none_of_what_is_none() {
        for (json, expected) in [
            (r#""{\"a\":\"\ud800\"}""#, r#"{"a":"\ud800"}"#),
            (r#""{\"a\":\"\\\\\ud800\"}""#, r#"{"a":"\\\ud800"}"#),
            (r#""{\"a\":\"\\\ud800\"}""#, "{\"a\":\"\\\u{fffd}\"}"),
            (r#""{\"a\":\"\\\\\\\ud800\ud800\"}""#, "{\"a\":\"\\\\\\\u{fffd}\\ud800\"}"),
        ] {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            let text = Text::from_raw(raw).unwrap();
            let inner = text.as_json();
            assert_eq!(inner, expected, "{json}");
            let decoded = text.decoded();
            let is_json = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
            assert_eq!(is_json(&inner), is_json(&decoded), "{json}");
        }
    }

    #[test]
    fn text_is_written_as_it_came_and_appended_in_either_form() {
        let raw: &RawValue = serde_json::from_str(r#""caf\u00e9\n""#).unwrap();
        let escaped = Text::from_raw(raw).unwrap();
        let mut out = Vec::new();
        escaped.write_body(&mut out);
        assert_eq!(out, br"caf\u00e9\n");

        for (first, second) in [
            (escaped.clone(), Text::plain("\"x\"")),
            (Text::plain("\"x\""), escaped.clone()),
            (escaped.clone(), escaped),
        ] {
            let mut joined = first.clone().into_owned();
            second.push_onto(&mut joined);
            assert_eq!(joined.decoded(), format!("{}{}", first.decoded(), second.decoded()));
        }
    }
}
