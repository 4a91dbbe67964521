//! Tests of the translator as others use it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::type_complexity,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "tests fail by panicking"
)]
mod aggregate;
mod calls;
mod cases;
mod chat;
mod chunks;
mod claude;
mod defects;
pub mod event_stream;
mod framing;
mod fuzz;
mod gemini;
mod golden;
mod grid;
mod kiro;
mod lenient;
mod losses;
mod many;
mod many_replies;
mod many_schemas;
mod many_streams;
mod official;
mod passes;
mod payload;
mod proof;
mod refused;
mod registry;
mod responses;
mod results;
mod schema;
mod splice;
mod strangers;
mod strict;
mod telling;
mod toy;
mod wire;
