use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{AccessDecision, AccessError, AccessProvider, ClientFormat};
use cliproxy_http::Options;
use cliproxy_testkit::TestClient;
use cliproxy_transport::ServerOptions;
use http::request::Parts;
use serde_json::json;

use crate::formats::{keyed_rows, rows};
use crate::support::{Edge, KEY};

/// How a client may show its key, and the path that shows it.
fn places(edge: &Edge, path: &str, key: &str) -> Vec<(&'static str, TestClient, String)> {
    let client = || edge.stranger();
    let join = if path.contains('?') { '&' } else { '?' };
    vec![
        ("bearer", client().bearer(key), path.to_owned()),
        ("raw", client().header("authorization", key), path.to_owned()),
        ("lower case", client().header("authorization", &format!("bearer {key}")), path.to_owned()),
        ("x-api-key", client().header("x-api-key", key), path.to_owned()),
        ("x-goog-api-key", client().header("x-goog-api-key", key), path.to_owned()),
        ("key", client(), format!("{path}{join}key={key}")),
        ("auth_token", client(), format!("{path}{join}beta=true&auth_token={key}")),
    ]
}

#[tokio::test]
async fn a_key_is_taken_from_every_place_and_travels_no_further() {
    let edge = Edge::start().await;
    for row in rows() {
        for (place, client, path) in places(&edge, row.path, KEY) {
            let reply = client.post(&path, &(row.body)(false)).await;
            assert_eq!(reply.status(), 200, "{path} {place}");
            let seen = edge.dispatcher.last();
            for name in ["authorization", "x-api-key", "x-goog-api-key"] {
                assert!(!seen.headers.contains_key(name), "{place} {name}");
            }
            assert!(!format!("{:?} {seen:?}", seen.headers).contains("CANARY"), "{place}");
            assert!(!seen.principal.as_str().contains("CANARY"), "{place}");
        }
    }
}

#[tokio::test]
async fn a_missing_and_a_wrong_key_are_told_apart_in_every_format() {
    let edge = Edge::start().await;
    for row in keyed_rows() {
        let reply = edge.stranger().post(row.path, &(row.body)(false)).await;
        assert_eq!(reply.status(), 401, "{}", row.path);
        assert_eq!(row.message(401, &reply.json().await), "Missing API key");
        for (place, client, path) in places(&edge, row.path, "wrong-CANARY") {
            let reply = client.post(&path, &(row.body)(false)).await;
            assert_eq!(reply.status(), 401, "{path} {place}");
            let error = reply.json().await;
            assert_eq!(row.message(401, &error), "Invalid API key", "{place}");
            assert!(!error.to_string().contains("CANARY"), "{place}: {error}");
        }
    }
    assert_eq!(edge.dispatcher.count(), 0);
}

#[tokio::test]
async fn a_wrong_key_in_one_place_does_not_hide_a_right_one_in_another() {
    let edge = Edge::start().await;
    let client = edge.stranger().bearer("wrong").header("x-api-key", KEY);
    assert_eq!(client.get("/v1/models").await.status(), 200);
}

#[derive(Debug)]
struct Broken;

#[async_trait]
impl AccessProvider for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    async fn authenticate(&self, _request: &Parts) -> Result<AccessDecision, AccessError> {
        Err(AccessError::new("the database is away"))
    }
}

#[tokio::test]
async fn an_access_check_that_fails_lets_nobody_in_and_tells_nobody_why() {
    let edge = Edge::with(Options::default(), Arc::new(Broken), ServerOptions::default()).await;
    for row in keyed_rows() {
        let reply = edge.client().post(row.path, &(row.body)(false)).await;
        assert_eq!(reply.status(), 500, "{}", row.path);
        assert_eq!(row.message(500, &reply.json().await), "Authentication service error");
    }
    assert_eq!(edge.dispatcher.count(), 0);
    assert_eq!(edge.stranger().get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn while_an_example_key_is_in_force_only_health_is_answered() {
    let mut options = Options::default();
    options.safe_mode = true;
    let edge = Edge::with_options(options).await;
    for row in rows() {
        let reply = edge.client().post(row.path, &(row.body)(false)).await;
        assert_eq!((reply.status(), reply.header("x-cpa-safe-mode")), (403, Some("example-api-key")));
        assert!(row.message(403, &reply.json().await).contains("example"), "{}", row.path);
    }
    assert_eq!(edge.client().get("/v1/models").await.status(), 403);
    assert_eq!(edge.client().get("/healthz").await.status(), 200);
    assert_eq!(edge.dispatcher.count(), 0);
    edge.routes.reconfigure(Options::default());
    assert_eq!(edge.client().get("/v1/models").await.status(), 200, "a reload ends it");
}

#[tokio::test]
async fn without_keys_programs_of_this_machine_come_in_and_web_pages_do_not() {
    let mut options = Options::default();
    options.keyed = false;
    options.own_hosts = vec!["proxy.lan".to_owned()];
    let edge = Edge::with_options(options).await;
    let origin = format!("http://{}", edge.address);
    for (headers, status) in [
        (vec![], 200),
        (vec![("authorization", "Bearer whatever")], 200),
        (vec![("origin", origin.as_str())], 200),
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("host", "evil.example")], 403),
        (vec![("host", "localhost:8317")], 200),
        (vec![("host", "proxy.lan")], 200),
    ] {
        let client = headers.iter().fold(edge.stranger(), |client, (name, value)| client.header(name, value));
        for row in rows() {
            let reply = client.post(row.path, &(row.body)(false)).await;
            assert_eq!(reply.status(), status, "{} {headers:?}", row.path);
            // Not the word that OpenAI has for a 403 as a rule: nobody's quota is spent.
            let text = reply.text().await;
            assert!(!text.to_lowercase().contains("insufficient"), "{} {headers:?}: {text}", row.path);
        }
        assert_eq!(client.get("/").await.status(), status, "{headers:?}");
    }
}

#[tokio::test]
async fn the_gemini_cli_interface_needs_no_key_and_lets_no_web_page_in() {
    let edge = Edge::start().await;
    let body = json!({"model": "m", "request": {"contents": []}});
    let page = edge.stranger().header("origin", "https://evil.example");
    let reply = page.post("/v1internal:generateContent", &body).await;
    assert_eq!(reply.status(), 403);
    let reply = edge.stranger().post("/v1internal:generateContent", &body).await;
    assert_eq!(reply.status(), 200);
    let seen = edge.dispatcher.last();
    assert_eq!((seen.format, seen.model.as_str(), seen.stream), (ClientFormat::GEMINI_CLI, "m", false));
    let reply = edge.stranger().post("/v1internal:loadCodeAssist", &body).await;
    assert_eq!(reply.status(), 501);
}
