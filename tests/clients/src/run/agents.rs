//! Coding agents.

use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use super::{Client, prompt};
use crate::install::Tools;
use crate::world::{KEY, World};

pub(super) fn all() -> Vec<Client> {
    let client = |name, command| Client { name, is_sdk: false, command };
    vec![
        client("claude", claude),
        client("codex", codex),
        client("gemini", gemini),
        client("opencode", opencode),
        client("qwen", qwen),
        client("copilot", |tools, world, home| copilot(tools, world, home, "openai", "completions")),
        client("copilot-responses", |tools, world, home| copilot(tools, world, home, "openai", "responses")),
        client("copilot-messages", |tools, world, home| {
            copilot(tools, world, home, "anthropic", "completions")
        }),
    ]
}

/// A program of `node_modules`, in an environment that holds nothing of ours but what it needs.
fn program(tools: &Tools, name: &str) -> Command {
    let mut command = Command::new(tools.bin.join(name));
    command.env_clear();
    command
}

fn write(home: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = home.join(name);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn claude(tools: &Tools, world: &World, _home: &Path) -> Result<Command, String> {
    let mut command = program(tools, "claude");
    command
        .args(["-p", &prompt(), "--permission-mode", "acceptEdits", "--allowedTools", "Bash"])
        .env("ANTHROPIC_BASE_URL", &world.base)
        .env("ANTHROPIC_AUTH_TOKEN", KEY)
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_AUTOUPDATER", "1");
    Ok(command)
}

fn codex(tools: &Tools, world: &World, home: &Path) -> Result<Command, String> {
    let config = format!(
        "model = \"gpt-5\"\nmodel_provider = \"cliproxy\"\n\n[model_providers.cliproxy]\nname = \"cliproxy\"\n\
         base_url = \"{}/v1\"\nenv_key = \"CLIPROXY_KEY\"\nwire_api = \"responses\"\n",
        world.base
    );
    write(home, ".codex/config.toml", &config)?;
    let mut command = program(tools, "codex");
    command
        .args(["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", &prompt()])
        .env("CODEX_HOME", home.join(".codex"))
        .env("CLIPROXY_KEY", KEY);
    Ok(command)
}

fn gemini(tools: &Tools, world: &World, home: &Path) -> Result<Command, String> {
    let settings = json!({"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": false}});
    write(home, ".gemini/settings.json", &settings.to_string())?;
    let mut command = program(tools, "gemini");
    command
        .args(["-m", "gemini-2.5-pro", "--skip-trust", "--approval-mode", "yolo", "-p", &prompt()])
        .env("GOOGLE_GEMINI_BASE_URL", &world.base)
        .env("GEMINI_API_KEY", KEY)
        .env("GEMINI_CLI_NO_RELAUNCH", "true");
    Ok(command)
}

fn opencode(tools: &Tools, world: &World, home: &Path) -> Result<Command, String> {
    let config = json!({
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": false,
        "share": "disabled",
        "permission": {"bash": "allow"},
        "provider": {"cliproxy": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "cliproxy",
            "options": {"baseURL": format!("{}/v1", world.base), "apiKey": KEY},
            "models": {"gpt-5": {"name": "gpt-5"}},
        }},
    });
    write(home, ".config/opencode/opencode.json", &config.to_string())?;
    let mut command = program(tools, "opencode");
    command
        .args(["run", "-m", "cliproxy/gpt-5", &prompt()])
        .env("XDG_CONFIG_HOME", home.join(".config"))
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
        .env("OPENCODE_DISABLE_AUTOUPDATE", "1");
    Ok(command)
}

fn qwen(tools: &Tools, world: &World, _home: &Path) -> Result<Command, String> {
    let mut command = program(tools, "qwen");
    command
        .args(["--auth-type", "openai", "-m", "gpt-5", "--approval-mode", "yolo", &prompt()])
        .env("OPENAI_BASE_URL", format!("{}/v1", world.base))
        .env("OPENAI_API_KEY", KEY)
        .env("OPENAI_MODEL", "gpt-5")
        .env("QWEN_CODE_NO_RELAUNCH", "true");
    Ok(command)
}

fn copilot(tools: &Tools, world: &World, home: &Path, kind: &str, wire: &str) -> Result<Command, String> {
    let base = if kind == "anthropic" { world.base.clone() } else { format!("{}/v1", world.base) };
    let model = if kind == "anthropic" { "claude-sonnet-4.5" } else { "gpt-5" };
    let mut command = program(tools, "copilot");
    command
        .args(["-p", &prompt(), "--allow-all-tools", "--no-auto-update", "--no-color"])
        .env("COPILOT_HOME", home.join(".copilot"))
        .env("COPILOT_OFFLINE", "true")
        .env("COPILOT_PROVIDER_BASE_URL", base)
        .env("COPILOT_PROVIDER_TYPE", kind)
        .env("COPILOT_PROVIDER_WIRE_API", wire)
        .env("COPILOT_PROVIDER_API_KEY", KEY)
        .env("COPILOT_MODEL", model);
    Ok(command)
}
