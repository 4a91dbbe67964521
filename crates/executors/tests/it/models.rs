//! What each model can do, row by row as the fact sheets have it: a list that lacks a model, has one too many, or gives
//! one another range fails here.
//!
//! A row is the id, how much fits, how much it gives, the range of token budgets, whether reasoning can be switched off
//! (`zero`) and left to the model (`dynamic`), and the levels. A dash is what the sheet does not say; `plain` is a model
//! that cannot reason.

use cliproxy_core::{Credential, Level, ModelInfo, ProviderExecutor};
use cliproxy_executors::{
    AntigravityExecutor, ClaudeExecutor, CodexExecutor, CopilotExecutor, GeminiCliExecutor, GeminiExecutor,
    IflowExecutor, KimiExecutor, KiroExecutor, QwenExecutor, VertexExecutor,
};
use serde_json::json;

use crate::support::{account, credential, egress, jwt, login};

/// Source: providers-a.md 2.5, [F] as [H] amends it; the names without a date are the vendor's own. Claude 3.7 has the
/// limits of Anthropic's models overview: as they are enforced here, those of [F] would cut its answers.
const CLAUDE: &str = "
claude-3-5-haiku-20241022    128000   8192 plain
claude-3-5-haiku-latest      128000   8192 plain
claude-3-7-sonnet-20250219   200000  64000 1024-128000 - -
claude-3-7-sonnet-latest     200000  64000 1024-128000 - -
claude-fable-5              1000000 128000 1024-128000 zero low,medium,high,xhigh,max
claude-haiku-4-5             200000  64000 1024-128000 zero -
claude-haiku-4-5-20251001    200000  64000 1024-128000 zero -
claude-opus-4-0              200000  32000 1024-128000 - -
claude-opus-4-1              200000  32000 1024-128000 - -
claude-opus-4-1-20250805     200000  32000 1024-128000 - -
claude-opus-4-20250514       200000  32000 1024-128000 - -
claude-opus-4-5              200000  64000 1024-128000 zero -
claude-opus-4-5-20251101     200000  64000 1024-128000 zero -
claude-opus-4-6             1000000 128000 1024-128000 zero low,medium,high,max
claude-opus-4-7             1000000 128000 1024-128000 zero low,medium,high,xhigh,max
claude-opus-4-8             1000000 128000 1024-128000 zero low,medium,high,xhigh,max
claude-opus-5               1000000 128000 - zero,dynamic low,medium,high,xhigh,max
claude-sonnet-4-0            200000  64000 1024-128000 - -
claude-sonnet-4-20250514     200000  64000 1024-128000 - -
claude-sonnet-4-5            200000  64000 1024-128000 zero -
claude-sonnet-4-5-20250929   200000  64000 1024-128000 zero -
claude-sonnet-4-6            200000  64000 1024-128000 zero low,medium,high,max
claude-sonnet-5             1000000 128000 - zero,dynamic low,medium,high,xhigh,max
";

/// Source: providers-a.md 3.6: the list of [F] and what [H] adds for every plan.
const CODEX: &str = "
gpt-5              400000 128000 - - minimal,low,medium,high
gpt-5-codex        400000 128000 - - low,medium,high
gpt-5-codex-mini   400000 128000 - - low,medium,high
gpt-5.1            400000 128000 - zero low,medium,high
gpt-5.1-codex      400000 128000 - - low,medium,high
gpt-5.1-codex-max  400000 128000 - - low,medium,high,xhigh
gpt-5.1-codex-mini 400000 128000 - - low,medium,high
gpt-5.2            400000 128000 - zero low,medium,high,xhigh
gpt-5.2-codex      400000 128000 - - low,medium,high,xhigh
gpt-5.3-codex      400000 128000 - - low,medium,high,xhigh
gpt-5.4-mini       400000 128000 - - low,medium,high,xhigh
gpt-5.5            272000 128000 - - low,medium,high,xhigh
";
const SPARK: &str = "gpt-5.3-codex-spark 128000 128000 - - low,medium,high,xhigh\n";
const FULL: &str = "gpt-5.4 1050000 128000 - - low,medium,high,xhigh\n";
const REVIEW: &str = "codex-auto-review 272000 128000 - - low,medium,high,xhigh\n";

/// Those whose context is the plan's.
fn newest(names: &[&str], context: u32) -> String {
    let row = |name| format!("gpt-5.6-{name} {context} 128000 - - low,medium,high,xhigh,max\n");
    names.iter().map(row).collect()
}

