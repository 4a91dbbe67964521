//! The fakes themselves: they do what their scripts say, and what they write is valid.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod conformance;
mod gemini;
mod replies;
mod responses;
mod schemas;
mod scripts;
mod tokens;
