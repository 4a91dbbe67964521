//! A login that has lost its file while its newest tokens are in memory only: the file was renamed in the middle of a renewal,
//! deleted beside a copy, or given to another login. The conductor puts them into a file of their line; what comes of that at
//! a reload is told here.

use std::collections::{BTreeMap, BTreeSet};

use cliproxy_conductor::{Bequest, Conductor, Held, Lineage, Registration};
use cliproxy_core::{Credential, CredentialId, Origin};

/// What became of those that have no file.
#[derive(Debug, Default)]
pub(crate) struct Heirs {
    /// Those whose tokens are in a file now.
    pub(crate) done: BTreeSet<CredentialId>,
    /// Those that go on from memory, for no file has their tokens yet.
    pub(crate) kept: BTreeSet<CredentialId>,
    /// What to say of the files that are to have them.
    pub(crate) waiting: BTreeMap<CredentialId, String>,
}

/// Whether a conductor has of it what no file has, or will in a moment.
pub(crate) fn is_in_memory_only(held: &Held) -> bool {
    (held.is_renewing || held.is_unsaved) && matches!(held.credential.origin(), Origin::Store(_))
}

/// Whether the file of a login has been given to another one: what is there neither came of its tokens, nor they of it.
pub(crate) fn is_ousted(held: &Held, file: &Credential) -> bool {
    let Some(ours) = Lineage::of(held.credential.document()) else { return false };
    if file.provider() != held.credential.provider() {
        return true;
    }
    Lineage::of(file.document()).is_none_or(|theirs| {
        ours.token() != theirs.token() && !ours.is_spent_by(&theirs) && !theirs.is_spent_by(&ours)
    })
}

/// Has the tokens of such logins put into files of their line, and into what is registered of these.
pub(crate) async fn hand_over<'h>(
    conductor: &Conductor,
    without_file: impl Iterator<Item = &'h Held>,
    registrations: &mut [Registration],
) -> Heirs {
    let mut heirs = Heirs::default();
    for held in without_file {
        let id = held.credential.id();
        let other = held.credential.masked_id();
        match conductor.bequeath(id).await {
            Bequest::Done(heir) => {
                let this = heir.masked_id();
                tracing::warn!(
                    credential = this,
                    "it has the tokens of {other} now, which has no file for them any more"
                );
                let is_its = |one: &&mut Registration| {
                    one.credential.id() == heir.id() && one.credential.provider() == heir.provider()
                };
                if let Some(known) = registrations.iter_mut().find(is_its) {
                    known.credential = known.credential.with_document(heir.document().clone()).into();
                }
                heirs.done.insert(id.clone());
            }
            Bequest::Waiting(heir, error) => {
                let why = format!(
                    "its refresh token is spent by {other}, which has no file for the one that works any more, and that \
                     cannot be put into this file yet ({error}): keep this one, it is tried again; send SIGHUP after that"
                );
                heirs.waiting.extend(heir.map(|heir| (heir.id().clone(), why)));
                heirs.kept.insert(id.clone());
            }
            _ => {}
        }
    }
    heirs
}
