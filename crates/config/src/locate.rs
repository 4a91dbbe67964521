//! Which config file to load.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::overrides::Overrides;

/// Why a file was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// `--config` names it.
    Flag,
    /// `CLIPROXY_CONFIG` names it.
    Variable,
    /// It is `config.yaml` in the working directory.
    WorkingDirectory,
    /// It is `config.yaml` in the auth directory.
    AuthDirectory,
    /// There is none yet: this is where the first run writes one.
    FirstRun,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "named by --config",
            Self::Variable => "named by CLIPROXY_CONFIG",
            Self::WorkingDirectory => "found in the working directory",
            Self::AuthDirectory => "found in the auth directory",
            Self::FirstRun => "there is no config file yet",
        })
    }
}

/// The config file to load, and why this one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Located {
    /// The file. With [`Reason::FirstRun`] it does not exist.
    pub path: PathBuf,
    /// Why it was chosen.
    pub reason: Reason,
    /// The files that would have come first and do not exist.
    pub passed_over: Vec<PathBuf>,
}

/// Finds the config file: `--config`, `CLIPROXY_CONFIG`, `./config.yaml`, `<auth-dir>/config.yaml`.
///
/// A file that is named counts whether it exists or not: a typing error must not load another file. `exists` is asked
/// about the other two, so that this function itself touches no disk. The auth directory is that of `--auth-dir`, of
/// `CLIPROXY__AUTH_DIR`, or the default, `~/.cli-proxy-api`.
pub fn locate(
    overrides: &Overrides,
    environment: &Environment,
    working_directory: &Path,
    mut exists: impl FnMut(&Path) -> bool,
) -> Located {
    let named = |path: &str, reason: Reason| {
        let path = working_directory.join(environment.expand_home(path));
        Located { path, reason, passed_over: Vec::new() }
    };
    if let Some(path) = &overrides.config {
        return match path.to_str() {
            Some(text) => named(text, Reason::Flag),
            None => {
                Located { path: working_directory.join(path), reason: Reason::Flag, passed_over: Vec::new() }
            }
        };
    }
    if let Some(path) = environment.get("CLIPROXY_CONFIG").map(str::trim).filter(|path| !path.is_empty()) {
        return named(path, Reason::Variable);
    }
    let here = working_directory.join("config.yaml");
    if exists(&here) {
        return Located { path: here, reason: Reason::WorkingDirectory, passed_over: Vec::new() };
    }
    let directory = overrides
        .auth_dir
        .as_deref()
        .or_else(|| environment.get("CLIPROXY__AUTH_DIR"))
        .unwrap_or("~/.cli-proxy-api");
    let path = working_directory.join(environment.expand_home(directory)).join("config.yaml");
    let reason = if exists(&path) { Reason::AuthDirectory } else { Reason::FirstRun };
    Located { path, reason, passed_over: vec![here] }
}
