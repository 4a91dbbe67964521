//! Words that a client puts into Claude's mouth. Source: translation.md B27a.

use super::form::Form;
use super::thinking;
use crate::codec::Profile;
use crate::loss::{Loss, loss};
use crate::model::{Part, PartKind, Role};
use crate::pass::turns::{Arranged, NEUTRAL, OutPart};

/// What becomes of words that the client put into Claude's mouth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefill {
    /// Claude goes on with them.
    Goes,
    /// It refuses to, and is asked to by the user.
    Asked,
}

/// Source: Messages API reference, "Prefill": not with thinking or a form of the output.
pub(super) fn prefill(profile: &Profile, thought: &thinking::Said, form: &Form<'_>) -> Prefill {
    let thinks = thought.mode.is_some_and(thinking::Mode::is_active);
    if profile.prefill && !thinks && form.enforced.is_none() { Prefill::Goes } else { Prefill::Asked }
}

/// A conversation of another format that ends with the assistant's own words. Calls at its end are the client's next
/// move.
pub(super) fn end_with_user(arranged: &mut Arranged<'_>, prefill: Prefill, losses: &mut Vec<Loss>) {
    let Some(last) = arranged.turns.last_mut().filter(|last| last.role == Role::Assistant) else { return };
    if last.parts.iter().any(|part| matches!(part.part().kind, PartKind::ToolCall(_))) {
        return;
    }
    if prefill == Prefill::Asked {
        loss(losses, "message.prefill", "the model does not go on with its own words: it is asked to");
        arranged.push_user(NEUTRAL);
        return;
    }
    // It answers 400 to white space at their end.
    let trimmed = last.parts.last().and_then(|part| part.part().as_text()).and_then(|text| {
        let text = text.decoded();
        let trimmed = text.trim_end();
        (trimmed.len() < text.len()).then(|| trimmed.to_owned())
    });
    if let (Some(trimmed), Some(part)) = (trimmed, last.parts.last_mut()) {
        let cache = part.cache().cloned();
        *part = OutPart::made(Part { cache, ..Part::text(trimmed) });
    }
}
