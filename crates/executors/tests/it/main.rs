//! The executors against scripted providers on real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod aistudio;
mod antigravity;
mod claude;
mod codex;
mod conformance;
mod counting;
mod demo;
mod egress;
mod faults;
mod fuzz;
mod gemini;
mod gemini_cli;
mod kiro;
mod kiro_search;
mod models;
mod openai_compat;
mod renewal;
mod service_account;
mod subscriptions;
mod support;
mod vertex;
