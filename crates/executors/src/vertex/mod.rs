//! Vertex AI: with a service account, with an API key, and services that are compatible with it.
//!
//! | call | below `{api}/v1`, and below `{regional}/v1/projects/{project}/locations/{location}` for a service account |
//! |---|---|
//! | generate | `POST /publishers/google/models/{model}:generateContent` |
//! | stream | `POST /publishers/google/models/{model}:streamGenerateContent?alt=sse` |
//! | Imagen | `POST /publishers/google/models/{model}:predict`, in its own form, whole |
//! | count tokens | `POST /publishers/google/models/{model}:countTokens` |
//! | models | none: a static list |
//! | token of a service account | `POST {token_uri}`, an assertion under its private key |
//!
//! The location `global` is served by `{api}`. A root that ends with a version keeps it. Facts: providers-a.md 6.

mod account;
mod executor;
mod imagen;

pub use executor::VertexExecutor;
