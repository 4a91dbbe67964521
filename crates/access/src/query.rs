//! Query strings as forms write them: `name=value`, `&` between, `+` for a blank, percent escapes.

use std::borrow::Cow;

/// One part between two `&`, undecoded.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) raw: &'a str,
}

pub(crate) fn pairs(query: &str) -> impl Iterator<Item = Pair<'_>> {
    query.split('&').map(|raw| Pair { raw })
}

impl<'a> Pair<'a> {
    /// The decoded name; `None` when its escapes are broken.
    pub(crate) fn name(self) -> Option<Cow<'a, str>> {
        decode(self.raw_name())
    }

    /// The decoded value; empty when there is none, `None` when its escapes are broken.
    pub(crate) fn value(self) -> Option<Cow<'a, str>> {
        decode(self.raw.split_once('=').map_or("", |(_, value)| value))
    }

    pub(crate) fn raw_name(self) -> &'a str {
        self.raw.split_once('=').map_or(self.raw, |(name, _)| name)
    }

    /// Whether it is one of these parameters, however its name is escaped. Reads broken escapes as well as it
    /// can: what looks like a secret is treated as one.
    pub(crate) fn is_any_of(self, names: &[&str]) -> bool {
        let decoded = decode_lossy(self.raw_name().as_bytes());
        names.iter().any(|name| decoded.eq_ignore_ascii_case(name.as_bytes()))
    }
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let (decoded, whole) = unescape(text.as_bytes());
    if whole { String::from_utf8(decoded).ok().map(Cow::Owned) } else { None }
}

fn decode_lossy(text: &[u8]) -> Vec<u8> {
    unescape(text).0
}

/// The bytes meant, and whether every escape was in order; a broken one stays as it is.
fn unescape(mut text: &[u8]) -> (Vec<u8>, bool) {
    let (mut decoded, mut whole) = (Vec::with_capacity(text.len()), true);
    while let Some((first, rest)) = text.split_first() {
        text = rest;
        let byte = match (first, rest) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    text = after;
                    high << 4 | low
                }
                _ => {
                    whole = false;
                    b'%'
                }
            },
            (b'%', _) => {
                whole = false;
                b'%'
            }
            (b'+', _) => b' ',
            (other, _) => *other,
        };
        decoded.push(byte);
    }
    (decoded, whole)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
