//! What of a conversation goes to a provider of this format. Source: translation.md A.16, B29, B30, B36.

use super::ambiguous::Ambiguous;
use super::part::is_sendable;
use super::{Target, is_tool_part, loss};
use crate::codec::CodecError;
use crate::format::responses::is_family;
use crate::loss::{Loss, named};
use crate::model::{
    Bind, Issuer, Media, MediaClass, MediaSource, Opaque, Part, PartKind, Request, Role, ServerPart,
    Signature,
};
use crate::pass::carrier::is_marked;
use crate::pass::media::media_of;
use crate::pass::signature::may_be_grok;
use crate::pass::turns::OutPart;

pub(super) struct Kept<'t, 'n> {
    target: &'t Target<'n>,
    ambiguous: Ambiguous,
    pub(super) losses: Vec<Loss>,
    /// What must not be dropped silently.
    pub(super) refused: Option<CodecError>,
}

impl<'t, 'n> Kept<'t, 'n> {
    pub(super) fn new(target: &'t Target<'n>, request: &Request<'_>) -> Self {
        Self { target, ambiguous: Ambiguous::find(request), losses: Vec::new(), refused: None }
    }

    pub(super) fn keep<'r>(&mut self, role: Role, part: &'r Part<'r>) -> Option<OutPart<'r>> {
        if is_tool_part(part) && self.ambiguous.contains(part) {
            loss(&mut self.losses, "message.tool_call", "several calls or answers have one id");
            return None;
        }
        let fine = match &part.kind {
            PartKind::Text { .. } | PartKind::ToolCall(_) => true,
            PartKind::ToolResult(result) => {
                if media_of(&result.content).any(|media| !is_sendable(self.target, media)) {
                    loss(&mut self.losses, "message.media", IN_WORDS);
                }
                true
            }
            PartKind::Refusal(_) => role == Role::Assistant,
            PartKind::Reasoning(_) => self.reasoning(role, part),
            PartKind::Media(media) => self.media(role, media),
            PartKind::Server(server) if is_family(server.format) => true,
            PartKind::Opaque(opaque) if is_family(opaque.format) => true,
            PartKind::Server(ServerPart { kind, .. }) => {
                named(&mut self.losses, "message", kind, "it ran at its own provider");
                false
            }
            PartKind::Opaque(Opaque { kind, .. }) => {
                named(&mut self.losses, "message", kind, "only its own format can say it");
                false
            }
        };
        fine.then(|| OutPart::kept(part))
    }

    fn reasoning(&mut self, role: Role, part: &Part<'_>) -> bool {
        // State of a neighbour is never this provider's own.
        let bound = matches!(&part.kind, PartKind::Reasoning(reasoning) if reasoning.bind != Bind::Own);
        let replayable =
            !bound && part.signature.as_ref().is_some_and(|signature| replays(self.target, signature));
        let unsigned = part.signature.is_none()
            && matches!(&part.kind, PartKind::Reasoning(reasoning) if reasoning.redacted.is_none());
        let fine =
            role == Role::Assistant && (replayable || unsigned && self.target.profile.keeps_reasoning_text);
        if !fine {
            loss(
                &mut self.losses,
                "message.thinking",
                "the provider takes back only thoughts that it signed",
            );
        }
        fine
    }

    fn media(&mut self, role: Role, media: &Media<'_>) -> bool {
        if matches!(role, Role::System | Role::Developer) || role == Role::Assistant {
            loss(&mut self.losses, "message.media", "only user messages carry media");
            return false;
        }
        let refused = match (&media.source, media.class) {
            (MediaSource::File(_), _) if !self.target.vendor => {
                Some("a file in another provider's store cannot be sent; send its data")
            }
            (MediaSource::Url(_), MediaClass::Audio) => Some("audio by URL cannot be sent; send its data"),
            (_, MediaClass::Video) => Some("the provider takes no video"),
            _ => None,
        };
        if let Some(why) = refused {
            self.refused.get_or_insert_with(|| CodecError::inexpressible(why).with_param("messages"));
        }
        refused.is_none()
    }
}

/// Why a medium of a result is gone.
const IN_WORDS: &str = "an answer of a tool cannot hold it: it is named in words";

/// Whether the target issued a signature, as far as its form and the target's name tell (B29, E223, E224).
pub(super) fn replays(target: &Target<'_>, signature: &Signature<'_>) -> bool {
    if is_marked(&signature.value.decoded()) {
        return false;
    }
    let grok = target.profile.model.contains("grok");
    match signature.issuer {
        Issuer::Gpt => !grok,
        Issuer::Grok => grok,
        // Of unknown form: a client of this format had it from a provider of this format.
        Issuer::Unknown => target.native || grok && may_be_grok(&signature.value.decoded()),
        Issuer::Claude | Issuer::Gemini | Issuer::Kimi => false,
    }
}
