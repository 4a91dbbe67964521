use tempfile::TempDir;

use crate::server::command;

/// Exit code, standard output and standard error, in a home of its own that has this config file.
pub async fn run(arguments: &[&str], config: Option<&str>) -> (i32, String, String) {
    let home = TempDir::new().unwrap();
    if let Some(text) = config {
        std::fs::write(home.path().join("config.yaml"), text).unwrap();
    }
    let done = command(&home, arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[tokio::test]
async fn commands_answer_and_failures_have_their_exit_codes() {
    let good = "host: 127.0.0.1\nclaude-api-key: [{api-key: sk-ant-CANARY}]\nnonsense: 1\n";
    let bad = "host: 127.0.0.1\nport: many\nrequest-retry: lots\n";
    let path = "host: 127.0.0.1\npayload:\n  filter:\n    - models: [{name: m}]\n      params: ['a|b']\n";
    let mixed = "host: 127.0.0.1\nnonsense: 1\nrequest-retry: lots\n";
    for (arguments, config, code, expected) in [
        (&["version"][..], None, 0, "cliproxy-server 0."),
        (&["endpoints"], None, 0, "    api: https://api.anthropic.com"),
        (&["check-config"], Some(good), 0, "`nonsense` is not a known key"),
        (&["check-config"], Some(bad), 1, "request-retry"),
        (
            &["check-config"],
            Some(path),
            0,
            "config.yaml:4:7: `payload.filter`: \"a|b\" is left out: `|` is not",
        ),
        (&["check-config"], Some(mixed), 1, "request-retry"),
        (&["check-config"], Some(mixed), 1, "`nonsense` is not a known key"),
        (&["check-config"], None, 1, "there is no config file yet"),
        (&["--nope"], None, 2, "there is no flag --nope"),
        (&["-tui"], None, 2, "not built yet"),
        (&["login", "kiro", "--method", "facebook"], None, 1, "--method builder-id, idc, google or github"),
        (&["login"], None, 0, "github-copilot  GitHub Copilot"),
        (&["login", "dance"], None, 1, "there is no login dance; there are:"),
        (&["-antigravity-login"], None, 1, "oauth-clients.antigravity.client-secret"),
        (&["-vertex-import", "nowhere.json"], None, 1, "nowhere.json cannot be read"),
        (&["import"], None, 0, "No login of another program was found"),
        (&["import", "codex"], None, 1, "there is no login of codex to import"),
        (&["credentials"], None, 0, "There are no credentials yet"),
        (&["credentials", "disable", "x"], None, 1, "goes by x"),
        (&["-h"], None, 0, "usage: cliproxy-server"),
        (&["--version"], None, 0, "cliproxy-server 0."),
        (&["-version"], None, 0, "cliproxy-server 0."),
        (&["dance"], None, 2, "there is no command dance"),
        (&["-port", "many"], None, 2, "is not a port"),
        (&["check-config", "-config", "config.yaml"], Some(good), 0, "credentials in the file: 1"),
        (&["check-config", "--config=config.yaml"], Some(bad), 1, "config.yaml:2:7: `port`"),
        (&["check-config", "--config=nowhere.yaml"], None, 1, "nowhere.yaml"),
        (&["-config", "nowhere.yaml"], None, 1, "nowhere.yaml"),
        (&["serve"], Some("host: 0.0.0.0\n"), 1, "api-keys"),
        (
            &["check-config"],
            Some("host: 127.0.0.1\nendpoints:\n  claude: {apii: 'http://x'}\n"),
            1,
            "config.yaml:3:12: `endpoints.claude.apii`: claude has no URL of this name",
        ),
        (
            &["serve"],
            Some("host: 127.0.0.1\nendpoints: {nobody: {api: 'http://x'}}\n"),
            1,
            "`endpoints.nobody`",
        ),
        (
            &["login"],
            Some("host: 127.0.0.1\nendpoints: {qwen: {tokn: 'http://x'}}\n"),
            1,
            "`endpoints.qwen.token`?",
        ),
        (
            &["check-config"],
            Some("host: 127.0.0.1\noauth-model-alias:\n  gemini-clj: [{name: a, alias: b}]\n"),
            0,
            "config.yaml:3:3: `oauth-model-alias.gemini-clj` names no provider that it could be about, and has no effect; \
             did you mean `oauth-model-alias.gemini-cli`?",
        ),
        (
            &["check-config"],
            Some("host: 127.0.0.1\noauth-clients: {claud: {client-id: a}}\n"),
            0,
            "warning: ",
        ),
    ] {
        let (status, out, err) = run(arguments, config).await;
        let said = format!("{out}{err}");
        assert_eq!(status, code, "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("CANARY"), "{said}");
    }
}

#[tokio::test]
async fn check_config_warns_of_no_key_that_works() {
    for text in [
        "oauth-clients: {gemini-cli: {client-id: an-id, client-secret: CANARY}}\n",
        "endpoints: {claude: {api: 'https://mirror.example'}}\n",
    ] {
        let (status, out, err) = run(&["check-config"], Some(&format!("host: 127.0.0.1\n{text}"))).await;
        assert_eq!(status, 0, "{text}: {out}{err}");
        for word in ["warning", "note:", "not built", "CANARY"] {
            assert!(!out.contains(word) && !err.contains(word), "{text}: {out}{err}");
        }
    }
}

#[tokio::test]
async fn check_config_lists_what_lies_in_the_auth_directory() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("credentials");
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in [
        ("claude-a.json", r#"{"type":"claude","access_token":"CANARY-1","email":"a@b.c"}"#),
        ("xai-b.json", r#"{"type":"xai","access_token":"CANARY-2"}"#),
        ("half.json", r#"{"type":"claude","access_"#),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::write(home.path().join("config.yaml"), "host: 127.0.0.1\nauth-dir: ./credentials\n").unwrap();
    let output = command(&home, &["check-config"]).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(": 3\n"), "{said}");
    assert!(said.lines().any(|line| line.ends_with("(claude)")), "{said}");
    assert!(said.contains("(xai): provider xai is not built yet"), "{said}");
    assert!(said.contains("half.json (unreadable): "), "{said}");
    assert!(!said.contains("CANARY"), "{said}");
}

#[tokio::test]
async fn test_sends_one_request_through_the_pipeline() {
    let (status, out, err) = run(&["test", "demo"], Some("host: 127.0.0.1\nauth-dir: ./credentials\n")).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("Hello from cliproxy"), "{out}");
    let (status, _, err) = run(&["test", "demon"], Some("host: 127.0.0.1\nauth-dir: ./credentials\n")).await;
    assert_eq!(status, 1);
    assert!(err.contains("demo"), "{err}");
}

#[tokio::test]
async fn an_argument_that_is_no_text_is_a_mistake_and_no_panic() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = TempDir::new().unwrap();
    let mut server = command(&home, &[]);
    let done = server.arg(std::ffi::OsStr::from_bytes(b"--port=\xff")).output().await.unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("is not UTF-8") && said.contains("usage:"), "{said}");
}

#[tokio::test]
async fn without_a_home_directory_nothing_is_written_and_the_remedy_is_said() {
    let place = TempDir::new().unwrap();
    let mut server = command(&place, &["--port=0"]);
    let done = server.env_remove("HOME").output().await.unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("set HOME, or name a file with --config"), "{said}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);

    std::fs::write(place.path().join("config.yaml"), "host: 127.0.0.1\nport: 0\n").unwrap();
    let done = command(&place, &[]).env_remove("HOME").output().await.unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("`auth-dir` is not set"), "{said}");
}

#[tokio::test]
async fn a_failure_under_json_is_an_object_on_standard_output_and_a_line_on_standard_error() {
    let bad = "host: 127.0.0.1\nport: many\n";
    for (arguments, config, expected) in [
        (&["credentials", "test", "x", "--json"][..], None, "goes by x"),
        (&["credentials", "remove", "x", "--json"], None, "goes by x"),
        (&["credentials", "--json"], Some(bad), "`port`"),
    ] {
        let (status, out, err) = run(arguments, config).await;
        let object: serde_json::Value = serde_json::from_str(&out).unwrap();
        let told = object["error"].as_str().unwrap();
        assert!(
            status == 1 && told.contains(expected) && err.contains(expected),
            "{arguments:?}: {out}{err}"
        );
        assert_eq!(object.as_object().unwrap().len(), 1, "{object}");
    }
}
