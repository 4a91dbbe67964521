//! Which parts go to Claude. Source: translation.md B28 to B30, B33, B36, A.16.

use super::loss;
use crate::codec::{Loss, Profile};
use crate::format::claude::{CLAUDE, carrier};
use crate::model::{Part, PartKind, Reasoning, Role};
use crate::pass::turns::OutPart;

/// The part, or nothing when Claude cannot have it.
pub(super) fn part<'r>(
    role: Role,
    part: &'r Part<'r>,
    native: bool,
    profile: &Profile,
    losses: &mut Vec<Loss>,
) -> Option<OutPart<'r>> {
    let refused = match &part.kind {
        PartKind::Text { text, .. } if !text.is_blank() => None,
        // What carried only another provider's state.
        PartKind::Text { .. } => Some(("message.text", "an empty text is refused")),
        _ if matches!(role, Role::System | Role::Developer) => Some(("system", "instructions are text")),
        PartKind::Refusal(_) | PartKind::ToolCall(_) | PartKind::ToolResult(_) => None,
        PartKind::Media(_) if role == Role::Assistant && !native => {
            Some(("message.media", "Claude's own turns hold no media"))
        }
        PartKind::Media(_) => None,
        PartKind::Reasoning(reasoning) => (!keeps(part, reasoning, native, profile))
            .then_some(("message.thinking", "Claude takes back only thoughts that it signed")),
        PartKind::Server(server) if server.format == CLAUDE => None,
        PartKind::Opaque(opaque) if opaque.format == CLAUDE => None,
        PartKind::Server(_) | PartKind::Opaque(_) => Some(("message.part", "only its own format has it")),
    };
    if let Some((what, why)) = refused {
        loss(losses, what, why);
        return None;
    }
    Some(OutPart::kept(part))
}

/// Claude's own thoughts go back to it; unsigned and foreign ones only to backends that want their text (B36, E006,
/// E642).
fn keeps(part: &Part<'_>, reasoning: &Reasoning<'_>, native: bool, profile: &Profile) -> bool {
    if let Some(data) = &reasoning.redacted {
        return !carrier::redacted_is_foreign(data);
    }
    let signed =
        part.signature.as_ref().is_some_and(|signature| carrier::for_claude(signature, native).is_some());
    let told = reasoning.summary.iter().chain(&reasoning.raw).any(|text| !text.is_empty());
    signed || profile.keeps_reasoning_text && (told || part.signature.is_none() && native)
}
