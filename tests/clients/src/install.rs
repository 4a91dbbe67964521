//! The clients themselves, from their packages.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// Where the clients lie.
pub(crate) struct Tools {
    /// `node_modules/.bin`
    pub(crate) bin: PathBuf,
    /// The interpreter that has the SDKs.
    pub(crate) python: PathBuf,
    /// The scripts that drive the SDKs.
    pub(crate) scripts: PathBuf,
}

/// Installs what is not installed yet, into a folder of the target directory.
pub(crate) async fn install(target: &Path, agents: bool, sdks: bool) -> Result<Tools, String> {
    let home = target.join("clients");
    std::fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    if agents && is_stale(source, &home, "package.json")? {
        run(&home, "npm", &["install", "--no-audit", "--no-fund", "--loglevel=error"]).await?;
        mark(source, &home, "package.json")?;
    }
    if sdks && is_stale(source, &home, "requirements.txt")? {
        run(&home, "python3", &["-m", "venv", "venv"]).await?;
        run(&home, "venv/bin/pip", &["install", "--quiet", "-r", "requirements.txt"]).await?;
        mark(source, &home, "requirements.txt")?;
    }
    Ok(Tools {
        bin: home.join("node_modules/.bin"),
        python: home.join("venv/bin/python"),
        scripts: source.join("sdk"),
    })
}

/// Whether the list was changed since it was installed; a copy of it lies beside what it installed.
fn is_stale(source: &Path, home: &Path, list: &str) -> Result<bool, String> {
    let wanted = std::fs::read(source.join(list)).map_err(|error| format!("{list}: {error}"))?;
    let done = std::fs::read(home.join(format!("{list}.done"))).ok();
    if done.as_ref() == Some(&wanted) {
        return Ok(false);
    }
    std::fs::write(home.join(list), wanted).map_err(|error| format!("{list}: {error}"))?;
    Ok(true)
}

fn mark(source: &Path, home: &Path, list: &str) -> Result<(), String> {
    let copied = std::fs::copy(source.join(list), home.join(format!("{list}.done")));
    copied.map(drop).map_err(|error| format!("{list}: {error}"))
}

async fn run(home: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    // A program of the folder is named relative to it.
    let path = if program.contains('/') { home.join(program) } else { PathBuf::from(program) };
    let mut command = Command::new(path);
    command.args(arguments).current_dir(home).stdin(Stdio::null());
    let status = command.status().await.map_err(|error| format!("{program} is needed: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} {} failed: {status}", arguments.join(" "))) }
}
