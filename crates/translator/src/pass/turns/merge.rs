//! Merging of neighbours that have the same role. Source: translation.md B23.

use super::{OutPart, OutTurn, TurnPolicy};
use crate::model::{PartKind, Role};

/// Takes messages in order and merges neighbours of one role, as far as its policy says.
#[derive(Clone, Debug)]
pub struct TurnMerger<'r> {
    turns: Vec<OutTurn<'r>>,
    boundary: bool,
    only_system: bool,
    merge_users: bool,
    calls_last: bool,
    thoughts_first: bool,
}

impl<'r> TurnMerger<'r> {
    /// Nothing yet.
    #[must_use]
    pub fn new(policy: &TurnPolicy) -> Self {
        Self {
            turns: Vec::new(),
            boundary: false,
            only_system: true,
            merge_users: policy.merge_users,
            calls_last: policy.calls_last,
            thoughts_first: policy.thoughts_first,
        }
    }

    /// Whether the conversation has not begun: nothing came but system messages.
    #[must_use]
    pub fn only_system(&self) -> bool {
        self.only_system
    }

    /// Takes a message. An empty one is skipped and does not part its neighbours (E565).
    pub fn push(&mut self, turn: OutTurn<'r>) {
        if turn.parts.is_empty() {
            return;
        }
        let merges = match turn.role {
            Role::Assistant => true,
            Role::User => self.merge_users,
            Role::System | Role::Developer | Role::Tool => false,
        };
        self.only_system &= matches!(turn.role, Role::System | Role::Developer);
        let parted = std::mem::take(&mut self.boundary);
        match self.turns.last_mut() {
            Some(last) if merges && !parted && last.role == turn.role && last.name == turn.name => {
                last.plain = false;
                last.parts.extend(turn.parts);
            }
            _ => self.turns.push(turn),
        }
    }

    /// Keeps what comes apart from what came, whatever the roles (E566).
    pub fn part(&mut self) {
        self.boundary = true;
    }

    /// The messages. In those of the assistant, thoughts come first and calls last where the policy says so;
    /// everything else keeps the order of its arrival (E564).
    #[must_use]
    pub fn finish(mut self) -> Vec<OutTurn<'r>> {
        let (calls_last, thoughts_first) = (self.calls_last, self.thoughts_first);
        let place = |part: &OutPart<'_>| match part.part().kind {
            PartKind::ToolCall(_) if calls_last => 2,
            PartKind::Reasoning(_) if thoughts_first => 0,
            _ => 1,
        };
        for turn in self.turns.iter_mut().filter(|turn| turn.role == Role::Assistant) {
            if !turn.parts.is_sorted_by_key(place) {
                turn.parts.sort_by_key(place);
            }
        }
        self.turns
    }
}
