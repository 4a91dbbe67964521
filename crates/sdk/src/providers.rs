//! Which executor serves which credential.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cliproxy_config::{Config, EndpointMap, OauthClient, ProxySetting};
use cliproxy_core::{Credential, Listing, ProviderExecutor, ProviderId};
#[cfg(feature = "aistudio")]
use cliproxy_executors::AistudioExecutor;
#[cfg(feature = "antigravity")]
use cliproxy_executors::AntigravityExecutor;
#[cfg(feature = "claude")]
use cliproxy_executors::ClaudeExecutor;
#[cfg(feature = "codex")]
use cliproxy_executors::CodexExecutor;
#[cfg(feature = "github-copilot")]
use cliproxy_executors::CopilotExecutor;
#[cfg(feature = "gemini-cli")]
use cliproxy_executors::GeminiCliExecutor;
#[cfg(feature = "gemini")]
use cliproxy_executors::GeminiExecutor;
#[cfg(feature = "iflow")]
use cliproxy_executors::IflowExecutor;
#[cfg(feature = "kimi")]
use cliproxy_executors::KimiExecutor;
#[cfg(feature = "kiro")]
use cliproxy_executors::KiroExecutor;
#[cfg(feature = "qwen")]
use cliproxy_executors::QwenExecutor;
#[cfg(feature = "vertex")]
use cliproxy_executors::VertexExecutor;
use cliproxy_executors::{DemoExecutor, Egress, OpenAiCompatExecutor};
use cliproxy_login::{Authenticators, Options as LoginOptions};
use cliproxy_relay::Relay;
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};
use parking_lot::Mutex;

use crate::relay;
use crate::twins::Twins;

/// Providers that we know. One that we do not serve yet, or that a feature switched off, is said to be waiting.
pub(crate) const KNOWN: [&str; 15] = [
    "gemini",
    "gemini-cli",
    "vertex",
    "aistudio",
    "claude",
    "codex",
    "antigravity",
    "kiro",
    "github-copilot",
    "qwen",
    "iflow",
    "kimi",
    "interactions",
    "xai",
    "demo",
];

/// The provider of an `openai-compatibility` entry whose name is that of one we know: another than that, for it is
/// another service, which speaks Chat Completions and has no login. `None` where the entry's own name does, and where
/// an embedder brought the executor of that name.
// Source: runtime.md C.5, openai-compat, "namespaced key" [H].
pub(crate) fn beside_ours(name: &str, brought: &[Arc<dyn ProviderExecutor>]) -> Option<ProviderId> {
    let name = name.trim().to_lowercase();
    let is_brought = brought.iter().any(|executor| executor.provider().as_str() == name);
    let is_ours = KNOWN.contains(&name.as_str()) && !is_brought;
    is_ours.then(|| ProviderId::new(format!("openai-compatibility:{name}")))
}

/// What our executors are made from.
#[derive(Debug, PartialEq)]
struct Ground {
    endpoints: EndpointMap,
    oauth_clients: BTreeMap<String, OauthClient>,
    proxy: Option<ProxySetting>,
    first_byte_timeout: Option<Duration>,
    home: Option<PathBuf>,
}

impl Ground {
    fn of(config: &Config) -> Self {
        Self {
            endpoints: config.endpoints.clone(),
            oauth_clients: config.oauth_clients.clone(),
            proxy: config.proxy_url.clone(),
            first_byte_timeout: config.upstream.first_byte_timeout,
            home: config.home.clone(),
        }
    }
}

type Executors = BTreeMap<ProviderId, Arc<dyn ProviderExecutor>>;

/// Executors with what they were made from. A reload that changes nothing of that goes on with them: they hold tokens
/// that logins were exchanged for, and what providers said of their models.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Option<(Ground, Executors)>>);

impl Kept {
    /// Those that are kept, or as [`Providers::new`].
    pub(crate) fn providers(
        &self,
        config: &Config,
        egress: Egress,
        relay: &Relay,
        brought: &[Arc<dyn ProviderExecutor>],
    ) -> Providers {
        match &*self.0.lock() {
            Some((ground, own)) if *ground == Ground::of(config) => Providers { egress, own: own.clone() },
            _ => Providers::new(config, egress, relay, brought),
        }
    }
}

/// The executors that are there: ours by provider, and those that the embedder brought.
#[derive(Debug)]
pub(crate) struct Providers {
    egress: Egress,
    own: Executors,
}

