//! Codex with an API key: OpenAI's Responses API, or a service in front of the Codex backend.
//!
//! | call | endpoint |
//! |---|---|
//! | generate, stream | `POST {base}/responses`, always streamed; the bridge puts whole replies together |
//! | compact | `POST {base}/responses/compact`, a whole reply |
//! | count tokens | none: a local estimate |
//! | models | `GET {base}/models`, or a list of our own while that cannot be had |
//!
//! `{base}` is the credential's `base-url`, else `endpoints.codex.api`. OpenAI's own platform takes the documented
//! request as it is; everything else is taken for the Codex backend, whose dialect is the format `codex`. Facts: providers-a.md 3.5 to 3.8. Logins and websockets are not built yet: a login file of this type is listed and
//! refused with a message that says so.

mod error;
mod executor;
mod plan;
mod request;

pub use executor::CodexExecutor;
