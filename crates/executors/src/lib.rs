#![doc = include_str!("../README.md")]

#[cfg(feature = "claude")]
mod claude;
#[cfg(feature = "demo")]
mod demo;
mod egress;
mod headers;
#[cfg(feature = "openai-compat")]
mod openai_compat;
mod urls;

#[cfg(feature = "claude")]
pub use claude::ClaudeExecutor;
#[cfg(feature = "demo")]
pub use demo::{DEMO_MODEL, DemoExecutor, demo_credential};
pub use egress::Egress;
pub use headers::apply_credential_headers;
#[cfg(feature = "openai-compat")]
pub use openai_compat::OpenAiCompatExecutor;
pub use urls::Urls;
