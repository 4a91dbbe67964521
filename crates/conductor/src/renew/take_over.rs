//! A credential is handed in again: by the watcher, by a reload, by a person.

use std::sync::Arc;

use cliproxy_core::{Credential, Document, Origin};

use super::state::{RenewState, carried, tokens_differ};
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
    pub(crate) fn take_over(&self, entry: &Entry, credential: &Arc<Credential>) {
        let now = self.now();
        let renewed = {
            let mut state = entry.renewal.lock();
            let current = entry.credential();
            let new_tokens = tokens_differ(credential.document(), current.document());
            let stored = self.is_stored(credential);
            let known = known_with_these_tokens(&state, credential, stored).filter(|_| new_tokens);
            state.handed = Arc::clone(credential);
            if let Some(known) = known {
                let document = carried(&known, credential.document(), current.document());
                entry.set_credential(Arc::new(credential.with_document(document)));
                false
            } else {
                entry.set_credential(Arc::clone(credential));
                state.unsupported = false;
                if !state.unsaved || new_tokens {
                    state.base = Arc::clone(credential);
                }
                if new_tokens {
                    state.unsaved = false;
                    state.held = None;
                    state.superseded = None;
                    state.refreshed();
                }
                new_tokens
            }
        };
        let disabled = credential.settings().disabled;
        let mut board = self.board.lock();
        board.change(entry.id(), now, |ledger| {
            ledger.set_disabled(disabled);
            if renewed {
                ledger.renewed();
            }
        });
        board.replace(&entry.credential());
    }
}

/// The document with the same tokens that we had before the current ones.
fn known_with_these_tokens(state: &RenewState, credential: &Credential, stored: bool) -> Option<Document> {
    let same = |known: &Arc<Credential>| !tokens_differ(known.document(), credential.document());
    let superseded = state.superseded.as_ref().filter(|old| same(old));
    let unsaved = Some(&state.base).filter(|base| state.unsaved && same(base));
    // The configuration cannot know what we renewed; a store is written to, and says what is.
    let repeated = Some(&state.handed).filter(|handed| !stored && same(handed));
    superseded.or(unsaved).or(repeated).map(|known| known.document().clone())
}
