//! Every flow against a scripted provider on real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod apart;
mod callback;
mod claude;
mod codex;
mod copilot;
mod device;
mod flows;
mod google;
mod iflow;
mod imports;
mod kiro;
mod kiro_file;
mod saving;
mod support;
mod terminal;
mod vertex;
