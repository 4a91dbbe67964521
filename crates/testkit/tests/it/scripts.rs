use std::time::Duration;

use cliproxy_testkit::{
    Encoding, FakeUpstream, TestClient, cut, data, html, json, raw, sse, stall, status, stream,
};
use http::Version;
use serde_json::json;

#[tokio::test]
async fn each_request_of_a_key_takes_the_next_reply_and_the_last_one_stays() {
    let upstream = FakeUpstream::start().await;
    upstream.script("a", [status(429), json(&json!({"ok": true}))]);
    upstream.script_all([status(404)]);
    let mut seen = Vec::new();
    for key in ["a", "b", "a", "a"] {
        let client = TestClient::new(upstream.url()).header("x-api-key", key);
        seen.push(client.post("/v1/x?alt=sse", &json!({"n": 1})).await.status());
    }
    assert_eq!(seen, [429, 404, 200, 200]);
    assert_eq!(upstream.keys_seen(), ["a", "b", "a", "a"]);
    let request = upstream.last();
    assert_eq!((request.path.as_str(), request.query.as_str()), ("/v1/x", "alt=sse"));
    assert_eq!(request.json(), json!({"n": 1}));
}

#[tokio::test]
async fn a_key_is_found_wherever_providers_look() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(200)]);
    let client = TestClient::new(upstream.url());
    client.clone().bearer("one").get("/").await;
    client.clone().header("x-api-key", "two").get("/").await;
    client.clone().header("x-goog-api-key", "three").get("/").await;
    client.get("/?alt=sse&key=four").await;
    assert_eq!(upstream.keys_seen(), ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn a_cut_breaks_the_body_after_what_was_sent() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([sse([data(&json!(1)), cut()])]);
    let mut reply = TestClient::new(upstream.url()).get("/").await;
    assert_eq!(reply.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    assert!(reply.chunk().await.is_err());
}

#[tokio::test]
async fn dropping_a_reply_is_noticed() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([stream([raw("x"), stall()])]);
    let mut reply = TestClient::new(upstream.url()).get("/").await;
    assert_eq!(reply.chunk().await.unwrap().unwrap(), "x");
    drop(reply);
    upstream.wait_for_abandoned(1).await;
}

#[tokio::test]
async fn tls_and_http2_are_spoken() {
    let upstream = FakeUpstream::start_tls().await;
    upstream.script_all([html(502).slow_head(Duration::from_millis(1))]);
    let client = TestClient::new(upstream.url()).trusting(upstream.root_der());
    assert_eq!(client.get("/").await.status(), 502);
    assert_eq!(client.clone().http2().get("/").await.status(), 502);
    let plain = FakeUpstream::start().await;
    plain.script_all([status(204)]);
    assert_eq!(TestClient::new(plain.url()).http2().get("/").await.status(), 204);
    let versions: Vec<_> = upstream.requests().iter().chain(&plain.requests()).map(|r| r.version).collect();
    assert_eq!(versions, [Version::HTTP_11, Version::HTTP_2, Version::HTTP_2]);
}

#[tokio::test]
async fn a_compressed_reply_says_so_unless_told_not_to() {
    let upstream = FakeUpstream::start().await;
    let reply = status(200).body("hello");
    upstream
        .script_all([reply.clone().compressed(Encoding::Gzip), reply.compressed_silently(Encoding::Zstd)]);
    let client = TestClient::new(upstream.url());
    let first = client.get("/").await;
    assert_eq!(first.header("content-encoding"), Some("gzip"));
    assert_eq!(first.bytes().await[..2], [0x1f, 0x8b]);
    let second = client.get("/").await;
    assert_eq!(second.header("content-encoding"), None);
    assert_eq!(second.bytes().await[..4], [0x28, 0xb5, 0x2f, 0xfd]);
}
