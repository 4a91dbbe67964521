//! One copy of equal things: ten thousand keys with the same models share one list.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

#[derive(Debug)]
pub(crate) struct Interner<T> {
    known: HashMap<u64, Vec<Weak<T>>>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { known: HashMap::new() }
    }
}

impl<T: PartialEq> Interner<T> {
    /// The copy that is already there, or this one.
    pub(crate) fn intern(&mut self, key: u64, value: T) -> Arc<T> {
        let bucket = self.known.entry(key).or_default();
        bucket.retain(|weak| weak.strong_count() > 0);
        if let Some(same) = bucket.iter().filter_map(Weak::upgrade).find(|known| **known == value) {
            return same;
        }
        let value = Arc::new(value);
        bucket.push(Arc::downgrade(&value));
        value
    }

    /// Forgets what nobody holds any more.
    pub(crate) fn sweep(&mut self) {
        self.known.retain(|_, bucket| bucket.iter().any(|weak| weak.strong_count() > 0));
    }
}
