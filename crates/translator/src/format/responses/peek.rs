//! What routing needs of a body, and what cannot leave this family of formats.

use serde_json::value::RawValue;

use super::decode::session;
use super::{RESPONSES, is_family};
use crate::codec::{CodecError, Peek};
use crate::json::{Extras, Text};
use crate::model::{Part, PartKind, Request};
use crate::pass::portable;
use crate::splice::TopLevel;

pub(super) fn peek(body: &[u8]) -> Result<Peek<'_>, CodecError> {
    let top = TopLevel::scan_strictly(body)?;
    let mut peek = top.peek()?;
    // Only the literal `true` asks for a stream. Source: http-api.md A.3.
    peek.stream = top.value("stream") == Some(b"true");
    let session = session(&mut |key| {
        let json = top.raw(key).ok().flatten()?;
        serde_json::from_str::<&RawValue>(json).ok()
    });
    peek.session = session.map(Text::into_decoded);
    peek.top = Some(top);
    Ok(peek)
}

/// Members that refer to what only the service itself keeps. What goes into the conversation comes first: those that
/// keep nothing refuse these in bodies that pass through, too.
const STORED: [(&str, &str); 3] = [
    (
        "previous_response_id",
        "the provider of this model keeps no responses: send the whole conversation as input",
    ),
    (
        "conversation",
        "the provider of this model keeps no conversations: send the whole conversation as input",
    ),
    ("prompt", "the provider of this model keeps no prompts: send instructions and input"),
];

/// An item that stands for one which the service keeps.
const REFERENCE: &str = "item_reference";

/// Whether something that the service keeps goes before the input.
pub(super) fn continues(extras: &Extras<'_>) -> bool {
    STORED.iter().any(|(member, _)| stored(extras, member))
}

/// Whether a member says something. The last of repeated ones counts.
fn stored(extras: &Extras<'_>, member: &str) -> bool {
    let last = extras.iter().rev().find(|(key, _)| key == member);
    last.is_some_and(|(_, raw)| is_said(raw.get()))
}

/// Refuses what other providers cannot look up (design.md: no silent loss of a conversation), and what they have no
/// words for.
pub(super) fn check_portable(request: &Request<'_>, provider: &str) -> Result<(), CodecError> {
    if provider == RESPONSES {
        return Ok(());
    }
    for (member, why) in STORED {
        if stored(&request.extras, member) {
            return Err(not_kept(member, why));
        }
    }
    let is_reference = |part: &Part<'_>| match &part.kind {
        PartKind::Opaque(opaque) => opaque.format == RESPONSES && opaque.kind == REFERENCE,
        _ => false,
    };
    // An item is a turn of its own.
    if request.turns.iter().any(|turn| turn.parts.first().is_some_and(is_reference)) {
        let why = "the provider of this model keeps no items: send the item itself, as clients do with `store: false`";
        return Err(CodecError::inexpressible(format!("input: {REFERENCE}: {why}")).with_param("input"));
    }
    if is_family(provider) || provider.is_empty() {
        return Ok(());
    }
    portable::choice(request)?;
    portable::format(&request.extras, "text.format")
}

/// As [`check_portable`], for a body that passes through to a provider that keeps nothing.
pub(super) fn check_stored(top: &TopLevel<'_>) -> Result<(), CodecError> {
    for (member, why) in STORED.into_iter().take(2) {
        if let Some(value) = top.value(member)
            && std::str::from_utf8(value).is_ok_and(is_said)
        {
            return Err(not_kept(member, why));
        }
    }
    Ok(())
}

fn is_said(json: &str) -> bool {
    !matches!(json, "null" | r#""""#)
}

fn not_kept(member: &'static str, why: &str) -> CodecError {
    CodecError::inexpressible(format!("{member}: {why}")).with_param(member)
}
