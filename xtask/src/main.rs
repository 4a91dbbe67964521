//! The verbs that CI runs and anyone can run at home: `cargo xtask tidy`.

mod tidy;

use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "findings are what this program is for")]
fn main() -> ExitCode {
    let verb = std::env::args().nth(1);
    if verb.as_deref() != Some("tidy") {
        eprintln!("usage: cargo xtask tidy");
        return ExitCode::from(2);
    }
    match tidy::run() {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in &findings {
                eprintln!("{finding}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidy could not look: {error}");
            ExitCode::FAILURE
        }
    }
}
