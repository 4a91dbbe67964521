//! Which parts go to Claude. Source: translation.md B28 to B30, B33, B36, A.16.

use super::loss;
use super::parts::has_block;
use crate::codec::Profile;
use crate::format::claude::{CLAUDE, carrier, hygiene};
use crate::loss::{Loss, named};
use crate::model::{Opaque, Part, PartKind, Reasoning, Role, ServerPart};
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
        // Nothing but white space is no content.
        PartKind::Text { .. } => return None,
        _ if matches!(role, Role::System | Role::Developer) => Some(("system", "instructions are text")),
        PartKind::ToolResult(result) => {
            let media = result.content.iter().filter_map(|part| match &part.kind {
                PartKind::Media(media) => Some(media),
                _ => None,
            });
            if !native && media.into_iter().any(|media| !has_block(media)) {
                loss(losses, "message.media", "Claude has no block for it: it is named in words");
            }
            None
        }
        PartKind::Refusal(_) | PartKind::ToolCall(_) => None,
        PartKind::Media(_) if role == Role::Assistant && !native => {
            Some(("message.media", "Claude's own turns hold no media"))
        }
        PartKind::Media(media) => {
            if !native && !has_block(media) {
                loss(losses, "message.media", "Claude has no block for it: it is named in words");
            }
            None
        }
        PartKind::Reasoning(reasoning) => {
            (!keeps(part, reasoning, native, profile)).then_some(("message.thinking", hygiene::NOT_SIGNED))
        }
        PartKind::Server(server) if server.format == CLAUDE => None,
        PartKind::Opaque(opaque) if opaque.format == CLAUDE => None,
        PartKind::Server(ServerPart { kind, .. }) | PartKind::Opaque(Opaque { kind, .. }) => {
            named(losses, "message", kind, "only its own format has it");
            return None;
        }
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
