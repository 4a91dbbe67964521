//! Limits and thinking of Claude's models behind Antigravity: Anthropic's own rules. Source: translation.md A.15, B41;
//! providers-a.md 1.7, 7.7.

use super::{Thinking, ThinkingAmount};
use crate::format::gemini::encode::{Content, Target, loss};
use crate::loss::Loss;
use crate::model::{PartKind, Role};
use crate::pass::limits;
use crate::pass::reasoning::below_max_tokens;

/// Claude refuses smaller budgets (B39).
const LEAST_BUDGET: u32 = 1024;

/// The most output tokens: what was asked for, as far as the model has it, and what it has where thinking needs a limit.
pub(super) fn limit(target: &Target<'_>, thinking: &Thinking, losses: &mut Vec<Loss>) -> Option<u64> {
    let info = target.profile.info.as_deref();
    let has = || info.and_then(|info| info.max_output).filter(|_| thinking.is_active());
    limits::within(target.request.max_output, info, losses).or_else(has)
}

/// A budget leaves room for the answer, or there is no thinking at all; nor is there where the calls that were answered
/// last came without a thought, as Claude refuses to begin one behind them.
pub(super) fn settle(
    thinking: &mut Thinking,
    target: &Target<'_>,
    most: Option<u64>,
    turns: &[Content<'_, '_>],
    losses: &mut Vec<Loss>,
) {
    let profile = target.profile.info.as_deref().and_then(|info| info.reasoning.as_ref());
    let least = profile.and_then(|profile| profile.budget).map_or(LEAST_BUDGET, |(least, _)| least);
    if let Some(ThinkingAmount::Budget(budget)) = &mut thinking.amount
        && let Ok(asked) = u32::try_from(*budget)
    {
        *budget = i64::from(most.map_or(asked, |most| below_max_tokens(asked, most, least)));
    }
    let fits = match thinking.amount {
        Some(ThinkingAmount::Budget(budget @ 0..)) => {
            budget >= i64::from(least)
                && most.is_none_or(|most| u64::try_from(budget).is_ok_and(|b| b < most))
        }
        _ => true,
    };
    if !fits && thinking.is_active() {
        loss(losses, "thinking", "the limit leaves no room for it");
    }
    let begun = goes_on_without_thought(turns);
    if begun && thinking.is_active() && fits {
        loss(losses, "thinking", "the last calls came without a thought that can go back");
    }
    if !fits || begun {
        *thinking = Thinking::default();
    }
}

/// Whether the model's last turn made calls without a thought before them.
fn goes_on_without_thought(turns: &[Content<'_, '_>]) -> bool {
    let last = turns.iter().rev().find(|turn| turn.role == Role::Assistant);
    let Some(last) = last else { return false };
    let has = |test: fn(&PartKind<'_>) -> bool| last.parts.iter().any(|part| test(&part.part().kind));
    has(|kind| matches!(kind, PartKind::ToolCall(_))) && !has(|kind| matches!(kind, PartKind::Reasoning(_)))
}
