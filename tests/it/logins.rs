//! An account from its login to its removal, through the real binary.

use std::process::Stdio;

use cliproxy_testkit::{
    FakeOAuth, FakeUpstream, Received, Reply, TestClient, chat, claude, json as json_reply, kiro, responses,
    status,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Child;

use crate::server::{Server, command};

/// A provider's OAuth server and its API, and a config that leads there.
struct World {
    home: TempDir,
    oauth: FakeOAuth,
    api: FakeUpstream,
}

impl World {
    async fn new() -> Self {
        let (home, oauth, api) =
            (TempDir::new().unwrap(), FakeOAuth::start().await, FakeUpstream::start().await);
        let world = Self { home, oauth, api };
        let yaml = format!("host: 127.0.0.1\nport: 0\nauth-dir: ./credentials\n{}", world.yaml());
        std::fs::write(world.home.path().join("config.yaml"), yaml).unwrap();
        world
    }

    fn yaml(&self) -> String {
        let oauth = |name: &str| self.oauth.url(&format!("/{name}"));
        let (authorize, token, api) = (oauth("authorize"), oauth("token"), self.api.url());
        format!(
            "endpoints:\n  claude: {{authorize: '{authorize}', token: '{token}', api: '{api}'}}\n  \
             codex: {{authorize: '{authorize}', token: '{token}', backend: '{api}'}}\n  \
             kiro: {{oidc: '{oidc}', social: '{social}', amazonq: '{api}'}}\n",
            oidc = oauth("oidc"),
            social = oauth("social")
        )
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String) {
        let done = command(&self.home, arguments).output().await.unwrap();
        let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(!said.contains("access-") && !said.contains("refresh-"), "a token is shown: {said}");
        (done.status.code().unwrap(), said)
    }

    fn stored(&self, name: &str) -> Value {
        let path = self.home.path().join("credentials").join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }
}

/// A login that is under way: the process, and the address that it shows.
async fn begin(world: &World, arguments: &[&str]) -> (Child, String) {
    let mut child = command(&world.home, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let url = loop {
        let line = lines.next_line().await.unwrap().expect("an address is shown");
        if line.starts_with("http") {
            break line;
        }
    };
    (child, url)
}

pub async fn free_port() -> u16 {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    taken.local_addr().unwrap().port()
}

/// The user agrees in a browser that reaches the machine through a tunnel.
async fn log_in(world: &World, name: &str) {
    let port = free_port().await;
    let flag = format!("-oauth-callback-port={port}");
    let (mut child, url) = begin(world, &["login", name, "-no-browser", &flag]).await;
    let callback = world.oauth.consent(&url);
    let (_, path) = callback.strip_prefix("http://localhost:").unwrap().split_once('/').unwrap();
    let page = TestClient::new(format!("http://127.0.0.1:{port}")).get(&format!("/{path}")).await;
    assert_eq!(page.status(), 200);
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_claude_account_logs_in_serves_is_renewed_and_goes() {
    let world = World::new().await;
    world.oauth.set_extra(json!({"account": {"email_address": "me@example.com"}}));
    log_in(&world, "claude").await;
    let name = "claude-me@example.com.json";
    let first = world.stored(name);
    assert_eq!((&first["type"], &first["email"]), (&json!("claude"), &json!("me@example.com")));

    let (code, listed) = world.run(&["credentials"]).await;
    assert!(code == 0 && listed.contains("claude login"), "{listed}");
    let (_, listed) = world.run(&["credentials", "--json"]).await;
    let rows: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&rows[0]["state"], &rows[0]["provider"]), (&json!("ready"), &json!("claude")));

    world.api.script_all([claude::message("hello")]);
    let (code, said) = world.run(&["credentials", "test", "claude-me"]).await;
    assert!(code == 0 && said.contains("hello"), "{said}");
    let asked = world.api.last();
    assert_eq!(asked.key, first["access_token"].as_str().unwrap());
    assert!(asked.header("anthropic-beta").unwrap().contains("oauth-2025-04-20"));

    let (code, said) = world.run(&["credentials", "refresh", name]).await;
    assert_eq!(code, 0, "{said}");
    let second = world.stored(name);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(second["email"], "me@example.com");

    for (action, disabled) in [("disable", json!(true)), ("enable", json!(false))] {
        let (code, said) = world.run(&["credentials", action, name]).await;
        assert_eq!(code, 0, "{said}");
        assert_eq!(world.stored(name)["disabled"], disabled);
    }
    assert_eq!(world.run(&["credentials", "remove", name]).await.0, 0);
    assert_eq!(
        world.run(&["credentials"]).await.1.trim(),
        "There are no credentials yet: cliproxy-server login"
    );
}

#[tokio::test]
async fn a_401_renews_a_login_and_the_client_sees_nothing_of_it() {
    let world = World::new().await;
    world.oauth.set_extra(json!({"account": {"email_address": "me@example.com"}}));
    // Beyond the lead of Claude's renewals: nothing but the 401 brings a new token.
    world.oauth.set_lifetime(8 * 3600);
    log_in(&world, "claude").await;
    let name = "claude-me@example.com.json";
    let first = world.stored(name)["access_token"].as_str().unwrap().to_owned();
    world.api.script(&first, [claude::error(401, "authentication_error", "expired")]);
    world.api.script_all([claude::message("served")]);
    let yaml = world.yaml();
    let World { home, oauth, api } = world;
    let server = Server::with_config_in(home, &yaml).await;
    let body = json!({"model": "claude-haiku-4-5-20251001", "messages": [{"role": "user", "content": "hi"}]});
    let reply = server.client().post("/v1/chat/completions", &body).await;
    assert_eq!(reply.json().await["choices"][0]["message"]["content"], "served");
    let keys = api.keys_seen();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], first);
    let home = server.stop().await;
    let text = std::fs::read_to_string(home.path().join("credentials").join(name)).unwrap();
    assert!(text.contains(&keys[1]), "the new token is on disk");
    assert_eq!(oauth.exchanges().last().unwrap().grant, "refresh_token");
}

