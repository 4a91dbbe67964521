//! `cliproxy-server login` as a person on a machine without a browser meets it: codes for another device, and addresses
//! that are pasted.

use std::process::Stdio;
use std::time::Duration;

use cliproxy_testkit::{FakeOAuth, FakeServiceAccount, FakeUpstream, Reply, gemini, json as reply, status};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::task::JoinSet;

use crate::logins::{base64, free_port};
use crate::server::{Server, command};

/// One way to log in.
pub struct Flow {
    pub login: &'static str,
    more: &'static [&'static str],
    prepare: fn(&FakeOAuth),
    /// What its file's name begins with, and members that it has to have.
    file: &'static str,
    has: fn() -> Value,
}

fn id_token(oauth: &FakeOAuth) {
    let auth = json!({"chatgpt_account_id": "acc", "chatgpt_plan_type": "plus"});
    let claims = json!({"email": "me@example.com", "https://api.openai.com/auth": auth});
    oauth.set_extra(json!({"id_token": format!("e30.{}.s", base64(&claims.to_string()))}));
}

fn google(oauth: &FakeOAuth, place: &str) {
    oauth.page("/userinfo", [reply(&json!({"email": "me@example.com"}))]);
    let loaded =
        json!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": {"id": "given-1"}});
    oauth.page(&format!("{place}/v1internal:loadCodeAssist"), [reply(&loaded)]);
}

pub const PASTED: [Flow; 7] = [
    Flow {
        login: "claude",
        more: &[],
        prepare: |oauth| oauth.set_extra(json!({"account": {"email_address": "me@example.com"}})),
        file: "claude-me@example.com.json",
        has: || json!({"type": "claude", "email": "me@example.com"}),
    },
    Flow {
        login: "codex",
        more: &[],
        prepare: id_token,
        file: "codex-me@example.com-plus.json",
        has: || json!({"type": "codex", "account_id": "acc"}),
    },
    Flow {
        login: "gemini-cli",
        more: &[],
        prepare: |oauth| google(oauth, "/api"),
        file: "me@example.com-given-1.json",
        has: || json!({"type": "gemini", "project_id": "given-1"}),
    },
    Flow {
        login: "antigravity",
        more: &[],
        prepare: |oauth| google(oauth, "/onboarding"),
        file: "antigravity-me@example.com.json",
        has: || json!({"type": "antigravity", "project_id": "given-1"}),
    },
    Flow {
        login: "iflow",
        more: &[],
        prepare: |oauth| {
            let user = json!({"success": true, "data": {"apiKey": "the-key", "email": "me@example.com"}});
            oauth.page("/userinfo", [reply(&user)]);
        },
        file: "iflow-me@example.com-",
        has: || json!({"type": "iflow", "api_key": "the-key"}),
    },
    Flow {
        login: "kiro",
        more: &["--flow", "authcode"],
        prepare: |oauth| {
            let usage = json!({"userInfo": {"email": "me@example.com"}});
            oauth.page("/amazonq/getUsageLimits", [reply(&usage)]);
        },
        file: "kiro-aws-me@example.com.json",
        has: || json!({"type": "kiro", "auth_method": "builder-id", "client_id": "client-1"}),
    },
    Flow {
        login: "kiro",
        more: &["--method", "google", "--flow", "authcode"],
        prepare: |oauth| {
            oauth.set_extra(json!({"profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/X"}))
        },
        file: "kiro-google-",
        has: || json!({"type": "kiro", "auth_method": "social", "provider": "Google"}),
    },
];

fn pending() -> Reply {
    status(400).json(&json!({"error": "authorization_pending"}))
}

