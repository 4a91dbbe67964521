//! Which call a result answers. A conversation may have any number of calls, all under one id: each question is
//! answered in a step or two. Source: translation.md B17, E282.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::model::Role;

/// The calls of a conversation in their order, told apart by their place in it.
#[derive(Debug, Default)]
pub(super) struct Pairing<'i> {
    calls: Vec<Call>,
    uses: HashMap<Cow<'i, str>, Uses>,
    /// Where the calls begin that were made last, and whether more of them may come.
    batch: usize,
    calling: bool,
    /// No call before it waits for a result: of all calls, and of those that were made last.
    open: usize,
    open_in_batch: usize,
}

#[derive(Debug)]
struct Call {
    /// Which calls were made together with it.
    batch: usize,
    answered: bool,
}

/// The calls that have one id.
#[derive(Debug, Default)]
struct Uses {
    calls: Vec<usize>,
    /// The first of those that were made together with the last one, or one behind it: none between waits for a result.
    open: usize,
}

impl<'i> Pairing<'i> {
    /// Whose message comes next: calls are made together until somebody else speaks.
    pub(super) fn begin(&mut self, role: Role) {
        self.calling &= !matches!(role, Role::User | Role::Tool);
    }

    /// A call. Returns how many before it have the same id.
    pub(super) fn call(&mut self, id: Cow<'i, str>) -> u32 {
        let index = self.calls.len();
        if !std::mem::replace(&mut self.calling, true) {
            self.batch = index;
            self.open_in_batch = index;
        }
        let uses = self.uses.entry(id).or_default();
        let together = uses.calls.last().and_then(|last| self.calls.get(*last)).map(|last| last.batch);
        if together != Some(self.batch) {
            uses.open = uses.calls.len();
        }
        let nth = u32::try_from(uses.calls.len()).unwrap_or(u32::MAX);
        uses.calls.push(index);
        self.calls.push(Call { batch: self.batch, answered: false });
        nth
    }

    /// The call that a result with this id answers: the one that came last; of calls that were made together the first
    /// without an answer.
    pub(super) fn of_id(&mut self, id: &str) -> Option<usize> {
        let uses = self.uses.get_mut(id)?;
        while let Some(index) = uses.calls.get(uses.open).copied() {
            if self.calls.get(index).is_some_and(|call| !call.answered) {
                return Some(index);
            }
            uses.open += 1;
        }
        uses.calls.last().copied()
    }

    /// The call that a result without an id answers: the first without an answer, of those that were made last before
    /// one of an earlier time.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.open_in_batch = self.open_from(self.open_in_batch);
        if self.open_in_batch < self.calls.len() {
            return Some(self.open_in_batch);
        }
        self.open = self.open_from(self.open);
        (self.open < self.calls.len()).then_some(self.open)
    }

    fn open_from(&self, start: usize) -> usize {
        let answered = self.calls.iter().skip(start).take_while(|call| call.answered);
        start + answered.count()
    }

    /// Whether a call has a result.
    pub(super) fn is_answered(&self, call: usize) -> bool {
        self.calls.get(call).is_some_and(|call| call.answered)
    }

    /// Gives a call its result.
    pub(super) fn answer(&mut self, call: usize) {
        if let Some(call) = self.calls.get_mut(call) {
            call.answered = true;
        }
    }
}
