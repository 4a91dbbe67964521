//! Paths into JSON, as the reference's configuration writes them. Source: runtime.md F.1 "dot notation with array
//! indexes and escapes".

use super::glob::Glob;
use super::query::Query;
use crate::json::Writer;

/// Parts of a path beyond which it is refused: everything recurses over them.
const MOST_PARTS: usize = 64;

/// Where something lies in a JSON text.
///
/// | part | where |
/// |---|---|
/// | `name` | a member; `\` before a letter takes it literally (`a\.b`) |
/// | `3` | an element of an array, or the member `3` of an object; `:3` is always the member |
/// | `-1` | behind the last element when set, the last element when removed |
/// | `#(type=="x")` | the first element for which this holds; with `#` behind it, all of them |
/// | `#` | every element; at the end of a condition, their number |
/// | `na*e`, `n?me` | every member whose name fits |
///
/// ```
/// use cliproxy_translator::splice::Path;
/// assert_eq!(Path::parse("tools.#(type==\"x\")#.name").unwrap().as_str(), "tools.#(type==\"x\")#.name");
/// assert!(Path::parse("a|@reverse").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    parts: Vec<Part>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Key(Name),
    /// An element, or the member of that name.
    Index(usize, Name),
    /// `-1`.
    Last(Name),
    Each,
    Count,
    Like(Glob),
    Where {
        query: Query,
        all: bool,
    },
}

/// A member's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    /// As it stands before a value: `"name":`.
    pub(super) lead: String,
}

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathError(pub(super) &'static str);

impl Path {
    /// Reads a path; a leading dot is dropped.
    ///
    /// # Errors
    /// When it is empty, uses what only a query language has (`|`, `@modifiers`), or is too long.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Self::within(text, 0)
    }

    /// As [`Self::parse`], below a member of the top level.
    ///
    /// # Errors
    /// As there.
    pub fn below(member: &str, text: &str) -> Result<Self, PathError> {
        let mut path = Self::parse(text)?;
        path.parts.insert(0, Part::Key(Name::new(member)));
        Ok(path)
    }

    /// `depth` counts the queries around it.
    pub(super) fn within(text: &str, depth: usize) -> Result<Self, PathError> {
        let text = text.trim();
        let text = text.strip_prefix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(PathError("the path is empty"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, behind) = part(rest, depth)?;
            parts.push(part);
            if parts.len() > MOST_PARTS {
                return Err(PathError("the path has too many parts"));
            }
            match behind {
                Some(behind) => rest = behind,
                None => break,
            }
        }
        if let Some(last) = parts.last_mut().filter(|last| **last == Part::Each) {
            *last = Part::Count;
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The path as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names a place, not a number of places.
    #[must_use]
    pub fn is_place(&self) -> bool {
        self.parts.last() != Some(&Part::Count)
    }

    /// Whether setting it adds an element every time.
    #[must_use]
    pub fn appends(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Last(_)))
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl Name {
    fn new(text: &str) -> Self {
        let mut writer = Writer::new(Vec::with_capacity(text.len() + 3));
        writer.key(text);
        // The writer makes UTF-8 of UTF-8.
        Self { text: text.to_owned(), lead: String::from_utf8(writer.into_bytes()).unwrap_or_default() }
    }
}

/// The first part, and what stands behind its dot.
fn part(text: &str, depth: usize) -> Result<(Part, Option<&str>), PathError> {
    if let Some(inner) = text.strip_prefix("#(") {
        let close = closing(inner).ok_or(PathError("a `#(` is not closed"))?;
        let (query, behind) = inner.split_at_checked(close).unwrap_or((inner, ""));
        let behind = behind.strip_prefix(')').unwrap_or(behind);
        let (all, behind) = match behind.strip_prefix('#') {
            Some(behind) => (true, behind),
            None => (false, behind),
        };
        let part = Part::Where { query: Query::parse(query, depth)?, all };
        return match behind.strip_prefix('.') {
            Some(rest) => Ok((part, Some(rest))),
            None if behind.is_empty() => Ok((part, None)),
            None => Err(PathError("a dot is missing behind `#(…)`")),
        };
    }
    let mut escaped = false;
    let mut wild = false;
    let mut end = None;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '.' => {
                end = Some(at);
                break;
            }
            '|' => return Err(PathError("`|` is not supported; write a dot, or `\\|` for the letter")),
            '@' if at == 0 => {
                return Err(PathError("modifiers are not supported; write `\\@` for the letter"));
            }
            '*' | '?' => wild = true,
            _ => {}
        }
    }
    let (own, behind) = match end.and_then(|at| text.split_at_checked(at)) {
        Some((own, behind)) => (own, behind.strip_prefix('.')),
        None => (text, None),
    };
    let part = match own {
        "#" => Part::Each,
        "-1" => Part::Last(Name::new(own)),
        _ if wild => Part::Like(Glob::wild(own)),
        _ => match own.strip_prefix(':').filter(|forced| !forced.is_empty()) {
            Some(forced) => Part::Key(Name::new(&plain(forced))),
            None => match index(own) {
                Some(index) => Part::Index(index, Name::new(own)),
                None => Part::Key(Name::new(&plain(own))),
            },
        },
    };
    Ok((part, behind))
}

fn index(text: &str) -> Option<usize> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Without the backslashes.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        out.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
    }
    out
}

/// Where the parenthesis that was open before this text closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, letter) in super::query::outside_quotes(text) {
        match letter {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}
