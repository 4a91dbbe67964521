//! What a rule does, checked when it is made.

use std::sync::LazyLock;

use serde_json::value::RawValue;

use super::selector::Selector;
use crate::splice::{Path, PathError};

/// The member that envelopes keep the request in.
const ENVELOPE: &str = "request";

/// The path of that member.
pub(super) fn envelope() -> &'static Path {
    #[expect(clippy::expect_used, reason = "a single name is a path")]
    static PATH: LazyLock<Path> = LazyLock::new(|| Path::parse(ENVELOPE).expect("a name"));
    &PATH
}

/// One rule: edits for the requests that any of its selectors takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub(super) selectors: Vec<Selector>,
    pub(super) edits: Vec<Edit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) place: Place,
    pub(super) action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Default(String),
    Set(String),
    Remove,
}

/// A path, and the same inside of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    bare: Path,
    enveloped: Path,
}

/// Why a rule cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The path cannot be read.
    #[error("{0}")]
    Path(#[from] PathError),
    /// The path names no place.
    #[error("`#` at the end is a number of elements, which cannot be set or removed")]
    NoPlace,
    /// The value is no JSON.
    #[error("the value is no valid JSON")]
    Json(#[from] serde_json::Error),
}

impl Rule {
    /// A rule that does nothing yet. Without selectors it never will.
    #[must_use]
    pub fn new(selectors: impl IntoIterator<Item = Selector>) -> Self {
        Self { selectors: selectors.into_iter().collect(), edits: Vec::new() }
    }

    /// Gives a place this JSON value where the body has nothing. Of several defaults for a place the first wins.
    ///
    /// # Errors
    /// When the path or the value cannot be read.
    pub fn default(self, path: &str, json: &str) -> Result<Self, RuleError> {
        let json = checked(json)?;
        self.with(path, Action::Default(json))
    }

    /// Gives a place this JSON value, whatever the body says.
    ///
    /// # Errors
    /// When the path or the value cannot be read.
    pub fn set(self, path: &str, json: &str) -> Result<Self, RuleError> {
        let json = checked(json)?;
        self.with(path, Action::Set(json))
    }

    /// Removes what is there.
    ///
    /// # Errors
    /// When the path cannot be read.
    pub fn remove(self, path: &str) -> Result<Self, RuleError> {
        self.with(path, Action::Remove)
    }

    fn with(mut self, path: &str, action: Action) -> Result<Self, RuleError> {
        let place = Place::parse(path)?;
        if !place.bare.is_place() {
            return Err(RuleError::NoPlace);
        }
        self.edits.push(Edit { place, action });
        Ok(self)
    }
}

impl Action {
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Self::Default(_) => "default",
            Self::Set(_) => "override",
            Self::Remove => "filter",
        }
    }
}

impl Place {
    pub(super) fn parse(path: &str) -> Result<Self, PathError> {
        Ok(Self { bare: Path::parse(path)?, enveloped: Path::below(ENVELOPE, path)? })
    }

    pub(super) fn of(&self, enveloped: bool) -> &Path {
        if enveloped { &self.enveloped } else { &self.bare }
    }
}

/// The value without white space around it, once it is known to be JSON.
fn checked(json: &str) -> Result<String, serde_json::Error> {
    serde_json::from_str::<&RawValue>(json).map(|raw| raw.get().trim().to_owned())
}
