//! `credentials refresh` through the real binary: what the provider gives for a token that works once is kept, whatever
//! happens in the middle. Source: issue 5 "refresh"; design.md §5.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cliproxy_testkit::FakeTokenEndpoint;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::server::command;

const NAME: &str = "claude-me@example.com.json";
const FILE: &str = r#"{"type":"claude","access_token":"access-0","refresh_token":"refresh-0","email":"me@example.com","note":"mine"}"#;

struct World {
    home: TempDir,
    tokens: FakeTokenEndpoint,
}

impl World {
    async fn new() -> Self {
        let (home, tokens) = (TempDir::new().unwrap(), FakeTokenEndpoint::start(["refresh-0"]).await);
        let yaml = format!(
            "host: 127.0.0.1\nport: 0\nauth-dir: ./credentials\nendpoints: {{claude: {{token: '{}'}}}}\n",
            tokens.url()
        );
        std::fs::write(home.path().join("config.yaml"), yaml).unwrap();
        std::fs::create_dir(home.path().join("credentials")).unwrap();
        let world = Self { home, tokens };
        std::fs::write(world.path(), FILE).unwrap();
        world
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("credentials").join(NAME)
    }

    fn stored(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path()).unwrap()).unwrap()
    }

    fn refresh(&self) -> Child {
        let mut command = command(&self.home, &["credentials", "refresh", "claude-me"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until the provider has exchanged the token; its answer is still on its way.
    async fn redeemed(&self) {
        while self.tokens.redemptions().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    #[track_caller]
    fn assert_kept(&self) {
        let file = self.stored();
        assert_eq!(
            (&file["refresh_token"], &file["access_token"]),
            (&"refresh-1".into(), &"access-1".into())
        );
        assert_eq!(file["note"], "mine");
        assert_eq!((self.tokens.redemptions().len(), self.tokens.reuses()), (1, 0));
    }
}

async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args([format!("-{name}"), pid]).status().await.unwrap().success());
}

async fn end(child: Child) -> (i32, String) {
    let done = child.wait_with_output().await.unwrap();
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(!said.contains("access-") && !said.contains("refresh-"), "a token is shown: {said}");
    (done.status.code().expect("it ends by itself"), said)
}

#[tokio::test]
async fn an_interrupt_waits_for_the_answer_and_the_file() {
    for name in ["INT", "TERM", "HUP", "QUIT"] {
        let world = World::new().await;
        world.tokens.set_delays([Duration::from_millis(400)]);
        let child = world.refresh();
        world.redeemed().await;
        signal(&child, name).await;
        signal(&child, name).await;
        let (code, said) = end(child).await;
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("interrupted") && said.contains("refreshed"), "{said}");
        world.assert_kept();
    }
}

#[tokio::test]
async fn a_save_that_fails_at_first_is_tried_until_it_works() {
    let world = World::new().await;
    world.tokens.set_delays([Duration::from_millis(300)]);
    let mut child = world.refresh();
    world.redeemed().await;
    // Somebody writes the file at the same time, and not in one go.
    std::fs::write(world.path(), r#"{"type":"cla"#).unwrap();
    let mut log = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    while !log.contains("cannot be saved") {
        let mut piece = [0; 1024];
        let read = stderr.read(&mut piece).await.unwrap();
        assert!(read > 0, "it ended: {log}");
        log.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    assert!(log.contains(NAME), "the file is named: {log}");
    std::fs::write(world.path(), FILE).unwrap();
    let (code, said) = end(child).await;
    assert_eq!(code, 0, "{said}");
    world.assert_kept();
}

#[tokio::test]
async fn what_cannot_be_saved_up_to_the_end_is_said_to_be_lost() {
    let world = World::new().await;
    world.tokens.set_delays([Duration::from_millis(300)]);
    let child = world.refresh();
    world.redeemed().await;
    std::fs::write(world.path(), r#"{"type":"cla"#).unwrap();
    signal(&child, "INT").await;
    let (code, said) = end(child).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("lost: log in again") && said.contains(NAME), "{said}");
}

#[tokio::test]
async fn a_directory_that_takes_no_file_is_a_reason_not_to_spend_the_token() {
    let world = World::new().await;
    let program = command(&world.home, &[]).as_std().get_program().to_owned();
    // No file of this process may have even one byte: as on a disk that is full.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(program)
        .args(["credentials", "refresh", "claude-me"])
        .env("HOME", world.home.path())
        .current_dir(world.home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (code, said) = end(child).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(NAME) && said.contains("was not spent"), "{said}");
    assert_eq!(world.tokens.redemptions(), []);
    assert_eq!(std::fs::read_to_string(world.path()).unwrap(), FILE);
    // And with room again the very same token works.
    let (code, said) = end(world.refresh()).await;
    assert_eq!(code, 0, "{said}");
    world.assert_kept();
}

#[tokio::test]
async fn who_waits_for_a_renewal_to_end_can_be_told_to_stop() {
    for words in [&["disable"][..], &["enable"], &["remove"]] {
        let world = World::new().await;
        world.tokens.set_delays([Duration::from_secs(600)]);
        let mut renewal = world.refresh();
        world.redeemed().await;
        let arguments = [&["credentials"], words, &["claude-me"]].concat();
        let mut command = command(&world.home, &arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut said, stderr) = (String::new(), child.stderr.as_mut().unwrap());
        while !said.contains("waiting for") {
            let mut piece = [0; 1024];
            let read = stderr.read(&mut piece).await.unwrap();
            assert!(read > 0, "it ended: {said}");
            said.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
        assert!(said.contains("claude-me"), "{said}");
        signal(&child, "INT").await;
        let (code, said) = end(child).await;
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("interrupted: nothing was changed"), "{said}");
        assert_eq!(std::fs::read_to_string(world.path()).unwrap(), FILE);
        renewal.kill().await.unwrap();
    }
}

#[tokio::test]
async fn a_test_of_a_model_says_too_what_is_lost() {
    let (world, api) = (World::new().await, cliproxy_testkit::FakeUpstream::start().await);
    api.script_all([cliproxy_testkit::status(401)]);
    world.tokens.set_delays([Duration::from_millis(300)]);
    let config = world.home.path().join("config.yaml");
    let yaml = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, yaml.replace("{token:", &format!("{{api: '{}', token:", api.url()))).unwrap();
    let mut command = command(&world.home, &["test", "claude-haiku-4-5-20251001"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    world.redeemed().await;
    std::fs::write(world.path(), r#"{"type":"cla"#).unwrap();
    signal(&child, "INT").await;
    let (code, said) = end(child).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("renewed credential is lost") && said.contains(NAME), "{said}");
}
