//! Official SDKs, each driven by a script that asserts by itself.

use std::path::Path;

use tokio::process::Command;

use super::Client;
use crate::install::Tools;
use crate::world::{KEY, World};

pub(super) fn all() -> Vec<Client> {
    vec![
        Client {
            name: "sdk-openai",
            is_sdk: true,
            command: |tools, world, _| script(tools, world, "openai_sdk.py"),
        },
        Client {
            name: "sdk-anthropic",
            is_sdk: true,
            command: |tools, world, _| script(tools, world, "anthropic_sdk.py"),
        },
        Client {
            name: "sdk-genai",
            is_sdk: true,
            command: |tools, world, _| script(tools, world, "genai_sdk.py"),
        },
    ]
}

fn script(tools: &Tools, world: &World, name: &str) -> Result<Command, String> {
    let path: std::path::PathBuf = Path::new(&tools.scripts).join(name);
    if !path.exists() {
        return Err(format!("{} is missing", path.display()));
    }
    let mut command = Command::new(&tools.python);
    // Its cache of compiled scripts must not land in the source tree.
    command
        .env_clear()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(path)
        .env("BASE", &world.base)
        .env("KEY", KEY)
        .env("KIND", world.kind.name());
    Ok(command)
}
