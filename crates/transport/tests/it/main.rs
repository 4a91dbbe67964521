//! The promises of the README, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod support;
mod workers;

mod bodies;
mod calls;
mod oauth;
mod pooling;
mod proxies;
mod proxy_settings;
mod requests;
mod secrets;
mod serving;
mod shutting_down;
