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
pub struct CommonText(
    /// Absent while it is dropped.
    Option<Arc<str>>,
);

impl CommonText {
    /// The text, or the copy of it that somebody holds already.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if text.len() < WORTH_IT {
            return Self(Some(Arc::from(text)));
        }
        let mut shared = SHARED.lock();
        if let Some(known) = shared.get(text) {
            return Self(Some(Arc::clone(known)));
        }
        let text: Arc<str> = Arc::from(text);
        shared.insert(Arc::clone(&text));
        Self(Some(text))
    }
}

impl Deref for CommonText {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Drop for CommonText {
    fn drop(&mut self) {
        let Some(text) = self.0.take().filter(|text| text.len() >= WORTH_IT) else { return };
        // Let go of under the lock, where nobody finds it anew: of two at once, the second sees that it is the last.
        let mut shared = SHARED.lock();
        if Arc::strong_count(&text) == 2 {
            shared.remove(&text);
        }
        drop(text);
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
        assert!(first.as_ptr() == second.as_ptr() && first.as_ptr() == third.as_ptr());
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
        assert!(first.as_ptr() != CommonText::new("short").as_ptr());
        assert!(!is_kept("short"));
    }

    #[test]
    fn what_threads_let_go_of_at_once_is_not_kept() {
        let text = "held by many at once ".repeat(20);
        for _ in 0..500 {
            let together = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let held = CommonText::new(&text);
                        together.wait();
                        drop(held);
                    });
                }
            });
            assert!(!is_kept(&text));
        }
    }
}
