//! Codex, with an API key or a login: OpenAI's Responses API, the Codex backend, or a service in front of it.
//!
//! | call | endpoint |
//! |---|---|
//! | generate, stream | `POST {base}/responses`, always streamed; the bridge puts whole replies together |
//! | compact | `POST {base}/responses/compact`, a whole reply |
//! | count tokens | none: a local estimate |
//! | models | `GET {base}/models`, or a list of our own while that cannot be had |
//!
//! `{base}` is the credential's `base-url`, else `endpoints.codex.api`. OpenAI's own platform takes the documented
//! request as it is; everything else is taken for the Codex backend, whose dialect is the format `codex`. Facts:
//! providers-a.md 3.5 to 3.8. Websockets are not built yet.

mod error;
mod executor;
mod plan;
mod request;

pub use executor::CodexExecutor;
