//! What Antigravity's envelope holds beside the request. Source: translation.md A.15; providers-a.md 7.4.

use sha2::{Digest, Sha256};

use super::Target;
use super::tools::searches_only;
use crate::json::{Text, Writer};
use crate::model::{Part, Role};

/// What a request is for.
fn kind(target: &Target<'_>) -> &'static str {
    if target.profile.model.contains("image") {
        "image_gen"
    } else if !target.family && searches_only(target) {
        "web_search"
    } else {
        "agent"
    }
}

/// The members before the request. Its id and the project are the executor's to put in.
pub(super) fn write_head(w: &mut Writer, target: &Target<'_>) {
    if target.dialect.is_antigravity() {
        w.field_string("userAgent", "antigravity");
        w.field_string("requestType", kind(target));
    }
}

/// The session: the client's own where it speaks the format, else the same for all requests of a conversation, so that
/// the provider's cache is found again. Searches have none.
pub(super) fn write_session(w: &mut Writer, target: &Target<'_>) {
    let own = target.request.identity.session.as_ref().filter(|_| target.family);
    if !target.dialect.is_antigravity() {
        // Gemini CLI's own, and no other: nobody else's says which it is there.
        if let Some(own) = own {
            w.field_text("session_id", own);
        }
        return;
    }
    match own {
        _ if kind(target) == "web_search" => {}
        Some(own) => w.field_text("sessionId", own),
        None => {
            if let Some(first) = first_text(target) {
                w.field_string("sessionId", &session_of(&first.decoded()));
            }
        }
    }
}

fn first_text<'t>(target: &Target<'t>) -> Option<&'t Text<'t>> {
    let users = target.request.turns.iter().filter(|turn| turn.role == Role::User);
    users.flat_map(|turn| &turn.parts).filter_map(Part::as_text).find(|text| !text.is_empty())
}

/// `-` and the first 63 bits of the text's hash, as a number.
fn session_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("-{}", number & 0x7fff_ffff_ffff_ffff)
}
