//! The loss report, where clients read it. Source: issue 4, "Deliver" 6.

use cliproxy_testkit::{FakeUpstream, TestClient, claude};
use serde_json::json;

use crate::server::{KEY, Server};

#[tokio::test]
async fn what_was_lost_there_and_back_is_told_to_those_who_ask() {
    let upstream = FakeUpstream::start().await;
    let said = || claude::Message::new().redacted_thinking("SECRET").text("fine");
    upstream.script(
        "c",
        [said().whole(), said().whole(), said().stream(), said().stream(), said().stream(), said().stream()],
    );
    let config = format!(
        "claude-api-key: [{{api-key: c, base-url: '{}', models: [{{name: claude-up, alias: messages}}]}}]\n",
        upstream.url()
    );
    let server = Server::with_config(&config).await;
    let client = || TestClient::new(format!("http://{}", server.address)).bearer(KEY);
    let gemini =
        json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}], "generationConfig": {"seed": 4711}});
    let legacy = json!({"model": "messages", "stream": true, "seed": 4711, "stream_options": {"include_usage": true},
        "prompt": "q"});
    let (there, back) =
        ("not carried over into claude: seed", "not carried over from claude: message.redacted_thinking");
    for (path, body, streams, comments) in [
        ("/v1beta/models/messages:generateContent", &gemini, false, false),
        // Google's SDK for Python takes a comment for JSON: its clients learn half.
        ("/v1beta/models/messages:streamGenerateContent?alt=sse", &gemini, true, false),
        ("/v1/completions", &legacy, true, true),
    ] {
        let reply = client().post(path, body).await;
        assert_eq!((reply.status(), reply.header("x-cliproxy-explanation")), (200, None), "{path}");
        let text = reply.text().await;
        assert!(text.to_lowercase().contains("usage") && !text.contains("carried"), "{text}");

        let reply = client().header("x-cliproxy-explain", "1").post(path, body).await;
        let told = reply.header("x-cliproxy-explanation").unwrap().to_owned();
        let text = reply.text().await;
        assert!(told.contains(there), "{told}");
        // The headers of a stream are gone when its end is known: a comment behind it tells the rest.
        assert_eq!(told.contains(back), !streams, "{told}");
        let last = text.trim_end().lines().last().unwrap();
        assert_eq!(last.starts_with(&format!(": {back}")), comments, "{text}");
        assert_eq!(text.lines().any(|line| line.starts_with(':')), comments, "{text}");
        assert!(
            !told.contains("4711") && !told.contains("SECRET") && !text.contains("SECRET"),
            "no contents"
        );
    }
}