#[tokio::test]
async fn a_codex_account_is_pasted_in_and_serves_every_client() {
    let world = World::new().await;
    let claims = json!({"email": "me@example.com", "https://api.openai.com/auth": {"chatgpt_account_id": "acc", "chatgpt_plan_type": "plus"}});
    world.oauth.set_extra(json!({"id_token": format!("e30.{}.s", base64(&claims.to_string()))}));
    let port = free_port().await;
    let flag = format!("-oauth-callback-port={port}");
    let (mut child, url) = begin(&world, &["-codex-login", "-no-browser", &flag]).await;
    let callback = world.oauth.consent(&url);
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("nonsense\n{callback}\n").as_bytes()).await.unwrap();
    assert!(child.wait().await.unwrap().success());
    assert_eq!(world.stored("codex-me@example.com-plus.json")["account_id"], "acc");

    world.api.script_all([responses::stream("hello from codex")]);
    let yaml = world.yaml();
    let World { home, api, .. } = world;
    let server = Server::with_config_in(home, &yaml).await;
    let client = server.client();
    let ask = json!([{"role": "user", "content": "hi"}]);
    for (path, body) in [
        ("/v1/chat/completions", json!({"model": "gpt-5.4", "messages": ask})),
        ("/v1/messages", json!({"model": "gpt-5.4", "max_tokens": 9, "messages": ask})),
        ("/v1/responses", json!({"model": "gpt-5.4", "input": ask})),
        (
            "/v1beta/models/gpt-5.4:generateContent",
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ),
    ] {
        let reply = client.post(path, &body).await;
        assert_eq!(reply.status(), 200, "{path}");
        assert!(reply.text().await.contains("hello from codex"), "{path}");
        let asked = api.last();
        assert_eq!(asked.header("chatgpt-account-id"), Some("acc"));
        assert_eq!(asked.path, "/responses");
    }
}

/// Kiro's service: it knows one account, and what that has used.
fn kiros(request: &Received) -> Reply {
    match request.path.as_str() {
        "/getUsageLimits" => json_reply(&json!({
            "userInfo": {"email": "me@example.com"}, "subscriptionInfo": {"subscriptionTitle": "KIRO PRO"},
            "usageBreakdownList": [{"resourceType": "CREDIT", "currentUsageWithPrecision": 12.5, "usageLimitWithPrecision": 1000}],
        })),
        "/ListAvailableModels" => json_reply(&json!({"models": [{"modelId": "claude-haiku-4.5"}]})),
        "/generateAssistantResponse" => kiro::text("hello"),
        _ => status(404),
    }
}

