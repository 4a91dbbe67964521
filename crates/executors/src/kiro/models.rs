//! The models: those known by heart, and those that the service lists. Source: providers-b.md 1.6.

use std::collections::HashSet;

use cliproxy_core::{Level, Modality, ModelInfo, ReasoningProfile};
use serde_json::Value;

const OUTPUT: u64 = 64_000;
const CONTEXT: u64 = 200_000;
/// Models of levels. Source: providers-b.md 1.5.6 [H] "effort values".
const LEVELS: [Level; 5] = [Level::Low, Level::Medium, Level::High, Level::Xhigh, Level::Max];

struct Row {
    /// What Kiro calls it.
    name: &'static str,
    context: u64,
    output: u64,
    /// It is offered a second time, with a word about large files.
    twin: bool,
}

const fn row(name: &'static str, context: u64, output: u64) -> Row {
    Row { name, context, output, twin: false }
}

const fn twin(name: &'static str, context: u64) -> Row {
    Row { name, context, output: OUTPUT, twin: true }
}

/// The list of [F] with the additions of [H].
const ROWS: &[Row] = &[
    row("auto", 1_000_000, OUTPUT),
    twin("claude-opus-4.6", 1_000_000),
    twin("claude-opus-4.5", CONTEXT),
    twin("claude-sonnet-4.5", CONTEXT),
    twin("claude-sonnet-4", CONTEXT),
    twin("claude-haiku-4.5", CONTEXT),
    row("claude-sonnet-4.6", 1_000_000, OUTPUT),
    row("claude-opus-4.7", 666_667, 128_000),
    row("claude-opus-4.8", 666_667, 128_000),
    row("claude-opus-5", 666_667, 128_000),
    row("claude-sonnet-5", 666_667, OUTPUT),
    row("gpt-5.6-sol", 272_000, 128_000),
    row("gpt-5.6-terra", 272_000, 128_000),
    row("gpt-5.6-luna", 272_000, 128_000),
    row("minimax-m2.5", 196_000, OUTPUT),
    row("minimax-m2.1", 196_000, OUTPUT),
    row("glm-5", CONTEXT, OUTPUT),
    row("deepseek-3.2", 164_000, OUTPUT),
    row("qwen3-coder-next", 256_000, OUTPUT),
];

/// The names under which Amazon Q's users know some of them. Source: providers-b.md 1.6 "separate Amazon Q lookup list".
const AMAZON_Q: [&str; 5] =
    ["auto", "claude-opus-4.5", "claude-sonnet-4.5", "claude-sonnet-4", "claude-haiku-4.5"];

/// Those known by heart.
pub(super) fn known() -> Vec<ModelInfo> {
    let mut all = Vec::new();
    for row in ROWS {
        let model = model(row.name, None, row.context, row.output);
        all.extend(row.twin.then(|| agentic(&model)));
        all.push(model);
    }
    for name in AMAZON_Q {
        let context = ROWS.iter().find(|row| row.name == name).map_or(CONTEXT, |row| row.context);
        let mut model = model(name, None, context, OUTPUT);
        model.id = format!("amazonq-{name}").into();
        all.push(model);
    }
    all
}

/// What the service lists; `None` when it names none.
pub(super) fn fetched(body: &[u8]) -> Option<Vec<ModelInfo>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let list = body.get("models").or_else(|| body.get("availableModels"))?.as_array()?;
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    for entry in list {
        let Some(name) = entry.get("modelId").and_then(Value::as_str).map(str::trim) else { continue };
        if name.is_empty() || !seen.insert(id(name)) {
            continue;
        }
        let known = ROWS.iter().find(|row| row.name == name);
        let context = entry.pointer("/tokenLimits/maxInputTokens").and_then(Value::as_u64);
        let context = context.or(known.map(|row| row.context)).unwrap_or(CONTEXT);
        let shown = entry.get("modelName").and_then(Value::as_str);
        let mut model = model(name, shown, context, known.map_or(OUTPUT, |row| row.output));
        model.description = entry.get("description").and_then(Value::as_str).map(str::to_owned);
        if !model.id.as_str().ends_with("auto") {
            all.push(agentic(&model));
        }
        all.push(model);
    }
    (!all.is_empty()).then_some(all)
}

