//! Call ids and derived ids. Source: translation.md B1, B2, B4, B4a.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

/// How ids go over the wire. Ids that are fine as they are are not in it.
#[derive(Clone, Debug, Default)]
pub struct IdMap {
    /// By id: those of its uses that go out under another name, in their order.
    wire: HashMap<String, Vec<(u32, String)>>,
}

impl IdMap {
    /// The id to send. One that was not seen when the map was made is only cleaned.
    #[must_use]
    pub fn get<'m>(&'m self, id: &'m str) -> Cow<'m, str> {
        self.of_use(id, 0)
    }

    /// The id to send for one of the calls that have the same id, and for its result.
    #[must_use]
    pub fn of_use<'m>(&'m self, id: &'m str, nth: u32) -> Cow<'m, str> {
        let found = self.wire.get(id).and_then(|uses| {
            let at = uses.binary_search_by_key(&nth, |(known, _)| *known).ok()?;
            uses.get(at)
        });
        found.map_or_else(|| clean(id), |(_, wire)| Cow::Borrowed(wire.as_str()))
    }

    fn insert(&mut self, id: &str, nth: u32, wire: String) {
        let uses = self.wire.entry(id.to_owned()).or_default();
        let at = uses.partition_point(|(known, _)| *known < nth);
        uses.insert(at, (nth, wire));
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
    claude_uses(ids.into_iter().map(|id| (id, 0)))
}

/// As [`claude_ids`], where several calls may have one id: Claude takes no id twice in a conversation. A use is told
/// apart by how many came before it, so that it keeps its name while the conversation grows.
pub fn claude_uses<'i>(uses: impl IntoIterator<Item = (&'i str, u32)>) -> IdMap {
    let mut seen: HashSet<(&str, u32)> = HashSet::new();
    let mut taken: HashSet<Cow<'i, str>> = HashSet::new();
    let mut map = IdMap::default();
    for (id, nth) in uses {
        if id.is_empty() || !seen.insert((id, nth)) {
            continue;
        }
        let cleaned = clean(id);
        let wire = if nth == 0 && taken.insert(cleaned.clone()) {
            let Cow::Owned(cleaned) = cleaned else { continue };
            cleaned
        } else {
            let wire = suffixed(&cleaned, id, nth, &taken);
            taken.insert(Cow::Owned(wire.clone()));
            wire
        };
        map.insert(id, nth, wire);
    }
    map
}

/// A name that is not taken.
fn suffixed(cleaned: &str, id: &str, nth: u32, taken: &HashSet<Cow<'_, str>>) -> String {
    let mut hash = Sha256::new();
    hash.update(id.as_bytes());
    if nth > 0 {
        hash.update(nth.to_le_bytes());
    }
    let hash = hex(&hash.finalize());
    let mut suffixes = (4..=hash.len()).filter_map(|length| hash.get(..length));
    let free = suffixes
        .by_ref()
        .map(|suffix| format!("{cleaned}_{suffix}"))
        .find(|candidate| !taken.contains(candidate.as_str()));
    free.unwrap_or_else(|| format!("{cleaned}_{hash}_{}", taken.len()))
}

/// An id of at most `most` bytes: its head, and 16 digits of a hash where it is too long (B3).
pub(crate) fn shortened(id: Cow<'_, str>, most: usize) -> Cow<'_, str> {
    if id.len() <= most {
        return id;
    }
    let hash = hex(&Sha256::digest(id.as_bytes()));
    let head = super::names::cut(&id, most.saturating_sub(17));
    Cow::Owned(format!("{head}_{}", hash.get(..16).unwrap_or(&hash)))
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
