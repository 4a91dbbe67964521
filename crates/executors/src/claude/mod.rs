//! Anthropic's Messages API, with an API key or with an OAuth token that was configured as one.
//!
//! | call | endpoint |
//! |---|---|
//! | generate, stream | `POST {api}/v1/messages?beta=true` |
//! | count tokens | `POST {api}/v1/messages/count_tokens?beta=true`, Anthropic's own host only |
//! | models | none: a static list |
//!
//! Facts: providers-a.md 2.4 to 2.7. The access token of a login file is renewed with its refresh token.

mod betas;
mod executor;
mod limits;
mod models;
mod request;

pub use executor::ClaudeExecutor;
