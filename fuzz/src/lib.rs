//! The targets of the translator's own tests, for libFuzzer. See the README.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a target fails by panicking")]

#[path = "../../crates/translator/tests/it/chunks.rs"]
pub mod chunks;
#[path = "../../crates/translator/tests/it/fuzz/targets.rs"]
pub mod targets;
