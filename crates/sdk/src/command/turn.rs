//! Waiting for the turn at a stored credential, which a renewal may have: for a while, and not against the will of a person.

use std::time::Duration;

use cliproxy_core::{CredentialId, CredentialStore, RefreshLease, StoreError};

/// A renewal takes seconds. What takes longer cannot be saved, or hangs.
const LONGEST: Duration = Duration::from_secs(60);
/// Before it is said what is waited for.
const SILENT: Duration = Duration::from_secs(2);

/// What became of the wait.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is ours, as long as this is held.
    Ours(Box<dyn RefreshLease>),
    /// Somebody asked for the end.
    Interrupted,
    /// Somebody else keeps it.
    Late,
}

/// Waits for it; `tell` says so when it takes a while.
pub(super) async fn turn(
    store: &dyn CredentialStore,
    id: &CredentialId,
    tell: impl FnOnce(),
    interrupted: impl Future<Output = ()>,
) -> Result<Turn, StoreError> {
    let waiting = async {
        let lease = store.lease(id);
        tokio::pin!(lease);
        if let Ok(lease) = tokio::time::timeout(SILENT, &mut lease).await {
            return lease.map(Turn::Ours);
        }
        tell();
        match tokio::time::timeout(LONGEST, lease).await {
            Ok(lease) => lease.map(Turn::Ours),
            Err(_) => Ok(Turn::Late),
        }
    };
    tokio::select! {
        biased;
        waited = waiting => waited,
        () = interrupted => Ok(Turn::Interrupted),
    }
}
