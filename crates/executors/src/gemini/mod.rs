//! The Gemini API with an API key.
//!
//! | call | endpoint |
//! |---|---|
//! | generate | `POST {api}/v1beta/models/{model}:generateContent` |
//! | stream | `POST {api}/v1beta/models/{model}:streamGenerateContent?alt=sse` |
//! | count tokens | `POST {api}/v1beta/models/{model}:countTokens` |
//! | models | `GET {api}/v1beta/models`, page by page, or a list of our own while that cannot be had |
//!
//! A root that ends with a version keeps it. Facts: providers-a.md 4. There are no logins: files of type `gemini`
//! belong to the Gemini CLI.

mod executor;

pub use executor::GeminiExecutor;
