//! Which part of a content each signature goes back to. Formats that sign nothing but thoughts carry the state of texts
//! and calls in empty thoughts beside them; state that does not say what it belongs to goes to the part that Gemini
//! signs in its place. Source: translation.md B28, B33, B34, E370 to E393.

use super::Target;
use super::keep::is_replayable;
use crate::format::gemini::carrier::for_claude;
use crate::model::{Bind, Part, PartKind, Reasoning, Signature};
use crate::pass::turns::{CallUse, OutPart};

/// A part with the signature that goes out with it.
pub(super) struct Bound<'c> {
    pub(super) part: &'c Part<'c>,
    /// The call that it is, or answers.
    pub(super) call: Option<CallUse<'c>>,
    pub(super) signature: Option<&'c Signature<'c>>,
    /// It only carried what another part has now.
    pub(super) spent: bool,
}

/// Binds the signatures of one content. A direct signature wins over a carried one, and a part gets one at most: what
/// finds no part stays where it is (E383, E443).
pub(super) fn bind<'c>(parts: &'c [OutPart<'_>], target: &Target<'_>) -> Vec<Bound<'c>> {
    let mut all: Vec<Bound<'c>> = parts
        .iter()
        .map(|out| {
            let part = out.part();
            let signature = part.signature.as_ref().filter(|signature| match target.is_claude() {
                // Claude signs its thoughts and nothing else (B32, E503).
                true => matches!(part.kind, PartKind::Reasoning(_)) && for_claude(signature).is_some(),
                false => is_replayable(signature, target),
            });
            Bound { part, call: out.call(), signature, spent: false }
        })
        .collect();
    if target.family || target.is_claude() {
        return all;
    }
    for at in 0..all.len() {
        let Some((carrier, signature)) = all.get(at).and_then(carried) else { continue };
        let Some(neighbour) = neighbour(&all, at, carrier) else { continue };
        if let Some(part) = all.get_mut(neighbour) {
            part.signature = Some(signature);
        }
        if let Some(carrier) = all.get_mut(at) {
            carrier.signature = None;
            carrier.spent = !is_told(carrier.part);
        }
    }
    all
}

fn carried<'c>(bound: &Bound<'c>) -> Option<(&'c Reasoning<'c>, &'c Signature<'c>)> {
    match &bound.part.kind {
        PartKind::Reasoning(reasoning) => Some((reasoning, bound.signature?)),
        _ => None,
    }
}

fn is_told(part: &Part<'_>) -> bool {
    match &part.kind {
        PartKind::Reasoning(reasoning) => {
            reasoning.summary.iter().chain(&reasoning.raw).any(|text| !text.is_empty())
        }
        _ => true,
    }
}

/// The part that a carried signature belongs to.
fn neighbour(all: &[Bound<'_>], at: usize, carrier: &Reasoning<'_>) -> Option<usize> {
    let free = |at: usize| all.get(at).is_some_and(is_free).then_some(at);
    let before = at.checked_sub(1).and_then(free);
    let behind = free(at + 1);
    match carrier.bind {
        Bind::Previous => before,
        Bind::Next => behind,
        // State alone behind a call is the call's; else it is the state of what follows (E380, E381, E385).
        Bind::Unsaid => {
            let alone = !all.get(at).is_some_and(|bound| is_told(bound.part));
            let call = before.filter(|before| alone && all.get(*before).is_some_and(is_call));
            call.or(behind).or(before.filter(|_| alone))
        }
        // A call must be signed: state that came alone right before it is its own (E424).
        Bind::Own => {
            let alone = !all.get(at).is_some_and(|bound| is_told(bound.part));
            behind.filter(|behind| alone && all.get(*behind).is_some_and(is_call))
        }
    }
}

/// Whether a part can take a signature: thoughts have their own.
fn is_free(bound: &Bound<'_>) -> bool {
    let signable = matches!(
        bound.part.kind,
        PartKind::Text { .. } | PartKind::Refusal(_) | PartKind::ToolCall(_) | PartKind::Media(_)
    );
    signable && bound.signature.is_none()
}

fn is_call(bound: &Bound<'_>) -> bool {
    matches!(bound.part.kind, PartKind::ToolCall(_))
}
