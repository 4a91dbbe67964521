//! The other sections: server, routing, OAuth models, payload, endpoints, management, environment keys.

use cliproxy_config::{Environment, Host, ImageGeneration, Loader, LogLevel, Strategy};
use serde_json::json;

use crate::{config, load};

#[test]
fn hosts_are_understood() {
    for (written, shown, loopback) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("'[::1]'", "[::1]", true),
        ("'::1'", "[::1]", true),
        ("localhost", "localhost", true),
        ("0.0.0.0", "0.0.0.0", false),
        ("'*'", "0.0.0.0", false),
        ("10.0.0.1", "10.0.0.1", false),
        ("proxy.lan", "proxy.lan", false),
    ] {
        let text = format!("host: {written}\napi-keys: [k]\n");
        let host = crate::try_load(&text).unwrap().config.server.host;
        assert_eq!((host.to_string().as_str(), host.is_loopback()), (shown, loopback), "{written}");
    }
    assert_eq!(crate::try_load("host: '::'\napi-keys: [k]\n").unwrap().config.server.host, Host::All);
}

#[test]
fn tls_needs_to_be_switched_on() {
    assert_eq!(config("tls: {enable: false, cert: a, key: b}").server.tls, None);
    let tls = config("tls: {enable: yes, cert: a.pem, key: b.pem}").server.tls.unwrap();
    assert_eq!((tls.cert.to_str(), tls.key.to_str()), (Some("a.pem"), Some("b.pem")));
}

#[test]
fn strategies_have_many_spellings_and_anything_else_is_round_robin() {
    for (written, wanted) in [
        ("round-robin", Strategy::RoundRobin),
        (" FillFirst ", Strategy::FillFirst),
        ("ff", Strategy::FillFirst),
        ("fill-first", Strategy::FillFirst),
        ("WRR", Strategy::WeightedRoundRobin),
        ("weightedroundrobin", Strategy::WeightedRoundRobin),
        ("weighted-round-robin", Strategy::WeightedRoundRobin),
        ("random", Strategy::RoundRobin),
    ] {
        let loaded = load(&format!("routing: {{strategy: '{written}'}}"));
        assert_eq!(loaded.config.routing.strategy, wanted, "{written}");
        assert_eq!(loaded.notices.len(), usize::from(written == "random"), "{written}");
    }
}

#[test]
fn clamps_are_the_references() {
    let config = config(
        "request-retry: -4\nmax-retry-credentials: -1\nerror-logs-max-files: -1\nlogs-max-total-size-mb: -5\nredis-usage-queue-retention-seconds: 99999\nauth-auto-refresh-workers: 0\ntransient-error-cooldown-seconds: -1\nrouting: {session-affinity: false, session-affinity-ttl: soon}\n",
    );
    assert_eq!((config.retry.request_retry, config.retry.max_credentials), (0, None));
    assert_eq!((config.log.error_files, config.log.max_total_megabytes), (10, None));
    assert_eq!(config.usage.queue_retention.as_secs(), 3600);
    assert_eq!(config.refresh_workers, 16);
    assert_eq!(config.cooldown.transient, None);
    assert!(!config.routing.session_affinity);
    assert_eq!(config.routing.session_affinity_ttl.as_secs(), 3600);
}

