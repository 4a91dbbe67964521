//! Where a setting was written: a file with line and column, an environment variable, a flag.

use std::fmt;
use std::sync::Arc;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    source: Arc<str>,
    line: u32,
    column: u32,
}

impl Place {
    /// A source as a whole: a file, `environment variable X`, `flag --port`.
    #[must_use]
    pub fn whole(source: impl Into<Arc<str>>) -> Self {
        Self { source: source.into(), line: 0, column: 0 }
    }

    /// One position in a file; both numbers count from one.
    #[must_use]
    pub fn at(source: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Self { source: source.into(), line, column }
    }

    /// The file, variable or flag.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The line, counted from one; `None` for a source that has no lines.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        (self.line > 0).then_some(self.line)
    }

    /// The column in characters, counted from one; `None` for a source that has no lines.
    #[must_use]
    pub fn column(&self) -> Option<u32> {
        (self.column > 0).then_some(self.column)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}
