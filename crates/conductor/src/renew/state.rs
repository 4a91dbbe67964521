//! What is known of a credential's renewals.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{Credential, Document, ErrorKind, RefreshLease, Timestamp};
use serde_json::Map;

use super::lineage::{Lineage, SPENT};
use crate::RenewalOptions;

/// The pause after a renewal that left the next one due at once; doubled each time. Source: runtime.md D.13 [H].
const FRUITLESS: Duration = Duration::from_secs(30);
/// The longest such pause.
const FRUITLESS_AT_MOST: Duration = Duration::from_secs(3600);

/// Why a credential could not be renewed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewError {
    /// There is nothing to renew.
    #[error("the provider does not renew this credential")]
    NotRenewable,
    /// No such credential is registered.
    #[error("no such credential")]
    Unknown,
    /// The refresh token is dead: a person has to log in again.
    #[error("the refresh token was rejected ({message}): log in again")]
    NeedsLogin {
        /// What the provider said.
        message: String,
    },
    /// It was removed or switched off meanwhile.
    #[error("the credential is gone or disabled")]
    Gone,
    /// The end came before it was begun; nothing was spent.
    #[error("the program ends: nothing was renewed")]
    Stopping,
    /// The provider renewed it, and the store could not keep it up to the end.
    #[error("the renewed tokens could not be saved and are lost: log in again ({message})")]
    Lost {
        /// One clause for people.
        message: String,
    },
    /// The provider did not answer as hoped; it is tried again later.
    #[error("{message}")]
    Failed {
        /// What went wrong.
        kind: ErrorKind,
        /// One clause for people.
        message: String,
        /// When to come back, if the provider said so.
        retry_after: Option<Duration>,
    },
    /// The store gave no lease, could not be read or could not keep what a renewal brings; it is tried again later.
    #[error("the credential store failed: {message}")]
    Store {
        /// One clause for people.
        message: String,
    },
    /// It takes longer than a request waits; it goes on.
    #[error("the renewal takes too long to wait for")]
    Slow,
    /// The task that renewed it broke.
    #[error("the renewal broke off")]
    Broken,
}

/// A login that is not renewed again until it has changed.
#[derive(Debug)]
pub(crate) struct Dead {
    /// As it was.
    pub(crate) credential: Arc<Credential>,
    /// With what words it was rejected.
    pub(crate) message: String,
    /// When it serves no more. `None` while nobody knows: until the provider refuses the access token.
    // Source: providers-b.md 1.4 "If refresh fails while the token is still unexpired, keep using it".
    pub(crate) rests: Option<Timestamp>,
}

impl Dead {
    pub(crate) fn new(credential: &Arc<Credential>, message: &str, now: Timestamp) -> Self {
        let lives = credential.access_token().is_some() || credential.api_key().is_some();
        let expiry = credential.document().expiry();
        let rests = expiry.map(|end| end.max(now)).or_else(|| (!lives).then_some(now));
        Self { credential: Arc::clone(credential), message: message.to_owned(), rests }
    }
}

/// Whether a credential has a place in its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// As far as we know.
    Own,
    /// It was not there when it was to be saved. It may be on its way back, as when an editor writes it anew.
    Missed,
    /// It is gone, and another file has the tokens.
    Left,
}

