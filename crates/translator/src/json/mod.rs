//! JSON as bytes: text that stays escaped, members that stay raw, a writer without a tree.

mod names;
mod progress;
pub(crate) mod read;
mod search;
mod text;
mod wire;
mod writer;

use std::borrow::Cow;

use serde_json::value::RawValue;

pub(crate) use names::{Names, value_behind};
pub(crate) use progress::Progress;
pub use search::text;
pub(crate) use search::{first_to_escape, quote_or_backslash};
pub use text::Text;
pub(crate) use text::kind_of;
pub(crate) use wire::{Lenient, List, named, wire_struct};
pub use writer::Writer;

/// A JSON value that nobody has to look into: borrowed from the request, or made by us.
pub type Raw<'a> = Cow<'a, RawValue>;

/// The members of an object that a decoder does not know, in order. They are re-emitted only to the format
/// family they came from (Source: translation.md A.16).
pub type Extras<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Wraps text that is known to be JSON.
///
/// # Errors
/// When it is not JSON after all.
pub fn raw(text: impl Into<String>) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(text.into())
}

/// JSON on one line, as a frame's data must be: line breaks stand only between its tokens.
pub(crate) fn one_line(json: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_none() {
        return Cow::Borrowed(json);
    }
    Cow::Owned(json.replace(['\n', '\r'], " "))
}
