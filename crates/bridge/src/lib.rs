#![doc = include_str!("../README.md")]

mod bridge;
mod options;
mod page;
mod profile;

mod call;
mod count;
mod exchange;
mod remarks;
mod request;
mod route;
mod state;
mod stream;

mod explain;
mod failure;
mod headers;

mod blocking;
mod bounded;

pub use bridge::Bridge;
pub use exchange::BridgeExchange;
pub use options::Options;
pub use profile::{ProfileHints, ProfileRule, ProfileRules};
