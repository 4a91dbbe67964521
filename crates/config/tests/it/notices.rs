//! What does not stop the program is said, and only when it matters.

use cliproxy_config::{Environment, KeyState, Loader, Notice, known_keys};

use crate::load;

fn lines(text: &str) -> Vec<String> {
    load(text).notices.iter().map(ToString::to_string).collect()
}

#[test]
fn unknown_keys_are_warned_about_with_the_nearest_known_one() {
    let cases = [
        ("dbug: true", "config.yaml:1:1: `dbug` is not a known key and has no effect; did you mean `debug`?"),
        ("claude-api-keys: []", "did you mean `claude-api-key`?"),
        ("prot: 1", "did you mean `port`?"),
        (
            "routing:\n  stratgy: ff",
            "config.yaml:2:3: `routing.stratgy` is not a known key and has no effect; did you mean `routing.strategy`?",
        ),
        ("claude-api-key: [{api-key: k, base_ulr: x}]", "did you mean `claude-api-key[0].base-url`?"),
        (
            "openai-compatibility: [{base-url: 'https://h', api-key-entries: [{api-key: k, wieght: 1}]}]",
            "did you mean `openai-compatibility[0].api-key-entries[0].weight`?",
        ),
        ("something-else-entirely: 1", "`something-else-entirely` is not a known key and has no effect"),
    ];
    for (text, wanted) in cases {
        let found = lines(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains(wanted), "{text}: {found:?}");
    }
    assert!(!lines("something-else-entirely: 1")[0].contains("did you mean"));
}

#[test]
fn an_entry_without_a_key_is_kept_and_told() {
    let keyless = "it has no `api-key`, and no `headers` that could hold one: its service is called without a credential";
    for (text, key) in [
        ("claude-api-key: [{base-url: 'http://127.0.0.1:1'}]", Some("claude-api-key[0]")),
        ("gemini-api-key: [{base-url: 'http://h', headers: {x-team: ' '}}]", Some("gemini-api-key[0]")),
        ("codex-api-key: [{base-url: 'http://h', headers: {authorization: Bearer x}}]", None),
        (
            "openai-compatibility: [{base-url: 'http://h', api-key-entries: [{api-key: k}, {weight: 2}]}]",
            Some("openai-compatibility[0].api-key-entries[1]"),
        ),
        (
            "openai-compatibility: [{base-url: 'http://h', headers: {x-key: k}, api-key-entries: [{weight: 2}]}]",
            None,
        ),
        ("openai-compatibility: [{base-url: 'http://h'}]", None),
    ] {
        let found = lines(text);
        let wanted: Vec<String> = key.map(|key| format!("`{key}`: {keyless}")).into_iter().collect();
        assert_eq!(found.len(), wanted.len(), "{text}: {found:?}");
        for (line, wanted) in found.iter().zip(wanted) {
            assert!(line.starts_with("config.yaml:1:") && line.ends_with(&wanted), "{text}: {line}");
        }
    }
}

#[test]
fn a_model_without_a_name_is_told_what_the_provider_is_asked_for() {
    let text =
        "openai-compatibility: [{base-url: 'http://h', models: [{alias: q}, {name: m, alias: n}, plain]}]";
    assert_eq!(
        lines(text),
        [
            "config.yaml:1:56: `openai-compatibility[0].models[0]`: it has no `name`: the provider is asked for \"q\""
        ]
    );
}

#[test]
fn aliases_that_lead_back_to_themselves_are_told_and_chains_with_an_end_are_not() {
    let leads = |way: &str| {
        format!("it leads back to itself ({way}), and to no model unless a provider has one of these")
    };
    for (text, wanted) in [
        (
            "model-aliases: {a1: b1, b1: A1}",
            vec![
                format!("config.yaml:1:21: `model-aliases.a1`: {}", leads("\"a1\" → \"b1\" → \"A1\"")),
                format!("config.yaml:1:29: `model-aliases.b1`: {}", leads("\"b1\" → \"A1\" → \"b1\"")),
            ],
        ),
        (
            "model-aliases: [{alias: a, name: a}]",
            vec![format!("config.yaml:1:17: `model-aliases[0]`: {}", leads("\"a\" → \"a\""))],
        ),
        ("model-aliases: {a: b, b: c, c: d}", vec![]),
    ] {
        assert_eq!(lines(text), wanted, "{text}");
    }
    // What leads into a ring is not on it; and a ring longer than a request follows ends the search.
    let ring = (0..20).map(|at| format!("r{at}: r{}", (at + 1) % 20)).collect::<Vec<_>>().join(", ");
    assert_eq!(lines(&format!("model-aliases: {{in: a, a: a, {ring}}}")).len(), 1);
}

