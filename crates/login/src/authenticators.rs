//! All flows, by name.

use std::sync::Arc;

use cliproxy_core::{Authenticator, Endpoint, ProviderId};

use crate::{Options, antigravity, claude, codex, copilot, gemini_cli, iflow, kimi, kiro, qwen, vertex};

/// The flows that there are: ours, and those that somebody added.
#[derive(Clone, Debug)]
pub struct Authenticators {
    all: Vec<Arc<dyn Authenticator>>,
}

impl Authenticators {
    /// Ours.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let all: Vec<Arc<dyn Authenticator>> = vec![
            Arc::new(claude::Claude::new(options)),
            Arc::new(codex::Codex::new(options, codex::Way::Browser)),
            Arc::new(codex::Codex::new(options, codex::Way::Device)),
            Arc::new(gemini_cli::GeminiCli::new(options)),
            Arc::new(antigravity::Antigravity::new(options)),
            Arc::new(copilot::Copilot::new(options)),
            Arc::new(qwen::Qwen::new(options)),
            Arc::new(iflow::Iflow::new(options, iflow::Way::Browser)),
            Arc::new(iflow::Iflow::new(options, iflow::Way::Cookie)),
            Arc::new(kimi::Kimi::new(options)),
            Arc::new(kiro::Kiro::new(options, None)),
            Arc::new(kiro::Kiro::new(options, Some(kiro::Method::IdentityCenter))),
            Arc::new(kiro::Kiro::new(options, Some(kiro::Method::Google))),
            Arc::new(kiro::Kiro::new(options, Some(kiro::Method::GitHub))),
            Arc::new(vertex::Vertex::new(options)),
        ];
        Self { all }
    }

    /// With one more; it replaces one of the same name.
    #[must_use]
    pub fn with(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.all.retain(|known| known.name() != authenticator.name());
        self.all.push(authenticator);
        self
    }

    /// The flow of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Authenticator>> {
        self.all.iter().find(|known| known.name().eq_ignore_ascii_case(name.trim()))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Authenticator>> {
        self.all.iter()
    }

    /// The URLs of all of them, each once: provider, name, default.
    #[must_use]
    pub fn known_endpoints(&self) -> Vec<(ProviderId, Endpoint)> {
        let mut found: Vec<(ProviderId, Endpoint)> = Vec::new();
        for authenticator in &self.all {
            for endpoint in authenticator.endpoints() {
                let entry = (authenticator.provider().clone(), *endpoint);
                if !found.contains(&entry) {
                    found.push(entry);
                }
            }
        }
        found
    }
}