#[derive(Debug)]
pub(crate) struct RenewState {
    /// As the store has it, as far as we know.
    pub(crate) base: Arc<Credential>,
    /// What was replaced last, by a renewal or by what somebody else stored.
    pub(crate) superseded: Option<Arc<Credential>>,
    /// As it was last handed in. The configuration hands in the same again and again, whatever we renewed.
    pub(crate) handed: Arc<Credential>,
    /// In memory only: saving failed and is being retried.
    pub(crate) unsaved: bool,
    /// The lease of what is unsaved: while the store has the spent token, nobody else may renew with it.
    pub(crate) held: Option<Box<dyn RefreshLease>>,
    /// Whether a task is at it.
    pub(crate) saving: bool,
    /// Why nobody need wait for it to be saved: it was given up at the end, or its place in the store is gone.
    pub(crate) lost: Option<RenewError>,
    /// Where it is in the store.
    pub(crate) place: Place,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Renewals in a row that left the next one due at once.
    pub(crate) fruitless: u32,
    /// No automatic renewal before.
    pub(crate) not_before: Option<Timestamp>,
    /// The last failure, and for which tokens: those who waited for it need not fail again.
    pub(crate) failed: Option<(Arc<Credential>, RenewError)>,
    /// The refresh token was rejected.
    pub(crate) dead: Option<Dead>,
    /// The executor does not renew at all.
    pub(crate) unsupported: bool,
    /// When it is queued.
    pub(crate) queued: Option<Timestamp>,
}

impl RenewState {
    pub(crate) fn new(credential: Arc<Credential>) -> Self {
        Self {
            base: Arc::clone(&credential),
            handed: credential,
            superseded: None,
            unsaved: false,
            held: None,
            saving: false,
            lost: None,
            place: Place::Own,
            failures: 0,
            fruitless: 0,
            not_before: None,
            failed: None,
            dead: None,
            unsupported: false,
            queued: None,
        }
    }

    /// What the last renewal could not renew.
    pub(crate) fn failing(&self) -> Option<&Arc<Credential>> {
        self.dead.as_ref().map(|dead| &dead.credential).or(self.failed.as_ref().map(|(failed, _)| failed))
    }

    /// Whether a store that has this refresh token has gone back to one that is spent: an editor, a backup or a sync has
    /// put an old file in place. Where the provider has rejected the current one, there is nothing to hold on to.
    pub(crate) fn has_gone_back(&self, stored: &Document, current: &Document) -> bool {
        if self.dead.is_some() || stored.refresh_token() == current.refresh_token() {
            return false;
        }
        // Whoever does not keep the note may still have the token that we had last.
        let had_last = self.renewed_from(current).and_then(|last| last.document().refresh_token());
        is_spent(stored, current) || (had_last.is_some() && had_last == stored.refresh_token())
    }

    /// What the current document is a renewal of: a late reader may still hand it in. Not what another account had, whose
    /// file lay here for a while.
    pub(crate) fn renewed_from(&self, current: &Document) -> Option<&Arc<Credential>> {
        self.superseded.as_ref().filter(|last| {
            let last = last.document();
            last.refresh_token() == current.refresh_token() || is_spent(last, current)
        })
    }

    /// New tokens, or something else that renewals go by: old failures are over.
    pub(crate) fn refreshed(&mut self) {
        self.failures = 0;
        self.not_before = None;
        self.failed = None;
        self.dead = None;
    }

    /// A renewal went well, and the next one is due then, by what it brought. One that is due at once waits, longer each
    /// time: it may spend a token that works once.
    pub(crate) fn succeeded(&mut self, due: Option<Timestamp>, now: Timestamp) {
        if due.is_none_or(|at| at >= now.plus(FRUITLESS)) {
            self.fruitless = 0;
            return;
        }
        let pause = FRUITLESS.saturating_mul(1_u32.checked_shl(self.fruitless).unwrap_or(u32::MAX));
        self.fruitless = self.fruitless.saturating_add(1).min(16);
        self.not_before = Some(now.plus(pause.min(FRUITLESS_AT_MOST)));
    }

