//! The first start on a fresh machine: a config file with keys of its own.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cliproxy_config::first_run_yaml;
use cliproxy_core::Secret;
use ring::rand::{SecureRandom, SystemRandom};

/// What a first start has made.
#[derive(Debug)]
#[non_exhaustive]
pub struct FirstRun {
    /// The file written.
    pub path: PathBuf,
    /// What clients send; the file holds it too.
    pub api_key: Secret,
}

/// Why the first start could not write its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FirstRunError {
    /// The machine has no randomness.
    #[error("no random numbers can be had for the first keys")]
    Randomness,
    /// The file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Writes a config file for this machine alone: loopback, a random client key, mode 0600.
/// An existing file is never touched.
///
/// # Errors
/// When the file cannot be written, or exists.
pub fn first_run(path: &Path, port: u16) -> Result<FirstRun, FirstRunError> {
    let api_key = random_key("sk-")?;
    let text = first_run_yaml(&api_key, port);
    write_new(path, text.as_bytes())
        .map_err(|source| FirstRunError::Write { path: path.to_owned(), source })?;
    Ok(FirstRun { path: path.to_owned(), api_key })
}

/// 144 random bits in letters and digits that survive every shell.
fn random_key(prefix: &str) -> Result<Secret, FirstRunError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";
    let mut bytes = [0_u8; 29];
    SystemRandom::new().fill(&mut bytes).map_err(|_| FirstRunError::Randomness)?;
    let letters = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 31)));
    Ok(Secret::new(prefix.chars().chain(letters.map(|letter| char::from(*letter))).collect::<String>()))
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(directory)?;
    }
    // Under another name first: whatever goes wrong on the way, there is never half a file under the right one.
    let unfinished = path.with_extension(format!("yaml.{}.tmp", std::process::id()));
    let made = write_whole(&unfinished, text).and_then(|()| put_in_place(&unfinished, path));
    // It may never have been there.
    let _gone = std::fs::remove_file(&unfinished);
    made
}

fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Gives the file its name, unless there is one: a link is refused then, where a rename would replace it.
fn put_in_place(unfinished: &Path, path: &Path) -> io::Result<()> {
    match std::fs::hard_link(unfinished, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // A file system without links. Somebody else would have to write the same file in this very moment.
            if path.try_exists()? {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(unfinished, path)
        }
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use cliproxy_config::{Environment, Loader};

    use super::*;

    #[test]
    fn a_first_run_writes_a_file_that_loads_and_keeps_its_keys() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new").join("config.yaml");
        let made = first_run(&path, 8317).unwrap();
        // The file puts the credentials below `~`.
        let loaded = Loader::new(Environment::new([("HOME", "/nowhere")])).load_file(&path).unwrap();
        assert!(loaded.config.server.host.is_loopback());
        assert_eq!(loaded.config.access.api_keys, std::slice::from_ref(&made.api_key));
        assert_eq!(loaded.notices, []);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(
            matches!(first_run(&path, 8317), Err(FirstRunError::Write { .. })),
            "an existing file is not touched"
        );
        let names: Vec<_> =
            std::fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["config.yaml"], "nothing else is left behind");
    }

    #[test]
    fn a_file_that_cannot_be_written_whole_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yaml");
        let unfinished = path.with_extension(format!("yaml.{}.tmp", std::process::id()));
        // The place of the unfinished file is taken, by something that cannot be removed as a file.
        std::fs::create_dir(&unfinished).unwrap();
        assert!(matches!(first_run(&path, 8317), Err(FirstRunError::Write { .. })));
        assert!(!path.exists(), "no half a file");
        std::fs::remove_dir(&unfinished).unwrap();
        first_run(&path, 8317).unwrap();
    }

    #[test]
    fn a_name_that_is_taken_meanwhile_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let (new, path) = (directory.path().join("new"), directory.path().join("config.yaml"));
        std::fs::write(&new, "new").unwrap();
        std::fs::write(&path, "mine").unwrap();
        assert_eq!(put_in_place(&new, &path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