impl Providers {
    /// Ours, under the configuration's endpoints; what the embedder brought replaces ours of the same provider.
    pub(crate) fn new(
        config: &Config,
        egress: Egress,
        relay: &Relay,
        brought: &[Arc<dyn ProviderExecutor>],
    ) -> Self {
        let own = ours(&egress, relay, config)
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
        if KNOWN.contains(&provider.as_str()) {
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

    /// Which of a store's logins are left out because another has their refresh token, and why.
    pub(crate) fn twins(&mut self, among: &Listing) -> Twins {
        let spends =
            |one: &&Credential| self.executor(one).is_ok_and(|executor| executor.renewal_spends(one));
        Twins::find(among.credentials.iter().filter(spends), &among.written, &[])
    }

    /// All that are there by now, kept for the next reload.
    pub(crate) fn into_executors(self, config: &Config, kept: &Kept) -> Vec<Arc<dyn ProviderExecutor>> {
        let all = self.own.values().cloned().collect();
        *kept.0.lock() = Some((Ground::of(config), self.own));
        all
    }
}

/// Our executors, with the URLs that the configuration replaces (`endpoints.<provider>.<name>`).
fn ours(egress: &Egress, relay: &Relay, config: &Config) -> Vec<Arc<dyn ProviderExecutor>> {
    let mut all: Vec<Arc<dyn ProviderExecutor>> = Vec::new();
    macro_rules! add {
        ($name:literal, $executor:expr) => {{
            let replaced = config.endpoints.get($name).into_iter().flatten();
            let executor = $executor(egress.clone());
            all.push(Arc::new(
                replaced.fold(executor, |executor, (name, url)| executor.with_url(name, url.expose())),
            ));
        }};
    }
    /// One that renews logins, under the OAuth client of `oauth-clients.<provider>`.
    #[allow(unused_macros, reason = "every provider may be switched off")]
    macro_rules! add_login {
        ($name:literal, $executor:ident) => {{
            let set = config.oauth_clients.get($name);
            let id = set.and_then(|set| set.client_id.clone());
            let secret = set.and_then(|set| set.client_secret.clone());
            add!($name, |egress| $executor::new(egress).with_oauth_client(id, secret));
        }};
    }
    #[cfg(feature = "aistudio")]
    add!("aistudio", |_| {
        AistudioExecutor::new(relay.clone()).with_first_byte_timeout(config.upstream.first_byte_timeout)
    });
    #[cfg(not(feature = "aistudio"))]
    let _ = relay;
    #[cfg(feature = "antigravity")]
    add_login!("antigravity", AntigravityExecutor);
    #[cfg(feature = "claude")]
    add_login!("claude", ClaudeExecutor);
    #[cfg(feature = "codex")]
    add_login!("codex", CodexExecutor);
    #[cfg(feature = "gemini")]
    add!("gemini", GeminiExecutor::new);
    #[cfg(feature = "gemini-cli")]
    add_login!("gemini-cli", GeminiCliExecutor);
    #[cfg(feature = "github-copilot")]
    add!("github-copilot", CopilotExecutor::new);
    #[cfg(feature = "iflow")]
    add_login!("iflow", IflowExecutor);
    #[cfg(feature = "kimi")]
    add_login!("kimi", KimiExecutor);
    #[cfg(feature = "kiro")]
    {
        // Source: providers-b.md 1.1.7.
        let registrations = config.home.as_ref().map(|home| home.join(".aws/sso/cache"));
        add!("kiro", |egress| KiroExecutor::new(egress).with_registrations(registrations));
    }
    add!("openai", OpenAiCompatExecutor::openai);
    #[cfg(feature = "qwen")]
    add_login!("qwen", QwenExecutor);
    #[cfg(feature = "vertex")]
    add!("vertex", VertexExecutor::new);
    all.push(Arc::new(DemoExecutor::new()));
    all
}

/// Providers that an executor of ours serves in this build.
pub(crate) fn served() -> BTreeSet<String> {
    idle(&HttpClient::new(ClientOptions::new()))
        .iter()
        .map(|executor| executor.provider().to_string())
        .collect()
}

/// Our executors, to be asked about themselves.
fn idle(http: &HttpClient) -> Vec<Arc<dyn ProviderExecutor>> {
    let egress = Egress::new(http.clone(), ProxyChoice::Environment);
    ours(&egress, &relay::without_pages(), &Config::default())
}

/// The URLs of our own executors and logins, in the order provider, name, default: what `endpoints` may replace.
#[must_use]
pub fn known_endpoints() -> Vec<(String, &'static str, &'static str)> {
    let http = HttpClient::new(ClientOptions::new());
    let executors = idle(&http);
    let logins = Authenticators::new(&LoginOptions::new(http, ProxyChoice::Environment));
    let mut all: Vec<(String, &'static str, &'static str)> = executors
        .iter()
        .flat_map(|executor| {
            executor.endpoints().iter().map(|url| (executor.provider().to_string(), url.name, url.default))
        })
        .collect();
    let of_logins = logins.known_endpoints();
    all.extend(of_logins.iter().map(|(provider, url)| (provider.to_string(), url.name, url.default)));
    all.sort();
    all.dedup();
    all
}
