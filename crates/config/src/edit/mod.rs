//! Changes one value of a YAML text and leaves every other byte alone.
//!
//! An edit is planned as one splice of the text, from the positions in the tree. Then the new text is parsed and
//! compared with what the edit should have meant: a plan that was wrong is refused, not written.

mod model;
mod plan;
mod render;

use std::fmt;

use serde_json::Value;

use crate::report::ConfigErrors;
use crate::yaml::{Document, Step, display_path};

pub(crate) use render::quoted;

/// One change of a config text.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Edit {
    /// Sets the value at a path; mappings that lead there are made.
    Set {
        /// The path.
        path: Vec<Step>,
        /// The value; `null` is written as such.
        value: Value,
    },
    /// Removes a key or an item. Nothing happens when it is not there.
    Remove {
        /// The path.
        path: Vec<Step>,
    },
    /// Adds an item at the end of the list at a path; the list is made when it is not there.
    Append {
        /// The path of the list.
        path: Vec<Step>,
        /// The item.
        value: Value,
    },
}

impl Edit {
    /// Sets the value at a path.
    pub fn set<P: IntoIterator<Item = S>, S: Into<Step>>(path: P, value: impl Into<Value>) -> Self {
        Self::Set { path: path.into_iter().map(Into::into).collect(), value: value.into() }
    }

    /// Removes a key or an item.
    pub fn remove<P: IntoIterator<Item = S>, S: Into<Step>>(path: P) -> Self {
        Self::Remove { path: path.into_iter().map(Into::into).collect() }
    }

    /// Adds an item at the end of a list.
    pub fn append<P: IntoIterator<Item = S>, S: Into<Step>>(path: P, value: impl Into<Value>) -> Self {
        Self::Append { path: path.into_iter().map(Into::into).collect(), value: value.into() }
    }

    /// The path it is about.
    #[must_use]
    pub fn path(&self) -> &[Step] {
        match self {
            Self::Set { path, .. } | Self::Remove { path } | Self::Append { path, .. } => path,
        }
    }
}

impl fmt::Debug for Edit {
    /// The value is left out: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Set { .. } => "Set",
            Self::Remove { .. } => "Remove",
            Self::Append { .. } => "Append",
        };
        f.debug_struct(name).field("path", &display_path(self.path())).finish_non_exhaustive()
    }
}

/// Each small step reads the text again. Beyond this product (about a second) a collection is replaced as a whole, and
/// loses the comments inside it.
const STEPS_TIMES_BYTES: usize = 16 * 1024 * 1024;

/// Why an edit is refused. The text is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The text is no config document to begin with.
    #[error("the text cannot be edited because it does not parse")]
    Unparsable(#[source] ConfigErrors),
    /// A step of the path meets something else: a key in a list, an index in a mapping or beyond the end.
    #[error("`{path}` does not lead anywhere: {reason}")]
    NoSuchPlace {
        /// The path.
        path: String,
        /// Where it fails.
        reason: &'static str,
    },
    /// It is written in a way that cannot be changed without risk to its surroundings.
    #[error("`{path}` cannot be changed in place: {reason}")]
    NotInPlace {
        /// The path.
        path: String,
        /// What is in the way.
        reason: &'static str,
    },
    /// The change would have meant something else than it should.
    #[error("`{path}` cannot be changed without changing something else")]
    WouldChangeMore {
        /// The path.
        path: String,
    },
    /// The value cannot be written in a config: too deep, or the text would become too long.
    #[error("the value for `{path}` is too large or too deep for a config")]
    TooLarge {
        /// The path.
        path: String,
    },
}

/// A config text under change.
///
/// `Debug` does not show it: it holds the secrets of the file.
#[derive(Clone)]
pub struct ConfigText {
    text: String,
    document: Document,
}

impl fmt::Debug for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigText").field("document", &self.document).finish_non_exhaustive()
    }
}

impl ConfigText {
    /// Takes a text; `name` is how errors call it.
    ///
    /// # Errors
    ///
    /// [`EditError::Unparsable`] with every mistake of the text.
    pub fn parse(name: &str, text: impl Into<String>) -> Result<Self, EditError> {
        let text = text.into();
        let document = Document::parse(name, &text).map_err(EditError::Unparsable)?;
        Ok(Self { text, document })
    }

    /// The text as it is now.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, to be written.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }

    /// The tree of the text as it is now.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Makes one change. Says whether the text is another one now.
    ///
    /// Setting a mapping or list over another one changes only what differs, so that the comments inside stay.
    ///
    /// # Errors
    ///
    /// When the change cannot be made without touching anything else; the text is then as it was.
    pub fn apply(&mut self, edit: &Edit) -> Result<bool, EditError> {
        let before = self.document.to_json();
        let Some(wanted) = model::apply(&before, edit)? else { return Ok(false) };
        if model::depth(&wanted) >= crate::yaml::MAX_DEPTH {
            return Err(EditError::TooLarge { path: display_path(edit.path()) });
        }
        let mut next = self.clone();
        let mut steps = model::small_steps(&before, edit);
        if steps.len().saturating_mul(self.text.len()) > STEPS_TIMES_BYTES {
            steps = vec![edit.clone()];
        }
        for step in &steps {
            next.splice(step)?;
        }
        if next.document.to_json() != wanted {
            return Err(EditError::WouldChangeMore { path: display_path(edit.path()) });
        }
        let changed = next.text != self.text;
        *self = next;
        Ok(changed)
    }

    fn splice(&mut self, edit: &Edit) -> Result<(), EditError> {
        let path = || display_path(edit.path());
        let Some(splice) = plan::plan(&self.text, self.document.root(), edit)? else { return Ok(()) };
        let mut text = String::with_capacity(self.text.len() + splice.with.len());
        let (Some(head), Some(tail)) = (self.text.get(..splice.at.start), self.text.get(splice.at.end..))
        else {
            return Err(EditError::WouldChangeMore { path: path() });
        };
        text.push_str(head);
        text.push_str(&splice.with);
        text.push_str(tail);
        if text.len() > crate::yaml::MAX_BYTES {
            return Err(EditError::TooLarge { path: path() });
        }
        // What does not parse any more was no safe plan.
        let document = Document::parse(self.document.name(), &text)
            .map_err(|_| EditError::WouldChangeMore { path: path() })?;
        *self = Self { text, document };
        Ok(())
    }
}
