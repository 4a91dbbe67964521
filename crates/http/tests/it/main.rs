//! The routes on real sockets, with a scripted dispatcher behind them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod access;
mod bodies;
mod formats;
mod ids;
mod models;
mod protocols;
mod relay;
mod routing;
mod shutting_down;
mod streams;
mod support;
mod waiting;
