//! Reads wire objects so that errors name the member at fault.

use std::borrow::Cow;

use serde::de::Deserialize;
use serde_json::value::RawValue;

use super::Text;
use crate::codec::CodecError;

/// Reads one object; an error names its place.
pub(crate) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, place: &str) -> Result<T, CodecError> {
    serde_json::from_str(raw.get()).map_err(|error| misread(&error, place))
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

/// The characters of an optional text.
pub(crate) fn plain<'a>(text: Option<Text<'a>>) -> Cow<'a, str> {
    text.map(Text::into_decoded).unwrap_or_default()
}
