//! Payload rules on their way through the bridge, and what is told of them. Source: runtime.md F.1.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{ClientFormat, ErrorKind, ExecutorError, Operation, ProviderFormat};
use cliproxy_translator::CodecError;
use cliproxy_translator::payload::{Rule, Rules, Selector};
use cliproxy_translator::registry::{
    Exchange as Translated, RequestCall, RequestTransform, ResponseNonStreamTransform, ResponseTransforms,
};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::script::{
    Answer, HELLO, Scripted, body, chunk, open, registry, request, request_in, streamed, target, whole,
};
use crate::toy;

fn options(rules: impl IntoIterator<Item = Rule>) -> Options {
    let mut all = Rules::new();
    rules.into_iter().for_each(|rule| all.push(rule));
    let mut options = Options::default();
    options.payload = Arc::new(all);
    options
}

fn ruled(rules: impl IntoIterator<Item = Rule>) -> Bridge {
    Bridge::new(Arc::new(registry()), options(rules))
}

/// Sets `note` for requests in a format.
fn note(protocol: &str, value: &str) -> Rule {
    let json = Value::from(value).to_string();
    Rule::new([Selector::new("*").protocol(protocol)]).set("note", &json).unwrap()
}

fn sent(executor: &Scripted, index: usize) -> Value {
    serde_json::from_slice(&executor.watch.attempts.lock()[index].body).unwrap()
}

fn reply(format: &str) -> Answer {
    whole(toy::reply(format, "m", "t"))
}

#[tokio::test]
async fn rules_change_what_passes_through_and_what_is_translated() {
    for (wire, stream, expected) in [
        ("alpha", false, json!({"model":"up-model","prompt":"hi","note":"set"})),
        ("alpha", true, json!({"model":"up-model","prompt":"hi","include_usage":true,"note":"set"})),
        (
            "beta",
            false,
            json!({"format":"beta","model":"up-model","stream":false,"prompt":"hi","off":false,"strict":false,"developer":true,"note":"set"}),
        ),
    ] {
        let answer = if stream { streamed([chunk(toy::stream(wire))]) } else { reply(wire) };
        let executor = Arc::new(Scripted::new(wire, [answer]));
        let exchange = open(&ruled([note("", "set")]), request(HELLO, stream));
        exchange.attempt(target(&executor)).await.unwrap();
        assert_eq!(sent(&executor, 0), expected, "{wire} {stream}");
    }
}

#[tokio::test]
async fn where_no_rule_fits_the_client_s_buffer_goes_out() {
    let bridge = ruled([note("beta", "set"), note("alpha", "set")]);
    let executor = Arc::new(Scripted::new("alpha", [reply("alpha"), reply("alpha")]));
    let asked = request(r#"{"model":"up-model","note":"set"}"#, false);
    let buffer = asked.body.clone();
    open(&bridge, asked).attempt(target(&executor)).await.unwrap();
    assert_eq!(executor.watch.attempts.lock()[0].body.as_ptr(), buffer.as_ptr());
}

#[tokio::test]
async fn a_retry_elsewhere_goes_by_the_rules_for_elsewhere() {
    let bridge = ruled([note("alpha", "for alpha"), note("beta", "for beta")]);
    let fails = || Answer::Fail(ExecutorError::new(ErrorKind::Server, "down"));
    let first = Arc::new(Scripted::new("alpha", [fails(), reply("alpha")]));
    let second = Arc::new(Scripted::new("beta", [fails()]));
    let exchange = open(&bridge, request(HELLO, false));
    exchange.attempt(target(&first)).await.unwrap_err();
    exchange.attempt(target(&second)).await.unwrap_err();
    exchange.attempt(target(&first)).await.unwrap();
    assert_eq!(sent(&first, 0)["note"], "for alpha");
    assert_eq!(sent(&second, 0)["note"], "for beta");
    // What was made for the first attempt serves the third.
    let attempts = first.watch.attempts.lock();
    assert_eq!(attempts[0].body.as_ptr(), attempts[1].body.as_ptr());
}

#[tokio::test]
async fn rules_see_the_client_s_headers_format_and_model() {
    let rule = |selector: Selector, value: &str| Rule::new([selector]).set(value, "true").unwrap();
    let bridge = ruled([
        rule(Selector::new("*").header("user-agent", "tool*"), "by-header"),
        rule(Selector::new("*").from_protocol("alpha"), "by-format"),
        rule(Selector::new("*").from_protocol("beta"), "by-other-format"),
        rule(Selector::new("asked-*"), "by-requested-model"),
        rule(Selector::new("up-*"), "by-upstream-model"),
        rule(Selector::new("else"), "by-other-model"),
    ]);
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static("tool/1"));
    let executor = Arc::new(Scripted::new("beta", [reply("beta")]));
    let exchange = open(&bridge, request(HELLO, false).with_headers(headers));
    exchange.attempt(target(&executor)).await.unwrap();
    let sent = sent(&executor, 0);
    let hits: Vec<&str> =
        sent.as_object().unwrap().keys().map(String::as_str).filter(|key| key.starts_with("by-")).collect();
    assert_eq!(hits, ["by-header", "by-format", "by-requested-model", "by-upstream-model"]);
}

