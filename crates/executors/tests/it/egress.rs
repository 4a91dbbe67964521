//! What all executors share, by way of the simplest of them.

use std::time::Duration;

use cliproxy_core::{
    Attempt, ErrorKind, ProviderExecutor as _, ProviderFormat, ProviderId, Secret, Settings,
};
use cliproxy_executors::{Egress, OpenAiCompatExecutor};
use cliproxy_testkit::{Encoding, FakeUpstream, hang, html, json, refuse, sse, stall, status, stream};
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};
use http::Request;
use serde_json::json;

use crate::support::{attempt, credential, egress, read};

const BODY: &str = r#"{"model":"m","messages":[]}"#;

fn executor() -> OpenAiCompatExecutor {
    OpenAiCompatExecutor::new(ProviderId::from_static("router"), egress())
}

fn asked(base: &str, change: impl FnOnce(&mut Settings)) -> Attempt {
    let own = credential("router", "key-a", |settings| {
        settings.base_url = Some(base.to_owned());
        change(settings);
    });
    attempt(own, ProviderFormat::OPENAI, BODY)
}

#[tokio::test]
async fn compressed_replies_and_errors_arrive_decoded_said_or_not() {
    // Source: providers-a.md 2.4 "Compression", 2.7 [H].
    let upstream = FakeUpstream::start().await;
    let body = json!({"id": "x"});
    for encoding in [Encoding::Gzip, Encoding::Zlib, Encoding::Zstd] {
        upstream.script_all([json(&body).compressed(encoding)]);
        let reply = executor().execute(asked(&upstream.url(), |_| {})).await.unwrap();
        assert_eq!(reply.body, r#"{"id":"x"}"#, "{encoding:?}");
        assert_eq!(reply.headers.get("content-encoding"), None);
    }
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        upstream.script_all([
            json(&body).compressed_silently(encoding),
            status(400).json(&json!({"error": {"message": "no"}})).compressed_silently(encoding),
        ]);
        let reply = executor().execute(asked(&upstream.url(), |_| {})).await.unwrap();
        assert_eq!(reply.body, r#"{"id":"x"}"#, "{encoding:?}");
        let error = executor().execute(asked(&upstream.url(), |_| {})).await.unwrap_err();
        assert_eq!(error.body(), r#"{"error":{"message":"no"}}"#, "{encoding:?}");
    }
}

#[tokio::test]
async fn a_stream_is_handed_on_as_it_arrives_even_in_single_bytes() {
    let upstream = FakeUpstream::start().await;
    let text = "data: {\"w\":\"h\u{e9}\u{1f600}\"}\n\n: ping\n\ndata: [DONE]\n\n";
    upstream.script_all([stream([cliproxy_testkit::raw(text)]).split_every(1)]);
    let mut ask = asked(&upstream.url(), |_| {});
    ask.stream = true;
    let (seen, error) = read(executor().execute_stream(ask).await.unwrap()).await;
    assert_eq!(seen, text);
    assert!(error.is_none());
}

#[tokio::test]
async fn dropping_a_stream_cancels_the_call() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([sse([cliproxy_testkit::done(), stall()])]);
    let mut ask = asked(&upstream.url(), |_| {});
    ask.stream = true;
    drop(executor().execute_stream(ask).await.unwrap());
    upstream.wait_for_abandoned(1).await;
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let upstream = FakeUpstream::start().await;
    for (reply, kind) in [
        (refuse(), ErrorKind::Connect),
        (html(502), ErrorKind::Server),
        (html(200), ErrorKind::BadReply),
        (html(403).body("<!DOCTYPE html><title>Just a moment...</title>"), ErrorKind::Challenge),
    ] {
        upstream.script_all([reply]);
        let error = executor().execute(asked(&upstream.url(), |_| {})).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn a_provider_that_never_answers_runs_into_the_first_byte_timeout() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([hang()]);
    let options = ClientOptions::new().with_first_byte_timeout(Some(Duration::from_millis(50)));
    let egress = Egress::new(HttpClient::new(options), ProxyChoice::Direct);
    let executor = OpenAiCompatExecutor::new(ProviderId::from_static("router"), egress);
    let error = executor.execute(asked(&upstream.url(), |_| {})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_call_goes_through_the_credentials_proxy_else_the_configured_one() {
    // Source: providers-a.md 1.6 "Proxy choice", providers-b.md 6.5 (8).
    let (configured, own, direct) =
        (FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await);
    for (upstream, name) in [(&configured, "configured"), (&own, "own"), (&direct, "direct")] {
        upstream.script_all([json(&json!({"via": name}))]);
    }
    let choice = ProxyChoice::parse(&configured.url()).unwrap();
    let egress = Egress::new(HttpClient::new(ClientOptions::new()), choice);
    let executor = OpenAiCompatExecutor::new(ProviderId::from_static("router"), egress);
    for (proxy, via) in [
        (None, "configured"),
        (Some(own.url()), "own"),
        (Some("direct".to_owned()), "direct"),
        (Some(String::new()), "configured"),
    ] {
        let ask = asked(&direct.url(), |settings| settings.proxy = proxy.as_deref().map(Secret::from));
        let reply = executor.execute(ask).await.unwrap();
        assert_eq!(reply.body, format!("{{\"via\":\"{via}\"}}"), "{proxy:?}");
    }
}

#[tokio::test]
async fn a_raw_request_is_signed_and_its_failing_status_is_a_reply() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(404).body("nothing")]);
    let own = credential("router", "key-a", |settings| {
        settings.headers = vec![("X-Team".to_owned(), Secret::from("blue"))];
    });
    let request = Request::get(format!("{}/quota", upstream.url()))
        .header("authorization", "Bearer of-the-client")
        .body(bytes::Bytes::new())
        .unwrap();
    let reply = executor().http_request(&own, request).await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.body().as_ref()), (404, &b"nothing"[..]));
    let received = upstream.last();
    assert_eq!((received.method.as_str(), received.path.as_str()), ("GET", "/quota"));
    assert_eq!(
        (received.header("authorization"), received.header("x-team")),
        (Some("Bearer key-a"), Some("blue"))
    );
}

#[tokio::test]
async fn configured_headers_cannot_break_the_message() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({}))]);
    let ask = asked(&upstream.url(), |settings| {
        settings.headers =
            [("Content-Length", "1"), ("Transfer-Encoding", "chunked"), ("X-Fine", "yes"), ("bad name", "x")]
                .map(|(name, value)| (name.to_owned(), Secret::from(value)))
                .to_vec();
    });
    executor().execute(ask).await.unwrap();
    assert_eq!(upstream.last().body, BODY);
    assert_eq!(upstream.last().header("x-fine"), Some("yes"));
}

#[tokio::test]
async fn no_secret_is_in_what_is_printed() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(401).json(&json!({"error": {"message": "no"}}))]);
    let mut ask = asked(&upstream.url(), |settings| {
        settings.headers = vec![("X-Key".to_owned(), Secret::from("CANARY"))];
        settings.proxy = Some(Secret::from("direct"));
    });
    ask.credential = std::sync::Arc::new(credential("router", "CANARY", |settings| {
        *settings = ask.credential.settings().clone();
    }));
    let shown = format!("{ask:?} {:?}", executor());
    let error = executor().execute(ask).await.unwrap_err();
    assert!(!format!("{shown} {error:?} {error}").contains("CANARY"));
}
