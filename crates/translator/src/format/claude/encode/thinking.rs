//! `thinking` and `output_config.effort` from a reasoning control. Source: translation.md B39 to B44; runtime.md E.8.

use cliproxy_core::{Level, ModelInfo};

use crate::codec::CodecError;
use crate::model::{ReasoningControl, ReasoningMode, Summary};
use crate::pass::reasoning::{Amount, below_max_tokens, cannot_think, level_budget, resolve};

/// Claude refuses smaller budgets (B39).
const LEAST_BUDGET: u32 = 1024;

/// Where a control comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Origin {
    /// The body of a Claude client.
    Native,
    /// The body of a client of another format.
    Foreign,
    /// The suffix of the model's name, from a Claude client.
    Suffix,
}

/// What becomes of a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Settled {
    /// Nothing is said, and what a body says stays.
    Unsaid,
    /// The model cannot think: what a body says goes.
    Removed,
    /// This.
    Said(Said),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Said {
    pub(in super::super) mode: Option<Mode>,
    pub(in super::super) effort: Option<Level>,
}

/// The `thinking` object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Mode {
    Disabled,
    Adaptive,
    Enabled(u32),
}

impl Mode {
    pub(in super::super) fn is_active(self) -> bool {
        self != Self::Disabled
    }

    /// The object; `display` is JSON and goes only with thoughts to display (E624).
    pub(in super::super) fn to_json(self, display: Option<&str>) -> String {
        let display = display.map(|json| format!(r#","display":{json}"#)).unwrap_or_default();
        match self {
            Self::Disabled => r#"{"type":"disabled"}"#.to_owned(),
            Self::Adaptive => format!(r#"{{"type":"adaptive"{display}}}"#),
            Self::Enabled(budget) => format!(r#"{{"type":"enabled","budget_tokens":{budget}{display}}}"#),
        }
    }
}

/// Settles a control for a model.
pub(in super::super) fn settle(
    control: &ReasoningControl,
    origin: Origin,
    info: Option<&ModelInfo>,
    max_tokens: Option<u64>,
) -> Result<Settled, CodecError> {
    if origin == Origin::Native {
        return native(control, info, max_tokens);
    }
    let resolved = resolve(control, false, info)?;
    let levels = has_levels(info);
    let unknown = info.is_none_or(|info| info.user_defined);
    let said = match resolved.amount {
        Amount::Unsaid => return Ok(Settled::Unsaid),
        Amount::Remove => return Ok(Settled::Removed),
        // For Claude always a true disable (runtime.md E.8).
        _ if resolved.off_asked => Said { mode: Some(Mode::Disabled), effort: None },
        Amount::Off => Said { mode: Some(Mode::Disabled), effort: None },
        Amount::Auto if levels || unknown => Said { mode: Some(Mode::Adaptive), effort: None },
        // A model that counts in budgets has no word for it (A.10): the usual amount.
        Amount::Auto => {
            Said { mode: Some(enabled(level_budget(Level::Medium), info, max_tokens)), effort: None }
        }
        Amount::Level(level) if levels => Said { mode: Some(Mode::Adaptive), effort: Some(level) },
        // A level between two Claude formats says nothing to a model of which nothing is known (runtime.md E.8).
        Amount::Level(_) if unknown && origin == Origin::Suffix => return Ok(Settled::Unsaid),
        Amount::Level(level) => {
            Said { mode: Some(enabled(level_budget(level), info, max_tokens)), effort: None }
        }
        Amount::Budget(budget) => Said { mode: Some(enabled(budget, info, max_tokens)), effort: None },
    };
    Ok(Settled::Said(said))
}

/// A Claude body's own words: thinking and effort are two things there, and both stay as far as the model has them.
fn native(
    control: &ReasoningControl,
    info: Option<&ModelInfo>,
    max_tokens: Option<u64>,
) -> Result<Settled, CodecError> {
    if control.mode.is_none() && control.level.is_none() {
        return Ok(Settled::Unsaid);
    }
    if cannot_think(info) {
        return Ok(Settled::Removed);
    }
    let mut said = Said { mode: None, effort: control.level };
    let alone = ReasoningControl { level: None, ..control.clone() };
    match control.mode {
        None => {}
        Some(ReasoningMode::Off) => said.mode = Some(Mode::Disabled),
        Some(ReasoningMode::Auto) if has_levels(info) || info.is_none() => said.mode = Some(Mode::Adaptive),
        Some(ReasoningMode::Auto | ReasoningMode::On) => match resolve(&alone, true, info)?.amount {
            Amount::Budget(budget) => said.mode = Some(enabled(budget, info, max_tokens)),
            Amount::Level(level) => {
                said = Said { mode: Some(Mode::Adaptive), effort: control.level.or(Some(level)) };
            }
            _ => said.mode = Some(Mode::Adaptive),
        },
    }
    if let Some(level) = control.level.filter(|_| has_levels(info)) {
        // Refuses a level that the model does not have.
        resolve(&ReasoningControl { level: Some(level), ..ReasoningControl::default() }, true, info)?;
    }
    Ok(Settled::Said(said))
}

fn has_levels(info: Option<&ModelInfo>) -> bool {
    info.and_then(|info| info.reasoning.as_ref()).is_some_and(|profile| !profile.levels.is_empty())
}

/// A budget within what Claude takes and, where that is possible, below `max_tokens` (B41).
fn enabled(budget: u32, info: Option<&ModelInfo>, max_tokens: Option<u64>) -> Mode {
    let least = info
        .and_then(|info| info.reasoning.as_ref())
        .and_then(|profile| profile.budget)
        .map_or(LEAST_BUDGET, |(least, _)| least.max(LEAST_BUDGET));
    let budget = budget.max(LEAST_BUDGET);
    Mode::Enabled(max_tokens.map_or(budget, |most| below_max_tokens(budget, most, least)))
}

/// The word for a level: Claude has no `minimal` (B41).
pub(in super::super) fn effort(level: Level) -> &'static str {
    if level == Level::Minimal { Level::Low.as_str() } else { level.as_str() }
}

/// The `display` of a control, as JSON. From other formats only adaptive models, which alone hide thoughts by
/// default, are told (B44, E627).
pub(in super::super) fn display(summary: &Summary, native: bool, mode: Mode) -> Option<String> {
    match summary {
        _ if !mode.is_active() || !native && mode != Mode::Adaptive => None,
        Summary::Unspecified => None,
        Summary::Disabled => Some(r#""omitted""#.to_owned()),
        Summary::Enabled(Some(detail)) if native => serde_json::to_string(detail).ok(),
        Summary::Enabled(_) => Some(r#""summarized""#.to_owned()),
    }
}
