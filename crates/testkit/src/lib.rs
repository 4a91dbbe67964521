#![doc = include_str!("../README.md")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test helper fails by panicking: that is its way to say that the test is wrong"
)]

pub mod chat;
pub mod claude;
mod client;
pub mod conformance;
pub mod fuzz;
pub mod gemini;
pub mod kiro;
mod oauth;
mod page;
mod received;
mod reply;
pub mod responses;
mod serve;
mod service_account;
mod socket;
mod tokens;
mod upstream;

pub use client::{SseEvent, TestClient, TestReply};
pub use oauth::{Exchange, FakeOAuth};
pub use page::RelayPage;
pub use received::Received;
pub use reply::{
    Encoding, Piece, Reply, cut, data, done, event, hang, html, json, pause, raw, refuse, sse, stall, status,
    stream,
};
pub use service_account::{FakeServiceAccount, TEST_RSA_KEY};
pub use socket::TestSocket;
pub use tokens::{FakeTokenEndpoint, Redemption, Reuse};
pub use upstream::FakeUpstream;
