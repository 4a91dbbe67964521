#![doc = include_str!("../README.md")]

mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod message;
mod names;
mod options;
mod pump;
mod relay;
mod session;
mod socket;
mod text;

pub use exchange::{Event, Exchange, Head};
pub use message::Outbound;
pub use options::Options;
pub use relay::{Identity, Place, Refused, Relay, Watcher};
pub use session::{Ended, NotSent};
