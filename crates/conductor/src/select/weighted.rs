//! Smooth weighted round-robin.

use cliproxy_core::{PickContext, ReadyView, Selector};
use foldhash::HashMap;
use parking_lot::Mutex;

use super::credits::Credits;

/// Groups remembered at most; one more and all start afresh. Source: runtime.md D.2 "the whole map is cleared".
const MAX_GROUPS: usize = 4096;

/// By weight, smoothly: 5, 1, 1 goes a a b a c a a and not a a a a a b c. Weight 0 or less is never picked.
///
/// Costs a step for each different weight of the group, and the logarithm of how many share it.
/// Source: runtime.md D.3 `weighted-round-robin`.
#[derive(Debug, Default)]
pub struct Weighted {
    groups: Mutex<HashMap<u64, Group>>,
}

#[derive(Debug, Default)]
struct Group {
    /// The revision of the credentials whose weights these are.
    revision: Option<u64>,
    weights: Vec<i64>,
    credits: Credits,
}

impl Selector for Weighted {
    fn pick(&self, view: &ReadyView<'_>, context: &PickContext<'_>) -> Option<usize> {
        let mut groups = self.groups.lock();
        if groups.len() >= MAX_GROUPS && !groups.contains_key(&context.group) {
            groups.clear();
        }
        groups.entry(context.group).or_default().pick(view, context.revision)
    }
}

impl Group {
    fn pick(&mut self, view: &ReadyView<'_>, revision: Option<u64>) -> Option<usize> {
        if revision.is_none() || revision != self.revision {
            let weights: Vec<i64> = (0..view.len())
                .map(|slot| view.credential(slot).map_or(0, |c| c.settings().weight))
                .collect();
            // Credits earned under other weights are worth nothing (Source: runtime.md L.2 26).
            if weights != self.weights {
                self.credits = Credits::new(&weights);
                self.weights = weights;
            }
            self.revision = revision;
        }
        self.credits.pick(view.words())
    }
}
