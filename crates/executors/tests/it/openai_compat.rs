use cliproxy_core::{ErrorKind, ProviderExecutor as _, ProviderFormat, ProviderId, Secret};
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
