//! The first that is ready.

use cliproxy_core::{PickContext, ReadyView, Selector};

/// Always the first ready credential, so that the others stay fresh. Source: runtime.md D.2 "Fill-first".
#[derive(Clone, Copy, Debug, Default)]
pub struct FillFirst;

impl Selector for FillFirst {
    fn pick(&self, view: &ReadyView<'_>, _context: &PickContext<'_>) -> Option<usize> {
        view.next_ready(0)
    }
}
