//! Durable before it is used; when the disk is full, used all the same and saved as soon as may be.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{Credential, Settings, StoreError};

use super::RenewError;
use super::once::told;
use super::state::{carried, is_spent, noted_as, secrets_differ, tokens_differ, with_tokens_of};
use crate::inner::Inner;
use crate::pool::Entry;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often it is tried at the end, and what lies between: somebody who ends us may just have made room.
const LAST_TRIES: u32 = 5;
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What became of a renewed credential.
enum Saving {
    /// The store has it, with what others changed beside the tokens.
    Done(Arc<Credential>),
    /// The store has other tokens by now, of a login or of another program: these count.
    Theirs(Arc<Credential>),
    /// The store has none any more: to save it would be to bring it back.
    Gone,
}

impl Inner {
    /// Saves a renewed credential, then publishes it. One that was `leased` is the store's to keep, whatever the
    /// store says of it by now: its configuration may have been reloaded while the provider answered.
    pub(super) async fn keep(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        (old, fresh): (&Credential, &Credential),
        leased: bool,
    ) -> Arc<Credential> {
        let current = entry.credential();
        let (before, after, now) = (old.document(), fresh.document(), current.document());
        let is_theirs = secrets_differ(now, before);
        // Of theirs the refresh token may be the one that was spent for ours: another access token came beside it.
        let is_spent = before.refresh_token() != after.refresh_token()
            && (now.refresh_token() == before.refresh_token() || is_spent(now, after));
        if is_theirs && !is_spent {
            tell_theirs(&current);
            return current;
        }
        // Other members may have been edited while the provider answered.
        let mut document = carried(before, after, now);
        if is_theirs {
            document = with_tokens_of(after, &document);
        }
        let fresh = Arc::new(current.with_document(document));
        if !leased {
            return self.publish(entry, &fresh, true);
        }
        match self.save(entry, &fresh).await {
            Ok(Saving::Done(saved)) => return self.publish(entry, &saved, true),
            Ok(Saving::Theirs(theirs)) => {
                tell_theirs(&theirs);
                return self.publish(entry, &theirs, true);
            }
            // It may be on its way back, as when an editor writes it anew: that is looked for.
            Ok(Saving::Gone) => {}
            Err(error) => tracing::error!(
                credential = %fresh.masked_id(),
                error = %told(&error),
                "renewed credential cannot be saved, it lives in memory until it can"
            ),
        }
        let published = self.publish(entry, &fresh, false);
        self.save_soon(entry);
        published
    }

    /// Has what is unsaved saved by a task, unless one is at it already.
    pub(super) fn save_soon(self: &Arc<Self>, entry: &Arc<Entry>) {
        // An embedder may hand a credential in outside of any runtime: then the next renewal sees to it.
        if self.can_spawn() && !std::mem::replace(&mut entry.renewal.lock().saving, true) {
            let (inner, entry) = (Arc::clone(self), Arc::clone(entry));
            self.spawn(async move { inner.save_later(&entry).await });
        }
    }

    /// Writes the tokens that are live over a store that has gone back to spent ones, or that lost the note of where they
    /// come from, under the lease of a renewal. What else was edited there counts.
    pub(super) async fn restore(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        current: &Arc<Credential>,
    ) -> Result<Arc<Credential>, RenewError> {
        match self.save(entry, current).await {
            Ok(Saving::Done(stored) | Saving::Theirs(stored)) => Ok(self.publish(entry, &stored, true)),
            Ok(Saving::Gone) => Err(RenewError::Gone),
            Err(error) => {
                entry.renewal.lock().unsaved = true;
                self.save_soon(entry);
                let message = format!("{}; the refresh token was not spent", told(&error));
                Err(RenewError::Store { message })
            }
        }
    }

