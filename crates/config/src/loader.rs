//! Text in, [`Config`] out, or all mistakes at once.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::environment::Environment;
use crate::keys::{self, KnownNames};
use crate::layers::Layers;
use crate::overrides::Overrides;
use crate::place::Place;
use crate::report::{ConfigError, ConfigErrors, Mistake, Notice, Report};
use crate::setting::{At, Setting};
use crate::yaml::{Document, MAX_BYTES, Step};

/// Loads configurations under one environment and one command line.
#[derive(Clone, Debug)]
pub struct Loader {
    environment: Environment,
    overrides: Overrides,
    names: Option<KnownNames>,
}

/// A configuration with what there is to say about it.
///
/// `Debug` shows neither the text nor secrets.
#[derive(Clone)]
#[non_exhaustive]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What the operator should know.
    pub notices: Vec<Notice>,
    /// The file it came from; `None` for a text or no file.
    pub path: Option<PathBuf>,
    /// The text it came from, byte for byte; empty without a file. It holds the secrets of the file.
    pub text: String,
    merged: Setting,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("path", &self.path)
            .field("notices", &self.notices)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Where the value at `path` comes from: a line of the file, a variable, a flag, or `built-in default`.
    #[must_use]
    pub fn origin(&self, path: &[Step]) -> Option<&Place> {
        path.iter().try_fold(&self.merged, |setting, step| setting.step(step)).map(|setting| &setting.place)
    }
}

impl Loader {
    /// A loader under this environment.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self { environment, overrides: Overrides::default(), names: None }
    }

    /// Lays what the command line says on top.
    #[must_use]
    pub fn overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Compares the names of providers, endpoints and channels with these, and with those of earlier calls. Without any
    /// call whatever is named there is taken.
    #[must_use]
    pub fn known_names(mut self, names: KnownNames) -> Self {
        self.names = Some(self.names.unwrap_or_default().and(names));
        self
    }

    /// The names that are known, where any are.
    #[must_use]
    pub fn names(&self) -> Option<&KnownNames> {
        self.names.as_ref()
    }

    /// The environment that configurations are loaded under.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Loads a file. Reads the disk: call it off the runtime thread.
    ///
    /// # Errors
    ///
    /// All mistakes of the file, the environment and the command line together; or that the file cannot be read.
    pub fn load_file(&self, path: &Path) -> Result<Loaded, ConfigErrors> {
        let name = path.display().to_string();
        let text = read(path).map_err(|(mistake, problem, remedy)| {
            ConfigErrors::new(vec![ConfigError {
                mistake,
                place: Place::whole(name.as_str()),
                key: String::new(),
                problem,
                remedy: remedy.to_owned(),
            }])
        })?;
        let mut loaded = self.load_str(&name, &text)?;
        loaded.path = Some(path.to_owned());
        Ok(loaded)
    }

    /// Loads a text; `name` is how errors call it. An empty text is a file that says nothing.
    ///
    /// # Errors
    ///
    /// All mistakes together.
    pub fn load_str(&self, name: &str, text: &str) -> Result<Loaded, ConfigErrors> {
        let document = Document::parse(name, text)?;
        self.load(Some(document), text)
    }

    /// Loads what environment, command line and defaults say, without a file.
    ///
    /// # Errors
    ///
    /// All mistakes together.
    pub fn load_without_file(&self) -> Result<Loaded, ConfigErrors> {
        self.load(None, "")
    }

    fn load(&self, document: Option<Document>, text: &str) -> Result<Loaded, ConfigErrors> {
        let mut report = Report::default();
        if let Some(document) = &document
            && !document.is_map()
            && !document.is_null()
        {
            let place = document.place(1, 1);
            report.wrong(&place, "", "the file is no mapping", "expected lines such as `port: 8317`");
        }
        let has_file = document.is_some();
        let mut merged = Layers::new(document, &self.environment, &self.overrides).merge();
        keys::check(&mut merged, &mut report);
        if let Some(names) = &self.names {
            keys::check_names(&merged, names, &mut report);
        }
        report.notices.extend(self.environment.notices().iter().cloned());
        unbuilt_variables(&self.environment, &mut report);
        let config =
            Config::read(&At::root(&merged), (&self.environment, self.names.as_ref()), has_file, &mut report);
        if !report.errors.is_empty() {
            return Err(ConfigErrors::new(report.errors).with_notices(report.notices));
        }
        Ok(Loaded { config, notices: report.notices, path: None, text: text.to_owned(), merged })
    }
}

/// Variables of the reference whose feature does not exist in this release. Source: runtime.md B.2.
fn unbuilt_variables(environment: &Environment, report: &mut Report) {
    const UNBUILT: [&str; 5] =
        ["PGSTORE_DSN", "GITSTORE_GIT_URL", "OBJECTSTORE_ENDPOINT", "AMP_API_KEY", "HOME_JWT"];
    for variable in UNBUILT.into_iter().filter(|variable| environment.lookup(variable).is_some()) {
        let place = Place::whole(format!("environment variable {variable}"));
        let reason = "it is set, and this release does not have what it switches on".to_owned();
        report.note(Notice::Environment { place, reason });
    }
    if environment.is_cloud() {
        let place = Place::whole("environment variable DEPLOY");
        let reason =
            "this program has no standby: it serves, or refuses to start, as it does elsewhere".to_owned();
        report.note(Notice::Environment { place, reason });
    }
}

fn read(path: &Path) -> Result<String, (Mistake, String, &'static str)> {
    let unreadable = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => (
            Mistake::Missing,
            "the file does not exist".to_owned(),
            "name another with `--config`, or create it",
        ),
        _ => (
            Mistake::Unreadable,
            format!("the file cannot be read: {error}"),
            "check its name and permissions",
        ),
    };
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    // One byte more than a config may have, so that the parser can say that it is too long.
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() > MAX_BYTES {
        let problem = format!("the file has more than the {MAX_BYTES} bytes that a config may have");
        return Err((Mistake::Syntax, problem, "is this the right file?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to())
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        (Mistake::Syntax, format!("line {line} is not UTF-8"), "save the file as UTF-8")
    })
}
