//! Signatures in the one slot that Claude has for them. A client of this format keeps any text there and returns
//! it, so another provider's state travels in it under a marker; no marker and no foreign state ever reaches
//! Claude. Source: translation.md B29, B30, B33, F27.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json::Text;
use crate::model::{Issuer, Signature};
use crate::pass::signature;

/// Begins every marked value. A colon is in no alphabet that issuers use.
pub(super) const MARKER: &str = "cliproxy:";

/// State of no known form is not Claude's when we had it from another provider; of those that we know only xAI's has
/// none (B29), so it comes back under that name.
const ISSUERS: [(Issuer, &str); 5] = [
    (Issuer::Gpt, "gpt"),
    (Issuer::Gemini, "gemini"),
    (Issuer::Kimi, "kimi"),
    (Issuer::Grok, "grok"),
    (Issuer::Unknown, "grok"),
];

/// Reads a `signature`; an empty one is none: the block is unsigned. A marker within a marked value is a forgery and
/// counts as none too.
pub(super) fn read(text: Text<'_>) -> Option<Signature<'_>> {
    if text.is_empty() {
        return None;
    }
    let value = text.clone().into_decoded();
    let Some(rest) = value.strip_prefix(MARKER) else {
        return Some(Signature { issuer: signature::classify(&value), value: text });
    };
    let (issuer, state) = rest.split_once(':')?;
    let issuer = ISSUERS.iter().find(|(_, name)| *name == issuer)?.0;
    if state.is_empty() || state.contains(':') {
        return None;
    }
    Some(Signature { issuer, value: Text::plain(state.to_owned()) })
}

/// A signature as a client of this format gets it: Claude's as it is, any other under the marker.
pub(super) fn for_client<'s>(signature: &'s Signature<'_>) -> Text<'s> {
    let Some((_, name)) = ISSUERS.iter().find(|(issuer, _)| *issuer == signature.issuer) else {
        return signature.value.reborrow();
    };
    Text::plain(format!("{MARKER}{name}:{}", signature.value.decoded()))
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
    if value.starts_with('R')
        && signature.issuer == Issuer::Claude
        && let Some(inner) =
            STANDARD.decode(value.as_bytes()).ok().and_then(|inner| String::from_utf8(inner).ok())
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

/// As [`is_foreign`] for `redacted_thinking.data`.
pub(super) fn redacted_is_foreign(data: &Text<'_>) -> bool {
    let value: Cow<'_, str> = data.decoded();
    is_foreign(&value)
}
