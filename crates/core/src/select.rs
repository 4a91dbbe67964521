//! Which ready credential goes next.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::{Credential, ProviderId, Timestamp};

/// The credentials of one priority tier in stable order (by id), with a bit set of those that are ready and not
/// yet tried in this request. Looking at it costs the number of words, not of credentials.
#[derive(Clone, Copy)]
pub struct ReadyView<'a> {
    words: &'a [u64],
    slots: &'a [Arc<Credential>],
}

impl<'a> ReadyView<'a> {
    /// A view. Bit `i % 64` of word `i / 64` says whether slot `i` is ready; bits beyond the slots are ignored.
    #[must_use]
    pub fn new(words: &'a [u64], slots: &'a [Arc<Credential>]) -> Self {
        Self { words, slots }
    }

    /// The bits as they were given; those beyond the slots mean nothing.
    #[must_use]
    pub fn words(&self) -> &'a [u64] {
        self.words
    }

    /// How many slots there are, ready or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no slots at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many slots are ready.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.iter().count()
    }

    /// Whether one slot is ready.
    #[must_use]
    pub fn is_ready(&self, index: usize) -> bool {
        index < self.slots.len()
            && self.words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// The credential in a slot.
    #[must_use]
    pub fn credential(&self, index: usize) -> Option<&'a Arc<Credential>> {
        self.slots.get(index)
    }

    /// The first ready slot at or after `from`, going round at the end.
    #[must_use]
    pub fn next_ready(&self, from: usize) -> Option<usize> {
        let from = if from < self.slots.len() { from } else { 0 };
        self.first_in(from, self.slots.len()).or_else(|| self.first_in(0, from))
    }

    /// The ready slots, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let found = self.first_in(at, self.slots.len())?;
            at = found + 1;
            Some(found)
        })
    }

    /// The first ready slot in `start..end`.
    fn first_in(&self, start: usize, end: usize) -> Option<usize> {
        let mut at = start;
        while at < end {
            let word = self.words.get(at / 64)? >> (at % 64);
            if word == 0 {
                at = (at / 64 + 1) * 64;
                continue;
            }
            let found = at + word.trailing_zeros() as usize;
            return (found < end).then_some(found);
        }
        None
    }
}

impl fmt::Debug for ReadyView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyView").field("slots", &self.slots.len()).field("ready", &self.ready()).finish()
    }
}

/// What a selector may go by.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PickContext<'a> {
    /// Whose credentials these are.
    pub provider: &'a ProviderId,
    /// The model without suffix, as the client named it.
    pub model: &'a str,
    /// A number that names this tier of this pool for this model, for selectors that keep state.
    pub group: u64,
    /// Where the last pick of this group stood; the conductor keeps it, the selector reads and advances it.
    pub cursor: &'a AtomicUsize,
    /// Another number whenever a credential in a slot becomes another one, so that what was read from all of them
    /// need not be read again for each pick; `None` when nobody keeps count.
    pub revision: Option<u64>,
    /// A random number, made for this pick.
    pub random: u64,
    /// Now.
    pub now: Timestamp,
}

impl<'a> PickContext<'a> {
    /// A context.
    #[must_use]
    pub fn new(provider: &'a ProviderId, model: &'a str, cursor: &'a AtomicUsize, now: Timestamp) -> Self {
        Self { provider, model, group: 0, cursor, revision: None, random: 0, now }
    }
}

/// Chooses among ready credentials. It is called without a lock held and must not block; a slot that is not
/// ready counts as no answer.
pub trait Selector: fmt::Debug + Send + Sync + 'static {
    /// The slot to use; `None` when none of them suits.
    fn pick(&self, view: &ReadyView<'_>, context: &PickContext<'_>) -> Option<usize>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CredentialId, CredentialKind, Document, Origin, Settings};

    fn slots(count: usize) -> Vec<Arc<Credential>> {
        (0..count)
            .map(|index| {
                Arc::new(Credential::new(
                    CredentialId::new(format!("k{index}")),
                    ProviderId::from_static("p"),
                    CredentialKind::ApiKey,
                    Origin::Runtime,
                    Document::default(),
                    Settings::new(""),
                ))
            })
            .collect()
    }

    #[test]
    fn the_next_ready_slot_is_found_across_words_and_around_the_end() {
        let slots = slots(130);
        let mut words = [0_u64; 3];
        for index in [3, 64, 129] {
            words[index / 64] |= 1 << (index % 64);
        }
        // A bit beyond the slots must never be offered.
        words[2] |= 1 << 10;
        let view = ReadyView::new(&words, &slots);
        assert_eq!(view.iter().collect::<Vec<_>>(), [3, 64, 129]);
        for (from, expected) in [(0, 3), (3, 3), (4, 64), (65, 129), (129, 129), (130, 3), (999, 3)] {
            assert_eq!(view.next_ready(from), Some(expected), "{from}");
        }
        assert_eq!(view.ready(), 3);
        assert!(!view.is_ready(138));
        assert_eq!(ReadyView::new(&[0; 3], &slots).next_ready(5), None);
    }
}
