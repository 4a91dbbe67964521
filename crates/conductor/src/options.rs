//! What can be set. Plain values: the file's shape and its spellings are `cliproxy-config`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{Credential, ProviderId, RequestScopedRule, Selector};
use cliproxy_quota::BackoffPolicy;

/// Everything that may change while running, see [`crate::Conductor::reconfigure`]. The defaults are those of the
/// reference without a configuration; `cliproxy-config` has its own, which a service always sets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Extra rounds after one in which every credential failed (`request-retry`). Default 0.
    pub request_retry: u32,
    /// Further extra rounds for streams, before their first event (`streaming.bootstrap-retries`). Default 0.
    pub bootstrap_retries: u32,
    /// The longest a request waits between rounds (`max-retry-interval`); zero forbids waiting, not rounds.
    pub max_retry_interval: Duration,
    /// Credentials tried in one round (`max-retry-credentials`); 0 means all.
    pub max_retry_credentials: usize,
    /// Attempts of one request that may end in an endpoint's fault. Default 3.
    pub endpoint_attempts: u32,
    /// How long things cool.
    pub backoff: BackoffPolicy,
    /// Cool nothing (`disable-cooling`); a credential's own setting wins.
    pub disable_cooling: bool,
    /// Who goes next (`routing.strategy`).
    pub strategy: Strategy,
    /// Keeps conversations on their credential; `None` switches it off (`routing.session-affinity`).
    pub affinity: Option<AffinityOptions>,
    /// Whether prefixed credentials are reachable by prefix only (`force-model-prefix`).
    pub force_model_prefix: bool,
    /// Names for models of any provider. What a credential offers under the same name wins; a full name beats
    /// a pattern, and a pattern one that says less.
    pub model_aliases: Vec<ModelAlias>,
    /// Names for models of a provider's accounts (`oauth-model-alias`), never of its API keys.
    pub channel_aliases: BTreeMap<ProviderId, Vec<ChannelAlias>>,
    /// Models that a provider's accounts do not offer (`oauth-excluded-models`); `*` matches anything.
    pub channel_exclusions: BTreeMap<ProviderId, Vec<String>>,
    /// Failures of a provider that are about the request alone (`oauth-request-scoped-errors`), asked after the
    /// credential's own.
    pub channel_rules: BTreeMap<ProviderId, Vec<RequestScopedRule>>,
    /// How many retries an outage may cost.
    pub retry_budget: BudgetOptions,
    /// When an endpoint is left alone.
    pub breaker: BreakerOptions,
    /// How credentials are renewed.
    pub renewal: RenewalOptions,
}

impl Options {
    /// Whether nothing of this credential cools: its own word wins.
    pub(crate) fn is_cooling_off(&self, credential: &Credential) -> bool {
        credential.settings().limits.disable_cooling.unwrap_or(self.disable_cooling)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            request_retry: 0,
            bootstrap_retries: 0,
            max_retry_interval: Duration::ZERO,
            max_retry_credentials: 0,
            endpoint_attempts: 3,
            backoff: BackoffPolicy::default(),
            disable_cooling: false,
            strategy: Strategy::RoundRobin,
            affinity: Some(AffinityOptions::default()),
            force_model_prefix: false,
            model_aliases: Vec::new(),
            channel_aliases: BTreeMap::new(),
            channel_exclusions: BTreeMap::new(),
            channel_rules: BTreeMap::new(),
            retry_budget: BudgetOptions::default(),
            breaker: BreakerOptions::default(),
            renewal: RenewalOptions::default(),
        }
    }
}

/// Who goes next.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Each in turn; several providers by their number of ready credentials.
    #[default]
    RoundRobin,
    /// The first that is ready; several providers in order.
    FillFirst,
    /// Smoothly by weight.
    Weighted,
    /// Somebody else's rule; several providers by their number of ready credentials.
    Custom(Arc<dyn Selector>),
}

/// Another name for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelAlias {
    /// What clients ask for; `*` matches anything.
    pub name: String,
    /// What they get: an offered model, with or without a thinking suffix, or another alias.
    pub target: String,
}

impl ModelAlias {
    /// An alias.
    #[must_use]
    pub fn new(name: impl Into<String>, target: impl Into<String>) -> Self {
        Self { name: name.into(), target: target.into() }
    }
}

/// Another name for a model of a provider's accounts. Source: runtime.md A.4.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelAlias {
    /// The provider's name for it.
    pub name: String,
    /// What clients call it.
    pub alias: String,
    /// Whether the original name stays.
    pub fork: bool,
    /// Whether replies name the alias; `None` means yes.
    pub force_mapping: Option<bool>,
}

impl ChannelAlias {
    /// A renaming.
    #[must_use]
    pub fn new(name: impl Into<String>, alias: impl Into<String>) -> Self {
        Self { name: name.into(), alias: alias.into(), fork: false, force_mapping: None }
    }

    /// Keeps the original name too.
    #[must_use]
    pub fn with_fork(mut self, fork: bool) -> Self {
        self.fork = fork;
        self
    }

    /// Says whether replies name the alias.
    #[must_use]
    pub fn with_force_mapping(mut self, force: Option<bool>) -> Self {
        self.force_mapping = force;
        self
    }
}

/// How conversations stick. Source: runtime.md A.10 `routing.session-affinity-ttl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AffinityOptions {
    /// How long a silent conversation is remembered. Default 1 h.
    pub ttl: Duration,
    /// How many conversations are remembered. Default 65 536.
    pub capacity: usize,
    /// A conversation named only by its prompt cache key goes elsewhere while its credential serves this many
    /// requests. Default 8.
    pub weak_in_flight: usize,
}

impl Default for AffinityOptions {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(3600), capacity: 65_536, weak_in_flight: 8 }
    }
}

impl AffinityOptions {
    /// Sets how long a silent conversation is remembered; zero keeps the default.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        if !ttl.is_zero() {
            self.ttl = ttl;
        }
        self
    }
}

/// How many retries of endpoint faults the whole process may make: an outage must not multiply the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetOptions {
    /// Retries earned by a hundred requests. Default 20.
    pub percent: u32,
    /// Retries that are always there, refilled at one a second. Default 10.
    pub reserve: u32,
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self { percent: 20, reserve: 10 }
    }
}

/// When an endpoint is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerOptions {
    /// Endpoint faults in a row that open it; 0 never does. Default 10.
    pub threshold: u32,
    /// How long it stays open at first; it doubles up to `longest`. Default 2 s.
    pub open: Duration,
    /// The longest it stays open. Default 30 s.
    pub longest: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { threshold: 10, open: Duration::from_secs(2), longest: Duration::from_secs(30) }
    }
}

/// How credentials are renewed. Source: runtime.md D.13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenewalOptions {
    /// Renewals at the same time (`auth-auto-refresh-workers`). Read once, at the start. Default 16.
    pub workers: usize,
    /// The pause after the first failure; it doubles up to `longest_pause`. Default 1 min.
    pub first_pause: Duration,
    /// The longest pause. Default 5 min.
    pub longest_pause: Duration,
}

impl Default for RenewalOptions {
    fn default() -> Self {
        Self { workers: 16, first_pause: Duration::from_secs(60), longest_pause: Duration::from_secs(300) }
    }
}

impl RenewalOptions {
    /// Sets the number of workers; 0 keeps the default.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        if workers > 0 {
            self.workers = workers;
        }
        self
    }
}
