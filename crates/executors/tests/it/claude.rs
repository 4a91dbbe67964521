use bytes::Bytes;
use cliproxy_core::{Attempt, ClientFormat, ErrorKind, ProviderExecutor as _, ProviderFormat, Scope};
use cliproxy_executors::ClaudeExecutor;
use cliproxy_testkit::{FakeUpstream, Received, json, status};
use serde_json::json;

use crate::support::{attempt, credential, egress, headers};

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

fn with_headers(mut attempt: Attempt, pairs: &[(&'static str, &'static str)], native: bool) -> Attempt {
    attempt.client_headers = headers(pairs);
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
    const INLINE: &str = r#"{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]}"#;
    const QUOTED: &str = r#"{"messages":[{"role":"user","content":[{"input":{"role":"system"}}]}]}"#;
    const HOUR: &str = r#"{"system":[{"cache_control":{"type":"ephemeral","ttl":"1h"}}]}"#;
    const SHOWN: &str = r#"{"thinking":{"type":"enabled","display":"omitted"}}"#;
    for (key, body, caller, native, expected) in [
        ("sk-ant-api03-x", BODY, vec![], true, None),
        ("sk-ant-api03-x", BODY, vec!["a,b", "c"], true, Some("a,b,c")),
        ("sk-ant-api03-x", BODY, vec!["a"], false, None),
        ("sk-ant-oat01-x", BODY, vec!["a"], true, Some("a,oauth-2025-04-20")),
        ("sk-ant-oat01-x", BODY, vec!["oauth-2025-04-20"], true, Some("oauth-2025-04-20")),
        ("sk-ant-api03-x", LISTED, vec!["a"], true, Some("a,b")),
        ("sk-ant-api03-x", r#"{"betas":"x,y","model":"m"}"#, vec![], true, Some("x,y")),
        ("sk-ant-api03-x", FAST, vec![], true, Some("fast-mode-2026-02-01")),
        ("sk-ant-api03-x", INLINE, vec![], false, Some("mid-conversation-system-2026-04-07")),
        ("sk-ant-api03-x", INLINE, vec![], true, None),
        ("sk-ant-api03-x", QUOTED, vec![], false, None),
        ("sk-ant-api03-x", r#"{"output_config":{"effort":"low"}}"#, vec![], false, Some("effort-2025-11-24")),
        ("sk-ant-api03-x", r#"{"diagnostics":{"a":1}}"#, vec![], true, Some("cache-diagnosis-2026-04-07")),
        ("sk-ant-api03-x", HOUR, vec![], false, Some("extended-cache-ttl-2025-04-11")),
        ("sk-ant-api03-x", SHOWN, vec!["redact-thinking-2026-02-12,a"], true, Some("a")),
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
    let words = [
        ("user-agent", "claude-cli/2.0"),
        ("x-app", "cli"),
        ("x-stainless-lang", "js"),
        ("anthropic-version", "2024-01-01"),
        ("cookie", "secret"),
    ];
    let native = sent("sk-ant-api03-x", false, BODY, &words, true).await;
    for (name, value) in &words[..4] {
        assert_eq!(native.header(name), Some(*value));
    }
    assert_eq!(native.header("cookie"), None);
    let other = sent("sk-ant-api03-x", false, BODY, &words, false).await;
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

#[tokio::test]
async fn names_without_a_date_are_offered_like_the_models_they_name() {
    let models = ClaudeExecutor::new(egress()).models(&credential("claude", "k", |_| {})).await.unwrap();
    let find = |id: &str| models.iter().find(|model| model.id.as_str() == id).unwrap();
    for (alias, id) in [
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("claude-opus-4-1", "claude-opus-4-1-20250805"),
        ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
    ] {
        let (alias, dated) = (find(alias), find(id));
        assert_eq!((alias.max_output, &alias.reasoning), (dated.max_output, &dated.reasoning), "{id}");
    }
    let mut ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), models.len(), "each name once");
    // 15 models of the list, and 8 names: none points nowhere.
    assert_eq!(ids.len(), 23);
}

#[tokio::test]
async fn a_root_is_understood_however_it_is_written() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"type": "message"}))]);
    for (tail, path, query) in [
        ("/", "/v1/messages", "beta=true"),
        ("/v1", "/v1/messages", "beta=true"),
        ("/v1/messages/", "/v1/messages", "beta=true"),
        ("/anthropic", "/anthropic/v1/messages", "beta=true"),
        ("/anthropic?region=eu", "/anthropic/v1/messages", "beta=true&region=eu"),
    ] {
        let base = format!("{}{tail}", upstream.url());
        let own = credential("claude", "k", |settings| settings.base_url = Some(base));
        ClaudeExecutor::new(egress()).execute(attempt(own, ProviderFormat::CLAUDE, BODY)).await.unwrap();
        assert_eq!((upstream.last().path.as_str(), upstream.last().query.as_str()), (path, query), "{tail}");
    }
}

#[tokio::test]
async fn a_limit_ends_when_anthropics_headers_say() {
    // Source: providers-a.md 2.6; the table of all headers is beside the code.
    let upstream = FakeUpstream::start().await;
    let reply = status(429)
        .header("retry-after", "10")
        .header("anthropic-ratelimit-unified-status", "rejected")
        .header("anthropic-ratelimit-unified-reset", "90")
        .json(&json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m"}}));
    upstream.script_all([reply]);
    let executor = ClaudeExecutor::new(egress()).with_url("api", upstream.url());
    let error = executor
        .execute(attempt(credential("claude", "k", |_| {}), ProviderFormat::CLAUDE, BODY))
        .await
        .unwrap_err();
    let evidence = error.evidence();
    assert_eq!((evidence.kind, evidence.scope), (ErrorKind::RateLimited, Scope::Credential));
    assert_eq!(evidence.retry_after.map(|wait| wait.as_secs()), Some(90), "the later of the two");
    assert_eq!(error.headers().get("retry-after").unwrap(), "10");
}

#[tokio::test]
async fn a_gateway_without_a_counter_is_no_failure_of_the_model() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(405)]);
    let executor = ClaudeExecutor::new(egress()).with_url("api", upstream.url());
    let own = attempt(credential("claude", "k", |_| {}), ProviderFormat::CLAUDE, BODY);
    assert_eq!(executor.count_tokens(own).await.unwrap_err().kind(), ErrorKind::EndpointMissing);
}
