//! The `payload` section, and the trace of what it and a translation did.

use cliproxy_testkit::{FakeUpstream, TestClient, chat, claude, gemini};
use serde_json::{Value, json};

use crate::server::{KEY, Server};

fn providers(upstream: &FakeUpstream) -> String {
    format!(
        "openai-compatibility: [{{name: router, base-url: '{0}/v1', api-key-entries: [{{api-key: o}}], models: [{{name: up, alias: chat}}]}}]\n\
         claude-api-key: [{{api-key: c, base-url: '{0}', models: [{{name: claude-up, alias: messages}}]}}]\n",
        upstream.url()
    )
}

const RULES: &str = r#"
payload:
  default:
    - models: [{name: "*", protocol: openai}]
      params: {temperature: 0.25, provider.order: [first, second]}
  default-raw:
    - models: [{name: "*", protocol: openai}]
      params: {temperature: "0.5", response_format: '{"type":"json_object"}'}
  override:
    - models: [{name: chat, from-protocol: openai, headers: {user-agent: "agent*"}, exist: [messages], not-exist: [tools]}]
      params: {messages.-1: {role: user, content: from-the-rule}}
    - models: [{name: claude-*, protocol: claude, match: [{messages.0.role: user}]}]
      params: {"metadata.user_id": team}
  override-raw:
    - models: [{name: "*"}]
      params: {broken: '{nope'}
  filter:
    - models: [{name: "*"}]
      params: [stop, "tools.#(type==\"x\")#", "a|b"]
"#;

fn client(server: &Server) -> TestClient {
    TestClient::new(format!("http://{}", server.address))
        .bearer(KEY)
        .header("user-agent", "agent/1")
        .header("x-cliproxy-explain", "1")
}

/// What the provider was sent last, and the trace.
async fn ask(server: &Server, upstream: &FakeUpstream, path: &str, body: &Value) -> (Value, String) {
    let reply = client(server).post(path, body).await;
    let told = reply.header("x-cliproxy-explanation").unwrap_or_default().to_owned();
    assert_eq!(reply.status(), 200, "{told}: {}", reply.text().await);
    (upstream.requests().last().unwrap().json(), told)
}

#[tokio::test]
async fn rules_rewrite_what_goes_out_and_a_reload_changes_them() {
    let upstream = FakeUpstream::start().await;
    upstream.script("o", (0..4).map(|_| chat::completion("fine")));
    upstream.script("c", (0..4).map(|_| claude::message("fine")));
    let config = |rules: &str| format!("{}{rules}", providers(&upstream));
    let server = Server::with_config(&config(RULES)).await;
    let log = server.log();
    assert!(log.contains("config.yaml:") && log.contains("payload.filter") && log.contains("a|b"), "{log}");

    // The same format on both sides.
    let hello = json!({"model": "chat", "stop": ["x"], "messages": [{"role": "user", "content": "hi"}]});
    let (sent, told) = ask(&server, &upstream, "/v1/chat/completions", &hello).await;
    assert_eq!(sent["temperature"], 0.25, "the first default wins");
    assert_eq!(sent["provider"]["order"], json!(["first", "second"]));
    assert_eq!(sent["response_format"], json!({"type": "json_object"}));
    assert_eq!(sent["messages"][1], json!({"role": "user", "content": "from-the-rule"}));
    assert_eq!((sent.get("stop"), sent.get("broken")), (None, None), "a raw rule without JSON is left out");
    assert_eq!(sent["model"], "up");
    assert!(
        told.contains("payload rules for openai: default temperature, default provider.order, default response_format, override messages.-1, filter stop"),
        "{told}"
    );
    assert!(!told.contains("from-the-rule"), "{told}");

    // Translated, and the other provider's rules. Claude has no word for a seed.
    let hello = json!({"model": "messages", "seed": 7, "messages": [{"role": "user", "content": "hi"}]});
    let (sent, told) = ask(&server, &upstream, "/v1/chat/completions", &hello).await;
    assert_eq!(sent["metadata"]["user_id"], "team");
    assert_eq!((sent.get("temperature"), sent["messages"].as_array().unwrap().len()), (None, 1));
    assert!(told.contains("not carried over into claude: ") && told.contains("seed"), "{told}");
    assert!(told.contains("payload rules for claude: override metadata.user_id"), "{told}");

    server
        .write_config(&config("payload: {override: [{models: [{name: chat}], params: {temperature: 1}}]}\n"));
    server.signal("HUP").await;
    server.wait_for_log("reloaded", 1).await;
    let hello = json!({"model": "chat", "temperature": 0, "messages": []});
    let (sent, told) = ask(&server, &upstream, "/v1/chat/completions", &hello).await;
    assert_eq!(sent, json!({"model": "up", "temperature": 1, "messages": []}));
    assert!(told.contains("payload rules for openai: override temperature;"), "{told}");

    server.write_config(&config(""));
    server.signal("HUP").await;
    server.wait_for_log("reloaded", 2).await;
    let (sent, told) = ask(&server, &upstream, "/v1/chat/completions", &hello).await;
    assert_eq!(sent, json!({"model": "up", "temperature": 0, "messages": []}));
    assert!(!told.contains("payload"), "{told}");
}

#[tokio::test]
async fn an_operator_gives_gemini_requests_without_safety_settings_those_of_a_rule() {
    let upstream = FakeUpstream::start().await;
    upstream.answer_with(|_| gemini::Generation::new().text("fine").usage(12, 7).whole());
    let rule = json!([{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]);
    let yaml = format!(
        "gemini-api-key: [{{api-key: g, base-url: '{}', models: [{{name: up, alias: m}}]}}]\n\
         payload: {{default: [{{models: [{{name: '*', protocol: gemini}}], params: {{safetySettings: {rule}}}}}]}}\n",
        upstream.url()
    );
    let server = Server::with_config(&yaml).await;
    let contents = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
    let own = json!([{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]);
    for (path, body, expected) in [
        ("/v1beta/models/m:generateContent", json!({"contents": contents}), &rule),
        ("/v1beta/models/m:generateContent", json!({"contents": contents, "safetySettings": own}), &own),
        (
            "/v1/chat/completions",
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
            &rule,
        ),
    ] {
        let (sent, _) = ask(&server, &upstream, path, &body).await;
        assert_eq!(sent["safetySettings"], *expected, "{path}: {sent}");
    }
}
