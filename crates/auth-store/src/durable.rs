//! Replaces a file so that either the old or the new text exists whole, whatever happens.

use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::in_place;

const PREFIX: &str = ".cliproxy-";
const SUFFIX: &str = ".tmp";

/// A write takes milliseconds, so a temporary file this old has lost its process.
const ABANDONED: Duration = Duration::from_secs(10 * 60);

/// Writes `text` beside `path`, for its owner alone, syncs it, renames it into place and syncs the folder: afterwards
/// either the old or the new text exists whole, even after a crash. A file that cannot be renamed over is written where
/// it is, as by [`replace_shared`]. Blocks.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    replace_by(path, text, None, rename)
}

/// Replaces a file that other programs use too: as one of ours is replaced, but with the mode that it had and, where
/// the system allows it, with the owner. A file that cannot be renamed over (one that is mounted by itself, a folder
/// that is not ours to write) is written where it is, and synced; [`recover_file`](crate::recover_file) finishes what a
/// crash left of that. Blocks.
///
/// # Errors
/// When it could not be made durable.
pub fn replace_shared(path: &Path, text: &[u8]) -> io::Result<()> {
    replace_shared_by(path, text, rename)
}

fn replace_shared_by(
    path: &Path,
    text: &[u8],
    rename: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let before = match fs::metadata(path) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    replace_by(path, text, before.as_ref(), rename)
}

fn replace_by(
    path: &Path,
    text: &[u8],
    like: Option<&Metadata>,
    rename: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    match write_beside(path, text, like, rename) {
        Err(error) if only_in_place(error.kind()) && path.is_file() => in_place::write(path, text),
        done => done,
    }
}

/// Puts a file that nothing is mounted on in place whole, for its owner alone.
pub(crate) fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    write_beside(path, text, None, rename)
}

fn write_beside(
    path: &Path,
    text: &[u8],
    like: Option<&Metadata>,
    rename: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let folder = folder_of(path)?;
    let (temporary, mut file) = Temporary::create(folder)?;
    if let Some(like) = like {
        resemble(&file, like)?;
    }
    file.write_all(text)?;
    file.sync_all()?;
    drop(file);
    temporary.rename_to(path, rename)?;
    sync_folder(folder)
}

/// Finds out whether [`replace`] would work now for a text of so many bytes: writes as many beside the file, which stays as
/// it is. A file that cannot be renamed over has to be one that can be written where it is.
pub(crate) fn probe(path: &Path, bytes: usize) -> io::Result<()> {
    let beside = write_and_remove(path, bytes);
    verdict(beside, path.is_file(), || OpenOptions::new().write(true).open(path).map(drop), || stays(path))
}

/// What a trial beside a file means for the file.
fn verdict(
    beside: io::Result<()>,
    exists: bool,
    in_place: impl FnOnce() -> io::Result<()>,
    stays: impl FnOnce() -> bool,
) -> io::Result<()> {
    match beside {
        Err(error) if only_in_place(error.kind()) && exists => in_place(),
        // The folder can be written. One that may not be written where it is can be replaced all the same, unless nothing
        // can be put in its place either.
        Ok(()) => match in_place() {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem || stays() => Err(error),
            _ => Ok(()),
        },
        done => done,
    }
}

/// Whether no other file can be put in the place of this one, whatever its folder allows: something is mounted on it, or it
/// is marked so that it cannot go.
#[cfg(target_os = "linux")]
fn stays(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let marks = StatxAttributes::MOUNT_ROOT | StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS);
    found.is_ok_and(|found| found.stx_attributes.intersects(marks))
}

/// Elsewhere files are not mounted by themselves.
#[cfg(not(target_os = "linux"))]
fn stays(_: &Path) -> bool {
    false
}

/// Finds out whether a file that other programs use too could be replaced now: what is there stays as it is. Blocks.
///
/// # Errors
/// When it could not be replaced now.
pub fn probe_shared(path: &Path) -> io::Result<()> {
    probe(path, PROBED)
}

/// As much as a renewed login may have, but for very large ones.
pub(crate) const PROBED: usize = 16 * 1024;

