//! Ids of calls on their way to a client of this format.

use crate::json::Text;
use crate::pass::ids::{claude_ids, generated_id};

/// Gives every call of one reply an id that Claude takes (B1) and that no other call of the reply has (B2). A call
/// without one gets an id derived from the request and its place among the calls, the same in stream and whole
/// reply (B4a).
#[derive(Debug, Default)]
pub(super) struct CallIds {
    seed: String,
    given: Vec<String>,
}

impl CallIds {
    pub(super) fn new(seed: &str) -> Self {
        Self { seed: seed.to_owned(), given: Vec::new() }
    }

    /// The id of the next call.
    pub(super) fn next(&mut self, id: &Text<'_>) -> &str {
        let ordinal = self.given.len().to_string();
        let id = id.decoded();
        let mut wire = if id.is_empty() {
            generated_id("toolu_", &[&self.seed, &ordinal])
        } else {
            claude_ids([&*id]).get(&id).into_owned()
        };
        if self.given.contains(&wire) {
            wire = generated_id("toolu_", &[&self.seed, &wire, &ordinal]);
        }
        self.given.push(wire);
        self.given.last().map_or("", String::as_str)
    }

    /// Whether a call went out.
    pub(super) fn any(&self) -> bool {
        !self.given.is_empty()
    }
}
