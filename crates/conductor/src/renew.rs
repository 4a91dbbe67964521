//! Renewal: never lose a credential. Source: design.md §5.

mod bequeath;
mod due;
mod lease;
mod lineage;
mod once;
mod queue;
mod save;
mod state;
mod take_over;

pub use bequeath::Bequest;
pub(crate) use bequeath::Estates;
pub(crate) use due::due;
pub use lineage::{Lineage, is_marked_spent, spent_mark};
pub(crate) use queue::Queue;
pub use state::RenewError;
pub(crate) use state::{RenewState, is_another};
