//! The YAML layer: text → a tree that knows where everything was written.
//!
//! figment's own YAML reader refuses what users' files contain and tells no line, so this reads saphyr-parser's
//! events. Loader and editor share the tree.

mod build;
mod scalar;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::place::Place;
use crate::report::{ConfigError, ConfigErrors, Mistake};

pub(crate) use scalar::{Resolved, integer, is_plain_safe, resolve, wanted_bool};

/// No config file is larger. The largest known ones hold a few thousand keys in 2 MB.
pub(crate) const MAX_BYTES: usize = 8 * 1024 * 1024;
/// No config nests deeper: real ones reach six, payload parameters perhaps ten more.
pub(crate) const MAX_DEPTH: usize = 64;
/// Nodes after aliases are expanded, so that nine lines of aliases cannot become a billion nodes.
pub(crate) const MAX_NODES: usize = 500_000;

/// No mapping has more keys, so that looking for repeated ones stays cheap.
pub(crate) const MAX_KEYS: usize = 2_000;

/// One step into a tree: a key of a mapping or an index of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// An index of a list, from zero.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Writes a path as people write it: `claude-api-key[0].models`.
pub(crate) fn display_path(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// How a scalar or collection was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|` or `>`.
    BlockScalar,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Scalar { text: String, style: Style },
    List { items: Vec<Node>, flow: bool },
    Map { entries: Vec<Entry>, flow: bool },
}

/// One key with its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) value: Node,
    /// It came in through `<<`.
    pub(crate) merged: bool,
}

/// One value and where it was written.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Bytes of the text. For a block collection it runs from its first entry to the end of its last.
    pub(crate) span: Range<usize>,
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// It has an anchor or a tag, or came out of an alias: the editor keeps its hands off.
    pub(crate) special: bool,
}

impl Node {
    pub(crate) fn scalar(text: String, style: Style) -> Self {
        Self { kind: Kind::Scalar { text, style }, span: 0..0, line: 0, column: 0, special: false }
    }

    pub(crate) fn map(entries: Vec<Entry>) -> Self {
        Self { kind: Kind::Map { entries, flow: false }, span: 0..0, line: 0, column: 0, special: false }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, style: Style::Plain } if matches!(resolve(text), Resolved::Null))
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map { entries, .. } => entries.iter().find(|entry| entry.key == key),
            Kind::Scalar { .. } | Kind::List { .. } => None,
        }
    }

    pub(crate) fn step(&self, step: &Step) -> Option<&Self> {
        match (&self.kind, step) {
            (Kind::List { items, .. }, Step::Index(index)) => items.get(*index),
            (Kind::Map { .. }, Step::Key(key)) => self.entry(key).map(|entry| &entry.value),
            _ => None,
        }
    }

    pub(crate) fn at(&self, path: &[Step]) -> Option<&Self> {
        path.iter().try_fold(self, |node, step| node.step(step))
    }

    /// The value as JSON, with YAML 1.2 scalars (what payload rules and edits mean by it).
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar { text, style: Style::Plain } => resolve(text).to_json(text),
            Kind::Scalar { text, .. } => Value::String(text.clone()),
            Kind::List { items, .. } => items.iter().map(Self::to_json).collect(),
            Kind::Map { entries, .. } => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
            ),
        }
    }
}

/// A parsed YAML text with a position for every key and value.
///
/// `Debug` shows no content: configs hold keys.
#[derive(Clone)]
pub struct Document {
    name: Arc<str>,
    root: Node,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Document {
    /// Parses one YAML document; `name` is how errors call it. An empty text is an empty mapping.
    ///
    /// Accepted beyond YAML 1.2: a byte order mark, Windows line ends, numeric keys, merge keys. Refused: a second
    /// document, repeated keys, collections as keys, and anything larger or deeper than a config can be.
    ///
    /// # Errors
    ///
    /// Whatever makes the text no such document, with its position.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigErrors> {
        let name: Arc<str> = name.into();
        match build::build(text) {
            Ok(root) => Ok(Self { name, root }),
            Err(faults) => Err(ConfigErrors::new(
                faults
                    .into_iter()
                    .map(|fault| ConfigError {
                        mistake: Mistake::Syntax,
                        place: Place::at(Arc::clone(&name), fault.line, fault.column),
                        key: fault.key,
                        problem: fault.problem,
                        remedy: fault.remedy,
                    })
                    .collect(),
            )),
        }
    }

    /// A document that no parser made.
    pub(crate) fn from_root(name: &str, root: Node) -> Self {
        Self { name: name.into(), root }
    }

    /// How errors call this text.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.root.kind, Kind::Map { .. })
    }

    pub(crate) fn is_null(&self) -> bool {
        self.root.is_null()
    }

    pub(crate) fn place(&self, line: u32, column: u32) -> Place {
        Place::at(Arc::clone(&self.name), line, column)
    }

    /// Where the value at `path` was written.
    #[must_use]
    pub fn place_of(&self, path: &[Step]) -> Option<Place> {
        self.root.at(path).map(|node| self.place(node.line, node.column))
    }

    /// The value at `path` as JSON.
    #[must_use]
    pub fn value_at(&self, path: &[Step]) -> Option<Value> {
        self.root.at(path).map(Node::to_json)
    }

    /// The whole document as JSON. It holds the secrets of the file.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.root.to_json()
    }
}
