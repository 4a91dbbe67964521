//! The targets of the crates' own tests, for libFuzzer. See the README. Those that look at what a crate keeps to itself
//! are in the crate, where `cfg(fuzzing)` lets them out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target fails by panicking"
)]

#[path = "../../crates/translator/tests/it/chunks.rs"]
pub mod chunks;
#[path = "../../crates/config/tests/it/fuzz/targets.rs"]
pub mod config;
#[path = "../../crates/executors/tests/it/fuzz/targets.rs"]
pub mod executors;
#[path = "../../crates/translator/tests/it/fuzz/targets.rs"]
pub mod targets;
