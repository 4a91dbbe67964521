use cliproxy_testkit::TestClient;
use serde_json::json;
use tempfile::TempDir;

use crate::server::Server;

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
    assert!(std::fs::read_to_string(file).unwrap().contains(key));

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
