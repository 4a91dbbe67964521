//! Renewal: never lose a credential. Source: design.md §5.

mod due;
mod lease;
mod once;
mod queue;
mod save;
mod state;
mod take_over;

pub(crate) use due::due;
pub(crate) use queue::Queue;
pub use state::RenewError;
pub(crate) use state::RenewState;
