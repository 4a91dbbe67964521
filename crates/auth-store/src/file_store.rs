//! Credentials as JSON files below one directory.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Credential, CredentialId, CredentialStore, Document, Listing, Origin, RefreshLease, StoreError,
    StoreErrorKind, StoreProblem,
};

use crate::durable;
use crate::in_place;
use crate::lock::{Locks, blocking};
use crate::merge;
use crate::name::{RelativeName, storage};
use crate::reading::{provider_of, reading};
use crate::text::{self, Fault, StoredText};
use crate::walk;

/// The auth directory. Clones share one.
///
/// # Cancel safety
/// Every future may be dropped. What a `save` or `delete` has begun on the blocking pool it ends.
#[derive(Clone)]
pub struct FileStore {
    inner: Arc<Inner>,
}

struct Inner {
    directory: PathBuf,
    locks: Arc<Locks>,
}

impl FileStore {
    /// A store on this directory. It is created, for the owner alone, when it is first needed.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let inner = Inner { directory: directory.into(), locks: Arc::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || Ok(work(&inner)))
            .await
            .map_err(|error| storage("file work was cut off in", "the auth directory", error))?
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("directory", &self.inner.directory).finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialStore for FileStore {
    async fn list(&self) -> Result<Listing, StoreError> {
        self.run(Inner::list).await
    }

    async fn load(&self, id: &CredentialId) -> Result<Option<Credential>, StoreError> {
        let name = RelativeName::parse(id.as_str())?;
        self.run(move |inner| inner.load(&name)).await
    }

    /// Writes what changed; see the crate's page for what exactly. Credentials that do not come from a store
    /// have no place here: nothing is written and nothing is wrong.
    async fn save(&self, credential: &Credential) -> Result<(), StoreError> {
        // Source: runtime.md D.10 "Nothing is written when".
        let Origin::Store(file) = credential.origin() else { return Ok(()) };
        let name = RelativeName::parse(credential.id().as_str())?;
        if file != name.as_str() {
            let what = format!("the credential {} says that its file is another one", credential.masked_id());
            return Err(StoreError::new(StoreErrorKind::InvalidId, what));
        }
        let credential = credential.clone();
        self.run(move |inner| inner.save(&name, &credential)).await
    }

    async fn probe(&self, credential: &Credential) -> Result<(), StoreError> {
        if !self.keeps(credential) {
            return Ok(());
        }
        let name = RelativeName::parse(credential.id().as_str())?;
        let credential = credential.clone();
        self.run(move |inner| inner.probe(&name, &credential)).await
    }

    async fn delete(&self, id: &CredentialId) -> Result<bool, StoreError> {
        let name = RelativeName::parse(id.as_str())?;
        self.run(move |inner| inner.delete(&name)).await
    }

    async fn lease(&self, id: &CredentialId) -> Result<Box<dyn RefreshLease>, StoreError> {
        let name = RelativeName::parse(id.as_str())?;
        let lease = self.inner.locks.lease(&self.inner.directory, &name).await;
        let lease = lease.map_err(|error| storage("cannot lock", name.as_str(), error))?;
        Ok(Box::new(lease))
    }
}

impl Inner {
    fn list(&self) -> Result<Listing, StoreError> {
        let failed = |error| storage("cannot read the auth directory", &self.shown(), error);
        durable::create_folder(&self.directory).map_err(failed)?;
        let found = self.root().and_then(|root| walk::walk(&root)).map_err(failed)?;
        let mut listing = Listing::new(Vec::with_capacity(found.files.len()), found.problems);
        for (name, path) in found.files {
            match read(&path) {
                Ok(Ok(stored)) => {
                    let reading = reading(name.as_str(), &stored);
                    if let Ok(written) = fs::metadata(&path).and_then(|known| known.modified()) {
                        listing.written.insert(reading.credential.id().clone(), written);
                    }
                    listing.credentials.push(reading.credential);
                    listing.problems.extend(reading.problems);
                }
                Ok(Err(fault)) => {
                    listing.problems.push(StoreProblem::new(name.as_str(), fault.to_string()));
                }
                // Deleted since the walk: as if it had never been there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let reason = format!("cannot be read ({error}): check its owner and permissions");
                    listing.problems.push(StoreProblem::new(name.as_str(), reason));
                }
            }
        }
        listing.credentials.sort_by(|a, b| a.id().cmp(b.id()));
        listing.problems.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listing)
    }

    fn load(&self, name: &RelativeName) -> Result<Option<Credential>, StoreError> {
        let Some(path) = self.locate(name)? else { return Ok(None) };
        match read(&path) {
            Ok(Ok(stored)) => Ok(Some(reading(name.as_str(), &stored).credential)),
            Ok(Err(fault)) => {
                Err(StoreError::new(StoreErrorKind::Unreadable, format!("{}: {fault}", name.as_str())))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(storage("cannot read", name.as_str(), error)),
        }
    }

    fn save(&self, name: &RelativeName, credential: &Credential) -> Result<(), StoreError> {
        let known = credential.changed_members().is_some();
        let failed = |error| storage("cannot save", name.as_str(), error);
        durable::create_folder(&self.directory).map_err(failed)?;
        let _turn = self.locks.write_turn(&self.directory, name).map_err(failed)?;
        let path = name.locate(&self.root().map_err(failed)?)?;
        let disk = on_disk(name, &path, credential)?;
        // Source: runtime.md H.2 "A disabled auth whose file is gone is not recreated"; nor is any other.
        if known && disk.is_none() && !path.exists() {
            return Err(conflict(name, "is gone: it is not brought back"));
        }
        if disk.as_ref().is_some_and(|disk| merge::writes_over_a_token(credential, disk)) {
            return Err(conflict(name, "has another login meanwhile: that is not written over"));
        }
        let Some(text) = merge::next_text(credential, disk.as_ref()) else { return Ok(()) };
        if text.len() as u64 > text::MAX_BYTES {
            let what = format!("cannot save {}: it would have more than 1 MiB", name.as_str());
            return Err(StoreError::new(StoreErrorKind::Storage, what));
        }
        path.parent().map_or(Ok(()), durable::create_folder).map_err(failed)?;
        durable::replace(&path, &text).map_err(failed)
    }

    fn probe(&self, name: &RelativeName, credential: &Credential) -> Result<(), StoreError> {
        let failed = |error| storage("cannot save", name.as_str(), error);
        durable::create_folder(&self.directory).map_err(failed)?;
        let path = name.locate(&self.root().map_err(failed)?)?;
        on_disk(name, &path, credential)?;
        let known = fs::metadata(&path).map_or(0, |known| usize::try_from(known.len()).unwrap_or_default());
        path.parent().map_or(Ok(()), durable::create_folder).map_err(failed)?;
        durable::probe(&path, known + durable::PROBED).map_err(failed)
    }

    fn delete(&self, name: &RelativeName) -> Result<bool, StoreError> {
        let Some(path) = self.locate(name)? else { return Ok(false) };
        let failed = |error| storage("cannot delete", name.as_str(), error);
        let _turn = self.locks.write_turn(&self.directory, name).map_err(failed)?;
        // A link inside the directory goes together with what it leads to, or the secret would stay behind.
        let removed = durable::remove(&path).map_err(failed)?;
        durable::remove(&self.directory.join(name.as_str())).map_err(failed)?;
        Ok(removed)
    }

    fn root(&self) -> io::Result<PathBuf> {
        fs::canonicalize(&self.directory)
    }

    /// `None` when not even the directory exists.
    fn locate(&self, name: &RelativeName) -> Result<Option<PathBuf>, StoreError> {
        match self.root() {
            Ok(root) => name.locate(&root).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(storage("cannot read the auth directory", &self.shown(), error)),
        }
    }

    fn shown(&self) -> String {
        self.directory.display().to_string()
    }
}

/// Reads a file that another process may have been writing when it was killed.
fn read(path: &Path) -> io::Result<Result<StoredText, Fault>> {
    if let Err(error) = in_place::recover(path) {
        tracing::warn!(file = %path.display(), %error, "cannot finish a write that a crash had cut off");
    }
    text::read(path)
}

/// What a save merges with. An empty file has nothing to lose; one that is no credential, or somebody else's,
/// is left untouched.
fn on_disk(
    name: &RelativeName,
    path: &Path,
    credential: &Credential,
) -> Result<Option<StoredText>, StoreError> {
    let conflict = |why: &str| Err(conflict(name, &format!("was changed and {why}")));
    match read(path) {
        Ok(Ok(stored)) => {
            let theirs = provider_of(&Document::new(stored.map.clone()));
            if theirs == *credential.provider() {
                Ok(Some(stored))
            } else {
                conflict(&format!("belongs to {theirs} now: move it away or delete it"))
            }
        }
        Ok(Err(Fault::Empty)) => Ok(None),
        Ok(Err(fault)) => conflict(&format!("cannot be merged with: {fault}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(storage("cannot save", name.as_str(), error)),
    }
}

fn conflict(name: &RelativeName, what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, format!("{} {what}", name.as_str()))
}
