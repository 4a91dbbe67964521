//! The listener: TLS, HTTP/2, signs of life, and streams of every framing.

use std::time::Duration;

use cliproxy_testkit::TestClient;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::{clients, said};
use crate::matrix::{hello, world};
use crate::provider::providers;
use crate::server::{KEY, Server};

#[tokio::test]
async fn https_serves_http1_and_http2_to_every_client() {
    let home = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(home.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(home.path().join("key.pem"), made.key_pair.serialize_pem()).unwrap();
    let (provider, feature) = (providers()[0], hello());
    let upstream = cliproxy_testkit::FakeUpstream::start().await;
    let tls = "tls: {enable: true, cert: cert.pem, key: key.pem}\n";
    let yaml = provider.config(&upstream.url(), &["k"], "u", "m");
    let server = Server::with_config_in(home, &format!("{tls}{yaml}")).await;
    let answer = feature.answer.clone();
    upstream.answer_with(move |request| provider.answer(&answer, provider.asked(request).1));
    for http2 in [false, true] {
        let base = TestClient::new(format!("https://{}", server.address)).bearer(KEY);
        let base = base.trusting(made.cert.der().to_vec());
        let caller = if http2 { base.http2() } else { base };
        for client in clients() {
            for stream in [false, true] {
                let body = client.body("m", &feature.ask, stream);
                let reply = caller.post(&client.path("m", stream), &body).await;
                let told = said(client, stream, reply).await;
                assert_eq!(told, feature.answer.expected("m"), "{} http2={http2} {stream}", client.name());
            }
        }
    }
}

#[tokio::test]
async fn a_slow_provider_is_bridged_by_signs_of_life() {
    let (server, all) = world("streaming: {keepalive-seconds: 1}\nnonstream-keepalive-interval: 1\n").await;
    let feature = hello();
    let behind = &all[0];
    let (provider, answer) = (behind.provider, feature.answer.clone());
    behind.upstream.answer_with(move |request| {
        provider.answer(&answer, provider.asked(request).1).slow_head(Duration::from_millis(1500))
    });
    // All at once: each waits for the same second and a half.
    let calls = clients().into_iter().flat_map(|client| [(client, false), (client, true)]);
    let tasks = tokio_util::task::TaskTracker::new();
    let mut running = Vec::new();
    for (client, stream) in calls {
        let body = client.body(&behind.alias, &feature.ask, stream);
        let (caller, path) = (server.client(), client.path(&behind.alias, stream));
        let expected = feature.answer.expected(&behind.alias);
        running.push(tasks.spawn(async move {
            let mut reply = caller.post(&path, &body).await;
            let first = reply.chunk().await.unwrap().expect("a sign of life");
            // Google's SDK for Python takes a comment for JSON.
            let sign: &[u8] = match (stream, client.name().starts_with("gemini")) {
                (true, false) => b": keep-alive\n\n",
                (true, true) => b"\n\n",
                (false, _) => b"\n",
            };
            assert_eq!(&first[..], sign, "{} stream={stream}", client.name());
            assert_eq!(said(client, stream, reply).await, expected, "{} stream={stream}", client.name());
        }));
    }
    for task in running {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_gemini_client_may_take_the_stream_as_an_array() {
    let (server, all) = world("").await;
    let feature = hello();
    let gemini = clients().into_iter().find(|client| client.name() == "gemini").unwrap();
    for behind in &all {
        let (provider, answer) = (behind.provider, feature.answer.clone());
        behind.upstream.answer_with(move |request| provider.answer(&answer, provider.asked(request).1));
        let path = format!("/v1beta/models/{}:streamGenerateContent?alt=json&key={KEY}", behind.alias);
        let stranger = TestClient::new(format!("http://{}", server.address));
        let reply = stranger.post(&path, &gemini.body(&behind.alias, &feature.ask, true)).await;
        assert_eq!((reply.status(), reply.header("content-type")), (200, Some("application/json")));
        let chunks: Vec<Value> = serde_json::from_str(&reply.text().await).expect("one JSON array");
        let words =
            chunks.iter().flat_map(|chunk| crate::client::list(&chunk["candidates"][0]["content"]["parts"]));
        let told: String = words.filter_map(|part| part["text"].as_str()).collect();
        assert_eq!(Some(told.as_str()), feature.answer.text, "{}", provider.name());
        let sent = behind.upstream.last();
        assert!(!sent.query.contains(KEY), "{}: the client's key stays here", provider.name());
    }
    assert!(!server.log().contains(KEY), "and out of the log");
}