#[test]
fn lengths_and_sizes_are_read_in_any_unit() {
    for (written, seconds) in
        [("90", 90.0), ("1.5", 1.5), ("1m30s", 90.0), ("2h", 7200.0), ("250ms", 0.25), ("1d", 86_400.0)]
    {
        let config = config(&format!("upstream: {{first-byte-timeout: {written}}}"));
        assert!(
            (config.upstream.first_byte_timeout.unwrap().as_secs_f64() - seconds).abs() < 1e-9,
            "{written}"
        );
    }
    for (written, bytes) in
        [("1024", 1024), ("1KiB", 1024), ("2 MB", 2 << 20), ("1g", 1 << 30), ("1_000", 1000)]
    {
        assert_eq!(
            config(&format!("limits: {{max-body-bytes: {written}}}")).server.limits.max_body_bytes,
            bytes
        );
    }
    let state = config("opaque-state: {enabled: false, max-bytes: 1MiB, max-age: 90s}").opaque_state;
    assert_eq!((state.enabled, state.max_bytes, state.max_age.as_secs()), (false, 1 << 20, 90));
    let state = config("port: 1").opaque_state;
    assert_eq!((state.enabled, state.max_bytes, state.max_age.as_secs()), (true, 16 << 20, 3600));
    assert_eq!(config("limits: {max-connections: 0}").server.limits.max_connections, None);
}

#[test]
fn oauth_aliases_follow_the_reference() {
    // Source: runtime.md A.4, L.1.3.
    let loaded = load(
        "
oauth-model-alias:
  ' Antigravity ':
    - {name: a, alias: x, fork: true, display-name: X, force-mapping: false}
    - {name: a, alias: y}
    - {name: b, alias: X}
    - {name: same, alias: SAME}
    - {name: '', alias: z}
  codex: []
",
    );
    let aliases = &loaded.config.oauth_model_alias;
    assert_eq!(aliases.keys().collect::<Vec<_>>(), ["antigravity"]);
    let found: Vec<(&str, &str, bool)> =
        aliases["antigravity"].iter().map(|a| (a.name.as_str(), a.alias.as_str(), a.fork)).collect();
    assert_eq!(found, [("a", "x", true), ("a", "y", false)]);
    assert_eq!(aliases["antigravity"][0].force_mapping, Some(false));
    assert_eq!(loaded.notices.len(), 3, "every entry that is left out is reported");
    let old = load("oauth-model-mappings: {codex: [{name: a, alias: b}]}");
    assert_eq!(old.config.oauth_model_alias["codex"].len(), 1);
    let both = load("oauth-model-mappings: {codex: [{name: a, alias: b}]}\noauth-model-alias: {}");
    assert!(both.config.oauth_model_alias.is_empty(), "the new field counts, even when it is empty");
}

#[test]
fn oauth_exclusions_and_rules_are_by_channel() {
    let config = config(
        "oauth-excluded-models: {Gemini-CLI: [A*, a*, b], claude: []}\noauth-request-scoped-errors: {Codex: [{status: 422, action: stop}]}",
    );
    assert_eq!(config.oauth_excluded_models.len(), 1);
    assert_eq!(config.oauth_excluded_models["gemini-cli"], ["a*", "b"]);
    assert_eq!(config.oauth_request_scoped_errors["codex"][0].status, 422);
}

#[test]
fn global_aliases_keep_the_order_of_the_file() {
    let names = |text: &str| -> Vec<(String, String)> {
        config(text).model_aliases.into_iter().map(|alias| (alias.alias, alias.target)).collect()
    };
    let wanted = [("z".to_owned(), "m1".to_owned()), ("a".to_owned(), "m2".to_owned())];
    assert_eq!(names("model-aliases: {z: m1, a: m2}"), wanted);
    assert_eq!(
        names("model-aliases: [{alias: z, name: m1}, {alias: a, name: m2}, {alias: z, name: m3}]"),
        wanted
    );
}

