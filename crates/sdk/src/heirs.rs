//! A login whose file is gone while its newest tokens are in memory only: renamed in the middle of a renewal, or deleted
//! beside a copy. Another file has its spent token, and is where the ones that work belong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cliproxy_conductor::{Held, Lineage, Registration, with_tokens_of};
use cliproxy_core::{Credential, CredentialId, CredentialStore, Origin, StoreError, StoreErrorKind};

use crate::entries::{Entries, Rivals};

/// How long a reload waits for the turn at a file.
const PATIENCE: Duration = Duration::from_secs(3);

/// What became of those whose files are gone.
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

/// Puts the tokens of such logins into the files that were left out for them, and into what is registered of these.
pub(crate) async fn hand_over<'h>(
    store: &Entries,
    gone: impl Iterator<Item = &'h Held>,
    rivals: &Rivals,
    registrations: &mut [Registration],
) -> Heirs {
    let mut heirs = Heirs::default();
    for held in gone {
        let id = held.credential.id();
        let left_out = rivals.get(id).map(Vec::as_slice).unwrap_or_default();
        let is_heir = |one: &&mut Registration| {
            left_out.contains(one.credential.id()) && matches!(one.credential.origin(), Origin::Store(_))
        };
        let Some(heir) = registrations.iter_mut().find(is_heir) else { continue };
        let (this, other) = (heir.credential.masked_id(), held.credential.masked_id());
        let outcome = match held.is_renewing {
            true => Err(StoreError::new(StoreErrorKind::Conflict, "it is being renewed")),
            false => inherit(store, &held.credential, &heir.credential).await,
        };
        match outcome {
            Ok(credential) => {
                tracing::warn!(credential = this, "it has the tokens of {other} now, whose file is gone");
                heir.credential = credential.into();
                heirs.done.insert(id.clone());
            }
            Err(error) => {
                let why = format!(
                    "its refresh token is spent by {other}, whose file is gone, and the one that works cannot be put into \
                     this file yet ({error}): keep this one, and send SIGHUP again; {other} serves from memory until then"
                );
                heirs.waiting.insert(heir.credential.id().clone(), why);
                heirs.kept.insert(id.clone());
            }
        }
    }
    heirs
}

/// Saves the tokens of one login in the file of another that has an older one of the same line.
async fn inherit(store: &Entries, live: &Credential, heir: &Credential) -> Result<Credential, StoreError> {
    let busy = |what: &str| StoreError::new(StoreErrorKind::Conflict, what.to_owned());
    let _turn = tokio::time::timeout(PATIENCE, store.lease(heir.id()))
        .await
        .map_err(|_| busy("another process renews it"))??;
    let stored = store.load(heir.id()).await?.ok_or_else(|| busy("it is gone"))?;
    let (theirs, ours) = (Lineage::of(stored.document()), Lineage::of(live.document()));
    let is_older =
        |(theirs, ours): (Lineage, Lineage)| theirs.is_spent_by(&ours) || theirs.token() == ours.token();
    if !theirs.zip(ours).is_some_and(is_older) {
        return Err(busy("it has changed"));
    }
    let inherited = stored.with_document(with_tokens_of(live.document(), stored.document()));
    store.save(&inherited).await?;
    Ok(heir.with_document(inherited.document().clone()))
}
