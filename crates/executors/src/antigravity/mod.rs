//! Antigravity, with a Google login: Google's, Anthropic's and OpenAI's models. Source: providers-a.md 7.
//!
//! | | |
//! |---|---|
//! | calls | `POST {api}/v1internal:{generateContent,streamGenerateContent?alt=sse,countTokens,fetchAvailableModels}`, then `{fallback}` |
//! | credential | a bearer token, renewed with Antigravity's OAuth client, whose secret the user has to set; `project_id` |
//! | models | fetched, described from a built-in table |
//! | limits | 429 with Google's details; the next host is tried first |

mod executor;
mod models;

pub use executor::AntigravityExecutor;
