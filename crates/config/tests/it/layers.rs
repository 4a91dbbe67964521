//! Defaults < file < environment < flags, and where a value came from.

use cliproxy_config::{Config, Environment, Host, Loader, Overrides, Step, Strategy};

use crate::config;

#[test]
fn each_layer_beats_the_one_below() {
    let file = "host: 127.0.0.1\nport: 1\nauth-dir: /file\nrequest-retry: 1\n";
    let environment = Environment::new([("CLIPROXY__PORT", "2"), ("CLIPROXY__AUTH_DIR", "/environment")]);
    let mut overrides = Overrides::new();
    overrides.port = Some(3);
    let loaded = Loader::new(environment).overrides(overrides).load_str("config.yaml", file).unwrap();
    let config = &loaded.config;
    assert_eq!(
        (config.server.port, config.auth_dir.to_str().unwrap(), config.retry.request_retry),
        (3, "/environment", 1)
    );
    let origin = |key: &str| loaded.origin(&[Step::from(key)]).unwrap().to_string();
    assert_eq!(origin("port"), "flag --port");
    assert_eq!(origin("auth-dir"), "environment variable CLIPROXY__AUTH_DIR");
    assert_eq!(origin("request-retry"), "config.yaml:4:16");
    assert!(origin("max-retry-interval").starts_with("built-in default"));
}

#[test]
fn variables_reach_every_level_and_are_read_leniently() {
    let environment = Environment::new([
        ("CLIPROXY__API_KEYS", "one, two"),
        ("CLIPROXY__ROUTING__STRATEGY", "FF"),
        ("CLIPROXY__ROUTING__SESSION_AFFINITY", "off"),
        ("CLIPROXY__LIMITS__MAX_BODY_BYTES", "1MiB"),
        ("CLIPROXY__ENDPOINTS__GEMINI_CLI__TOKEN", "http://127.0.0.1:1/token"),
        ("CLIPROXY__CLAUDE_API_KEY", "[{api-key: k, prefix: p}]"),
        ("CLIPROXY__OAUTH_EXCLUDED_MODELS__CLAUDE", "a, B"),
        ("CLIPROXY__PROXY_URL", ""),
    ]);
    let text = "proxy-url: http://proxy:1\nrouting:\n  session-affinity-ttl: 5m\n";
    let config = Loader::new(environment).load_str("config.yaml", text).unwrap().config;
    assert_eq!(config.access.api_keys.iter().map(|key| key.expose()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(config.routing.strategy, Strategy::FillFirst);
    assert!(!config.routing.session_affinity);
    assert_eq!(config.routing.session_affinity_ttl.as_secs(), 300);
    assert_eq!(config.server.limits.max_body_bytes, 1 << 20);
    assert_eq!(config.endpoints["gemini-cli"]["token"].expose(), "http://127.0.0.1:1/token");
    assert_eq!(config.credentials.claude[0].prefix.as_deref(), Some("p"));
    assert_eq!(config.oauth_excluded_models["claude"], ["a", "b"]);
    assert_eq!(config.proxy_url, None);
}

#[test]
fn a_mistake_in_a_variable_names_the_variable() {
    let environment = Environment::new([("CLIPROXY__PORT", "high"), ("CLIPROXY__DBUG", "1")]);
    let loader = Loader::new(environment);
    let errors = loader.load_str("config.yaml", "host: localhost\n").unwrap_err();
    assert!(
        errors.to_string().starts_with("environment variable CLIPROXY__PORT: `port`: \"high\""),
        "{errors}"
    );
    let environment = Environment::new([("CLIPROXY__DBUG", "1")]);
    let loaded = Loader::new(environment).load_str("config.yaml", "host: localhost\n").unwrap();
    assert!(
        loaded.notices[0]
            .to_string()
            .contains("environment variable CLIPROXY__DBUG: `dbug` is not a known key")
    );
}

#[test]
fn without_a_file_it_listens_on_loopback_and_a_file_means_all_interfaces() {
    assert!(Config::default().server.host.is_loopback());
    assert!(
        Loader::new(Environment::default()).load_without_file().unwrap().config.server.host.is_loopback()
    );
    let file = Loader::new(Environment::default()).load_str("config.yaml", "api-keys: [k]\n").unwrap();
    assert_eq!(file.config.server.host, Host::All);
}

#[test]
fn the_built_in_defaults_are_what_they_should_be() {
    let config = config("");
    assert_eq!(config.server.port, 8317);
    assert_eq!(config.server.shutdown_grace.as_secs(), 30);
    assert_eq!(config.server.limits.max_body_bytes, 64 << 20);
    assert_eq!(config.server.limits.max_concurrent_requests, Some(4096));
    assert_eq!(config.auth_dir.to_str(), Some("/home/me/.cli-proxy-api"));
    assert_eq!((config.retry.request_retry, config.retry.max_interval.as_secs()), (3, 30));
    assert_eq!(config.retry.max_credentials, None);
    assert_eq!(config.cooldown.max.as_secs(), 1800);
    assert_eq!(config.cooldown.transient.unwrap().as_secs(), 60);
    assert_eq!(config.streaming.keepalive.unwrap().as_secs(), 15);
    assert_eq!((config.streaming.bootstrap_retries, config.streaming.nonstream_keepalive), (1, None));
    assert!(config.routing.session_affinity && config.access.ws_auth && config.env_credentials.enabled);
    assert!(!config.access.allow_unauthenticated && !config.access.safe_mode);
    assert_eq!(config.upstream.first_byte_timeout, None);
    assert_eq!(config.upstream.connect_timeout.as_secs(), 10);
    assert_eq!(config.refresh_workers, 16);
    assert_eq!(config.log.error_files, 10);
    assert!(config.credentials.is_empty());
    let defaults = Config::default();
    assert_eq!(
        (
            defaults.server.limits.clone(),
            defaults.upstream.clone(),
            defaults.routing.clone(),
            defaults.retry.clone()
        ),
        (config.server.limits.clone(), config.upstream.clone(), config.routing.clone(), config.retry.clone())
    );
}

#[test]
fn off_and_zero_and_negative_switch_intervals_off() {
    for value in ["0", "-1", "off", "false", "-5s"] {
        let config =
            config(&format!("streaming: {{keepalive-seconds: {value}}}\nmax-retry-interval: {value}"));
        assert_eq!(config.streaming.keepalive, None, "{value}");
        assert!(config.retry.max_interval.is_zero(), "{value}");
    }
}
