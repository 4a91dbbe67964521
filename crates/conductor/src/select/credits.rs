//! Who has earned most, without looking at everybody.

use std::collections::BTreeSet;

/// Weights are cut to this, so that no sum below can overflow: who weighs a million times what another does leaves it
/// nothing either way.
const HEAVIEST: i64 = 1 << 20;
/// Rounds after which debts are counted from zero again.
const LONGEST: i64 = 1 << 20;

/// Smooth weighted round-robin over numbered slots: in each round, every slot that is ready earns its weight, the one
/// with most credit goes (of equals the first), and it pays what all earned together. Whoever stops being ready loses its credit.
///
/// All slots of one weight earn alike, so that only their debts tell them apart: each weight keeps its slots in
/// order of debt, and only their first ones are compared.
#[derive(Debug, Default)]
pub(super) struct Credits {
    /// By weight, ascending.
    classes: Vec<Class>,
    slots: Vec<Slot>,
    /// Who took part in the last round.
    ready: Vec<u64>,
    rounds: i64,
    /// What all who take part earn in a round.
    earnings: i64,
}

#[derive(Debug, Default)]
struct Class {
    weight: i64,
    /// By debt, then slot.
    ready: BTreeSet<(i64, usize)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Of 0, none takes part.
    weight: i64,
    /// What it would have earned by now without its debt, less its credit.
    debt: i64,
}

impl Credits {
    pub(super) fn new(weights: &[i64]) -> Self {
        let slots: Vec<Slot> =
            weights.iter().map(|weight| Slot { weight: (*weight).clamp(0, HEAVIEST), debt: 0 }).collect();
        let different: BTreeSet<i64> = slots.iter().map(|slot| slot.weight).filter(|w| *w > 0).collect();
        let classes = different.into_iter().map(|weight| Class { weight, ready: BTreeSet::new() }).collect();
        Self { classes, ready: vec![0; slots.len().div_ceil(64)], slots, rounds: 0, earnings: 0 }
    }

    /// One round among the slots of a bit set.
    pub(super) fn pick(&mut self, ready: &[u64]) -> Option<usize> {
        self.take_over(ready);
        if self.rounds == LONGEST {
            self.recount();
        }
        self.rounds += 1;
        let mut best: Option<(usize, i64, usize)> = None;
        for (at, class) in self.classes.iter().enumerate() {
            let Some((debt, slot)) = class.ready.first().copied() else { continue };
            let credit = class.weight * self.rounds - debt;
            if best.is_none_or(|(_, most, first)| credit > most || (credit == most && slot < first)) {
                best = Some((at, credit, slot));
            }
        }
        let (at, ..) = best?;
        let class = self.classes.get_mut(at)?;
        let (debt, slot) = class.ready.pop_first()?;
        let debt = debt + self.earnings;
        class.ready.insert((debt, slot));
        self.slots.get_mut(slot)?.debt = debt;
        Some(slot)
    }

    /// Lets slots in and out as their bits have changed.
    fn take_over(&mut self, ready: &[u64]) {
        for at in 0..self.ready.len() {
            let now = ready.get(at).copied().unwrap_or(0);
            let Some(before) = self.ready.get_mut(at) else { return };
            let mut changed = std::mem::replace(before, now) ^ now;
            while changed != 0 {
                let bit = changed.trailing_zeros() as usize;
                changed &= changed - 1;
                self.change(at * 64 + bit, now >> bit & 1 == 1);
            }
        }
    }

