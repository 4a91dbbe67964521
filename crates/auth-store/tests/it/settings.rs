use cliproxy_auth_store::read_credential;
use cliproxy_core::{CredentialKind, RequestScopedAction, Settings};

fn settings(json: &str) -> Settings {
    let reading = read_credential("a.json", json.as_bytes()).unwrap();
    assert_eq!(reading.problems, [], "{json}");
    reading.credential.settings().clone()
}

#[test]
fn every_key_of_the_table_is_read_in_both_spellings() {
    let snake = r#"{"type":"claude","email":"a@b.c","prefix":" /team/ ","proxy_url":"socks5://u:p@h:1","priority":7,
        "weight":3,"disabled":true,"base_url":"https://x.example.com","headers":{"X-A":" 1 ","X-B":2,"":"z","X-C":" "},
        "excluded_models":["Opus-*"," opus-* ","haiku"],"disable_cooling":"true","request_retry":2,
        "model_aliases":[{"name":"opus","alias":"big","fork":true},{"name":"x","alias":"BIG"},{"name":"y","alias":"Y"},
        {"name":"z"}],"request_scoped_errors":[{"status":400,"match":["a","b"],"action":"stop"},
        {"status":"429","match":"c","action":"continue-and-cooldown"}]}"#;
    let kebab = ["proxy_url", "base_url", "excluded_models", "disable_cooling", "request_retry"]
        .into_iter()
        .chain(["model_aliases", "request_scoped_errors"])
        .fold(snake.to_owned(), |text, key| text.replace(key, &key.replace('_', "-")));
    assert_ne!(snake, kebab);
    for json in [snake, &kebab] {
        let settings = settings(json);
        assert_eq!(settings.label, "a@b.c");
        assert_eq!(settings.prefix.as_deref(), Some("team"));
        assert_eq!(settings.proxy.as_ref().map(cliproxy_core::Secret::expose), Some("socks5://u:p@h:1"));
        assert_eq!((settings.priority, settings.weight, settings.disabled), (7, 3, true));
        assert_eq!(settings.base_url.as_deref(), Some("https://x.example.com"));
        let headers: Vec<_> = settings.headers.iter().map(|(n, v)| (n.as_str(), v.expose())).collect();
        assert_eq!(headers, [("X-A", "1")]);
        assert_eq!(settings.excluded_models, ["opus-*", "haiku"]);
        assert_eq!(settings.aliases, [("opus".to_owned(), "big".to_owned(), true)]);
        assert_eq!(settings.limits.disable_cooling, Some(true));
        assert_eq!(settings.limits.request_retry, Some(2));
        assert_eq!(settings.request_scoped.len(), 2);
        assert_eq!(settings.request_scoped[0].contains, ["a", "b"]);
        assert_eq!(settings.request_scoped[0].action, RequestScopedAction::Stop);
        assert_eq!(settings.request_scoped[1].status, 429);
        assert_eq!(settings.request_scoped[1].action, RequestScopedAction::ContinueAndCooldown);
    }
}

