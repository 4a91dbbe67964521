//! One renewal: single flight in the process, a lease across processes, durable before it is used.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{Credential, ErrorKind, ExecutorError, Mask, ProviderExecutor};

use super::RenewError;
use super::due::due;
use super::lease::Own;
use super::lineage::descended;
use super::state::{Dead, Place, noted_as, secrets_differ, tokens_differ};
use crate::inner::Inner;
use crate::pool::Entry;

/// The longest that a store or a token endpoint is waited for. What hangs longer than this must not hold the turn,
/// the lease and a worker for good; what it brings after this is lost, so it is long.
pub(super) const GIVE_UP: Duration = Duration::from_secs(600);

/// Why a renewal failed, and the credential that it was tried with.
struct Failed {
    with: Arc<Credential>,
    why: RenewError,
}

/// What came of asking the provider.
enum Tried {
    Fresh(Credential),
    /// It was not asked.
    Overtaken,
    Failed(ExecutorError),
}

impl Inner {
    /// Renews a credential, unless somebody did since `seen` was read. Runs to its end even if the caller goes.
    pub(crate) async fn renew(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        seen: &Arc<Credential>,
    ) -> Result<Arc<Credential>, RenewError> {
        let (inner, entry, seen) = (Arc::clone(self), Arc::clone(entry), Arc::clone(seen));
        let work = async move {
            let _turn = entry.turn.lock().await;
            let outcome = inner.renew_in_turn(&entry, &seen).await;
            inner.schedule(&entry);
            // Its place may have been given to a login of another provider, which is of no use to who asked.
            outcome.and_then(
                |now| if now.provider() == seen.provider() { Ok(now) } else { Err(RenewError::Gone) },
            )
        };
        self.spawn(work).await.unwrap_or(Err(RenewError::Broken))
    }

    async fn renew_in_turn(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        seen: &Arc<Credential>,
    ) -> Result<Arc<Credential>, RenewError> {
        let current = entry.credential();
        if current.settings().disabled || self.entry(entry.id()).is_none() {
            return Err(RenewError::Gone);
        }
        if tokens_differ(current.document(), seen.document()) {
            // Renewed while we queued.
            return Ok(current);
        }
        if let Some(known) = self.known_failure(entry, &current) {
            return Err(known);
        }
        // In a task of its own: an executor or store that panics has failed like any other, and is tried again.
        let work = Arc::clone(self).renew_now(Arc::clone(entry), Arc::clone(&current));
        let outcome = self.spawn(work).await;
        let outcome = outcome.unwrap_or_else(|_| Err(Failed { with: current, why: RenewError::Broken }));
        outcome.or_else(|failed| {
            self.note_failure(entry, &failed.with, &failed.why);
            // What failed was not tried with what was handed in meanwhile.
            let now = entry.credential();
            let serves = !now.settings().disabled && is_overtaken(entry, &failed.with);
            if serves { Ok(now) } else { Err(failed.why) }
        })
    }

    /// What those who waited for a failing renewal learn, without a renewal of their own.
    fn known_failure(&self, entry: &Entry, current: &Arc<Credential>) -> Option<RenewError> {
        let state = entry.renewal.lock();
        if state.unsupported {
            return Some(RenewError::NotRenewable);
        }
        if let Some(dead) = &state.dead
            && !tokens_differ(dead.credential.document(), current.document())
        {
            return Some(RenewError::NeedsLogin { message: dead.message.clone() });
        }
        let pausing = state.not_before.is_some_and(|not_before| self.now() < not_before);
        let (failed, error) = state.failed.as_ref()?;
        (pausing && Arc::ptr_eq(failed, current)).then(|| error.clone())
    }

