//! AI Studio, through a page that is open in somebody's browser.
//!
//! | call | what the page is asked for |
//! |---|---|
//! | generate | `POST {api}/v1beta/models/{model}:generateContent` |
//! | stream | `POST {api}/v1beta/models/{model}:streamGenerateContent?alt=sse` |
//! | count tokens | `POST {api}/v1beta/models/{model}:countTokens` |
//! | models | a list of our own |
//! | raw requests | any URL, whole |
//!
//! The page holds the Google session: nothing secret is sent to it, and nothing of ours is renewed. A credential is a
//! page that is connected; its id is the name of the relay's session. Facts: providers-a.md 8.

mod body;
mod executor;
mod reply;

pub use executor::AistudioExecutor;
