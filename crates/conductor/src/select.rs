//! The selectors we ship. Anyone may write another: [`cliproxy_core::Selector`].

mod credits;
mod fill_first;
mod round_robin;
mod weighted;

pub use fill_first::FillFirst;
pub use round_robin::RoundRobin;
pub use weighted::Weighted;
