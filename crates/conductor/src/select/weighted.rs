//! Smooth weighted round-robin.

use std::collections::HashMap;

use cliproxy_core::{PickContext, ReadyView, Selector};
use parking_lot::Mutex;

/// Groups remembered at most; one more and all start afresh. Source: runtime.md D.2 "the whole map is cleared".
const MAX_GROUPS: usize = 4096;

/// By weight, smoothly: 5, 1, 1 goes a a b a c a a and not a a a a a b c. Weight 0 or less is never picked.
///
/// Costs one step per ready credential of the group, unlike the other two, which are constant.
/// Source: runtime.md D.3 `weighted-round-robin`.
#[derive(Debug, Default)]
pub struct Weighted {
    groups: Mutex<HashMap<u64, Group>>,
}

#[derive(Debug, Default)]
struct Group {
    weights: Vec<i64>,
    credits: Vec<i64>,
}

impl Selector for Weighted {
    fn pick(&self, view: &ReadyView<'_>, context: &PickContext<'_>) -> Option<usize> {
        let weights: Vec<i64> =
            (0..view.len()).map(|slot| view.credential(slot).map_or(0, |c| c.settings().weight)).collect();
        let mut groups = self.groups.lock();
        if groups.len() >= MAX_GROUPS && !groups.contains_key(&context.group) {
            groups.clear();
        }
        groups.entry(context.group).or_default().pick(view, weights)
    }
}

impl Group {
    fn pick(&mut self, view: &ReadyView<'_>, weights: Vec<i64>) -> Option<usize> {
        // Credits earned under other weights are worth nothing (Source: runtime.md L.2 26).
        if self.weights != weights {
            self.credits = vec![0; weights.len()];
            self.weights = weights;
        }
        let mut total = 0_i64;
        let mut best: Option<(usize, i64)> = None;
        for (slot, (weight, credit)) in self.weights.iter().zip(&mut self.credits).enumerate() {
            if *weight <= 0 || !view.is_ready(slot) {
                // Who comes back does so without what it would have earned meanwhile.
                *credit = 0;
                continue;
            }
            total = total.saturating_add(*weight);
            *credit = credit.saturating_add(*weight);
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((slot, *credit));
            }
        }
        let (slot, _) = best?;
        let credit = self.credits.get_mut(slot)?;
        *credit = credit.saturating_sub(total);
        Some(slot)
    }
}
