//! Entries that hold keys: every field, and the reference's sanitizers.

use cliproxy_config::{KeyEntry, Notice, ProxySetting, RequestScopedAction};

use crate::{config, load};

fn keys(entries: &[KeyEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.api_key.as_ref().map_or("", |key| key.expose())).collect()
}

const FULL: &str = "
claude-api-key:
  - api-key: ' k1 '
    priority: 5
    weight: 0
    prefix: /team/
    base-url: https://u:p@api.example.com/v1/
    proxy-url: socks5://u:p@127.0.0.1:1080
    headers: {X-Team: blue, ' ': x, Empty: ''}
    models:
      - {name: m, alias: a, display-name: D, max-context-length: 200000, force-mapping: false, is-compat: yes, image: true, input-modalities: [text, image], output-modalities: [text], thinking: {min: 1024, max: 32000, zero-allowed: true, dynamic-allowed: true, levels: [Low, HIGH]}}
      - bare
      - {display-name: nothing}
    excluded-models: [' Opus-* ', opus-*, '', haiku]
    disable-cooling: false
    request-retry: 0
    request-scoped-errors:
      - {status: 400, match: context length, match-regexr: [a, b], action: continue-and-cooldown}
    rebuild-mid-system-message: true
    comment: mine
  - base-url: https://keyless.example.com
  - comment: neither key nor url
";

