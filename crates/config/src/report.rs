//! What loading found: mistakes, which refuse the whole, and notices, which do not.

use std::fmt;

use crate::place::Place;

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// The file does not exist.
    Missing,
    /// The file exists and cannot be read.
    Unreadable,
    /// The text is not YAML, or not the YAML that a config may be.
    Syntax,
    /// A key has a value that it cannot have.
    Value,
}

/// One mistake: where, which key, what is wrong and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// What kind of mistake it is.
    pub mistake: Mistake,
    /// Where it was written.
    pub place: Place,
    /// The path of the key (`claude-api-key[0].weight`); empty for a mistake in the whole file.
    pub key: String,
    /// What is wrong. Never contains the value of a secret.
    pub problem: String,
    /// What would be right; may be empty.
    pub remedy: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.problem)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

/// All mistakes of one load, in the order of the file. Displayed one per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    mistakes: Vec<ConfigError>,
    notices: Vec<Notice>,
}

impl ConfigErrors {
    pub(crate) fn new(mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_key(|error| (error.place.line().is_none(), error.place.line(), error.place.column()));
        Self { mistakes: errors, notices: Vec::new() }
    }

    /// Adds what was noticed beside the mistakes.
    pub(crate) fn with_notices(self, notices: Vec<Notice>) -> Self {
        Self { notices, ..self }
    }

    /// The mistakes, in the order of the file.
    #[must_use]
    pub fn as_slice(&self) -> &[ConfigError] {
        &self.mistakes
    }

    /// What was noticed beside the mistakes, such as unknown keys; not displayed with them.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Whether the only mistake is that the file does not exist.
    #[must_use]
    pub fn is_missing_file(&self) -> bool {
        self.mistakes.iter().all(|error| error.mistake == Mistake::Missing)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Something the operator should know that does not stop the program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// No such key exists; it has no effect.
    UnknownKey {
        /// Where it was written.
        place: Place,
        /// The path of the key.
        key: String,
        /// The known key that looks most like it.
        suggestion: Option<String>,
    },
    /// A key that names a provider names none that it could be about; what stands below it has no effect.
    UnknownProvider {
        /// Where it was written.
        place: Place,
        /// The path of the key.
        key: String,
        /// The known key that looks most like it.
        suggestion: Option<String>,
    },
    /// The key is known and what it switches on does not exist in this release. Said loudly.
    NotBuilt {
        /// Where it was written.
        place: Place,
        /// The path of the key.
        key: String,
    },
    /// The key is accepted so that existing files load, and will never have an effect.
    Ignored {
        /// Where it was written.
        place: Place,
        /// The path of the key.
        key: String,
    },
    /// An old spelling was understood.
    Legacy {
        /// Where it was written.
        place: Place,
        /// The path of the key as written.
        key: String,
        /// The spelling of today.
        instead: String,
    },
    /// An entry was left out.
    Dropped {
        /// Where it was written.
        place: Place,
        /// The path of the entry.
        key: String,
        /// Why it was left out.
        reason: String,
    },
    /// A value was replaced by one that works.
    Adjusted {
        /// Where it was written.
        place: Place,
        /// The path of the key.
        key: String,
        /// What was done and why.
        reason: String,
    },
    /// Something was done about what was written, and nothing is left to do.
    Done {
        /// Where it was written.
        place: Place,
        /// The path of the key.
        key: String,
        /// What was done.
        reason: String,
    },
    /// Something about the environment: a `.env` file that does not parse, a variable for a feature that is not built.
    Environment {
        /// The variable or file.
        place: Place,
        /// What about it.
        reason: String,
    },
    /// The configuration loads and is not safe to serve with: example keys, open access.
    Unsafe {
        /// Where it was written.
        place: Place,
        /// The path of the key.
        key: String,
        /// Why.
        reason: String,
    },
}

impl Notice {
    /// Where it was written.
    #[must_use]
    pub fn place(&self) -> &Place {
        match self {
            Self::UnknownKey { place, .. }
            | Self::UnknownProvider { place, .. }
            | Self::NotBuilt { place, .. }
            | Self::Ignored { place, .. }
            | Self::Legacy { place, .. }
            | Self::Dropped { place, .. }
            | Self::Adjusted { place, .. }
            | Self::Done { place, .. }
            | Self::Environment { place, .. }
            | Self::Unsafe { place, .. } => place,
        }
    }

    /// Whether it belongs in the log as a warning; the others are worth a line of `check-config` only.
    #[must_use]
    pub fn is_loud(&self) -> bool {
        match self {
            Self::UnknownKey { .. }
            | Self::UnknownProvider { .. }
            | Self::NotBuilt { .. }
            | Self::Dropped { .. }
            | Self::Adjusted { .. }
            | Self::Environment { .. }
            | Self::Unsafe { .. } => true,
            Self::Ignored { .. } | Self::Legacy { .. } | Self::Done { .. } => false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { place, key, suggestion } => {
                write!(f, "{place}: `{key}` is not a known key and has no effect")?;
                did_you_mean(suggestion.as_deref(), f)
            }
            Self::UnknownProvider { place, key, suggestion } => {
                write!(f, "{place}: `{key}` names no provider that it could be about, and has no effect")?;
                did_you_mean(suggestion.as_deref(), f)
            }
            Self::NotBuilt { place, key } => {
                write!(f, "{place}: `{key}` is set, and this release does not have what it switches on")
            }
            Self::Ignored { place, key } => {
                write!(f, "{place}: `{key}` is accepted for compatibility and has no effect")
            }
            Self::Legacy { place, key, instead } => {
                write!(f, "{place}: `{key}` is an old spelling and still understood; write `{instead}`")
            }
            Self::Dropped { place, key, reason } => write!(f, "{place}: `{key}` is left out: {reason}"),
            Self::Adjusted { place, key, reason }
            | Self::Done { place, key, reason }
            | Self::Unsafe { place, key, reason } => {
                write!(f, "{place}: `{key}`: {reason}")
            }
            Self::Environment { place, reason } => write!(f, "{place}: {reason}"),
        }
    }
}

fn did_you_mean(known: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    known.map_or(Ok(()), |known| write!(f, "; did you mean `{known}`?"))
}

/// So many mistakes, and so many notices, are kept.
const MOST: usize = 1000;

/// Collects mistakes and notices while a config is read.
///
/// After [`MOST`] of a kind the rest is dropped: nobody reads further, and a hostile file shall not fill the memory.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) notices: Vec<Notice>,
}

impl Report {
    pub(crate) fn wrong(
        &mut self,
        place: &Place,
        key: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if self.errors.len() >= MOST {
            return;
        }
        self.errors.push(ConfigError {
            mistake: Mistake::Value,
            place: place.clone(),
            key: key.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// Whether a guess at what was meant is worth its time.
    pub(crate) fn is_short(&self) -> bool {
        self.notices.len() < 100
    }

    pub(crate) fn note(&mut self, notice: Notice) {
        if self.notices.len() < MOST {
            self.notices.push(notice);
        }
    }
}
