//! Tokens that lost their place: their file was renamed in the middle of a renewal, deleted beside a copy, or given to another
//! login. A file with a spent token of their line is where they belong.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{
    Credential, CredentialStore, Document, Origin, RefreshLease, StoreError, StoreErrorKind,
};
use parking_lot::Mutex;

use super::RenewError;
use super::lease::Leased;
use super::lineage::{Lineage, spent_mark};
use super::once::told;
use super::save::{AgainLater, Pace};
use super::state::{Place, RenewState, carried, is_spent, with_tokens_of};
use crate::inner::Inner;
use crate::pool::Entry;

/// How long the turn at another file is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long without a note there that its token is spent: with that and without ours the file is of no use, should the
/// program be killed in between.
const BRIEFLY: Duration = Duration::from_millis(100);

/// What became of tokens that no file had.
#[derive(Debug)]
#[non_exhaustive]
pub enum Bequest {
    /// This one has them now, as it is stored.
    Done(Arc<Credential>),
    /// This one is to have them and cannot yet, or it cannot be told which.
    Waiting(Option<Arc<Credential>>, StoreError),
    /// None has an earlier token of their line.
    NoHeir,
}

/// Tokens that live, and what the store had before they came.
#[derive(Clone, Debug)]
pub(super) struct Estate {
    pub(super) live: Arc<Credential>,
    pub(super) base: Arc<Document>,
}

impl Estate {
    pub(super) fn new(live: &Arc<Credential>, base: &Document) -> Self {
        Self { live: Arc::clone(live), base: Arc::new(base.clone()) }
    }

    /// What is in memory only, where another login is about to take its place.
    pub(super) fn of_unsaved(
        state: &RenewState,
        live: &Arc<Credential>,
        theirs: &Credential,
    ) -> Option<Self> {
        let estate = Self::new(live, state.base.document());
        (state.unsaved && state.dead.is_none() && estate.is_lost_to(theirs)).then_some(estate)
    }

    /// Whether what takes their place is neither these tokens nor what came of them.
    pub(super) fn is_lost_to(&self, theirs: &Credential) -> bool {
        let (ours, theirs) = (self.live.document(), theirs.document());
        ours.refresh_token().is_some()
            && ours.refresh_token() != theirs.refresh_token()
            && !is_spent(ours, theirs)
    }
}

/// Tokens that are in no file and in no entry, as long as they are kept: who has one that was spent for them must wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estates(Arc<Mutex<Vec<Arc<Credential>>>>);

/// Forgets them again.
struct Known {
    estates: Estates,
    live: Arc<Credential>,
}

impl Estates {
    fn add(&self, live: &Arc<Credential>) -> Known {
        self.0.lock().push(Arc::clone(live));
        Known { estates: self.clone(), live: Arc::clone(live) }
    }

    /// Whether any of them came of the token that this one has.
    pub(super) fn have_spent(&self, credential: &Credential) -> bool {
        self.0.lock().iter().any(|live| is_spent(credential.document(), live.document()))
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let mut estates = self.estates.0.lock();
        if let Some(at) = estates.iter().position(|live| Arc::ptr_eq(live, &self.live)) {
            estates.swap_remove(at);
        }
    }
}

/// Why a file does not have the tokens yet.
enum Hindrance {
    /// Somebody else has the turn at it.
    Busy(StoreError),
    Failed(StoreError),
}

impl From<StoreError> for Hindrance {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Inner {
    /// Puts what no file has of a credential into another one, however short a while ago it lost its own.
    pub(crate) async fn hand_over(self: &Arc<Self>, entry: &Arc<Entry>) -> Bequest {
        // A try to save it is over in a moment; a renewal is not.
        let patience = if entry.renewal.lock().unsaved { PATIENCE } else { Duration::ZERO };
        let Ok(_turn) = tokio::time::timeout(patience, entry.turn.lock()).await else {
            return match self.heirs(&entry.credential()).await.map(|heirs| heirs.into_iter().next()) {
                Ok(Some(heir)) => Bequest::Waiting(Some(Arc::new(heir)), conflict("it is being renewed")),
                Ok(None) => Bequest::NoHeir,
                Err(error) => Bequest::Waiting(None, error),
            };
        };
        let (estate, held) = {
            let mut state = entry.renewal.lock();
            if !state.unsaved && state.place != Place::Left {
                return Bequest::NoHeir;
            }
            if state.place == Place::Own {
                state.place = Place::Missed;
            }
            (Estate::new(&entry.credential(), state.base.document()), state.held.take())
        };
        let mut leased = Leased { entry, lease: held };
        let bequest = self.bequeath(&estate, &mut leased.lease, false).await;
        if matches!(bequest, Bequest::Done(_)) {
            self.left(entry, &estate);
        }
        bequest
    }

