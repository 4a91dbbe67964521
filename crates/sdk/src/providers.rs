//! Which executor serves which credential.

use std::collections::BTreeMap;
use std::sync::Arc;

use cliproxy_config::Config;
use cliproxy_core::{Credential, ProviderExecutor, ProviderId};
use cliproxy_executors::{ClaudeExecutor, DemoExecutor, Egress, OpenAiCompatExecutor};
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};

/// Providers that we know and do not serve yet: their credentials are listed and said to be waiting.
const NOT_BUILT: [&str; 13] = [
    "gemini",
    "gemini-cli",
    "vertex",
    "aistudio",
    "codex",
    "antigravity",
    "kiro",
    "github-copilot",
    "qwen",
    "iflow",
    "kimi",
    "interactions",
    "xai",
];

/// The executors that are there: ours by provider, and those that the embedder brought.
#[derive(Debug)]
pub(crate) struct Providers {
    egress: Egress,
    own: BTreeMap<ProviderId, Arc<dyn ProviderExecutor>>,
}

impl Providers {
    /// Ours, under the configuration's endpoints; what the embedder brought replaces ours of the same provider.
    pub(crate) fn new(config: &Config, egress: Egress, brought: &[Arc<dyn ProviderExecutor>]) -> Self {
        let mut claude = ClaudeExecutor::new(egress.clone());
        for (name, url) in config.endpoints.get("claude").into_iter().flatten() {
            claude = claude.with_url(name, url.expose());
        }
        let ours: [Arc<dyn ProviderExecutor>; 2] = [Arc::new(claude), Arc::new(DemoExecutor::new())];
        let own = ours
            .into_iter()
            .chain(brought.iter().cloned())
            .map(|executor| (executor.provider().clone(), executor))
            .collect();
        Self { egress, own }
    }

    /// The executor for a credential, or why there is none. A provider that nobody knows is taken for an
    /// OpenAI-compatible service when its credential has a base URL (Source: providers-b.md 6.1).
    pub(crate) fn executor(&mut self, credential: &Credential) -> Result<Arc<dyn ProviderExecutor>, String> {
        let provider = credential.provider();
        if let Some(executor) = self.own.get(provider) {
            return Ok(Arc::clone(executor));
        }
        if NOT_BUILT.contains(&provider.as_str()) {
            return Err(format!("provider {provider} is not built yet in this release"));
        }
        if credential.settings().base_url.is_none() {
            return Err(format!(
                "provider {provider} is unknown, and without a base URL it cannot be called"
            ));
        }
        let executor: Arc<dyn ProviderExecutor> =
            Arc::new(OpenAiCompatExecutor::new(provider.clone(), self.egress.clone()));
        self.own.insert(provider.clone(), Arc::clone(&executor));
        Ok(executor)
    }
}

/// The URLs of our own executors, in the order provider, name, default: what `endpoints` may replace.
#[must_use]
pub fn known_endpoints() -> Vec<(String, &'static str, &'static str)> {
    let egress = Egress::new(HttpClient::new(ClientOptions::new()), ProxyChoice::Environment);
    let ours: [Arc<dyn ProviderExecutor>; 2] =
        [Arc::new(ClaudeExecutor::new(egress)), Arc::new(DemoExecutor::new())];
    ours.iter()
        .flat_map(|executor| {
            executor.endpoints().iter().map(|url| (executor.provider().to_string(), url.name, url.default))
        })
        .collect()
}