/// Source: providers-a.md 4.3.
const GEMINI: &str = "
gemini-2.5-flash               1048576 65536 0-24576   zero,dynamic -
gemini-2.5-flash-lite          1048576 65536 0-24576   zero,dynamic -
gemini-2.5-pro                 1048576 65536 128-32768 dynamic -
gemini-3-flash-preview         1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3-pro-image-preview     1048576 65536 128-32768 dynamic low,high
gemini-3-pro-preview           1048576 65536 128-32768 dynamic low,high
gemini-3.1-flash-image-preview 1048576 65536 128-32768 dynamic minimal,high
gemini-3.1-flash-lite-preview  1048576 65536 128-32768 dynamic minimal,high
gemini-3.1-pro-preview         1048576 65536 128-32768 dynamic low,medium,high
gemini-3.5-flash               1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3.5-flash-lite          1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3.6-flash               1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3.7-flash               1048576 65536 128-65535 dynamic minimal,low,medium,high
";

/// Source: providers-a.md 5.5, which refers to 4.3.
const GEMINI_CLI: &str = "
gemini-2.5-flash       1048576 65536 0-24576   zero,dynamic -
gemini-2.5-flash-lite  1048576 65536 0-24576   zero,dynamic -
gemini-2.5-pro         1048576 65536 128-32768 dynamic -
gemini-3-flash-preview 1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3-pro-preview   1048576 65536 128-32768 dynamic low,high
";

/// Source: providers-a.md 6.5; a model without `-preview` has what its preview has in 4.3.
const VERTEX: &str = "
gemini-2.5-flash              1048576 65536 0-24576   zero,dynamic -
gemini-2.5-flash-image        1048576 65536 0-24576   zero,dynamic -
gemini-2.5-flash-lite         1048576 65536 0-24576   zero,dynamic -
gemini-2.5-pro                1048576 65536 128-32768 dynamic -
gemini-3-flash                1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3-flash-preview        1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3-pro                  1048576 65536 128-32768 dynamic low,high
gemini-3-pro-image            1048576 65536 128-32768 dynamic low,high
gemini-3-pro-image-preview    1048576 65536 128-32768 dynamic low,high
gemini-3-pro-preview          1048576 65536 128-32768 dynamic low,high
gemini-3.1-flash-image        1048576 65536 128-32768 dynamic minimal,high
gemini-3.1-flash-lite         1048576 65536 128-32768 dynamic minimal,high
gemini-3.1-pro                1048576 65536 128-32768 dynamic low,medium,high
gemini-3.1-pro-preview        1048576 65536 128-32768 dynamic low,medium,high
gemini-3.5-flash              1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3.5-flash-lite         1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3.6-flash              1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3.7-flash              1048576 65536 128-65535 dynamic minimal,low,medium,high
imagen-3.0-fast-generate-001  - - plain
imagen-3.0-generate-002       - - plain
imagen-4.0-fast-generate-001  - - plain
imagen-4.0-generate-001       - - plain
imagen-4.0-ultra-generate-001 - - plain
";

/// Source: providers-a.md 7.5 [H].
const ANTIGRAVITY: &str = "
claude-opus-4-6-thinking    200000 64000 1024-64000 zero,dynamic -
claude-sonnet-4-6           200000 64000 1024-64000 zero,dynamic -
gemini-3-flash             1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3-flash-agent       1048576 65536 128-32768 dynamic minimal,low,medium,high
gemini-3.1-flash-image     - - 128-32768 dynamic minimal,high
gemini-3.1-flash-lite      1048576 65535 1-65535 zero,dynamic minimal,low,medium,high
gemini-3.1-pro-low         1048576 65535 1-65535 dynamic low,medium,high
gemini-3.5-flash-extra-low 1048576 65535 1-65535 dynamic low,medium,high
gemini-3.5-flash-low       1048576 65535 1-65535 dynamic low,medium,high
gemini-3.6-flash-high      1048576 65536 1-65535 dynamic minimal,low,medium,high
gemini-3.7-flash-high      1048576 65536 1-65535 dynamic minimal,low,medium,high
gemini-pro-agent           1048576 65535 1-65535 dynamic low,medium,high
gpt-oss-120b-medium        114000 32768 plain
";

