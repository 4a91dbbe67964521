//! Names of credentials inside the directory, and the guard that keeps them there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cliproxy_core::{StoreError, StoreErrorKind};

/// How many folders deep a credential may lie. Nobody nests more; the bound keeps a walk finite.
pub(crate) const MAX_DEPTH: usize = 8;

const MAX_NAME: usize = 1024;
const MAX_COMPONENT: usize = 255;

/// A path below the directory, with forward slashes, that names a `.json` file and cannot lead out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelativeName(String);

impl RelativeName {
    pub(crate) fn parse(id: &str) -> Result<Self, StoreError> {
        match fault(id) {
            None => Ok(Self(id.to_owned())),
            Some(why) => Err(invalid(id, why)),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The file behind the name. `root` must be canonical.
    ///
    /// Folders on the way may not be links, so that one file has one name. The file itself may be a link to
    /// another place inside the directory (as mounted secrets are); then that place is returned. Whoever can
    /// make links in the directory can already read and write its credentials, so checking before opening is
    /// enough.
    pub(crate) fn locate(&self, root: &Path) -> Result<PathBuf, StoreError> {
        let mut path = root.to_path_buf();
        let mut parts = self.0.split('/').peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            let found = match fs::symlink_metadata(&path) {
                Ok(found) => found.file_type(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    path.extend(parts);
                    return Ok(path);
                }
                Err(error) => return Err(storage("cannot look at", &self.0, error)),
            };
            let last = parts.peek().is_none();
            match (last, found.is_symlink()) {
                (true, true) => return link_target(root, &path).map_err(|why| invalid(&self.0, why)),
                (true, false) if !found.is_file() => {
                    return Err(invalid(&self.0, "it is not a regular file"));
                }
                (false, _) if !found.is_dir() => {
                    return Err(invalid(&self.0, "a folder on the way is a link or a file"));
                }
                _ => {}
            }
        }
        Ok(path)
    }
}

/// Where a link leads, if that is a regular file inside the directory.
pub(crate) fn link_target(root: &Path, link: &Path) -> Result<PathBuf, &'static str> {
    let target = fs::canonicalize(link).map_err(|_| "it is a link that leads nowhere")?;
    if !target.starts_with(root) {
        return Err("it is a link that leaves the directory");
    }
    if !target.is_file() {
        return Err("it is a link to something that is not a regular file");
    }
    Ok(target)
}

pub(crate) fn is_json(name: &str) -> bool {
    // Source: runtime.md C.6 "ending in `.json` (case-insensitive)".
    name.len() > ".json".len()
        && name
            .len()
            .checked_sub(".json".len())
            .and_then(|at| name.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(".json"))
}

/// Hand-over files of a login in progress. Source: providers-a.md 1.1 "OAuth hand-over files".
pub(crate) fn is_handover(name: &str) -> bool {
    name.starts_with(".oauth-")
}

/// Says what is wrong with an id, if anything is.
fn fault(id: &str) -> Option<&'static str> {
    if id.is_empty() || id.len() > MAX_NAME {
        return Some("a name has 1 to 1024 bytes");
    }
    if id.contains(|c: char| c.is_control()) {
        return Some("a name has no control characters");
    }
    // A backslash separates folders on some systems, and `c:` names a drive there.
    if id.contains('\\') || (cfg!(windows) && id.contains(':')) {
        return Some("folders are separated by forward slashes");
    }
    if id.starts_with('/') || drive(id) {
        return Some("a name is relative to the auth directory");
    }
    let parts: Vec<&str> = id.split('/').collect();
    if parts.len() > MAX_DEPTH {
        return Some("a credential lies at most 8 folders deep");
    }
    if parts.iter().any(|part| part.is_empty() || part.len() > MAX_COMPONENT || matches!(*part, "." | "..")) {
        return Some("it has an empty, too long or dotted part");
    }
    let (file, folders) = parts.split_last()?;
    if folders.iter().any(|folder| folder.starts_with('.')) || is_handover(file) {
        return Some("hidden folders and hand-over files hold no credentials");
    }
    (!is_json(file)).then_some("it does not end in .json")
}

fn drive(id: &str) -> bool {
    matches!(id.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

fn invalid(id: &str, why: &str) -> StoreError {
    // The id may come from a stranger: shown escaped and bounded.
    let shown: String = id.chars().take(120).flat_map(char::escape_default).collect();
    StoreError::new(StoreErrorKind::InvalidId, format!("\"{shown}\" cannot name a credential file: {why}"))
}

pub(crate) fn storage(what: &str, name: &str, error: io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Storage, format!("{what} {name}")).with_source(error)
}
