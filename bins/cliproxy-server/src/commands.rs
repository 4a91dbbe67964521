//! The commands that answer at once.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;

use cliproxy_sdk::config::{Config, Environment, Loaded, Loader, Located, Notice, Overrides, Reason, locate};

/// Writes to standard output.
pub(crate) fn say(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end()).map_err(|error| format!("cannot write to standard output: {error}"))
}

/// Writes to standard error.
pub(crate) fn complain(text: &str) {
    let mut out = std::io::stderr().lock();
    drop(writeln!(out, "cliproxy-server: {}", text.trim_end()));
}

/// An error with all that caused it, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _infallible = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

pub(crate) fn version() -> String {
    format!("cliproxy-server {}", env!("CARGO_PKG_VERSION"))
}

/// Every URL that may be replaced, in the shape of the config file. Source: design.md §7.
pub(crate) fn endpoints() -> String {
    let mut text = "endpoints:\n".to_owned();
    let mut last = String::new();
    for (provider, name, url) in cliproxy_sdk::known_endpoints() {
        if provider != last {
            let _infallible = writeln!(text, "  {provider}:");
            last = provider;
        }
        let _infallible = writeln!(text, "    {name}: {url}");
    }
    text
}

/// Finds the config file.
pub(crate) fn find(overrides: &Overrides, environment: &Environment) -> Located {
    let directory = environment.working_directory().to_owned();
    locate(overrides, environment, &directory, |path| {
        // A directory that cannot be read may hold the file: that is for the loader to say, and no first run.
        path.try_exists().unwrap_or(true)
    })
}

/// What reads the config: it knows the names of all providers and endpoints there are.
pub(crate) fn loader(overrides: &Overrides, environment: Environment) -> Loader {
    Loader::new(environment).overrides(overrides.clone()).known_names(cliproxy_sdk::known_names(&[]))
}

/// Finds and loads the config file.
pub(crate) fn load(overrides: &Overrides, environment: Environment) -> Result<Loaded, String> {
    let located = find(overrides, &environment);
    loader(overrides, environment).load_file(&located.path).map_err(|errors| errors.to_string())
}

/// Notices, one a line.
fn list(notices: &[Notice]) -> String {
    notices.iter().fold(String::new(), |mut text, notice| {
        let mark = if notice.is_loud() { "warning" } else { "note" };
        let _infallible = writeln!(text, "{mark}: {notice}");
        text
    })
}

pub(crate) fn check_config(overrides: &Overrides, environment: Environment) -> Result<(), String> {
    let located = find(overrides, &environment);
    if located.reason == Reason::FirstRun {
        let path = located.path.display();
        return Err(format!(
            "there is no config file yet: `cliproxy-server` writes {path} on its first start"
        ));
    }
    let loaded = loader(overrides, environment).load_file(&located.path).map_err(|errors| {
        // A misspelt key is often the cause of a mistake elsewhere, so both are shown.
        format!("{}: not valid\n{errors}\n{}", located.path.display(), list(errors.notices()))
    })?;
    let mut text = format!("{}: valid ({})\n", located.path.display(), located.reason);
    text.push_str(&list(&loaded.notices));
    for problem in cliproxy_sdk::payload_problems(&loaded.config) {
        let _infallible = writeln!(text, "warning: {problem}");
    }
    let credentials = cliproxy_sdk::config_credentials(&loaded.config);
    let _infallible = writeln!(text, "credentials in the file: {}", credentials.len());
    for credential in &credentials {
        let _infallible = writeln!(text, "  {} ({})", credential.masked_id(), credential.provider());
    }
    text.push_str(&stored(&loaded.config)?);
    say(&text)
}

/// What lies in the auth directory, and what of it cannot serve.
fn stored(config: &Config) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let stored = runtime
        .block_on(cliproxy_sdk::stored_credentials(config))
        .map_err(|error| format!("{}: {}", config.auth_dir.display(), chain(&error)))?;
    let mut text = format!("credentials in {}: {}\n", config.auth_dir.display(), stored.len());
    for credential in &stored {
        let provider = if credential.provider.is_empty() { "unreadable" } else { &credential.provider };
        let state = credential.problem.as_deref().map(|problem| format!(": {problem}")).unwrap_or_default();
        let _infallible = writeln!(text, "  {} ({provider}){state}", credential.name);
    }
    Ok(text)
}
