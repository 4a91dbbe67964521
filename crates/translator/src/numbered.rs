//! Where something stands in a list that only grows, by its number. A provider may number any amount of things: a few are
//! looked through, as ordinary streams have them, and of many an index is kept, so that each look costs a few steps.

use std::collections::HashMap;

/// So many are looked through.
pub(crate) const FEW: usize = 16;

/// The places of the numbers in one list.
#[derive(Debug, Default)]
pub(crate) struct Numbered {
    known: HashMap<u32, usize>,
    /// How many of the list are in it.
    noted: usize,
}

impl Numbered {
    /// Where a number stands first.
    #[inline]
    pub(crate) fn place<T>(&mut self, list: &[T], wanted: u32, number: impl Fn(&T) -> u32) -> Option<usize> {
        if list.len() <= FEW {
            return list.iter().position(|item| number(item) == wanted);
        }
        for (place, item) in list.iter().enumerate().skip(self.noted) {
            self.known.entry(number(item)).or_insert(place);
        }
        self.noted = list.len();
        self.known.get(&wanted).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_through_and_what_is_kept_say_the_same() {
        let (mut numbered, mut list) = (Numbered::default(), Vec::new());
        for at in 0..100_u32 {
            let number = at * 7 % 40;
            let expected = list.iter().position(|known| *known == number);
            assert_eq!(numbered.place(&list, number, |known| *known), expected, "{at}");
            assert_eq!(numbered.place(&list, 1_000, |known| *known), None, "{at}");
            list.push(number);
        }
    }
}
