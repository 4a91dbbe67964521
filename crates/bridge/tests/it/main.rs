//! The bridge, driven as the conductor drives it, over executors that play a script.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod script;
mod toy;

mod blame;
mod counting;
mod event_stream;
mod explaining;
mod formats;
mod last_event;
mod losses;
mod passing_state;
mod payload;
mod refused_recall;
mod refused_state;
mod refused_turns;
mod remembered_state;
mod requests;
mod routing;
mod streaming;
mod whole;
