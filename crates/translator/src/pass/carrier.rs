//! One provider's state in another format's slot for state, under a marker: clients keep what they do not understand
//! and return it. No marker ever reaches a provider. Source: translation.md B33, B34, F27.

use crate::json::Text;
use crate::model::{Bind, Issuer, Signature};

/// Begins every marked value. A colon is in no alphabet that issuers use.
pub const MARKER: &str = "cliproxy:";

/// State of no known form is not the target's when we had it from another provider; of those that we know only xAI's
/// has none (B29), so it comes back under that name.
const ISSUERS: [(Issuer, &str); 6] = [
    (Issuer::Claude, "claude"),
    (Issuer::Gpt, "gpt"),
    (Issuer::Gemini, "gemini"),
    (Issuer::Kimi, "kimi"),
    (Issuer::Grok, "grok"),
    (Issuer::Unknown, "grok"),
];

const BINDS: [(Bind, &str); 2] = [(Bind::Next, ".next"), (Bind::Previous, ".prev")];

/// Whether a value is marked, validly or not.
#[must_use]
pub fn is_marked(value: &str) -> bool {
    value.starts_with(MARKER)
}

/// A value under the marker: `cliproxy:<issuer>[.next|.prev]:<state>`.
#[must_use]
pub fn mark(signature: &Signature<'_>, bind: Bind) -> String {
    let issuer =
        ISSUERS.iter().find(|(issuer, _)| *issuer == signature.issuer).map_or("grok", |(_, name)| name);
    let bind = BINDS.iter().find(|(known, _)| *known == bind).map_or("", |(_, name)| name);
    format!("{MARKER}{issuer}{bind}:{}", signature.value.decoded())
}

/// What a marked value carries. `None` for one that is not marked, has no known issuer, is empty, or has a marker
/// inside the marked value, which is a forgery (E406).
#[must_use]
pub fn unmark(value: &str) -> Option<(Signature<'static>, Bind)> {
    let (head, state) = value.strip_prefix(MARKER)?.split_once(':')?;
    let (bind, issuer) = BINDS
        .iter()
        .find_map(|(bind, name)| head.strip_suffix(name).map(|issuer| (*bind, issuer)))
        .unwrap_or((Bind::Own, head));
    let issuer = ISSUERS.iter().find(|(_, name)| *name == issuer)?.0;
    if state.is_empty() || state.contains(':') {
        return None;
    }
    Some((Signature { issuer, value: Text::plain(state.to_owned()) }, bind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_reads_back_and_forgeries_do_not() {
        for issuer in [Issuer::Claude, Issuer::Gpt, Issuer::Gemini, Issuer::Kimi, Issuer::Grok] {
            for bind in [Bind::Own, Bind::Next, Bind::Previous] {
                let signature = Signature { issuer, value: Text::plain("c3RhdGU=") };
                let marked = mark(&signature, bind);
                assert!(is_marked(&marked));
                let (back, bound) = unmark(&marked).unwrap();
                assert_eq!((back.issuer, bound), (issuer, bind), "{marked}");
                assert_eq!(back.value, "c3RhdGU=");
            }
        }
        for forged in [
            "cliproxy:gemini:",
            "cliproxy:gemini",
            "cliproxy:nobody:x",
            "cliproxy:gemini.up:x",
            "cliproxy:gemini:cliproxy:gemini:x",
            "gemini:x",
        ] {
            assert!(unmark(forged).is_none(), "{forged}");
        }
    }
}