#[tokio::test]
async fn kiros_accounts_log_in_by_callback_and_by_paste_serve_and_say_what_they_used() {
    let world = World::new().await;
    world.api.answer_with(kiros);
    let port = free_port().await;
    let flag = format!("-oauth-callback-port={port}");
    let (mut child, url) = begin(&world, &["-kiro-aws-authcode", "-no-browser", &flag]).await;
    let callback = world.oauth.consent(&url);
    let (address, path) = callback.strip_prefix("http://").unwrap().split_once('/').unwrap();
    assert_eq!(address, format!("127.0.0.1:{port}"));
    let page = TestClient::new(format!("http://{address}")).get(&format!("/{path}")).await;
    assert_eq!(page.status(), 200);
    assert!(child.wait().await.unwrap().success());
    let aws = world.stored("kiro-aws-me@example.com.json");
    assert_eq!((&aws["auth_method"], &aws["client_id"]), (&json!("builder-id"), &json!("client-1")));

    world.oauth.set_extra(json!({"profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/P"}));
    let words = ["login", "kiro", "--method", "github", "--flow", "authcode", "-no-browser"];
    let (mut child, url) = begin(&world, &words).await;
    let callback = world.oauth.consent(&url);
    assert!(callback.starts_with("kiro://kiro.kiroAgent/authenticate-success?"), "{callback}");
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(format!("kiro://kiro.kiroAgent/x?code=a&state=b\n{callback}\n").as_bytes())
        .await
        .unwrap();
    assert!(child.wait().await.unwrap().success());
    let name = "kiro-github-me@example.com.json";
    assert_eq!(world.stored(name)["provider"], "Github");

    let (code, said) = world.run(&["credentials", "test", "kiro-github"]).await;
    assert!(code == 0 && said.contains("hello"), "{said}");
    assert!(said.contains("usage: KIRO PRO, CREDIT 12.5 of 1000 used"), "{said}");
    let (_, said) = world.run(&["credentials", "test", "kiro-github", "--json"]).await;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["usage"]["plan"], &said["usage"]["exhausted"]), (&json!("KIRO PRO"), &json!(false)));
    for (file, key) in [("kiro-aws-me@example.com.json", "kiro-aws"), (name, "kiro-github")] {
        let first = world.stored(file);
        let (code, said) = world.run(&["credentials", "refresh", key]).await;
        assert_eq!(code, 0, "{said}");
        assert_ne!(world.stored(file)["refresh_token"], first["refresh_token"]);
    }
}

#[tokio::test]
async fn a_kiro_entry_of_the_config_is_listed_tested_and_renewed_and_changed_only_there() {
    let world = World::new().await;
    world.api.answer_with(kiros);
    let (mut child, _) = begin(&world, &["-kiro-github-login", "-no-browser"]).await;
    assert!(child.wait().await.unwrap().success());
    let login = world.stored("kiro-github-me@example.com.json");
    assert_eq!(world.run(&["credentials", "remove", "kiro-github"]).await.0, 0);
    let cache = world.home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    let file = json!({"accessToken": login["access_token"], "refreshToken": login["refresh_token"],
        "expiresAt": "2099-01-01T00:00:00Z", "authMethod": "social", "provider": "Github"});
    std::fs::write(cache.join("kiro-auth-token.json"), file.to_string()).unwrap();
    let config = world.home.path().join("config.yaml");
    let yaml = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{yaml}kiro: [{{token-file: ~/.aws/sso/cache/kiro-auth-token.json}}]\n"))
        .unwrap();

    let (code, said) = world.run(&["check-config"]).await;
    assert!(
        code == 0 && said.contains("credentials in the file: 1") && !said.contains("not built"),
        "{said}"
    );
    let (_, said) = world.run(&["credentials", "--json"]).await;
    let rows: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!((&rows[0]["state"], &rows[0]["kind"]), (&json!("ready"), &json!("login")));
    assert_eq!(rows[0]["expires"], "2099-01-01T00:00:00Z", "as the token file says");
    let (code, said) = world.run(&["credentials", "test", "kiro:token"]).await;
    assert!(code == 0 && said.contains("hello"), "{said}");
    let (code, said) = world.run(&["credentials", "refresh", "kiro:token"]).await;
    assert_eq!(code, 0, "{said}");
    let text = std::fs::read_to_string(cache.join("kiro-auth-token.json")).unwrap();
    let renewed: Value = serde_json::from_str(&text).unwrap();
    assert_ne!(renewed["refreshToken"], file["refreshToken"]);
    for action in ["disable", "remove"] {
        let (code, said) = world.run(&["credentials", action, "kiro:token"]).await;
        assert!(code == 1 && said.contains("is an entry of the config file: change it there"), "{said}");
    }
}

