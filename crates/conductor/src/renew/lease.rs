//! The right to renew, and how long a store is waited for.

use std::time::Duration;

use cliproxy_core::{Credential, CredentialStore, RefreshLease, StoreError, StoreErrorKind};

use super::RenewError;
use super::once::GIVE_UP;
use super::state::Place;
use crate::inner::Inner;
use crate::pool::Entry;

/// How long a store is waited for once the end has come.
const AT_THE_END: Duration = Duration::from_secs(10);

/// The lease of a credential, for as long as this lives; and longer, while what it covers is unsaved.
#[derive(Debug)]
pub(super) struct Leased<'e> {
    pub(super) entry: &'e Entry,
    /// Given up where the tokens go into another file.
    pub(super) lease: Option<Box<dyn RefreshLease>>,
}

/// What a store has of a credential.
pub(super) enum Own {
    Here(Credential),
    Gone,
    /// Nothing: its place belongs to another provider by now.
    Given,
}

impl Leased<'_> {
    /// Whether there is one: a store keeps what a renewal brings.
    pub(super) fn is_some(&self) -> bool {
        self.lease.is_some()
    }
}

impl Drop for Leased<'_> {
    fn drop(&mut self) {
        let mut state = self.entry.renewal.lock();
        if state.unsaved && state.saving {
            state.held = self.lease.take();
        }
    }
}

impl Inner {
    /// The lease to renew, unless nothing is stored.
    pub(super) async fn lease<'e>(
        &self,
        entry: &'e Entry,
        credential: &Credential,
    ) -> Result<Leased<'e>, RenewError> {
        let held = Leased { entry, lease: entry.renewal.lock().held.take() };
        if held.is_some() {
            return Ok(held);
        }
        let Some(store) = self.store.as_ref().filter(|store| store.keeps(credential)) else {
            return Ok(held);
        };
        let lease = tokio::time::timeout(GIVE_UP, store.lease(credential.id()));
        // At the end nobody waits for a turn.
        let Some(lease) = self.stop.run_until_cancelled(lease).await else {
            return Err(RenewError::Stopping);
        };
        match lease {
            Ok(lease) => {
                let lease = lease.map_err(|error| super::once::store_failed(&error))?;
                Ok(Leased { entry, lease: Some(lease) })
            }
            Err(_) => Err(RenewError::Store { message: "somebody else holds the lease".to_owned() }),
        }
    }

    /// The lease to save what is unsaved: the one that its renewal had.
    pub(super) async fn lease_again<'e>(&self, entry: &'e Entry) -> Result<Leased<'e>, StoreError> {
        let mut leased = Leased { entry, lease: entry.renewal.lock().held.take() };
        if let Some(store) = self.store.as_ref().filter(|_| !leased.is_some()) {
            leased.lease = Some(self.in_time(store.lease(entry.id())).await?);
        }
        Ok(leased)
    }

    /// What the store has of a credential.
    pub(super) async fn load_own(
        &self,
        entry: &Entry,
        store: &dyn CredentialStore,
        credential: &Credential,
    ) -> Result<Own, StoreError> {
        let Some(stored) = self.in_time(store.load(credential.id())).await? else { return Ok(Own::Gone) };
        if stored.provider() == credential.provider() {
            return Ok(Own::Here(stored));
        }
        // Said once where it is looked for again and again.
        if entry.renewal.lock().place == Place::Own {
            tracing::warn!(
                credential = %credential.masked_id(),
                provider = %credential.provider(),
                "its file belongs to {} now: that login is used from the next SIGHUP on",
                stored.provider()
            );
        }
        Ok(Own::Given)
    }

    /// What a store answers, unless it hangs: turn, lease and the end of the program wait for it.
    pub(super) async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let ending = async {
            self.stop.cancelled().await;
            tokio::time::sleep(AT_THE_END).await;
        };
        tokio::select! {
            biased;
            answer = asked => answer,
            () = tokio::time::sleep(GIVE_UP) => Err(silent()),
            () = ending => Err(silent()),
        }
    }
}

fn silent() -> StoreError {
    StoreError::new(StoreErrorKind::Storage, "it does not answer")
}
