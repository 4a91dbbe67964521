//! The Gemini family. Source: providers-a.md 4.3, 6.5 ([F] lists, with the additions of [H]).

use cliproxy_core::{Level, Modality, ModelInfo, ReasoningProfile};

const ALL: &[Level] = &[Level::Minimal, Level::Low, Level::Medium, Level::High];
const THREE: &[Level] = &[Level::Low, Level::Medium, Level::High];
const ENDS: &[Level] = &[Level::Low, Level::High];
const MINIMAL_HIGH: &[Level] = &[Level::Minimal, Level::High];
const NONE: &[Level] = &[];

const PRO: (u32, u32) = (128, 32_768);
const FLASH: (u32, u32) = (0, 24_576);

/// A model of the family.
pub(crate) struct Row {
    id: &'static str,
    budget: (u32, u32),
    levels: &'static [Level],
}

const fn row(id: &'static str, budget: (u32, u32), levels: &'static [Level]) -> Row {
    Row { id, budget, levels }
}

/// What the Gemini API offers.
pub(crate) const GEMINI: &[Row] = &[
    row("gemini-2.5-pro", PRO, NONE),
    row("gemini-2.5-flash", FLASH, NONE),
    row("gemini-2.5-flash-lite", FLASH, NONE),
    row("gemini-3-pro-preview", PRO, ENDS),
    row("gemini-3-pro-image-preview", PRO, ENDS),
    row("gemini-3-flash-preview", PRO, ALL),
    row("gemini-3.1-pro-preview", PRO, THREE),
    row("gemini-3.1-flash-image-preview", PRO, MINIMAL_HIGH),
    row("gemini-3.1-flash-lite-preview", PRO, MINIMAL_HIGH),
    row("gemini-3.5-flash", PRO, ALL),
    row("gemini-3.5-flash-lite", PRO, ALL),
    row("gemini-3.6-flash", PRO, ALL),
    row("gemini-3.7-flash", (128, 65_535), ALL),
];

/// What Gemini CLI's backend offers; which of them answer is Google's to decide, by project and tier.
/// Source: providers-a.md 5.5.
pub(crate) const GEMINI_CLI: &[Row] = &[
    row("gemini-2.5-pro", PRO, NONE),
    row("gemini-2.5-flash", FLASH, NONE),
    row("gemini-2.5-flash-lite", FLASH, NONE),
    row("gemini-3-pro-preview", PRO, ENDS),
    row("gemini-3-flash-preview", PRO, ALL),
];

/// What Vertex offers.
pub(crate) const VERTEX: &[Row] = &[
    row("gemini-2.5-pro", PRO, NONE),
    row("gemini-2.5-flash", FLASH, NONE),
    row("gemini-2.5-flash-lite", FLASH, NONE),
    row("gemini-2.5-flash-image", FLASH, NONE),
    row("gemini-3-pro-preview", PRO, ENDS),
    row("gemini-3-pro-image-preview", PRO, ENDS),
    row("gemini-3-flash-preview", PRO, ALL),
    row("gemini-3-pro", PRO, ENDS),
    row("gemini-3-flash", PRO, ALL),
    row("gemini-3-pro-image", PRO, ENDS),
    row("gemini-3.1-pro", PRO, THREE),
    row("gemini-3.1-pro-preview", PRO, THREE),
    row("gemini-3.1-flash-image", PRO, MINIMAL_HIGH),
    row("gemini-3.1-flash-lite", PRO, MINIMAL_HIGH),
    row("gemini-3.5-flash", PRO, ALL),
    row("gemini-3.5-flash-lite", PRO, ALL),
    row("gemini-3.6-flash", PRO, ALL),
    row("gemini-3.7-flash", (128, 65_535), ALL),
];

/// What AI Studio offers to the page that relays. Source: providers-a.md 8.4.
const AISTUDIO: &[Row] = &[
    row("gemini-2.5-pro", PRO, NONE),
    row("gemini-pro-latest", PRO, NONE),
    row("gemini-2.5-flash", FLASH, NONE),
    row("gemini-2.5-flash-lite", FLASH, NONE),
    row("gemini-flash-latest", FLASH, NONE),
    row("gemini-3-pro-preview", PRO, NONE),
    row("gemini-3-flash-preview", PRO, NONE),
    row("gemini-3.1-pro-preview", PRO, NONE),
    row("gemini-3.1-flash-lite-preview", PRO, ALL),
    row("gemini-3.5-flash", PRO, ALL),
    row("gemini-3.5-flash-lite", PRO, ALL),
    row("gemini-3.6-flash", PRO, ALL),
    row("gemini-3.7-flash", (128, 65_535), ALL),
];

pub(crate) fn aistudio() -> Vec<ModelInfo> {
    let mut models = list(AISTUDIO);
    // It thinks between these bounds, or not at all.
    let mut light = row("gemini-flash-lite-latest", (512, 24_576), NONE).info();
    if let Some(reasoning) = &mut light.reasoning {
        reasoning.zero_allowed = true;
    }
    models.push(light);
    models.push(described(ModelInfo::new("gemini-2.5-flash-image").with_limits(1_048_576, 8_192)));
    models
}

pub(crate) fn list(rows: &[Row]) -> Vec<ModelInfo> {
    rows.iter().map(Row::info).collect()
}

impl Row {
    fn info(&self) -> ModelInfo {
        described(ModelInfo::new(self.id).with_limits(1_048_576, 65_536))
            .with_reasoning(profile(self.budget, self.levels))
    }
}

fn profile(budget: (u32, u32), levels: &[Level]) -> ReasoningProfile {
    ReasoningProfile {
        budget: Some(budget),
        zero_allowed: budget.0 == 0,
        dynamic_allowed: true,
        levels: levels.to_vec(),
    }
}

pub(crate) fn described(info: ModelInfo) -> ModelInfo {
    let mut info = info.with_owner("google");
    info.input = vec![Modality::Text, Modality::Image, Modality::Audio, Modality::Video, Modality::Document];
    info.output = vec![Modality::Text];
    if info.id.as_str().contains("image") {
        info.output.push(Modality::Image);
    }
    info
}

/// One item of a fetched list, with what is known of it; `None` when it does not generate.
// Source: Gemini API reference, `models.list`, read 2026-11.
pub(crate) fn of_item(item: &serde_json::Value) -> Option<ModelInfo> {
    use serde_json::Value;
    let name = item.get("name")?.as_str()?;
    let methods = item.get("supportedGenerationMethods").and_then(Value::as_array);
    if methods.is_some_and(|methods| !methods.iter().any(|method| method == "generateContent")) {
        return None;
    }
    let id = name.strip_prefix("models/").unwrap_or(name);
    let number = |key: &str| item.get(key).and_then(Value::as_u64).filter(|number| *number > 0);
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    let thinks = item.get("thinking").and_then(Value::as_bool);
    let known = GEMINI.iter().find(|row| row.id == id).map(Row::info);
    let mut info = known.unwrap_or_else(|| {
        let info = described(ModelInfo::new(id));
        // Newer than our list: what the newest of its kind can do.
        if thinks == Some(true) { info.with_reasoning(profile(PRO, ENDS)) } else { info }
    });
    info.display_name = text("displayName");
    info.description = text("description");
    info.context_length = number("inputTokenLimit").or(info.context_length);
    info.max_output = number("outputTokenLimit").or(info.max_output);
    if thinks == Some(false) {
        info.reasoning = None;
    }
    Some(info)
}