#[test]
fn payload_rules_are_typed_and_raw_ones_are_checked() {
    let loaded = load(
        r#"
payload:
  default:
    - models: [{name: "gemini-*", protocol: Gemini, from-protocol: openai, headers: {User-Agent: "codex*"}, match: [{a.b: 1}, {c: x}], not-match: {d: true}, exist: [e], not-exist: [f]}]
      params: {z.first: 32768, a.second: "0.5", third: [1, null]}
    - models: [{name: x}]
  override:
    - models: [{name: m}, {protocol: codex}]
      params: {reasoning.effort: high}
  default-raw:
    - models: [{name: m}]
      params: {good: '{"a": 1}', mapped: {b: [2]}, number: 3}
    - models: [{name: m}]
      params: {good: '{"a": 1}', bad: '{nope'}
    - models: [{name: m}]
  override-raw:
    - models: [{name: m}]
      params: {word: foo}
  filter:
    - models: [{name: m}]
      params: [a.b, c]
"#,
    );
    let payload = &loaded.config.payload;
    assert_eq!(payload.default.len(), 1);
    let rule = &payload.default[0];
    let params: Vec<(&str, serde_json::Value)> =
        rule.params.iter().map(|(p, v)| (p.as_str(), v.clone())).collect();
    assert_eq!(params, [("z.first", json!(32768)), ("a.second", json!("0.5")), ("third", json!([1, null]))]);
    let model = &rule.models[0];
    assert_eq!(
        (model.name.as_str(), model.protocol.as_str(), model.from_protocol.as_str()),
        ("gemini-*", "gemini", "openai")
    );
    assert_eq!(model.headers, [("user-agent".to_owned(), "codex*".to_owned())]);
    assert_eq!(
        model.matches.iter().map(|c| (c.path.as_str(), c.value.clone())).collect::<Vec<_>>(),
        [("a.b", json!(1)), ("c", json!("x"))]
    );
    assert_eq!((model.not_matches.len(), model.exist.len(), model.not_exist.len()), (1, 1, 1));
    assert_eq!(payload.overrides[0].models.len(), 1);
    assert_eq!(payload.default_raw.len(), 1, "a rule with invalid JSON goes as a whole");
    let raw: Vec<(&str, &str)> =
        payload.default_raw[0].params.iter().map(|(p, v)| (p.as_str(), v.as_str())).collect();
    assert_eq!(raw, [("good", r#"{"a": 1}"#), ("mapped", r#"{"b":[2]}"#), ("number", "3")]);
    assert!(payload.override_raw.is_empty(), "a word is no JSON");
    assert_eq!(payload.filter[0].params, ["a.b", "c"]);
    let dropped: Vec<String> =
        loaded.notices.iter().map(ToString::to_string).filter(|n| n.contains("is left out")).collect();
    assert_eq!(dropped.len(), 4);
    let invalid = "config.yaml:14:39: `payload.default-raw[1].params.bad` is left out: this is no valid JSON";
    assert!(dropped.iter().any(|notice| notice.starts_with(invalid)), "{dropped:?}");
    assert_eq!(payload.default[0].place.to_string(), "config.yaml:4:7");
}

#[test]
fn endpoints_and_oauth_clients_are_by_provider() {
    let environment = Environment::new([("IFLOW_CLIENT_SECRET", "from-env")]);
    let text = "host: localhost\nendpoints: {Claude: {API: 'https://mirror/'}}\noauth-endpoint-overrides: {claude: {api-base-url: 'https://old', token-url: 'https://t'}}\noauth-clients: {gemini-cli: {client-id: id, client-secret: s}}\n";
    let config = Loader::new(environment).load_str("c", text).unwrap().config;
    assert_eq!(config.endpoints["claude"]["api"].expose(), "https://mirror");
    assert_eq!(config.endpoints["claude"]["token"].expose(), "https://t");
    assert_eq!(config.oauth_clients["gemini-cli"].client_id.as_deref(), Some("id"));
    assert_eq!(config.oauth_clients["iflow"].client_secret.as_ref().unwrap().expose(), "from-env");
}

#[test]
fn keys_of_the_environment_are_offered_but_never_our_own() {
    let environment = || {
        Environment::new([
            ("ANTHROPIC_API_KEY", "ours"),
            ("OPENAI_API_KEY", "sk-o"),
            ("GEMINI_API_KEY", " "),
            ("MANAGEMENT_PASSWORD", "mp"),
        ])
    };
    let loaded = Loader::new(environment()).load_str("c", "api-keys: [ours]\n").unwrap();
    let found: Vec<(&str, &str)> =
        loaded.config.env_credentials.found.iter().map(|c| (c.provider, c.key.expose())).collect();
    assert_eq!(found, [("openai", "sk-o")]);
    assert!(
        loaded
            .notices
            .iter()
            .any(|notice| notice.to_string().starts_with("environment variable ANTHROPIC_API_KEY"))
    );
    // Nor one that pages come with.
    let loaded = Loader::new(environment()).load_str("c", "api-keys: [x]\nws-keys: [ours, sk-o]\n").unwrap();
    assert!(loaded.config.env_credentials.found.is_empty());
    assert_eq!(loaded.config.management.password.as_ref().unwrap().expose(), "mp");
    let off =
        Loader::new(environment()).load_str("c", "api-keys: [x]\nenv-credentials: false\n").unwrap().config;
    assert!(!off.env_credentials.enabled && off.env_credentials.found.is_empty());
}

#[test]
fn log_levels_and_image_policies_are_read() {
    assert_eq!(config("debug: true\nlog-level: warn").log.level, LogLevel::Debug);
    assert_eq!(config("debug: true\nlog-level: trace").log.level, LogLevel::Trace);
    assert_eq!(config("log-level: Warning").log.level, LogLevel::Warn);
    for (written, wanted) in [
        ("on", ImageGeneration::Disabled),
        ("'chat'", ImageGeneration::DisabledInChat),
        ("0", ImageGeneration::Enabled),
        ("passthrough", ImageGeneration::Passthrough),
    ] {
        assert_eq!(config(&format!("disable-image-generation: {written}")).images.generation, wanted);
    }
}

#[test]
fn example_keys_mean_safe_mode_and_repeats_are_left_out() {
    let loaded = load("api-keys: [own, your-api-key-2, own, '  ']");
    assert!(loaded.config.access.safe_mode);
    assert_eq!(loaded.config.access.api_keys.len(), 2);
    assert!(!config("api-keys: [own]").access.safe_mode);
    // Everybody knows what the sample file says, so it keeps nobody from relaying either.
    let pages = load("api-keys: [own]\nws-keys: [your-api-key-3]");
    assert!(pages.config.access.safe_mode);
    assert!(
        pages.notices.iter().any(|notice| notice.to_string().contains("`ws-keys`")),
        "{:?}",
        pages.notices
    );
}

#[test]
fn keys_of_pages_are_a_list_of_their_own_and_an_empty_one_names_nobody() {
    let keys = |text: &str| -> Option<Vec<String>> {
        let keys = config(text).access.ws_keys?;
        Some(keys.iter().map(|key| key.expose().to_owned()).collect())
    };
    assert_eq!(keys("api-keys: [k]"), None);
    assert_eq!(keys("api-keys: [k]\nws-keys: [page, k, page, '  ']").unwrap(), ["page", "k"]);
    // Nobody, and that was said.
    assert_eq!(keys("api-keys: [k]\nws-keys: []").unwrap().len(), 0);
    assert_eq!(keys("api-keys: [k]\nws-keys: ['']").unwrap().len(), 0);
    // A line without a value says nothing, here as everywhere.
    assert_eq!(keys("api-keys: [k]\nws-keys:\n"), None);
    let environment = Environment::new([("CLIPROXY__WS_KEYS", "one, two")]);
    let set = Loader::new(environment).load_str("c", "api-keys: [k]\n").unwrap().config.access.ws_keys;
    assert_eq!(set.unwrap().len(), 2);
    // Nobody is asked for a key.
    let loaded = load("api-keys: [k]\nws-keys: [page]\nws-auth: false");
    assert!(
        loaded
            .notices
            .iter()
            .any(|notice| notice.is_loud() && notice.to_string().contains("keeps nobody out")),
        "{:?}",
        loaded.notices
    );
}
