//! The real binary, as its users meet it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod commands;
mod first_run;
mod matrix;
mod pools;
mod server;
mod wrong_input;