    /// Writes what changed since the store was last read over what it has now, so that a person's edits survive.
    async fn save(&self, entry: &Entry, fresh: &Arc<Credential>) -> Result<Saving, StoreError> {
        let Some(store) = &self.store else { return Ok(Saving::Done(Arc::clone(fresh))) };
        let Some(stored) = self.in_time(store.load(fresh.id())).await? else { return Ok(Saving::Gone) };
        let (theirs, ours) = (stored.document(), fresh.document());
        let (base, gone_back) = {
            let state = entry.renewal.lock();
            let changed = secrets_differ(theirs, state.base.document()) && secrets_differ(theirs, ours);
            (Arc::clone(&state.base), changed.then(|| state.has_gone_back(theirs, ours)))
        };
        let mut settings = Settings::clone(fresh.settings());
        if stored.settings().disabled != base.settings().disabled {
            settings.disabled = stored.settings().disabled;
        }
        let known = Credential::new(
            fresh.id().clone(),
            fresh.provider().clone(),
            fresh.kind(),
            fresh.origin().clone(),
            theirs.clone(),
            settings,
        );
        // What changes from here on is ours; all else is whose it was.
        let known = if fresh.changed_members().is_some() { known.into_stored() } else { known };
        if gone_back == Some(false) {
            return Ok(Saving::Theirs(Arc::new(known)));
        }
        let mut merged = carried(base.document(), ours, theirs);
        if gone_back == Some(true) {
            tracing::warn!(
                credential = %fresh.masked_id(),
                "it was put back to a refresh token that is spent (an old copy of the file?): the one that works is saved over it"
            );
            merged = with_tokens_of(ours, &merged);
        }
        let merged = noted_as(ours, &merged).unwrap_or(merged);
        let is_there = merged == *theirs;
        let merged = Arc::new(known.with_document(merged));
        if !is_there {
            self.in_time(store.save(&merged)).await?;
        }
        Ok(Saving::Done(merged))
    }

