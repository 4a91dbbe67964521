//! Which requests a rule is for.

use serde_json::Value;

use super::Outgoing;
use super::rule::Place;
use crate::splice::{Document, Glob, PathError};

/// Requests of some models, narrowed by what else is asked of them: all of it has to fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    name: Glob,
    protocol: String,
    from_protocol: String,
    headers: Vec<(String, Glob)>,
    conditions: Vec<(Place, Condition)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Equals(Value),
    Differs(Value),
    Exists,
    Missing,
}

impl Selector {
    /// Requests of the models whose name fits a pattern with `*`, case-sensitive. Source: runtime.md F.1.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self {
            name: Glob::stars(pattern.trim()),
            protocol: String::new(),
            from_protocol: String::new(),
            headers: Vec::new(),
            conditions: Vec::new(),
        }
    }

    /// Only in this format of the provider; an empty name is any. `gemini-cli` counts as `gemini`.
    #[must_use]
    pub fn protocol(mut self, name: &str) -> Self {
        self.protocol = protocol(name);
        self
    }

    /// Only from clients of this format; an empty name is any.
    #[must_use]
    pub fn from_protocol(mut self, name: &str) -> Self {
        self.from_protocol = protocol(name);
        self
    }

    /// Only when the client sent a header of this name whose value fits a pattern with `*`.
    #[must_use]
    pub fn header(mut self, name: &str, pattern: &str) -> Self {
        let name = name.trim().to_ascii_lowercase();
        if !name.is_empty() {
            self.headers.push((name, Glob::stars(pattern.trim())));
        }
        self
    }

    /// Only when the body has this value at the path, at one of them when it leads to several. Numbers are compared
    /// by value, objects without their order.
    ///
    /// # Errors
    /// When the path cannot be read.
    pub fn equal(self, path: &str, value: Value) -> Result<Self, PathError> {
        self.with(path, Condition::Equals(value))
    }

    /// Only when the body does not have this value there.
    ///
    /// # Errors
    /// When the path cannot be read.
    pub fn unequal(self, path: &str, value: Value) -> Result<Self, PathError> {
        self.with(path, Condition::Differs(value))
    }

    /// Only when something other than `null` is there.
    ///
    /// # Errors
    /// When the path cannot be read.
    pub fn exists(self, path: &str) -> Result<Self, PathError> {
        self.with(path, Condition::Exists)
    }

    /// Only when nothing is there, or `null`.
    ///
    /// # Errors
    /// When the path cannot be read.
    pub fn missing(self, path: &str) -> Result<Self, PathError> {
        self.with(path, Condition::Missing)
    }

    fn with(mut self, path: &str, condition: Condition) -> Result<Self, PathError> {
        self.conditions.push((Place::parse(path)?, condition));
        Ok(self)
    }

    /// What can be said without looking at the body.
    pub(super) fn fits(&self, outgoing: &Outgoing<'_>, names: &[&str]) -> bool {
        let format = protocol(outgoing.format.as_str());
        // A conversation state has nothing in common with the others, so that a rule must mean it. Source: runtime.md
        // F.1 "not applied by kiro".
        let spoken = if self.protocol.is_empty() { format != "kiro" } else { self.protocol == format };
        let asked = self.from_protocol.is_empty() || self.from_protocol == protocol(outgoing.client.as_str());
        let sent = |(name, glob): &(String, Glob)| {
            let mut values = outgoing.headers.get_all(name).iter();
            values.any(|value| glob.fits(&String::from_utf8_lossy(value.as_bytes())))
        };
        spoken && asked && names.iter().any(|name| self.name.fits(name)) && self.headers.iter().all(sent)
    }

    /// Whether the body is as it has to be.
    pub(super) fn holds(&self, document: &mut Document<'_>, enveloped: bool) -> bool {
        self.conditions.iter().all(|(place, condition)| {
            let path = place.of(enveloped);
            match condition {
                Condition::Equals(value) => document.any(path, |text| is(text, value)),
                Condition::Differs(value) => !document.any(path, |text| is(text, value)),
                Condition::Exists => document.any(path, |text| text != b"null"),
                Condition::Missing => !document.any(path, |text| text != b"null"),
            }
        })
    }
}

/// One name for each format, however it is written.
fn protocol(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "openai-response" | "openai-responses" | "response" => "responses".to_owned(),
        "openai-completions" => "openai".to_owned(),
        "gemini-cli" => "gemini".to_owned(),
        _ => name,
    }
}

/// Whether a text is the JSON of a value.
fn is(text: &[u8], value: &Value) -> bool {
    // A conversation is not read for the sake of a single value.
    let opens = matches!(text.first(), Some(b'{' | b'['));
    (opens == (value.is_object() || value.is_array()))
        && serde_json::from_slice::<Value>(text).is_ok_and(|found| same(&found, value))
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let held = |(key, value): (&String, &Value)| other.get(key).is_some_and(|held| same(value, held));
            one.len() == other.len() && one.iter().all(held)
        }
        _ => one == other,
    }
}
