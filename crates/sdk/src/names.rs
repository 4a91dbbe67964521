//! The names of providers and endpoints that a configuration may use.

use std::sync::Arc;

use cliproxy_config::{Config, KnownNames};
use cliproxy_core::ProviderExecutor;

use crate::providers::{KNOWN, known_endpoints, served};

/// Providers of ours whose OAuth client can be another: those that do not register one for each login.
const OAUTH_CLIENTS: [&str; 8] =
    ["antigravity", "claude", "codex", "gemini-cli", "github-copilot", "iflow", "kimi", "qwen"];

/// Providers that have accounts. Source: runtime.md A.4, "channels", with `xai`, whose files load and wait.
const CHANNELS: [&str; 12] = [
    "aistudio",
    "antigravity",
    "claude",
    "codex",
    "gemini-cli",
    "github-copilot",
    "iflow",
    "kimi",
    "kiro",
    "qwen",
    "vertex",
    "xai",
];

/// The names that a [`Loader`](cliproxy_config::Loader) should know, so that it tells a mistyped one: ours, and those of
/// executors of your own. One that names no endpoints may read any from the configuration itself.
#[must_use]
pub fn known_names(brought: &[Arc<dyn ProviderExecutor>]) -> KnownNames {
    let mut names = KnownNames::new();
    for (provider, name, _) in known_endpoints() {
        names = names.with_endpoint(&provider, name);
    }
    let served = served();
    for provider in KNOWN.iter().filter(|provider| !served.contains(**provider)) {
        names = names.with_absent_provider(provider);
    }
    names = OAUTH_CLIENTS.iter().fold(names, |names, provider| names.with_oauth_client(provider));
    names = CHANNELS.iter().fold(names, |names, provider| names.with_channel(provider));
    for executor in brought {
        let provider = executor.provider().as_str();
        names = names.with_channel(provider).with_oauth_client(provider);
        if executor.endpoints().is_empty() {
            names = names.with_unjudged_endpoints(provider);
        }
        names = executor
            .endpoints()
            .iter()
            .fold(names, |names, endpoint| names.with_endpoint(provider, endpoint.name));
    }
    names
}

/// The keys below `endpoints` that replace nothing, where the configuration was loaded without knowing the names.
pub(crate) fn unknown_endpoints(config: &Config, names: &KnownNames) -> Vec<String> {
    let all =
        config.endpoints.iter().flat_map(|(provider, urls)| urls.keys().map(move |name| (provider, name)));
    all.filter(|(provider, name)| names.lacks_endpoint(provider, name))
        .map(|(provider, name)| format!("endpoints.{provider}.{name}"))
        .collect()
}
