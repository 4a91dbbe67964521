//! Call ids and derived ids. Source: translation.md B1, B2, B4, B4a.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

/// How ids go over the wire. Ids that are fine as they are are not in it.
#[derive(Clone, Debug, Default)]
pub struct IdMap {
    wire: HashMap<String, String>,
}

impl IdMap {
    /// The id to send. One that was not seen when the map was made is only cleaned.
    #[must_use]
    pub fn get<'m>(&'m self, id: &'m str) -> Cow<'m, str> {
        self.wire.get(id).map_or_else(|| clean(id), |wire| Cow::Borrowed(wire.as_str()))
    }

    /// Whether every id goes over unchanged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }
}

/// Makes every id one that Claude takes: letters, digits, `_` and `-` (B1). Two ids that would become one stay two:
/// the later gets a short hash (B2). Pass calls and results in conversation order; empty ids are left out: they
/// have no identity and get [`generated_id`].
pub fn claude_ids<'i>(ids: impl IntoIterator<Item = &'i str>) -> IdMap {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut taken: HashSet<Cow<'i, str>> = HashSet::new();
    let mut map = IdMap::default();
    for id in ids {
        if id.is_empty() || !seen.insert(id) {
            continue;
        }
        let cleaned = clean(id);
        if taken.insert(cleaned.clone()) {
            if let Cow::Owned(cleaned) = cleaned {
                map.wire.insert(id.to_owned(), cleaned);
            }
            continue;
        }
        let hash = hex(&Sha256::digest(id.as_bytes()));
        let suffixed = (4..=hash.len())
            .filter_map(|length| hash.get(..length))
            .map(|suffix| format!("{cleaned}_{suffix}"))
            .find(|candidate| !taken.contains(candidate.as_str()));
        let suffixed = suffixed.unwrap_or_else(|| format!("{cleaned}_{hash}_{}", taken.len()));
        taken.insert(Cow::Owned(suffixed.clone()));
        map.wire.insert(id.to_owned(), suffixed);
    }
    map
}

/// Puts `_` in place of every character that Claude does not take in an id.
fn clean(id: &str) -> Cow<'_, str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if id.chars().all(fine) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(id.chars().map(|c| if fine(c) { c } else { '_' }).collect())
}

/// An id derived from `parts`: `prefix` and 24 letters and digits. The same parts always give the same id, so that
/// a retried or grown conversation keeps its ids and the provider's prompt cache (B4, B4a).
#[must_use]
pub fn generated_id(prefix: &str, parts: &[&str]) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps ["ab","c"] and ["a","bc"] apart.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut id = String::with_capacity(prefix.len() + 24);
    id.push_str(prefix);
    id.extend(
        digest
            .iter()
            .take(24)
            .filter_map(|byte| ALPHABET.get(usize::from(*byte) % 62))
            .map(|byte| char::from(*byte)),
    );
    id
}

/// The id of a call in a reply whose provider gave none, as Chat clients get it (B4a).
#[must_use]
pub fn reply_call_id(seed: &str, candidate: u32, index: usize) -> String {
    generated_id("call_", &[seed, &candidate.to_string(), &index.to_string()])
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