pub const BY_CODE: [Flow; 6] = [
    Flow {
        login: "qwen",
        more: &["--email", "work"],
        prepare: |oauth| {
            oauth.before_consent([pending()]);
            oauth.set_extra(json!({"resource_url": "portal.qwen.ai"}));
        },
        file: "qwen-work.json",
        has: || json!({"type": "qwen", "resource_url": "portal.qwen.ai"}),
    },
    Flow {
        login: "kimi",
        more: &[],
        prepare: |oauth| oauth.before_consent([pending()]),
        file: "kimi-",
        has: || json!({"type": "kimi"}),
    },
    Flow {
        login: "github-copilot",
        more: &[],
        prepare: |oauth| {
            oauth.set_extra(json!({"refresh_token": null, "expires_in": null}));
            oauth.page("/user", [reply(&json!({"login": "octocat"}))]);
            oauth
                .page("/copilot-token", [reply(&json!({"token": "tid=1", "expires_at": 4_102_444_800_i64}))]);
        },
        file: "github-copilot-octocat.json",
        has: || json!({"type": "github-copilot", "username": "octocat"}),
    },
    Flow {
        login: "codex-device",
        more: &[],
        prepare: |oauth| {
            id_token(oauth);
            let device = json!({"device_auth_id": "d-1", "user_code": "ABCD-1234", "interval": 1});
            oauth.page("/device", [reply(&device)]);
            // What the device page brings is a code of the same server.
            let redirect = oauth.url("/device-redirect").replace(':', "%3A").replace('/', "%2F");
            let _code = oauth.consent(&format!(
                "http://x/?client_id=app_EMoamEEZ73f0CkXaXp7hrann&state=s&code_challenge_method=S256\
                 &redirect_uri={redirect}&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
            ));
            let granted = json!({"authorization_code": "code/1+=", "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"});
            oauth.page("/device-token", [status(403), reply(&granted)]);
        },
        file: "codex-",
        has: || json!({"type": "codex", "account_id": "acc", "codex_login_mode": "device"}),
    },
    Flow {
        login: "kiro",
        more: &[],
        prepare: |oauth| {
            let client = json!({"clientId": "cid", "clientSecret": "CANARY-cs", "clientSecretExpiresAt": 4_102_444_800_i64});
            oauth.page("/oidc/client/register", [reply(&client)]);
            let device = json!({"deviceCode": "d", "userCode": "ABCD-1234", "verificationUri": "https://v.example/",
                "verificationUriComplete": "https://v.example/?c", "expiresIn": 600, "interval": 1});
            oauth.page("/oidc/device_authorization", [reply(&device)]);
            let tokens = json!({"accessToken": "access-1", "refreshToken": "refresh-1", "expiresIn": 3600});
            oauth.page("/oidc/token", [reply(&tokens)]);
        },
        file: "kiro-",
        has: || json!({"type": "kiro", "auth_method": "builder-id", "client_id": "cid"}),
    },
    Flow {
        login: "kiro-github",
        more: &[],
        prepare: |oauth| {
            oauth.before_consent([reply(&json!({"status": "authorization_pending"}))]);
            oauth.set_extra(json!({"identityProvider": "Github"}));
        },
        file: "kiro-github-",
        has: || json!({"type": "kiro", "auth_method": "social", "provider": "Github"}),
    },
];

/// A home whose config leads every endpoint that a login calls to the path of its name, as `endpoints` lists them.
async fn home_at(oauth: &FakeOAuth) -> TempDir {
    let home = TempDir::new().unwrap();
    let done = command(&home, &["endpoints"]).output().await.unwrap();
    let listed = String::from_utf8(done.stdout).unwrap();
    let mut yaml = "host: 127.0.0.1\nport: 0\nauth-dir: ./credentials\n\
                    oauth-clients: {antigravity: {client-secret: s}, iflow: {client-secret: s}}\n"
        .to_owned();
    for line in listed.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.strip_prefix("    ").and_then(|row| row.split_once(": ")) {
            Some((name, _)) => yaml.push_str(&format!("    {name}: '{}'\n", oauth.url(&format!("/{name}")))),
            None => yaml.push_str(&format!("{line}\n")),
        }
    }
    std::fs::write(home.path().join("config.yaml"), yaml).unwrap();
    home
}

