//! Models: which are known, and what is known of them. Source: providers-a.md 7.5.

use cliproxy_core::{Level, ModelInfo, ReasoningProfile};
use serde_json::Value;

use crate::google::models::described;

const ALL: &[Level] = &[Level::Minimal, Level::Low, Level::Medium, Level::High];
const THREE: &[Level] = &[Level::Low, Level::Medium, Level::High];
const ENDS: &[Level] = &[Level::Low, Level::High];
const MINIMAL_HIGH: &[Level] = &[Level::Minimal, Level::High];
const NONE: &[Level] = &[];

/// Ids of the fetched list that are not for people. Source: 7.5 "Skipped ids".
const SKIPPED: [&str; 5] =
    ["chat_20706", "chat_23310", "gemini-2.5-flash-thinking", "gemini-3-pro-low", "gemini-2.5-pro"];

struct Row {
    id: &'static str,
    /// Input and output; 0 is unknown.
    limits: (u64, u64),
    thinking: Option<Thinking>,
    /// Whether it is listed before Google was asked.
    current: bool,
}

struct Thinking {
    budget: (u32, u32),
    zero: bool,
    levels: &'static [Level],
}

const fn thinks(budget: (u32, u32), zero: bool, levels: &'static [Level]) -> Option<Thinking> {
    Some(Thinking { budget, zero, levels })
}

const fn row(id: &'static str, limits: (u64, u64), thinking: Option<Thinking>, current: bool) -> Row {
    Row { id, limits, thinking, current }
}

const LARGE: (u64, u64) = (1_048_576, 65_536);
const LARGE_AGENT: (u64, u64) = (1_048_576, 65_535);

const ROWS: &[Row] = &[
    row("claude-opus-4-6-thinking", (200_000, 64_000), thinks((1024, 64_000), true, NONE), true),
    row("claude-sonnet-4-6", (200_000, 64_000), thinks((1024, 64_000), true, NONE), true),
    row("gemini-3.6-flash-high", LARGE, thinks((1, 65_535), false, ALL), true),
    row("gemini-3.7-flash-high", LARGE, thinks((1, 65_535), false, ALL), true),
    row("gemini-3-flash", LARGE, thinks((128, 32_768), false, ALL), true),
    row("gemini-3-flash-agent", LARGE, thinks((128, 32_768), false, ALL), true),
    row("gemini-3.1-flash-image", (0, 0), thinks((128, 32_768), false, MINIMAL_HIGH), true),
    row("gemini-pro-agent", LARGE_AGENT, thinks((1, 65_535), false, THREE), true),
    row("gemini-3.1-pro-low", LARGE_AGENT, thinks((1, 65_535), false, THREE), true),
    row("gemini-3.1-flash-lite", LARGE_AGENT, thinks((1, 65_535), true, ALL), true),
    row("gemini-3.5-flash-low", LARGE_AGENT, thinks((1, 65_535), false, THREE), true),
    row("gemini-3.5-flash-extra-low", LARGE_AGENT, thinks((1, 65_535), false, THREE), true),
    row("gpt-oss-120b-medium", (114_000, 32_768), None, true),
    // Those of earlier releases, which accounts may still have.
    row("gemini-2.5-flash", (0, 0), thinks((0, 24_576), true, NONE), false),
    row("gemini-2.5-flash-lite", (0, 0), thinks((0, 24_576), true, NONE), false),
    row("gemini-3-pro-high", (0, 0), thinks((128, 32_768), false, ENDS), false),
    row("gemini-3-pro-image", (0, 0), thinks((128, 32_768), false, ENDS), false),
    row("claude-sonnet-4-5-thinking", (0, 64_000), thinks((1024, 128_000), true, NONE), false),
    row("claude-opus-4-5-thinking", (0, 64_000), thinks((1024, 128_000), true, NONE), false),
    row("claude-sonnet-4-5", (0, 64_000), None, false),
    row("tab_flash_lite_preview", (0, 0), None, false),
];

/// The list that serves until Google has answered.
pub(super) fn known() -> Vec<ModelInfo> {
    ROWS.iter().filter(|row| row.current).map(Row::info).collect()
}

/// A fetched list; a model that nobody knows is one without thinking. `None` when it names none.
pub(super) fn fetched(body: &[u8]) -> Option<Vec<ModelInfo>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let models = list.get("models")?.as_object()?;
    let found: Vec<ModelInfo> = models
        .iter()
        .filter(|(id, _)| !id.trim().is_empty() && !SKIPPED.contains(&id.as_str()))
        .map(|(id, said)| {
            let row = ROWS.iter().find(|row| row.id == id);
            let mut info = row.map_or_else(|| owned(ModelInfo::new(id.as_str())), Row::info);
            info.display_name = said.get("displayName").and_then(Value::as_str).map(str::to_owned);
            info
        })
        .collect();
    (!found.is_empty()).then_some(found)
}

impl Row {
    fn info(&self) -> ModelInfo {
        let mut info = owned(ModelInfo::new(self.id));
        let known = |limit: u64| (limit > 0).then_some(limit);
        (info.context_length, info.max_output) = (known(self.limits.0), known(self.limits.1));
        info.reasoning = self.thinking.as_ref().map(|thinking| ReasoningProfile {
            budget: Some(thinking.budget),
            zero_allowed: thinking.zero,
            dynamic_allowed: true,
            levels: thinking.levels.to_vec(),
        });
        info
    }
}

fn owned(info: ModelInfo) -> ModelInfo {
    let id = info.id.as_str();
    let owner = if id.contains("claude") {
        "anthropic"
    } else if id.contains("gpt") {
        "openai"
    } else {
        return described(info);
    };
    info.with_owner(owner)
}
