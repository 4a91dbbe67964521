//! Durable before it is used; when the disk is full, used all the same and saved as soon as may be.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{Credential, Document, Settings, StoreError, StoreErrorKind};
use tokio_util::sync::CancellationToken;

use super::RenewError;
use super::bequeath::Estate;
use super::lease::{Leased, Own};
use super::once::told;
use super::state::{
    Place, carried, is_another, is_spent, noted_as, secrets_differ, tokens_differ, with_tokens_of,
};
use crate::inner::Inner;
use crate::pool::Entry;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often it is tried at the end, and what lies between: somebody who ends us may just have made room.
const LAST_TRIES: u32 = 5;
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// The pace of what is tried until it works; at the end a few times more.
#[derive(Debug)]
pub(super) struct Pace {
    pause: Duration,
    last_tries: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pause: FIRST_PAUSE, last_tries: LAST_TRIES }
    }
}

impl Pace {
    /// Waits for the next try; whether it is the last.
    pub(super) async fn wait(&mut self, stop: &CancellationToken) -> bool {
        let stopping = stop.run_until_cancelled(tokio::time::sleep(self.pause)).await.is_none();
        if stopping && self.last_tries < LAST_TRIES {
            tokio::time::sleep(LAST_PAUSE).await;
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        let is_last = stopping && self.last_tries <= 1;
        self.last_tries -= u32::from(stopping && !is_last);
        is_last
    }
}

/// It is not over yet.
pub(super) struct AgainLater;

/// What became of a renewed credential.
enum Saving {
    /// The store has it, with what others changed beside the tokens.
    Done(Arc<Credential>),
    /// The store has other tokens by now, of a login or of another program: these count.
    Theirs(Arc<Credential>),
    /// The store has none any more: to save it would be to bring it back.
    Gone,
    /// Its place has a login of another provider.
    Given,
}

/// How often it was tried to save something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    First,
    Again,
}

impl Inner {
    /// Saves a renewed credential, then publishes it. One that was `leased` is the store's to keep, whatever the
    /// store says of it by now: its configuration may have been reloaded while the provider answered.
    pub(super) async fn keep(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        (old, fresh): (&Credential, &Credential),
        leased: &mut Leased<'_>,
    ) -> Arc<Credential> {
        loop {
            let current = entry.credential();
            let (before, after, now) = (old.document(), fresh.document(), current.document());
            let is_of_another = current.provider() != old.provider();
            let is_theirs = is_of_another || secrets_differ(now, before) && secrets_differ(now, after);
            // Of theirs the refresh token may be the one that was spent for ours: another access token came beside it.
            let is_spent = before.refresh_token() != after.refresh_token()
                && (now.refresh_token() == before.refresh_token() || is_spent(now, after));
            if is_of_another || is_theirs && !is_spent {
                self.yields(&Estate::new(&Arc::new(fresh.clone()), before), &current, leased);
                return current;
            }
            // Other members may have been edited while the provider answered.
            let mut document = carried(before, after, now);
            if is_theirs {
                document = with_tokens_of(after, &document);
            }
            let fresh = Arc::new(current.with_document(document));
            if let Some(published) = self.keep_over(entry, (&current, before), &fresh, leased).await {
                return published;
            }
            // Something else was handed in while it was saved: look at that.
        }
    }

    /// Saves and publishes in the place of what is current. `None` when that is not current any more.
    async fn keep_over(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        (current, before): (&Credential, &Document),
        fresh: &Arc<Credential>,
        leased: &mut Leased<'_>,
    ) -> Option<Arc<Credential>> {
        if !leased.is_some() {
            return self.publish(entry, current, fresh, true);
        }
        let mut place = Place::Own;
        match self.save(entry, fresh, Look::First).await {
            Ok(Saving::Done(saved)) => {
                let published = self.publish(entry, current, &saved, true);
                if published.is_none() {
                    self.written_over(entry, &saved);
                }
                return published;
            }
            Ok(Saving::Theirs(theirs)) => {
                let published = self.publish(entry, current, &theirs, true)?;
                self.yields(&Estate::new(fresh, before), &theirs, leased);
                return Some(published);
            }
            Ok(Saving::Gone | Saving::Given) => place = Place::Missed,
            Err(error) => tracing::error!(
                credential = %fresh.masked_id(),
                error = %told(&error),
                "renewed credential cannot be saved, it lives in memory until it can"
            ),
        }
        let published = self.publish(entry, current, fresh, false)?;
        self.unsaved(entry, place);
        Some(published)
    }