/// The one file that a login has left, checked.
fn check(home: &TempDir, flow: &Flow, said: &str) {
    let folder = home.path().join("credentials");
    let names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}: {said}", flow.login))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    let [name] = names.as_slice() else { panic!("{}: {names:?}: {said}", flow.login) };
    assert!(name.starts_with(flow.file), "{}: {name}", flow.login);
    assert!(said.contains(&format!("Saved {name}")), "{}: {said}", flow.login);
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    for (key, value) in (flow.has)().as_object().unwrap() {
        assert_eq!(file[key], *value, "{}: {key}", flow.login);
    }
    assert!(text.contains("access-"), "{}: {text}", flow.login);
    for secret in ["access-", "refresh-", "CANARY", "the-key"] {
        assert!(!said.contains(secret), "{}: {secret} is shown: {said}", flow.login);
    }
}

#[tokio::test]
async fn an_address_that_is_pasted_logs_in_where_no_browser_reaches_the_machine() {
    for flow in &PASTED {
        let oauth = FakeOAuth::start().await;
        (flow.prepare)(&oauth);
        let home = home_at(&oauth).await;
        let port = format!("-oauth-callback-port={}", free_port().await);
        let mut arguments = vec!["login", flow.login, "-no-browser", &port];
        arguments.extend(flow.more);
        let mut child = command(&home, &arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        let url = loop {
            let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("{}: {said}", flow.login));
            said.push_str(&line);
            if line.starts_with("http") {
                break line;
            }
        };
        let callback = oauth.consent(&url);
        // A wrong line, an address of another login, and then the right one.
        let other = callback.replace("state=", "state=other");
        let mut input = child.stdin.take().unwrap();
        input.write_all(format!("nonsense\n{other}\n{callback}\n").as_bytes()).await.unwrap();
        while let Some(line) = lines.next_line().await.unwrap() {
            said.push_str(&format!("{line}\n"));
        }
        assert!(child.wait().await.unwrap().success(), "{}: {said}", flow.login);
        check(&home, flow, &said);
    }
}

#[tokio::test]
async fn a_code_that_is_typed_in_on_another_device_logs_in() {
    let mut all = JoinSet::new();
    // Providers are asked five seconds apart: all at once.
    for flow in &BY_CODE {
        all.spawn(async move {
            let oauth = FakeOAuth::start().await;
            (flow.prepare)(&oauth);
            let home = home_at(&oauth).await;
            let mut arguments = vec!["login", flow.login, "-no-browser"];
            arguments.extend(flow.more);
            let run = command(&home, &arguments).stdin(Stdio::null()).output();
            let done = tokio::time::timeout(Duration::from_secs(90), run).await.expect(flow.login).unwrap();
            let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
            assert!(done.status.success(), "{}: {said}", flow.login);
            assert!(said.contains("ABCD-1234"), "{}: the code is shown: {said}", flow.login);
            check(&home, flow, &said);
        });
    }
    all.join_all().await;
}

#[tokio::test]
async fn the_key_file_of_a_service_account_is_taken_over_and_serves() {
    let (tokens, api, home) =
        (FakeServiceAccount::start().await, FakeUpstream::start().await, TempDir::new().unwrap());
    std::fs::write(home.path().join("key.json"), tokens.key_file().to_string()).unwrap();
    std::fs::write(home.path().join("config.yaml"), "host: 127.0.0.1\nauth-dir: ./credentials\n").unwrap();
    let done = command(&home, &["login", "vertex", "key.json", "--location", "europe-west4"])
        .output()
        .await
        .unwrap();
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(done.status.success() && said.contains("Saved vertex-proj-1.json"), "{said}");
    assert!(!said.contains("PRIVATE KEY"), "{said}");
    api.script_all([gemini::generation("from Vertex")]);
    let yaml = format!("endpoints: {{vertex: {{regional: '{}/{{location}}'}}}}\n", api.url());
    let server = Server::with_config_in(home, &yaml).await;
    let body = json!({"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "hi"}]});
    let reply = server.client().post("/v1/chat/completions", &body).await;
    assert_eq!(reply.json().await["choices"][0]["message"]["content"], "from Vertex");
    assert!(api.last().path.starts_with("/europe-west4/v1/projects/proj-1/locations/europe-west4/"));
    assert_eq!(api.last().key, "access-1");
}
