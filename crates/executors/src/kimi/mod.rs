//! Kimi, as a Kimi Code subscription is served: Chat Completions, and Claude Messages for those who speak it.
//!
//! | call | endpoint |
//! |---|---|
//! | generate, stream | `POST https://api.kimi.com/coding/v1/chat/completions`, or `…/v1/messages` for Claude clients |
//! | count tokens | `POST …/v1/messages/count_tokens` for Claude clients; for others a local estimate |
//! | models | static |
//! | renewal | five minutes before the token expires |
//!
//! Every call says which device it comes from, in our own name. Facts: providers-b.md 5.

mod body;
mod executor;

pub use executor::KimiExecutor;