    fn note_failure(&self, entry: &Entry, current: &Arc<Credential>, error: &RenewError) {
        let now = self.now();
        let settled = self.settled.load();
        let options = &settled.options;
        // Both until all is noted: whoever hands in another login then takes it back.
        let mut board = self.board.lock();
        let mut state = entry.renewal.lock();
        if is_overtaken(entry, current) {
            // It says nothing of the tokens that were handed in meanwhile.
            return;
        }
        match error {
            // Nothing was tried.
            RenewError::Stopping => {}
            // Nothing will be, until it is enabled.
            RenewError::Gone if entry.credential().settings().disabled => {}
            RenewError::NotRenewable => state.unsupported = true,
            // Or of something else that it is renewed with, which is tried before it is given up.
            RenewError::NeedsLogin { message } if entry.credential().document() == current.document() => {
                let dead = Dead::new(current, message, now);
                let rests = dead.rests;
                state.dead = Some(dead);
                board.rest_for_login(entry.id(), rests, now);
                drop((state, board));
                let serves = match rests {
                    Some(end) if end <= now => "it rests until then".to_owned(),
                    Some(end) => format!("its access token serves until {}", end.to_rfc3339()),
                    None => "its access token serves as long as the provider takes it".to_owned(),
                };
                tracing::error!(
                    provider = %current.provider(),
                    credential = %current.masked_id(),
                    %message,
                    serves,
                    "refresh token rejected, log in again"
                );
            }
            _ => {
                let (renewal, longest) = (&options.renewal, options.backoff.max_cooldown);
                state.failed(current, error.clone(), renewal, longest, now);
                drop((state, board));
                tracing::warn!(
                    provider = %current.provider(),
                    credential = %current.masked_id(),
                    %error,
                    "renewal failed, trying again later"
                );
            }
        }
    }

    /// A provider refused an access token that cannot be renewed: it is over before its time.
    pub(crate) fn refused(&self, entry: &Entry, seen: &Credential) {
        let now = self.now();
        {
            let mut board = self.board.lock();
            let mut state = entry.renewal.lock();
            let dead = state.dead.as_mut();
            let dead = dead.filter(|dead| !tokens_differ(dead.credential.document(), seen.document()));
            let Some(dead) = dead.filter(|dead| dead.rests.is_none_or(|end| now < end)) else { return };
            dead.rests = Some(now);
            board.rest_for_login(entry.id(), Some(now), now);
        }
        tracing::error!(
            provider = %seen.provider(),
            credential = %seen.masked_id(),
            "the access token is refused and cannot be renewed: it rests until somebody logs in again"
        );
    }

    /// Whose tokens a failure is about is not known before: the store may have others.
    async fn renew_now(
        self: Arc<Self>,
        entry: Arc<Entry>,
        mut current: Arc<Credential>,
    ) -> Result<Arc<Credential>, Failed> {
        let outcome = self.renew_with(&entry, &mut current).await;
        outcome.map_err(|why| Failed { with: current, why })
    }

    async fn renew_with(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        current: &mut Arc<Credential>,
    ) -> Result<Arc<Credential>, RenewError> {
        let mut leased = self.lease(entry, current).await?;
        if entry.renewal.lock().place == Place::Left {
            return Err(RenewError::Gone);
        }
        if let Some(stored) = self.reread(entry, current).await? {
            let is_old = self.is_old(entry, &stored, current);
            let now = match is_old {
                true => self.restore(entry, current, &mut leased).await?,
                false => self.found(entry, current, &stored, &mut leased),
            };
            let rotated = tokens_differ(now.document(), current.document());
            *current = now;
            if rotated {
                // Another process has done it.
                return Ok(Arc::clone(current));
            }
        }
        let is_stored = leased.is_some();
        let mut tried = self.try_with(entry, current, is_stored).await?;
        if let Tried::Failed(error) = &tried
            && error.kind() == ErrorKind::InvalidGrant
        {
            // Somebody without a lease may have used up the token: look again before giving up on it.
            let stored = self.reread(entry, current).await?;
            let rotated = stored.filter(|stored| {
                tokens_differ(stored.document(), current.document()) && !self.is_old(entry, stored, current)
            });
            let published = rotated.and_then(|stored| self.publish(entry, current, &stored, true));
            if let Some(published) = published {
                *current = published;
                if self.is_fresh(current) {
                    return Ok(Arc::clone(current));
                }
                tried = self.try_with(entry, current, is_stored).await?;
            }
        }
        let fresh = match tried {
            Tried::Fresh(fresh) => fresh,
            Tried::Failed(error) => return Err(failed(current, &error)),
            Tried::Overtaken => return Err(RenewError::Gone),
        };
        let renewed = self.keep(entry, (current, &fresh), &mut leased).await;
        drop(leased);
        if secrets_differ(renewed.document(), fresh.document()) {
            // Somebody else's, of whose renewal this says nothing.
            return Ok(renewed);
        }
        let now = self.now();
        let next = due(entry, now);
        entry.renewal.lock().succeeded(next, now);
        tracing::info!(provider = %renewed.provider(), credential = %renewed.masked_id(), "credential renewed");
        Ok(renewed)
    }

