use cliproxy_core::{ErrorKind, ProviderExecutor as _, ProviderFormat};
use cliproxy_executors::{DemoExecutor, demo_credential};

use crate::support::{attempt, read};

const BODY: &str =
    r#"{"model":"demo","messages":[{"role":"user","content":[{"type":"text","text":"two words"}]}]}"#;

#[tokio::test(start_paused = true)]
async fn the_demo_streams_what_it_would_say_at_once() {
    let whole =
        DemoExecutor::new().execute(attempt(demo_credential(), ProviderFormat::OPENAI, BODY)).await.unwrap();
    let whole: serde_json::Value = serde_json::from_slice(&whole.body).unwrap();
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("“two words”"));
    assert_eq!(whole["usage"]["prompt_tokens"], 2);

    let mut request = attempt(demo_credential(), ProviderFormat::OPENAI, BODY);
    request.stream = true;
    let (stream, error) = read(DemoExecutor::new().execute_stream(request).await.unwrap()).await;
    assert!(error.is_none());
    let chunks: Vec<serde_json::Value> = stream
        .split("\n\n")
        .filter_map(|frame| serde_json::from_str(frame.strip_prefix("data: ")?).ok())
        .collect();
    let streamed: String =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(streamed, text);
    assert_eq!(chunks.last().unwrap()["usage"], whole["usage"]);
    assert!(stream.ends_with("data: [DONE]\n\n"));
}

/// As clients in JavaScript write them when they cut a text.
#[tokio::test]
async fn half_an_emoji_is_taken_as_the_real_providers_take_it() {
    let body = r#"{"model":"demo","messages":[{"role":"user","content":"cut \ud83d off"}]}"#;
    let reply =
        DemoExecutor::new().execute(attempt(demo_credential(), ProviderFormat::OPENAI, body)).await.unwrap();
    assert!(std::str::from_utf8(&reply.body).unwrap().contains("“cut \u{fffd} off”"), "{:?}", reply.body);
}

#[tokio::test]
async fn nonsense_is_the_requests_fault() {
    for body in [
        "{",
        "[]",
        r#"{"model":"demo"}"#,
        r#"{"model":"demo","messages":[]}"#,
        r#"{"model":"demo","messages":"hello"}"#,
        r#"{"model":"demo","messages":["hello"]}"#,
    ] {
        let error = DemoExecutor::new()
            .execute(attempt(demo_credential(), ProviderFormat::OPENAI, body))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{body}");
    }
    assert!(demo_credential().settings().fallback);
}
