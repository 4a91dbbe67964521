//! Reading wire objects: errors that name the member at fault, members that providers fill with all kinds of things.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Text, kind_of};
use crate::codec::CodecError;
use crate::model::Args;

/// The characters of an optional text.
pub(crate) fn plain<'a>(text: Option<Text<'a>>) -> Cow<'a, str> {
    text.map(Text::into_decoded).unwrap_or_default()
}

/// A string member that some fill with other things; those count as absent, and so does emptiness.
pub(crate) fn filled<'a>(raw: Option<&'a RawValue>) -> Option<Text<'a>> {
    raw.and_then(Text::from_raw).filter(|text| !text.is_empty())
}

/// How members of a wrong type are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A client's request: it is told what is wrong, since it can mend it and would not get what it asked for.
    Request,
    /// A provider's reply: its client can do nothing about it and is to have the rest.
    Reply,
}

impl Reading {
    /// A string member; emptiness counts as absence, and in a reply another type does.
    pub(crate) fn text<'a>(
        self,
        raw: Option<&'a RawValue>,
        name: &str,
    ) -> Result<Option<Text<'a>>, CodecError> {
        match raw.map(|raw| Text::from_raw(raw).ok_or(raw)) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(Err(raw)) if self == Self::Request => Err(wrong_type(name, "a string", raw)),
            Some(Err(_)) => Ok(None),
        }
    }

    /// The arguments of a call: JSON in a string, or the object itself, which some write there. Text that is no JSON is
    /// none of our business (B92).
    pub(crate) fn arguments<'a>(self, raw: Option<&'a RawValue>, name: &str) -> Result<Args<'a>, CodecError> {
        let Some(raw) = raw else { return Ok(Args::Encoded(Text::default())) };
        match Text::from_raw(raw) {
            Some(text) => Ok(Args::Encoded(text)),
            None if self == Self::Reply || raw.get().starts_with('{') => Ok(Args::Json(Cow::Borrowed(raw))),
            None => Err(wrong_type(name, "a string", raw)),
        }
    }
}

/// A JSON Schema: an object, or `true` and `false`, which are schemas too.
pub(crate) fn schema<'a>(raw: Option<&'a RawValue>, name: &str) -> Result<Option<&'a RawValue>, CodecError> {
    match raw {
        Some(raw) if !raw.get().starts_with(['{', 't', 'f']) => Err(wrong_type(name, "an object", raw)),
        raw => Ok(raw),
    }
}

/// A boolean member.
pub(crate) fn boolean(raw: Option<&RawValue>, name: &str) -> Result<Option<bool>, CodecError> {
    match raw.map(|raw| (raw, raw.get())) {
        None => Ok(None),
        Some((_, "true")) => Ok(Some(true)),
        Some((_, "false")) => Ok(Some(false)),
        Some((raw, _)) => Err(wrong_type(name, "a boolean", raw)),
    }
}

/// A member of another type than the format says.
pub(crate) fn wrong_type(name: &str, expected: &str, found: &RawValue) -> CodecError {
    wrong(name, &format!("expected {expected}, found {}", kind_of(found)))
}

/// Reads one object; an error names its place.
pub(crate) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, place: &str) -> Result<T, CodecError> {
    serde_json::from_str(raw.get()).map_err(|error| misread(&error, place))
}

/// Reads the items of an array in one pass and makes something of each, for lists whose items need nothing but their
/// members. `None` when it is no array, or when one item is not what it should be or nothing can be made of it: it wants
/// to be read piece by piece then, which also tells what is wrong.
pub(crate) fn in_one_pass<'a, W, T>(raw: &'a RawValue, make: impl FnMut(W) -> Option<T>) -> Option<Vec<T>>
where
    W: Deserialize<'a>,
{
    struct Items<W, F>(F, PhantomData<W>);
    impl<'de, W: Deserialize<'de>, T, F: FnMut(W) -> Option<T>> Visitor<'de> for Items<W, F> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut made = Vec::new();
            while let Some(item) = seq.next_element()? {
                reserve(&mut made);
                made.push((self.0)(item).ok_or_else(|| A::Error::custom("another way"))?);
            }
            Ok(made)
        }
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_seq(Items(make, PhantomData)).ok()
}

/// Reads each item, into a list that has room for them and no more.
pub(crate) fn each<I: ExactSizeIterator, T, E>(
    items: I,
    mut read: impl FnMut(I::Item) -> Result<T, E>,
) -> Result<Vec<T>, E> {
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        list.push(read(item)?);
    }
    Ok(list)
}

/// Makes room for one more. Messages have one part or two; a list would make room for four.
pub(crate) fn reserve<T>(list: &mut Vec<T>) {
    if list.len() < 3 {
        list.reserve_exact(1);
    }
}

/// An error of serde as one of ours: the path of the member becomes the param.
pub(crate) fn misread(error: &serde_json::Error, place: &str) -> CodecError {
    let message = error.to_string();
    if !error.is_data() {
        return CodecError::malformed(message);
    }
    let message = message.split(" at line ").next().unwrap_or(&message);
    let (path, what) = match message.split_once(": ") {
        Some((path, what)) if !path.contains(' ') => (path, what),
        _ => ("", message),
    };
    let joint = if place.is_empty() || path.is_empty() || path.starts_with('[') { "" } else { "." };
    wrong(&format!("{place}{joint}{path}"), what)
}

/// A member that is not what the format says.
pub(crate) fn wrong(param: &str, what: &str) -> CodecError {
    if param.is_empty() {
        return CodecError::malformed(what);
    }
    CodecError::malformed(format!("{param}: {what}")).with_param(param)
}

/// Puts the place in front of an error's path.
pub(crate) fn at(place: &str, error: &CodecError) -> CodecError {
    let text = error.to_string();
    match error.param() {
        Some(param) => {
            let joint = if param.starts_with('[') { "" } else { "." };
            let what = text.strip_prefix(param).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
            let path = format!("{place}{joint}{param}");
            CodecError::new(error.kind(), format!("{path}: {what}")).with_param(path)
        }
        None => CodecError::new(error.kind(), format!("{place}: {text}")).with_param(place),
    }
}

/// A whole number, also where it is written `1.0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        count(raw).map(Self).ok_or_else(|| {
            let found = match kind_of(raw) {
                "a number" => raw.get(),
                other => other,
            };
            D::Error::custom(format!("expected a whole number, found {found}"))
        })
    }
}

/// What a provider fills with other things at times: of those nothing is known.
#[derive(Clone, Debug)]
pub(crate) struct Loose<T>(Option<T>);

impl<T> Loose<T> {
    /// What there is.
    pub(crate) fn known(self) -> Option<T> {
        self.0
    }

    /// As [`Self::known`].
    pub(crate) fn as_known(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

/// A whole number that is not negative.
pub(crate) fn count(raw: &RawValue) -> Option<u64> {
    count_in(raw.get())
}

/// As [`count`], of a value's text.
pub(crate) fn count_in(text: &str) -> Option<u64> {
    if let Ok(count) = text.parse() {
        return Some(count);
    }
    let float: f64 = text.parse().ok()?;
    // Beyond 2^53 a float is no exact count any more.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is within 0 ..= 2^53 and without fraction"
    )]
    (float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float)).then_some(float as u64)
}
