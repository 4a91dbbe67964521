//! A credential is handed in again: by the watcher, by a reload, by a person.

use std::sync::Arc;

use cliproxy_core::{Credential, Document, Origin, ProviderId};

use super::bequeath::Estate;
use super::state::{Place, RenewState, carried, noted_as, tokens_differ, with_tokens_of};
use crate::inner::Inner;
use crate::pool::Entry;

impl Inner {
    /// Whether a store says what this credential is.
    fn is_stored(&self, credential: &Credential) -> bool {
        match &self.store {
            Some(store) => store.keeps(credential),
            None => matches!(credential.origin(), Origin::Store(_)),
        }
    }

    /// Makes it the current one, unless its tokens are ones that we have already replaced: whoever read the store
    /// before a renewal hands such in, and so does every reload of the configuration. Then only the rest counts.
    pub(crate) fn take_over(self: &Arc<Self>, entry: &Arc<Entry>, credential: &Arc<Credential>) {
        let now = self.now();
        let stored = self.is_stored(credential);
        let cooling_off = self.settled.load().options.is_cooling_off(credential);
        // Both until all is done: a failure that is noted meanwhile is one of what was there before, or of this.
        let mut board = self.board.lock();
        let (renewed, mended, is_old, left, dropped) = {
            let mut state = entry.renewal.lock();
            let current = entry.credential();
            let new_tokens = tokens_differ(credential.document(), current.document());
            let (theirs, ours) = (credential.document(), current.document());
            let known = known_with_these_tokens(&state, theirs, ours, stored).filter(|_| new_tokens);
            let gone_back = stored && new_tokens && state.has_gone_back(theirs, ours);
            let noted = noted_as(ours, theirs).filter(|_| stored);
            let is_old = gone_back || noted.is_some();
            state.handed = Arc::clone(credential);
            state.place = Place::Own;
            let (mut left, mut dropped) = (None, None);
            let kept = match known {
                Some(known) => Some(carried(&known, theirs, ours)),
                // We do not know any more what else it said then.
                None if gone_back => {
                    let edited = carried(state.base.document(), ours, theirs);
                    Some(with_tokens_of(ours, &edited))
                }
                None => None,
            };
            let renewed = if let Some(document) = kept {
                entry.set_credential(Arc::new(credential.with_document(document)));
                false
            } else {
                let known = noted.map(|document| Arc::new(credential.with_document(document)));
                entry.set_credential(known.unwrap_or_else(|| Arc::clone(credential)));
                state.unsupported = false;
                if new_tokens {
                    // What no file has may have a place in another one.
                    let estate = Estate::of_unsaved(&state, &current, credential);
                    left = estate.map(|estate| (estate, state.held.take()));
                }
                if !state.unsaved || new_tokens {
                    state.base = Arc::clone(credential);
                }
                if new_tokens {
                    state.unsaved = false;
                    state.lost = None;
                    dropped = state.held.take();
                    state.superseded = None;
                    state.refreshed();
                }
                new_tokens
            };
            // It may be that it was read before a renewal that the store has by now: saving looks.
            state.unsaved |= is_old;
            // Not the tokens alone: a client's secret or the address may have been wrong.
            // Source: providers-a.md 1.4 "permanent until the file changes".
            let current = entry.credential();
            let mended = state.failing().is_some_and(|failing| failing.document() != current.document());
            if mended {
                state.refreshed();
            }
            (renewed, mended, is_old, left, dropped)
        };
        let disabled = credential.settings().disabled;
        board.change(entry.id(), now, |ledger| {
            ledger.set_disabled(disabled);
            if renewed {
                ledger.renewed();
            } else if mended {
                ledger.set_needs_login(None);
            }
            if cooling_off {
                ledger.cooling_off();
            }
        });
        board.replace(&entry.credential());
        drop(board);
        // A store's own code, which is none for under a lock.
        drop(dropped);
        if let Some((estate, held)) = left {
            self.leave(estate, held);
        }
        if is_old {
            self.save_soon(entry);
        }
        // What they do next finds those tasks.
        entry.settled.notify_waiters();
    }

    /// What renewals of a provider go by has changed, beside its credentials: those that failed are tried again.
    pub(crate) fn reconsider(&self, provider: &ProviderId) {
        let now = self.now();
        for entry in self.entries() {
            if entry.credential().provider() != provider {
                continue;
            }
            {
                let mut board = self.board.lock();
                let mut state = entry.renewal.lock();
                if state.failing().is_none() {
                    continue;
                }
                state.refreshed();
                board.rest_for_login(entry.id(), None, now);
            }
            self.schedule(&entry);
        }
    }
}

/// The document with the same tokens that we had before the current ones.
fn known_with_these_tokens(
    state: &RenewState,
    theirs: &Document,
    ours: &Document,
    stored: bool,
) -> Option<Document> {
    let same = |known: &&Arc<Credential>| !tokens_differ(known.document(), theirs);
    let renewed = state.renewed_from(ours).filter(same);
    let unsaved = Some(&state.base).filter(|base| state.unsaved && same(base));
    // The configuration cannot know what we renewed; a store is written to, and says what is.
    let repeated = Some(&state.handed).filter(|handed| !stored && same(handed));
    renewed.or(unsaved).or(repeated).map(|known| known.document().clone())
}
