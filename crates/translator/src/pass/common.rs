//! Texts that many requests have in common: an agent sends the same instructions and tools in every turn, for every user.
//! Streams that must remember such a text share one copy of it, for as long as one of them lives.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

/// Shorter texts cost less than to look for their like.
const WORTH_IT: usize = 256;

static SHARED: LazyLock<Mutex<HashSet<Arc<str>>>> = LazyLock::new(Mutex::default);

/// A text, of which equal ones take their room once.
#[derive(Clone, Debug)]
pub struct CommonText(Arc<str>);

impl CommonText {
    /// The text, or the copy of it that somebody holds already.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if text.len() < WORTH_IT {
            return Self(Arc::from(text));
        }
        let mut shared = SHARED.lock();
        if let Some(known) = shared.get(text) {
            return Self(Arc::clone(known));
        }
        let text: Arc<str> = Arc::from(text);
        shared.insert(Arc::clone(&text));
        Self(text)
    }
}

impl Deref for CommonText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for CommonText {
    fn drop(&mut self) {
        if self.0.len() < WORTH_IT {
            return;
        }
        // Under the lock nobody finds it anew: with two left, one is the table's and one is ours.
        let mut shared = SHARED.lock();
        if Arc::strong_count(&self.0) == 2 {
            shared.remove(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept(text: &str) -> bool {
        SHARED.lock().contains(text)
    }

    #[test]
    fn equal_texts_take_their_room_once_and_only_while_somebody_holds_them() {
        let text = "one that no other test has ".repeat(20);
        let first = CommonText::new(&text);
        let second = CommonText::new(&text.clone());
        let third = second.clone();
        assert!(Arc::ptr_eq(&first.0, &second.0) && Arc::ptr_eq(&first.0, &third.0));
        assert_eq!(*first, text);
        drop(first);
        drop(second);
        assert!(is_kept(&text), "the third still has it");
        drop(third);
        assert!(!is_kept(&text), "nobody has it");
    }

    #[test]
    fn short_texts_are_not_looked_for() {
        let first = CommonText::new("short");
        assert!(!Arc::ptr_eq(&first.0, &CommonText::new("short").0));
        assert!(!is_kept("short"));
    }

    #[test]
    fn what_threads_let_go_of_at_once_is_not_kept() {
        let text = "held by many at once ".repeat(20);
        for _ in 0..200 {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| CommonText::new(&text).clone());
                }
            });
            assert!(!is_kept(&text));
        }
    }
}