/// The id under which a model is offered. Source: providers-b.md 1.6 "Conversion".
fn id(name: &str) -> String {
    let bare = name.strip_prefix("anthropic.").or_else(|| name.strip_prefix("amazon.")).unwrap_or(name);
    format!("kiro-{}", bare.replace(['.', '_'], "-").to_ascii_lowercase())
}

fn model(name: &str, shown: Option<&str>, context: u64, output: u64) -> ModelInfo {
    let mut model = ModelInfo::new(id(name))
        .with_upstream(name)
        .with_display_name(shown.map_or_else(|| format!("Kiro {name}"), str::to_owned))
        .with_owner("kiro")
        .with_limits(context, output)
        .with_reasoning(reasoning(name));
    model.input = vec![Modality::Text, Modality::Image];
    model.output = vec![Modality::Text];
    model
}

/// The same model, told to write large files in pieces: the translator reads that from the name.
fn agentic(model: &ModelInfo) -> ModelInfo {
    let mut twin = model.clone();
    twin.id = format!("{}-agentic", model.id).into();
    twin.upstream = Some(format!("{}-agentic", model.upstream_name()).into());
    twin.display_name = model.display_name.as_ref().map(|name| format!("{name} (agentic)"));
    twin
}

/// Source: providers-b.md 1.5.6, 1.6.
fn reasoning(name: &str) -> ReasoningProfile {
    const ADAPTIVE: [&str; 5] =
        ["claude-opus-4.", "claude-opus-5", "claude-sonnet-4.6", "claude-sonnet-5", "gpt-"];
    let levels = ADAPTIVE.iter().any(|known| name.starts_with(known)) && name != "claude-opus-4.5";
    ReasoningProfile {
        budget: (!levels).then_some((1024, 32_000)),
        zero_allowed: true,
        dynamic_allowed: true,
        levels: if levels { LEVELS.to_vec() } else { Vec::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_model_has_an_id_of_its_own_and_the_name_that_kiro_knows() {
        let all = known();
        let ids: HashSet<_> = all.iter().map(|model| model.id.as_str().to_owned()).collect();
        assert_eq!(ids.len(), all.len());
        let upstream = |id: &str| {
            all.iter().find(|model| model.id.as_str() == id).map(|model| model.upstream_name().to_owned())
        };
        for (id, name) in [
            ("kiro-auto", "auto"),
            ("kiro-claude-opus-4-6", "claude-opus-4.6"),
            ("kiro-claude-sonnet-4-5-agentic", "claude-sonnet-4.5-agentic"),
            ("kiro-claude-sonnet-4", "claude-sonnet-4"),
            ("kiro-minimax-m2-5", "minimax-m2.5"),
            ("amazonq-claude-haiku-4.5", "claude-haiku-4.5"),
        ] {
            assert_eq!(upstream(id).as_deref(), Some(name), "{id}");
        }
        assert!(!ids.contains("kiro-auto-agentic"));
    }

    #[test]
    fn a_list_is_read_under_both_of_its_names() {
        let entry = r#"{"modelId":"anthropic.CLAUDE_X.9","modelName":"X","description":"d","tokenLimits":{"maxInputTokens":7}}"#;
        for key in ["models", "availableModels"] {
            let body = format!(r#"{{"{key}":[{entry},{entry},{{"modelId":"auto"}},{{"modelId":""}},{{}}]}}"#);
            let all = fetched(body.as_bytes()).unwrap();
            let shown: Vec<_> = all.iter().map(|model| (model.id.as_str(), model.upstream_name())).collect();
            let x = "anthropic.CLAUDE_X.9";
            let twin = format!("{x}-agentic");
            assert_eq!(
                shown,
                [("kiro-claude-x-9-agentic", twin.as_str()), ("kiro-claude-x-9", x), ("kiro-auto", "auto")]
            );
            assert_eq!(all[1].context_length, Some(7));
        }
        for none in ["{}", r#"{"models":[]}"#, "<html>", r#"{"models":[{"modelId":5}]}"#] {
            assert!(fetched(none.as_bytes()).is_none(), "{none}");
        }
    }

    #[test]
    fn the_newest_models_count_in_levels() {
        for (name, levels) in [
            ("claude-opus-4.5", false),
            ("claude-sonnet-4.5", false),
            ("claude-opus-4.6", true),
            ("claude-sonnet-5", true),
            ("gpt-5.6-sol", true),
            ("auto", false),
        ] {
            assert_eq!(!reasoning(name).levels.is_empty(), levels, "{name}");
        }
    }
}