#[test]
fn an_explicit_snake_case_value_wins_over_the_dashed_one() {
    let settings =
        settings(r#"{"type":"x","request-retry":5,"request_retry":1,"proxy-url":"a","proxy_url":null}"#);
    assert_eq!(settings.limits.request_retry, Some(1));
    assert_eq!(settings.proxy.as_ref().map(cliproxy_core::Secret::expose), Some("a"), "null is no value");
}

#[test]
fn numbers_are_read_however_they_are_spelt() {
    for (json, expected) in [("5", 5), ("\" -3 \"", -3), ("4.0", 4), ("0", 0)] {
        assert_eq!(settings(&format!(r#"{{"type":"x","priority":{json}}}"#)).priority, expected, "{json}");
    }
    assert_eq!(settings(r#"{"type":"x","weight":99999999}"#).weight, 1_000_000);
    assert_eq!(settings(r#"{"type":"x","weight":0}"#).weight, 0);
    assert_eq!(settings(r#"{"type":"x"}"#).weight, 1);
    assert_eq!(settings(r#"{"type":"x","request_retry":-1}"#).limits.request_retry, None);
}

#[test]
fn a_prefix_with_a_slash_inside_is_dropped() {
    for (prefix, expected) in [("a", Some("a")), ("//a/", Some("a")), ("a/b", None), (" / ", None)] {
        let json = format!(r#"{{"type":"x","prefix":"{prefix}"}}"#);
        assert_eq!(settings(&json).prefix.as_deref(), expected, "{prefix}");
    }
}

#[test]
fn the_label_falls_back_step_by_step() {
    for (rest, expected) in [
        (r#","label":"L","email":"e","project_id":"p""#, "L"),
        (r#","label":" ","email":"e","project_id":"p""#, "e"),
        (r#","project_id":"p""#, "p"),
        ("", "claude"),
    ] {
        assert_eq!(settings(&format!(r#"{{"type":"Claude"{rest}}}"#)).label, expected);
    }
}

#[test]
fn a_member_that_cannot_be_understood_is_reported_and_the_credential_works() {
    for (member, value, expected) in [
        ("priority", r#""high""#, "whole number"),
        ("weight", "1.5", "whole number"),
        ("disabled", r#""maybe""#, "true or false"),
        ("prefix", "3", "a text"),
        ("headers", "[]", "object of texts"),
        ("excluded_models", "{}", "list of texts"),
        ("model_aliases", "{}", "list of {name, alias}"),
        ("request_scoped_errors", "{}", "list of {status"),
        ("request_scoped_errors", r#"[{"match":"x","action":"stop"}]"#, "rule 0 needs a status"),
        ("request_scoped_errors", r#"[{"status":400}]"#, "rule 0 needs the action"),
        (
            "request_scoped_errors",
            r#"[{"status":400,"match-regexr":["x","("],"action":"stop"}]"#,
            "no regular expression",
        ),
        ("request_scoped_errors", r#"[{"status":70000,"action":"stop"}]"#, "rule 0 needs a status"),
        // Without its condition each would be a rule about every body.
        ("request_scoped_errors", r#"[{"status":400,"match":{},"action":"stop"}]"#, "rule 0 has a match"),
        (
            "request_scoped_errors",
            r#"[{"status":400,"match":["a",{}],"action":"stop"}]"#,
            "rule 0 has a match",
        ),
        ("request_scoped_errors", r#"[{"status":400,"match":[null],"action":"stop"}]"#, "rule 0 has a match"),
        ("request_scoped_errors", r#"[{"status":400,"match":" ","action":"stop"}]"#, "rule 0 has a match"),
        (
            "request_scoped_errors",
            r#"[{"status":400,"match-regexr":[["x"]],"action":"stop"}]"#,
            "rule 0 has a match-regexr",
        ),
    ] {
        let json = format!(r#"{{"type":"claude","{member}":{value}}}"#);
        let reading = read_credential("a.json", json.as_bytes()).unwrap();
        assert_eq!(reading.problems.len(), 1, "{json}");
        let reason = &reading.problems[0].reason;
        assert!(reason.contains(expected) && reason.contains(member), "{reason}");
        assert!(reading.credential.settings().request_scoped.is_empty());
    }
}

#[test]
fn a_rule_that_matches_a_number_matches_its_text() {
    let json = r#"{"type":"claude","request_scoped_errors":[
        {"status":400,"match":[1113,"b"],"action":"stop"},{"status":400,"match":1113,"action":"stop"},
        {"status":400,"match":[],"match-regexr":null,"action":"stop"}]}"#;
    let reading = read_credential("a.json", json.as_bytes()).unwrap();
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    let rules = &reading.credential.settings().request_scoped;
    let contains: Vec<&[String]> = rules.iter().map(|rule| &*rule.contains).collect();
    assert_eq!(contains, [&["1113".to_owned(), "b".to_owned()][..], &["1113".to_owned()], &[]]);
}

#[test]
fn a_key_without_a_login_is_an_api_key() {
    for (json, kind) in [
        (r#"{"type":"x","api_key":"k"}"#, CredentialKind::ApiKey),
        (r#"{"type":"x","api-key":"k","email":" "}"#, CredentialKind::ApiKey),
        (r#"{"type":"iflow","api_key":"k","cookie":"c"}"#, CredentialKind::Account),
        (r#"{"type":"x","api_key":"k","refresh_token":"r"}"#, CredentialKind::Account),
        (r#"{"type":"x"}"#, CredentialKind::Account),
    ] {
        assert_eq!(read_credential("a.json", json.as_bytes()).unwrap().credential.kind(), kind, "{json}");
    }
}
