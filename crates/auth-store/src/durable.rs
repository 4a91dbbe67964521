//! Replaces a file so that either the old or the new text exists whole, whatever happens.

use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const PREFIX: &str = ".cliproxy-";
const SUFFIX: &str = ".tmp";

/// A write takes milliseconds, so a temporary file this old has lost its process.
const ABANDONED: Duration = Duration::from_secs(10 * 60);

/// Writes `text` beside `path`, for its owner alone, syncs it, renames it into place and syncs the folder: afterwards
/// either the old or the new text exists whole, even after a crash. Blocks.
///
/// # Errors
/// When it could not be made durable.
pub fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("the path has no folder"))?;
    let (temporary, mut file) = Temporary::create(folder)?;
    file.write_all(text)?;
    file.sync_all()?;
    drop(file);
    temporary.rename_to(path)?;
    sync_folder(folder)
}

/// Removes a file durably; false when there was none.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(true)
}

/// Makes a folder, and those above it, for the owner alone. Folders that exist keep their mode.
// Source: runtime.md H.2 "directories 0700".
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

/// Whether a name is that of one of our temporary files.
pub(crate) fn is_leftover(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Removes a temporary file whose process was killed. A failure is no loss: the next listing tries again.
pub(crate) fn remove_if_abandoned(path: &Path) {
    let age = fs::symlink_metadata(path)
        .and_then(|found| found.modified())
        .map(|then| SystemTime::now().duration_since(then).unwrap_or_default());
    if age.is_ok_and(|age| age >= ABANDONED)
        && let Err(error) = fs::remove_file(path)
    {
        tracing::debug!(%error, "cannot remove an abandoned temporary file");
    }
}

/// A file that is removed again unless it was renamed.
struct Temporary {
    path: Option<PathBuf>,
}

impl Temporary {
    /// Creates a new file of mode 0600; never opens one that exists.
    fn create(folder: &Path) -> io::Result<(Self, File)> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut attempts = 0;
        loop {
            // The standard library seeds this hasher at random: enough for names that rarely meet.
            let random = RandomState::new().build_hasher().finish();
            let path = folder.join(format!("{PREFIX}{random:016x}{SUFFIX}"));
            match options.open(&path) {
                Ok(file) => return Ok((Self { path: Some(path) }, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < 8 => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn rename_to(mut self, path: &Path) -> io::Result<()> {
        if let Some(own) = &self.path {
            fs::rename(own, path)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.path.take()
            && let Err(error) = fs::remove_file(path)
        {
            tracing::debug!(%error, "cannot remove a temporary file");
        }
    }
}

/// Makes renames in a folder durable. Folders cannot be opened so on Windows, where renames are journaled.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}
