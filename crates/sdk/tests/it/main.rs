//! A service as an embedder sees it, with a real configuration file and scripted providers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod model_lists;
mod providers;
mod reload;
mod support;
