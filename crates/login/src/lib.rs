#![doc = include_str!("../README.md")]

mod antigravity;
mod authenticators;
mod browser;
mod callback;
mod claude;
mod codex;
mod copilot;
mod device;
mod echo;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gemini_cli;
mod google;
mod iflow;
mod import;
mod kimi;
mod kiro;
mod kiro_file;
mod means;
mod names;
mod options;
mod page;
mod pasted;
mod qwen;
mod terminal;
mod vertex;
mod window;

pub use authenticators::Authenticators;
pub use import::{FoundLogin, found_logins};
pub use kiro_file::KiroTokenFile;
pub use options::{OauthClient, Options};
pub use page::callback_elsewhere;
pub use terminal::TerminalUi;
