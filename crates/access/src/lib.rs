#![doc = include_str!("../README.md")]

mod candidates;
mod chain;
mod config_keys;
mod origin;
mod query;
mod strip;

pub use chain::{Chain, Open};
pub use config_keys::{ConfigKeys, Keyless};
pub use origin::{Listener, origin_allowed};
pub use strip::{RedactedUri, strip_credentials};
