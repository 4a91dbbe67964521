use cliproxy_core::{ClientError, ClientErrorKind, ModelInfo, ReasoningProfile};
use cliproxy_testkit::TestClient;
use serde_json::{Value, json};

use crate::support::{Edge, KEY, failed};

async fn edge() -> Edge {
    let edge = Edge::start().await;
    let thinking =
        ReasoningProfile { budget: Some((1024, 64000)), dynamic_allowed: true, ..Default::default() };
    edge.dispatcher.offer([
        ModelInfo::new("claude-x")
            .with_owner("anthropic")
            .with_display_name("Claude X")
            .with_created(1_760_000_000)
            .with_limits(200_000, 64_000)
            .with_reasoning(thinking),
        ModelInfo::new("team/gpt-5"),
    ]);
    edge
}

fn as_claude(client: TestClient) -> TestClient {
    client.header("anthropic-version", "2023-06-01")
}

#[tokio::test]
async fn the_list_comes_in_the_style_of_who_asks() {
    let edge = edge().await;
    let openai = json!({"object": "list", "data": [
        {"id": "claude-x", "object": "model", "created": 1_760_000_000, "owned_by": "anthropic"},
        {"id": "team/gpt-5", "object": "model", "created": 0, "owned_by": "cliproxy"},
    ]});
    assert_eq!(edge.client().get("/v1/models").await.json().await, openai);
    let claude = as_claude(edge.client()).get("/v1/models").await.json().await;
    assert_eq!((&claude["first_id"], &claude["last_id"]), (&json!("claude-x"), &json!("team/gpt-5")));
    assert_eq!(claude["has_more"], false);
    assert_eq!(
        claude["data"][0],
        json!({
            "type": "model", "id": "claude-x", "display_name": "Claude X",
            "created_at": "2025-10-09T08:53:20Z", "object": "model", "owned_by": "anthropic",
            "max_input_tokens": 200_000, "max_tokens": 64_000, "thinking": true,
            "extended_thinking": {
                "supported": true, "min": 1024, "max": 64000, "zero_allowed": false, "dynamic_allowed": true,
            },
        })
    );
    assert_eq!(claude["data"][1]["thinking"], Value::Null);
    let agent = edge.client().header("user-agent", "claude-cli/2.1 (external)");
    assert_eq!(agent.get("/v1/models").await.json().await, claude, "Claude Code by its name");
    let gemini = edge.client().get("/v1beta/models").await.json().await;
    assert_eq!(
        gemini["models"][0],
        json!({
            "name": "models/claude-x", "version": "claude-x", "displayName": "Claude X", "description": "claude-x",
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "inputTokenLimit": 200_000, "outputTokenLimit": 64_000, "thinking": true,
        })
    );
    let sdk = edge.client().header("x-goog-api-client", "google-genai-sdk/1.0");
    assert_eq!(sdk.get("/v1/models").await.json().await, gemini, "Google's SDK by its name");
    let keyed = edge.stranger().header("x-goog-api-key", KEY);
    assert_eq!(keyed.get("/v1/models").await.json().await, gemini, "and by the header of its key");
    assert_eq!(keyed.get("/v1/models/claude-x").await.json().await, gemini["models"][0]);
}

/// With a list that it cannot read it asks once more for every use, and says so; with entries of ours it would lose the
/// instructions that it has for its models.
#[tokio::test]
async fn codex_gets_a_catalogue_that_leaves_what_it_knows_alone() {
    let edge = edge().await;
    for path in ["/v1/models?client_version=0.171.0", "/backend-api/codex/models?a=b&client_version=0.171.0"]
    {
        assert_eq!(edge.client().get(path).await.json().await, json!({"models": []}), "{path}");
        assert_eq!(edge.stranger().get(path).await.status(), 401, "{path}");
    }
    let plain = edge.client().get("/backend-api/codex/models?version=client_version").await.json().await;
    assert_eq!(plain["data"][0]["id"], "claude-x");
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let edge = Edge::start().await;
    assert_eq!(edge.client().get("/v1/models").await.json().await, json!({"object": "list", "data": []}));
    let claude = as_claude(edge.client()).get("/v1/models?limit=1000").await.json().await;
    assert_eq!(claude, json!({"data": [], "has_more": false, "first_id": "", "last_id": ""}));
    assert_eq!(edge.client().get("/v1beta/models").await.json().await, json!({"models": []}));
}

