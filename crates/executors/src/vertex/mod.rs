//! Vertex AI with an API key, and services that are compatible with it.
//!
//! | call | endpoint |
//! |---|---|
//! | generate | `POST {api}/v1/publishers/google/models/{model}:generateContent` |
//! | stream | `POST {api}/v1/publishers/google/models/{model}:streamGenerateContent?alt=sse` |
//! | Imagen | `POST {api}/v1/publishers/google/models/{model}:predict`, in its own form, whole |
//! | count tokens | `POST {api}/v1/publishers/google/models/{model}:countTokens` |
//! | models | none: a static list |
//!
//! A root that ends with a version keeps it. Facts: providers-a.md 6.4 to 6.7. Service accounts are not built yet: a
//! file of this type is listed and refused with a message that says so.

mod executor;
mod imagen;

pub use executor::VertexExecutor;
