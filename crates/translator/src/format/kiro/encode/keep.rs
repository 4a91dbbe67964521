//! Which parts go to Kiro. Source: translation.md A.4, A.5 (columns KI), B80, B82.

use super::{loss, media};
use crate::codec::CodecError;
use crate::loss::{Loss, named};
use crate::model::{Opaque, Part, PartKind, Role, ServerPart};
use crate::pass::searches::{EXCERPT, told};
use crate::pass::turns::OutPart;

/// The part, or nothing when Kiro cannot have it. What it must not go without is noted in `refused`.
pub(super) fn part<'r>(
    role: Role,
    part: &'r Part<'r>,
    searches: bool,
    losses: &mut Vec<Loss>,
    refused: &mut Result<(), CodecError>,
) -> Option<OutPart<'r>> {
    let gone = match &part.kind {
        PartKind::Text { .. } | PartKind::Refusal(_) => None,
        _ if matches!(role, Role::System | Role::Developer) => Some(("system", "instructions are text")),
        PartKind::ToolCall(_) => None,
        PartKind::ToolResult(result) => {
            check_media(&result.content, losses, refused);
            None
        }
        PartKind::Media(_) if role == Role::Assistant => {
            Some(("message.media", "the model's own turns hold no media"))
        }
        PartKind::Media(_) => {
            check_media(std::slice::from_ref(part), losses, refused);
            None
        }
        PartKind::Reasoning(_) => {
            Some(("message.thinking", "a conversation state has no place for thoughts"))
        }
        // A search that ran before, where the model may search.
        PartKind::Server(server) if searches && told(server).is_some() => {
            let raw = server.raw.get();
            if raw.contains("\"encrypted_content\"") && !raw.contains(EXCERPT) {
                loss(losses, "message.encrypted_content", "only Claude can read it");
            }
            None
        }
        PartKind::Server(ServerPart { kind, .. }) | PartKind::Opaque(Opaque { kind, .. }) => {
            named(losses, "message", kind, "only its own format has it");
            return None;
        }
    };
    if let Some((what, why)) = gone {
        loss(losses, what, why);
        return None;
    }
    Some(OutPart::kept(part))
}

fn check_media(parts: &[Part<'_>], losses: &mut Vec<Loss>, refused: &mut Result<(), CodecError>) {
    for part in parts {
        let PartKind::Media(found) = &part.kind else { continue };
        if refused.is_ok() {
            *refused = media::check(found);
        }
        if media::is_only_named(found) {
            loss(losses, "message.media", "Kiro takes images and text: other media are named in words");
        }
    }
}
