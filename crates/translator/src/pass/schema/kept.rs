//! Declarations are the same in every request of a conversation, and to clean them is the dearest part of a request to
//! Google's older backends: what was cleaned once is kept, found by a keyed hash of its text, within bounds.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use super::clean::{Cleaning, clean_telling};
use crate::invented::Places;

/// Shorter schemas are cleaned as fast as they are found; longer ones would push out too much.
const WORTH_IT: std::ops::RangeInclusive<usize> = 128..=32 * 1024;
/// All texts that are kept. When they are more, all go: those in use are back with the next request.
const MOST: usize = 1024 * 1024;
/// What an entry costs besides its text and places.
const OVERHEAD: usize = 128;

/// Schemas by two hashes that nobody outside can foresee: two texts with the same ones do not occur.
struct Kept {
    first: RandomState,
    second: RandomState,
    entries: HashMap<(u64, u64), Option<Arc<Entry>>>,
    bytes: usize,
}

/// A cleaned schema; the text is absent where it is the schema's own.
struct Entry {
    text: Option<Box<str>>,
    invented: Places,
}

impl Entry {
    fn bytes(&self) -> usize {
        let invented = if self.invented.is_empty() { 0 } else { self.invented.bytes() };
        self.text.as_ref().map_or(0, |text| text.len()) + invented
    }
}

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(|| {
    let (first, second) = (RandomState::new(), RandomState::new());
    Mutex::new(Kept { first, second, entries: HashMap::new(), bytes: 0 })
});

/// As [`clean_telling`], from what is kept where that is possible.
#[must_use]
pub fn clean_kept(raw: &str, cleaning: Cleaning) -> Option<(Cow<'_, str>, Places)> {
    if !WORTH_IT.contains(&raw.len()) {
        return clean_telling(raw, cleaning);
    }
    let name = {
        let kept = KEPT.lock();
        let name = (kept.first.hash_one((raw, cleaning)), kept.second.hash_one((raw, cleaning)));
        if let Some(known) = kept.entries.get(&name) {
            let entry = known.clone();
            drop(kept);
            return entry.map(|entry| {
                let text =
                    entry.text.as_ref().map_or(Cow::Borrowed(raw), |text| Cow::Owned(text.to_string()));
                (text, entry.invented.clone())
            });
        }
        name
    };
    let cleaned = clean_telling(raw, cleaning);
    let entry = cleaned.as_ref().map(|(text, invented)| {
        let text = matches!(text, Cow::Owned(_)).then(|| Box::from(&**text));
        Arc::new(Entry { text, invented: invented.clone() })
    });
    let bytes = OVERHEAD + entry.as_ref().map_or(0, |entry| entry.bytes());
    let mut kept = KEPT.lock();
    if bytes > MOST {
        return cleaned;
    }
    if kept.bytes + bytes > MOST {
        kept.entries = HashMap::new();
        kept.bytes = 0;
    }
    if kept.entries.insert(name, entry).is_none() {
        kept.bytes += bytes;
    }
    cleaned
}
