//! Calls that nobody can tell apart, and answers beyond the first. Source: translation.md B17, E284, E285.

use std::collections::{HashMap, HashSet};

use crate::model::{Part, PartKind, Request};

/// The parts that do not go out, by their place in memory: turns are never moved while a request is encoded.
#[derive(Debug, Default)]
pub(super) struct Ambiguous {
    parts: HashSet<*const u8>,
}

impl Ambiguous {
    /// Finds calls whose id another call of the same message has, with their answers, and second answers.
    pub(super) fn find(request: &Request<'_>) -> Self {
        let mut found = Self::default();
        // What became of the latest call of each id.
        let mut latest: HashMap<String, State> = HashMap::new();
        for turn in &request.turns {
            let mut here: HashMap<String, Vec<&Part<'_>>> = HashMap::new();
            for part in &turn.parts {
                match &part.kind {
                    PartKind::ToolCall(call) if !call.id.is_empty() => {
                        here.entry(call.id.decoded().into_owned()).or_default().push(part);
                    }
                    PartKind::ToolResult(result) if !result.call_id.is_empty() => {
                        match latest.get_mut(&*result.call_id.decoded()) {
                            Some(State::Ambiguous | State::Answered) => found.add(part),
                            Some(state) => *state = State::Answered,
                            None => {}
                        }
                    }
                    _ => {}
                }
            }
            for (id, parts) in here {
                let state = match parts.as_slice() {
                    [_] => State::Waiting,
                    _ => {
                        parts.into_iter().for_each(|part| found.add(part));
                        State::Ambiguous
                    }
                };
                latest.insert(id, state);
            }
        }
        found
    }

    fn add(&mut self, part: &Part<'_>) {
        self.parts.insert(place(part));
    }

    pub(super) fn contains(&self, part: &Part<'_>) -> bool {
        !self.parts.is_empty() && self.parts.contains(&place(part))
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Waiting,
    Answered,
    Ambiguous,
}

fn place(part: &Part<'_>) -> *const u8 {
    std::ptr::from_ref(part).cast()
}
