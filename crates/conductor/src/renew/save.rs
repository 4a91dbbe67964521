//! Durable before it is used; when the disk is full, used all the same and saved as soon as may be.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{Credential, Document, StoreError};

use super::RenewError;
use super::once::told;
use crate::inner::Inner;
use crate::pool::Entry;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often it is tried at the end, and what lies between: somebody who ends us may just have made room.
const LAST_TRIES: u32 = 5;
const LAST_PAUSE: Duration = Duration::from_secs(1);

impl Inner {
    /// Saves a renewed credential, then publishes it. One that was `leased` is the store's to keep, whatever the
    /// store says of it by now: its configuration may have been reloaded while the provider answered.
    pub(super) async fn keep(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        fresh: &Credential,
        leased: bool,
    ) -> Arc<Credential> {
        // Settings may have been edited while the provider answered: they are the entry's, the document is new.
        let fresh = Arc::new(entry.credential().with_document(fresh.document().clone()));
        if !leased {
            return self.publish(entry, &fresh, true);
        }
        match self.save(entry, &fresh).await {
            Ok(saved) => self.publish(entry, &saved, true),
            Err(error) => {
                tracing::error!(
                    credential = %fresh.masked_id(),
                    error = %told(&error),
                    "renewed credential cannot be saved, it lives in memory until it can"
                );
                let published = self.publish(entry, &fresh, false);
                let (inner, entry) = (Arc::clone(self), Arc::clone(entry));
                self.tasks.spawn(async move { inner.save_later(&entry).await });
                published
            }
        }
    }

    /// Writes what changed since the store was last read over what it has now, so that a person's edits survive.
    async fn save(&self, entry: &Entry, fresh: &Arc<Credential>) -> Result<Arc<Credential>, StoreError> {
        let Some(store) = &self.store else { return Ok(Arc::clone(fresh)) };
        let base = Arc::clone(&entry.renewal.lock().base);
        let stored = store.load(fresh.id()).await?;
        let edited = stored.filter(|stored| stored.document() != base.document());
        let merged = match edited {
            Some(stored) => Arc::new(
                fresh.with_document(stored.document().merged(changes(base.document(), fresh.document()))),
            ),
            None => Arc::clone(fresh),
        };
        store.save(&merged).await?;
        Ok(merged)
    }

    /// Tries to save until it works; at the end a few times more.
    async fn save_later(&self, entry: &Entry) {
        let (mut pause, mut last_tries) = (FIRST_PAUSE, LAST_TRIES);
        loop {
            let stopping = self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none();
            if stopping && last_tries < LAST_TRIES {
                tokio::time::sleep(LAST_PAUSE).await;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            let _turn = entry.turn.lock().await;
            let unsaved = entry.renewal.lock().unsaved;
            if !unsaved || self.entry(entry.id()).is_none() {
                return;
            }
            let credential = entry.credential();
            match self.save_under_lease(entry, &credential).await {
                Ok(saved) => {
                    self.publish(entry, &saved, true);
                    tracing::info!(credential = %saved.masked_id(), "renewed credential saved at last");
                    return;
                }
                Err(error) if stopping && last_tries <= 1 => {
                    let error = told(&error);
                    tracing::error!(
                        credential = %credential.masked_id(),
                        %error,
                        "renewed credential is lost: it could not be saved before the end"
                    );
                    entry.renewal.lock().lost = Some(error);
                    entry.settled.notify_waiters();
                    return;
                }
                Err(error) => {
                    last_tries -= u32::from(stopping);
                    let error = told(&error);
                    tracing::error!(credential = %credential.masked_id(), %error, "still cannot be saved");
                }
            }
        }
    }

    /// Waits until what was renewed is saved, or given up at the end.
    pub(crate) async fn until_saved(&self, entry: &Entry) -> Result<(), RenewError> {
        loop {
            let settled = entry.settled.notified();
            let (unsaved, lost) = {
                let state = entry.renewal.lock();
                (state.unsaved, state.lost.clone())
            };
            match lost {
                Some(message) => return Err(RenewError::Lost { message }),
                None if !unsaved => return Ok(()),
                None => settled.await,
            }
        }
    }

    async fn save_under_lease(
        &self,
        entry: &Entry,
        credential: &Arc<Credential>,
    ) -> Result<Arc<Credential>, StoreError> {
        let Some(store) = &self.store else { return Ok(Arc::clone(credential)) };
        let _lease = store.lease(credential.id()).await?;
        self.save(entry, credential).await
    }

    /// Makes a credential the current one. `stored` says that the store has it.
    pub(super) fn publish(
        &self,
        entry: &Entry,
        credential: &Arc<Credential>,
        stored: bool,
    ) -> Arc<Credential> {
        {
            let mut state = entry.renewal.lock();
            let before = entry.credential();
            // An edit of the settings meanwhile stays.
            if before.settings() != credential.settings() {
                entry.set_credential(Arc::new(before.with_document(credential.document().clone())));
            } else {
                entry.set_credential(Arc::clone(credential));
            }
            state.superseded = Some(before);
            state.unsaved = !stored;
            if stored {
                state.base = Arc::clone(credential);
            }
            state.lost = None;
            state.refreshed();
        }
        entry.settled.notify_waiters();
        let current = entry.credential();
        let now = self.now();
        let mut board = self.board.lock();
        board.replace(&current);
        board.change(entry.id(), now, cliproxy_quota::Ledger::renewed);
        drop(board);
        self.observers.tell(|hook| hook.updated(&current));
        current
    }
}

/// The members that differ.
pub(super) fn changes(before: &Document, after: &Document) -> serde_json::Map<String, serde_json::Value> {
    after
        .as_map()
        .iter()
        .filter(|(key, value)| before.get(key) != Some(*value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
