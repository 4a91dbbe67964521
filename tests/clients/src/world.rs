//! A server with one kind of provider behind it, which every name that clients ask for leads to.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cliproxy_testkit::{FakeUpstream, Received};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::wire::Kind;

/// The key that clients show.
pub(crate) const KEY: &str = "client-key-of-the-clients";

pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) provider: FakeUpstream,
    /// `http://127.0.0.1:port`
    pub(crate) base: String,
    log: PathBuf,
    _child: Child,
    _home: TempDir,
}

impl World {
    pub(crate) async fn start(target: &Path, kind: Kind) -> Result<Self, String> {
        let provider = FakeUpstream::start().await;
        provider.answer_with(move |request| kind.answer(request));
        let home = TempDir::new().map_err(|error| error.to_string())?;
        let config = home.path().join("config.yaml");
        std::fs::write(&config, yaml(kind, &provider.url())).map_err(|error| error.to_string())?;
        let credentials = home.path().join("credentials");
        std::fs::create_dir_all(&credentials).map_err(|error| error.to_string())?;
        if let Some(file) = login(kind, &provider.url()) {
            std::fs::write(credentials.join("login.json"), file.to_string())
                .map_err(|error| error.to_string())?;
        }
        let binary = target.join("debug/cliproxy-server");
        let log = home.path().join("log");
        let file = std::fs::File::create(&log).map_err(|error| error.to_string())?;
        let mut child = Command::new(&binary)
            .arg("--config")
            .arg(&config)
            .env_clear()
            .env("HOME", home.path())
            .current_dir(home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::from(file))
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let address = loop {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let line = text.lines().find(|line| line.contains("serving") && line.contains("address="));
            if let Some((_, rest)) = line.and_then(|line| line.split_once("address=")) {
                break rest.split(' ').next().unwrap_or_default().to_owned();
            }
            if child.try_wait().map_err(|error| error.to_string())?.is_some() {
                return Err(format!("the server ended: {text}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        Ok(Self { kind, provider, base: format!("http://{address}"), log, _child: child, _home: home })
    }

    /// The end of the server's log, for a failure.
    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(12)).copied().collect::<Vec<_>>().join("\n")
    }

    /// Requests since `from` that show what a tool answered.
    pub(crate) fn turns_with_results(&self, from: usize) -> Vec<Received> {
        let requests = self.provider.requests();
        let fresh = requests.into_iter().skip(from);
        fresh.filter(|request| !self.kind.seen(request).results.is_empty()).collect()
    }
}

/// The login of those that are served by one, valid for long.
fn login(kind: Kind, url: &str) -> Option<Value> {
    let mut file = match kind {
        Kind::Claude | Kind::Chat | Kind::Codex | Kind::Gemini | Kind::Vertex => return None,
        Kind::GeminiCli => json!({"type": "gemini", "project_id": "p-1"}),
        Kind::Antigravity => {
            json!({"type": "antigravity", "project_id": "p-1", "expired": "2099-01-01T00:00:00Z"})
        }
        Kind::Kiro => json!({"type": "kiro", "auth_method": "social", "expires_at": "2099-01-01T00:00:00Z",
            "profile_arn": "arn:aws:codewhisperer:us-east-1:000000000000:profile/EXAMPLE"}),
    };
    file["email"] = json!("me@example.com");
    file["access_token"] = json!("provider-token");
    file["base_url"] = json!(url);
    Some(file)
}

/// Whatever a client asks for is the one model of the provider.
fn yaml(kind: Kind, url: &str) -> String {
    let entry = match kind {
        Kind::Claude => format!(
            "claude-api-key: [{{api-key: provider-key, base-url: '{url}', models: [{{name: claude-sonnet-4-5}}]}}]"
        ),
        Kind::Chat => format!(
            "openai-compatibility: [{{name: router, base-url: '{url}/v1', api-key-entries: [{{api-key: provider-key}}], models: [{{name: gpt-4.1}}]}}]"
        ),
        Kind::Codex => format!(
            "codex-api-key: [{{api-key: provider-key, base-url: '{url}/v1', models: [{{name: gpt-5}}]}}]"
        ),
        Kind::Gemini => format!(
            "gemini-api-key: [{{api-key: provider-key, base-url: '{url}', models: [{{name: gemini-2.5-pro}}]}}]"
        ),
        Kind::Vertex => format!(
            "vertex-api-key: [{{api-key: provider-key, base-url: '{url}', models: [{{name: gemini-2.5-flash, alias: vertex-flash}}]}}]"
        ),
        Kind::GeminiCli | Kind::Antigravity | Kind::Kiro => String::new(),
    };
    let model = match kind {
        Kind::Claude => "claude-sonnet-4-5",
        Kind::Chat => "gpt-4.1",
        Kind::Codex => "gpt-5",
        Kind::Gemini => "gemini-2.5-pro",
        Kind::Vertex => "vertex-flash",
        Kind::GeminiCli => "gemini-3-flash-preview",
        Kind::Antigravity => "gemini-3-flash",
        Kind::Kiro => "kiro-claude-sonnet-4-5",
    };
    format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nauth-dir: ./credentials\n{entry}\n\
         disable-cooling: true\nrequest-retry: 0\nstreaming: {{keepalive-seconds: 1}}\n\
         model-aliases: {{'claude-*': {model}, 'gpt-*': {model}, 'gemini-*': {model}, 'codex-*': {model}, 'auto-*': {model}}}\n"
    )
}
