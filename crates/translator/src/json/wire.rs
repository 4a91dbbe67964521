//! Lenient structs for wire objects: the last of repeated keys wins, `null` is absence, unknown members are kept,
//! and a wrong type is reported with the path to it. (serde's derive refuses repeated keys; the reference does
//! not. Source: style.md §8.)

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

/// Defines a borrowed wire struct. Every field is an `Option`; `extras` takes the members not named.
///
/// ```text
/// wire_struct! { struct Message<'a> { role: Text<'a> = "role", content: &'a RawValue = "content" } }
/// ```
macro_rules! wire_struct {
    ($(#[$meta:meta])* $vis:vis struct $name:ident<$lt:lifetime> {
        $($(#[$fmeta:meta])* $field:ident : $ty:ty = $($key:literal)|+),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $name<$lt> {
            $($(#[$fmeta])* pub(crate) $field: Option<$ty>,)*
            pub(crate) extras: $crate::json::Extras<$lt>,
        }

        impl<'de: $lt, $lt> serde::Deserialize<'de> for $name<$lt> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields<$lt>(std::marker::PhantomData<&$lt ()>);
                impl<'de: $lt, $lt> serde::de::Visitor<'de> for Fields<$lt> {
                    type Value = $name<$lt>;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut found = $name::default();
                        while let Some($crate::json::Lenient(key)) = map.next_key()? {
                            match &*key {
                                $($($key)|+ => {
                                    found.$field = map
                                        .next_value::<Option<$ty>>()
                                        .map_err(|error| $crate::json::named(&key, &error))?;
                                })*
                                _ => found.extras.push((key, map.next_value()?)),
                            }
                        }
                        Ok(found)
                    }
                }
                deserializer.deserialize_map(Fields(std::marker::PhantomData))
            }
        }
    };
}
pub(crate) use wire_struct;

/// A key that borrows when it can.
pub(crate) struct Lenient<T>(pub(crate) T);

impl<'de> Deserialize<'de> for Lenient<std::borrow::Cow<'de, str>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Key;
        impl<'de> Visitor<'de> for Key {
            type Value = std::borrow::Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(std::borrow::Cow::Borrowed(text))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(std::borrow::Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Key).map(Lenient)
    }
}

/// Puts a member's name in front of an error: paths read `messages[2].content: …`.
pub(crate) fn named<E: serde::de::Error>(key: &str, error: &E) -> E {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    let joint = if message.starts_with('[') {
        ""
    } else if path_follows(message) {
        "."
    } else {
        ": "
    };
    E::custom(format!("{key}{joint}{message}"))
}

/// Whether the message begins with a path that an inner struct has put there.
fn path_follows(message: &str) -> bool {
    message.split_once(": ").is_some_and(|(path, _)| !path.is_empty() && !path.contains(' '))
}

/// Lists shorter than this grow by four.
const SHORT: usize = 1024;

/// Lists of turns and items, large as these are, grow in few steps. By two they would pass through the sizes of which
/// connections take their buffers, and leave blocks that were touched all over to buffers that hardly use theirs.
fn make_room<T>(items: &mut Vec<T>) {
    let room = items.capacity();
    if items.len() == room && room < SHORT {
        items.reserve_exact((3 * room).max(4));
    }
}

/// An array whose errors name the index.
#[derive(Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = List<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1024));
                loop {
                    let index = items.len();
                    match seq.next_element() {
                        Ok(Some(item)) => {
                            make_room(&mut items);
                            items.push(item);
                        }
                        Ok(None) => return Ok(List(items)),
                        Err(error) => {
                            let message = error.to_string();
                            let message = message.split(" at line ").next().unwrap_or(&message);
                            let joint = if path_follows(message) { "." } else { ": " };
                            return Err(A::Error::custom(format!("[{index}]{joint}{message}")));
                        }
                    }
                }
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::List;
    use crate::json::Text;

    wire_struct! { struct Inner<'a> { text: Text<'a> = "text", n: u64 = "n" } }
    wire_struct! { struct Outer<'a> { model: Text<'a> = "model" | "Model", items: List<Inner<'a>> = "items", raw: &'a RawValue = "raw" } }

    #[test]
    fn short_lists_grow_by_four_and_long_ones_as_lists_do() {
        for (length, room) in [(1, 4), (4, 4), (5, 16), (17, 64), (1024, 1024), (1025, 2048)] {
            let json = format!("[{}1]", "1,".repeat(length - 1));
            let list: List<u64> = serde_json::from_str(&json).unwrap();
            assert_eq!((list.0.len(), list.0.capacity()), (length, room));
        }
        let none: List<u64> = serde_json::from_str("[]").unwrap();
        assert_eq!(none.0.capacity(), 0, "an empty one takes none");
    }

    #[test]
    fn repeated_keys_take_the_last_and_unknown_members_are_kept() {
        let json = r#"{"model":"a","x":{"y":1},"model":"b","raw":[1, 2],"items":[{"text":"t\n"}],"n":null}"#;
        let outer: Outer<'_> = serde_json::from_str(json).unwrap();
        assert_eq!(outer.model.unwrap(), "b");
        assert_eq!(outer.raw.unwrap().get(), "[1, 2]");
        assert_eq!(outer.items.unwrap().0[0].text.as_ref().unwrap(), &"t\n");
        let extras: Vec<_> = outer.extras.iter().map(|(key, raw)| (key.as_ref(), raw.get())).collect();
        assert_eq!(extras, [("x", r#"{"y":1}"#), ("n", "null")]);
    }

    #[test]
    fn a_wrong_type_is_reported_with_its_path() {
        for (json, expected) in [
            (r#"{"model":5}"#, "model: expected a string, found a number"),
            (r#"{"items":[{"text":"a"},{"text":[]}]}"#, "items[1].text: expected a string, found an array"),
            (r#"{"items":{}}"#, "items: invalid type: map, expected an array"),
            (r#"{"items":[3]}"#, "items[0]: invalid type: integer `3`, expected an object"),
        ] {
            let error = serde_json::from_str::<Outer<'_>>(json).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
