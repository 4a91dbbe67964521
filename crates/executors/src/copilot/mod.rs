//! GitHub Copilot: Chat Completions and Responses, under a short-lived token that a GitHub login is exchanged for.
//!
//! | call | endpoint |
//! |---|---|
//! | token | `GET https://api.github.com/copilot_internal/v2/token`, kept in memory until five minutes before its end |
//! | generate, stream | `POST {base}/chat/completions`, or `{base}/responses` |
//! | count tokens, compact | none |
//! | models | `GET {base}/models`, and a static list until that has come |
//!
//! The base is the one that the token names, when it is one of GitHub's. `x-initiator` says truthfully whether a person
//! or an agent asks: a person's request is what GitHub bills. Facts: providers-b.md 2.

mod body;
mod executor;
mod initiator;
mod models;
mod token;

pub use executor::CopilotExecutor;
