//! When a credential is renewed. Source: runtime.md D.13, providers-a.md 1.4.

use std::time::Duration;

use cliproxy_core::{Credential, CredentialKind, Renewal, Timestamp};

use super::state::RenewState;
use crate::pool::Entry;

/// When the next automatic renewal is due; `None` when there is none.
pub(crate) fn due(entry: &Entry, now: Timestamp) -> Option<Timestamp> {
    due_in(&entry.renewal.lock(), entry, now)
}

/// As [`due`], for who has the lock and acts on the answer under it.
pub(crate) fn due_in(state: &RenewState, entry: &Entry, now: Timestamp) -> Option<Timestamp> {
    let credential = entry.credential();
    if credential.kind() == CredentialKind::ApiKey || credential.settings().disabled {
        return None;
    }
    let shape = entry.shape();
    // Permanent until the document changes (Source: providers-a.md 1.4 "Our rule").
    if state.unsupported || state.dead.is_some() {
        return None;
    }
    let at = by_document(&credential, shape.executor.renewal(&credential), now)?;
    Some(state.not_before.map_or(at, |not_before| at.max(not_before)))
}

fn by_document(credential: &Credential, renewal: Renewal, now: Timestamp) -> Option<Timestamp> {
    let document = credential.document();
    let (expiry, last) = (document.expiry(), document.last_refresh());
    if let Some(interval) = document.refresh_interval() {
        // An interval in the file wins: before expiry by it, and at least that often.
        let before = expiry.map(|at| back(at, interval));
        let after = last.map(|at| at.plus(interval));
        return before.into_iter().chain(after).min().or(Some(now));
    }
    let Renewal::Lead(lead) = renewal else { return None };
    match (expiry, last) {
        // Of a life that is short beside the lead half is used: it would be due again as soon as it came.
        // Source: providers-a.md 5.4 `[V]`.
        (Some(expiry), Some(last)) => Some(back(expiry, lead.min(expiry.since(last) / 2))),
        (Some(expiry), None) => Some(back(expiry, lead)),
        (None, Some(last)) => Some(last.plus(lead)),
        (None, None) => Some(now),
    }
}

fn back(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}
