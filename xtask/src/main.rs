//! The verbs that CI runs and anyone can run at home: `cargo xtask tidy`, `cargo xtask clients`.

mod tidy;

use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo xtask tidy | clients [CLIENT][@PROVIDER] …";

#[expect(clippy::print_stderr, reason = "findings are what this program is for")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next();
    let result = match verb.as_deref() {
        Some("tidy") => tidy(),
        Some("clients") => clients(&arguments.collect::<Vec<_>>()),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the workspace keeps its own rules; what does not is printed.
#[expect(clippy::print_stderr, reason = "findings are what this program is for")]
fn tidy() -> Result<bool, String> {
    let findings = tidy::run().map_err(|error| format!("tidy could not look: {error}"))?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    Ok(findings.is_empty())
}

/// Real clients against the server as it is: see `tests/clients/README.md`.
fn clients(wanted: &[String]) -> Result<bool, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let run = |arguments: &[&str]| {
        let status =
            Command::new(&cargo).args(arguments).status().map_err(|error| format!("cargo: {error}"))?;
        Ok::<_, String>(status.success())
    };
    if !run(&["build", "--locked", "--package", "cliproxy-server"])? {
        return Ok(false);
    }
    let mut arguments = vec!["run", "--locked", "--quiet", "--package", "cliproxy-clients", "--"];
    arguments.extend(wanted.iter().map(String::as_str));
    run(&arguments)
}