/// Without padding, in the alphabet of URLs.
pub fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(char::from(LETTERS[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    out
}

#[tokio::test]
async fn a_login_of_the_vendors_tool_is_offered_and_taken_over() {
    let world = World::new().await;
    let folder = world.home.path().join(".claude");
    std::fs::create_dir(&folder).unwrap();
    let text = r#"{"claudeAiOauth":{"accessToken":"sk-ant-oat01-CANARY","refreshToken":"r","expiresAt":4102444800000}}"#;
    std::fs::write(folder.join(".credentials.json"), text).unwrap();
    let (code, said) = world.run(&["import"]).await;
    assert!(code == 0 && said.contains("Claude Code") && said.contains("logged out"), "{said}");
    let (code, said) = world.run(&["import", "claude"]).await;
    assert!(code == 0 && said.contains("Saved claude-imported.json") && !said.contains("CANARY"), "{said}");
    world.api.script_all([claude::message("hello")]);
    let (code, said) = world.run(&["credentials", "test", "claude-imported"]).await;
    assert!(code == 0 && said.contains("hello"), "{said}");
}

#[tokio::test]
async fn a_second_account_of_kiros_ide_takes_nobodys_place() {
    let world = World::new().await;
    let folder = world.home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&folder).unwrap();
    for (who, answer) in [
        ("one", json_reply(&json!({"userInfo": {"email": "one@example.com"}}))),
        ("two", json_reply(&json!({"userInfo": {"email": "two@example.com"}}))),
        ("three", status(403)),
        ("four", status(403)),
    ] {
        let token = json!({"accessToken": format!("A-{who}"), "refreshToken": format!("R-{who}"),
            "authMethod": "social", "provider": "Google", "profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/SHARED"});
        std::fs::write(folder.join("kiro-auth-token.json"), token.to_string()).unwrap();
        world.api.script_all([answer]);
        let (code, said) = world.run(&["import", "kiro"]).await;
        assert!(code == 0 && said.contains("Saved kiro-google-"), "{said}");
    }
    let kept = std::fs::read_dir(world.home.path().join("credentials")).unwrap();
    let mut kept: Vec<String> = kept
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .map(|name| world.stored(&name)["refresh_token"].as_str().unwrap().to_owned())
        .collect();
    kept.sort();
    assert_eq!(kept, ["R-four", "R-one", "R-three", "R-two"]);
    assert_eq!(world.stored("kiro-google-one@example.com.json")["email"], "one@example.com");
}

/// What an upstream answers, whichever of its formats is spoken.
fn any_format(request: &Received) -> Reply {
    let streams = request.body.windows(13).any(|part| part == b"\"stream\":true");
    match (request.path.as_str(), streams) {
        ("/exchange", _) => json_reply(&json!({"token": "tid=1", "expires_at": 4_102_444_800_i64})),
        ("/models", _) => json_reply(&json!({"data": [{"id": "gpt-4.1"}, {"id": "gpt-5-codex"}]})),
        (path, true) if path.ends_with("/responses") => responses::stream("served"),
        (path, false) if path.ends_with("/responses") => responses::response("served"),
        (path, true) if path.ends_with("/messages") => claude::stream("served"),
        (path, false) if path.ends_with("/messages") => claude::message("served"),
        (_, true) => chat::stream("served"),
        (_, false) => chat::completion("served"),
    }
}

#[tokio::test]
async fn accounts_of_every_subscription_serve_every_client() {
    for (provider, document, model) in [
        ("qwen", json!({"access_token": "t", "resource_url": "{api}"}), "qwen3-coder-plus"),
        ("kimi", json!({"access_token": "t", "device_id": "d"}), "kimi-k2"),
        ("iflow", json!({"access_token": "t", "api_key": "k", "email": "me"}), "kimi-k2-0905"),
        ("github-copilot", json!({"access_token": "t", "username": "me"}), "gpt-4.1"),
        // Which speaks Responses, to every client.
        ("github-copilot", json!({"access_token": "t", "username": "me"}), "gpt-5-codex"),
    ] {
        let (home, api) = (TempDir::new().unwrap(), FakeUpstream::start().await);
        api.answer_with(any_format);
        let folder = home.path().join("credentials");
        std::fs::create_dir(&folder).unwrap();
        let mut document = document;
        document["type"] = json!(provider);
        document["expired"] = json!("2099-01-01T00:00:00Z");
        let text = document.to_string().replace("{api}", &api.url());
        std::fs::write(folder.join(format!("{provider}-me.json")), text).unwrap();
        let url = api.url();
        let is_copilot = provider == "github-copilot";
        let more = if is_copilot { format!(", copilot-token: '{url}/exchange'") } else { String::new() };
        let yaml = format!("endpoints: {{{provider}: {{api: '{url}'{more}}}}}\n");
        let server = Server::with_config_in(home, &yaml).await;
        let client = server.client();
        let ask = json!([{"role": "user", "content": "hi"}]);
        for stream in [false, true] {
            let gemini = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            let internal = format!("/v1internal:{gemini}");
            let gemini = format!("/v1beta/models/{model}:{gemini}");
            let contents = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
            for (path, body) in [
                ("/v1/chat/completions", json!({"model": model, "messages": ask, "stream": stream})),
                ("/v1/messages", json!({"model": model, "max_tokens": 9, "messages": ask, "stream": stream})),
                ("/v1/responses", json!({"model": model, "input": ask, "stream": stream})),
                (gemini.as_str(), json!({"contents": contents})),
                (internal.as_str(), json!({"model": model, "request": {"contents": contents}})),
            ] {
                let reply = client.post(path, &body).await;
                let status = reply.status();
                let text = reply.text().await;
                assert!(
                    status == 200 && text.contains("ser") && text.contains("ved"),
                    "{provider} {path} stream={stream}: {status} {text}"
                );
            }
        }
        let asked = api.last();
        assert!(asked.header("user-agent").unwrap().starts_with("cliproxy/"), "{provider}");
        assert_eq!(asked.path.ends_with("/responses"), model.ends_with("codex"), "{model}: {}", asked.path);
    }
}

/// Source: providers-b.md 2.5.3: a person's request is billed.
#[tokio::test]
async fn an_agents_step_is_not_billed_as_a_persons_request_when_its_format_is_translated() {
    let (home, api) = (TempDir::new().unwrap(), FakeUpstream::start().await);
    api.answer_with(any_format);
    let folder = home.path().join("credentials");
    std::fs::create_dir(&folder).unwrap();
    let file = json!({"type": "github-copilot", "access_token": "t", "username": "me"});
    std::fs::write(folder.join("github-copilot-me.json"), file.to_string()).unwrap();
    let url = api.url();
    let yaml = format!("endpoints: {{github-copilot: {{api: '{url}', copilot-token: '{url}/exchange'}}}}\n");
    let server = Server::with_config_in(home, &yaml).await;
    let asked = json!({"role": "user", "content": "what does it say?"});
    let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]});
    let result =
        |content: Value| json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": content});
    let (reminder, picture) = (
        json!({"type": "text", "text": "<system-reminder>go on</system-reminder>"}),
        json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]),
    );
    let behind = |content: Value| json!([asked, call, {"role": "user", "content": content}]);
    let answered = {
        let mut turns = behind(json!([result(json!("read"))]));
        let more = [json!({"role": "assistant", "content": "It says read."}), asked.clone()];
        turns.as_array_mut().unwrap().extend(more);
        turns
    };
    for model in ["gpt-4.1", "gpt-5-codex"] {
        for (turns, initiator) in [
            (json!([asked]), "user"),
            (behind(json!([result(json!("read"))])), "agent"),
            (behind(json!([result(json!("read")), reminder])), "agent"),
            (behind(json!([result(picture.clone())])), "agent"),
            (answered.clone(), "user"),
        ] {
            let tools = json!([{"name": "look", "input_schema": {"type": "object"}}]);
            let body = json!({"model": model, "max_tokens": 9, "messages": turns, "tools": tools});
            let reply = server.client().post("/v1/messages", &body).await;
            assert_eq!(reply.status(), 200, "{model}");
            assert_eq!(api.last().header("x-initiator"), Some(initiator), "{model} {turns}");
        }
    }
}

