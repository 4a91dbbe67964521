//! Each in turn.

use std::sync::atomic::Ordering;

use cliproxy_core::{PickContext, ReadyView, Selector};

/// Each ready credential in turn, in id order; a thinking suffix shares the turn with its model.
/// Source: runtime.md D.2 "Round-robin".
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin;

impl Selector for RoundRobin {
    fn pick(&self, view: &ReadyView<'_>, context: &PickContext<'_>) -> Option<usize> {
        let mut at = context.cursor.load(Ordering::Relaxed);
        loop {
            let found = view.next_ready(at)?;
            // Two requests at once must not get the same turn (Source: runtime.md L.2 11).
            match context.cursor.compare_exchange_weak(at, found + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(found),
                Err(moved) => at = moved,
            }
        }
    }
}
