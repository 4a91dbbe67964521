#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(all(
        feature = "aistudio",
        feature = "antigravity",
        feature = "claude",
        feature = "codex",
        feature = "gemini",
        feature = "gemini-cli",
        feature = "github-copilot",
        feature = "iflow",
        feature = "kimi",
        feature = "kiro",
        feature = "openai-compat",
        feature = "qwen",
        feature = "vertex"
    )),
    allow(dead_code, reason = "a provider alone uses a part of what they share")
)]

mod account;
#[cfg(feature = "aistudio")]
mod aistudio;
#[cfg(feature = "antigravity")]
mod antigravity;
#[cfg(feature = "claude")]
mod claude;
#[cfg(any(feature = "antigravity", feature = "gemini-cli"))]
mod codeassist;
#[cfg(feature = "codex")]
mod codex;
#[cfg(feature = "github-copilot")]
mod copilot;
#[cfg(feature = "demo")]
mod demo;
mod egress;
#[cfg(feature = "gemini")]
mod gemini;
#[cfg(feature = "gemini-cli")]
mod gemini_cli;
#[cfg(any(
    feature = "aistudio",
    feature = "antigravity",
    feature = "gemini",
    feature = "gemini-cli",
    feature = "vertex"
))]
mod google;
mod headers;
mod hints;
#[cfg(feature = "iflow")]
mod iflow;
#[cfg(feature = "kimi")]
mod kimi;
#[cfg(feature = "kiro")]
mod kiro;
mod minted;
#[cfg(feature = "openai-compat")]
mod openai_compat;
mod openai_models;
#[cfg(feature = "qwen")]
mod qwen;
mod service;
mod urls;
#[cfg(feature = "vertex")]
mod vertex;

#[cfg(feature = "aistudio")]
pub use aistudio::AistudioExecutor;
#[cfg(feature = "antigravity")]
pub use antigravity::AntigravityExecutor;
#[cfg(feature = "claude")]
pub use claude::ClaudeExecutor;
#[cfg(feature = "codex")]
pub use codex::CodexExecutor;
#[cfg(feature = "github-copilot")]
pub use copilot::CopilotExecutor;
#[cfg(feature = "demo")]
pub use demo::{DEMO_MODEL, DemoExecutor, demo_credential};
pub use egress::Egress;
#[cfg(feature = "gemini")]
pub use gemini::GeminiExecutor;
#[cfg(feature = "gemini-cli")]
pub use gemini_cli::GeminiCliExecutor;
pub use headers::apply_credential_headers;
#[cfg(feature = "iflow")]
pub use iflow::IflowExecutor;
#[cfg(feature = "kimi")]
pub use kimi::KimiExecutor;
#[cfg(feature = "kiro")]
pub use kiro::KiroExecutor;
#[cfg(feature = "openai-compat")]
pub use openai_compat::OpenAiCompatExecutor;
#[cfg(feature = "qwen")]
pub use qwen::QwenExecutor;
pub use urls::Urls;
#[cfg(feature = "vertex")]
pub use vertex::VertexExecutor;
