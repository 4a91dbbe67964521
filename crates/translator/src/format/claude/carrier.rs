//! Signatures in the one slot that Claude has for them. A client of this format keeps any text there and returns
//! it, so another provider's state travels in it under a marker; no marker and no foreign state ever reaches
//! Claude. Source: translation.md B29, B30, B33, F27.

use std::borrow::Cow;

use crate::json::Text;
use crate::model::{Bind, Issuer, Signature};
use crate::pass::{carrier, signature};

pub(super) use crate::pass::carrier::MARKER;

/// Reads a `signature`; an empty one is none: the block is unsigned. So is a forged carrier.
pub(super) fn read(text: Text<'_>) -> Option<(Signature<'_>, Bind)> {
    if text.is_empty() {
        return None;
    }
    let value = text.clone().into_decoded();
    if carrier::is_marked(&value) {
        // Claude's own state is never marked here.
        return carrier::unmark(&value).filter(|(signature, _)| signature.issuer != Issuer::Claude);
    }
    let issuer = signature::classify(&value);
    let bind = if issuer == Issuer::Gemini { Bind::Unsaid } else { Bind::Own };
    Some((Signature { issuer, value: text }, bind))
}

/// A signature as a client of this format gets it: Claude's as it is, any other under the marker.
pub(super) fn for_client<'s>(signature: &'s Signature<'_>, bind: Bind) -> Text<'s> {
    if signature.issuer == Issuer::Claude && bind == Bind::Own {
        return signature.value.reborrow();
    }
    Text::plain(carrier::mark(signature, bind))
}

/// A signature as Claude takes it; `None` when Claude did not issue it. One of unknown form is taken only where
/// the request came from a Claude client (`native`), which had it from Claude. The two-layer form loses its outer
/// layer (E645).
pub(super) fn for_claude<'s>(signature: &'s Signature<'_>, native: bool) -> Option<Text<'s>> {
    match signature.issuer {
        Issuer::Claude => {}
        Issuer::Unknown if native => {}
        _ => return None,
    }
    let value = signature.value.decoded();
    if value.starts_with(MARKER) {
        return None;
    }
    if signature.issuer == Issuer::Claude
        && let Some(inner) = signature::inner_layer(&value)
    {
        return Some(Text::plain(inner));
    }
    Some(signature.value.reborrow())
}

/// Whether a value on its way to Claude must stop here, as far as its form tells.
pub(super) fn is_foreign(value: &str) -> bool {
    value.is_empty()
        || value.starts_with(MARKER)
        || !matches!(signature::classify(value), Issuer::Claude | Issuer::Unknown)
}

/// What is inside Claude's signature in two layers (E645); `None` for any other.
pub(super) fn unwrapped(value: &str) -> Option<String> {
    signature::inner_layer(value).filter(|_| signature::classify(value) == Issuer::Claude)
}

/// As [`is_foreign`] for `redacted_thinking.data`.
pub(super) fn redacted_is_foreign(data: &Text<'_>) -> bool {
    let value: Cow<'_, str> = data.decoded();
    is_foreign(&value)
}
