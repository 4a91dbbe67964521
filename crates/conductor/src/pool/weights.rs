//! The weights of a tier's slots.

use std::collections::BTreeMap;

use super::bits;

/// Slots by weight, as bit sets: what some of them weigh together costs their words times the weights there are,
/// however many slots there are.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    classes: Vec<(i64, Vec<u64>)>,
}

impl Weights {
    /// The weights of all slots, in order; 0 and less is nothing.
    pub(crate) fn new(slots: impl Iterator<Item = i64>) -> Self {
        let mut classes: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        for (slot, weight) in slots.enumerate().filter(|(_, weight)| *weight > 0) {
            let words = classes.entry(weight).or_default();
            words.resize(bits::words_for(slot + 1), 0);
            bits::set(words, slot, true);
        }
        Self { classes: classes.into_iter().collect() }
    }

    /// What the slots of a bit set weigh together.
    pub(crate) fn sum(&self, slots: &[u64]) -> i64 {
        self.classes.iter().fold(0, |sum, (weight, words)| {
            let members: u32 = words.iter().zip(slots).map(|(a, b)| (a & b).count_ones()).sum();
            sum.saturating_add(weight.saturating_mul(i64::from(members)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_weigh_together_what_each_weighs() {
        let mut all = [0_i64; 201];
        for (slot, weight) in [(0, 3), (1, 5), (70, 3), (71, 0), (72, -4), (200, i64::MAX)] {
            all[slot] = weight;
        }
        let weights = Weights::new(all.into_iter());
        assert_eq!(weights.sum(&[0b11, 0b111 << 6]), 11);
        assert_eq!(weights.sum(&[0b10, 0b111 << 6]), 8);
        assert_eq!(weights.sum(&[]), 0);
        assert_eq!(weights.sum(&[u64::MAX; 4]), i64::MAX, "weights beyond all bounds do not wrap");
    }
}
