//! Renewal: never lose a credential. Source: design.md §5.

mod due;
mod once;
mod queue;
mod save;
mod state;

pub(crate) use due::due;
pub(crate) use once::is_stored;
pub(crate) use queue::Queue;
pub use state::RenewError;
pub(crate) use state::{RenewState, tokens_differ};
