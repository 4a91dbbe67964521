//! Locks per credential that hold across processes and vanish with their holder.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use cliproxy_core::RefreshLease;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::durable;
use crate::name::RelativeName;
use crate::stable_id::hex;

/// The folder of the lock files, hidden from every reader of credentials.
const FOLDER: &str = ".locks";

const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// What a lock protects. A lease is held over a network call, a write only over one; so that a save inside a
/// lease does not wait for itself, they are two locks.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Lease,
    Write,
}

#[derive(Debug, Default)]
pub(crate) struct Locks {
    /// Inside the process the waiters of one credential queue here, and only the first asks the file system.
    queues: Mutex<HashMap<String, Weak<Turn<()>>>>,
    degraded: AtomicBool,
}

impl Locks {
    /// Waits for the right to renew. The lock is the kernel's: it ends with the holder, however that ends.
    pub(crate) async fn lease(self: &Arc<Self>, root: &Path, name: &RelativeName) -> io::Result<Lease> {
        let turn = self.queue(name.as_str()).lock_owned().await;
        let (locks, path) = (Arc::clone(self), lock_path(root, name, Purpose::Lease));
        let mut file = blocking(move || locks.open(&path)).await?;
        let mut wait = FIRST_WAIT;
        while let Some(open) = file {
            let (open, outcome) = blocking(move || {
                let outcome = open.try_lock();
                Ok((open, outcome))
            })
            .await?;
            match outcome {
                Ok(()) => return Ok(Lease { _file: Some(open), _turn: turn }),
                Err(TryLockError::WouldBlock) => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                    file = Some(open);
                }
                Err(TryLockError::Error(error)) => file = self.degrade(error)?,
            }
        }
        Ok(Lease { _file: None, _turn: turn })
    }

    /// Blocks until nobody else writes this credential. For the blocking pool: a write is short.
    pub(crate) fn write_turn(&self, root: &Path, name: &RelativeName) -> io::Result<Option<File>> {
        let Some(file) = self.open(&lock_path(root, name, Purpose::Write))? else {
            return Ok(None);
        };
        match file.lock() {
            Ok(()) => Ok(Some(file)),
            Err(error) => self.degrade(error),
        }
    }

    fn queue(&self, name: &str) -> Arc<Turn<()>> {
        let mut queues = self.queues.lock();
        if let Some(queue) = queues.get(name).and_then(Weak::upgrade) {
            return queue;
        }
        queues.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::default();
        queues.insert(name.to_owned(), Arc::downgrade(&queue));
        queue
    }

    fn open(&self, path: &Path) -> io::Result<Option<File>> {
        let opened = path.parent().map_or(Ok(()), durable::create_folder).and_then(|()| {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(path)
        });
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(error) => self.degrade(error),
        }
    }

    /// Where the file system knows no locks, or may not be written, the process guards itself alone:
    /// refusing would end every renewal there.
    fn degrade(&self, error: io::Error) -> io::Result<Option<File>> {
        if !cannot_lock(&error) {
            return Err(error);
        }
        if !self.degraded.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "the auth directory cannot hold locks: run one process on it");
        }
        Ok(None)
    }
}

pub(crate) fn cannot_lock(error: &io::Error) -> bool {
    // ENOLCK has no `ErrorKind` of its own; 37 is its number on Linux.
    let no_locks = cfg!(target_os = "linux") && error.raw_os_error() == Some(37);
    no_locks
        || matches!(
            error.kind(),
            io::ErrorKind::Unsupported | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
        )
}

fn lock_path(root: &Path, name: &RelativeName, purpose: Purpose) -> PathBuf {
    let digest = hex(Sha256::digest(name.as_str()).get(..16).unwrap_or_default());
    let ending = match purpose {
        Purpose::Lease => "lease",
        Purpose::Write => "write",
    };
    root.join(FOLDER).join(format!("{digest}.{ending}"))
}

/// Runs file work off the runtime. Once begun it ends, even if the caller goes away.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The right to renew one credential. The file closes first, then the next waiter in the process gets its turn.
#[derive(Debug)]
pub(crate) struct Lease {
    _file: Option<File>,
    _turn: OwnedMutexGuard<()>,
}

impl RefreshLease for Lease {}
