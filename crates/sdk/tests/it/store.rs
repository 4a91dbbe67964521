//! A credential store of one's own.

use std::sync::Arc;

use cliproxy_sdk::async_trait;
use cliproxy_sdk::core::{
    Credential, CredentialId, CredentialKind, CredentialStore, Document, Listing, Origin, ProviderId,
    RefreshLease, Secret, Settings, StoreError, StoreErrorKind, StoreProblem,
};
use cliproxy_sdk::{ReloadError, StartError};
use cliproxy_testkit::{FakeUpstream, claude};
use parking_lot::Mutex;

use crate::place::{Place, ask, models, serving, text};

/// Credentials in memory, or none because it is down.
#[derive(Debug, Default)]
struct Memory(Mutex<Option<Vec<Credential>>>);

#[derive(Debug)]
struct NoLease;
impl RefreshLease for NoLease {}

fn down() -> StoreError {
    StoreError::new(StoreErrorKind::Storage, "the store is down")
}

#[async_trait]
impl CredentialStore for Memory {
    async fn list(&self) -> Result<Listing, StoreError> {
        let held = self.0.lock().clone().ok_or_else(down)?;
        Ok(Listing::new(held, vec![StoreProblem::new("row-7", "no JSON")]))
    }

    async fn load(&self, id: &CredentialId) -> Result<Option<Credential>, StoreError> {
        Ok(self.0.lock().as_ref().ok_or_else(down)?.iter().find(|held| held.id() == id).cloned())
    }

    async fn save(&self, _credential: &Credential) -> Result<(), StoreError> {
        Err(down())
    }

    async fn delete(&self, _id: &CredentialId) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn lease(&self, _id: &CredentialId) -> Result<Box<dyn RefreshLease>, StoreError> {
        Ok(Box::new(NoLease))
    }
}

fn stored(key: &str) -> Credential {
    Credential::new(
        CredentialId::from_static("row-1"),
        ProviderId::from_static("claude"),
        CredentialKind::ApiKey,
        Origin::Store("row-1".to_owned()),
        Document::with_api_key(&Secret::from(key)),
        Settings::new("row 1"),
    )
    .into_stored()
}

#[tokio::test]
async fn credentials_come_from_the_store_that_was_handed_in() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([claude::message("stored")]);
    let place = Place::new();
    place.write(&format!("endpoints: {{claude: {{api: '{}'}}}}\n", upstream.url()));
    let store = Arc::new(Memory(Mutex::new(Some(vec![stored("sk-ant-api03-1")]))));
    let service = serving(place.builder().store(Arc::clone(&store) as _)).await;
    assert_eq!(text(ask(&service, "claude-sonnet-4-6").await).await, "stored");
    assert_eq!(upstream.keys_seen(), ["sk-ant-api03-1"]);

    *store.0.lock() = None;
    let error = service.reload().await.unwrap_err();
    assert!(matches!(error, ReloadError::Store(_)), "{error:?}");
    assert_eq!(text(ask(&service, "claude-sonnet-4-6").await).await, "stored", "nothing was lost");

    *store.0.lock() = Some(Vec::new());
    service.reload().await.unwrap();
    assert_eq!(models(&service).await, ["demo"]);
    service.stop().await;
}

#[tokio::test]
async fn a_store_that_is_down_at_the_start_is_a_typed_error() {
    let place = Place::new();
    place.write("");
    let error = place.builder().store(Arc::new(Memory::default())).build().await.unwrap_err();
    assert!(matches!(error, StartError::Store(_)), "{error:?}");
}