    /// The file of what is unsaved is gone: another one may be there to have the tokens, or it comes back.
    pub(super) async fn without_place(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        leased: &mut Leased<'_>,
        is_last: bool,
    ) -> Result<Option<RenewError>, AgainLater> {
        let estate = {
            let mut state = entry.renewal.lock();
            if std::mem::replace(&mut state.place, Place::Missed) == Place::Own && !is_last {
                return Err(AgainLater);
            }
            Estate::new(&entry.credential(), state.base.document())
        };
        let credential = estate.live.masked_id();
        match self.bequeath(&estate, &mut leased.lease, is_last).await {
            Bequest::Done(heir) => {
                let heir = heir.masked_id();
                tracing::warn!(
                    credential = heir,
                    "it has the tokens of {credential} now, whose file is gone: it is used from the next SIGHUP on"
                );
                // Handed in anew meanwhile, it has a file of its own, where the tokens belong as well.
                return if self.left(entry, &estate) || is_last { Ok(None) } else { Err(AgainLater) };
            }
            Bequest::Waiting(heir, error) => {
                tell_waiting(&credential, heir.as_deref(), &error, is_last);
                return if is_last {
                    Ok(Some(RenewError::Lost { message: told(&error) }))
                } else {
                    Err(AgainLater)
                };
            }
            Bequest::NoHeir => {}
        }
        // While it does not serve, a login is to have its name: there is no file whose token another process could spend.
        if !self.is_registered(entry) {
            leased.lease = None;
        }
        let mut state = entry.renewal.lock();
        if state.lost.is_none() {
            tracing::warn!(
                credential,
                "renewed credential is gone from the store: it is not brought back; should its file come back after the \
                 end of this program, log in again, for its refresh token is spent"
            );
        }
        state.lost = Some(RenewError::Gone);
        drop(state);
        entry.settled.notify_waiters();
        // Its place may come back, with a spent token: a volume that is mounted again.
        if is_last { Ok(Some(RenewError::Gone)) } else { Err(AgainLater) }
    }

    /// Notes that the tokens of a credential are in the file of another by now. Until it is handed in again it serves from
    /// memory, and is not renewed: two would spend one token. Says whether that is so: nobody waits for a turn to hand it
    /// in, and then it has a file again, or other tokens.
    fn left(&self, entry: &Entry, estate: &Estate) -> bool {
        let mut state = entry.renewal.lock();
        let current = entry.credential();
        if state.place == Place::Own
            || current.document().refresh_token() != estate.live.document().refresh_token()
        {
            return false;
        }
        state.unsaved = false;
        state.place = Place::Left;
        state.lost = None;
        drop(state);
        entry.settled.notify_waiters();
        true
    }

    /// Has a task put tokens that nothing else has any more into another file.
    pub(super) fn leave(self: &Arc<Self>, estate: Estate, mut lease: Option<Box<dyn RefreshLease>>) {
        let other = estate.live.masked_id();
        if !self.can_spawn() {
            tracing::error!(
                credential = other,
                "the tokens that it had are lost: log in anew for that account"
            );
            return;
        }
        let inner = Arc::clone(self);
        let known = self.estates.add(&estate.live);
        self.spawn(async move {
            let _known = known;
            let (mut pace, mut is_last) = (Pace::default(), false);
            loop {
                match inner.bequeath(&estate, &mut lease, is_last).await {
                    Bequest::Done(heir) => {
                        let credential = heir.masked_id();
                        tracing::warn!(
                            credential,
                            "it has the tokens now that {other} had, whose file has another login: it is used from the \
                             next SIGHUP on"
                        );
                        return;
                    }
                    Bequest::NoHeir => {
                        tracing::warn!(
                            credential = other,
                            "the tokens that it had have no file any more: log in anew for that account, should it be \
                             another one"
                        );
                        return;
                    }
                    Bequest::Waiting(heir, error) => tell_waiting(&other, heir.as_deref(), &error, is_last),
                }
                // The file has another login by now, which is renewed like any other, however long this takes.
                lease = None;
                if is_last {
                    return;
                }
                is_last = pace.wait(&inner.stop).await;
            }
        });
    }

    /// Saves tokens in another file of their line. The lease that they are held under is given up for that where it may cover
    /// that file too.
    async fn bequeath(
        self: &Arc<Self>,
        estate: &Estate,
        lease: &mut Option<Box<dyn RefreshLease>>,
        is_last: bool,
    ) -> Bequest {
        let heirs = match self.heirs(&estate.live).await {
            Ok(heirs) => heirs,
            Err(error) => return Bequest::Waiting(None, error),
        };
        let mut first = None;
        for heir in heirs {
            match self.inherit(estate, &heir, lease).await {
                Ok(heir) => {
                    // What is registered under that name may be another login, of which the file was before: its address
                    // and its provider are not those of these tokens.
                    let known = self.entry(heir.id()).map(|known| known.credential());
                    if let Some(known) = known.filter(|known| claim(known, &estate.live).is_some()) {
                        self.update(&Arc::new(known.with_document(heir.document().clone())));
                    }
                    return Bequest::Done(Arc::new(heir));
                }
                Err(Hindrance::Busy(error)) if !is_last => {
                    return Bequest::Waiting(Some(Arc::new(heir)), error);
                }
                // What cannot be written keeps no other file from having them.
                Err(Hindrance::Busy(error) | Hindrance::Failed(error)) => {
                    first.get_or_insert((heir, error));
                }
            }
        }
        match first {
            Some((heir, error)) => Bequest::Waiting(Some(Arc::new(heir)), error),
            None => Bequest::NoHeir,
        }
    }

