//! References inside a schema: inlined, within bounds. Source: translation.md B48, E584, E585, E601.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::splice::TopLevel;

/// How much text references may add. One definition that names another twice, and so on, would grow without end.
const MAX_INLINED: usize = 256 * 1024;

/// The places that references name.
#[derive(Debug)]
pub(super) struct Refs<'r, 'a> {
    root: &'r TopLevel<'a>,
    raw: &'a str,
    /// What was looked up before.
    found: HashMap<String, Option<&'a str>>,
    /// The references that are being followed; the document itself is.
    open: Vec<String>,
    left: usize,
}

impl<'r, 'a> Refs<'r, 'a> {
    pub(super) fn new(root: &'r TopLevel<'a>, raw: &'a str) -> Self {
        Self { root, raw, found: HashMap::new(), open: vec!["#".to_owned()], left: MAX_INLINED }
    }

    /// The definition that a reference names, in this document.
    pub(super) fn definition(&mut self, reference: &str) -> Option<&'a str> {
        if let Some(found) = self.found.get(reference) {
            return *found;
        }
        let found = self.look_up(reference);
        self.found.insert(reference.to_owned(), found);
        found
    }

    fn look_up(&self, reference: &str) -> Option<&'a str> {
        let path = reference.strip_prefix('#')?;
        if path.is_empty() {
            return Some(self.raw);
        }
        let mut at: Option<&'a str> = None;
        for step in path.strip_prefix('/')?.split('/') {
            let step = step.replace("~1", "/").replace("~0", "~");
            at = Some(match at {
                None => self.root.raw(&step).ok().flatten()?,
                Some(json) if json.starts_with('[') => {
                    super::super::items(Some(json)).get(step.parse::<usize>().ok()?).copied()?
                }
                Some(json) => TopLevel::scan(json.as_bytes()).ok()?.raw(&step).ok().flatten()?,
            });
        }
        at
    }

    /// Begins to follow a reference; `false` when it leads back to itself or there is no room for more.
    pub(super) fn enter(&mut self, reference: &str, definition: &str) -> bool {
        if self.open.iter().any(|open| open == reference) || definition.len() > self.left {
            return false;
        }
        self.left -= definition.len();
        self.open.push(reference.to_owned());
        true
    }

    /// Ends what [`Self::enter`] began.
    pub(super) fn leave(&mut self) {
        self.open.pop();
    }
}

/// What a reference is called: its last step.
pub(super) fn name(reference: &str) -> Cow<'_, str> {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    Cow::Owned(last.replace("~1", "/").replace("~0", "~"))
}
