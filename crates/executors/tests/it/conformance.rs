//! Every executor of ours passes the checks that a stranger's has to pass. AI Studio's, which asks through a page, is in
//! `aistudio`.

use cliproxy_core::ProviderId;
use cliproxy_executors::{
    AntigravityExecutor, ClaudeExecutor, CodexExecutor, CopilotExecutor, DemoExecutor, Egress,
    GeminiCliExecutor, GeminiExecutor, IflowExecutor, KimiExecutor, KiroExecutor, OpenAiCompatExecutor,
    QwenExecutor, VertexExecutor,
};
use cliproxy_testkit::conformance::{Site, Subject};
use cliproxy_testkit::{Reply, conformance, json};
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};
use serde_json::json;

fn egress(site: &Site) -> Egress {
    let options = ClientOptions::new().with_first_byte_timeout(site.first_byte_timeout());
    Egress::new(HttpClient::new(options), ProxyChoice::Direct)
}

fn claude(site: &Site) -> ClaudeExecutor {
    ClaudeExecutor::new(egress(site)).with_url("api", site.url())
}

fn openai_models() -> Reply {
    json(&json!({"data": [{"id": "gpt-5.2"}, {"id": "gpt-9"}]}))
}

// Anthropic's own host, as an endpoint that the configuration replaced.
conformance!(
    claude_at_its_endpoint,
    Subject::new(claude).settings(|own| own.base_url = None).counts_tokens()
);
// Another host, as the base URL of the credential: it gets a bearer key and no token counts.
conformance!(claude_at_a_base_url, Subject::new(|site| ClaudeExecutor::new(egress(site))));
conformance!(
    openai_compatible,
    Subject::new(|site| OpenAiCompatExecutor::new(ProviderId::from_static("router"), egress(site)))
);
// A service in front of the Codex backend, and OpenAI's own platform as an endpoint that was replaced.
conformance!(
    codex_at_a_base_url,
    Subject::new(|site| CodexExecutor::new(egress(site))).on_path("/models", openai_models()),
    streams_only
);
conformance!(
    codex_at_its_endpoint,
    Subject::new(|site: &Site| CodexExecutor::new(egress(site)).with_url("api", site.url()))
        .settings(|own| own.base_url = None)
        .on_path("/models", openai_models()),
    streams_only
);
conformance!(
    gemini,
    Subject::new(|site| GeminiExecutor::new(egress(site)))
        .counts_tokens()
        .on_path("/v1beta/models", json(&json!({"models": [{"name": "models/a"}, {"name": "models/b"}]})))
);
// A login whose token somebody else renews: the suite's credentials are keys.
conformance!(
    gemini_cli,
    Subject::new(|site| GeminiCliExecutor::new(egress(site))).document("project_id", "p-1").counts_tokens()
);
conformance!(
    antigravity,
    Subject::new(|site| AntigravityExecutor::new(egress(site)))
        .document("project_id", "p-1")
        .counts_tokens()
        .on_path("/v1internal:fetchAvailableModels", json(&json!({"models": {"a": {}, "b": {}}})))
);
conformance!(
    antigravity_with_one_of_claudes_models,
    Subject::new(|site: &Site| AntigravityExecutor::new(egress(site)).with_url("api", site.url()))
        .settings(|own| own.base_url = None)
        .model("claude-opus-4-6-thinking")
        .document("project_id", "p-1")
        .counts_tokens()
        .on_path("/v1internal:fetchAvailableModels", json(&json!({"models": {"a": {}, "b": {}}}))),
    streams_only
);
// At a host of its own, as a mirror would be; and in a region that has but one host.
conformance!(
    kiro_at_a_base_url,
    Subject::new(|site| KiroExecutor::new(egress(site))).on_path(
        "/ListAvailableModels",
        json(&json!({"models": [{"modelId": "auto"}, {"modelId": "claude-sonnet-4.5"}]}))
    ),
    streams_only
);
conformance!(
    kiro_at_its_endpoint,
    Subject::new(|site: &Site| KiroExecutor::new(egress(site)).with_url("amazonq", site.url()))
        .settings(|own| own.base_url = None)
        .document("api_region", "eu-central-1")
        .on_path("/ListAvailableModels", json(&json!({"models": [{"modelId": "auto"}]}))),
    streams_only
);
conformance!(vertex, Subject::new(|site| VertexExecutor::new(egress(site))).counts_tokens());
conformance!(
    openai_itself,
    Subject::new(|site: &Site| OpenAiCompatExecutor::openai(egress(site)).with_url("api", site.url()))
        .settings(|own| own.base_url = None)
        .on_path("/models", openai_models())
);
// Each at the base URL of a credential; logins differ by how their tokens come and go: see `renewal`.
conformance!(qwen, Subject::new(|site| QwenExecutor::new(egress(site))));
conformance!(iflow, Subject::new(|site| IflowExecutor::new(egress(site))));
conformance!(kimi, Subject::new(|site| KimiExecutor::new(egress(site))).counts_tokens());
// Where Claude's models are asked in their own words.
conformance!(
    github_copilot_with_one_of_claudes_models,
    Subject::new(|site| CopilotExecutor::new(egress(site)))
        .model("claude-sonnet-4.5")
        .on_path("/models", json(&json!({"data": [{"id": "gpt-5"}]})))
);
conformance!(
    github_copilot,
    Subject::new(|site| CopilotExecutor::new(egress(site)))
        .on_path("/models", json(&json!({"data": [{"id": "gpt-5"}, {"id": "claude-sonnet-4.5"}]})))
);
conformance!(demo, Subject::new(|_| DemoExecutor::new()), in_process);
