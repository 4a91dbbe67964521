//! Ids of calls on their way to a client of this format.

use std::collections::HashSet;

use crate::json::Text;
use crate::numbered::FEW;
use crate::pass::ids::{claude_ids, generated_id};

/// Gives every call of one reply an id that Claude takes (B1) and that no other call of the reply has (B2). A call
/// without one gets an id derived from the request and its place among the calls, the same in stream and whole
/// reply (B4a).
#[derive(Debug, Default)]
pub(super) struct CallIds {
    seed: String,
    given: Vec<String>,
    /// As many as are given, once they are many.
    hashed: HashSet<String>,
}

impl CallIds {
    pub(super) fn new(seed: &str) -> Self {
        Self { seed: seed.to_owned(), ..Self::default() }
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
        if self.is_given(&wire) {
            wire = generated_id("toolu_", &[&self.seed, &wire, &ordinal]);
        }
        if !self.hashed.is_empty() {
            self.hashed.insert(wire.clone());
        }
        self.given.push(wire);
        self.given.last().map_or("", String::as_str)
    }

    fn is_given(&mut self, id: &str) -> bool {
        if self.given.len() <= FEW {
            return self.given.iter().any(|given| given == id);
        }
        if self.hashed.is_empty() {
            self.hashed.extend(self.given.iter().cloned());
        }
        self.hashed.contains(id)
    }

    /// Whether a call went out.
    pub(super) fn any(&self) -> bool {
        !self.given.is_empty()
    }
}
