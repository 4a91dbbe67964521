//! References inside a schema: inlined, within bounds. Source: translation.md B48, E584, E585, E601.

use std::borrow::Cow;
use std::collections::HashMap;

use super::keyword::known_type;
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
    /// The members of the document, and what is in the places that were looked into, by where these begin: each is read
    /// once, however many references lead through it and however they are spelled.
    members: Option<Members<'r, 'a>>,
    places: HashMap<usize, Place<'r, 'a>>,
    /// The types of definitions that are not inlined, by where these begin.
    kinds: HashMap<usize, Option<&'static str>>,
    /// The references that are being followed; the document itself is.
    open: Vec<String>,
    left: usize,
}

type Members<'r, 'a> = HashMap<Cow<'r, str>, &'a str>;

/// What a step of a reference leads into.
#[derive(Debug)]
enum Place<'r, 'a> {
    Object(Members<'r, 'a>),
    Array(Vec<&'a str>),
}

impl<'r, 'a: 'r> Place<'r, 'a> {
    fn read(json: &'a str) -> Self {
        if json.starts_with('[') {
            return Self::Array(super::super::items(Some(json)));
        }
        let members = TopLevel::scan(json.as_bytes()).ok().into_iter().flat_map(TopLevel::into_members);
        Self::Object(texts(members))
    }

    fn get(&self, step: &str) -> Option<&'a str> {
        match self {
            Self::Object(members) => members.get(step).copied(),
            Self::Array(items) => items.get(step.parse::<usize>().ok()?).copied(),
        }
    }
}

fn texts<'r, 'a>(members: impl Iterator<Item = (Cow<'r, str>, &'a [u8])>) -> Members<'r, 'a> {
    members.filter_map(|(name, value)| Some((name, std::str::from_utf8(value).ok()?))).collect()
}

impl<'r, 'a> Refs<'r, 'a> {
    pub(super) fn new(root: &'r TopLevel<'a>, raw: &'a str) -> Self {
        Self {
            root,
            raw,
            found: HashMap::new(),
            members: None,
            places: HashMap::new(),
            kinds: HashMap::new(),
            open: vec!["#".to_owned()],
            left: MAX_INLINED,
        }
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

    /// The type that a definition says it has.
    pub(super) fn kind(&mut self, definition: &'a str) -> Option<&'static str> {
        *self.kinds.entry(definition.as_ptr().addr()).or_insert_with(|| {
            let schema = TopLevel::scan(definition.as_bytes()).ok()?;
            schema.string("type").ok().flatten().and_then(|word| known_type(&word))
        })
    }

    fn look_up(&mut self, reference: &str) -> Option<&'a str> {
        let path = reference.strip_prefix('#')?;
        if path.is_empty() {
            return Some(self.raw);
        }
        let mut at: Option<&'a str> = None;
        for step in path.strip_prefix('/')?.split('/') {
            let step = step.replace("~1", "/").replace("~0", "~");
            at = Some(match at {
                None => {
                    let root = self.root.members().map(|(name, value)| (Cow::Borrowed(name), value));
                    self.members.get_or_insert_with(|| texts(root)).get(&*step).copied()?
                }
                Some(json) => {
                    let place = self.places.entry(json.as_ptr().addr());
                    place.or_insert_with(|| Place::read(json)).get(&step)?
                }
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
