//! Where credentials live.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;

use crate::{Credential, CredentialId, Origin};

/// A credential that could not be read: reported, skipped and left untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreProblem {
    /// The file, row or object.
    pub name: String,
    /// What is wrong and what would be right; no content.
    pub reason: String,
}

impl StoreProblem {
    /// A problem.
    #[must_use]
    pub fn new(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), reason: reason.into() }
    }
}

/// What a store holds.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// What could be read, sorted by id.
    pub credentials: Vec<Credential>,
    /// What could not.
    pub problems: Vec<StoreProblem>,
    /// When each was last written, where the store can tell: of two with one token the older is the original.
    pub written: BTreeMap<CredentialId, SystemTime>,
}

impl Listing {
    /// A listing.
    #[must_use]
    pub fn new(credentials: Vec<Credential>, problems: Vec<StoreProblem>) -> Self {
        Self { credentials, problems, written: BTreeMap::new() }
    }
}

/// What went wrong in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The id is not a name that the store may use (it leaves the directory, has no `.json`, …).
    InvalidId,
    /// The stored text is not a credential.
    Unreadable,
    /// The storage failed: disk full, permission, network.
    Storage,
    /// Somebody else changed it in between.
    Conflict,
}

/// A failure of a store.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// A failure told in one lower-case clause.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Attaches the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

/// The right to renew one credential, exclusive across every process that shares the store. Dropping it gives
/// it back.
pub trait RefreshLease: fmt::Debug + Send {}

/// Keeps credentials. What `save` has returned for is durable.
#[async_trait]
pub trait CredentialStore: fmt::Debug + Send + Sync + 'static {
    /// Everything in the store. One bad entry does not hide the others.
    ///
    /// # Errors
    /// When the store as a whole cannot be read.
    async fn list(&self) -> Result<Listing, StoreError>;

    /// One credential as it is stored now; `None` when it is gone.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn load(&self, id: &CredentialId) -> Result<Option<Credential>, StoreError>;

    /// Writes one credential: afterwards either the old or the new text exists whole, even after a crash. One that was loaded
    /// and is gone is better not brought back, nor a refresh token written over that came since
    /// ([`Credential::has_had_token`]), nor anything that [`load`](Self::load) takes for unreadable and that holds
    /// something: renewed tokens are saved there too, for an empty place has nothing to lose.
    ///
    /// # Errors
    /// When it could not be made durable.
    async fn save(&self, credential: &Credential) -> Result<(), StoreError>;

    /// Finds out beforehand, as far as that is possible, whether [`save`](Self::save) of this credential would work now:
    /// asked under the lease, before a refresh token is spent that works once. What is stored stays as it is.
    ///
    /// # Errors
    /// When it would not; the text names the file, row or object.
    async fn probe(&self, credential: &Credential) -> Result<(), StoreError> {
        let _ = credential;
        Ok(())
    }

    /// Removes one credential; false when there was none.
    ///
    /// # Errors
    /// When it could not be removed.
    async fn delete(&self, id: &CredentialId) -> Result<bool, StoreError>;

    /// Whether renewed tokens of this credential are to be saved here: those that came from a store are.
    fn keeps(&self, credential: &Credential) -> bool {
        matches!(credential.origin(), Origin::Store(_))
    }

    /// Waits for the right to renew one credential.
    ///
    /// # Errors
    /// When no lease can be had at all.
    async fn lease(&self, id: &CredentialId) -> Result<Box<dyn RefreshLease>, StoreError>;
}
