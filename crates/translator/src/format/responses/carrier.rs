//! State in the one slot that this format has for it: `encrypted_content`. A client keeps any text there and returns
//! it, so another provider's state travels in it under a marker, and Claude's redacted thoughts too.
//! Source: translation.md B29, B30, B33.

use std::borrow::Cow;

use crate::json::Text;
use crate::model::{Bind, Issuer, Signature};
use crate::pass::carrier::{MARKER, is_marked, mark, unmark};
use crate::pass::signature::classify;

/// Claude's redacted thoughts: `cliproxy:redacted:<data>`.
const REDACTED: &str = "redacted:";

/// What a slot holds.
#[derive(Debug)]
pub(super) enum Carried<'a> {
    /// State, and what it belongs to.
    State(Signature<'a>, Bind),
    /// Redacted thoughts.
    Redacted(Text<'a>),
    /// A mark that we never wrote, or one around nothing: it counts as nothing (E042, E401, E406).
    Nothing,
}

/// Reads a slot.
pub(super) fn read(text: Text<'_>) -> Carried<'_> {
    let value = text.clone().into_decoded();
    let Some(rest) = value.strip_prefix(MARKER) else {
        let issuer = classify(&value);
        // Gemini signs texts and calls too.
        let bind = if issuer == Issuer::Gemini { Bind::Unsaid } else { Bind::Own };
        return Carried::State(Signature { issuer, value: text }, bind);
    };
    if let Some(data) = rest.strip_prefix(REDACTED) {
        let fine = !data.is_empty() && !data.contains(':');
        return if fine { Carried::Redacted(Text::plain(data.to_owned())) } else { Carried::Nothing };
    }
    unmark(&value).map_or(Carried::Nothing, |(signature, bind)| Carried::State(signature, bind))
}

/// A state as a client of this format gets it: GPT's as it is, and what has no known form as a provider of this
/// format (`native`) wrote it; any other under a mark.
pub(super) fn for_client<'s>(signature: &'s Signature<'_>, bind: Bind, native: bool) -> Cow<'s, str> {
    match signature.issuer {
        Issuer::Gpt if bind == Bind::Own => signature.value.decoded(),
        Issuer::Unknown if bind == Bind::Own && native => signature.value.decoded(),
        _ => Cow::Owned(mark(signature, bind)),
    }
}

/// Redacted thoughts as a client of this format gets them.
pub(super) fn redacted(data: &Text<'_>) -> String {
    format!("{MARKER}{REDACTED}{}", data.decoded())
}

/// Whether another provider issued a state, as far as it tells; what does not tell itself passes.
pub(super) fn is_foreign(state: &str) -> bool {
    is_marked(state) || !matches!(classify(state), Issuer::Gpt | Issuer::Grok | Issuer::Unknown)
}
