//! The credentials, their readiness, and the pick.

mod bits;
mod board;
mod endpoint;
mod entry;
mod pick;
#[cfg(test)]
mod stale;
mod tier;
mod tried;
mod weights;

pub(crate) use board::Board;
pub(crate) use endpoint::Endpoint;
pub(crate) use entry::{Entry, Shape};
pub(crate) use pick::{PickError, Picked, Picker};
pub(crate) use tier::{Dice, Snapshot, Tier};
pub(crate) use tried::Tried;
pub(crate) use weights::Weights;
