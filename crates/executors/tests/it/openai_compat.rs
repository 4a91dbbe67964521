use cliproxy_core::{ErrorKind, Operation, ProviderExecutor as _, ProviderFormat, ProviderId, Secret};
use cliproxy_executors::OpenAiCompatExecutor;
use cliproxy_testkit::{FakeUpstream, cut, data, done, json, sse, status};
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::support::{attempt, credential, egress, read};

const BODY: &str = r#"{"model":"m","messages":[]}"#;

fn executor() -> OpenAiCompatExecutor {
    OpenAiCompatExecutor::new(ProviderId::from_static("router"), egress())
}

#[tokio::test]
async fn a_call_goes_to_the_base_url_with_a_bearer_key_and_the_body_as_it_is() {
    // Source: providers-b.md 6.2.
    let upstream = FakeUpstream::start().await;
    upstream.script("key-a", [json(&json!({"id": "x"}))]);
    let base = format!("{}/v1/", upstream.url());
    let credential = credential("router", "key-a", |settings| settings.base_url = Some(base));
    let reply = executor().execute(attempt(credential, ProviderFormat::OPENAI, BODY)).await.unwrap();
    assert_eq!(reply.body, r#"{"id":"x"}"#);
    let received = upstream.last();
    assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(received.body, BODY);
    assert_eq!(received.header("authorization"), Some("Bearer key-a"));
    assert_eq!(received.header("user-agent"), Some("cli-proxy-openai-compat"));
}

#[tokio::test]
async fn a_root_is_understood_however_it_is_written() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    for (tail, path, query) in [
        ("/v1//", "/v1/chat/completions", ""),
        ("/v1/chat/completions", "/v1/chat/completions", ""),
        (
            "/openai/deployments/d?api-version=2024-10-21",
            "/openai/deployments/d/chat/completions",
            "api-version=2024-10-21",
        ),
    ] {
        let base = format!("{}{tail}", upstream.url());
        let own = credential("router", "k", |settings| settings.base_url = Some(base));
        executor().execute(attempt(own, ProviderFormat::OPENAI, BODY)).await.unwrap();
        assert_eq!((upstream.last().path.as_str(), upstream.last().query.as_str()), (path, query), "{tail}");
    }
}

#[tokio::test]
async fn a_compaction_goes_to_its_own_path_without_stream() {
    // Source: providers-b.md 6.2, 6.5 (5).
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"id": "x"})), status(405)]);
    let compact = || {
        let own =
            credential("router", "k", |settings| settings.base_url = Some(format!("{}/v1", upstream.url())));
        let body = r#"{"model":"m","input":[],"stream":true}"#;
        let mut attempt = attempt(own, ProviderFormat::OPENAI_RESPONSES, body);
        attempt.operation = Operation::Compact;
        attempt
    };
    executor().execute(compact()).await.unwrap();
    assert_eq!(
        (upstream.last().path.as_str(), upstream.last().body.as_ref()),
        ("/v1/responses/compact", &br#"{"model":"m","input":[]}"#[..])
    );
    assert_eq!(executor().execute(compact()).await.unwrap_err().kind(), ErrorKind::EndpointMissing);
    assert_eq!(executor().wire_formats(&"m".into(), Operation::Compact), [ProviderFormat::OPENAI_RESPONSES]);
}

#[tokio::test]
async fn a_service_offers_what_is_configured_and_is_not_asked() {
    // Source: providers-b.md 6.4.
    let upstream = FakeUpstream::start().await;
    let own = credential("router", "k", |settings| settings.base_url = Some(upstream.url()));
    assert_eq!(executor().models(&own).await.unwrap(), []);
    assert_eq!(executor().known_models(&own), None);
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn openai_itself_has_a_root_and_a_list() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([
        json(&json!({"data": [{"id": "gpt-5.2"}, {"id": "gpt-5.2-codex"}, {"id": "gpt-5-pro"}, {"id": "gpt-4o"}]})),
        json(&json!({})),
    ]);
    let executor = OpenAiCompatExecutor::openai(egress()).with_url("api", format!("{}/v1", upstream.url()));
    let key = credential("openai", "key-o", |_| {});
    let ids: Vec<String> =
        executor.models(&key).await.unwrap().iter().map(|model| model.id.to_string()).collect();
    assert_eq!(ids, ["gpt-5.2", "gpt-4o"], "what answers on Responses only is left out");
    assert_eq!((upstream.last().path.as_str(), upstream.last().key.as_str()), ("/v1/models", "key-o"));
    assert!(executor.known_models(&key).unwrap().iter().any(|model| model.id.as_str() == "gpt-5.4"));
    executor.execute(attempt(key, ProviderFormat::OPENAI, BODY)).await.unwrap();
    assert_eq!(upstream.last().path, "/v1/chat/completions");
    assert_eq!(executor.endpoints()[0].default, "https://api.openai.com/v1");
}

