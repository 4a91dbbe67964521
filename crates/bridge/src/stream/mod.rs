//! Streams: what is pulled, how it is turned, how it ends.

mod canned;
mod head;
mod lane;
mod outbox;
mod pump;
mod whole;

pub(crate) use canned::Canned;
pub(crate) use lane::{AggregateLane, HubLane, Lane, PassLane, PipeLane};
pub(crate) use pump::{Bounds, Pump};
pub(crate) use whole::{Answer, is_suspect, told_apart};
