use std::path::{Path, PathBuf};

use cliproxy_testkit::TestClient;
use serde_json::json;
use tempfile::TempDir;

use crate::server::{Server, command};

#[tokio::test]
async fn a_fresh_machine_gets_a_config_and_its_own_curl_line_is_answered() {
    let server = Server::start(TempDir::new().unwrap(), &["--port=0"]).await;
    let key = server.greeting.split("Bearer ").nth(1).unwrap().split('\'').next().unwrap();
    assert!(
        server.greeting.contains(&format!("http://{}/v1/chat/completions", server.address)),
        "{}",
        server.greeting
    );
    let file = server.home.path().join(".cli-proxy-api").join("config.yaml");
    let written = std::fs::read_to_string(file).unwrap();
    assert!(written.contains(key));
    // It warns of nothing that it wrote itself, and gives nobody a key that opens nothing.
    assert!(!server.log().contains("WARN"), "{}", server.log());
    assert!(!server.greeting.contains("management"), "{}", server.greeting);
    assert!(!written.lines().any(|line| line.starts_with("remote-management")), "{written}");

    let client = TestClient::new(format!("http://{}", server.address)).bearer(key);
    let body = json!({"model": "demo", "stream": true, "messages": [{"role": "user", "content": "hello"}]});
    let reply = client.post("/v1/chat/completions", &body).await;
    assert_eq!((reply.status(), reply.header("content-type")), (200, Some("text/event-stream")));
    let events = reply.events().await;
    assert_eq!(events.last().unwrap().data, "[DONE]");
    let text: String = events
        .iter()
        .filter_map(|event| serde_json::from_str::<serde_json::Value>(&event.data).ok())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert!(text.contains("Hello from cliproxy"), "{text}");
}

/// The line that a person copies, as the shell would run it.
fn curl_line(greeting: &str) -> String {
    let lines: Vec<&str> =
        greeting.lines().skip_while(|line| !line.trim_start().starts_with("curl")).collect();
    let end = lines.iter().position(|line| !line.ends_with('\\')).unwrap();
    lines[..=end].join("\n")
}

#[tokio::test]
async fn the_printed_curl_line_pasted_into_a_shell_streams_an_answer_from_the_demo() {
    let server = Server::start(TempDir::new().unwrap(), &["-port", "0"]).await;
    let line = curl_line(&server.greeting);
    let done = tokio::process::Command::new("sh").args(["-c", &line]).output().await.unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    assert!(said.starts_with("data: {") && said.ends_with("data: [DONE]\n\n"), "{said}");
    assert!(said.matches("chat.completion.chunk").count() > 3, "it is streamed: {said}");

    // What it wrote is for its owner alone, and a second start uses it and prints no key.
    let file = server.home.path().join(".cli-proxy-api").join("config.yaml");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read_to_string(&file).unwrap();
    let home = server.stop().await;
    let again = Server::start(home, &["--port", "0"]).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    assert!(!again.greeting.contains("client key"), "{}", again.greeting);
}

/// What lies below a folder: paths, and what links and files say.
fn below(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            all.push((path.clone(), std::fs::read_link(&path).unwrap().display().to_string()));
        } else if path.is_dir() {
            all.extend(below(&path));
        } else {
            all.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    all.sort();
    all
}

/// The config file, and what makes it unreadable.
type Obstacle = (&'static str, fn(&Path));

#[tokio::test]
async fn a_config_directory_that_cannot_be_read_is_an_error_and_no_first_run() {
    // Permissions do not bind root, a path that leads nowhere binds everyone.
    let obstacles: [Obstacle; 3] = [
        (".cli-proxy-api/config.yaml", |home| {
            std::fs::write(home.join(".cli-proxy-api"), "a file").unwrap();
        }),
        (".cli-proxy-api/config.yaml", |home| {
            std::fs::create_dir(home.join(".cli-proxy-api")).unwrap();
            std::os::unix::fs::symlink("config.yaml", home.join(".cli-proxy-api/config.yaml")).unwrap();
        }),
        // And none that lets another file be taken in its place.
        ("config.yaml", |home| {
            std::os::unix::fs::symlink("config.yaml", home.join("config.yaml")).unwrap();
            std::fs::create_dir(home.join(".cli-proxy-api")).unwrap();
            std::fs::write(home.join(".cli-proxy-api/config.yaml"), "host: 127.0.0.1\nport: 0\n").unwrap();
        }),
    ];
    for (file, obstacle) in obstacles {
        for arguments in [&["-port", "0"][..], &["check-config"]] {
            let home = TempDir::new().unwrap();
            obstacle(home.path());
            let before = below(home.path());
            let done = command(&home, arguments).output().await.unwrap();
            let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
            assert_eq!(done.status.code(), Some(1), "{file}, {arguments:?}: {out}{err}");
            assert!(err.contains(file) && err.contains("cannot be read"), "{file}, {arguments:?}: {err}");
            assert!(!err.contains("no config file") && out.is_empty(), "{file}, {arguments:?}: {out}{err}");
            assert_eq!(below(home.path()), before, "{file}, {arguments:?}: nothing is written");
        }
    }
}
