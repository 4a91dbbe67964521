//! Whole services on real sockets, as an embedder sees them: their life, their reloads, their providers, and every part
//! that can be swapped.
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
mod bequests;
mod callbacks;
mod code_assist;
mod codex;
mod fallbacks;
mod google;
mod kiro;
mod kiro_entries;
mod life;
mod logins;
mod management_key;
mod model_lists;
mod names;
mod observers;
mod parts;
mod place;
mod providers;
mod relay;
mod reload;
mod reload_whole;
mod start;
mod store;
mod stream_faults;
mod support;
mod twins;