    fn change(&mut self, at: usize, ready: bool) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let Ok(class) = self.classes.binary_search_by_key(&slot.weight, |class| class.weight) else { return };
        let Some(class) = self.classes.get_mut(class) else { return };
        if ready {
            // Who comes back does so without what it would have earned meanwhile.
            slot.debt = slot.weight * self.rounds;
            class.ready.insert((slot.debt, at));
            self.earnings += slot.weight;
        } else {
            class.ready.remove(&(slot.debt, at));
            self.earnings -= slot.weight;
        }
    }

    /// Counts from round zero again, with every credit as it is.
    fn recount(&mut self) {
        let rounds = std::mem::take(&mut self.rounds);
        for class in &mut self.classes {
            let paid = class.weight * rounds;
            class.ready = class.ready.iter().map(|(debt, slot)| (debt - paid, *slot)).collect();
            for (debt, slot) in &class.ready {
                if let Some(slot) = self.slots.get_mut(*slot) {
                    slot.debt = *debt;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same rule, said plainly: everybody is looked at in every round.
    struct Plain {
        weights: Vec<i64>,
        credits: Vec<i64>,
    }

    impl Plain {
        fn pick(&mut self, ready: &[bool]) -> Option<usize> {
            let mut total = 0;
            let mut best: Option<usize> = None;
            for (slot, (weight, ready)) in self.weights.iter().zip(ready).enumerate() {
                if !ready || *weight <= 0 {
                    self.credits[slot] = 0;
                    continue;
                }
                total += weight;
                self.credits[slot] += weight;
                if best.is_none_or(|best| self.credits[slot] > self.credits[best]) {
                    best = Some(slot);
                }
            }
            self.credits[best?] -= total;
            best
        }
    }

    fn words(ready: &[bool]) -> Vec<u64> {
        let mut words = vec![0_u64; ready.len().div_ceil(64)];
        for (slot, ready) in ready.iter().enumerate() {
            words[slot / 64] |= u64::from(*ready) << (slot % 64);
        }
        words
    }

    proptest! {
        #[test]
        fn the_quick_way_picks_whom_the_plain_rule_picks(
            weights in prop::collection::vec(-1_i64..6, 1..150),
            rounds in prop::collection::vec((0_usize..400, any::<bool>(), 0..20), 1..300),
        ) {
            let mut plain = Plain { credits: vec![0; weights.len()], weights: weights.clone() };
            let mut quick = Credits::new(&weights);
            let mut ready = vec![true; weights.len()];
            for (flipped, twice, recounts) in rounds {
                for flipped in [flipped, if twice { flipped / 2 } else { usize::MAX }] {
                    if let Some(one) = ready.get_mut(flipped) {
                        *one = !*one;
                    }
                }
                if recounts == 0 {
                    quick.recount();
                }
                prop_assert_eq!(quick.pick(&words(&ready)), plain.pick(&ready));
            }
        }
    }

    #[test]
    fn a_long_count_starts_again_without_a_trace() {
        let mut quick = Credits::new(&[5, 1, 1]);
        let mut picked = [0_i64; 3];
        for _ in 0..LONGEST + 6 {
            picked[quick.pick(&[0b111]).unwrap()] += 1;
        }
        assert_eq!(quick.rounds, 6);
        let seventh = (LONGEST + 6) / 7;
        for (slot, share) in [(0, 5 * seventh), (1, seventh), (2, seventh)] {
            assert!((picked[slot] - share).abs() <= 5, "{picked:?}");
        }
    }

    #[test]
    fn weights_beyond_all_bounds_leave_the_others_nothing_and_do_not_overflow() {
        let mut quick = Credits::new(&[i64::MAX, 1, i64::MIN, i64::MAX]);
        let picks: Vec<_> = (0..1000).map(|_| quick.pick(&[0b1111]).unwrap()).collect();
        assert!(picks.iter().all(|slot| [0, 3].contains(slot)));
        assert_eq!(picks.iter().filter(|slot| **slot == 0).count(), 500);
    }

    #[test]
    fn bits_beyond_the_slots_mean_nobody() {
        let mut quick = Credits::new(&[1, 1]);
        assert_eq!(quick.pick(&[0b100, 1]), None);
        assert_eq!(quick.pick(&[0b110, 1]), Some(1));
        assert_eq!(quick.pick(&[]), None);
    }
}
