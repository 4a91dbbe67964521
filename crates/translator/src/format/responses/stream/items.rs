//! The items of a stream, by what names them. Replies have few, which are looked through; of many the names are hashed, so
//! that neither the one nor the other costs more than a few steps an event.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher as _;

use super::item::{Class, Item};
use crate::numbered::FEW;

/// The items so far, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Items {
    list: Vec<Item>,
    /// The last item of each name, once there are many.
    latest: HashMap<u64, usize>,
    /// The items of each name that were open when they were last looked at.
    open: HashMap<u64, VecDeque<usize>>,
}

#[derive(Hash)]
enum Name<'n> {
    Id(Class, &'n str),
    Place(Class, u32),
    Call(&'n str),
    /// Of a class; with an id; with a place.
    Open(Class, bool, bool),
}

const EITHER: [bool; 2] = [false, true];

impl Items {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Item> {
        self.list.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Item> {
        self.list.get_mut(at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.list.iter_mut()
    }

    /// Adds an item.
    pub(super) fn push(&mut self, item: Item) -> usize {
        let at = self.list.len();
        self.list.push(item);
        if self.is_hashed() {
            self.enter(at);
        } else if self.list.len() > FEW {
            self.hash();
        }
        at
    }

    /// An item has the id of its call by now.
    pub(super) fn learned(&mut self, at: usize) {
        if self.is_hashed() {
            self.enter_call(at);
        }
    }

    /// The last item of that class and id.
    pub(super) fn by_id(&self, class: Class, id: &str) -> Option<usize> {
        if self.is_hashed() {
            return self.latest.get(&self.key(&Name::Id(class, id))).copied();
        }
        self.list.iter().rposition(|item| item.id == id && item.class == class)
    }

    /// The last item of that class at a place.
    pub(super) fn by_place(&self, class: Class, place: u32) -> Option<usize> {
        if self.is_hashed() {
            return self.latest.get(&self.key(&Name::Place(class, place))).copied();
        }
        self.list.iter().rposition(|item| item.output_index == Some(place) && item.class == class)
    }

    /// The last call of that id.
    pub(super) fn by_call(&self, id: &str) -> Option<usize> {
        if self.is_hashed() {
            return self.latest.get(&self.key(&Name::Call(id))).copied();
        }
        self.list.iter().rposition(|item| item.call.call_id == id)
    }

    /// The first call of that id that is open.
    pub(super) fn open_call(&mut self, id: &str) -> Option<usize> {
        if self.is_hashed() {
            return self.first(&Name::Call(id));
        }
        self.list.iter().position(|item| !item.closed && item.call.call_id == id)
    }

    /// The first item of the class that is open, of those without an id or without a place if they are to have none.
    pub(super) fn first_open(&mut self, class: Class, nameless: bool, placeless: bool) -> Option<usize> {
        if !self.is_hashed() {
            return self.list.iter().position(|item| {
                item.class == class
                    && !item.closed
                    && (!nameless || item.id.is_empty())
                    && (!placeless || item.output_index.is_none())
            });
        }
        let mut found = None;
        for named in EITHER.into_iter().filter(|named| !(nameless && *named)) {
            for placed in EITHER.into_iter().filter(|placed| !(placeless && *placed)) {
                let first = self.first(&Name::Open(class, named, placed));
                found = [found, first].into_iter().flatten().min();
            }
        }
        found
    }

    /// The last item of the class that is open.
    pub(super) fn last_open(&mut self, class: Class) -> Option<usize> {
        if !self.is_hashed() {
            return self.list.iter().rposition(|item| item.class == class && !item.closed);
        }
        let mut found = None;
        for (named, placed) in EITHER.into_iter().flat_map(|named| EITHER.map(|placed| (named, placed))) {
            let key = self.key(&Name::Open(class, named, placed));
            let Some(open) = self.open.get_mut(&key) else { continue };
            while open.back().is_some_and(|at| is_closed(&self.list, *at)) {
                open.pop_back();
            }
            found = found.max(open.back().copied());
        }
        found
    }

    fn first(&mut self, name: &Name<'_>) -> Option<usize> {
        let key = self.key(name);
        let open = self.open.get_mut(&key)?;
        // What is closed stays closed.
        while open.front().is_some_and(|at| is_closed(&self.list, *at)) {
            open.pop_front();
        }
        open.front().copied()
    }

    fn is_hashed(&self) -> bool {
        !self.open.is_empty()
    }

    fn hash(&mut self) {
        for at in 0..self.list.len() {
            self.enter(at);
        }
    }

    fn enter(&mut self, at: usize) {
        let Some(item) = self.list.get(at) else { return };
        let open = self.key(&Name::Open(item.class, !item.id.is_empty(), item.output_index.is_some()));
        let id = self.key(&Name::Id(item.class, &item.id));
        let place = item.output_index.map(|place| self.key(&Name::Place(item.class, place)));
        self.open.entry(open).or_default().push_back(at);
        self.latest.insert(id, at);
        if let Some(place) = place {
            self.latest.insert(place, at);
        }
        self.enter_call(at);
    }

    fn enter_call(&mut self, at: usize) {
        let Some(item) = self.list.get(at).filter(|item| !item.call.call_id.is_empty()) else { return };
        let key = self.key(&Name::Call(&item.call.call_id));
        self.open.entry(key).or_default().push_back(at);
        self.latest.insert(key, at);
    }

    fn key(&self, name: &Name<'_>) -> u64 {
        self.latest.hasher().hash_one(name)
    }
}

fn is_closed(list: &[Item], at: usize) -> bool {
    list.get(at).is_none_or(|item| item.closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [Class; 4] = [Class::Message, Class::Reasoning, Class::Call, Class::Whole];

    /// All that can be asked, in few words.
    fn answers(items: &mut Items) -> Vec<Option<usize>> {
        let mut all = Vec::new();
        for class in CLASSES {
            for named in ["a", "b", "c"] {
                all.extend([items.by_id(class, named), items.by_call(named), items.open_call(named)]);
            }
            all.extend((0..4).map(|place| items.by_place(class, place)));
            all.push(items.last_open(class));
            for nameless in EITHER {
                all.extend(EITHER.map(|placeless| items.first_open(class, nameless, placeless)));
            }
        }
        all
    }

    #[test]
    fn names_that_are_hashed_are_found_as_those_that_are_looked_through() {
        let mut seed = 7_u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for _ in 0..300 {
            let (mut few, mut many) = (Items::default(), Items::default());
            for at in 0..FEW {
                let class = CLASSES.into_iter().nth(next(4) as usize).unwrap_or(Class::Call);
                let id = ["", "a", "b", "c"].into_iter().nth(next(4) as usize).unwrap_or_default();
                let call = ["", "a", "b"].into_iter().nth(next(3) as usize).unwrap_or_default();
                let place = Some(next(5)).filter(|place| *place < 4);
                for items in [&mut few, &mut many] {
                    items.push(Item::new(class, id, place));
                }
                if at == 0 {
                    many.hash();
                }
                if class == Class::Call {
                    for items in [&mut few, &mut many] {
                        if let Some(item) = items.get_mut(at) {
                            item.call.call_id = call.to_owned();
                        }
                        items.learned(at);
                    }
                }
                let closed = next(FEW as u32) as usize;
                for items in [&mut few, &mut many] {
                    if let Some(item) = items.get_mut(closed) {
                        item.closed = true;
                    }
                }
                assert!(many.is_hashed() && !few.is_hashed());
                assert_eq!(answers(&mut few), answers(&mut many));
            }
        }
    }
}
