//! Short-lived tokens that a credential is exchanged for: kept in memory, one exchange for all who wait, none on disk.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cliproxy_core::{Credential, CredentialId, ErrorKind, ExecutorError, Secret, Timestamp};
use http::{Response, StatusCode};
use parking_lot::Mutex;
use tokio::time::Instant;

/// When less than this is left somebody fetches the next one, while others go on with the old.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// With less than this it is not used any more. Source: providers-a.md 6.3 "until ~1 min before expiry".
const LAST: Duration = Duration::from_secs(60);
/// One this young is what a late refusal of the one before it asks for.
const YOUNG: Duration = Duration::from_secs(10);

/// The tokens of every credential. Clones share them.
pub(crate) struct Minted<T>(Arc<Mutex<HashMap<CredentialId, Arc<Slot<T>>>>>);

struct Slot<T> {
    state: Mutex<State<T>>,
    /// Whose turn it is to exchange.
    turn: tokio::sync::Mutex<()>,
}

struct State<T> {
    kept: Option<Arc<Token<T>>>,
    /// How many exchanges have ended, whichever way.
    ended: u64,
    /// How the last one failed, and for whom.
    failed: Option<(Secret, ExecutorError)>,
}

/// A token, and what the API has said of it so far: whoever spends it tells.
pub(crate) struct Token<T> {
    pub(crate) value: T,
    /// What it was exchanged for: another login makes it void.
    of: Secret,
    until: Timestamp,
    since: Instant,
    served: AtomicBool,
    refused: AtomicBool,
}

impl<T> Token<T> {
    /// Notes whether the API took this token. A refusal is about this one only, not about one that came after it.
    pub(crate) fn told<R>(&self, reply: Result<R, ExecutorError>) -> Result<R, ExecutorError> {
        match &reply {
            Ok(_) => self.served.store(true, Ordering::Relaxed),
            Err(error) if error.kind() == ErrorKind::Unauthorized => self.refuse(),
            Err(_) => {}
        }
        reply
    }

    /// As [`Self::told`], for replies whose status is no error.
    pub(crate) fn told_raw<B>(
        &self,
        reply: Result<Response<B>, ExecutorError>,
    ) -> Result<Response<B>, ExecutorError> {
        match &reply {
            Ok(reply) if reply.status() == StatusCode::UNAUTHORIZED => self.refuse(),
            Ok(reply) if reply.status().is_success() => self.served.store(true, Ordering::Relaxed),
            _ => {}
        }
        reply
    }

    fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    fn is_young(&self) -> bool {
        self.since.elapsed() < YOUNG
    }

    fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Refused though it was just made, and never once taken: another would not fare better.
    fn is_futile(&self) -> bool {
        self.is_refused() && !self.served.load(Ordering::Relaxed) && self.is_young()
    }

    /// Whether it may be spent, with this much of its life left.
    fn serves(&self, of: &Secret, now: Timestamp, left: Duration) -> bool {
        self.of == *of && self.until > now.plus(left) && (!self.is_refused() || self.is_futile())
    }

    /// Whether it is good for a while; one that never lives long is, while it is young.
    fn is_good(&self, of: &Secret, now: Timestamp) -> bool {
        self.serves(of, now, AHEAD) || (self.is_young() && self.serves(of, now, LAST))
    }
}

impl<T> Slot<T> {
    fn ended(&self) -> u64 {
        self.state.lock().ended
    }

    fn kept(&self, fits: impl FnOnce(&Token<T>) -> bool) -> Option<Arc<Token<T>>> {
        self.state.lock().kept.as_ref().filter(|token| fits(token)).cloned()
    }

    /// What the exchange brought that ended while somebody waited who had `seen` so many end.
    fn joined(&self, of: &Secret, seen: u64) -> Option<Result<Arc<Token<T>>, ExecutorError>> {
        let state = self.state.lock();
        if state.ended == seen {
            return None;
        }
        if let Some((_, error)) = state.failed.as_ref().filter(|(failed, _)| failed == of) {
            return Some(Err(again(error)));
        }
        state.kept.as_ref().filter(|token| token.of == *of && !token.is_refused()).cloned().map(Ok)
    }

