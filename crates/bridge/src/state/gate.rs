//! What keeps state back.

use std::fmt;

use cliproxy_translator::StateGate;
use parking_lot::Mutex;

use super::scope::Scope;
use super::store::Key;

/// All of it, once: the provider refused some, and does not say which. What is kept back is noted, so that it can be
/// remembered when the provider is content without it.
pub(crate) struct Fresh {
    scope: Scope,
    withheld: Mutex<Vec<Key>>,
}

impl Fresh {
    pub(crate) fn new(scope: Scope) -> Self {
        Self { scope, withheld: Mutex::default() }
    }

    /// How much was kept back.
    pub(crate) fn count(&self) -> usize {
        self.withheld.lock().len()
    }

    /// The provider took the request: the next turn leaves the same out at once.
    pub(crate) fn remember(&self) {
        for refusal in std::mem::take(&mut *self.withheld.lock()) {
            self.scope.refuse(refusal);
        }
    }
}

impl StateGate for Fresh {
    fn passes(&self, state: &str) -> bool {
        let refusal = self.scope.refusal(state);
        let mut withheld = self.withheld.lock();
        if !withheld.contains(&refusal) {
            withheld.push(refusal);
        }
        false
    }

    fn passes_nothing(&self) -> bool {
        true
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("withheld", &self.count()).finish_non_exhaustive()
    }
}

/// What this credential refused before.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Scope);

impl StateGate for Refused {
    fn passes(&self, state: &str) -> bool {
        !self.0.is_refused(state)
    }
}