/// A stranger's pair whose reply shows the request that the provider was sent.
#[derive(Debug)]
struct Echo;

impl RequestTransform for Echo {
    fn transform(&self, _call: &RequestCall<'_>) -> Result<Bytes, CodecError> {
        Ok(Bytes::from_static(br#"{"exact":true}"#))
    }
}

impl ResponseNonStreamTransform for Echo {
    fn transform(&self, exchange: &Translated, _body: &Bytes) -> Result<Bytes, CodecError> {
        Ok(exchange.translated.clone())
    }
}

#[tokio::test]
async fn what_a_registered_pair_made_is_rewritten_too_and_its_reply_side_sees_that() {
    let mut registry = registry();
    registry.register(
        ClientFormat::from_static("alpha"),
        ProviderFormat::from_static("beta"),
        Some(Arc::new(Echo)),
        ResponseTransforms::none().with_whole(Arc::new(Echo)),
    );
    let bridge = Bridge::new(Arc::new(registry), options([note("beta", "set")]));
    let executor = Arc::new(Scripted::new("beta", [reply("beta")]));
    let answer = open(&bridge, request(HELLO, false)).attempt(target(&executor)).await.unwrap();
    assert_eq!(sent(&executor, 0), json!({"exact": true, "note": "set"}));
    assert_eq!(body(answer).body, r#"{"exact":true,"note":"set"}"#);
}

#[tokio::test]
async fn token_counts_are_left_alone() {
    let executor = Arc::new(Scripted::new("alpha", [whole(r#"{"tokens":7}"#)]));
    let mut asked = request_in("alpha", HELLO, false);
    asked.operation = Operation::CountTokens;
    let exchange = open(&ruled([note("", "set")]), asked);
    let _counted = exchange.attempt(target(&executor)).await;
    assert_eq!(sent(&executor, 0).get("note"), None);
}

#[tokio::test]
async fn what_was_lost_and_what_rules_did_is_told_once() {
    let bridge = ruled([note("beta", "SECRET"), note("alpha", "SECRET")]);
    let alpha = Arc::new(Scripted::new("alpha", [reply("alpha")]));
    let beta = Arc::new(Scripted::new("beta", [reply("beta"), reply("beta")]));
    let exchange = open(&bridge, request(HELLO, false));
    assert_eq!(exchange.remarks(), Vec::<String>::new());
    exchange.attempt(target(&beta)).await.unwrap();
    assert_eq!(
        exchange.remarks(),
        ["not carried over into beta: manners (no word for it)", "payload rules for beta: override note"]
    );
    exchange.attempt(target(&beta)).await.unwrap();
    assert_eq!(exchange.remarks(), Vec::<String>::new());
    exchange.attempt(target(&alpha)).await.unwrap();
    assert_eq!(exchange.remarks(), ["payload rules for alpha: override note"]);
}

#[tokio::test]
async fn a_request_under_way_keeps_the_rules_it_began_with() {
    let bridge = ruled([note("", "old")]);
    let executor = Arc::new(Scripted::new("alpha", [reply("alpha"), reply("alpha")]));
    let before = open(&bridge, request(HELLO, false));
    bridge.clone().reconfigure(options([note("", "new")]));
    before.attempt(target(&executor)).await.unwrap();
    open(&bridge, request(HELLO, false)).attempt(target(&executor)).await.unwrap();
    assert_eq!((&sent(&executor, 0)["note"], &sent(&executor, 1)["note"]), (&json!("old"), &json!("new")));
}
