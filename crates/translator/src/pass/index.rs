//! Names that are looked for again and again. A client may send any number of them: few are looked through, as ordinary
//! requests have, and many are hashed once they were looked for often. So neither the one nor the other costs more than
//! a few steps for each name and for each question.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;

use crate::model::{Request, ToolChoice};

/// So many names are looked through, and more of them so often, before they are hashed.
const FEW: usize = 64;

/// Where each name stands first.
#[derive(Debug, Default)]
pub(crate) struct NameIndex<'n> {
    names: Vec<(&'n str, usize)>,
    places: OnceCell<HashMap<&'n str, usize>>,
    looks: Cell<usize>,
}

impl<'n> NameIndex<'n> {
    /// The place of a name.
    pub(crate) fn get(&self, name: &str) -> Option<usize> {
        let looks = self.looks.get();
        if self.names.len() <= FEW || looks < FEW {
            self.looks.set(looks + 1);
            return self.names.iter().find(|(known, _)| *known == name).map(|(_, place)| *place);
        }
        self.places.get_or_init(|| hashed(&self.names)).get(name).copied()
    }

    /// Whether it is one of them.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The place that the name has already; else it gets this one.
    pub(crate) fn claim(&mut self, name: &'n str, place: usize) -> usize {
        if let Some(known) = self.get(name) {
            return known;
        }
        self.names.push((name, place));
        if let Some(places) = self.places.get_mut() {
            places.insert(name, place);
        }
        place
    }
}

impl<'n> FromIterator<&'n str> for NameIndex<'n> {
    /// The names of a list, and their places in it.
    fn from_iter<I: IntoIterator<Item = &'n str>>(names: I) -> Self {
        Self::from_iter(names.into_iter().enumerate().map(|(place, name)| (name, place)))
    }
}

impl<'n> FromIterator<(&'n str, usize)> for NameIndex<'n> {
    fn from_iter<I: IntoIterator<Item = (&'n str, usize)>>(names: I) -> Self {
        Self { names: names.into_iter().collect(), ..Self::default() }
    }
}

fn hashed<'n>(names: &[(&'n str, usize)]) -> HashMap<&'n str, usize> {
    let mut places = HashMap::with_capacity(names.len());
    for (name, place) in names {
        places.entry(*name).or_insert(*place);
    }
    places
}

/// The names that the choice allows, where it allows some.
pub(crate) fn allowed_names<'r>(request: &'r Request<'_>) -> Option<NameIndex<'r>> {
    match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => Some(names.iter().map(|name| &**name).collect()),
        _ => None,
    }
}
