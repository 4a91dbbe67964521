//! Which parts go to Gemini. Source: translation.md B28 to B31, B36, A.16.

use super::message::is_shown;
use super::{Target, loss};
use crate::format::gemini::carrier::{for_claude, is_sentinel};
use crate::format::gemini::decode::part::THOUGHT;
use crate::format::gemini::dialect::{Maker, is_family};
use crate::loss::{Loss, named};
use crate::model::{
    Issuer, Media, MediaSource, Opaque, Part, PartKind, Reasoning, Role, ServerPart, Signature,
};
use crate::pass::media::media_of;
use crate::pass::signature::classify;
use crate::pass::turns::OutPart;

/// Decides about parts, one after the other.
pub(super) struct Keep<'k, 'r> {
    pub(super) target: &'k Target<'r>,
    pub(super) losses: &'k mut Vec<Loss>,
}

impl Keep<'_, '_> {
    /// The part, or nothing when Gemini cannot have it.
    pub(super) fn part<'p>(&mut self, role: Role, part: &'p Part<'p>) -> Option<OutPart<'p>> {
        let refused = match &part.kind {
            PartKind::Text { .. } | PartKind::Refusal(_) => None,
            // Thoughts are no instructions, and a user has none.
            PartKind::Reasoning(_) if role != Role::Assistant => {
                Some(("message.thinking", "only the model thinks"))
            }
            _ if matches!(role, Role::System | Role::Developer) => Some(("system", "instructions are text")),
            // Without payload there is nothing to see (E345).
            PartKind::Media(Media { source: MediaSource::Base64 { data, .. }, .. }) if data.is_empty() => {
                Some(("message.media", "it has no data"))
            }
            PartKind::ToolResult(result) => {
                if media_of(&result.content).any(|media| !is_shown(media, self.target.family)) {
                    loss(
                        self.losses,
                        "message.media",
                        "a result holds data: what has none is named in words",
                    );
                }
                None
            }
            PartKind::Media(_) | PartKind::ToolCall(_) => None,
            PartKind::Reasoning(reasoning) => {
                (!self.keeps(part, reasoning)).then_some(("message.thinking", self.unkept()))
            }
            PartKind::Opaque(opaque) if is_family(opaque.format) && opaque.kind == THOUGHT => {
                let refused = role != Role::Assistant || self.target.is_claude();
                refused.then_some(("message.thinking", "pictures are thoughts of Gemini's alone"))
            }
            PartKind::Server(server) if is_family(server.format) => None,
            PartKind::Opaque(opaque) if is_family(opaque.format) => None,
            PartKind::Server(ServerPart { kind, .. }) | PartKind::Opaque(Opaque { kind, .. }) => {
                named(self.losses, "message", kind, "only its own format has it");
                return None;
            }
        };
        // Of a thought it was asked above.
        if let Some(signature) =
            part.signature.as_ref().filter(|_| !matches!(part.kind, PartKind::Reasoning(_)))
            && (self.target.is_claude() || !is_replayable(signature, self.target))
        {
            loss(self.losses, "message.signature", self.unkept());
        }
        if let Some((what, why)) = refused {
            loss(self.losses, what, why);
            return None;
        }
        Some(OutPart::kept(part))
    }

    fn unkept(&self) -> &'static str {
        match self.target.is_claude() {
            true => "Claude takes back only thoughts that it signed",
            false => "Gemini takes back only thoughts that it signed",
        }
    }

    /// Its own thoughts, and unsigned ones that can be read. Those that another provider signed go only to backends
    /// that want any text back (E342, E392).
    fn keeps(&self, part: &Part<'_>, reasoning: &Reasoning<'_>) -> bool {
        if reasoning.redacted.is_some() {
            return false;
        }
        if self.target.is_claude() {
            let signed = part.signature.as_ref().is_some_and(|signature| for_claude(signature).is_some());
            return signed && is_told(reasoning);
        }
        match &part.signature {
            Some(signature) if is_replayable(signature, self.target) => true,
            Some(_) => self.target.profile.keeps_reasoning_text && is_told(reasoning),
            None => is_told(reasoning),
        }
    }
}

fn is_told(reasoning: &Reasoning<'_>) -> bool {
    reasoning.summary.iter().chain(&reasoning.raw).any(|text| !text.is_empty())
}

/// Whether the model's maker issued it. One of unknown form is taken only from a client of this format, which had it
/// from there; Antigravity's clients may have had it from any maker (E498, E499).
pub(super) fn is_replayable(signature: &Signature<'_>, target: &Target<'_>) -> bool {
    let family = target.family;
    match signature.issuer {
        _ if target.maker != Maker::Google => false,
        // Clients may put anything into a slot, and under a mark (E403).
        Issuer::Gemini => {
            let value = signature.value.decoded();
            family || !is_sentinel(&value) && matches!(classify(&value), Issuer::Gemini | Issuer::Unknown)
        }
        Issuer::Unknown => family && !target.dialect.is_antigravity(),
        _ => false,
    }
}
