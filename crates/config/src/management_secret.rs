//! Hashing of the management key. Pure functions: who writes the hash back into the file is the caller.

use cliproxy_core::Secret;

/// The reference's cost, the default of its library. About 50 ms: call it off the runtime thread.
const COST: u32 = 10;
/// bcrypt reads no further; the reference's library refuses longer ones.
const LONGEST: usize = 72;

/// Why a management key cannot be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// It is longer than bcrypt reads.
    #[error("the management key has more than 72 bytes, which is all that bcrypt reads")]
    TooLong,
    /// The system gave no randomness.
    #[error("the management key cannot be hashed")]
    Failed,
}

/// Whether this is a bcrypt hash already. Source: runtime.md A.6.
#[must_use]
pub fn is_management_hash(text: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix))
}

/// Hashes a plain management key; what is a hash already comes back as it is. Blocks for about 50 ms.
///
/// # Errors
///
/// When the key is longer than bcrypt reads, or the system gives no randomness.
pub fn hash_management_key(key: &Secret) -> Result<String, HashError> {
    let text = key.expose();
    if is_management_hash(text) {
        return Ok(text.to_owned());
    }
    if text.len() > LONGEST {
        return Err(HashError::TooLong);
    }
    bcrypt::hash_with_result(text, COST)
        // `$2a$` is what the reference writes, so that its own files and ours look alike.
        .map(|parts| parts.format_for_version(bcrypt::Version::TwoA))
        .map_err(|_| HashError::Failed)
}

/// Whether `key` is the management key that `stored` holds, hashed or plain. Blocks for about 50 ms.
#[must_use]
pub fn verify_management_key(key: &Secret, stored: &Secret) -> bool {
    if is_management_hash(stored.expose()) {
        bcrypt::verify(key.expose(), stored.expose()).unwrap_or(false)
    } else {
        !stored.is_empty() && key == stored
    }
}
