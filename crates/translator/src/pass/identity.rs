//! Who is behind a request: the id that Claude gets as `metadata.user_id`. Source: translation.md B87.

use sha2::{Digest, Sha256};

use super::ids::hex;
use crate::json::Text;
use crate::model::{Part, PartKind, Request, Role};

/// The client's own id, or one derived from what stays the same while the conversation grows: the cache key, the
/// session, the first words of the user, or else model and instructions. `None` when there is nothing of these.
/// (E024, E025, E569–E573.)
#[must_use]
pub fn derive_user_id(request: &Request<'_>) -> Option<String> {
    let identity = &request.identity;
    if let Some(user) = given(identity.user.as_ref()) {
        return Some(user);
    }
    let seed = given(identity.prompt_cache_key.as_ref())
        .map(|key| ("key", key))
        .or_else(|| given(identity.session.as_ref()).map(|session| ("session", session)))
        .or_else(|| first_user_text(request).map(|text| ("text", text)))
        .or_else(|| model_and_instructions(request).map(|text| ("model", text)))?;
    let mut hash = Sha256::new();
    // The kind keeps a session called like a text from sharing its id.
    hash.update(seed.0.as_bytes());
    hash.update([0]);
    hash.update(seed.1.as_bytes());
    Some(hex(&hash.finalize()))
}

/// Who is behind a request: whom its metadata names, and who else `user` does. (E570.)
pub(crate) fn users<'a>(
    in_metadata: Option<Text<'a>>,
    user: Option<Text<'a>>,
) -> (Option<Text<'a>>, Option<Text<'a>>) {
    match in_metadata {
        Some(first) => {
            let other = user.filter(|user| !user.is_empty() && user.decoded() != first.decoded());
            (Some(first), other)
        }
        None => (user, None),
    }
}

fn given(text: Option<&Text<'_>>) -> Option<String> {
    text.map(|text| text.decoded().trim().to_owned()).filter(|text| !text.is_empty())
}

/// The first text that a user wrote: thoughts are no words (E573).
fn first_user_text(request: &Request<'_>) -> Option<String> {
    request
        .turns
        .iter()
        .filter(|turn| turn.role == Role::User)
        .flat_map(|turn| &turn.parts)
        .find_map(|part| given(part.as_text()))
}

fn model_and_instructions(request: &Request<'_>) -> Option<String> {
    let mut seed = request.model.to_string();
    let system = request
        .turns
        .iter()
        .filter(|turn| matches!(turn.role, Role::System | Role::Developer))
        .flat_map(|turn| &turn.parts);
    for part in request.instructions.iter().chain(system) {
        push_text(&mut seed, part);
    }
    Some(seed).filter(|seed| !seed.is_empty())
}

fn push_text(seed: &mut String, part: &Part<'_>) {
    if let PartKind::Text { text, .. } = &part.kind {
        seed.push('\n');
        seed.push_str(&text.decoded());
    }
}
