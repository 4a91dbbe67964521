//! iFlow: Chat Completions with switches of its own for thinking, and signed calls.
//!
//! | call | endpoint |
//! |---|---|
//! | generate, stream | `POST https://apis.iflow.cn/v1/chat/completions` with the account's API key |
//! | count tokens | none: a local estimate |
//! | models | static |
//! | renewal | a day before the token or the cookie's key expires; brings the API key anew |
//!
//! Facts: providers-b.md 4.

mod body;
mod executor;

pub use executor::IflowExecutor;
