//! Sessions of pages over connections in memory, so that time can be paused; over real sockets the whole server is
//! tested.
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

mod endings;
mod flow;
mod replies;
mod sessions;
