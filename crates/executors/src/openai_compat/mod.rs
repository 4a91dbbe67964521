//! Any service that speaks OpenAI Chat Completions.
//!
//! | call | endpoint |
//! |---|---|
//! | generate, stream | `POST {base-url}/chat/completions` |
//! | compact | `POST {base-url}/responses/compact`, where the service has it |
//! | count tokens | none: a local estimate |
//! | models | exactly those that the configuration lists |
//!
//! With [`OpenAiCompatExecutor::openai`] the same executor serves OpenAI itself: a built-in root, and the models of
//! `GET {root}/models`, or a list of our own while that cannot be had. Facts: providers-b.md 6.

mod error;
mod executor;

pub use executor::OpenAiCompatExecutor;
