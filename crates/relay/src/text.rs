//! Texts as JavaScript has them, and objects of which each member is looked at once.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object, undecoded. Of repeated names the last counts, as it does in JavaScript.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(crate) fn of(json: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// A member that is there and is not null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.get())?;
        (found != "null").then_some(found)
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (String, &'a str)> {
        self.0.into_iter().map(|(name, value)| (name, value.get()))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(4);
                while let Some(name) = map.next_key::<Text>()? {
                    let value = map.next_value::<&'de RawValue>()?;
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// A JSON text that may hold half a surrogate pair: JavaScript's strings may, and then its JSON does. The half is
/// replaced; a whole message is not worth losing for it.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
        }
        deserializer.deserialize_bytes(Reader)
    }
}

/// The text that a JSON value is; `None` when it is none.
pub(crate) fn text(json: &str) -> Option<Bytes> {
    let json = json.trim_start();
    if !json.starts_with('"') {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Text::deserialize(&mut deserializer).ok().map(|text| Bytes::from(text.0))
}

/// As [`text`], for short ones.
pub(crate) fn string(json: &str) -> Option<String> {
    String::from_utf8(text(json)?.into()).ok()
}

/// The texts that a JSON value is or lists.
pub(crate) fn strings(json: &str) -> Vec<String> {
    if let Some(one) = string(json) {
        return vec![one];
    }
    let listed: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    listed.into_iter().filter_map(|item| string(item.get())).collect()
}

/// The number that a JSON value is.
pub(crate) fn number(json: &str) -> Option<f64> {
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_javascript_means_them() {
        for (json, expected) in [
            (r#""plain""#, Some("plain")),
            (r#""a\n\"b\" é \u00fc""#, Some("a\n\"b\" é ü")),
            (r#""\ud83e\udd80""#, Some("\u{1F980}")),
            // A pair that was cut in two, as no JSON text of Rust may hold it.
            (r#""x\ud83e""#, Some("x\u{FFFD}\u{FFFD}\u{FFFD}")),
            (r#""""#, Some("")),
            ("5", None),
            (r#"{"a":1}"#, None),
            ("null", None),
        ] {
            assert_eq!(string(json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn of_members_the_last_counts_and_null_is_absent() {
        let members = Members::of(br#"{"a":1,"b":null,"a":"two","\ud83e":3}"#).unwrap();
        assert_eq!((members.get("a"), members.get("b"), members.get("c")), (Some("\"two\""), None, None));
        for nothing in ["", "[]", "5", "{", "{\"a\":}", "{} x"] {
            assert!(Members::of(nothing.as_bytes()).is_none(), "{nothing}");
        }
    }

    #[test]
    fn lists_and_single_texts_are_alike() {
        assert_eq!(strings(r#""one""#), ["one"]);
        assert_eq!(strings(r#"["one",2,"three"]"#), ["one", "three"]);
        assert!(strings("7").is_empty());
    }
}
