//! Bad input gets a clear error in the client's own format, and the server goes on.

use cliproxy_testkit::{FakeUpstream, TestClient, TestReply, status};
use serde_json::Value;

use crate::server::Server;

async fn error(reply: TestReply) -> (u16, Value) {
    (reply.status(), reply.json().await)
}

#[tokio::test]
async fn each_mistake_is_told_in_the_clients_own_format() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([status(500).header("content-type", "text/html").body("<html>oops</html>")]);
    let yaml = format!(
        "openai-compatibility: [{{name: r, base-url: '{}', models: [{{name: m}}]}}]\n",
        upstream.url()
    );
    let server = Server::with_config(&yaml).await;
    let client = server.client();
    for (path, body, code, words) in [
        ("/v1/chat/completions", &b"{"[..], 400, "Invalid request"),
        ("/v1/chat/completions", b"{\"model\":5}", 400, "model"),
        ("/v1/chat/completions", b"{\"messages\":[]}", 400, "`model` is missing"),
        ("/v1/chat/completions", b"\xff\xfe", 400, "Invalid request"),
        ("/v1/chat/completions", b"{\"model\":\"mm\",\"messages\":[]}", 404, "mm"),
        ("/v1/messages", b"{\"model\":\"mm\",\"max_tokens\":1,\"messages\":[]}", 404, "mm"),
        ("/v1/messages", b"[]", 400, "Invalid request"),
        ("/v1/responses", b"{}", 501, "not built yet"),
        ("/v1/v1/messages", b"{}", 404, "without /v1"),
        ("/chat/completions", b"{}", 404, "with /v1"),
        ("/nowhere", b"{}", 404, "nowhere"),
    ] {
        let reply = client.call("POST".parse().unwrap(), path, body.to_vec()).await;
        let (status, said) = error(reply).await;
        let message = said["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, code, "{path} {body:?}: {said}");
        assert!(message.contains(words), "{path}: {said}");
        assert_eq!(said["type"] == "error", path == "/v1/messages", "{path}: {said}");
    }
    let (status, said) = error(client.get("/v1/chat/completions").await).await;
    assert_eq!(status, 405, "{said}");
    let stranger = TestClient::new(format!("http://{}", server.address));
    let (status, said) = error(stranger.get("/v1/models").await).await;
    assert_eq!((status, said["error"]["message"].as_str()), (401, Some("Missing API key")));
    let (status, said) = error(stranger.bearer("wrong").get("/v1/models").await).await;
    assert_eq!((status, said["error"]["message"].as_str()), (401, Some("Invalid API key")));
    assert_eq!(client.get("/healthz").await.status(), 200, "the server goes on");
}
