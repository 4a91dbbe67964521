//! SIGHUP reads the configuration again, SIGTERM lets streams end.

use cliproxy_testkit::{FakeUpstream, stall};
use serde_json::{Value, json};

use crate::client::{clients, data_events, said};
use crate::matrix::hello;
use crate::provider::providers;
use crate::server::Server;

#[tokio::test]
async fn a_reload_brings_new_keys_and_keeps_what_was_learnt_of_the_old_ones() {
    for provider in providers() {
        let (client, feature) = (clients()[0], hello());
        let upstream = FakeUpstream::start().await;
        let config = |keys: &[&str]| {
            format!("routing: {{strategy: fill-first}}\n{}", provider.config(&upstream.url(), keys, "u", "m"))
        };
        let server = Server::with_config(&config(&["key-a"])).await;
        let answer = feature.answer.clone();
        upstream.answer_with(move |request| match request.key.as_str() {
            "key-a" => provider.error(429, "slow down").header("retry-after", "600"),
            _ => provider.answer(&answer, provider.asked(request).1),
        });
        let body = client.body("m", &feature.ask, false);
        let path = client.path("m", false);
        let reply = server.client().post(&path, &body).await;
        assert_eq!(reply.status(), 429, "{}", provider.name());
        let tried = upstream.requests().len();

        server.write_config(&config(&["key-a", "key-b"]));
        server.signal("HUP").await;
        server.wait_for_log("reloaded", 1).await;
        let reply = server.client().post(&path, &body).await;
        assert_eq!(said(client, false, reply).await, feature.answer.expected("m"), "{}", provider.name());
        assert_eq!(upstream.keys_seen()[tried..], ["key-b"], "{}: key-a still cools", provider.name());

        // A file that does not load changes nothing, and says so.
        server.write_config("request-retry: lots\n");
        server.signal("HUP").await;
        server.wait_for_log("the old one stays in force", 1).await;
        assert!(server.log().contains("request-retry"), "{}", server.log());
        let reply = server.client().post(&path, &body).await;
        assert_eq!(reply.status(), 200, "{}", provider.name());

        // A client key that is taken out is out.
        let text = std::fs::read_to_string(server.home.path().join("config.yaml")).unwrap();
        let text = text.replace(crate::server::KEY, "another-key").replace("request-retry: lots\n", "");
        std::fs::write(server.home.path().join("config.yaml"), text).unwrap();
        server.signal("HUP").await;
        server.wait_for_log("reloaded", 2).await;
        assert_eq!(server.client().get("/v1/models").await.status(), 401);
    }
}

#[tokio::test]
async fn sigterm_lets_a_stream_end_and_takes_nobody_new() {
    let (client, provider, feature) = (clients()[0], providers()[0], hello());
    let upstream = FakeUpstream::start().await;
    let server = Server::with_config(&provider.config(&upstream.url(), &["k"], "u", "m")).await;
    let good = provider.answer(&feature.answer, true);
    let split = provider.preamble() + 1;
    // The rest of the stream comes long after the signal.
    let slow = good.insert(split, cliproxy_testkit::pause(std::time::Duration::from_millis(300)));
    upstream.script_all([slow]);
    let body = client.body("m", &feature.ask, true);
    let mut reply = server.client().post(&client.path("m", true), &body).await;
    let mut events = vec![reply.event().await.unwrap()];
    server.signal("TERM").await;
    server.wait_for_log("stopping", 1).await;
    while tokio::net::TcpStream::connect(&server.address).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    events.extend(reply.events().await);
    assert_eq!(client.stream(&data_events(events)), feature.answer.expected("m"));
    assert_eq!(server.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_streams_at_once_and_validly() {
    for client in clients() {
        let (provider, feature) = (providers()[0], hello());
        let upstream = FakeUpstream::start().await;
        let server = Server::with_config(&provider.config(&upstream.url(), &["k"], "u", "m")).await;
        let good = provider.answer(&feature.answer, true);
        upstream.script_all([good.truncate(provider.preamble() + 1).then(stall())]);
        let body = client.body("m", &feature.ask, true);
        let mut reply = server.client().post(&client.path("m", true), &body).await;
        let mut events = vec![reply.event().await.unwrap()];
        server.signal("TERM").await;
        server.wait_for_log("stopping", 1).await;
        server.signal("INT").await;
        events.extend(reply.events().await);
        let message = client.broken(&data_events(events));
        assert!(message.is_some_and(|text| text.contains("shutting down")), "{}", client.name());
        assert_eq!(server.exit_code().await, Some(0), "{}", client.name());
    }
}

#[tokio::test]
async fn a_reload_to_a_keyless_open_listener_is_refused() {
    let server = Server::with_config("").await;
    let file = server.home.path().join("config.yaml");
    std::fs::write(&file, "host: 0.0.0.0\nauth-dir: ./credentials\n").unwrap();
    server.signal("HUP").await;
    server.wait_for_log("the old one stays in force", 1).await;
    let stranger = cliproxy_testkit::TestClient::new(format!("http://{}", server.address));
    assert_eq!(stranger.get("/v1/models").await.status(), 401, "the old keys are in force");
    let models: Value = server.client().get("/v1/models").await.json().await;
    assert_eq!(models["data"][0]["id"], json!("demo"));
}