    /// The files of the store that may have these tokens, the best one first.
    async fn heirs(&self, live: &Credential) -> Result<Vec<Credential>, StoreError> {
        let is_stored = matches!(live.origin(), Origin::Store(_));
        let Some(store) = self.store.as_ref().filter(|_| is_stored) else { return Ok(Vec::new()) };
        let listed = self.in_time(store.list()).await?.credentials;
        let others = listed.into_iter().filter(|one| one.id() != live.id());
        let mut heirs: Vec<_> = others.filter_map(|one| Some((claim(&one, live)?, one))).collect();
        heirs.sort_by(|(claim, one), (other_claim, other)| {
            other_claim.cmp(claim).then_with(|| one.id().cmp(other.id()))
        });
        Ok(heirs.into_iter().map(|(_, heir)| heir).collect())
    }

    async fn mark(&self, heir: &Credential, live: &Credential) -> Result<(), StoreError> {
        let Some(store) = &self.store else { return Err(conflict("there is no store")) };
        match spent_mark(heir.document(), live.document()) {
            Some(marked) => self.in_time(store.save(&heir.with_document(marked))).await,
            None => Ok(()),
        }
    }

    async fn inherit(
        &self,
        estate: &Estate,
        heir: &Credential,
        lease: &mut Option<Box<dyn RefreshLease>>,
    ) -> Result<Credential, Hindrance> {
        let Some(store) = &self.store else { return Err(conflict("there is no store").into()) };
        // Ours, under which nobody renews, may cover that file too.
        let turn = match tokio::time::timeout(BRIEFLY, store.lease(heir.id())).await {
            Ok(turn) => turn?,
            Err(_) => {
                // Whoever has the turn at it, or waits for it, must not spend what it has, should he come before us.
                self.mark(heir, &estate.live).await?;
                drop(lease.take());
                let turn = tokio::time::timeout(PATIENCE, store.lease(heir.id())).await;
                turn.map_err(|_| Hindrance::Busy(conflict("another process renews it")))??
            }
        };
        let inherited = self.inherit_in_turn(store, estate, heir).await;
        drop(turn);
        if inherited.is_ok() {
            drop(lease.take());
        }
        inherited.map_err(Hindrance::Failed)
    }

    async fn inherit_in_turn(
        &self,
        store: &Arc<dyn CredentialStore>,
        estate: &Estate,
        heir: &Credential,
    ) -> Result<Credential, StoreError> {
        let stored = self.in_time(store.load(heir.id())).await?.ok_or_else(|| conflict("it is gone"))?;
        if claim(&stored, &estate.live).is_none() {
            return Err(conflict("it has changed"));
        }
        let (live, theirs) = (estate.live.document(), stored.document());
        let has_newer = live.refresh_token() == theirs.refresh_token()
            && live.compare_age(theirs).is_some_and(std::cmp::Ordering::is_lt);
        let inherited = match has_newer {
            true => theirs.clone(),
            false => with_tokens_of(live, &carried(&estate.base, live, theirs)),
        };
        let inherited = stored.with_document(inherited);
        if inherited != stored {
            self.in_time(store.save(&inherited)).await?;
        }
        Ok(inherited)
    }
}

/// How good a claim to tokens a stored login has: one that is used before one that is not, then the one that was renewed last.
fn claim(heir: &Credential, live: &Credential) -> Option<(bool, u64)> {
    let (theirs, ours) = (Lineage::of(heir.document())?, Lineage::of(live.document())?);
    let has_it = theirs.token() == ours.token();
    // A file that was renamed is of the line that is renewed. What is of a former one was there before somebody logged in
    // anew, perhaps with another account, and its number says nothing here.
    let is_older = theirs.place().0 == ours.place().0 && theirs.is_spent_by(&ours);
    let is_heir = heir.provider() == live.provider()
        && matches!(heir.origin(), Origin::Store(_))
        && (has_it || is_older);
    is_heir.then(|| (!heir.settings().disabled, if has_it { u64::MAX } else { theirs.place().1 }))
}

/// Says what is to be kept, or what is lost.
fn tell_waiting(other: &str, heir: Option<&Credential>, error: &StoreError, is_last: bool) {
    let heir = heir.map_or_else(|| "a file of its line".to_owned(), Credential::masked_id);
    let error = told(error);
    if is_last {
        tracing::error!(
            credential = other,
            %error,
            "its tokens are lost: they could not be put into {heir} before the end; log in again for that one"
        );
    } else {
        tracing::error!(
            credential = other,
            %error,
            "its tokens have lost their file, and cannot be put into {heir} yet: keep that one; it is tried again"
        );
    }
}

fn conflict(what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, what.to_owned())
}
