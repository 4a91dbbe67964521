//! The real binary, as its users meet it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod accounts;
mod aliases;
mod ask;
mod broken_upstream;
mod client;
mod commands;
mod completions;
mod counting;
mod edges;
mod entry_keys;
mod first_run;
mod keeping;
mod logins;
mod losses;
mod matrix;
mod model_lists;
mod openai;
mod pages;
mod payload;
mod pools;
mod portable;
mod provider;
mod provider_pages;
mod reload;
mod renewals;
mod reply_headers;
mod rests;
mod server;
mod signals;
mod slow;
mod terminal;
mod web_search;
mod wrong_input;
