//! What management and people may see of a credential.

use std::sync::Arc;

use cliproxy_core::{Credential, ModelId, Timestamp, UpstreamModel};
use cliproxy_quota::Availability;

use crate::inner::Inner;
use crate::pool::Entry;
use crate::renew::RenewError;

/// One registered credential at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CredentialStatus {
    /// The credential itself; its `Debug` shows no secret.
    pub credential: Arc<Credential>,
    /// Its id for people and logs.
    pub masked_id: String,
    /// The state of the credential as a whole.
    pub availability: Availability,
    /// What it offers, by the names clients use.
    pub models: Vec<ModelStatus>,
    /// Requests it serves right now.
    pub in_flight: usize,
    /// Whether renewed tokens live in memory only because saving failed.
    pub unsaved: bool,
    /// When it is renewed next.
    pub renewal_due: Option<Timestamp>,
    /// Why the last renewal failed.
    pub renewal_error: Option<RenewError>,
}

/// One model of a credential.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelStatus {
    /// What clients call it.
    pub id: ModelId,
    /// The provider's models behind it.
    pub upstream: Vec<UpstreamModel>,
    /// The best state among those, the credential's own included.
    pub availability: Availability,
}

impl Inner {
    pub(crate) fn status(&self, entry: &Entry) -> CredentialStatus {
        let now = self.now();
        let credential = entry.credential();
        let shape = entry.shape();
        let renewal_due = crate::renew::due(entry, now);
        let (unsaved, renewal_error) = {
            let state = entry.renewal.lock();
            let dead = state.dead.as_ref();
            let dead = dead.map(|dead| RenewError::NeedsLogin { message: dead.message.clone() });
            (state.unsaved, dead.or_else(|| state.failed.as_ref().map(|(_, error)| error.clone())))
        };
        let mut board = self.board.lock();
        board.drain(now);
        let availability = board.whole(entry.id(), now);
        let models = shape
            .offer
            .models
            .iter()
            .map(|offered| {
                let upstream: Vec<UpstreamModel> =
                    offered.upstreams.iter().map(|route| route.model.clone()).collect();
                let states = upstream.iter().map(|model| board.availability(entry.id(), model, now));
                let availability = states
                    .reduce(|best, other| if !best.is_usable() && other.is_usable() { other } else { best })
                    .unwrap_or(availability);
                ModelStatus { id: offered.id.clone(), upstream, availability }
            })
            .collect();
        drop(board);
        CredentialStatus {
            masked_id: credential.masked_id(),
            credential,
            availability,
            models,
            in_flight: entry.in_flight(),
            unsaved,
            renewal_due,
            renewal_error,
        }
    }
}
