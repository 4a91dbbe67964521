//! The text of a credential file: read once as values, and once as the bytes that stay as they are.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Credential files have a few kilobytes. What is larger is something else, and is not read.
pub(crate) const MAX_BYTES: u64 = 1024 * 1024;

/// Why a text is no credential; `Display` says so with the next step, and never shows content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    TooLarge,
    Syntax { line: usize, column: usize },
    NotObject,
    NoType,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty: log in again, or delete it"),
            Self::TooLarge => f.write_str("the file is larger than 1 MiB: it is no credential, move it away"),
            Self::Syntax { line, column } => {
                write!(
                    f,
                    "not valid JSON at line {line}, column {column}: mend it, or delete it and log in again"
                )
            }
            Self::NotObject => f.write_str("not a JSON object: a credential file begins with {"),
            Self::NoType => f.write_str(
                "no \"type\": add the provider's name, such as \"type\": \"claude\", or move the file away",
            ),
        }
    }
}

/// A parsed credential file.
#[derive(Clone, Debug)]
pub(crate) struct StoredText {
    pub(crate) map: Map<String, Value>,
    /// The same members as they were spelt. A repeated member counts with its last value.
    spelt: Vec<(String, Box<RawValue>)>,
}

impl StoredText {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Fault::Empty);
        }
        let map = match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => map,
            Ok(_) => return Err(Fault::NotObject),
            Err(error) => return Err(Fault::Syntax { line: error.line(), column: error.column() }),
        };
        let Members(spelt) = serde_json::from_slice(bytes)
            .map_err(|error| Fault::Syntax { line: error.line(), column: error.column() })?;
        let typed = map.get("type").and_then(Value::as_str).is_some_and(|kind| !kind.trim().is_empty());
        if typed { Ok(Self { map, spelt }) } else { Err(Fault::NoType) }
    }

    /// The member's own spelling, if it still has the value `now`.
    pub(crate) fn spelling(&self, key: &str, now: &Value) -> Option<&RawValue> {
        if self.map.get(key) != Some(now) {
            return None;
        }
        self.spelt.iter().rev().find(|(name, _)| name == key).map(|(_, raw)| raw.as_ref())
    }
}

/// Reads a file of bounded size. The outer error is the storage's, the inner one the text's.
pub(crate) fn read(path: &Path) -> io::Result<Result<StoredText, Fault>> {
    // A pipe or device under this name would block the reader for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Ok(Err(Fault::TooLarge));
    }
    Ok(StoredText::parse(&bytes))
}

struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
