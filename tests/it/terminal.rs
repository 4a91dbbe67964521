//! A person at a terminal: what is secret does not stand on the screen, and the terminal is as before afterwards. Source:
//! issue 5; design.md §5 "secrets".

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use cliproxy_testkit::{FakeOAuth, json as reply};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::server::command;

/// The two ends of a terminal: the person's, and the program's.
struct Terminal {
    person: File,
    program: OwnedFd,
}

impl Terminal {
    fn open() -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
        let program = File::options().read(true).write(true).open(name).unwrap();
        Self { person: person.into(), program: program.into() }
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.program).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    fn input(&self) -> Stdio {
        self.program.try_clone().unwrap().into()
    }

    /// What stands on the screen of what was typed; the end of a line always does.
    fn screen(&mut self) -> String {
        let mut seen = [0; 4096];
        let length = self.person.read(&mut seen).unwrap();
        String::from_utf8_lossy(&seen[..length]).into_owned()
    }
}

async fn world() -> (TempDir, FakeOAuth) {
    let (home, oauth) = (TempDir::new().unwrap(), FakeOAuth::start().await);
    oauth.page("/key", [reply(&json!({"success": true, "data": {"name": "me", "apiKey": "the-key"}}))]);
    let (key, authorize, token) = (oauth.url("/key"), oauth.url("/authorize"), oauth.url("/token"));
    let yaml = format!(
        "host: 127.0.0.1\nport: 0\nauth-dir: ./credentials\nendpoints:\n  iflow: {{api-key: '{key}'}}\n  \
         claude: {{authorize: '{authorize}', token: '{token}'}}\n"
    );
    std::fs::write(home.path().join("config.yaml"), yaml).unwrap();
    (home, oauth)
}

/// Begins a login at the terminal, and waits until it asks.
async fn asked(home: &TempDir, terminal: &Terminal, arguments: &[&str], words: &str) -> Child {
    let mut command = command(home, arguments);
    let mut child = command.stdin(terminal.input()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines.next_line().await.unwrap().expect("it asks").contains(words) {}
    // What it says later is read, or it could not say it.
    tokio_util::task::TaskTracker::new()
        .spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    child
}

#[tokio::test]
async fn a_secret_is_typed_unseen_and_the_terminal_shows_again_what_is_typed() {
    let (home, _oauth) = world().await;
    let mut terminal = Terminal::open();
    assert!(terminal.echoes());
    let mut child = asked(&home, &terminal, &["login", "iflow-cookie"], "not shown").await;
    assert!(!terminal.echoes());
    terminal.person.write_all(b"BXAuth=CANARY;\n").unwrap();
    assert!(child.wait().await.unwrap().success());
    assert!(terminal.echoes());
    assert_eq!(terminal.screen(), "\r\n");
    let stored = std::fs::read_dir(home.path().join("credentials")).unwrap();
    let files: Vec<_> = stored.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    assert!(std::fs::read_to_string(&files[0]).unwrap().contains("BXAuth=CANARY;"));
}

#[tokio::test]
async fn whoever_ends_it_while_it_asks_gets_the_terminal_as_it_was() {
    for signal in ["INT", "TERM", "QUIT", "HUP"] {
        let (home, _oauth) = world().await;
        let terminal = Terminal::open();
        let mut child = asked(&home, &terminal, &["login", "iflow-cookie"], "not shown").await;
        assert!(!terminal.echoes());
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args([format!("-{signal}"), pid]).status().await.unwrap().success());
        assert_eq!(child.wait().await.unwrap().code(), Some(1), "{signal}");
        assert!(terminal.echoes(), "{signal}");
    }
}

#[tokio::test]
async fn a_question_that_the_browser_answers_gives_the_terminal_back_too() {
    let (home, oauth) = world().await;
    oauth.set_extra(json!({"account": {"email_address": "me@example.com"}}));
    let terminal = Terminal::open();
    let port = crate::logins::free_port().await;
    let flag = format!("-oauth-callback-port={port}");
    let mut child = command(&home, &["login", "claude", "-no-browser", &flag])
        .stdin(terminal.input())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut url = String::new();
    while url.is_empty() {
        let line = lines.next_line().await.unwrap().expect("an address");
        if line.starts_with("http") {
            url = line;
        }
    }
    while !lines.next_line().await.unwrap().expect("it asks").contains("not shown") {}
    assert!(!terminal.echoes());
    let callback = oauth.consent(&url);
    tokio_util::task::TaskTracker::new()
        .spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let (_, path) = callback.strip_prefix("http://localhost:").unwrap().split_once('/').unwrap();
    let browser = cliproxy_testkit::TestClient::new(format!("http://127.0.0.1:{port}"));
    assert_eq!(browser.get(&format!("/{path}")).await.status(), 200);
    assert!(child.wait().await.unwrap().success());
    assert!(terminal.echoes());
}
