#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(all(
        feature = "claude",
        feature = "codex",
        feature = "gemini",
        feature = "openai-compat",
        feature = "vertex"
    )),
    allow(dead_code, reason = "a provider alone uses a part of what they share")
)]

#[cfg(feature = "claude")]
mod claude;
#[cfg(feature = "codex")]
mod codex;
#[cfg(feature = "demo")]
mod demo;
mod egress;
#[cfg(feature = "gemini")]
mod gemini;
#[cfg(any(feature = "gemini", feature = "vertex"))]
mod google;
mod headers;
mod hints;
#[cfg(feature = "openai-compat")]
mod openai_compat;
mod openai_models;
mod urls;
#[cfg(feature = "vertex")]
mod vertex;

#[cfg(feature = "claude")]
pub use claude::ClaudeExecutor;
#[cfg(feature = "codex")]
pub use codex::CodexExecutor;
#[cfg(feature = "demo")]
pub use demo::{DEMO_MODEL, DemoExecutor, demo_credential};
pub use egress::Egress;
#[cfg(feature = "gemini")]
pub use gemini::GeminiExecutor;
pub use headers::apply_credential_headers;
#[cfg(feature = "openai-compat")]
pub use openai_compat::OpenAiCompatExecutor;
pub use urls::Urls;
#[cfg(feature = "vertex")]
pub use vertex::VertexExecutor;