    /// In turn only.
    async fn exchange(
        &self,
        of: &Secret,
        exchange: impl Future<Output = Result<(T, Timestamp), ExecutorError>> + Send,
    ) -> Result<Arc<Token<T>>, ExecutorError> {
        let outcome = exchange.await;
        let mut state = self.state.lock();
        state.ended = state.ended.wrapping_add(1);
        let (value, until) = match outcome {
            Ok(brought) => brought,
            Err(error) => {
                state.failed = Some((of.clone(), again(&error)));
                return Err(error);
            }
        };
        let token = Arc::new(Token {
            value,
            of: of.clone(),
            until,
            since: Instant::now(),
            served: AtomicBool::new(false),
            refused: AtomicBool::new(false),
        });
        state.failed = None;
        state.kept = Some(Arc::clone(&token));
        Ok(token)
    }
}

impl<T> Minted<T> {
    /// A token that is good for a while, of this secret. Whoever comes while one is exchanged waits for what that brings,
    /// unless the old one still serves; an exchange that fails while it does is tried again by the next.
    pub(crate) async fn get(
        &self,
        credential: &Credential,
        of: &Secret,
        now: Timestamp,
        exchange: impl Future<Output = Result<(T, Timestamp), ExecutorError>> + Send,
    ) -> Result<Arc<Token<T>>, ExecutorError> {
        let slot = self.slot(credential);
        let seen = slot.ended();
        if let Some(good) = slot.kept(|token| token.is_good(of, now)) {
            return Ok(good);
        }
        let old = slot.kept(|token| token.serves(of, now, LAST));
        let _turn = match &old {
            Some(old) => match slot.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(Arc::clone(old)),
            },
            None => slot.turn.lock().await,
        };
        if let Some(good) = slot.kept(|token| token.is_good(of, now)) {
            return Ok(good);
        }
        let brought = match slot.joined(of, seen) {
            Some(brought) => brought,
            None => slot.exchange(of, exchange).await,
        };
        brought.or_else(|error| old.ok_or(error))
    }

    /// Another token in place of the one that the API refused, unless that has been done: by the exchange that was under
    /// way, or a moment ago.
    ///
    /// # Errors
    /// When the exchange fails, and [`ErrorKind::Unauthorized`] when the one that was just exchanged is refused as well.
    pub(crate) async fn renew(
        &self,
        credential: &Credential,
        of: &Secret,
        now: Timestamp,
        exchange: impl Future<Output = Result<(T, Timestamp), ExecutorError>> + Send,
    ) -> Result<(), ExecutorError> {
        let slot = self.slot(credential);
        let seen = slot.ended();
        let _turn = slot.turn.lock().await;
        if let Some(young) = slot.kept(|token| token.is_young() && token.serves(of, now, LAST)) {
            return if young.is_refused() { Err(futile(credential)) } else { Ok(()) };
        }
        let brought = match slot.joined(of, seen) {
            Some(brought) => brought,
            None => slot.exchange(of, exchange).await,
        };
        brought.map(drop)
    }

    fn slot(&self, credential: &Credential) -> Arc<Slot<T>> {
        Arc::clone(self.0.lock().entry(credential.id().clone()).or_default())
    }
}

fn futile(credential: &Credential) -> ExecutorError {
    let id = credential.masked_id();
    let message = format!("the token that credential {id} was just exchanged for is refused, too");
    ExecutorError::new(ErrorKind::Unauthorized, message)
}

/// The same error for one more who waited; its source is told to the first only.
fn again(error: &ExecutorError) -> ExecutorError {
    let copy = ExecutorError::from_evidence(error.evidence(), error.message());
    match error.status() {
        Some(status) => copy.with_reply(status, error.headers().clone(), error.body().clone()),
        None => copy,
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
        let state = State { kept: None, ended: 0, failed: None };
        Self { state: Mutex::new(state), turn: tokio::sync::Mutex::new(()) }
    }
}

impl<T> fmt::Debug for Minted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted").field("count", &self.0.lock().len()).finish()
    }
}