    /// Source: runtime.md D.13 `[F]` 1 min, `[H]` 5 min. A provider that says when to come back is not asked before;
    /// that is evidence, not an order: it is bounded as hints of model calls are (design.md §6).
    pub(crate) fn failed(
        &mut self,
        seen: &Arc<Credential>,
        error: RenewError,
        options: &RenewalOptions,
        longest_hint: Duration,
        now: Timestamp,
    ) {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let ladder: Duration = options.first_pause.saturating_mul(factor).min(options.longest_pause);
        let hint = match &error {
            RenewError::Failed { retry_after, .. } => retry_after.map(|hint| hint.min(longest_hint)),
            _ => None,
        };
        let pause = hint.map_or(ladder, |hint| hint.max(ladder));
        self.failures = self.failures.saturating_add(1).min(16);
        self.not_before = Some(now.plus(pause));
        self.failed = Some((Arc::clone(seen), error));
    }
}

/// Whether the refresh token of a document, or one that came of it, was spent for that of the other.
pub(super) fn is_spent(document: &Document, by: &Document) -> bool {
    Lineage::of(document).zip(Lineage::of(by)).is_some_and(|(one, by)| one.is_spent_by(&by))
}

/// What opens the account.
const SECRETS: [&str; 11] = [
    "access_token",
    "accessToken",
    "refresh_token",
    "refreshToken",
    "id_token",
    "token",
    "Token",
    "api_key",
    "cookie",
    "session_key",
    "github_token",
];
/// How long it does.
const EXPIRIES: [&str; 3] = ["expired", "expires_at", "expiresAt"];

/// Whether two documents carry different tokens: other members may be edited by hand.
pub(crate) fn tokens_differ(a: &Document, b: &Document) -> bool {
    secrets_differ(a, b) || EXPIRIES.iter().any(|key| a.get(key) != b.get(key))
}

/// As [`tokens_differ`], whatever is said of when they end.
pub(crate) fn secrets_differ(a: &Document, b: &Document) -> bool {
    SECRETS.iter().any(|key| a.get(key) != b.get(key))
}

/// Whether one is another login than the other, or has other tokens by now.
pub(crate) fn is_another(one: &Credential, other: &Credential) -> bool {
    one.provider() != other.provider() || secrets_differ(one.document(), other.document())
}

/// What is said of tokens beside [`SECRETS`] and [`EXPIRIES`].
const OF_TOKENS: [&str; 11] = [
    "expire",
    "expiry",
    "expires",
    "expires_in",
    "timestamp",
    "last_refresh",
    "lastRefresh",
    "last_refreshed_at",
    "lastRefreshedAt",
    Document::LINEAGE,
    SPENT,
];

/// A document with what changed between two others: members that came, changed or went. All else stays, in order. A note
/// of where a token comes from never goes: other programs do not keep what they do not know.
pub(crate) fn carried(before: &Document, after: &Document, onto: &Document) -> Document {
    let mut map = onto.as_map().clone();
    for (key, value) in after.as_map().iter().filter(|(key, value)| before.get(key) != Some(*value)) {
        map.insert(key.clone(), value.clone());
    }
    let went = |key: &&String| after.get(key).is_none() && key.as_str() != Document::LINEAGE;
    for key in before.as_map().keys().filter(went) {
        // `remove` would put the last member in its place.
        map.shift_remove(key);
    }
    Document::new(map)
}

/// An old document with the tokens of another in it, and what is said of them.
pub(crate) fn with_tokens_of(live: &Document, onto: &Document) -> Document {
    let mut map = onto.as_map().clone();
    for key in SECRETS.into_iter().chain(EXPIRIES).chain(OF_TOKENS) {
        match live.get(key) {
            Some(value) => drop(map.insert(key.to_owned(), value.clone())),
            None => drop(map.shift_remove(key)),
        }
    }
    Document::new(map)
}

/// A document with the note of where its refresh token comes from, which another with the same token has and it lost.
pub(crate) fn noted_as(known: &Document, document: &Document) -> Option<Document> {
    let same = known.refresh_token().is_some() && known.refresh_token() == document.refresh_token();
    let note = known.get(Document::LINEAGE).filter(|_| same && document.get(Document::LINEAGE).is_none())?;
    Some(document.merged(Map::from_iter([(Document::LINEAGE.to_owned(), note.clone())])))
}
