//! A store that shows one credential of another.

use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{Credential, CredentialId, CredentialStore, Listing, RefreshLease, StoreError};

#[derive(Debug)]
pub(super) struct Only {
    pub(super) store: Arc<dyn CredentialStore>,
    pub(super) id: CredentialId,
}

#[async_trait]
impl CredentialStore for Only {
    async fn list(&self) -> Result<Listing, StoreError> {
        let mut listing = self.store.list().await?;
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