#[test]
fn what_is_not_built_is_loud_once_and_only_when_it_asks_for_something() {
    let set = "logging-to-file: true\npprof: {enable: true, addr: '127.0.0.1:1'}\nquota-exceeded: {antigravity-credits: true}\nampcode: {upstream-url: 'https://a'}\n";
    let loaded = load(set);
    let keys: Vec<&str> = loaded
        .notices
        .iter()
        .map(|notice| match notice {
            Notice::NotBuilt { key, .. } => key.as_str(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(keys, ["logging-to-file", "pprof", "quota-exceeded.antigravity-credits", "ampcode"]);
    assert!(loaded.notices.iter().all(Notice::is_loud));
    let inert = "logging-to-file: false\npprof: {enable: false, addr: 127.0.0.1:8316}\nquota-exceeded: {antigravity-credits: no}\nampcode: {upstream-url: ''}\nerror-logs-max-files: 10\nws-auth: true\nrequest-log: off\nlogs-max-total-size-mb: 0\nkiro: []\nplugins:\n";
    assert_eq!(lines(inert), Vec::<String>::new());
}

#[test]
fn keys_of_the_newer_go_program_either_work_or_say_that_they_do_not() {
    let codex = |more: &str| format!("codex-api-key: [{{api-key: k, {more}}}]\n");
    for (set, unbuilt) in [
        ("save-cooldown-status: true\n".to_owned(), None),
        (codex("websockets: true"), Some("codex-api-key[0].websockets")),
        (codex("alpha-search: true"), Some("codex-api-key[0].alpha-search")),
        (codex("models: [{name: m, image: true}]"), Some("codex-api-key[0].models[0].image")),
        ("gpt-image-2-base-model: gpt-5.4\n".to_owned(), Some("gpt-image-2-base-model")),
        (codex("models: [{name: m, is-compat: true}]"), None),
        ("disable-image-generation: chat\n".to_owned(), None),
        ("claude-api-key: [{api-key: k, rebuild-mid-system-message: true}]\n".to_owned(), None),
        (
            "openai-compatibility: [{base-url: 'https://h', support-prompt-cache-key: true}]\n".to_owned(),
            None,
        ),
    ] {
        let loaded = load(&set);
        let keys: Vec<&str> = loaded
            .notices
            .iter()
            .map(|notice| match notice {
                Notice::NotBuilt { key, .. } => key.as_str(),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(keys, unbuilt.into_iter().collect::<Vec<_>>(), "{set}");
    }
}

#[test]
fn what_stands_below_something_that_is_not_built_is_not_said_again() {
    let loaded = load("xai-api-key: [{api-key: k, base-url: 'https://h', websockets: true, bogus: 1}]");
    let lines: Vec<String> = loaded.notices.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("`xai-api-key` is set, and this release"), "{lines:?}");
    assert!(lines[1].contains("`xai-api-key[0].bogus` is not a known key"), "{lines:?}");
}

#[test]
fn a_thousand_notices_are_enough() {
    let text: String = (0..1900).map(|key| format!("unknown-{key}: 1\n")).collect();
    assert_eq!(load(&text).notices.len(), 1000);
}

#[test]
fn keys_we_will_not_build_are_accepted_quietly() {
    let loaded = load(
        "claude-header-defaults: {user-agent: x}\nclaude-api-key: [{api-key: k, cloak: {mode: always}}]\ncommercial-mode: true\nquota-exceeded: {switch-project: true, switch-preview-model: true}\n",
    );
    assert_eq!(loaded.notices.len(), 5);
    assert!(
        loaded.notices.iter().all(|notice| matches!(notice, Notice::Ignored { .. }) && !notice.is_loud())
    );
}

#[test]
fn the_table_knows_every_documented_key_and_names_each_once() {
    let rows = known_keys();
    let mut paths: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
    for path in [
        "host",
        "tls.enable",
        "claude-api-key[].models[].thinking.min",
        "openai-compatibility[].api-key-entries[].weight",
        "endpoints.*.*",
        "oauth-clients.*.client-secret",
        "oauth-model-alias.*[].fork",
        "payload.override-raw[].models[].not-exist",
        "remote-management.secret-key",
    ] {
        assert!(paths.contains(&path), "{path}");
    }
    let state = |path: &str| rows.iter().find(|row| row.path == path).unwrap().state;
    assert_eq!(state("port"), KeyState::Active);
    assert_eq!(state("pprof.addr"), KeyState::NotBuilt);
    assert_eq!(state("payload.default[].params"), KeyState::Active);
    let count = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), count, "a key is in the table twice");
}

#[test]
fn every_key_that_is_not_built_is_in_the_comparison_and_nothing_else_is() {
    let text = include_str!("../../../../docs/compatibility-config.md");
    let (_, section) = text.split_once("## Read, and not built yet").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let firsts = section.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1));
    let said: Vec<&str> = firsts.flat_map(|first| first.unwrap().split('`').skip(1).step_by(2)).collect();
    assert!(said.len() > 40, "{said:?}");
    // A key of some entries is named by its last part.
    let is_named = |path: &str, name: &str| {
        let path = path.replace("[]", "");
        path == name || path.starts_with(&format!("{name}.")) || path.ends_with(&format!(".{name}"))
    };
    for row in known_keys() {
        let named = said.iter().any(|name| is_named(&row.path, name));
        match row.state {
            KeyState::NotBuilt => assert!(named, "{} is not in the comparison", row.path),
            KeyState::Active => assert!(!named, "{} works, and the comparison says otherwise", row.path),
            // Their entries have what is never built.
            _ => {}
        }
    }
    for name in said {
        let known = known_keys().iter().any(|row| is_named(&row.path, name));
        assert!(known, "{name} is no key");
    }
}

#[test]
fn variables_for_what_is_not_built_are_named() {
    let cloud =
        Loader::new(Environment::new([("DEPLOY", "cloud")])).load_str("c", "host: localhost\n").unwrap();
    let said: Vec<String> = cloud.notices.iter().map(ToString::to_string).collect();
    assert!(matches!(&said[..], [only] if only.contains("DEPLOY: this program has no standby")), "{said:?}");
    let environment = Environment::new([("PGSTORE_DSN", "postgres://u:secret@h/db")]);
    let loaded = Loader::new(environment).load_str("c", "host: localhost\n").unwrap();
    assert_eq!(
        loaded.notices[0].to_string(),
        "environment variable PGSTORE_DSN: it is set, and this release does not have what it switches on"
    );
}
