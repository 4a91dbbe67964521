//! `login`, `import` and `credentials`: the bodies are the sdk's.

use std::future::Future;
use std::sync::Arc;

use cliproxy_sdk::command::{
    CommandError, CredentialCommand, done_json, failure_json, import_login, importable, known_logins, log_in,
    run_credentials,
};
use cliproxy_sdk::config::{Config, Environment, LogLevel, Overrides, Reason};
use cliproxy_sdk::core::LoginRequest;
use cliproxy_sdk::login::TerminalUi;

use crate::commands::{chain, complain, find, load, loader, say};
use crate::flags::Flags;
use crate::log::Log;
use crate::signals;

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
    let ui = Arc::new(TerminalUi::new());
    run(async {
        let interrupted = signals::interrupted()?;
        told(log_in(&config, environment, name, request, ui, interrupted).await)
    })
}

pub(crate) fn import(
    name: Option<&str>,
    (forced, json): (bool, bool),
    overrides: &Overrides,
    environment: &Environment,
) -> Result<(), String> {
    let shown = |text: String| if json { done_json(&text) } else { text };
    let Some(name) = name else { return say(&shown(importable(environment))) };
    let import = || {
        let config = config(overrides, environment.clone())?;
        run(async {
            let interrupted = signals::interrupted()?;
            let done = import_login(&config, environment, (name, forced), &complain, interrupted).await;
            told(done.map(shown))
        })
    };
    said_as_json(import(), json)
}

pub(crate) fn credentials(
    command: &CredentialCommand,
    json: bool,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<(), String> {
    said_as_json(run_command(command, json, overrides, environment), json)
}

fn said_as_json(done: Result<(), String>, json: bool) -> Result<(), String> {
    if let Err(problem) = &done
        && json
    {
        // Whoever reads the one reads no prose of the other.
        say(&failure_json(problem))?;
    }
    done
}

fn run_command(
    command: &CredentialCommand,
    json: bool,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<(), String> {
    let config = config(overrides, environment.clone())?;
    // What could not be saved at once, and why.
    let _log = Log::to_stderr(LogLevel::Warn);
    run(async {
        let interrupted = signals::interrupted()?;
        // These ask no provider.
        let is_local = matches!(command, CredentialCommand::Enable { .. } | CredentialCommand::Remove { .. });
        let waiting = async {
            interrupted.await;
            if !is_local {
                complain("interrupted: what is under way at the provider is waited for, and saved");
            }
        };
        told(run_credentials(&config, environment, command, json, waiting).await)
    })
}

/// The configuration; without a file, what is built in: logging in comes before everything else.
// Source: runtime.md B.3 "they also run when no usable config exists".
fn config(overrides: &Overrides, environment: Environment) -> Result<Config, String> {
    let config = if find(overrides, &environment).reason == Reason::FirstRun {
        let loader = loader(overrides, environment);
        // The address is of no account here, and the built-in one would want keys.
        let loaded =
            loader.load_str("no config file", "host: 127.0.0.1\n").map_err(|errors| errors.to_string())?;
        loaded.config
    } else {
        load(overrides, environment)?.config
    };
    if config.auth_dir.starts_with("~") {
        return Err("`auth-dir` is not set, and there is no home directory for its default: set one of them"
            .to_owned());
    }
    Ok(config)
}

fn told(outcome: Result<String, CommandError>) -> Result<String, String> {
    outcome.map_err(|error| error.to_string())
}

fn run(work: impl Future<Output = Result<String, String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let done = runtime.block_on(work);
    // A question that nobody answers any more must not keep the program.
    runtime.shutdown_background();
    say(&done?)
}
