//! The clients: how each is pointed at the server and given the task.

mod agents;
mod sdks;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::brain::{FILE, LABEL, TASK};
use crate::install::Tools;
use crate::world::World;

/// A client has this long for the whole task: some take minutes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// A client.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// Whether it is an SDK: its script asserts by itself.
    pub(crate) is_sdk: bool,
    command: fn(&Tools, &World, &Path) -> Result<Command, String>,
}

/// All of them.
pub(crate) fn all() -> Vec<Client> {
    let mut clients = agents::all();
    clients.extend(sdks::all());
    clients
}

/// What the client is asked.
fn prompt() -> String {
    format!(
        "{TASK}: list the files of the current directory with your shell tool, then print the file {FILE} with it, and tell me the word in it."
    )
}

impl Client {
    /// Lets the client do the task; `Err` says what went wrong.
    pub(crate) async fn run(&self, tools: &Tools, world: &World) -> Result<(), String> {
        let place = TempDir::new().map_err(|error| error.to_string())?;
        let (home, work) = (place.path().join("home"), place.path().join("work"));
        for folder in [&home, &work] {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        let word = format!("heron{}", std::process::id() ^ u32::from_ne_bytes(*b"word"));
        std::fs::write(work.join(FILE), format!("{LABEL}{word}\n")).map_err(|error| error.to_string())?;

        let before = world.provider.requests().len();
        let mut command = (self.command)(tools, world, &home)?;
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", tools.bin.display()))
            .env("HOME", &home)
            .env("CI", "true")
            .env("NO_COLOR", "1")
            .env("TERM", "dumb")
            .env("NO_PROXY", "127.0.0.1")
            .current_dir(&work)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .map_err(|_| format!("no end within {PATIENCE:?}\n{}", world.log_tail()))?
            .map_err(|error| format!("cannot be started: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let told = || {
            let errors = String::from_utf8_lossy(&output.stderr);
            format!(
                "{}\n--- stdout\n{said}\n--- stderr\n{errors}\n--- server\n{}",
                output.status,
                world.log_tail()
            )
        };
        if !output.status.success() {
            return Err(told());
        }
        if self.is_sdk {
            return Ok(());
        }
        if !said.contains(&word) {
            return Err(format!("it did not find the word {word}: {}", told()));
        }
        let turns = world.turns_with_results(before);
        let both = turns.iter().any(|turn| world.kind.seen(turn).results.len() >= 2);
        if both { Ok(()) } else { Err(format!("no request showed the results of both calls: {}", told())) }
    }
}
