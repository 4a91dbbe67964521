//! The program: flags, log output, signals.

mod accounts;
mod allocator;
mod commands;
mod flags;
mod log;
mod serve;
mod signals;
mod test_call;
mod tidy;

use std::ffi::OsString;
use std::process::ExitCode;

use cliproxy_sdk::config::Environment;

/// The arguments after the program's name. One that is no Unicode is a mistake of the caller, not a panic.
fn arguments() -> Result<Vec<String>, String> {
    let unreadable = |argument: OsString| format!("the argument {} is not UTF-8", argument.display());
    std::env::args_os().skip(1).map(|argument| argument.into_string().map_err(unreadable)).collect()
}

fn main() -> ExitCode {
    let flags = match arguments().and_then(flags::parse) {
        Ok(flags) => flags,
        Err(problem) => {
            commands::complain(&format!("{problem}\n\n{}", flags::USAGE));
            return ExitCode::from(2);
        }
    };
    for remark in &flags.remarks {
        commands::complain(remark);
    }
    let environment = Environment::read();
    let done = match &flags.command {
        flags::Command::Help => commands::say(flags::USAGE),
        flags::Command::Version => commands::say(&commands::version()),
        flags::Command::Endpoints => commands::say(&commands::endpoints()),
        flags::Command::CheckConfig => commands::check_config(&flags.overrides, environment),
        flags::Command::Serve => serve::run(&flags.overrides, environment),
        flags::Command::Login { name } => accounts::login(name.as_deref(), &flags, &environment),
        flags::Command::Import { name, forced, json } => {
            accounts::import(name.as_deref(), (*forced, *json), &flags.overrides, &environment)
        }
        flags::Command::Credentials { command, json } => {
            accounts::credentials(command, *json, &flags.overrides, &environment)
        }
        flags::Command::Test { model, lists_within } => {
            test_call::run(model, *lists_within, &flags.overrides, environment)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            commands::complain(&problem);
            ExitCode::FAILURE
        }
    }
}
