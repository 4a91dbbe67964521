//! The binary under test.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cliproxy_testkit::TestClient;
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub const KEY: &str = "client-key-of-the-tests";

/// The binary lies beside the test's own folder.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join("cliproxy-server");
    assert!(path.exists(), "{} is missing: run `cargo build -p cliproxy-server` first", path.display());
    path
}

/// The binary with an empty environment and a home of its own.
pub fn command(home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env_clear().env("HOME", home.path()).current_dir(home.path()).kill_on_drop(true);
    command
}

/// A running server.
pub struct Server {
    pub home: TempDir,
    /// Killed when this is dropped.
    _child: Child,
    pub address: String,
    /// What it printed on standard output before it served.
    pub greeting: String,
}

impl Server {
    /// Starts with a config file of this text behind `host`, `port`, `api-keys`.
    pub async fn with_config(yaml: &str) -> Self {
        let home = TempDir::new().unwrap();
        let text = format!("host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nauth-dir: ./credentials\n{yaml}");
        std::fs::write(home.path().join("config.yaml"), text).unwrap();
        Self::start(home, &[]).await
    }

    /// Starts, and waits until the log names the address.
    pub async fn start(home: TempDir, arguments: &[&str]) -> Self {
        let (out, log) = (home.path().join("stdout"), home.path().join("stderr"));
        let file = |path: &PathBuf| Stdio::from(std::fs::File::create(path).unwrap());
        let mut child = command(&home, arguments).stdout(file(&out)).stderr(file(&log)).spawn().unwrap();
        let address = loop {
            let text = std::fs::read_to_string(&log).unwrap();
            let line = text.lines().find(|line| line.contains("serving") && line.contains("address="));
            if let Some((_, rest)) = line.and_then(|line| line.split_once("address=")) {
                break rest.split(' ').next().unwrap().to_owned();
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended: {text}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let first_run = !home.path().join("config.yaml").exists();
        let greeting = loop {
            let text = std::fs::read_to_string(&out).unwrap();
            if !first_run || text.contains("makes way") {
                break text;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        Self { home, _child: child, address, greeting }
    }

    pub fn client(&self) -> TestClient {
        TestClient::new(format!("http://{}", self.address)).bearer(KEY)
    }
}
