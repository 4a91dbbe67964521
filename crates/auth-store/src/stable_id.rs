//! Ids of configuration entries that stay the same while the key stays the same.

use std::collections::HashMap;

use cliproxy_core::CredentialId;
use sha2::{Digest, Sha256};

/// Makes the ids of one pass over the configuration. A fresh one for every pass: the same entries in the same
/// order then get the same ids.
// Source: runtime.md C.5 "Stable ID".
#[derive(Clone, Debug, Default)]
pub struct StableIds {
    seen: HashMap<String, u32>,
}

impl StableIds {
    /// No ids given out yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `kind:hex`, where `hex` are the first twelve digits of SHA-256 over the kind and the trimmed parts, each
    /// part behind a NUL. The second of the same gets `-1`, the third `-2`.
    pub fn id<'a>(&mut self, kind: &str, parts: impl IntoIterator<Item = &'a str>) -> CredentialId {
        let mut hash = Sha256::new_with_prefix(kind);
        for part in parts {
            hash.update([0]);
            hash.update(part.trim());
        }
        let digest = hash.finalize();
        let mut id = format!("{kind}:{}", hex(digest.get(..6).unwrap_or_default()));
        let count = self.seen.entry(id.clone()).or_insert(0);
        if *count > 0 {
            id = format!("{id}-{count}");
        }
        *count += 1;
        CredentialId::new(id)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}
