//! `config.example.yaml` is complete and correct.

use cliproxy_config::{Environment, KeyState, Loader, Notice, known_keys};
use serde_json::Value;

use crate::try_load;

const EXAMPLE: &str = include_str!("../../../../config.example.yaml");

/// Every setting switched on: `#key` loses its `#`, prose comments stay.
fn uncommented() -> String {
    EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting)
                if !setting.is_empty() && (!setting.starts_with(' ') || setting.starts_with("  ")) =>
            {
                setting
            }
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn has(value: &Value, path: &[&str]) -> bool {
    let Some((step, rest)) = path.split_first() else { return true };
    let (name, is_list) = step.strip_suffix("[]").map_or((*step, false), |name| (name, true));
    let below: Vec<&Value> = match (value, name) {
        (Value::Object(members), "*") => members.values().collect(),
        (Value::Object(members), name) => members.get(name).into_iter().collect(),
        _ => Vec::new(),
    };
    below.into_iter().any(|value| match (is_list, value) {
        (true, Value::Array(items)) => items.iter().any(|item| has(item, rest)),
        (true, _) => false,
        (false, value) => has(value, rest),
    })
}

#[test]
fn the_example_loads_clean_and_in_safe_mode() {
    let loaded = try_load(EXAMPLE).unwrap();
    assert!(loaded.config.access.safe_mode);
    let others: Vec<&Notice> =
        loaded.notices.iter().filter(|notice| !matches!(notice, Notice::Unsafe { .. })).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn the_example_with_everything_switched_on_is_valid_and_has_no_unknown_key() {
    let text = uncommented();
    let loaded = Loader::new(Environment::new([("HOME", "/home/me")]))
        .load_str("example", &text)
        .unwrap_or_else(|errors| panic!("{errors}"));
    for notice in &loaded.notices {
        assert!(
            matches!(notice, Notice::NotBuilt { .. } | Notice::Unsafe { .. } | Notice::Dropped { .. }),
            "{notice}"
        );
    }
}

#[test]
fn the_example_names_every_key_of_the_table() {
    let document = cliproxy_config::Document::parse("example", &uncommented()).unwrap().to_json();
    for row in known_keys() {
        match row.state {
            KeyState::Active | KeyState::NotBuilt => {
                let path: Vec<&str> = row.path.split('.').collect();
                assert!(has(&document, &path), "{} is missing in config.example.yaml", row.path);
            }
            KeyState::Legacy | KeyState::Ignored => {
                let name =
                    row.path.rsplit(['.', '*']).find(|name| !name.is_empty()).unwrap().trim_end_matches("[]");
                assert!(EXAMPLE.contains(name), "{} is missing in config.example.yaml", row.path);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_defaults_named_in_the_example_are_the_defaults() {
    // Everything scalar outside lists, switched on, must not change what an empty file means.
    let with = Loader::new(Environment::new([("HOME", "/home/me")]))
        .load_str("example", &uncommented())
        .unwrap()
        .config;
    let without = try_load("host: 127.0.0.1\n").unwrap().config;
    assert_eq!(with.server.port, without.server.port);
    assert_eq!(with.server.limits, without.server.limits);
    assert_eq!(with.server.shutdown_grace, without.server.shutdown_grace);
    assert_eq!(with.upstream, without.upstream);
    assert_eq!(with.routing, without.routing);
    assert_eq!(with.retry, without.retry);
    assert_eq!(with.cooldown, without.cooldown);
    assert_eq!(with.streaming, without.streaming);
    assert_eq!(with.log, without.log);
    assert_eq!(with.usage, without.usage);
    assert_eq!(with.images, without.images);
    assert_eq!(with.refresh_workers, without.refresh_workers);
    assert_eq!(with.env_credentials.enabled, without.env_credentials.enabled);
}
