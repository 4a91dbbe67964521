//! Bit sets as words of 64.

pub(crate) fn words_for(slots: usize) -> usize {
    slots.div_ceil(64)
}

pub(crate) fn set(words: &mut [u64], index: usize, on: bool) {
    if let Some(word) = words.get_mut(index / 64) {
        let bit = 1 << (index % 64);
        if on {
            *word |= bit;
        } else {
            *word &= !bit;
        }
    }
}

pub(crate) fn get(words: &[u64], index: usize) -> bool {
    words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
}

pub(crate) fn count(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

/// `a & !b`, in place; a shorter `b` blocks nothing beyond its end.
pub(crate) fn clear_all(a: &mut [u64], b: &[u64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a &= !b;
    }
}
