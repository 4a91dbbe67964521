//! Renewal: never lose a credential. Source: design.md §5.

mod due;
mod lease;
mod lineage;
mod once;
mod queue;
mod save;
mod state;
mod take_over;

pub(crate) use due::due;
pub use lineage::Lineage;
pub(crate) use queue::Queue;
pub use state::RenewError;
pub(crate) use state::RenewState;
pub use state::with_tokens_of;