#[tokio::test]
async fn a_login_that_the_user_refuses_leaves_nothing_behind_and_fails() {
    let world = World::new().await;
    let port = free_port().await;
    let flag = format!("-oauth-callback-port={port}");
    let (mut child, url) = begin(&world, &["-claude-login", "-no-browser", &flag]).await;
    let callback = world.oauth.deny(&url);
    let (_, path) = callback.strip_prefix("http://localhost:").unwrap().split_once('/').unwrap();
    TestClient::new(format!("http://127.0.0.1:{port}")).get(&format!("/{path}")).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    assert_eq!(std::fs::read_dir(world.home.path().join("credentials")).map_or(0, Iterator::count), 0);
}

#[tokio::test]
async fn a_dead_login_is_said_to_be_and_the_next_step_is_named() {
    let world = World::new().await;
    let folder = world.home.path().join("credentials");
    std::fs::create_dir(&folder).unwrap();
    let text = r#"{"type":"claude","access_token":"access-x","refresh_token":"refresh-x","email":"a@b.c"}"#;
    std::fs::write(folder.join("claude-a@b.c.json"), text).unwrap();
    let (code, said) = world.run(&["credentials", "refresh", "claude-a"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("invalid_grant") && said.contains("log in again"), "{said}");
    world.oauth.page("/token", [status(503)]);
    let (code, said) = world.run(&["credentials", "refresh", "claude-a"]).await;
    assert!(code == 1 && !said.contains("log in again"), "{said}");
}

#[tokio::test]
async fn keys_of_the_config_are_listed_and_tested_and_only_changed_where_they_stand() {
    let world = World::new().await;
    let api = world.api.url();
    let yaml = format!(
        "host: 127.0.0.1\nport: 0\nauth-dir: ./credentials\nclaude-api-key:\n  - {{api-key: sk-ant-CANARY-0001, base-url: '{api}'}}\n\
         openai-compatibility:\n  - name: mine\n    base-url: '{api}/v1'\n    models: [{{name: m-1, alias: mini}}]\n    \
         api-key-entries: [{{api-key: CANARY-first-0002}}, {{api-key: CANARY-second-0003}}]\n"
    );
    std::fs::write(world.home.path().join("config.yaml"), yaml).unwrap();
    let (_, listed) = world.run(&["credentials", "--json"]).await;
    assert!(!listed.contains("CANARY"), "{listed}");
    let rows: Value = serde_json::from_str(&listed).unwrap();
    let tokens: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["token"].as_str().unwrap()).collect();
    assert_eq!(tokens, ["…0001", "…0002", "…0003"]);
    let name = |row: usize| rows[row]["name"].as_str().unwrap();

    world.api.script_all([claude::message("from claude")]);
    let (code, said) = world.run(&["credentials", "test", name(0)]).await;
    assert!(code == 0 && said.contains("from claude") && !said.contains("CANARY"), "{said}");
    assert_eq!(world.api.last().key, "sk-ant-CANARY-0001");
    world.api.script_all([chat::completion("from the second")]);
    let (code, said) = world.run(&["credentials", "test", name(2), "--json"]).await;
    assert!(code == 0 && said.contains("\"ok\":true") && !said.contains("CANARY"), "{said}");
    assert_eq!(world.api.last().key, "CANARY-second-0003", "that one and no other");
    world.api.script_all([status(401)]);
    let (code, said) = world.run(&["credentials", "test", name(1)]).await;
    assert!(code == 1 && !said.contains("CANARY"), "{said}");
    assert_eq!(world.api.last().key, "CANARY-first-0002");
    for action in ["remove", "disable", "refresh"] {
        let (code, said) = world.run(&["credentials", action, name(0)]).await;
        assert!(code == 1 && said.contains("is an entry of the config file: change it there"), "{said}");
    }
}

#[tokio::test]
async fn flags_of_the_reference_without_an_effect_are_taken() {
    let world = World::new().await;
    let (code, said) = world.run(&["check-config", "-local-model", "-password", "CANARY"]).await;
    assert!(code == 0 && said.contains("--password has no effect yet") && !said.contains("CANARY"), "{said}");
}
