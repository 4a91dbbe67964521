//! Access as the HTTP edge sees it: heads of requests in, decisions out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod chain;
mod keys;
mod origins;
mod secrets;
mod stripping;
mod support;
