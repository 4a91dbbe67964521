//! How much to reason, in the words of the model's class. Source: providers-b.md 1.5.6.

use cliproxy_core::Level;

use super::Target;
use crate::codec::CodecError;
use crate::format::kiro::models::Reasons;
use crate::json::Writer;
use crate::loss::Loss;
use crate::pass::reasoning::{Amount, level_budget, resolve};

/// The longest thought where the client named no amount. Source: providers-b.md 1.5.6 [H].
const THINKING_LENGTH: u32 = 16_000;

/// What goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing.
    Nothing,
    /// Two tags at the very start of the instructions.
    Tags(u32),
    /// A level beside the conversation.
    Adaptive(&'static str),
    Effort(&'static str),
}

pub(super) fn settle(target: &Target<'_>, losses: &mut Vec<Loss>) -> Result<Asked, CodecError> {
    let resolved = resolve(&target.request.reasoning, false, target.profile.info.as_deref())?;
    resolved.tell(losses);
    if matches!(resolved.amount, Amount::Unsaid | Amount::Remove | Amount::Off) {
        return Ok(Asked::Nothing);
    }
    let effort = resolved.as_level().map_or("high", effort);
    Ok(match target.model.reasons {
        Reasons::Tags => Asked::Tags(match resolved.amount {
            Amount::Budget(budget) => budget,
            Amount::Level(level) => level_budget(level),
            _ => THINKING_LENGTH,
        }),
        Reasons::Adaptive => Asked::Adaptive(effort),
        Reasons::Effort => Asked::Effort(effort),
    })
}

/// The levels that Kiro knows. Source: providers-b.md 1.5.6 [H] "effort values".
fn effort(level: Level) -> &'static str {
    match level {
        Level::Minimal | Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Xhigh => "xhigh",
        // A level that core learns later is beyond those we know.
        Level::Max | _ => "max",
    }
}

impl Asked {
    /// Whether sampling parameters have to stay away.
    pub(super) fn is_adaptive(self) -> bool {
        matches!(self, Self::Adaptive(_))
    }

    /// What stands at the very start of the instructions.
    pub(super) fn tags(self) -> Option<String> {
        match self {
            Self::Tags(length) => Some(format!(
                "<thinking_mode>enabled</thinking_mode>\n<max_thinking_length>{length}</max_thinking_length>"
            )),
            _ => None,
        }
    }

    /// `additionalModelRequestFields`. Any member beside these is refused by the service.
    pub(super) fn write_fields(self, w: &mut Writer) {
        if matches!(self, Self::Nothing | Self::Tags(_)) {
            return;
        }
        w.key("additionalModelRequestFields");
        w.begin_object();
        match self {
            Self::Adaptive(effort) => {
                w.key("output_config");
                w.begin_object();
                w.field_string("effort", effort);
                w.end_object();
                w.key("thinking");
                w.begin_object();
                w.field_string("type", "adaptive");
                w.field_string("display", "summarized");
                w.end_object();
            }
            Self::Effort(effort) => {
                w.key("reasoning");
                w.begin_object();
                w.field_string("effort", effort);
                w.end_object();
            }
            Self::Nothing | Self::Tags(_) => {}
        }
        w.end_object();
    }
}
