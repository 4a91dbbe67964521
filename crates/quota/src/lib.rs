#![doc = include_str!("../README.md")]

mod availability;
mod cooldown;
mod fault;
mod ledger;
mod policy;
mod rest;

pub use availability::{Availability, CooldownCause};
pub use cooldown::Cooldown;
pub use fault::{Cooling, Fault};
pub use ledger::{Ledger, Mark, Probe};
pub use policy::BackoffPolicy;
pub use rest::Rest;
