//! The environment, read once and passed down.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::dotenv;
use crate::place::Place;
use crate::report::Notice;

/// The prefix of variables that override a config key: `CLIPROXY__SERVER__PORT`.
const OVERRIDE_PREFIX: &str = "CLIPROXY__";

/// A snapshot of the environment variables, `.env` merged in, with the directories that come from it.
///
/// `Debug` shows names only: values hold secrets.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    working_directory: PathBuf,
    notices: Vec<Notice>,
}

impl Environment {
    /// An environment of just these variables, for tests and for programs that embed the proxy.
    pub fn new<I, K, V>(variables: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<String>,
        V: Into<String>,
    {
        Self {
            variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            ..Self::default()
        }
    }

    /// Sets the directory against which relative paths are meant.
    #[must_use]
    pub fn with_working_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.working_directory = directory.into();
        self
    }

    /// Adds what a `.env` text says. Variables that are set already stay as they are; lines that cannot be read
    /// become notices.
    #[must_use]
    pub fn with_dotenv(mut self, name: &str, text: &str) -> Self {
        let found = dotenv::parse(text);
        // The last assignment of a name wins, as in the reference's reader.
        let assigned: BTreeMap<String, String> = found.pairs.into_iter().collect();
        for (variable, value) in assigned {
            self.variables.entry(variable).or_insert(value);
        }
        for (line, fault) in found.faults {
            let place = Place::at(name, line, 1);
            self.notices
                .push(Notice::Environment { place, reason: format!("this line is left out: {fault}") });
        }
        self
    }

    /// Reads the environment of this process and the `.env` file of the working directory. Call it once, at start.
    ///
    /// Variables that are no Unicode are left out. A missing `.env` is silent; an unreadable one is a notice.
    #[must_use]
    pub fn read() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let directory = std::env::current_dir().unwrap_or_default();
        let file = directory.join(".env");
        let mut environment = Self::new(variables).with_working_directory(directory);
        match std::fs::read_to_string(&file) {
            Ok(text) => environment.with_dotenv(".env", &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => environment,
            Err(error) => {
                let reason = format!("the file cannot be read and is left out: {error}");
                environment.notices.push(Notice::Environment { place: Place::whole(".env"), reason });
                environment
            }
        }
    }

    /// A variable by its exact name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A variable as the stores' variables are read: upper case first, then lower case, trimmed, blank is unset.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<&str> {
        // Source: runtime.md B.1.
        [name.to_ascii_uppercase(), name.to_ascii_lowercase()]
            .iter()
            .filter_map(|name| self.get(name))
            .map(str::trim)
            .find(|value| !value.is_empty())
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        ["HOME", "USERPROFILE"].iter().find_map(|name| self.lookup(name)).map(PathBuf::from)
    }

    /// The directory against which relative paths are meant; empty when nobody said.
    #[must_use]
    pub fn working_directory(&self) -> &Path {
        &self.working_directory
    }

    /// Where the program may write beside the auth directory (`WRITABLE_PATH`).
    #[must_use]
    pub fn writable_path(&self) -> Option<PathBuf> {
        self.lookup("WRITABLE_PATH").map(PathBuf::from)
    }

    /// Whether the program runs where its configuration may arrive later (`DEPLOY=cloud`, exactly).
    #[must_use]
    pub fn is_cloud(&self) -> bool {
        self.get("DEPLOY") == Some("cloud")
    }

    /// What was noticed while the environment was read.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Replaces a leading `~` by the home directory. Without a home directory the path stays as it is.
    #[must_use]
    pub fn expand_home(&self, path: &str) -> PathBuf {
        let Some(rest) = path.strip_prefix('~') else { return PathBuf::from(path) };
        match (self.home(), rest.strip_prefix(['/', '\\'])) {
            (Some(home), Some(rest)) => home.join(rest),
            (Some(home), None) if rest.is_empty() => home,
            _ => PathBuf::from(path),
        }
    }

    /// The overrides of config keys: variable, path of keys, value.
    pub(crate) fn overrides(&self) -> impl Iterator<Item = (&str, Vec<String>, &str)> {
        self.variables.iter().filter_map(|(name, value)| {
            let path = name.strip_prefix(OVERRIDE_PREFIX)?;
            let keys = path.split("__").map(|key| key.to_ascii_lowercase().replace('_', "-")).collect();
            Some((name.as_str(), keys, value.as_str()))
        })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("working_directory", &self.working_directory)
            .finish_non_exhaustive()
    }
}
