//! `login`, `import` and `credentials`: the bodies are the sdk's.

use std::future::Future;
use std::sync::Arc;

use cliproxy_sdk::command::{
    CommandError, CredentialCommand, import_login, importable, known_logins, log_in, run_credentials,
};
use cliproxy_sdk::config::{Config, Environment, Loader, Overrides, Reason};
use cliproxy_sdk::core::LoginRequest;
use cliproxy_sdk::login::TerminalUi;

use crate::commands::{chain, find, load, say};
use crate::flags::Flags;

pub(crate) fn login(name: Option<&str>, flags: &Flags, environment: &Environment) -> Result<(), String> {
    let config = config(&flags.overrides, environment.clone())?;
    let Some(name) = name else {
        let known = known_logins(&config, environment).map_err(|error| chain(&error))?;
        return say(&format!("cliproxy-server login NAME, with one of:\n\n{known}"));
    };
    let mut request = LoginRequest::new();
    request.browser = !flags.login.no_browser;
    request.callback_port = flags.login.callback_port;
    request.private_window = flags.login.private_window;
    for (key, answer) in &flags.login.answers {
        request = request.with_answer(*key, answer.as_str());
    }
    run(log_in(&config, environment, name, request, Arc::new(TerminalUi::new())))
}

pub(crate) fn import(
    name: Option<&str>,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<(), String> {
    let Some(name) = name else { return say(&importable(environment)) };
    let config = config(overrides, environment.clone())?;
    run(import_login(&config, environment, name))
}

pub(crate) fn credentials(
    command: &CredentialCommand,
    json: bool,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<(), String> {
    let config = config(overrides, environment.clone())?;
    run(run_credentials(&config, environment, command, json))
}

/// The configuration; without a file, what is built in: logging in comes before everything else.
// Source: runtime.md B.3 "they also run when no usable config exists".
fn config(overrides: &Overrides, environment: Environment) -> Result<Config, String> {
    let config = if find(overrides, &environment).reason == Reason::FirstRun {
        let loader = Loader::new(environment).overrides(overrides.clone());
        // The address is of no account here, and the built-in one would want keys.
        let loaded =
            loader.load_str("no config file", "host: 127.0.0.1\n").map_err(|errors| errors.to_string())?;
        loaded.config
    } else {
        load(overrides, environment)?.2.config
    };
    if config.auth_dir.starts_with("~") {
        return Err("`auth-dir` is not set, and there is no home directory for its default: set one of them"
            .to_owned());
    }
    Ok(config)
}

fn run(work: impl Future<Output = Result<String, CommandError>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let done = runtime.block_on(work);
    // A question that nobody answers any more must not keep the program.
    runtime.shutdown_background();
    say(&done.map_err(|error| error.to_string())?)
}