    /// Asks the provider, unless other tokens were handed in while the turn or the store was waited for: those that we
    /// began with may be spent by now.
    async fn try_with(
        &self,
        entry: &Entry,
        current: &Arc<Credential>,
        is_stored: bool,
    ) -> Result<Tried, RenewError> {
        let executor = Arc::clone(&entry.shape().executor);
        if is_stored && executor.renewal_spends(current) {
            self.probe(current).await?;
        }
        if self.stop.is_cancelled() {
            return Err(RenewError::Stopping);
        }
        if is_overtaken(entry, current) {
            return Ok(Tried::Overtaken);
        }
        if self.estates.have_spent(current) {
            let message =
                "what its refresh token became has no file, and is to be put into this one".to_owned();
            return Err(RenewError::Store { message });
        }
        match refresh(&*executor, current).await {
            Ok(fresh) => Ok(Tried::Fresh(fresh)),
            Err(error) if error.kind() == ErrorKind::Unsupported => Err(RenewError::NotRenewable),
            Err(error) => Ok(Tried::Failed(error)),
        }
    }

    /// Whether what a store has is older than what we have: a spent token, or a live one of which it forgot where it comes
    /// from.
    fn is_old(&self, entry: &Entry, stored: &Credential, current: &Credential) -> bool {
        let (theirs, ours) = (stored.document(), current.document());
        entry.renewal.lock().has_gone_back(theirs, ours) || noted_as(ours, theirs).is_some()
    }

    /// Whether a token that somebody else has brought is still good.
    fn is_fresh(&self, credential: &Credential) -> bool {
        credential.document().expiry().is_none_or(|expiry| expiry > self.now())
    }

    /// A token that works once is not spent while what it brings could not be kept: the old access token lives on.
    async fn probe(&self, credential: &Credential) -> Result<(), RenewError> {
        let Some(store) = &self.store else { return Ok(()) };
        self.in_time(store.probe(credential)).await.map_err(|error| RenewError::Store {
            message: format!("{}; the refresh token was not spent", told(&error)),
        })
    }

    /// What the store has, when that is not what we know it to have: another process or a person changed it.
    async fn reread(
        &self,
        entry: &Entry,
        current: &Credential,
    ) -> Result<Option<Arc<Credential>>, RenewError> {
        let Some(store) = self.store.as_ref().filter(|store| store.keeps(current)) else { return Ok(None) };
        let stored = self.load_own(entry, &**store, current).await.map_err(|error| store_failed(&error))?;
        // Gone from the store: to renew it would be to bring it back.
        let Own::Here(stored) = stored else { return Err(RenewError::Gone) };
        if stored.settings().disabled {
            self.rest(entry, current);
            return Err(RenewError::Gone);
        }
        let state = entry.renewal.lock();
        if stored.document() == state.base.document() {
            return Ok(None);
        }
        // Ours is newer than the store and only the rest was edited: saving will merge the two.
        if state.unsaved && !tokens_differ(stored.document(), state.base.document()) {
            return Ok(None);
        }
        drop(state);
        Ok(Some(Arc::new(current.with_document(stored.document().clone()))))
    }
}

/// Whether a credential has other tokens by now than those that its renewal began with.
fn is_overtaken(entry: &Entry, current: &Credential) -> bool {
    let now = entry.credential();
    now.provider() != current.provider() || tokens_differ(now.document(), current.document())
}

async fn refresh(
    executor: &dyn ProviderExecutor,
    credential: &Credential,
) -> Result<Credential, ExecutorError> {
    let late = |_| Err(ExecutorError::new(ErrorKind::Timeout, "the token endpoint did not answer"));
    let fresh = tokio::time::timeout(GIVE_UP, executor.refresh(credential)).await.unwrap_or_else(late)?;
    Ok(if executor.renewal_spends(credential) { descended(credential, fresh) } else { fresh })
}

pub(super) fn store_failed(error: &cliproxy_core::StoreError) -> RenewError {
    RenewError::Store { message: told(error) }
}

/// An error of the store with its cause, which says what to mend.
pub(super) fn told(error: &cliproxy_core::StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What a provider said is told without what it was told: its words go to logs and people.
fn failed(credential: &Credential, error: &ExecutorError) -> RenewError {
    let message = Mask::of(credential).apply(error.message()).into_owned();
    match error.kind() {
        ErrorKind::InvalidGrant => RenewError::NeedsLogin { message },
        ErrorKind::Unsupported => RenewError::NotRenewable,
        kind => RenewError::Failed { kind, message, retry_after: error.evidence().retry_after },
    }
}
