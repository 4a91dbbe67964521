//! Names and keys through the whole stack.

use cliproxy_config::Environment;
use cliproxy_sdk::known_endpoints;
use cliproxy_testkit::{FakeUpstream, chat, json};
use serde_json::json;

use crate::support::World;

/// A key of OpenAI with two models, and Claude Code's names for them.
fn claude_code(upstream: &FakeUpstream) -> String {
    format!(
        "openai-compatibility: [{{name: router, base-url: '{}/v1', api-key-entries: [{{api-key: key-o}}], models: [{{name: gpt-5}}, {{name: gpt-5-mini}}]}}]\n\
         model-aliases: {{claude-*: gpt-5, claude-haiku-*: gpt-5-mini, broken: gpt-6}}\n",
        upstream.url()
    )
}

#[tokio::test]
async fn claude_code_runs_on_a_key_of_openai_its_background_model_too() {
    let upstream = FakeUpstream::start().await;
    let world = World::start(&claude_code(&upstream)).await;
    for (asked, sent) in [
        ("claude-opus-4-8", "gpt-5"),
        ("claude-sonnet-4-5-20250929", "gpt-5"),
        ("claude-haiku-4-5-20251001", "gpt-5-mini"),
        ("claude-3-5-haiku-20241022", "gpt-5"),
    ] {
        for stream in [false, true] {
            upstream.script_all([if stream { chat::stream("fine") } else { chat::completion("fine") }]);
            let body = json!({"model": asked, "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": "hi"}]});
            let reply = world.client().post("/v1/messages?beta=true", &body).await;
            assert_eq!(reply.status(), 200, "{asked}");
            let text = reply.text().await;
            assert!(
                text.contains(&format!("\"model\":\"{asked}\"")),
                "the client's own name comes back: {text}"
            );
            assert!(text.contains("\"fi"), "{text}");
            assert_eq!(upstream.last().json()["model"], sent, "{asked} stream={stream}");
        }
        let count = json!({"model": asked, "messages": [{"role": "user", "content": "hi"}]});
        let reply = world.client().post("/v1/messages/count_tokens", &count).await;
        assert!(reply.json().await["input_tokens"].as_u64().unwrap() > 0, "{asked}");
    }
    world.service.stop().await;
}

#[tokio::test]
async fn an_unknown_model_is_answered_with_near_names_in_each_format() {
    let upstream = FakeUpstream::start().await;
    let world = World::start(&claude_code(&upstream)).await;
    for (path, model, words) in [
        ("/v1/chat/completions", "gpt-5-min", "did you mean gpt-5, gpt-5-mini?"),
        ("/v1/messages", "gtp-5", "did you mean gpt-5?"),
        ("/v1/messages", "broken", "the model broken, an alias of gpt-6; did you mean gpt-5?"),
        ("/v1/chat/completions", "zzz", "GET /v1/models lists what there is"),
    ] {
        let body = json!({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
        let reply = world.client().post(path, &body).await;
        assert_eq!(reply.status(), 404, "{model}");
        let error = reply.json().await;
        assert!(error["error"]["message"].as_str().unwrap().contains(words), "{error}");
        let kind = if path == "/v1/messages" { "type" } else { "code" };
        let wanted = if path == "/v1/messages" { "not_found_error" } else { "model_not_found" };
        assert_eq!(error["error"][kind], wanted, "{error}");
    }
    assert!(upstream.requests().is_empty());
    world.service.stop().await;
}

#[tokio::test]
async fn a_key_of_openai_in_the_environment_serves() {
    let upstream = FakeUpstream::start().await;
    upstream.script_path("/v1/models", [json(&json!({"data": [{"id": "gpt-5.2"}]}))]);
    upstream.script_all([chat::completion("fine")]);
    let environment = Environment::new([("OPENAI_API_KEY", "key-of-the-environment")]);
    let yaml = format!("endpoints: {{openai: {{api: '{}/v1'}}}}\n", upstream.url());
    let world = World::with_environment(&yaml, environment).await;
    world.wait_for("gpt-5.4", false).await;
    let body = json!({"model": "gpt-5.2", "messages": [{"role": "user", "content": "hi"}]});
    let reply = world.client().post("/v1/chat/completions", &body).await;
    assert_eq!(reply.json().await["choices"][0]["message"]["content"], "fine");
    assert_eq!(upstream.last().key, "key-of-the-environment");
    world.service.stop().await;
}

#[tokio::test]
async fn logins_that_are_not_built_are_passed_over_and_the_rest_serves() {
    let upstream = FakeUpstream::start().await;
    let world = World::start(&claude_code(&upstream)).await;
    let folder = world.home.path().join("credentials");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in [
        ("xai-a.json", r#"{"type":"xai","access_token":"t","email":"a@example.com"}"#),
        ("vertex-p.json", r#"{"type":"vertex","service_account":{"project_id":"p"},"project_id":"p"}"#),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    world.reload(&claude_code(&upstream)).await;
    let models = world.models().await;
    assert!(!models.iter().any(|id| id.contains("grok") || id.contains("gemini")), "{models:?}");
    assert!(models.iter().any(|id| id == "gpt-5"));
    world.service.stop().await;
}

#[test]
fn every_provider_tells_its_urls() {
    let all = known_endpoints();
    let names: Vec<String> = all.iter().map(|(provider, name, _)| format!("{provider}.{name}")).collect();
    for name in
        ["claude.api", "claude.authorize", "claude.token", "codex.backend", "gemini.api", "kimi.device"]
    {
        assert_eq!(names.iter().filter(|known| *known == name).count(), 1, "{name}: {names:?}");
    }
    assert!(all.iter().all(|(_, _, url)| url.starts_with("https://")));
}

#[tokio::test]
async fn an_openai_compatible_service_may_have_the_name_of_any_provider() {
    let names = [
        "Kimi",
        "qwen",
        "gemini",
        "gemini-cli",
        "vertex",
        "claude",
        "codex",
        "iflow",
        "antigravity",
        "kiro",
        "github-copilot",
        "aistudio",
        "openai",
        "demo",
        "xai",
    ];
    let upstream = FakeUpstream::start().await;
    upstream.script_all([chat::completion("fine")]);
    let entry = |(number, name): (usize, &&str)| {
        format!(
            "{{name: {name}, base-url: '{}/v1', api-key-entries: [{{api-key: key-{number}}}], models: [{{name: kimi-k2-0905-preview, alias: m-{number}}}]}}",
            upstream.url()
        )
    };
    let entries: Vec<String> = names.iter().enumerate().map(entry).collect();
    let world = World::start(&format!("openai-compatibility: [{}]\n", entries.join(", "))).await;
    for (number, name) in names.iter().enumerate() {
        let body = json!({"model": format!("m-{number}"), "messages": [{"role": "user", "content": "hi"}]});
        let reply = world.client().post("/v1/chat/completions", &body).await;
        assert_eq!(reply.status(), 200, "{name}");
        let sent = upstream.last();
        assert_eq!(
            (sent.path.as_str(), sent.key.as_str()),
            ("/v1/chat/completions", &*format!("key-{number}"))
        );
        assert_eq!(sent.json()["model"], "kimi-k2-0905-preview", "{name}");
        assert_eq!(sent.headers.get("user-agent").unwrap(), "cli-proxy-openai-compat", "{name}");
    }
    world.service.stop().await;
}
