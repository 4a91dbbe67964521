//! Prompt-cache breakpoints of Claude: at most four, and long-lived ones first.
//! Source: translation.md B90; providers-a.md 2.4, body hygiene.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde_json::value::RawValue;

use crate::json::Raw;
use crate::model::CacheMark;
use crate::splice::{Edits, TopLevel};

/// How many breakpoints a request may carry.
pub const MAX_MARKS: usize = 4;

/// Where a breakpoint stands. Claude reads them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// Behind a tool declaration.
    Tool,
    /// Behind a system block.
    System,
    /// Behind a block of a message.
    Message,
}

/// Decides once which breakpoints go out; then says so mark by mark, in the order of writing.
///
/// ```
/// # use cliproxy_translator::{json, model::CacheMark, pass::cache::{CachePlan, Place}};
/// # use std::borrow::Cow;
/// let mark = CacheMark { raw: Cow::Owned(json::raw(r#"{"type":"ephemeral"}"#)?) };
/// let mut plan = CachePlan::new([(Place::Tool, &mark), (Place::System, &mark), (Place::Message, &mark)]);
/// assert!(plan.next(Place::System).is_some());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CachePlan<'m> {
    tools: VecDeque<Option<Raw<'m>>>,
    system: VecDeque<Option<Raw<'m>>>,
    messages: VecDeque<Option<Raw<'m>>>,
    dropped: usize,
}

impl<'m> CachePlan<'m> {
    /// Plans for all marks of a request; those of one place in the order they will be written.
    #[must_use]
    pub fn new(marks: impl IntoIterator<Item = (Place, &'m CacheMark<'m>)>) -> Self {
        let mut plan = Self::default();
        for (place, mark) in marks {
            plan.queue(place).push_back(Some(Cow::Borrowed(&*mark.raw)));
        }
        plan.limit();
        plan.order_by_life();
        plan
    }

    /// What to write for the next mark of a place; `None` when it has to go.
    pub fn next(&mut self, place: Place) -> Option<Raw<'m>> {
        self.queue(place).pop_front().flatten()
    }

    /// How many marks had to go.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    fn queue(&mut self, place: Place) -> &mut VecDeque<Option<Raw<'m>>> {
        match place {
            Place::Tool => &mut self.tools,
            Place::System => &mut self.system,
            Place::Message => &mut self.messages,
        }
    }

    /// Surplus goes in this order: system but for its last, tools but for the last, messages from the first, then
    /// what is left of system and tools. Source: providers-a.md 2.4.
    fn limit(&mut self) {
        let all = self.tools.len() + self.system.len() + self.messages.len();
        let mut surplus = all.saturating_sub(MAX_MARKS);
        self.dropped = surplus;
        let mut drop_first = |queue: &mut VecDeque<Option<Raw<'m>>>, keep: usize| {
            let most = queue.len().saturating_sub(keep);
            for mark in queue.iter_mut().filter(|mark| mark.is_some()).take(most.min(surplus)) {
                *mark = None;
                surplus -= 1;
            }
        };
        drop_first(&mut self.system, 1);
        drop_first(&mut self.tools, 1);
        drop_first(&mut self.messages, 0);
        drop_first(&mut self.system, 0);
        drop_first(&mut self.tools, 0);
    }

    /// A one-hour mark behind a five-minute one is refused: it becomes a five-minute one.
    fn order_by_life(&mut self) {
        let mut short_seen = false;
        for mark in self.tools.iter_mut().chain(&mut self.system).chain(&mut self.messages).flatten() {
            if !is_long(mark) {
                short_seen = true;
            } else if short_seen
                && let Ok(shortened) = Edits::new().set_string("ttl", "5m").apply_str(mark.get())
                && let Ok(raw) = RawValue::from_string(shortened.into_owned())
            {
                *mark = Cow::Owned(raw);
            }
        }
    }
}

fn is_long(mark: &RawValue) -> bool {
    TopLevel::scan(mark.get().as_bytes())
        .ok()
        .and_then(|mark| mark.string("ttl").ok().flatten())
        .is_some_and(|ttl| ttl == "1h")
}

/// The mark behind a message's part: its own, or the message's if it is the last part (B90, E567, E568).
#[must_use]
pub fn mark_of<'r>(
    own: Option<&'r CacheMark<'r>>,
    message: Option<&'r CacheMark<'r>>,
    last: bool,
) -> Option<&'r CacheMark<'r>> {
    own.or(message.filter(|_| last))
}