/// Source: providers-b.md 1.6 (ids, limits, 1024 to 32000) and 1.5.6 [H] (which count in levels, and which they are).
const KIRO: &str = "
amazonq-auto                   1000000 64000 1024-32000 zero,dynamic -
amazonq-claude-haiku-4.5        200000 64000 1024-32000 zero,dynamic -
amazonq-claude-opus-4.5         200000 64000 1024-32000 zero,dynamic -
amazonq-claude-sonnet-4         200000 64000 1024-32000 zero,dynamic -
amazonq-claude-sonnet-4.5       200000 64000 1024-32000 zero,dynamic -
kiro-auto                      1000000 64000 1024-32000 zero,dynamic -
kiro-claude-haiku-4-5           200000 64000 1024-32000 zero,dynamic -
kiro-claude-haiku-4-5-agentic   200000 64000 1024-32000 zero,dynamic -
kiro-claude-opus-4-5            200000 64000 1024-32000 zero,dynamic -
kiro-claude-opus-4-5-agentic    200000 64000 1024-32000 zero,dynamic -
kiro-claude-opus-4-6           1000000 64000 - zero,dynamic low,medium,high,xhigh,max
kiro-claude-opus-4-6-agentic   1000000 64000 - zero,dynamic low,medium,high,xhigh,max
kiro-claude-opus-4-7            666667 128000 - zero,dynamic low,medium,high,xhigh,max
kiro-claude-opus-4-8            666667 128000 - zero,dynamic low,medium,high,xhigh,max
kiro-claude-opus-5              666667 128000 - zero,dynamic low,medium,high,xhigh,max
kiro-claude-sonnet-4            200000 64000 1024-32000 zero,dynamic -
kiro-claude-sonnet-4-5          200000 64000 1024-32000 zero,dynamic -
kiro-claude-sonnet-4-5-agentic  200000 64000 1024-32000 zero,dynamic -
kiro-claude-sonnet-4-6         1000000 64000 - zero,dynamic low,medium,high,xhigh,max
kiro-claude-sonnet-4-agentic    200000 64000 1024-32000 zero,dynamic -
kiro-claude-sonnet-5            666667 64000 - zero,dynamic low,medium,high,xhigh,max
kiro-deepseek-3-2               164000 64000 1024-32000 zero,dynamic -
kiro-glm-5                      200000 64000 1024-32000 zero,dynamic -
kiro-gpt-5-6-luna               272000 128000 - zero,dynamic low,medium,high,xhigh,max
kiro-gpt-5-6-sol                272000 128000 - zero,dynamic low,medium,high,xhigh,max
kiro-gpt-5-6-terra              272000 128000 - zero,dynamic low,medium,high,xhigh,max
kiro-minimax-m2-1               196000 64000 1024-32000 zero,dynamic -
kiro-minimax-m2-5               196000 64000 1024-32000 zero,dynamic -
kiro-qwen3-coder-next           256000 64000 1024-32000 zero,dynamic -
";

/// Source: providers-b.md 2.6 [F], which has no thinking metadata: OpenAI's reason as in providers-a.md 3.6.
const COPILOT: &str = "
claude-haiku-4.5        200000 64000 plain
claude-opus-4.1         200000 32000 plain
claude-opus-4.5         200000 64000 plain
claude-opus-4.6         200000 64000 plain
claude-sonnet-4         200000 64000 plain
claude-sonnet-4.5       200000 64000 plain
gemini-2.5-pro         1048576 65536 plain
gemini-3-flash-preview 1048576 65536 plain
gemini-3-pro-preview   1048576 65536 plain
gpt-4.1                 128000 16384 plain
gpt-5                   200000 32768 - - minimal,low,medium,high
gpt-5-codex             200000 32768 - - low,medium,high
gpt-5-mini              128000 16384 - - low,medium,high
gpt-5.1                 200000 32768 - zero low,medium,high
gpt-5.1-codex           200000 32768 - - low,medium,high
gpt-5.1-codex-max       200000 32768 - - low,medium,high,xhigh
gpt-5.1-codex-mini      128000 16384 - - low,medium,high
gpt-5.2                 200000 32768 - zero low,medium,high,xhigh
gpt-5.2-codex           200000 32768 - - low,medium,high,xhigh
grok-code-fast-1        128000 16384 plain
oswe-vscode-prime       128000 16384 plain
";

/// Source: providers-b.md 3.6.
const QWEN: &str = "
qwen3-coder-flash  8192 2048 plain
qwen3-coder-plus  32768 8192 plain
vision-model      32768 2048 plain
";

/// Source: providers-b.md 4.7; those that think have the levels of `iFlowThinkingSupport`.
const IFLOW: &str = "
deepseek-r1                   - - plain
deepseek-v3                   - - plain
deepseek-v3.1                 - - - zero,dynamic minimal,low,medium,high,xhigh
deepseek-v3.2                 - - - zero,dynamic minimal,low,medium,high,xhigh
deepseek-v3.2-chat            - - plain
deepseek-v3.2-reasoner        - - plain
glm-4.6                       - - - zero,dynamic minimal,low,medium,high,xhigh
glm-4.7                       - - - zero,dynamic minimal,low,medium,high,xhigh
iflow-rome-30ba3b             - - plain
kimi-k2                       - - plain
kimi-k2-0905                  - - plain
kimi-k2-thinking              - - plain
kimi-k2.5                     - - - zero,dynamic minimal,low,medium,high,xhigh
minimax-m2                    - - - zero,dynamic minimal,low,medium,high,xhigh
minimax-m2.1                  - - - zero,dynamic minimal,low,medium,high,xhigh
qwen3-235b                    - - plain
qwen3-235b-a22b-instruct      - - plain
qwen3-235b-a22b-thinking-2507 - - plain
qwen3-32b                     - - plain
qwen3-coder-plus              - - plain
qwen3-max                     - - plain
qwen3-max-preview             - - - zero,dynamic minimal,low,medium,high,xhigh
qwen3-vl-plus                 - - plain
tstars2.0                     - - plain
";

