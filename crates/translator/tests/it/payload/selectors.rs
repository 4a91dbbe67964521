//! Which requests a rule is for.

use bytes::Bytes;
use cliproxy_translator::payload::{Rule, Selector};
use serde_json::json;

use super::Ask;

#[track_caller]
fn check(selector: &Selector, ask: &Ask, body: &str, expected: bool) {
    let rule = Rule::new([selector.clone()]).set("hit", "true").unwrap();
    let body = Bytes::copy_from_slice(body.as_bytes());
    let hit = ask.apply(&[rule], &body).told == ["override hit"];
    assert_eq!(hit, expected, "{selector:?} on {body:?}");
}

#[test]
fn names_are_tried_on_what_the_client_and_the_provider_call_the_model() {
    for (pattern, model, requested, expected) in [
        ("gpt-*", "gpt-5", "x", true),
        ("GPT-*", "gpt-5", "x", false),
        ("alias", "gpt-5", "alias", true),
        ("alias", "gpt-5", "alias(high)", true),
        ("alias(high)", "gpt-5", "alias(high)", true),
        ("alias(*)", "gpt-5", "alias", false),
        ("*-5", "gpt-5", "x", true),
        ("gemini-*-pro", "gemini-2.5-pro", "x", true),
        ("gemini-*-pro", "gemini-2.5-pro-exp", "x", false),
        ("", "gpt-5", "x", false),
        ("*", "", "", false),
    ] {
        let ask = Ask { model, requested, ..Ask::default() };
        check(&Selector::new(pattern), &ask, "{}", expected);
    }
}

#[test]
fn protocols_are_those_of_provider_and_client_whatever_their_case() {
    for (to, from, format, client, expected) in [
        ("", "", "claude", "openai", true),
        ("Claude", "", "claude", "openai", true),
        ("openai", "", "claude", "openai", false),
        ("gemini", "", "gemini-cli", "openai", true),
        ("gemini", "", "antigravity", "openai", false),
        ("antigravity", "", "antigravity", "openai", true),
        ("codex", "", "codex", "openai", true),
        ("responses", "", "openai-response", "openai", true),
        ("", "claude", "openai", "claude", true),
        ("", "claude", "openai", "openai", false),
        ("", "responses", "codex", "openai-response", true),
        ("", "openai-response", "codex", "openai-response", true),
        ("", "gemini", "codex", "gemini-cli", true),
        ("", "openai", "openai", "openai-completions", true),
        // A conversation state is nothing that a general rule means.
        ("", "", "kiro", "openai", false),
        ("kiro", "", "kiro", "openai", true),
    ] {
        let selector = Selector::new("*").protocol(to).from_protocol(from);
        check(&selector, &Ask { format, client, ..Ask::default() }, "{}", expected);
    }
}

#[test]
fn headers_have_to_be_there_and_any_value_may_fit() {
    const SENT: &[(&str, &str)] = &[("user-agent", "codex_cli/1"), ("x-tag", "one"), ("x-tag", "two")];
    for (wanted, expected) in [
        (vec![("User-Agent", "codex*")], true),
        (vec![("User-Agent", "claude*")], false),
        (vec![("x-tag", "two")], true),
        (vec![("x-tag", "three")], false),
        (vec![("x-other", "*")], false),
        (vec![("user-agent", "*"), ("x-tag", "nine")], false),
        (vec![("", "*")], true),
    ] {
        let selector = wanted.iter().fold(Selector::new("*"), |s, (name, pattern)| s.header(name, pattern));
        check(&selector, &Ask { headers: SENT, ..Ask::default() }, "{}", expected);
    }
}

#[test]
fn conditions_look_at_the_body() {
    let any = || Selector::new("*");
    let equal = |path: &str, value| any().equal(path, value).unwrap();
    let unequal = |path: &str, value| any().unequal(path, value).unwrap();
    let exists = |path: &str| any().exists(path).unwrap();
    let missing = |path: &str| any().missing(path).unwrap();
    let body = r#"{"n":1.0,"s":"x","t":true,"z":null,"o":{"a":1,"b":[2]},"l":[{"k":"p"},{"k":"q"}],"e":[]}"#;
    for (selector, expected) in [
        (equal("n", json!(1)), true),
        (equal("n", json!("1")), false),
        (equal("s", json!("x")), true),
        (equal("t", json!(true)), true),
        (equal("z", json!(null)), true),
        (equal("o", json!({"b": [2.0], "a": 1})), true),
        (equal("o", json!({"a": 1})), false),
        (equal("l.1.k", json!("q")), true),
        (equal("l.#", json!(2)), true),
        (equal("l.#.k", json!("q")), true),
        (equal("l.#(k==\"q\").k", json!("q")), true),
        (equal("absent", json!(null)), false),
        (unequal("absent", json!(1)), true),
        (unequal("n", json!(1)), false),
        (unequal("n", json!(2)), true),
        (unequal("l.#.k", json!("p")), false),
        (exists("s"), true),
        (exists("z"), false),
        (exists("e"), true),
        (exists("o.b.0"), true),
        (exists("o.b.1"), false),
        (exists("l.#(k==\"r\")"), false),
        (missing("absent"), true),
        (missing("z"), true),
        (missing("s"), false),
        // All of it has to fit.
        (equal("n", json!(1)).missing("s").unwrap(), false),
    ] {
        check(&selector, &Ask::default(), body, expected);
    }
}

#[test]
fn one_selector_of_several_is_enough_and_none_is_never() {
    let gpt = || Selector::new("gpt-*");
    let body = Bytes::from_static(b"{}");
    for (selectors, expected) in [
        (vec![Selector::new("claude-*"), gpt()], true),
        (vec![gpt().exists("a").unwrap(), gpt().missing("a").unwrap()], true),
        (vec![gpt().exists("a").unwrap()], false),
        (vec![], false),
    ] {
        let rule = Rule::new(selectors).set("hit", "1").unwrap();
        assert_eq!(Ask::default().apply(&[rule], &body).body != body, expected);
    }
}

#[test]
fn a_condition_sees_what_earlier_rules_made_of_the_body() {
    let rules = [
        Rule::new([Selector::new("*")]).default("mode", "\"fast\"").unwrap(),
        Rule::new([Selector::new("*").equal("mode", json!("fast")).unwrap()]).set("speed", "2").unwrap(),
    ];
    let body = |text| Bytes::from_static(text);
    assert_eq!(Ask::default().apply(&rules, &body(b"{}")).body, r#"{"mode":"fast","speed":2}"#);
    assert_eq!(Ask::default().apply(&rules, &body(b"{\"mode\":1}")).body, r#"{"mode":1}"#);
}

#[test]
fn a_condition_that_looked_does_not_make_a_place_the_body_s_own() {
    let look = || Selector::new("*").equal("a.b", json!(1)).unwrap();
    let rules = [
        Rule::new([Selector::new("*")]).default("a", r#"{"b":1}"#).unwrap(),
        Rule::new([look()]).default("a.b", "2").unwrap(),
    ];
    assert_eq!(Ask::default().apply(&rules, &Bytes::from_static(b"{}")).body, r#"{"a":{"b":2}}"#);
}
