//! GitHub Copilot: Chat Completions, Responses and Claude Messages, under a short-lived token that a GitHub login is exchanged for.
//!
//! | call | endpoint |
//! |---|---|
//! | token | `GET https://api.github.com/copilot_internal/v2/token`, kept in memory until five minutes before its end |
//! | generate, stream | `POST {base}/chat/completions`, `{base}/responses`, or for Claude's models `{base}/v1/messages` |
//! | count tokens, compact | none |
//! | models | `GET {base}/models`, and a static list until that has come |
//!
//! The base is the one that the token names, when it is one of GitHub's; an `enterprise_domain` in the file leads to its
//! hosts. `x-initiator` says truthfully whether a person
//! or an agent asks: a person's request is what GitHub bills. Facts: providers-b.md 2.

mod body;
mod executor;
mod initiator;
mod models;
mod token;

pub use executor::CopilotExecutor;

/// Betas of Claude's API that this one refuses. Source: providers-b.md 2.5.4.
const REFUSED_BETAS: [&str; 1] = ["context-1m-2025-08-07"];