    /// What was handed in while ours were saved had its place in the store until then: it gets that back.
    fn written_over(self: &Arc<Self>, entry: &Arc<Entry>, saved: &Arc<Credential>) {
        {
            let mut state = entry.renewal.lock();
            let now = entry.credential();
            // With one refresh token they are one login, and what was saved is the newer of the two.
            let (ours, theirs) = (now.document(), saved.document());
            if now.provider() != saved.provider() || ours.refresh_token() == theirs.refresh_token() {
                return;
            }
            state.base = Arc::clone(saved);
            state.unsaved = true;
        }
        self.save_soon(entry);
    }

    /// No file has what a credential is now.
    fn unsaved(self: &Arc<Self>, entry: &Arc<Entry>, place: Place) {
        {
            let mut state = entry.renewal.lock();
            state.unsaved = true;
            state.place = place;
        }
        self.save_soon(entry);
    }

    /// Lets tokens that somebody else has stored take the place of ours, which may have one elsewhere.
    pub(super) fn yields(self: &Arc<Self>, ours: &Estate, theirs: &Credential, leased: &mut Leased<'_>) {
        tracing::warn!(
            credential = %theirs.masked_id(),
            "other tokens were stored while it was renewed: those are used"
        );
        if ours.is_lost_to(theirs) {
            self.leave(ours.clone(), leased.lease.take());
        }
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
        leased: &mut Leased<'_>,
    ) -> Result<Arc<Credential>, RenewError> {
        match self.save(entry, current, Look::First).await {
            Ok(Saving::Done(stored)) => {
                Ok(self.publish(entry, current, &stored, true).unwrap_or_else(|| {
                    self.written_over(entry, &stored);
                    entry.credential()
                }))
            }
            Ok(Saving::Theirs(stored)) => Ok(self.found(entry, current, &stored, leased)),
            Ok(Saving::Gone | Saving::Given) => {
                self.unsaved(entry, Place::Missed);
                Err(RenewError::Gone)
            }
            Err(error) => {
                self.unsaved(entry, Place::Own);
                let message = format!("{}; the refresh token was not spent", told(&error));
                Err(RenewError::Store { message })
            }
        }
    }

    /// Puts in force what somebody else has stored. What was in memory only may have a place elsewhere.
    pub(super) fn found(
        self: &Arc<Self>,
        entry: &Entry,
        current: &Credential,
        stored: &Arc<Credential>,
        leased: &mut Leased<'_>,
    ) -> Arc<Credential> {
        let lost = Estate::of_unsaved(&entry.renewal.lock(), &entry.credential(), stored);
        // What was handed in while the store answered has seen to both.
        let Some(published) = self.publish(entry, current, stored, true) else { return entry.credential() };
        if let Some(estate) = lost {
            self.yields(&estate, stored, leased);
        }
        published
    }

    /// Writes what changed since the store was last read over what it has now, so that a person's edits survive.
    async fn save(&self, entry: &Entry, fresh: &Arc<Credential>, look: Look) -> Result<Saving, StoreError> {
        let Some(store) = &self.store else { return Ok(Saving::Done(Arc::clone(fresh))) };
        let stored = match self.load_own(entry, &**store, fresh).await {
            Ok(Own::Here(stored)) => stored,
            Ok(Own::Gone) => return Ok(Saving::Gone),
            Ok(Own::Given) => return Ok(Saving::Given),
            // Whoever is writing it has had the time: the store knows whether there is anything to lose.
            Err(error) if look == Look::Again && error.kind() == StoreErrorKind::Unreadable => {
                self.in_time(store.save(fresh)).await.map_err(|_| error)?;
                return Ok(Saving::Done(Arc::clone(fresh)));
            }
            Err(error) => return Err(error),
        };
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
        let mut pace = Pace::default();
        loop {
            let is_last = pace.wait(&self.stop).await;
            let _turn = entry.turn.lock().await;
            if self.save_again(entry, is_last).await {
                return;
            }
        }
    }