/// Source: providers-b.md 5.6 [H].
const KIMI: &str = "
kimi-k2                   131072 32768 plain
kimi-k2-thinking          131072 32768 - zero low,high
kimi-k2.5                 262144 32768 - zero low,high
kimi-k2.6                 262144 65536 - zero low,high
kimi-k2.7-code            262144 65536 - - low,high
kimi-k2.7-code-highspeed  262144 65536 - - low,high
kimi-k3                  1048576 65536 - - low,high,max
kimi-k3-256k              262144 65536 - - low,high,max
";

/// A model as a row.
fn row(model: &ModelInfo) -> String {
    let or_dash =
        |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned());
    let number = |number: Option<u64>| or_dash(number.map(|number| number.to_string()));
    let head = format!("{} {} {}", model.id, number(model.context_length), number(model.max_output));
    let Some(profile) = &model.reasoning else { return format!("{head} plain") };
    let budget = or_dash(profile.budget.map(|(least, most)| format!("{least}-{most}")));
    let flags = [("zero", profile.zero_allowed), ("dynamic", profile.dynamic_allowed)];
    let flags: Vec<&str> = flags.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    let levels: Vec<&str> = profile.levels.iter().map(|level: &Level| level.as_str()).collect();
    format!("{head} {budget} {} {}", or_dash(Some(flags.join(","))), or_dash(Some(levels.join(","))))
}

fn sorted(rows: impl Iterator<Item = String>) -> Vec<String> {
    let mut rows: Vec<String> = rows.collect();
    rows.sort();
    rows
}

async fn check(executor: &dyn ProviderExecutor, credential: &Credential, facts: &str) {
    let listed = match executor.known_models(credential) {
        Some(models) => models,
        None => executor.models(credential).await.unwrap(),
    };
    let said = facts.lines().filter(|line| !line.is_empty());
    let said = sorted(said.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")));
    assert_eq!(sorted(listed.iter().map(row)), said, "{}", executor.provider());
}

#[tokio::test]
async fn e614_the_models_of_keys_reason_as_the_fact_sheets_say() {
    let key = |provider| credential(provider, "k", |_| {});
    check(&ClaudeExecutor::new(egress()), &key("claude"), CLAUDE).await;
    check(&GeminiExecutor::new(egress()), &key("gemini"), GEMINI).await;
    check(&VertexExecutor::new(egress()), &key("vertex"), VERTEX).await;
    let codex = [CODEX, SPARK, FULL, &newest(&["sol", "terra", "luna"], 372_000)].concat();
    check(&CodexExecutor::new(egress()), &key("codex"), &codex).await;
}

#[tokio::test]
async fn e614_the_models_of_logins_reason_as_the_fact_sheets_say() {
    let file = |provider| account(provider, json!({"access_token": "t", "api_key": "k"}), |_| {});
    check(&GeminiCliExecutor::new(egress()), &file("gemini-cli"), GEMINI_CLI).await;
    check(&AntigravityExecutor::new(egress()), &file("antigravity"), ANTIGRAVITY).await;
    check(&KiroExecutor::new(egress()), &file("kiro"), KIRO).await;
    check(&CopilotExecutor::new(egress()), &file("github-copilot"), COPILOT).await;
    check(&QwenExecutor::new(egress()), &file("qwen"), QWEN).await;
    check(&IflowExecutor::new(egress()), &file("iflow"), IFLOW).await;
    check(&KimiExecutor::new(egress()), &file("kimi"), KIMI).await;
}

#[tokio::test]
async fn the_plan_of_a_codex_login_says_which_models_there_are_and_how_much_fits() {
    let all = ["sol", "terra", "luna"];
    let everything = |context| [CODEX, REVIEW, SPARK, FULL, &newest(&all, context)].concat();
    for (plan, facts) in [
        ("pro", everything(921_000)),
        ("a plan of next year", everything(921_000)),
        ("plus", everything(372_000)),
        ("team", [CODEX, REVIEW, FULL, &newest(&all, 372_000)].concat()),
        ("free", [CODEX, REVIEW, &newest(&["terra", "luna"], 372_000)].concat()),
    ] {
        let token = jwt(&json!({"https://api.openai.com/auth": {"chatgpt_plan_type": plan}}));
        let file = login("codex", json!({"access_token": "t", "id_token": token}));
        check(&CodexExecutor::new(egress()), &file, &facts).await;
    }
}
