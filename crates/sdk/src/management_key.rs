//! A management key that somebody wrote in plain text does not stay so: neither in the file nor in memory.

use std::io;
use std::path::Path;

use cliproxy_auth_store::{recover_file, replace_file};
use cliproxy_config::{
    ConfigErrors, ConfigText, Edit, EditError, HashError, Loaded, Loader, Notice, Place, Secret, Step,
    hash_management_key, is_management_hash,
};

/// Loads a file to serve under. Where `remote-management.secret-key` is in plain text, its hash takes its place, in the
/// configuration and in the file, of which nothing else changes; a notice says what was done, or why the key could only be
/// hashed in memory. Reads and writes the disk and may hash for 50 ms: call it off the runtime thread.
///
/// # Errors
/// All mistakes together, as of [`Loader::load_file`].
// Source: runtime.md A.6.
pub fn load_to_serve(loader: &Loader, path: &Path) -> Result<Loaded, ConfigErrors> {
    // A crash while a file was written that is mounted by itself; one that does not exist is for the loader to say.
    if let Ok(path) = std::fs::canonicalize(path)
        && let Err(error) = recover_file(&path)
    {
        tracing::warn!(%error, file = %path.display(), "cannot finish a write that was cut off");
    }
    let mut loaded = loader.load_file(path)?;
    hash_plain_key(&mut loaded, path);
    Ok(loaded)
}

/// Why a plain key could not be replaced in its file.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Hash(#[from] HashError),
    #[error("{0}")]
    Edit(#[from] EditError),
    #[error("the file cannot be written: {0}")]
    Write(#[from] io::Error),
    #[error("the file has changed since it was read")]
    Changed,
}

fn hash_plain_key(loaded: &mut Loaded, path: &Path) {
    let Some(plain) = loaded.config.management.secret.take_if(|secret| !is_management_hash(secret.expose()))
    else {
        return;
    };
    let place = loaded.origin(&["remote-management".into(), "secret-key".into()]).cloned();
    let place = place.unwrap_or_else(|| Place::whole(path.display().to_string()));
    let is_in_file = place.line().is_some() && place.source() == path.display().to_string();
    let hash = hash_management_key(&plain);
    // What cannot be hashed is still compared as it is.
    loaded.config.management.secret = Some(hash.clone().map_or(plain, Secret::from));
    if !is_in_file {
        // A variable is read again at every start, and is not ours to write.
        return;
    }
    let key = "remote-management.secret-key".to_owned();
    let written = hash.map_err(Refusal::from).and_then(|hash| write(&loaded.text, path, &hash));
    loaded.notices.push(match written {
        Ok(text) => {
            loaded.text = text;
            let reason = "it was in plain text; the file has its hash now".to_owned();
            Notice::Done { place, key, reason }
        }
        Err(refusal) => {
            let reason = format!("it stays in the file in plain text, for whoever can read that: {refusal}");
            Notice::Unsafe { place, key, reason }
        }
    });
}

/// Puts the hash into the file, and gives back what it says then.
fn write(text: &str, path: &Path, hash: &str) -> Result<String, Refusal> {
    let mut edited = ConfigText::parse(&path.display().to_string(), text)?;
    // Either spelling of a key is read.
    for section in ["remote-management", "remote_management"] {
        for key in ["secret-key", "secret_key"] {
            let at: [Step; 2] = [section.into(), key.into()];
            if edited.document().value_at(&at).is_some_and(|value| !value.is_null()) {
                edited.apply(&Edit::set(at, hash))?;
            }
        }
    }
    // Behind a link, so that the link stays.
    let file = std::fs::canonicalize(path)?;
    if std::fs::metadata(&file)?.permissions().readonly() {
        // A file that its owner may not write could be replaced by another one, against what its owner wanted.
        return Err(Refusal::Write(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only")));
    }
    if std::fs::read(&file)? != text.as_bytes() {
        return Err(Refusal::Changed);
    }
    replace_file(&file, edited.as_str().as_bytes())?;
    Ok(edited.into_string())
}