#[tokio::test]
async fn the_end_of_a_limit_is_found_in_headers_or_words() {
    let upstream = FakeUpstream::start().await;
    for (reply, wait) in [
        (
            status(429).header("retry-after", "3").header("x-ratelimit-reset-requests", "60s").body("{}"),
            Some(3),
        ),
        (
            status(429)
                .header("x-ratelimit-remaining-tokens", "0")
                .header("x-ratelimit-reset-tokens", "6m0s")
                .body("{}"),
            Some(360),
        ),
        (status(429).json(&json!({"error": {"message": "Please try again in 20s."}})), Some(20)),
        (status(429).body("{}"), None),
    ] {
        upstream.script_all([reply]);
        let own = credential("router", "k", |settings| settings.base_url = Some(upstream.url()));
        let error = executor().execute(attempt(own, ProviderFormat::OPENAI, BODY)).await.unwrap_err();
        assert_eq!(error.evidence().retry_after.map(|wait| wait.as_secs()), wait);
    }
}

#[tokio::test]
async fn without_a_key_there_is_no_authorization() {
    // Source: providers-b.md 6.5 (2).
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    let credential = credential("router", "", |settings| settings.base_url = Some(upstream.url()));
    executor().execute(attempt(credential, ProviderFormat::OPENAI, BODY)).await.unwrap();
    assert_eq!(upstream.last().header("authorization"), None);
}

#[tokio::test]
async fn configured_headers_come_last_and_may_copy_the_clients() {
    // Source: providers-b.md 6.5 (7), runtime.md F.2 [H].
    let upstream = FakeUpstream::start().await;
    upstream.script_all([sse([done()])]);
    let credential = credential("router", "key-a", |settings| {
        settings.base_url = Some(upstream.url());
        settings.headers = [
            ("Accept", "text/plain"),
            ("User-Agent", "mine"),
            ("X-Copy", "$X-Client"),
            ("X-None", "$X-Absent"),
        ]
        .map(|(name, value)| (name.to_owned(), Secret::from(value)))
        .to_vec();
    });
    let mut attempt = attempt(credential, ProviderFormat::OPENAI, BODY);
    attempt.stream = true;
    let mut client = HeaderMap::new();
    client.insert("x-client", HeaderValue::from_static("blue"));
    attempt.client_headers = client.into();
    executor().execute_stream(attempt).await.unwrap();
    let received = upstream.last();
    assert_eq!(received.header("accept"), Some("text/plain"));
    assert_eq!(received.header("user-agent"), Some("mine"));
    assert_eq!(received.header("x-copy"), Some("blue"));
    assert_eq!(received.header("x-none"), None);
    assert_eq!(received.header("cache-control"), Some("no-cache"));
}

#[tokio::test]
async fn a_stream_arrives_and_a_cut_one_ends_in_an_error() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([sse([data(&json!({"n": 1})), done()]), sse([data(&json!({"n": 1})), cut()])]);
    for broken in [false, true] {
        let credential = credential("router", "key-a", |settings| settings.base_url = Some(upstream.url()));
        let mut attempt = attempt(credential, ProviderFormat::OPENAI, BODY);
        attempt.stream = true;
        let (text, error) = read(executor().execute_stream(attempt).await.unwrap()).await;
        assert!(text.starts_with("data: {\"n\":1}\n\n"), "{text}");
        assert_eq!(error.map(|error| error.kind()), broken.then_some(ErrorKind::Interrupted));
    }
}

#[tokio::test]
async fn failures_carry_the_reply_and_their_kind() {
    let upstream = FakeUpstream::start().await;
    for (reply, kind) in [
        (status(401).json(&json!({"error": {"message": "no"}})), ErrorKind::Unauthorized),
        (status(429).header("retry-after", "7").json(&json!({})), ErrorKind::RateLimited),
        (status(500).body("oops"), ErrorKind::Server),
        (status(200).header("content-type", "text/html").body("<html>welcome</html>"), ErrorKind::BadReply),
    ] {
        upstream.script("key-a", [reply]);
        let credential = credential("router", "key-a", |settings| settings.base_url = Some(upstream.url()));
        let error = executor().execute(attempt(credential, ProviderFormat::OPENAI, BODY)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!error.body().is_empty());
        if kind == ErrorKind::RateLimited {
            assert_eq!(error.evidence().retry_after.map(|wait| wait.as_secs()), Some(7));
        }
    }
}

#[tokio::test]
async fn what_the_credential_lacks_is_told_before_anything_is_sent() {
    let missing = credential("router", "key-a", |_| {});
    let error = executor().execute(attempt(missing, ProviderFormat::OPENAI, BODY)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Misconfigured, "provider router has no base-url")
    );

    let proxied = credential("router", "key-a", |settings| {
        settings.base_url = Some("http://127.0.0.1:9".to_owned());
        settings.proxy = Some(Secret::from("ftp://user:CANARY@proxy"));
    });
    let error = executor().execute(attempt(proxied, ProviderFormat::OPENAI, BODY)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(!format!("{error:?} {error}").contains("CANARY"));

    // A proxy that is down is like a connection that failed: no credential rests because of it.
    let behind = credential("router", "key-a", |settings| {
        settings.base_url = Some("http://127.0.0.1:9".to_owned());
        settings.proxy = Some(Secret::from("http://user:CANARY@127.0.0.1:1"));
    });
    let error = executor().execute(attempt(behind, ProviderFormat::OPENAI, BODY)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.message().contains("proxy") && !format!("{error:?} {error}").contains("CANARY"));
}

#[tokio::test]
async fn an_unreachable_service_is_an_endpoint_fault() {
    let closed = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let credential =
        credential("router", "key-a", |settings| settings.base_url = Some(format!("http://{closed}")));
    let error = executor().execute(attempt(credential, ProviderFormat::OPENAI, BODY)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.kind().is_endpoint_fault());
}
