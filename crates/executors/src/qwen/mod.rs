//! Qwen, as an account of chat.qwen.ai is served: Chat Completions at the host that the account names.
//!
//! | call | endpoint |
//! |---|---|
//! | generate, stream | `POST https://{resource_url}/v1/chat/completions`, else at `portal.qwen.ai` |
//! | count tokens | none: a local estimate |
//! | models | static |
//! | renewal | three hours before the token expires |
//!
//! Facts: providers-b.md 3. The reference adds a tool that does nothing to streams without tools; we send what the caller
//! sent.

mod executor;

pub use executor::QwenExecutor;
