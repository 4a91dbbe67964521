//! Instructions, counted by callgrind. Unlike times they repeat on a busy machine: the difference between many rounds and
//! few is what one costs, start and warm-up left out.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

/// What is said when there is no valgrind.
pub const MISSING: &str =
    "valgrind is not installed (Debian: the package valgrind): no instructions are counted";

/// Whether valgrind is installed.
#[must_use]
pub fn is_installed() -> bool {
    let known = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    known.is_ok_and(|status| status.success())
}

/// The beginning of a command that counts: the program and its arguments follow. What was counted goes to `log`.
#[must_use]
pub fn command(log: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--log-file={}", log.display()));
    command
}

/// What was counted.
///
/// # Errors
/// When the log cannot be read, or has no count in it.
pub fn collected(log: &Path) -> io::Result<u64> {
    // Source: Valgrind manual, "Callgrind", the summary at the end of a run: `Collected : 12345`.
    let text = fs::read_to_string(log)?;
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    let count = line.and_then(|(_, count)| count.split_whitespace().next()?.parse().ok());
    count.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no count in {text}")))
}
