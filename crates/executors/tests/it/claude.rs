use bytes::Bytes;
use cliproxy_core::{Attempt, ClientFormat, ErrorKind, ProviderExecutor as _, ProviderFormat};
use cliproxy_executors::ClaudeExecutor;
use cliproxy_testkit::{FakeUpstream, Received, json, status};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::support::{attempt, credential, egress};

const BODY: &str = r#"{"model":"m","max_tokens":1,"messages":[]}"#;

/// Sends one call and returns what arrived. Without a base URL the built-in endpoint is replaced.
async fn sent(
    key: &str,
    own_base: bool,
    body: &str,
    headers: &[(&'static str, &'static str)],
    native: bool,
) -> Received {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"type": "message"}))]);
    let credential =
        credential("claude", key, |settings| settings.base_url = own_base.then(|| upstream.url()));
    let executor = ClaudeExecutor::new(egress()).with_url("api", upstream.url());
    executor
        .execute(with_headers(attempt(credential, ProviderFormat::CLAUDE, body), headers, native))
        .await
        .unwrap();
    upstream.last()
}

fn with_headers(mut attempt: Attempt, headers: &[(&'static str, &'static str)], native: bool) -> Attempt {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    attempt.client_headers = map.into();
    if !native {
        attempt.client_format = ClientFormat::OPENAI;
    }
    attempt
}

#[tokio::test]
async fn the_key_goes_where_its_kind_and_host_want_it() {
    // Source: providers-a.md 2.4 "Auth header", 2.7.
    for (key, own_base, api_key, bearer) in [
        ("sk-ant-api03-x", false, Some("sk-ant-api03-x"), None),
        ("sk-ant-api03-x", true, None, Some("Bearer sk-ant-api03-x")),
        ("sk-ant-oat01-x", false, None, Some("Bearer sk-ant-oat01-x")),
    ] {
        let received = sent(key, own_base, BODY, &[], true).await;
        assert_eq!(
            (received.header("x-api-key"), received.header("authorization")),
            (api_key, bearer),
            "{key} {own_base}"
        );
        assert_eq!((received.path.as_str(), received.query.as_str()), ("/v1/messages", "beta=true"));
        assert_eq!(received.header("anthropic-version"), Some("2023-06-01"));
    }
}

#[tokio::test]
async fn betas_are_the_callers_the_bodys_and_what_a_token_needs() {
    // Source: providers-a.md 2.4 "Beta list assembly" 2, 4, 5, 6; 2.7.
    const FAST: &str = r#"{"model":"m","speed":"fast"}"#;
    const LISTED: &str = r#"{"betas":["b","a"],"model":"m"}"#;
    for (key, body, caller, native, expected) in [
        ("sk-ant-api03-x", BODY, vec![], true, None),
        ("sk-ant-api03-x", BODY, vec!["a,b", "c"], true, Some("a,b,c")),
        ("sk-ant-api03-x", BODY, vec!["a"], false, None),
        ("sk-ant-oat01-x", BODY, vec!["a"], true, Some("a,oauth-2025-04-20")),
        ("sk-ant-oat01-x", BODY, vec!["oauth-2025-04-20"], true, Some("oauth-2025-04-20")),
        ("sk-ant-api03-x", LISTED, vec!["a"], true, Some("a,b")),
        ("sk-ant-api03-x", r#"{"betas":"x,y","model":"m"}"#, vec![], true, Some("x,y")),
        ("sk-ant-api03-x", FAST, vec![], true, Some("fast-mode-2026-02-01")),
    ] {
        let headers: Vec<_> = caller.into_iter().map(|value| ("anthropic-beta", value)).collect();
        let received = sent(key, false, body, &headers, native).await;
        assert_eq!(received.header("anthropic-beta"), expected, "{body} {headers:?}");
        assert!(!String::from_utf8_lossy(&received.body).contains("betas"), "{body}");
    }
}

#[tokio::test]
async fn a_native_caller_keeps_its_own_words_and_others_get_none_invented() {
    // Source: providers-a.md 2.4 "forward the caller's own, do not invent".
    let headers = [
        ("user-agent", "claude-cli/2.0"),
        ("x-app", "cli"),
        ("x-stainless-lang", "js"),
        ("anthropic-version", "2024-01-01"),
        ("cookie", "secret"),
    ];
    let native = sent("sk-ant-api03-x", false, BODY, &headers, true).await;
    for (name, value) in &headers[..4] {
        assert_eq!(native.header(name), Some(*value));
    }
    assert_eq!(native.header("cookie"), None);
    let other = sent("sk-ant-api03-x", false, BODY, &headers, false).await;
    assert_eq!((other.header("x-app"), other.header("x-stainless-lang")), (None, None));
    assert!(other.header("user-agent").unwrap().starts_with("cliproxy/"));
}

#[tokio::test]
async fn tokens_are_counted_by_anthropics_own_host_only() {
    // Source: providers-a.md 2.4 "Count tokens" [H].
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"input_tokens": 7}))]);
    let executor = ClaudeExecutor::new(egress()).with_url("api", upstream.url());
    let body = r#"{"metadata":{},"model":"m","max_tokens":5,"messages":[],"stream":true}"#;
    let own = attempt(credential("claude", "sk-ant-api03-x", |_| {}), ProviderFormat::CLAUDE, body);
    assert_eq!(executor.count_tokens(own).await.unwrap().body, r#"{"input_tokens":7}"#);
    let received = upstream.last();
    assert_eq!(received.path, "/v1/messages/count_tokens");
    assert_eq!(received.body, r#"{"model":"m","messages":[]}"#);
    assert_eq!(received.header("anthropic-beta"), Some("token-counting-2024-11-01"));

    let custom = credential("claude", "k", |settings| settings.base_url = Some(upstream.url()));
    let error = executor.count_tokens(attempt(custom, ProviderFormat::CLAUDE, body)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn failures_are_read_with_anthropics_own_words() {
    let upstream = FakeUpstream::start().await;
    for (code, kind) in
        [(401, ErrorKind::Unauthorized), (429, ErrorKind::RateLimited), (529, ErrorKind::Overloaded)]
    {
        upstream.script(
            "k",
            [status(code).json(&json!({"type": "error", "error": {"type": "x", "message": "m"}}))],
        );
        let credential = credential("claude", "k", |settings| settings.base_url = Some(upstream.url()));
        let error = ClaudeExecutor::new(egress())
            .execute(attempt(credential, ProviderFormat::CLAUDE, BODY))
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.status().map(|status| status.as_u16())), (kind, Some(code)));
    }
}

#[tokio::test]
async fn a_credential_without_a_token_says_so() {
    let attempt = attempt(credential("claude", "", |_| {}), ProviderFormat::CLAUDE, BODY);
    let error = ClaudeExecutor::new(egress()).execute(attempt).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert_eq!(error.body(), &Bytes::new());
}

#[tokio::test]
async fn every_model_of_the_list_has_limits_and_the_newest_have_levels() {
    let models = ClaudeExecutor::new(egress()).models(&credential("claude", "k", |_| {})).await.unwrap();
    assert!(models.iter().all(|model| model.context_length.is_some() && model.max_output.is_some()));
    let opus = models.iter().find(|model| model.id.as_str() == "claude-opus-5").unwrap();
    let reasoning = opus.reasoning.as_ref().unwrap();
    assert!(reasoning.budget.is_none() && reasoning.dynamic_allowed && reasoning.levels.len() == 5);
}