#[tokio::test]
async fn a_model_is_found_by_its_id_in_each_style() {
    let edge = edge().await;
    for path in ["/v1/models/team/gpt-5", "/v1/models/team%2Fgpt-5", "/v1/models/team/gpt-5/"] {
        assert_eq!(edge.client().get(path).await.json().await["id"], "team/gpt-5", "{path}");
        assert_eq!(as_claude(edge.client()).get(path).await.json().await["type"], "model", "{path}");
    }
    for path in ["/v1beta/models/claude-x", "/v1beta/models/models/claude-x", "/v1alpha/models/claude-x"] {
        assert_eq!(edge.client().get(path).await.json().await["name"], "models/claude-x", "{path}");
    }
}

#[tokio::test]
async fn a_model_that_is_not_there_is_404_in_each_style() {
    let edge = edge().await;
    let reply = edge.client().get("/v1/models/nope").await;
    assert_eq!(reply.status(), 404);
    let error = reply.json().await;
    assert_eq!(error["error"]["code"], "model_not_found", "{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains("nope"));
    let reply = as_claude(edge.client()).get("/v1/models/nope").await;
    assert_eq!(reply.status(), 404);
    assert_eq!(reply.json().await["error"]["type"], "not_found_error");
    assert_eq!(edge.client().get("/v1beta/models/nope").await.status(), 404);
}

/// The name that was meant, or else where this client finds the list.
#[tokio::test]
async fn a_model_that_is_not_there_is_told_with_what_is() {
    let edge = edge().await;
    edge.dispatcher.answer(|request| async move {
        let model = request.model.as_str().to_owned();
        failed(ClientError::new(ClientErrorKind::ModelNotFound, "nobody has it").with_model(model))
    });
    for (path, gets, words) in [
        ("/v1/models/claud-x", true, "did you mean claude-x?"),
        ("/v1beta/models/claud-x", true, "did you mean claude-x?"),
        ("/v1/models/nope", true, "GET /v1/models lists"),
        ("/v1beta/models/nope", true, "GET /v1beta/models lists"),
        ("/v1/chat/completions", false, "nobody has it; GET /v1/models lists what there is"),
        ("/v1/messages", false, "nobody has it; GET /v1/models lists what there is"),
        ("/v1beta/models/m:generateContent", false, "nobody has it; GET /v1beta/models lists what there is"),
        ("/v1internal:generateContent", false, "nobody has it; GET /v1beta/models lists what there is"),
    ] {
        let body = json!({"model": "m", "messages": [], "request": {"contents": []}});
        let reply = if gets { edge.client().get(path).await } else { edge.client().post(path, &body).await };
        assert_eq!(reply.status(), 404, "{path}");
        let error = reply.json().await;
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{path}: {message}");
    }
    // Who offers it may still refuse it, and the dispatcher may have named what was meant.
    for model in ["claude-x", "claud-x"] {
        let body = json!({"model": model, "messages": []});
        let error = edge.client().post("/v1/chat/completions", &body).await.json().await;
        assert_eq!(error["error"]["message"], "nobody has it", "{model}");
    }
    let none = edge.client().post("/v1internal:generateContent", &json!({"request": {}})).await.text().await;
    assert!(none.contains("name one of GET /v1beta/models"), "{none}");
}

#[tokio::test]
async fn lists_need_a_key() {
    let edge = edge().await;
    for path in ["/v1/models", "/v1/models/claude-x", "/v1beta/models", "/v1beta/models/claude-x"] {
        assert_eq!(edge.stranger().get(path).await.status(), 401, "{path}");
    }
}
