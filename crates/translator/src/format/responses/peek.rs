//! What routing needs of a body, and what cannot leave this family of formats.

use serde_json::value::RawValue;

use super::decode::session;
use crate::codec::{CodecError, Peek};
use crate::json::Text;
use crate::model::Request;
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

/// Members that refer to what only the service itself keeps.
const STORED: [(&str, &str); 2] = [
    (
        "previous_response_id",
        "the provider of this model keeps no responses: send the whole conversation as input",
    ),
    ("prompt", "the provider of this model keeps no prompts: send instructions and input"),
];

/// Refuses what other providers cannot look up (design.md: no silent loss of a conversation).
pub(super) fn check_portable(request: &Request<'_>) -> Result<(), CodecError> {
    for (member, why) in STORED {
        let named = |(key, raw): &(std::borrow::Cow<'_, str>, &RawValue)| key == member && is_said(raw.get());
        if request.extras.iter().any(named) {
            return Err(not_kept(member, why));
        }
    }
    Ok(())
}

/// As [`check_portable`], for a body that passes through to a provider that keeps nothing.
pub(super) fn check_stored(top: &TopLevel<'_>) -> Result<(), CodecError> {
    let (member, why) = STORED[0];
    match top.value(member) {
        Some(value) if std::str::from_utf8(value).is_ok_and(is_said) => Err(not_kept(member, why)),
        _ => Ok(()),
    }
}

fn is_said(json: &str) -> bool {
    !matches!(json, "null" | r#""""#)
}

fn not_kept(member: &'static str, why: &str) -> CodecError {
    CodecError::inexpressible(format!("{member}: {why}")).with_param(member)
}
