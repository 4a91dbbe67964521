//! Signatures in `thoughtSignature`. SDKs decode it as base64, so another provider's state travels in it as base64 of
//! the marked value. Source: translation.md B28 to B33, F19.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json::Text;
use crate::model::{Bind, Issuer, Signature};
use crate::pass::{carrier, signature};

/// Stand in for the signature of a call that was never signed, or not by Gemini. Source: translation.md B31.
pub(super) const SENTINELS: [&str; 2] = [signature::SENTINEL, "context_engineering_is_the_way_to_go"];

/// What base64 of every marked value begins with.
const MARKED: &str = "Y2xpcHJveHk6";

/// Reads a signature that a client sends back. Sentinels are none: the encoder sets its own. So is a forged carrier.
pub(super) fn of_client(text: Text<'_>) -> Option<(Signature<'_>, Bind)> {
    let value = text.clone().into_decoded();
    if value.is_empty() || is_sentinel(&value) {
        return None;
    }
    if value.starts_with(MARKED) {
        let marked = STANDARD.decode(value.as_bytes()).ok()?;
        return carrier::unmark(std::str::from_utf8(&marked).ok()?);
    }
    Some((Signature { issuer: signature::classify(&value), value: text }, Bind::Own))
}

/// Reads a signature of a provider's reply: Gemini's whatever its form, but where Antigravity serves Claude.
pub(super) fn of_provider(text: Text<'_>) -> Option<Signature<'_>> {
    if text.is_empty() {
        return None;
    }
    let issuer = match signature::classify(&text.decoded()) {
        Issuer::Claude => Issuer::Claude,
        _ => Issuer::Gemini,
    };
    Some(Signature { issuer, value: text })
}

/// A signature as a client of this format gets it: Gemini's as it is, any other as a carrier.
pub(super) fn for_client<'s>(signature: &'s Signature<'_>, bind: Bind) -> Text<'s> {
    if signature.issuer == Issuer::Gemini && bind == Bind::Own {
        return signature.value.reborrow();
    }
    Text::plain(STANDARD.encode(carrier::mark(signature, bind)))
}

/// A signature as Antigravity takes it for Claude's models: in two layers. `None` for one that is not Claude's, whatever
/// it was marked as, and for Claude's newer envelope, which it refuses. Source: translation.md B32, E450, E454 to E457.
pub(super) fn for_claude<'s>(signature: &'s Signature<'_>) -> Option<Text<'s>> {
    let value = signature.value.decoded();
    let value = signature::bare(value.trim());
    if signature.issuer != Issuer::Claude || signature::classify(value) != Issuer::Claude {
        return None;
    }
    match value.as_bytes().first() {
        Some(b'R') => Some(Text::plain(value.to_owned())),
        Some(b'E') => Some(Text::plain(STANDARD.encode(value))),
        _ => None,
    }
}

pub(super) fn is_sentinel(value: &str) -> bool {
    SENTINELS.contains(&value)
}
