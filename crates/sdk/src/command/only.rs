//! A store that shows one credential of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use cliproxy_core::{Credential, CredentialId, CredentialStore, Listing, RefreshLease, StoreError};

#[derive(Debug)]
pub(super) struct Only {
    store: Arc<dyn CredentialStore>,
    id: CredentialId,
    looked: AtomicBool,
}

impl Only {
    pub(super) fn new(store: Arc<dyn CredentialStore>, id: &CredentialId) -> Self {
        Self { store, id: id.clone(), looked: AtomicBool::new(false) }
    }
}

#[async_trait]
impl CredentialStore for Only {
    /// Who is to serve is asked first. Later on a file is looked for that is to have renewed tokens, since its own is gone.
    async fn list(&self) -> Result<Listing, StoreError> {
        let mut listing = self.store.list().await?;
        if self.looked.swap(true, Ordering::Relaxed) {
            return Ok(listing);
        }
        listing.credentials.retain(|credential| *credential.id() == self.id);
        listing.problems.retain(|problem| problem.name == self.id.as_str());
        Ok(listing)
    }

    async fn load(&self, id: &CredentialId) -> Result<Option<Credential>, StoreError> {
        self.store.load(id).await
    }

    async fn save(&self, credential: &Credential) -> Result<(), StoreError> {
        self.store.save(credential).await
    }

    async fn probe(&self, credential: &Credential) -> Result<(), StoreError> {
        self.store.probe(credential).await
    }

    async fn delete(&self, id: &CredentialId) -> Result<bool, StoreError> {
        self.store.delete(id).await
    }

    fn keeps(&self, credential: &Credential) -> bool {
        self.store.keeps(credential)
    }

    async fn lease(&self, id: &CredentialId) -> Result<Box<dyn RefreshLease>, StoreError> {
        self.store.lease(id).await
    }
}
