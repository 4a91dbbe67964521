//! The auth store as its users see it: on real directories.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod config_keys;
mod crash;
mod failing_disk;
mod leases;
mod links;
mod loading;
mod names;
mod saving;
mod secrets;
mod settings;
mod support;
