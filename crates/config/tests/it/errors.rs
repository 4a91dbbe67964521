//! All mistakes together, each with place, key, problem and remedy.

use cliproxy_config::{Environment, Loader, Mistake};

use crate::{SAFE, load, mistake, try_load};

#[test]
fn all_mistakes_are_reported_together_in_the_order_of_the_file() {
    let text = "host: 127.0.0.1:80\nport: 70000\ndebug: perhaps\nclaude-api-key:\n  - api-key: k\n    weight: 2000000\n    base-url: api.example.com\nproxy-url: ftp://x\n";
    let errors = try_load(&format!("{text}api-keys: [k]\n")).unwrap_err();
    let found: Vec<(Option<u32>, &str)> =
        errors.as_slice().iter().map(|error| (error.place.line(), error.key.as_str())).collect();
    assert_eq!(
        found,
        [
            (Some(1), "host"),
            (Some(2), "port"),
            (Some(3), "debug"),
            (Some(6), "claude-api-key[0].weight"),
            (Some(7), "claude-api-key[0].base-url"),
            (Some(8), "proxy-url"),
        ],
        "{errors}"
    );
    assert_eq!(errors.to_string().lines().count(), 6);
}

#[test]
fn each_mistake_says_what_is_wrong_and_what_would_be_right() {
    let cases = [
        (
            "port: abc",
            "config.yaml:2:7: `port`: \"abc\" is not a whole number; expected a whole number from 0 to 65535, such as 8317",
        ),
        ("port: -1", "`port`: \"-1\" is out of range"),
        ("port: [1]", "config.yaml:2:7: `port`: this is a list; expected a whole number"),
        ("api-keys: k", "`api-keys`: this is a single value; expected a list"),
        ("api-keys: {k: v}", "`api-keys`: this is a mapping; expected a list"),
        ("routing: fill-first", "`routing`: this is a single value; expected a mapping"),
        (
            "tls: {enable: true, cert: a.pem}",
            "`tls.key`: it is missing, and `tls.enable` is on; add `key: /path/to/key.pem`",
        ),
        ("log-level: loud", "`log-level`: \"loud\" is not known here; expected `error`, `warn`"),
        (
            "claude-api-key: [{api-key: k, weight: 1.5}]",
            "`claude-api-key[0].weight`: \"1.5\" is not a whole number",
        ),
        (
            "claude-api-key: [{api-key: k, weight: heavy}]",
            "`claude-api-key[0].weight`: \"heavy\" is not a whole number",
        ),
        (
            "limits: {max-body-bytes: big}",
            "`limits.max-body-bytes`: \"big\" is not a size; expected bytes or a size such as `64MiB`",
        ),
        ("opaque-state: {max-age: 0}", "`opaque-state.max-age`: it cannot be zero"),
        ("limits: {idle-timeout: 0}", "`limits.idle-timeout`: it cannot be zero"),
        (
            "upstream: {connect-timeout: soon}",
            "\"soon\" is not a length of time; expected seconds or a length such as `30s`",
        ),
        ("upstream: {http2-streams-per-connection: 0}", "is out of range"),
        (
            "proxy-url: 127.0.0.1:7890",
            "`proxy-url`: it has no scheme; expected a URL that begins with `http://`",
        ),
        ("proxy-url: ftp://a", "the scheme `ftp` does not work here"),
        ("endpoints: {claude: {api: 'https://'}}", "`endpoints.claude.api`: it names no host"),
        ("endpoints: {claude: {api: 'https://h:99999/'}}", "its port is not a number"),
        ("endpoints: {claude: {api: 'https://h/a b'}}", "a space or control character"),
        ("endpoints: {claude: https://h}", "`endpoints.claude`: this is a single value; expected a mapping"),
        ("gpt-image-2-base-model: claude", "only GPT models"),
        ("disable-image-generation: maybe", "\"maybe\" is not known here"),
        ("claude-api-key: [k]", "`claude-api-key[0]`: this is a single value; expected a mapping"),
        ("claude-api-key: [{api-key: k, headers: {'a b': c}}]", "cannot be the name of a header"),
        ("claude-api-key: [{api-key: k, headers: {a: \"x\\ny\"}}]", "control characters"),
        (
            "claude-api-key: [{api-key: k, request-scoped-errors: [{status: 400, action: explode}]}]",
            "\"explode\" is not known here; expected `stop`",
        ),
        (
            "claude-api-key: [{api-key: k, models: [{name: m, thinking: {min: 9, max: 1}}]}]",
            "9 is more than `max`, 1",
        ),
        ("model-aliases: {fast: ''}", "it needs an alias and a model"),
        (
            "oauth-request-scoped-errors: {codex: [{status: 400, match-regexr: ['a(b'], action: stop}]}",
            r#"`oauth-request-scoped-errors.codex[0].match-regexr`: "a(b" is no regular expression; expected one such"#,
        ),
        ("shutdown-grace-seconds: ten", "is not a length of time"),
    ];
    for (text, wanted) in cases {
        let line = mistake(text);
        assert!(line.contains(wanted), "{text}\n  got  {line}\n  want {wanted}");
    }
}

