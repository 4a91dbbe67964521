//! Which executors are asked for token counts.

use std::sync::Arc;

use cliproxy_core::{Operation, ProviderExecutor, ProviderId, UpstreamModel};
use cliproxy_executors::{
    AntigravityExecutor, ClaudeExecutor, CodexExecutor, CopilotExecutor, DemoExecutor, GeminiCliExecutor,
    GeminiExecutor, IflowExecutor, KimiExecutor, KiroExecutor, OpenAiCompatExecutor, QwenExecutor,
    VertexExecutor,
};

use crate::support::{credential, egress};

/// An executor, a model, the base URL of its credential, and whether it counts.
type Row = (Arc<dyn ProviderExecutor>, &'static str, Option<&'static str>, bool);

#[test]
fn an_executor_without_a_count_endpoint_names_no_format_to_count_in() {
    // What it named the request would be encoded in, only to be estimated after that.
    let egress = egress();
    let asked: Vec<Row> = vec![
        (Arc::new(QwenExecutor::new(egress.clone())), "qwen3-coder-plus", None, false),
        (Arc::new(IflowExecutor::new(egress.clone())), "glm-4.6", None, false),
        (Arc::new(KiroExecutor::new(egress.clone())), "claude-sonnet-4.5", None, false),
        (Arc::new(CopilotExecutor::new(egress.clone())), "gpt-4.1", None, false),
        (Arc::new(CopilotExecutor::new(egress.clone())), "gpt-5", None, false),
        (Arc::new(CopilotExecutor::new(egress.clone())), "gpt-5-codex", None, false),
        (Arc::new(CopilotExecutor::new(egress.clone())), "claude-sonnet-4.5", None, false),
        (Arc::new(CodexExecutor::new(egress.clone())), "gpt-5", None, false),
        (Arc::new(CodexExecutor::new(egress.clone())), "gpt-5", Some("https://api.openai.com/v1"), false),
        (Arc::new(OpenAiCompatExecutor::openai(egress.clone())), "gpt-5", None, false),
        (
            Arc::new(OpenAiCompatExecutor::new(ProviderId::from_static("router"), egress.clone())),
            "m",
            Some("https://h/v1"),
            false,
        ),
        (Arc::new(DemoExecutor::new()), "demo", None, false),
        // Source: providers-a.md 2.4 [H].
        (Arc::new(ClaudeExecutor::new(egress.clone())), "claude-opus-4-6", Some("https://h"), false),
        (Arc::new(ClaudeExecutor::new(egress.clone())), "claude-opus-4-6", None, true),
        (Arc::new(KimiExecutor::new(egress.clone())), "kimi-k2.5", None, true),
        (Arc::new(GeminiExecutor::new(egress.clone())), "gemini-2.5-pro", None, true),
        (Arc::new(GeminiCliExecutor::new(egress.clone())), "gemini-2.5-pro", None, true),
        (Arc::new(AntigravityExecutor::new(egress.clone())), "gemini-2.5-pro", None, true),
        (Arc::new(VertexExecutor::new(egress)), "gemini-2.5-pro", None, true),
    ];
    for (executor, model, base, counts) in asked {
        let name = executor.provider().as_str().to_owned();
        let own = credential(&name, "k", |settings| settings.base_url = base.map(str::to_owned));
        let model = UpstreamModel::new(model);
        let formats = executor.wire_formats_for(&own, &model, Operation::CountTokens);
        assert_eq!(!formats.is_empty(), counts, "{name} {model:?} {base:?}: {formats:?}");
        assert!(!executor.wire_formats_for(&own, &model, Operation::Generate).is_empty(), "{name}");
    }
}
