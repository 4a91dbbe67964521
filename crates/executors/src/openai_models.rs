//! Lists of models in OpenAI's form, and what is known of OpenAI's own.

use bytes::Bytes;
use cliproxy_core::{Level, Modality, ModelInfo, ReasoningProfile};
use serde_json::Value;

const MINIMAL: &[Level] = &[Level::Minimal, Level::Low, Level::Medium, Level::High];
const HIGH: &[Level] = &[Level::Low, Level::Medium, Level::High];
const XHIGH: &[Level] = &[Level::Low, Level::Medium, Level::High, Level::Xhigh];
const MAX: &[Level] = &[Level::Low, Level::Medium, Level::High, Level::Xhigh, Level::Max];

struct Row {
    id: &'static str,
    created: Option<i64>,
    context: u64,
    /// It can answer without reasoning.
    none: bool,
    levels: &'static [Level],
}

const fn row(id: &'static str, created: i64, levels: &'static [Level]) -> Row {
    Row { id, created: Some(created), context: 400_000, none: false, levels }
}

const fn newer(id: &'static str, context: u64, levels: &'static [Level]) -> Row {
    Row { id, created: None, context, none: false, levels }
}

/// Source: providers-a.md 3.6: the list of [F], and that of [H] for an unknown plan.
const ROWS: &[Row] = &[
    row("gpt-5", 1_754_524_800, MINIMAL),
    row("gpt-5-codex", 1_757_894_400, HIGH),
    row("gpt-5-codex-mini", 1_762_473_600, HIGH),
    Row { none: true, ..row("gpt-5.1", 1_762_905_600, HIGH) },
    row("gpt-5.1-codex", 1_762_905_600, HIGH),
    row("gpt-5.1-codex-mini", 1_762_905_600, HIGH),
    row("gpt-5.1-codex-max", 1_763_510_400, XHIGH),
    Row { none: true, ..row("gpt-5.2", 1_765_411_200, XHIGH) },
    row("gpt-5.2-codex", 1_768_348_800, XHIGH),
    row("gpt-5.3-codex", 1_770_249_600, XHIGH),
    newer("gpt-5.3-codex-spark", 128_000, XHIGH),
    newer("gpt-5.4", 1_050_000, XHIGH),
    newer("gpt-5.4-mini", 400_000, XHIGH),
    newer("gpt-5.5", 272_000, XHIGH),
    newer("gpt-5.6-sol", 372_000, MAX),
    newer("gpt-5.6-terra", 372_000, MAX),
    newer("gpt-5.6-luna", 372_000, MAX),
];

/// Parts of the names of models that do not converse in text.
const NOT_TEXT: [&str; 14] = [
    "embedding",
    "whisper",
    "tts",
    "dall-e",
    "image",
    "audio",
    "realtime",
    "transcribe",
    "moderation",
    "sora",
    "search",
    "instruct",
    "computer-use",
    "babbage",
];

/// What Codex has its own changes reviewed by; only its backend offers it. Source: providers-a.md 3.6 [H].
const REVIEWER: Row = newer("codex-auto-review", 272_000, XHIGH);

pub(crate) fn reviewer() -> ModelInfo {
    REVIEWER.info()
}

/// The models that are known without asking.
pub(crate) fn known() -> Vec<ModelInfo> {
    ROWS.iter().map(Row::info).collect()
}

/// How a model of OpenAI's reasons; `None` for one that does not, or is another's.
pub(crate) fn reasoning(id: &str) -> Option<ReasoningProfile> {
    named(id)?.reasoning
}

fn named(id: &str) -> Option<ModelInfo> {
    ROWS.iter().find(|row| row.id == id).map(Row::info).or_else(|| guessed(id))
}

impl Row {
    fn info(&self) -> ModelInfo {
        let mut info =
            described(ModelInfo::new(self.id).with_owner("openai").with_limits(self.context, 128_000));
        info.created = self.created;
        info.with_reasoning(profile(self.levels, self.none))
    }
}

fn profile(levels: &[Level], none: bool) -> ReasoningProfile {
    ReasoningProfile { zero_allowed: none, levels: levels.to_vec(), ..ReasoningProfile::default() }
}

fn described(mut info: ModelInfo) -> ModelInfo {
    info.input = vec![Modality::Text, Modality::Image, Modality::Document];
    info.output = vec![Modality::Text];
    info
}

/// The text models of a fetched list (`data[].id`, or `models[].slug` as the Codex backend has it), with what is
/// known of them. `None` when there is no such list, or nothing in it that converses.
pub(crate) fn fetched(body: &Bytes) -> Option<Vec<ModelInfo>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let items = value.get("data").or_else(|| value.get("models")).or(Some(&value))?.as_array()?;
    let models: Vec<ModelInfo> = items.iter().filter_map(of_item).collect();
    (!models.is_empty()).then_some(models)
}

fn of_item(item: &Value) -> Option<ModelInfo> {
    let id = ["id", "slug", "name"].iter().find_map(|key| item.get(*key)?.as_str())?;
    let created = item.get("created").and_then(Value::as_i64).filter(|created| *created > 0);
    let mut info = named(id)?;
    info.created = created.or(info.created);
    Some(info)
}

/// A model of OpenAI that is newer than this list, or older than it cares for.
fn guessed(id: &str) -> Option<ModelInfo> {
    let lower = id.to_ascii_lowercase();
    let is_o = lower.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_gpt = lower.starts_with("gpt-") || lower.starts_with("chatgpt-");
    let is_codex = lower.starts_with("codex");
    if !(is_o || is_gpt || is_codex) || NOT_TEXT.iter().any(|part| lower.contains(part)) {
        return None;
    }
    let info = described(ModelInfo::new(id).with_owner("openai"));
    let old = ["gpt-3", "gpt-4", "chatgpt-"].iter().any(|start| lower.starts_with(start));
    let chat = lower.contains("-chat");
    Some(if old || chat { info } else { info.with_reasoning(profile(HIGH, false)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetched_list_keeps_what_converses_and_knows_what_is_known() {
        let body = br#"{"object":"list","data":[
            {"id":"gpt-5.2","created":1765411201},{"id":"gpt-9","created":0},{"id":"gpt-4o"},{"id":"o4-mini"},
            {"id":"gpt-5-chat-latest"},{"id":"text-embedding-3-large"},{"id":"whisper-1"},{"id":"gpt-4o-audio-preview"},
            {"id":"gpt-image-2"},{"id":"claude-opus-5"},{"name":7}]}"#;
        let models = fetched(&Bytes::from_static(body)).unwrap();
        let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(ids, ["gpt-5.2", "gpt-9", "gpt-4o", "o4-mini", "gpt-5-chat-latest"]);
        assert_eq!((models[0].created, models[0].context_length), (Some(1_765_411_201), Some(400_000)));
        assert!(models[0].reasoning.as_ref().unwrap().zero_allowed);
        let reasons: Vec<bool> = models.iter().map(|model| model.reasoning.is_some()).collect();
        assert_eq!(reasons, [true, true, false, true, false]);
        let slugs = Bytes::from_static(br#"{"models":[{"slug":"gpt-5.4"}]}"#);
        assert_eq!(fetched(&slugs).unwrap()[0].context_length, Some(1_050_000));
        for nothing in [&b"<html>"[..], b"{}", br#"{"data":[]}"#, br#"{"data":[{"id":"whisper-1"}]}"#] {
            assert_eq!(fetched(&Bytes::from_static(nothing)), None);
        }
    }
}