    /// One more try; whether it was the last that is needed.
    async fn save_again(self: &Arc<Self>, entry: &Arc<Entry>, is_last: bool) -> bool {
        let (mut leased, refused) = match self.lease_again(entry).await {
            Ok(leased) => (leased, None),
            Err(error) => (Leased { entry, lease: None }, Some(error)),
        };
        let (credential, base, place) = {
            let mut state = entry.renewal.lock();
            if !state.unsaved {
                // A login has replaced it meanwhile.
                state.saving = false;
                drop(state);
                entry.settled.notify_waiters();
                return true;
            }
            (entry.credential(), Arc::clone(&state.base), state.place)
        };
        let saved = match refused {
            None => self.save(entry, &credential, Look::Again).await,
            // Whoever has the turn there keeps no other file from having the tokens.
            Some(_) if place == Place::Missed => Ok(Saving::Gone),
            Some(error) => Err(error),
        };
        let masked = credential.masked_id();
        let lost = match saved {
            Ok(Saving::Done(saved)) => {
                tracing::info!(credential = %masked, "renewed credential saved at last");
                if !self.settle(entry, &credential, &saved) {
                    self.written_over(entry, &saved);
                }
                None
            }
            Ok(Saving::Theirs(theirs)) => {
                // What was handed in while the store answered has seen to ours.
                if self.settle(entry, &credential, &theirs) {
                    self.yields(&Estate::new(&credential, base.document()), &theirs, &mut leased);
                }
                None
            }
            Ok(place @ (Saving::Gone | Saving::Given)) => {
                let lost = self.without_place(entry, &mut leased, is_last).await;
                if matches!(place, Saving::Given) {
                    // Whoever renews the login that is there has its turn.
                    leased.lease = None;
                }
                match lost {
                    Ok(lost) => lost,
                    Err(AgainLater) => return false,
                }
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
            if lost.is_none() && state.unsaved {
                // What was handed in meanwhile is to be saved in its turn.
                return false;
            }
            state.saving = false;
            state.lost = lost;
        }
        entry.settled.notify_waiters();
        true
    }

    pub(super) fn is_registered(&self, entry: &Arc<Entry>) -> bool {
        self.entry(entry.id()).is_some_and(|known| Arc::ptr_eq(&known, entry))
    }

    /// Puts what the store has in force. Where the credential was taken away and has come back meanwhile, it is
    /// another entry's. False where something else was handed in meanwhile: that stays.
    fn settle(self: &Arc<Self>, entry: &Arc<Entry>, current: &Credential, stored: &Arc<Credential>) -> bool {
        if self.is_registered(entry) {
            let published = self.publish(entry, current, stored, true);
            self.schedule(entry);
            return published.is_some();
        }
        {
            let mut state = entry.renewal.lock();
            state.unsaved = false;
            state.base = Arc::clone(stored);
        }
        let other = self.entry(entry.id()).map(|other| other.credential());
        if let Some(other) = other.filter(|other| other.provider() == stored.provider()) {
            self.update(&Arc::new(other.with_document(stored.document().clone())));
        }
        true
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

    /// Makes a credential the current one, in the place of this one. `stored` says that the store has it. `None` when
    /// other tokens were handed in meanwhile: those stay.
    pub(super) fn publish(
        &self,
        entry: &Entry,
        current: &Credential,
        credential: &Arc<Credential>,
        stored: bool,
    ) -> Option<Arc<Credential>> {
        let newly_disabled = {
            let mut state = entry.renewal.lock();
            let before = entry.credential();
            if is_another(&before, current) {
                return None;
            }
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
            state.place = Place::Own;
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
        Some(current)
    }

    /// Takes a credential out of use that its store says is disabled, before a reload does.
    pub(super) fn rest(&self, entry: &Entry, current: &Credential) {
        let state = entry.renewal.lock();
        let before = entry.credential();
        if is_another(&before, current) || before.settings().disabled {
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
