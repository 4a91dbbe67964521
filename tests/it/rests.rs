//! Cooldowns over a restart: `save-cooldown-status`.

use std::path::PathBuf;
use std::time::Duration;

use cliproxy_testkit::{FakeUpstream, TestReply, claude};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::clients;
use crate::matrix::hello;
use crate::provider::providers;
use crate::server::{Server, command};

const ON: &str = "save-cooldown-status: true\n";

fn file(home: &TempDir) -> PathBuf {
    home.path().join("credentials/cooldowns.cds")
}

/// What is kept, once it says that so many things rest.
async fn kept(server: &Server, count: usize) -> Value {
    loop {
        let text = std::fs::read_to_string(file(&server.home)).unwrap_or_default();
        // Never half a file.
        let kept: Value = if text.is_empty() { json!({}) } else { serde_json::from_str(&text).unwrap() };
        if kept["cooldowns"].as_array().is_some_and(|all| all.len() == count) {
            return kept;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A pool of two keys and a login, of Claude's.
async fn world(upstream: &FakeUpstream, yaml: &str) -> Server {
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join("credentials")).unwrap();
    let login = json!({"type": "claude", "access_token": "key-login", "email": "me@example.com", "prefix": "l", "base_url": upstream.url()});
    std::fs::write(home.path().join("credentials/claude-me.json"), login.to_string()).unwrap();
    let provider = providers()[0];
    assert_eq!(provider.name(), "claude");
    let keys = provider.config(&upstream.url(), &["key-a", "key-b"], "up", "m");
    Server::with_config_in(home, &format!("{yaml}{keys}")).await
}

async fn ask(server: &Server, model: &str) -> TestReply {
    let client = clients()[1];
    server.client().post(&client.path(model, false), &client.body(model, &hello().ask, false)).await
}

fn spent(upstream: &FakeUpstream, status: u16) {
    upstream.answer_with(move |_| providers()[0].error(status, "these words").header("retry-after", "600"));
}

const LOGIN: &str = "l/claude-sonnet-4-5-20250929";

#[tokio::test]
async fn a_limit_is_remembered_over_a_kill_and_over_a_stop() {
    let upstream = FakeUpstream::start().await;
    let server = world(&upstream, ON).await;
    spent(&upstream, 429);
    for model in ["m", LOGIN] {
        assert_eq!(ask(&server, model).await.status(), 429);
    }
    assert_eq!(upstream.requests().len(), 3, "two keys and a login");
    kept(&server, 3).await;
    let mut home = server.stop().await; // kill -9
    for polite in [false, true] {
        let server = Server::start(home, &[]).await;
        for model in ["m", LOGIN] {
            let reply = ask(&server, model).await;
            assert_eq!(reply.status(), 429, "{model}");
            let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((500..=600).contains(&wait), "{model}: {wait}");
        }
        assert_eq!(upstream.requests().len(), 3, "nobody is asked before its time");
        home = if polite {
            let address = server.address.clone();
            server.signal("TERM").await;
            while tokio::net::TcpStream::connect(&address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            server.stop().await
        } else {
            server.stop().await
        };
    }
    // Whose key is off forgets it, and asks.
    let config = std::fs::read_to_string(home.path().join("config.yaml")).unwrap();
    std::fs::write(home.path().join("config.yaml"), config.replace(ON, "")).unwrap();
    let server = Server::start(home, &[]).await;
    upstream.answer_with(|_| claude::message("fine"));
    assert_eq!(ask(&server, "m").await.status(), 200);
}

#[tokio::test]
async fn what_is_written_has_no_secret_is_the_owners_alone_and_goes_when_it_is_over() {
    let upstream = FakeUpstream::start().await;
    let server = world(&upstream, ON).await;
    upstream.answer_with(|_| providers()[0].error(429, "these words").header("retry-after", "2"));
    assert_eq!(ask(&server, LOGIN).await.status(), 429);
    let kept_now = kept(&server, 1).await;
    assert_eq!(kept_now["version"], 1);
    let entry = &kept_now["cooldowns"][0];
    assert_eq!((&entry["credential"], &entry["cause"]), (&json!("claude-me.json"), &json!("quota")));
    assert!(!kept_now.to_string().contains("key-"), "{kept_now}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(file(&server.home)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // The file itself is no credential, and is not complained about.
    assert!(!server.log().contains("cds"), "{}", server.log());
    upstream.answer_with(|_| claude::message("fine"));
    while ask(&server, LOGIN).await.status() != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kept(&server, 0).await;
}

#[tokio::test]
async fn a_test_beside_the_server_asks_and_leaves_alone_what_the_server_keeps() {
    let upstream = FakeUpstream::start().await;
    let server = world(&upstream, ON).await;
    spent(&upstream, 429);
    assert_eq!(ask(&server, LOGIN).await.status(), 429);
    assert_eq!(ask(&server, "m").await.status(), 429);
    kept(&server, 3).await;
    let before = std::fs::read(file(&server.home)).unwrap();
    for arguments in [
        vec!["test", "m"],
        vec!["test", LOGIN],
        vec!["credentials", "test", "claude-me.json", "--model", LOGIN],
    ] {
        for (status, good) in [(429, false), (200, true)] {
            let asked = upstream.requests().len();
            if good {
                upstream.answer_with(|_| claude::message("fine"));
            } else {
                spent(&upstream, status);
            }
            let output = command(&server.home, &arguments).output().await.unwrap();
            let said = format!("{output:?}");
            assert!(upstream.requests().len() > asked, "nobody was asked: {arguments:?} {said}");
            assert_eq!(output.status.success(), good, "{arguments:?} {said}");
            assert_eq!(std::fs::read(file(&server.home)).unwrap(), before, "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn cooling_that_is_off_after_a_restart_forgets_what_rested() {
    let upstream = FakeUpstream::start().await;
    let server = world(&upstream, ON).await;
    spent(&upstream, 429);
    assert_eq!(ask(&server, "m").await.status(), 429);
    kept(&server, 2).await;
    let home = server.stop().await;
    let config = std::fs::read_to_string(home.path().join("config.yaml")).unwrap();
    std::fs::write(home.path().join("config.yaml"), format!("{config}\ndisable-cooling: true\n")).unwrap();
    let server = Server::start(home, &[]).await;
    upstream.answer_with(|_| claude::message("fine"));
    assert_eq!(ask(&server, "m").await.status(), 200);
}

#[tokio::test]
async fn a_key_that_was_refused_is_asked_again_after_a_restart() {
    let upstream = FakeUpstream::start().await;
    let server = world(&upstream, ON).await;
    spent(&upstream, 401);
    assert_eq!(ask(&server, LOGIN).await.status(), 503);
    spent(&upstream, 429);
    assert_eq!(ask(&server, "m").await.status(), 429);
    let all = kept(&server, 2).await;
    assert!(!all.to_string().contains("unauthorized"), "a person may log in meanwhile: {all}");
    upstream.answer_with(|_| claude::message("fine"));
    let server = Server::start(server.stop().await, &[]).await;
    assert_eq!(ask(&server, LOGIN).await.status(), 200);
    assert_eq!(ask(&server, "m").await.status(), 429);
}

#[tokio::test]
async fn a_file_that_is_broken_or_old_takes_nothing_but_itself_away() {
    let upstream = FakeUpstream::start().await;
    let server = world(&upstream, ON).await;
    upstream.answer_with(|_| claude::message("fine"));
    let entry = |until: &str| {
        format!(
            "{{\"credential\":\"claude-me.json\",\"model\":null,\"until\":\"{until}\",\"cause\":\"quota\"}}"
        )
    };
    let mut home = server.stop().await;
    for (text, complaint, status) in [
        (String::new(), true, 200),
        ("{\"version\": 1, \"cool".to_owned(), true, 200),
        ("{\"version\": 7}".to_owned(), true, 200),
        (format!("{{\"version\":1,\"cooldowns\":[{}]}}", entry("2001-01-01T00:00:00Z")), false, 200),
        (format!("{{\"version\":1,\"cooldowns\":[7,{}]}}", entry("2901-01-01T00:00:00Z")), false, 429),
    ] {
        std::fs::write(file(&home), &text).unwrap();
        let server = Server::start(home, &[]).await;
        let reply = ask(&server, LOGIN).await;
        assert_eq!(reply.status(), status, "{text}");
        if status == 429 {
            let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!(wait <= 24 * 3600, "a clock was wrong: {wait}");
        }
        assert_eq!(server.log().contains("cooldowns cannot be read"), complaint, "{text}: {}", server.log());
        home = server.stop().await;
    }
}
