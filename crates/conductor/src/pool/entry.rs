//! One registered credential, for as long as it is registered.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use cliproxy_core::{Credential, CredentialId, ModelInfo, ProviderExecutor};
use parking_lot::Mutex;

use crate::registry::Offer;
use crate::renew::RenewState;

/// What only a registration or a reconfiguration changes.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) executor: Arc<dyn ProviderExecutor>,
    /// The executor's own list, kept to apply new options to.
    pub(crate) own: Arc<Vec<ModelInfo>>,
    pub(crate) offer: Arc<Offer>,
}

/// A credential with what goes with it. Its states are in the board.
pub(crate) struct Entry {
    id: CredentialId,
    current: ArcSwap<Credential>,
    shape: ArcSwap<Shape>,
    in_flight: AtomicUsize,
    /// The turn to renew: one at a time, the only lock held across an await.
    pub(crate) turn: tokio::sync::Mutex<()>,
    pub(crate) renewal: Mutex<RenewState>,
    /// Rings when a credential was published, or given up unsaved.
    pub(crate) settled: tokio::sync::Notify,
}

impl Entry {
    pub(crate) fn new(credential: Arc<Credential>, shape: Shape) -> Self {
        let renewal = Mutex::new(RenewState::new(Arc::clone(&credential)));
        Self {
            id: credential.id().clone(),
            current: ArcSwap::new(credential),
            shape: ArcSwap::from_pointee(shape),
            in_flight: AtomicUsize::new(0),
            turn: tokio::sync::Mutex::new(()),
            renewal,
            settled: tokio::sync::Notify::new(),
        }
    }

    pub(crate) fn id(&self) -> &CredentialId {
        &self.id
    }

    pub(crate) fn credential(&self) -> Arc<Credential> {
        self.current.load_full()
    }

    pub(crate) fn set_credential(&self, credential: Arc<Credential>) {
        self.current.store(credential);
    }

    pub(crate) fn shape(&self) -> Arc<Shape> {
        self.shape.load_full()
    }

    pub(crate) fn set_shape(&self, shape: Shape) {
        self.shape.store(Arc::new(shape));
    }

    /// Whether it may have other tokens than its store: a renewal runs, or could not be saved.
    pub(crate) fn is_ahead(&self) -> bool {
        self.renewal.lock().unsaved || self.turn.try_lock().is_err()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("credential", &self.credential().masked_id()).finish_non_exhaustive()
    }
}
