//! The items of the terminal event: one that is known is completed, one that never came is told (E244).

use std::collections::{HashMap, VecDeque};

use serde_json::value::RawValue;

use super::whole::Whole;
use super::{Decoder, Sink};
use crate::format::responses::stream::item::{Class, Item};

impl Decoder {
    pub(super) fn hydrate(&mut self, output: &[&RawValue], sink: Sink<'_>) {
        let mut last = Vec::with_capacity(output.len());
        for (place, raw) in (0_u32..).zip(output) {
            match Whole::read(raw) {
                Some(whole) => last.push(Last { place, known: None, whole }),
                None if raw.get() == "null" => {}
                None => self.unread.name("", "output"),
            }
        }
        let taken = self.pair(&mut last);
        for Last { place, known, whole } in last {
            let at = known.or_else(|| {
                let open = self.anonymous(&whole.id, Some(place), whole.class);
                open.filter(|at| taken.get(*at) == Some(&false))
            });
            let at = at.unwrap_or_else(|| self.items.push(Item::new(whole.class, &whole.id, Some(place))));
            self.complete(at, whole, sink);
        }
    }

    /// Finds the item that went by for each of the last ones, and says which of them are found. Some make new ids for the
    /// end, or count the places anew: what says the same is the same then.
    fn pair(&mut self, last: &mut [Last<'_>]) -> Vec<bool> {
        let mut taken = vec![false; self.items.len()];
        for Last { known, whole, .. } in &mut *last {
            let by_id = if whole.id.is_empty() { None } else { self.items.by_id(whole.class, &whole.id) };
            *known = if whole.class == Class::Call && !whole.call_id.is_empty() {
                let by_call = self.items.open_call(&whole.call_id);
                let by_call = by_call.or_else(|| self.items.by_call(&whole.call_id));
                let is_same = |at: &usize| {
                    self.items.get(*at).is_some_and(|known| !known.is_other(&whole.id, &whole.call_id))
                };
                by_call.or(by_id.filter(is_same))
            } else {
                by_id
            };
            if let Some(taken) = known.and_then(|at| taken.get_mut(at)) {
                *taken = true;
            }
        }
        if last.iter().all(|last| last.known.is_some()) {
            return taken;
        }
        let mut alike: HashMap<(Class, usize), VecDeque<usize>> = HashMap::new();
        let mut over: HashMap<Class, VecDeque<usize>> = HashMap::new();
        for (at, item) in self.items.iter().enumerate() {
            if matches!(item.class, Class::Message | Class::Reasoning) && taken.get(at) == Some(&false) {
                alike.entry((item.class, item.sent)).or_default().push_back(at);
                if item.closed && item.sent > 0 {
                    over.entry(item.class).or_default().push_back(at);
                }
            }
        }
        let mut take = |known: &mut Option<usize>, next: &mut dyn FnMut() -> Option<usize>| {
            while known.is_none()
                && let Some(at) = next()
            {
                if let Some(taken) = taken.get_mut(at).filter(|taken| !**taken) {
                    *taken = true;
                    *known = Some(at);
                }
            }
        };
        for Last { known, whole, .. } in last.iter_mut().filter(|last| last.known.is_none()) {
            let chars = whole.chars().filter(|chars| *chars > 0);
            let mut queue = chars.and_then(|chars| alike.get_mut(&(whole.class, chars)));
            take(known, &mut || queue.as_mut()?.pop_front());
        }
        for Last { known, whole, place } in last.iter_mut().filter(|last| last.known.is_none()) {
            let mut at = self.items.by_place(whole.class, *place);
            take(known, &mut || at.take());
        }
        for Last { known, whole, .. } in last.iter_mut().filter(|last| last.known.is_none()) {
            let silent = whole.chars().filter(|chars| *chars == 0);
            let mut queue = silent.and_then(|chars| alike.get_mut(&(whole.class, chars)));
            take(known, &mut || queue.as_mut()?.pop_front());
            let mut queue = over.get_mut(&whole.class);
            take(known, &mut || queue.as_mut()?.pop_front());
        }
        taken
    }
}

/// An item of the terminal event, and the one that it is.
struct Last<'r> {
    place: u32,
    known: Option<usize>,
    whole: Whole<'r>,
}
