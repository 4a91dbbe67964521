//! The configuration in each crate's own words. Wiring only: no rule lives here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cliproxy_access::{ConfigKeys, Keyless};
use cliproxy_conductor::{
    AffinityOptions, BackoffPolicy, ChannelAlias, ModelAlias, RenewalOptions, Strategy,
};
use cliproxy_config::{Config, Environment, Host, ProxySetting};
use cliproxy_core::ProviderId;
use cliproxy_executors::Egress;
use cliproxy_transport::{
    BodyLimits, ClientOptions, ProxyChoice, ProxyEnvironment, ProxyUrlError, ServerOptions, ServerTls,
};

use crate::{code_assist, payload};

/// What the bridge is told.
pub(crate) fn bridge(config: &Config) -> cliproxy_bridge::Options {
    let (rules, problems) = payload::compile(config);
    for problem in problems {
        tracing::warn!("{problem}");
    }
    let mut options = cliproxy_bridge::Options::default();
    options.payload = Arc::new(rules);
    options.passthrough_headers = config.passthrough_headers;
    options.state_bytes = if config.opaque_state.enabled { config.opaque_state.max_bytes } else { 0 };
    options.state_age = config.opaque_state.max_age;
    options
}

/// What the conductor is told.
pub(crate) fn conductor(config: &Config) -> cliproxy_conductor::Options {
    let mut options = cliproxy_conductor::Options::default();
    options.request_retry = config.retry.request_retry;
    options.bootstrap_retries = config.streaming.bootstrap_retries;
    options.max_retry_interval = config.retry.max_interval;
    options.max_retry_credentials = config.retry.max_credentials.map_or(0, |count| count as usize);
    options.backoff = backoff(config);
    options.disable_cooling = config.cooldown.disabled;
    options.strategy = match config.routing.strategy {
        cliproxy_config::Strategy::FillFirst => Strategy::FillFirst,
        cliproxy_config::Strategy::WeightedRoundRobin => Strategy::Weighted,
        _ => Strategy::RoundRobin,
    };
    let affinity = AffinityOptions::default().with_ttl(config.routing.session_affinity_ttl);
    options.affinity = config.routing.session_affinity.then_some(affinity);
    options.force_model_prefix = config.routing.force_model_prefix;
    options.model_aliases =
        config.model_aliases.iter().map(|alias| ModelAlias::new(&*alias.alias, &*alias.target)).collect();
    options.channel_aliases = config
        .oauth_model_alias
        .iter()
        .map(|(channel, aliases)| {
            (ProviderId::normalized(channel), aliases.iter().map(channel_alias).collect())
        })
        .collect::<BTreeMap<_, _>>();
    options.channel_exclusions = config
        .oauth_excluded_models
        .iter()
        .map(|(channel, models)| (ProviderId::normalized(channel), models.clone()))
        .collect();
    options.channel_rules = config
        .oauth_request_scoped_errors
        .iter()
        .map(|(channel, rules)| {
            (ProviderId::normalized(channel), rules.iter().filter_map(crate::credentials::rules).collect())
        })
        .collect();
    options.renewal = RenewalOptions::default().with_workers(config.refresh_workers as usize);
    options
}

fn backoff(config: &Config) -> BackoffPolicy {
    let transient =
        config.cooldown.transient.map_or(-1, |wait| i64::try_from(wait.as_secs()).unwrap_or(i64::MAX));
    BackoffPolicy::default().with_transient_seconds(transient).with_max_cooldown(config.cooldown.max)
}

fn channel_alias(alias: &cliproxy_config::OauthAlias) -> ChannelAlias {
    ChannelAlias::new(&*alias.name, &*alias.alias)
        .with_fork(alias.fork)
        .with_force_mapping(alias.force_mapping)
}

/// Whether a configuration without keys admits everybody. It was refused if keyless and reachable from elsewhere,
/// unless the user allowed it; an embedder with a door of its own wants no other.
pub(crate) fn keyless(config: &Config, own_door: bool) -> Keyless {
    if config.access.api_keys.is_empty() && !own_door { Keyless::Admit } else { Keyless::Refuse }
}

/// The keys that pages have to show, where not every client key will do.
pub(crate) fn relay_keys(config: &Config) -> Option<ConfigKeys> {
    config.access.ws_keys.clone().map(|keys| ConfigKeys::new(keys, Keyless::Refuse))
}

