//! The short handle of a credential that management and usage show.

use cliproxy_core::{Credential, Origin};
use sha2::{Digest, Sha256};

use crate::stable_id::hex;

/// Sixteen hex digits that name a credential without its file name or key: the first eight bytes of SHA-256
/// over `file:<name>`, `api_key:<key>` or `id:<id>`, whichever applies first.
// Source: runtime.md C.2 [F]. Ours never changes while the credential lives, wherever it was loaded first.
#[must_use]
pub fn credential_index(credential: &Credential) -> String {
    let mut hash = Sha256::new();
    match (credential.origin(), credential.api_key()) {
        (Origin::Store(name), _) => {
            hash.update("file:");
            hash.update(name);
        }
        (_, Some(key)) => {
            hash.update("api_key:");
            hash.update(key.expose());
        }
        (_, None) => {
            hash.update("id:");
            hash.update(credential.id().as_str());
        }
    }
    hex(hash.finalize().get(..8).unwrap_or_default())
}
