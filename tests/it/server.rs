//! The binary under test.

use std::path::{Path, PathBuf};
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

fn with_head(yaml: &str) -> String {
    with_head_at(Path::new("./credentials"), yaml)
}

fn with_head_at(credentials: &Path, yaml: &str) -> String {
    let folder = credentials.display();
    format!("host: 127.0.0.1\nport: 0\napi-keys: [{KEY}]\nauth-dir: '{folder}'\n{yaml}")
}

/// A running server.
pub struct Server {
    pub home: TempDir,
    /// Killed when this is dropped.
    child: Child,
    pub address: String,
    /// What it printed on standard output before it served.
    pub greeting: String,
}

impl Server {
    /// Starts with a config file of this text behind `host`, `port`, `api-keys`.
    pub async fn with_config(yaml: &str) -> Self {
        Self::with_config_in(TempDir::new().unwrap(), yaml).await
    }

    /// As [`Self::with_config`], in a home that has files already.
    pub async fn with_config_in(home: TempDir, yaml: &str) -> Self {
        std::fs::write(home.path().join("config.yaml"), with_head(yaml)).unwrap();
        Self::start(home, &[]).await
    }

    /// As [`Self::with_config`], on an auth directory that others may share.
    pub async fn sharing(credentials: &Path, yaml: &str) -> Self {
        let home = TempDir::new().unwrap();
        std::fs::write(home.path().join("config.yaml"), with_head_at(credentials, yaml)).unwrap();
        Self::start(home, &[]).await
    }

    /// Starts, and waits until the log names the address.
    pub async fn start(home: TempDir, arguments: &[&str]) -> Self {
        let (out, log) = (home.path().join("stdout"), home.path().join("stderr"));
        let configs = [home.path().join("config.yaml"), home.path().join(".cli-proxy-api/config.yaml")];
        let first_run = !configs.iter().any(|path| path.exists());
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
        let greeting = loop {
            let text = std::fs::read_to_string(&out).unwrap();
            if !first_run || text.contains("makes way") {
                break text;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        Self { home, child, address, greeting }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("stderr")).unwrap()
    }

    /// Waits until the log has these words this often.
    pub async fn wait_for_log(&self, words: &str, times: usize) {
        while self.log().matches(words).count() < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a signal by its name.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        let done = Command::new("kill").args([format!("-{name}"), pid]).status().await.unwrap();
        assert!(done.success());
    }

    /// Ends it and gives back its home.
    pub async fn stop(mut self) -> TempDir {
        self.child.kill().await.unwrap();
        self.home
    }

    /// Waits for its end and gives its exit code.
    pub async fn exit_code(mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }

    /// Replaces the config file's text behind the head that every test has.
    pub fn write_config(&self, yaml: &str) {
        std::fs::write(self.home.path().join("config.yaml"), with_head(yaml)).unwrap();
    }

    pub fn client(&self) -> TestClient {
        TestClient::new(format!("http://{}", self.address)).bearer(KEY)
    }
}
