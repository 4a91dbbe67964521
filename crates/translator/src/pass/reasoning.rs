//! How much to reason: model suffixes, levels and budgets, and what a model can do of what was asked.
//! One module resolves it, never a codec. Source: translation.md B39–B44; runtime.md E.8.

use cliproxy_core::{Level, ModelInfo, ReasoningProfile};

use crate::codec::CodecError;
use crate::loss::{Loss, loss};
use crate::model::{ReasoningControl, ReasoningMode, Summary};

/// Splits `name(value)` at the last `(` when the text ends with `)` (B43). The second half lacks the parentheses.
#[must_use]
pub fn split_suffix(model: &str) -> (&str, Option<&str>) {
    model
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('))
        .map_or((model, None), |(name, suffix)| (name, Some(suffix)))
}

/// Reads a suffix: `none`, `auto` or `-1`, a level, or a number; case does not matter. `None` for unknown text,
/// which means no configuration (B43).
#[must_use]
pub fn parse_suffix(suffix: &str) -> Option<ReasoningControl> {
    let suffix = suffix.trim();
    if let Some(level) = Level::parse(suffix) {
        return Some(ReasoningControl {
            mode: Some(ReasoningMode::On),
            level: Some(level),
            ..Default::default()
        });
    }
    let mode = match suffix.to_ascii_lowercase().as_str() {
        "none" => ReasoningMode::Off,
        "auto" | "-1" => ReasoningMode::Auto,
        number if number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty() => {
            // More digits than a budget can have are simply the most.
            return Some(of_budget(number.parse().unwrap_or(u32::MAX)));
        }
        _ => return None,
    };
    Some(ReasoningControl { mode: Some(mode), ..Default::default() })
}

/// A control that asks for a budget; 0 is off.
#[must_use]
pub fn of_budget(budget: u32) -> ReasoningControl {
    if budget == 0 {
        return ReasoningControl { mode: Some(ReasoningMode::Off), ..Default::default() };
    }
    ReasoningControl { mode: Some(ReasoningMode::On), budget: Some(budget), ..Default::default() }
}

/// A control from an OpenAI effort: `none`, `auto`, or a level. `None` for unknown text.
#[must_use]
pub fn of_effort(effort: &str) -> Option<ReasoningControl> {
    parse_suffix(effort).filter(|control| control.budget.is_none() && effort.trim().parse::<i64>().is_err())
}

/// The budget of a level (B39).
#[must_use]
pub fn level_budget(level: Level) -> u32 {
    match level {
        Level::Minimal => 512,
        Level::Low => 1024,
        Level::Medium => 8192,
        Level::High => 24_576,
        Level::Xhigh => 32_768,
        // A level that core learns later is beyond those we know.
        Level::Max | _ => 128_000,
    }
}

/// The level of a budget (B39). A number never becomes `max`.
#[must_use]
pub fn budget_level(budget: u32) -> Level {
    match budget {
        0..=512 => Level::Minimal,
        513..=1024 => Level::Low,
        1025..=8192 => Level::Medium,
        8193..=24_576 => Level::High,
        _ => Level::Xhigh,
    }
}

/// What to ask of the model, in a form that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Amount {
    /// Nothing was said: say nothing.
    Unsaid,
    /// The model cannot reason: remove whatever the body says.
    Remove,
    /// Not at all.
    Off,
    /// As the model likes.
    Auto,
    /// By level.
    Level(Level),
    /// By budget.
    Budget(u32),
}

/// A control, settled for one model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// How much.
    pub amount: Amount,
    /// Whether "not at all" was asked for, even where the model cannot (B42). Claude always can.
    pub off_asked: bool,
    /// Whether the thoughts are wanted (B44).
    pub summary: Summary,
}

impl Resolved {
    /// As a level, for formats that have nothing else.
    #[must_use]
    pub fn as_level(&self) -> Option<Level> {
        match self.amount {
            Amount::Level(level) => Some(level),
            Amount::Budget(budget) => Some(budget_level(budget)),
            Amount::Unsaid | Amount::Remove | Amount::Off | Amount::Auto => None,
        }
    }

    /// Tells that thoughts were asked of a model that has none.
    pub(crate) fn tell(&self, losses: &mut Vec<Loss>) {
        if self.amount == Amount::Remove && !self.off_asked {
            loss(losses, "thinking", DOES_NOT_THINK);
        }
    }

    /// As OpenAI's `reasoning_effort`.
    #[must_use]
    pub fn as_effort(&self) -> Option<&'static str> {
        match self.amount {
            Amount::Off => Some("none"),
            Amount::Auto => Some("auto"),
            _ => self.as_level().map(Level::as_str),
        }
    }
}

/// Settles what was asked against what the model can do. `same_family` says that the request body itself asked, in
/// the target's family of formats: then what the model cannot do is an error; otherwise, and always for a suffix,
/// it is bent to the nearest (B40, B42). A model that is unknown or the user's own takes everything as it is.
///
/// # Errors
/// When the body asked for a level or budget that the model does not have. The error's `param` is the code of
/// runtime.md E.8 (`LEVEL_NOT_SUPPORTED`, `BUDGET_OUT_OF_RANGE`).
pub fn resolve(
    control: &ReasoningControl,
    same_family: bool,
    info: Option<&ModelInfo>,
) -> Result<Resolved, CodecError> {
    let asked = asked(control);
    let off_asked = asked == Amount::Off;
    let shows = matches!(control.summary, Summary::Enabled(_));
    let amount = match info.filter(|info| !info.user_defined).map(|info| &info.reasoning) {
        None => asked,
        Some(None) if asked == Amount::Unsaid && !shows => Amount::Unsaid,
        Some(None) => Amount::Remove,
        Some(Some(_)) if asked == Amount::Unsaid => Amount::Unsaid,
        Some(Some(profile)) => settle(asked, same_family, profile)?,
    };
    // There are no thoughts to show.
    let summary = if amount == Amount::Remove { Summary::Unspecified } else { control.summary.clone() };
    Ok(Resolved { amount, off_asked, summary })
}

