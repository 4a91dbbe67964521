//! Provider kinds: one row each.

mod aistudio;
mod chat;
mod claude;
mod codex;
mod gemini;
mod google_login;
pub mod kiro;

use cliproxy_testkit::{Received, Reply};
use serde_json::{Value, json};

use crate::ask::{Answer, Got};

/// How a provider of a kind is configured, what it was sent and what it answers.
pub trait Provider: Sync {
    fn name(&self) -> &'static str;
    /// The configuration of a pool of keys at an address that serves `name` as `alias`.
    fn config(&self, url: &str, keys: &[&str], name: &str, alias: &str) -> String;
    /// The model behind the alias.
    fn model(&self) -> String {
        format!("upstream-{}", self.name())
    }
    /// The file of a login at an address that serves `name` as `alias`: its name and what is in it.
    fn login(&self, url: &str, token: &str, name: &str, alias: &str) -> Option<(String, Value)> {
        let _ = (url, token, name, alias);
        None
    }
    /// Where it lists its models, if the server asks for them when it starts.
    fn lists_models_at(&self) -> Option<&'static str> {
        None
    }
    /// What it lists there.
    fn listing(&self) -> Value {
        json!({"models": {(self.model()): {}}})
    }
    /// Whether a page has to connect, which then performs the requests.
    fn is_a_page(&self) -> bool {
        false
    }
    /// The model, and whether a stream was asked for.
    fn asked(&self, request: &Received) -> (String, bool);
    /// The conversation that it was sent.
    fn got(&self, request: &Received) -> Got;
    /// Answers, with twelve tokens in and seven out.
    fn answer(&self, answer: &Answer, stream: bool) -> Reply;
    /// Fails with a status and these words.
    fn error(&self, status: u16, message: &str) -> Reply;
    /// An error in the middle of a stream: the pieces of a good stream up to its first word, then the error.
    fn broken_stream(&self, message: &str) -> Reply;
    /// How many pieces of a stream go before its first word.
    fn preamble(&self) -> usize;
}

pub fn providers() -> Vec<&'static dyn Provider> {
    vec![&claude::Claude, &chat::Chat, &codex::Codex, &gemini::GEMINI, &gemini::VERTEX]
}

/// Kinds with logins in place of keys: one credential each.
pub fn logins() -> Vec<&'static dyn Provider> {
    vec![
        &google_login::GEMINI_CLI,
        &google_login::ANTIGRAVITY,
        &google_login::ANTIGRAVITY_CLAUDE,
        &kiro::Kiro,
    ]
}

/// Kinds without keys and logins: a page that is connected is the credential.
pub fn pages() -> Vec<&'static dyn Provider> {
    vec![&aistudio::AiStudio]
}

/// The entries of a list of keys, as the sections for vendors have them.
fn entries(section: &str, url: &str, keys: &[&str], name: &str, alias: &str) -> String {
    let entries: Vec<String> = keys
        .iter()
        .map(|key| {
            format!("{{api-key: {key}, base-url: '{url}', models: [{{name: {name}, alias: {alias}}}]}}")
        })
        .collect();
    format!("{section}: [{}]\n", entries.join(", "))
}

/// A text, or the texts of a list of parts.
fn texts(content: &Value) -> Vec<String> {
    match content {
        Value::String(text) => vec![text.clone()],
        parts => {
            crate::client::list(parts).filter_map(|part| part["text"].as_str().map(str::to_owned)).collect()
        }
    }
}

/// Media type and data of a data URL.
#[track_caller]
fn data_url(url: &Value) -> (String, String) {
    let url = crate::client::text_of(url);
    let (kind, data) =
        url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")).expect("a data URL");
    (kind.to_owned(), data.to_owned())
}