/// The keys that differ and are read at the start only. Source: runtime.md A.8.
pub(crate) fn cold_keys(old: &Config, new: &Config) -> Vec<&'static str> {
    let (was, is) = (&old.server, &new.server);
    let at_start = |limits: &cliproxy_config::Limits| {
        let sockets = (limits.max_connections, limits.max_concurrent_requests, limits.max_header_bytes);
        (sockets, limits.header_read_timeout, limits.idle_timeout, limits.tls_handshake_timeout)
    };
    [
        ("host", was.host != is.host),
        ("port", was.port != is.port),
        ("tls", was.tls != is.tls),
        ("limits", at_start(&was.limits) != at_start(&is.limits)),
        ("shutdown-grace-seconds", was.shutdown_grace != is.shutdown_grace),
        ("auth-dir", old.auth_dir != new.auth_dir),
        ("upstream", old.upstream != new.upstream),
        ("auth-auto-refresh-workers", old.refresh_workers != new.refresh_workers),
        ("save-cooldown-status", old.cooldown.save != new.cooldown.save),
    ]
    .into_iter()
    .filter_map(|(key, changed)| changed.then_some(key))
    .collect()
}

/// The providers whose renewals go by another OAuth client or other URLs now.
pub(crate) fn renewed_otherwise(old: &Config, new: &Config) -> Vec<ProviderId> {
    let clients = old.oauth_clients.keys().chain(new.oauth_clients.keys());
    let urls = old.endpoints.keys().chain(new.endpoints.keys());
    let named: BTreeSet<&String> = clients.chain(urls).collect();
    named
        .into_iter()
        .filter(|provider| {
            old.oauth_clients.get(*provider) != new.oauth_clients.get(*provider)
                || old.endpoints.get(*provider) != new.endpoints.get(*provider)
        })
        .map(ProviderId::new)
        .collect()
}

/// What the client routes are told.
pub(crate) fn routes(config: &Config, own_door: bool, egress: &Egress) -> cliproxy_http::Options {
    let limits = &config.server.limits;
    let mut options = cliproxy_http::Options::default();
    options.body = BodyLimits::new()
        .with_max_bytes(limits.max_body_bytes)
        .with_max_decoded_bytes(limits.max_decompressed_bytes)
        .with_idle_timeout(limits.idle_timeout.min(Duration::from_secs(60)));
    options.keepalive = config.streaming.keepalive;
    options.whole_keepalive = config.streaming.nonstream_keepalive;
    options.keyed = own_door || !config.access.api_keys.is_empty();
    options.safe_mode = config.access.safe_mode;
    options.explain = config.log.trace;
    options.code_assist = code_assist::onward(config, egress);
    options.relay_keyed = config.access.ws_auth;
    options.relay_origins.clone_from(&config.access.ws_origins);
    options.relay_access = relay_keys(config).map(|keys| Arc::new(keys) as _);
    if let Host::Name(name) = &config.server.host {
        options.own_hosts.push(name.clone());
    }
    options
}

/// What the listener is told.
pub(crate) fn server(config: &Config) -> ServerOptions {
    let server = &config.server;
    let host = match &server.host {
        Host::All => String::new(),
        Host::Ip(address) => address.to_string(),
        Host::Name(name) => name.clone(),
        _ => String::new(),
    };
    let limits = &server.limits;
    let mut options = ServerOptions::new(host, server.port)
        .with_timeouts(limits.header_read_timeout, limits.idle_timeout)
        .with_tls_handshake_timeout(limits.tls_handshake_timeout);
    options.max_header_bytes = limits.max_header_bytes;
    if let Some(most) = limits.max_connections {
        options = options.with_max_connections(most as usize);
    }
    if let Some(most) = limits.max_concurrent_requests {
        options = options.with_max_requests(most as usize);
    }
    match &server.tls {
        Some(tls) => options.with_tls(ServerTls::new(&tls.cert, &tls.key)),
        None => options,
    }
}

/// What the HTTP client is told.
pub(crate) fn client(config: &Config, environment: &Environment) -> ClientOptions {
    let upstream = &config.upstream;
    let mut options = ClientOptions::new()
        .with_environment(ProxyEnvironment::from_lookup(|name| environment.get(name).map(str::to_owned)))
        .with_connect_timeout(upstream.connect_timeout)
        .with_first_byte_timeout(upstream.first_byte_timeout)
        .with_idle_timeout(upstream.idle_timeout);
    options.max_idle_per_host = upstream.idle_connections as usize;
    options.tcp_keep_alive = upstream.tcp_keepalive;
    options.http2 = upstream.http2;
    options.http2_ping_interval = upstream.http2_ping_interval;
    options.http2_ping_timeout = upstream.http2_ping_timeout;
    options.http2_max_streams = upstream.http2_streams_per_connection as usize;
    options
}

/// The configuration's own proxy.
pub(crate) fn proxy(config: &Config) -> Result<ProxyChoice, ProxyUrlError> {
    config
        .proxy_url
        .as_ref()
        .map_or(Ok(ProxyChoice::Environment), |proxy| ProxyChoice::parse(ProxySetting::expose(proxy)))
}