fn write_and_remove(path: &Path, bytes: usize) -> io::Result<()> {
    let (_removed, mut file) = Temporary::create(folder_of(path)?)?;
    file.write_all(&vec![b' '; bytes])?;
    // Some file systems find out only now that they are full.
    file.sync_all()
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Whether a file may be written all the same after this failure to put another in its place.
pub(crate) fn only_in_place(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(kind, CrossesDevices | PermissionDenied | ReadOnlyFilesystem | ResourceBusy)
}

/// Gives a new file the owner and the mode of the one that it replaces.
#[cfg(unix)]
fn resemble(file: &File, before: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let (user, group) = (Some(before.uid()), Some(before.gid()));
    // Only root may give files away; everybody may name a group of their own.
    let group_stays = fchown(file, user, group).or_else(|_| fchown(file, None, group)).is_ok();
    let mode = before.permissions().mode() & 0o777;
    // What one group may read is not another's.
    let mode = if group_stays { mode } else { mode & !0o070 };
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn resemble(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// The folder of a path; that of a bare name is the one we are in.
pub(crate) fn folder_of(path: &Path) -> io::Result<&Path> {
    let folder = path.parent().ok_or_else(|| io::Error::other("the path has no folder"))?;
    Ok(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// Removes a file durably; false when there was none.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    sync_folder(folder_of(path)?)?;
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
    folder_of(path).and_then(sync_folder)
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

    fn rename_to(
        mut self,
        path: &Path,
        rename: impl FnOnce(&Path, &Path) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some(own) = &self.path {
            rename(own, path)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "what was there before, and longer";

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_bare_name_is_a_file_of_the_folder_we_are_in() {
        let file = tempfile::Builder::new().tempfile_in(".").unwrap();
        let name = Path::new(file.path().file_name().unwrap());
        replace_shared(name, b"new").unwrap();
        assert_eq!(fs::read(name).unwrap(), b"new");
        assert!(remove(name).unwrap());
    }

    #[test]
    fn a_file_that_cannot_be_renamed_over_is_written_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for kind in [io::ErrorKind::ResourceBusy, io::ErrorKind::CrossesDevices] {
            fs::write(&path, LONG).unwrap();
            replace_shared_by(&path, b"new", |_, _| Err(kind.into())).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(names(folder.path()), ["a.json"]);
        }
    }

    #[test]
    fn what_cannot_be_replaced_has_to_be_one_that_can_be_written() {
        use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
        for (beside, exists, in_place, stays, fine) in [
            (None, true, None, false, true),
            (None, false, Some(NotFound), false, true),
            // A file of ours that we made read-only is replaced; one that is mounted so is not.
            (None, true, Some(PermissionDenied), false, true),
            (None, true, Some(PermissionDenied), true, false),
            (None, true, Some(ReadOnlyFilesystem), false, false),
            (None, true, None, true, true),
            // The folder is not ours to write.
            (Some(PermissionDenied), true, None, false, true),
            (Some(PermissionDenied), true, Some(PermissionDenied), false, false),
            (Some(PermissionDenied), false, None, false, false),
            (Some(StorageFull), true, None, false, false),
        ] {
            let result = |kind: Option<io::ErrorKind>| kind.map_or(Ok(()), |kind| Err(kind.into()));
            let said = verdict(result(beside), exists, || result(in_place), || stays);
            assert_eq!(said.is_ok(), fine, "{beside:?} {exists} {in_place:?} {stays}");
        }
    }

    #[test]
    fn any_other_failure_leaves_the_old_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, LONG).unwrap();
        let full = |_: &Path, _: &Path| Err(io::ErrorKind::StorageFull.into());
        assert_eq!(replace_shared_by(&path, b"new", full).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), LONG);
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_shared_file_keeps_its_mode_and_owner() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, LONG).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        // Only root can give it to somebody else; for all others it stays theirs.
        let _refused = chown(&path, Some(12_345), Some(12_345));
        let before = fs::metadata(&path).unwrap();
        replace_shared(&path, b"new").unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(after.permissions().mode() & 0o777, 0o640);
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_ne!(after.ino(), before.ino(), "it was replaced as a whole");
    }
}
