//! Short-lived tokens that a credential is exchanged for: kept in memory, one exchange for all who wait, none on disk.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{Credential, CredentialId, ExecutorError, Secret, Timestamp};
use parking_lot::Mutex;

/// When less than this is left somebody fetches the next one, while others go on with the old.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// With less than this it is not used any more. Source: providers-a.md 6.3 "until ~1 min before expiry".
const LAST: Duration = Duration::from_secs(60);

/// The tokens of every credential. Clones share them.
pub(crate) struct Minted<T>(Arc<Mutex<HashMap<CredentialId, Arc<Slot<T>>>>>);

struct Slot<T> {
    kept: Mutex<Option<Kept<T>>>,
    /// Whose turn it is to exchange.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Kept<T> {
    value: T,
    /// What it was exchanged for: another login makes it void.
    of: Secret,
    until: Timestamp,
}

impl<T: Clone> Minted<T> {
    /// A token that is good for a while, of this secret. Whoever comes while one is exchanged waits for that one, unless
    /// the old one still serves; an exchange that fails while it does is tried again by the next.
    pub(crate) async fn get(
        &self,
        credential: &Credential,
        of: &Secret,
        now: Timestamp,
        exchange: impl Future<Output = Result<(T, Timestamp), ExecutorError>> + Send,
    ) -> Result<T, ExecutorError> {
        let slot = Arc::clone(self.0.lock().entry(credential.id().clone()).or_default());
        let at_hand = |left: Duration| {
            let kept = slot.kept.lock();
            kept.as_ref().filter(|kept| kept.of == *of && kept.until > now.plus(left)).cloned()
        };
        if let Some(kept) = at_hand(AHEAD) {
            return Ok(kept.value);
        }
        let old = at_hand(LAST);
        let _turn = match &old {
            Some(old) => match slot.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(old.value.clone()),
            },
            None => slot.turn.lock().await,
        };
        if let Some(kept) = at_hand(AHEAD) {
            return Ok(kept.value);
        }
        match exchange.await {
            Ok((value, until)) => {
                *slot.kept.lock() = Some(Kept { value: value.clone(), of: of.clone(), until });
                Ok(value)
            }
            Err(error) => old.map(|old| old.value).ok_or(error),
        }
    }

    /// Forgets a token that the API refused.
    pub(crate) fn forget(&self, credential: &Credential) {
        self.0.lock().remove(credential.id());
    }
}

impl<T> Default for Minted<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Minted<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { kept: Mutex::new(None), turn: tokio::sync::Mutex::new(()) }
    }
}

impl<T> fmt::Debug for Minted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted").field("count", &self.0.lock().len()).finish()
    }
}
