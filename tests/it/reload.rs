//! SIGHUP.

use cliproxy_testkit::{FakeUpstream, TestClient, chat, status};
use serde_json::json;

use crate::server::{KEY, Server};

async fn ask(server: &Server, key: &str) -> u16 {
    let client = TestClient::new(format!("http://{}", server.address)).bearer(key);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    client.post("/v1/chat/completions", &body).await.status()
}

#[tokio::test]
async fn a_management_key_in_plain_text_is_hashed_in_the_file_at_the_start_and_by_a_hang_up() {
    let yaml = "# mine\nremote-management: {secret-key:  'CANARY-1'}   # why\n";
    let server = Server::with_config(yaml).await;
    let path = server.home.path().join("config.yaml");
    let done = "`remote-management.secret-key`: it was in plain text; the file has its hash now";
    let hash = |yaml: &str, plain: &str| {
        let text = std::fs::read_to_string(&path).unwrap();
        let (head, tail) = yaml.split_once(plain).unwrap();
        let after = text.split_once(head).unwrap().1.strip_suffix(tail).expect(&text);
        assert!(after.trim_matches(['\'', '"']).starts_with("$2a$10$"), "{text}");
    };
    server.wait_for_log(done, 1).await;
    hash(yaml, "'CANARY-1'");
    let yaml = "remote-management:\n  # new\n  secret-key: CANARY-2\ndebug: true\n";
    server.write_config(yaml);
    hang_up(&server, "reloaded").await;
    server.wait_for_log(done, 2).await;
    hash(yaml, "CANARY-2");
    assert!(!server.log().contains("CANARY"), "{}", server.log());
}

#[tokio::test]
async fn a_reload_with_a_mistyped_endpoint_is_refused() {
    let server = Server::with_config("").await;
    server.write_config("endpoints: {claude: {apii: 'http://x'}}\n");
    hang_up(&server, "the old one stays in force").await;
    server.wait_for_log("did you mean `endpoints.claude.api`?", 1).await;
}

/// Sends SIGHUP, and waits until the log says what came of it.
async fn hang_up(server: &Server, said: &str) {
    let before = server.log().matches(said).count();
    server.signal("HUP").await;
    server.wait_for_log(said, before + 1).await;
}

#[tokio::test]
async fn a_hang_up_reloads_keys_and_log_level_and_keeps_cooldowns() {
    let upstream = FakeUpstream::start().await;
    upstream
        .script("a", [status(429).header("retry-after", "600").json(&json!({"error": {"message": "slow"}}))]);
    upstream.script("b", [chat::completion("fine")]);
    let pool = |keys: &str| {
        format!(
            "request-retry: 0\nrouting: {{strategy: fill-first}}\nopenai-compatibility: [{{name: router, base-url: '{}/v1', api-key-entries: [{keys}], models: [{{name: m}}]}}]\n",
            upstream.url()
        )
    };
    let server = Server::with_config(&pool("a")).await;
    assert_eq!(ask(&server, KEY).await, 429);
    assert!(!server.log().contains(" DEBUG "), "{}", server.log());

    let path = server.home.path().join("config.yaml");
    let write = |keys: &str, more: &str| {
        let head = "host: 127.0.0.1\nport: 0\napi-keys: [new-key]\nauth-dir: ./credentials\n";
        std::fs::write(&path, format!("{head}{}{more}", pool(keys))).unwrap();
    };
    write("a, b", "debug: true\n");
    hang_up(&server, "reloaded").await;
    assert_eq!((ask(&server, KEY).await, ask(&server, "new-key").await), (401, 200));
    assert_eq!(upstream.keys_seen(), ["a", "b"], "the first still rests");
    // Lines that come close behind one another are written together, and a moment later.
    server.wait_for_log(" DEBUG ", 1).await;

    // What does not validate changes nothing, and says all that is wrong with it.
    write("a", "port: many\nrequest-retry: lots\n");
    hang_up(&server, "the old one stays in force").await;
    assert_eq!(ask(&server, "new-key").await, 200);
}