#[test]
fn every_field_of_an_entry_is_read() {
    let config = config(FULL);
    let entries = &config.credentials.claude;
    assert_eq!(keys(entries), ["k1", ""]);
    let entry = &entries[0];
    assert_eq!((entry.priority, entry.weight), (5, Some(0)));
    assert_eq!(entry.prefix.as_deref(), Some("team"));
    assert_eq!(entry.base_url.as_ref().unwrap().expose(), "https://u:p@api.example.com/v1");
    assert_eq!(entry.base_url.as_ref().unwrap().to_string(), "https://api.example.com/v1");
    assert_eq!(entry.proxy_url.as_ref().unwrap().expose(), "socks5://u:p@127.0.0.1:1080");
    assert_eq!(
        entry.headers.iter().map(|(n, v)| (n.as_str(), v.expose())).collect::<Vec<_>>(),
        [("X-Team", "blue")]
    );
    assert_eq!(entry.excluded_models, ["opus-*", "haiku"]);
    assert_eq!((entry.disable_cooling, entry.request_retry), (Some(false), Some(0)));
    let rule = &entry.request_scoped_errors[0];
    assert_eq!((rule.status, rule.action), (400, RequestScopedAction::ContinueAndCooldown));
    assert_eq!(
        (rule.contains.clone(), rule.patterns.clone()),
        (vec!["context length".to_owned()], vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(entry.rebuild_mid_system_message, Some(true));
    assert_eq!(entry.comment.as_deref(), Some("mine"));

    let model = &entry.models[0];
    assert_eq!(
        (model.name.as_str(), model.alias.as_str(), model.display_name.as_deref()),
        ("m", "a", Some("D"))
    );
    assert_eq!(
        (model.max_context_length, model.force_mapping, model.is_compat, model.image),
        (Some(200_000), Some(false), Some(true), true)
    );
    assert_eq!(
        (model.input_modalities.join(","), model.output_modalities.join(",")),
        ("text,image".to_owned(), "text".to_owned())
    );
    let thinking = model.thinking.as_ref().unwrap();
    assert_eq!(
        (thinking.budget, thinking.zero_allowed, thinking.dynamic_allowed),
        (Some((1024, 32_000)), true, true)
    );
    assert_eq!(thinking.levels, ["low", "high"]);
    assert_eq!(
        (entry.models[1].name.as_str(), entry.models[1].alias.as_str(), entry.models.len()),
        ("bare", "", 2)
    );
}

#[test]
fn presence_matters_where_absence_inherits() {
    let config = config(
        "claude-api-key:\n  - api-key: a\n  - {api-key: b, disable-cooling: true, request-retry: -1}\n",
    );
    let entries = &config.credentials.claude;
    assert_eq!((entries[0].disable_cooling, entries[0].request_retry, entries[0].weight), (None, None, None));
    assert_eq!((entries[1].disable_cooling, entries[1].request_retry), (Some(true), None));
}

#[test]
fn prefixes_are_normalised() {
    for (written, wanted) in
        [("a", Some("a")), ("/a/", Some("a")), (" a ", Some("a")), ("a/b", None), ("/", None), ("''", None)]
    {
        let config = config(&format!("claude-api-key: [{{api-key: k, prefix: {written}}}]"));
        assert_eq!(config.credentials.claude[0].prefix.as_deref(), wanted, "{written}");
    }
}

#[test]
fn each_family_drops_what_its_sanitizer_drops() {
    let entries = "
  - {api-key: a, base-url: 'https://h'}
  - {api-key: a, base-url: 'https://h'}
  - {api-key: a, base-url: 'https://h', prefix: p}
  - {api-key: b}
  - {base-url: 'https://h'}
  - {prefix: only}
";
    // Source: runtime.md A.3.
    let cases = [
        ("gemini-api-key", vec!["a", "a", "b", ""]),
        ("interactions-api-key", vec!["a", "a", "b", ""]),
        ("vertex-api-key", vec!["a", "b"]),
        ("codex-api-key", vec!["a", "a", "a", "b", ""]),
        ("xai-api-key", vec!["a", "a", "a", "b", ""]),
        ("claude-api-key", vec!["a", "a", "a", "b", ""]),
    ];
    for (list, wanted) in cases {
        let loaded = load(&format!("{list}:{entries}"));
        let credentials = &loaded.config.credentials;
        let found = match list {
            "gemini-api-key" => &credentials.gemini,
            "interactions-api-key" => &credentials.interactions,
            "vertex-api-key" => &credentials.vertex,
            "codex-api-key" => &credentials.codex,
            "xai-api-key" => &credentials.xai,
            _ => &credentials.claude,
        };
        assert_eq!(keys(found), wanted, "{list}");
        let dropped = loaded.notices.iter().filter(|notice| matches!(notice, Notice::Dropped { .. })).count();
        assert_eq!(dropped, 6 - wanted.len(), "{list}: every dropped entry is reported");
    }
}

#[test]
fn vertex_models_need_both_names() {
    let config =
        config("vertex-api-key: [{api-key: k, models: [{name: a}, {alias: b}, {name: c, alias: d}]}]");
    assert_eq!(config.credentials.vertex[0].models.len(), 1);
}

#[test]
fn openai_compatible_services_are_read() {
    let loaded = load(
        "
openai-compatibility:
  - name: Router
    base-url: https://r.example.com/api/v1/
    disabled: on
    priority: 2
    prefix: r
    headers: {X: y}
    support-prompt-cache-key: true
    disable-cooling: true
    request-retry: 2
    api-key-entries:
      - {api-key: a, proxy-url: direct, weight: 3, comment: c}
      - {api-key: ''}
      - b
    api-keys: [a, old]
    models: [{name: m, alias: pool}, {name: n, alias: pool}]
  - {base-url: 'https://second.example.com'}
  - {name: no-url}
",
    );
    let services = &loaded.config.credentials.openai_compatibility;
    assert_eq!(services.len(), 2);
    let service = &services[0];
    assert_eq!(
        (service.name.as_str(), service.base_url.expose(), service.disabled),
        ("Router", "https://r.example.com/api/v1", true)
    );
    let keys: Vec<&str> =
        service.api_keys.iter().map(|key| key.api_key.as_ref().map_or("", |key| key.expose())).collect();
    assert_eq!(keys, ["a", "", "b", "old"]);
    assert_eq!(
        (service.api_keys[0].weight, &service.api_keys[0].proxy_url),
        (Some(3), &Some(ProxySetting::Direct))
    );
    assert_eq!(
        (service.disable_cooling, service.request_retry, service.support_prompt_cache_key),
        (Some(true), Some(2), true)
    );
    assert_eq!(service.models.len(), 2, "a repeated alias is a pool");
    assert_eq!((services[1].name.as_str(), services[1].api_keys.len()), ("openai-compatibility", 0));
    assert!(loaded.notices.iter().any(|notice| {
        notice.to_string().contains("`openai-compatibility[2]` is left out: it needs a `base-url`")
    }));
}

#[test]
fn kiro_entries_have_a_token_or_a_file_that_holds_one() {
    // Source: runtime.md C.5 "without an access token the entry is skipped".
    let loaded = load(
        "kiro:\n  - {profile-arn: p}\n  - {token-file: ~/t.json, access-token: a, refresh-token: r, profile-arn: p, region: us-east-1, proxy-url: none, agent-task-type: vibe, preferred-endpoint: q, start-url: 'https://s'}\n  - {access-token: b}\n  - {token-file: /u.json}\nkiro-preferred-endpoint: amazonq\n",
    );
    let credentials = &loaded.config.credentials;
    assert_eq!(credentials.kiro.len(), 3);
    assert!(credentials.kiro[0].token_file.as_ref().is_some_and(|path| path.ends_with("t.json")));
    assert_eq!(credentials.kiro[0].proxy_url, Some(ProxySetting::Direct));
    assert_eq!(credentials.kiro_preferred_endpoint.as_deref(), Some("amazonq"));
    assert!(!credentials.is_empty());
    let lines: Vec<String> = loaded.notices.iter().map(ToString::to_string).collect();
    assert!(
        lines.iter().any(|line| line.contains("`kiro[0]` is left out: it needs a `token-file`")),
        "{lines:?}"
    );
    // Of two tokens one is not used, and that is said.
    let said = "`kiro[1].access-token`: it serves only where the `token-file`";
    assert_eq!(lines.iter().filter(|line| line.contains(said)).count(), 1, "{lines:?}");
    assert!(!loaded.notices.iter().any(|notice| matches!(notice, Notice::NotBuilt { .. })), "{lines:?}");
    assert!(config("kiro: [{profile-arn: p}]\n").credentials.is_empty());
}

#[test]
fn old_spellings_of_keys_are_migrated() {
    let loaded = load("generative-language-api-key: [new, g1]\ngemini-api-key: [{api-key: g1}]\n");
    assert_eq!(keys(&loaded.config.credentials.gemini), ["g1", "new"]);
    let loaded = load(
        "auth:\n  providers:\n    - {name: d, type: config-api-key, api-keys: [c1, c2]}\n    - {name: x, type: other}\n",
    );
    assert_eq!(loaded.config.access.api_keys.len(), 2);
    assert!(loaded.notices.iter().any(|notice| matches!(notice, Notice::Legacy { key, instead, .. } if key == "auth.providers[0].api-keys" && instead == "api-keys")));
    let both = load("api-keys: [today]\nauth:\n  providers:\n    - {type: config-api-key, api-keys: [c1]}\n");
    assert_eq!(both.config.access.api_keys[0].expose(), "today");
    assert_eq!(both.config.access.api_keys.len(), 1);
    let snake = load("claude_api_key:\n  - {api_key: k, excluded_models: [m]}\n");
    assert_eq!(snake.config.credentials.claude[0].excluded_models, ["m"]);
    assert_eq!(snake.notices.iter().filter(|notice| matches!(notice, Notice::Legacy { .. })).count(), 3);
}