/// Whether a model is known not to think at all.
pub(crate) fn cannot_think(info: Option<&ModelInfo>) -> bool {
    info.is_some_and(|info| info.reasoning.is_none() && !info.user_defined)
}

/// Why thinking goes.
pub(crate) const DOES_NOT_THINK: &str = "the model does not think";

fn asked(control: &ReasoningControl) -> Amount {
    match (control.mode, control.level, control.budget) {
        (Some(ReasoningMode::Off), ..) | (_, None, Some(0)) => Amount::Off,
        (Some(ReasoningMode::Auto), None, None) => Amount::Auto,
        (_, Some(level), _) => Amount::Level(level),
        (_, None, Some(budget)) => Amount::Budget(budget),
        // Switched on without an amount: as the model likes (A.10).
        (Some(ReasoningMode::On), None, None) => Amount::Auto,
        (None, None, None) => Amount::Unsaid,
    }
}

fn settle(asked: Amount, strict: bool, profile: &ReasoningProfile) -> Result<Amount, CodecError> {
    let levels = !profile.levels.is_empty();
    match (asked, profile.budget) {
        (Amount::Off, range) => Ok(off(profile, range)),
        (Amount::Auto, range) => Ok(auto(profile, range)),
        (Amount::Level(level), _) if levels => level_within(level, strict, &profile.levels),
        (Amount::Level(level), Some(range)) => Ok(Amount::Budget(clamp(level_budget(level), range))),
        (Amount::Budget(budget), Some((least, most))) => {
            if strict && !(least..=most).contains(&budget) {
                return Err(CodecError::inexpressible(format!(
                    "a thinking budget of {budget} is outside the {least} to {most} that the model takes"
                ))
                .with_code("BUDGET_OUT_OF_RANGE"));
            }
            Ok(Amount::Budget(clamp(budget, (least, most))))
        }
        // A budget is never wrong for a model of levels: it names the nearest one (runtime.md E.8).
        (Amount::Budget(budget), None) if levels => {
            Ok(Amount::Level(nearest(budget_level(budget), &profile.levels)))
        }
        (other, _) => Ok(other),
    }
}

fn level_within(level: Level, strict: bool, levels: &[Level]) -> Result<Amount, CodecError> {
    if levels.contains(&level) {
        return Ok(Amount::Level(level));
    }
    if strict {
        let known: Vec<_> = levels.iter().map(|level| level.as_str()).collect();
        return Err(CodecError::inexpressible(format!(
            "the model has no thinking level {}, it has {}",
            level.as_str(),
            known.join(", ")
        ))
        .with_code("LEVEL_NOT_SUPPORTED"));
    }
    Ok(Amount::Level(nearest(level, levels)))
}

/// The nearest level, the lower of two that are equally near (B40). Of `xhigh` and `max` one stands for the other
/// before `high` does (E619).
fn nearest(level: Level, levels: &[Level]) -> Level {
    let other = match level {
        Level::Xhigh => Some(Level::Max),
        Level::Max => Some(Level::Xhigh),
        _ => None,
    };
    if let Some(other) = other.filter(|_| !levels.contains(&level)).filter(|other| levels.contains(other)) {
        return other;
    }
    let place = |level: &Level| Level::ALL.iter().position(|known| known == level).unwrap_or(0);
    let wanted = place(&level);
    levels
        .iter()
        .copied()
        .min_by_key(|candidate| (place(candidate).abs_diff(wanted), place(candidate)))
        .unwrap_or(level)
}

fn off(profile: &ReasoningProfile, range: Option<(u32, u32)>) -> Amount {
    if profile.zero_allowed {
        return Amount::Off;
    }
    match (profile.levels.iter().min(), range) {
        (Some(lowest), _) => Amount::Level(*lowest),
        (None, Some((0, _)) | None) => Amount::Off,
        (None, Some((least, _))) => Amount::Budget(least),
    }
}

fn auto(profile: &ReasoningProfile, range: Option<(u32, u32)>) -> Amount {
    if profile.dynamic_allowed {
        return Amount::Auto;
    }
    if !profile.levels.is_empty() {
        return Amount::Level(nearest(Level::Medium, &profile.levels));
    }
    match range {
        Some((least, most)) => match least.midpoint(most) {
            0 => off(profile, range),
            middle => Amount::Budget(middle),
        },
        None => Amount::Auto,
    }
}

fn clamp(budget: u32, (least, most): (u32, u32)) -> u32 {
    budget.max(least).min(most.max(least))
}

/// A budget that leaves room for the answer: below `max_tokens`, unless that would fall under `least`, where it
/// stays as it was (B41).
#[must_use]
pub fn below_max_tokens(budget: u32, max_tokens: u64, least: u32) -> u32 {
    let most = u32::try_from(max_tokens.saturating_sub(1)).unwrap_or(u32::MAX);
    if budget <= most || most < least { budget } else { most }
}
