//! Token counts: the provider's own where it has an endpoint for them, an estimate that says so where it has none.

use cliproxy_testkit::{Received, Reply, gemini, json as reply, status};
use serde_json::{Value, json};

use crate::client::count_of;
use crate::matrix::world;

/// What a provider's count endpoint says; 404 from all others.
pub fn counted(request: &Received) -> Reply {
    if request.path.ends_with("/count_tokens") {
        reply(&json!({"input_tokens": 12}))
    } else if request.path.ends_with(":countTokens") {
        gemini::token_count(12)
    } else {
        status(404).json(&json!({"error": {"message": "no such endpoint", "type": "invalid_request_error"}}))
    }
}

/// Where clients of a format ask for a count.
pub struct CountRoute {
    pub client: &'static str,
    pub path: fn(&str) -> String,
    pub body: fn(&str) -> Value,
    /// Where the count stands in the reply.
    pub member: &'static str,
}

pub fn count_routes() -> [CountRoute; 4] {
    [
        CountRoute {
            client: "claude",
            path: |_| "/v1/messages/count_tokens".to_owned(),
            body: |model| json!({"model": model, "messages": [{"role": "user", "content": "How many tokens is this?"}]}),
            member: "input_tokens",
        },
        CountRoute {
            client: "gemini",
            path: |model| format!("/v1beta/models/{model}:countTokens"),
            body: |_| json!({"contents": [{"role": "user", "parts": [{"text": "How many tokens is this?"}]}]}),
            member: "totalTokens",
        },
        CountRoute {
            client: "gemini-cli",
            path: |_| "/v1internal:countTokens".to_owned(),
            body: |model| json!({"request": {"model": format!("models/{model}"), "contents": [{"role": "user", "parts": [{"text": "How many tokens is this?"}]}]}}),
            member: "totalTokens",
        },
        CountRoute {
            client: "responses",
            path: |_| "/v1/responses/input_tokens".to_owned(),
            body: |model| json!({"model": model, "input": "How many tokens is this?"}),
            member: "input_tokens",
        },
    ]
}

#[tokio::test]
async fn every_client_format_that_counts_gets_a_count_from_every_provider() {
    let (server, all) = world("").await;
    for CountRoute { path, body, member, .. } in count_routes() {
        for behind in &all {
            behind.upstream.answer_with(counted);
            let path = path(&behind.alias);
            let case = format!("{path} → {}", behind.provider.name());
            let reply = server.client().post(&path, &body(&behind.alias)).await;
            assert_eq!(reply.status(), 200, "{case}: {}", reply.text().await);
            let estimated = reply.header("x-cliproxy-token-estimate").is_some();
            let count = count_of(&reply.json().await[member]);
            // Claude's endpoint is asked at its own address only: gateways in its place rarely have it. Kiro has none.
            if !["claude", "openai-compatibility", "codex", "kiro"].contains(&behind.provider.name()) {
                assert_eq!((count, estimated), (12, false), "{case}");
            } else {
                assert!(estimated && (4..40).contains(&count), "{case}: {count}");
            }
        }
    }
}

#[tokio::test]
async fn each_style_of_model_list_names_every_model_that_is_served() {
    let (server, all) = world("").await;
    let claude = server.client().header("anthropic-version", "2023-06-01");
    for (client, path, list, member, prefix) in [
        (server.client(), "/v1/models", "data", "id", ""),
        (claude, "/v1/models", "data", "id", ""),
        (server.client(), "/v1beta/models", "models", "name", "models/"),
    ] {
        let body = client.get(path).await.json().await;
        let names: Vec<&str> =
            crate::client::list(&body[list]).filter_map(|item| item[member].as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
        for behind in &all {
            let name = format!("{prefix}{}", behind.alias);
            assert!(names.contains(&name.as_str()), "{path}: {name} in {names:?}");
            let one = client.get(&format!("{path}/{}", behind.alias)).await;
            assert_eq!(one.status(), 200, "{path}: {name}");
            assert_eq!(one.json().await[member], name.as_str(), "{path}");
        }
        assert!(!names.iter().any(|name| name.ends_with("demo")), "the demo makes way: {names:?}");
    }
}
