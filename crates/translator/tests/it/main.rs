//! Tests of the translator as others use it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "tests fail by panicking"
)]
mod aggregate;
mod framing;
mod passes;
mod schema;
mod splice;
mod registry;
mod toy;