#[test]
fn a_rule_without_status_and_action_names_both() {
    let errors =
        try_load(&format!("{SAFE}claude-api-key: [{{api-key: k, request-scoped-errors: [{{match: x}}]}}]\n"))
            .unwrap_err();
    assert_eq!(errors.as_slice().len(), 2, "{errors}");
}

#[test]
fn a_listener_that_others_can_reach_needs_client_keys() {
    for text in [
        "",
        "port: 8317\n",
        "host: 0.0.0.0\n",
        "host: '::'\n",
        "host: example.com\n",
        "host: ''\n",
        "host: 192.168.1.5\napi-keys: []\n",
        "api-keys: ['']\n",
    ] {
        let errors = try_load(text).expect_err(text);
        assert!(errors.to_string().contains("there are no client keys"), "{text:?}: {errors}");
        assert!(errors.to_string().contains("allow-unauthenticated: true"), "{errors}");
    }
    for text in [
        "host: localhost\n",
        "host: 127.0.0.9\n",
        "host: '[::1]'\n",
        "host: '::ffff:127.0.0.1'\n",
        "api-keys: [k]\n",
        "allow-unauthenticated: true\n",
    ] {
        assert!(try_load(text).is_ok(), "{text:?}");
    }
    assert!(load("allow-unauthenticated: true").notices.is_empty());
    let open = try_load("allow-unauthenticated: true\n").unwrap();
    assert!(
        open.notices.iter().any(|notice| notice.is_loud() && notice.to_string().contains("every credential"))
    );
}

#[test]
fn a_relay_that_others_can_reach_needs_client_keys_too() {
    for host in ["", "host: 0.0.0.0\n", "host: 192.168.1.5\n"] {
        let text = format!("{host}api-keys: [k]\nws-auth: false\n");
        let errors = try_load(&text).expect_err(&text).to_string();
        assert!(errors.contains("ws-auth") && errors.contains("allow-unauthenticated: true"), "{errors}");
        assert!(try_load(&format!("{text}allow-unauthenticated: true\n")).is_ok(), "{text}");
        assert!(try_load(&text.replace("false", "true")).is_ok(), "{text}");
    }
    for host in ["127.0.0.1", "localhost", "'[::1]'"] {
        assert!(try_load(&format!("host: {host}\napi-keys: [k]\nws-auth: false\n")).is_ok(), "{host}");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_text_is_said_so() {
    let directory = tempfile::tempdir().unwrap();
    let loader = Loader::new(Environment::default());
    let missing = loader.load_file(&directory.path().join("config.yaml")).unwrap_err();
    assert!(missing.is_missing_file());
    let is_directory = loader.load_file(directory.path()).unwrap_err();
    assert_eq!(is_directory.as_slice()[0].mistake, Mistake::Unreadable);
    assert!(!is_directory.is_missing_file());
    let path = directory.path().join("latin1.yaml");
    std::fs::write(&path, b"a: 1\nb: \xe4\n").unwrap();
    let latin = loader.load_file(&path).unwrap_err();
    assert!(latin.to_string().contains("line 2 is not UTF-8"), "{latin}");
}
