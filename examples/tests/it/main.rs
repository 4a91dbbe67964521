//! Every example does what it says: run, asked over HTTP, and looked at.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking; of an example only its parts are used"
)]

#[path = "../../custom_executor.rs"]
mod custom_executor;
#[path = "../../custom_selector.rs"]
mod custom_selector;
#[path = "../../custom_transform.rs"]
mod custom_transform;
#[path = "../../embed.rs"]
mod embed;

use std::sync::Arc;

use cliproxy_sdk::config::{Environment, Loader};
use cliproxy_sdk::core::ProviderId;
use cliproxy_sdk::executors::Egress;
use cliproxy_sdk::transport::{ClientOptions, HttpClient, ProxyChoice};
use cliproxy_sdk::{Builder, Service};
use cliproxy_testkit::conformance::{Site, Subject};
use cliproxy_testkit::{FakeUpstream, TestClient, chat};
use serde_json::json;

use custom_executor::Acme;

const ACME: ProviderId = ProviderId::from_static("acme");

fn client(service: &Service) -> TestClient {
    TestClient::new(format!("http://{}", service.local_addr())).bearer("a-key-of-my-own")
}

fn acme(site: &Site) -> Acme {
    let options = ClientOptions::new().with_first_byte_timeout(site.first_byte_timeout());
    Acme(ACME, Egress::new(HttpClient::new(options), ProxyChoice::Direct))
}

// The stranger's executor passes what ours pass.
cliproxy_testkit::conformance!(custom_executor_conforms, Subject::new(acme));

#[test]
fn the_custom_executor_has_fewer_than_60_lines() {
    let lines = include_str!("../../custom_executor.rs").lines().count();
    assert!(lines < 60, "{lines} lines");
}

#[tokio::test]
async fn clients_of_another_format_call_the_custom_executor() {
    let upstream = FakeUpstream::start().await;
    upstream.script("acme-key", [chat::completion("from acme"), chat::stream("from acme")]);
    let yaml = include_str!("../../acme.yaml").replace("http://127.0.0.1:9", &upstream.url());
    let loaded = Loader::new(Environment::default()).load_str("acme.yaml", &yaml).unwrap();
    let builder = Builder::new(loaded.config, Environment::default()).unwrap();
    let acme = Arc::new(Acme(ACME, builder.egress()));
    let service = builder.executor(acme).build().await.unwrap();
    service.start();
    let mut body =
        json!({"model": "acme-1", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    let reply = client(&service).post("/v1/messages", &body).await.json().await;
    assert_eq!(reply["content"][0]["text"], "from acme", "{reply}");
    assert_eq!(upstream.last().path, "/generate");
    body["stream"] = json!(true);
    let events = client(&service).post("/v1/messages", &body).await.events().await;
    assert_eq!(events.last().unwrap().event, "message_stop");
    service.stop().await;
}

#[tokio::test]
async fn the_embedded_proxy_answers_with_and_without_http() {
    let service = embed::serve().await.unwrap();
    let (reply, explanation) = embed::ask(&service).await.unwrap();
    assert!(reply.contains("Hello from cliproxy"), "{reply}");
    assert!(explanation.contains("demo"), "{explanation}");
    let listed = client(&service).get("/v1/models").await.json().await;
    assert_eq!(listed["data"][0]["id"], "demo");
    assert_eq!(client(&service).bearer("another").get("/v1/models").await.status(), 401);
    service.stop().await;
}

#[tokio::test]
async fn the_custom_selector_stays_in_europe() {
    assert_eq!(custom_selector::picks().await.unwrap(), ["https://eu.claude.example"; 3]);
}

#[tokio::test]
async fn the_custom_transform_serves_chat_clients_whole_and_streamed() {
    let service = custom_transform::serve().await.unwrap();
    let mut body = json!({"model": "parrot", "messages": [{"role": "user", "content": "a fine day"}]});
    let reply = client(&service).post("/v1/chat/completions", &body).await.json().await;
    assert_eq!(reply["choices"][0]["message"]["content"], "a fine day", "{reply}");
    body["stream"] = json!(true);
    let events = client(&service).post("/v1/chat/completions", &body).await.events().await;
    assert_eq!(events.last().unwrap().data, "[DONE]");
    let words: Vec<String> = events[..events.len() - 1]
        .iter()
        .filter_map(|event| event.json()["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(words, ["a ", "fine ", "day"]);
    // A pair is exactly one: nobody translates for another client.
    let claude = json!({"model": "parrot", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    assert!(client(&service).post("/v1/messages", &claude).await.status() >= 400);
    service.stop().await;
}