    /// Tries to save until it works; at the end a few times more. Goes on where the credential is not registered any
    /// more: what it replaced in the store is spent.
    async fn save_later(self: &Arc<Self>, entry: &Arc<Entry>) {
        let (mut pause, mut last_tries) = (FIRST_PAUSE, LAST_TRIES);
        loop {
            let stopping = self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none();
            if stopping && last_tries < LAST_TRIES {
                tokio::time::sleep(LAST_PAUSE).await;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            let is_last = stopping && last_tries <= 1;
            last_tries -= u32::from(stopping && !is_last);
            let _turn = entry.turn.lock().await;
            if self.save_again(entry, is_last).await {
                return;
            }
        }
    }

    /// One more try; whether it was the last that is needed.
    async fn save_again(self: &Arc<Self>, entry: &Arc<Entry>, is_last: bool) -> bool {
        let credential = entry.credential();
        let leased = self.lease_again(entry).await;
        if !entry.renewal.lock().unsaved {
            // A login has replaced it meanwhile.
            entry.renewal.lock().saving = false;
            return true;
        }
        let saved = match &leased {
            Ok(_) => self.save(entry, &credential).await,
            Err(error) => Err(StoreError::new(error.kind(), told(error))),
        };
        let masked = credential.masked_id();
        let lost = match saved {
            Ok(Saving::Done(saved)) => {
                tracing::info!(credential = %masked, "renewed credential saved at last");
                self.settle(entry, &saved);
                None
            }
            Ok(Saving::Theirs(theirs)) => {
                tell_theirs(&theirs);
                self.settle(entry, &theirs);
                None
            }
            Ok(Saving::Gone) => {
                let mut state = entry.renewal.lock();
                if state.lost.is_none() {
                    tracing::warn!(credential = %masked, "renewed credential is gone from the store: it is not brought back");
                }
                state.lost = Some(RenewError::Gone);
                drop(state);
                entry.settled.notify_waiters();
                // While it serves, its place may come back: a volume that is mounted again.
                if !is_last && self.is_registered(entry) {
                    return false;
                }
                Some(RenewError::Gone)
            }
            Err(error) if is_last => {
                let message = told(&error);
                tracing::error!(
                    credential = %masked,
                    error = %message,
                    "renewed credential is lost: it could not be saved before the end"
                );
                Some(RenewError::Lost { message })
            }
            Err(error) => {
                tracing::error!(credential = %masked, error = %told(&error), "still cannot be saved");
                return false;
            }
        };
        {
            let mut state = entry.renewal.lock();
            state.saving = false;
            state.lost = lost;
        }
        entry.settled.notify_waiters();
        true
    }

    fn is_registered(&self, entry: &Arc<Entry>) -> bool {
        self.entry(entry.id()).is_some_and(|known| Arc::ptr_eq(&known, entry))
    }

    /// Puts what the store has in force. Where the credential was taken away and has come back meanwhile, it is
    /// another entry's.
    fn settle(self: &Arc<Self>, entry: &Arc<Entry>, stored: &Arc<Credential>) {
        if self.is_registered(entry) {
            self.publish(entry, stored, true);
            self.schedule(entry);
            return;
        }
        {
            let mut state = entry.renewal.lock();
            state.unsaved = false;
            state.base = Arc::clone(stored);
        }
        if let Some(other) = self.entry(entry.id()) {
            let handed = other.credential().with_document(stored.document().clone());
            self.update(&Arc::new(handed));
        }
    }

    /// Waits until what was renewed is saved, or given up.
    pub(crate) async fn until_saved(&self, entry: &Entry) -> Result<(), RenewError> {
        loop {
            let settled = entry.settled.notified();
            let (unsaved, lost) = {
                let state = entry.renewal.lock();
                (state.unsaved, state.lost.clone())
            };
            match lost {
                Some(error) => return Err(error),
                None if !unsaved => return Ok(()),
                None => settled.await,
            }
        }
    }

    /// Makes a credential the current one. `stored` says that the store has it.
    pub(super) fn publish(
        &self,
        entry: &Entry,
        credential: &Arc<Credential>,
        stored: bool,
    ) -> Arc<Credential> {
        let newly_disabled = {
            let mut state = entry.renewal.lock();
            let before = entry.credential();
            let newly_disabled = credential.settings().disabled && !before.settings().disabled;
            // An edit of the settings meanwhile stays, and so does the word of the store that it is disabled.
            if before.settings() != credential.settings() {
                let mut settings = Settings::clone(before.settings());
                settings.disabled |= newly_disabled;
                entry.set_credential(Arc::new(credential.with_settings(settings)));
            } else {
                entry.set_credential(Arc::clone(credential));
            }
            if tokens_differ(before.document(), credential.document()) {
                state.superseded = Some(before);
            }
            state.unsaved = !stored;
            if stored {
                state.base = Arc::clone(credential);
            }
            state.lost = None;
            state.refreshed();
            newly_disabled
        };
        entry.settled.notify_waiters();
        let current = entry.credential();
        let now = self.now();
        let mut board = self.board.lock();
        board.replace(&current);
        board.change(entry.id(), now, |ledger| {
            ledger.renewed();
            if newly_disabled {
                ledger.set_disabled(true);
            }
        });
        drop(board);
        self.observers.tell(|hook| hook.updated(&current));
        current
    }

    /// Takes a credential out of use that its store says is disabled, before a reload does.
    pub(super) fn rest(&self, entry: &Entry) {
        let state = entry.renewal.lock();
        let before = entry.credential();
        if before.settings().disabled {
            return;
        }
        let mut settings = Settings::clone(before.settings());
        settings.disabled = true;
        entry.set_credential(Arc::new(before.with_settings(settings)));
        drop(state);
        tracing::info!(credential = %before.masked_id(), "it was disabled in the store: it is not used any more");
        let current = entry.credential();
        let mut board = self.board.lock();
        board.replace(&current);
        board.change(entry.id(), self.now(), |ledger| ledger.set_disabled(true));
        drop(board);
        self.observers.tell(|hook| hook.updated(&current));
    }
}

fn tell_theirs(credential: &Credential) {
    tracing::warn!(
        credential = %credential.masked_id(),
        "other tokens were stored while it was renewed: those are used"
    );
}
