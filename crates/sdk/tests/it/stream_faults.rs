//! What OpenAI-compatible services do to their streams. Source: providers-b.md 6.3.

use cliproxy_testkit::{FakeUpstream, Piece, Reply, data, done, json, raw, sse, status};
use serde_json::{Value, json};

use crate::support::World;

fn word(text: &str) -> Piece {
    let choice = json!({"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": null});
    data(
        &json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}),
    )
}

fn stop() -> Piece {
    let choice = json!({"index": 0, "delta": {}, "finish_reason": "stop"});
    data(
        &json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}),
    )
}

async fn asked(reply: Reply) -> (u16, String) {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([reply]);
    let yaml = format!(
        "request-retry: 0\nopenai-compatibility: [{{name: router, base-url: '{}/v1', api-key-entries: [{{api-key: k}}], models: [{{name: m}}]}}]\n",
        upstream.url()
    );
    let world = World::start(&yaml).await;
    let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let reply = world.client().post("/v1/chat/completions", &body).await;
    let answer = (reply.status(), reply.text().await);
    world.service.stop().await;
    answer
}

#[tokio::test]
async fn comments_and_events_without_data_are_no_content() {
    let (status, text) = asked(sse([
        raw(": OPENROUTER PROCESSING\n\n"),
        raw("event: ping\n\n"),
        word("fine"),
        raw(": again\n\n"),
        stop(),
        done(),
    ]))
    .await;
    assert_eq!(status, 200);
    assert!(text.contains("fine") && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn a_missing_end_is_made_good_where_the_reply_was_whole() {
    let (status, text) = asked(sse([word("fine"), stop()])).await;
    assert_eq!((status, text.matches("[DONE]").count()), (200, 1), "{text}");
}

#[tokio::test]
async fn what_comes_behind_the_end_is_dropped() {
    let (status, text) = asked(sse([word("fine"), stop(), done(), word("more")])).await;
    assert_eq!(status, 200);
    assert!(!text.contains("more") && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn an_error_in_place_of_a_stream_is_an_error_with_its_own_status() {
    for (reply, expected) in [
        (json(&json!({"error": {"message": "slow down", "code": 429}})), 429),
        (json(&json!({"error": {"message": "who knows"}})), 502),
        (json(&json!({"hello": "world"})), 502),
        (status(200).header("content-type", "text/html").body("<html>hello</html>"), 502),
        (sse([data(&json!({"error": {"message": "no such model", "code": 404}}))]), 404),
        (
            sse([raw(
                "event: error\ndata: {\"error\":{\"message\":\"busy\",\"type\":\"overloaded_error\"}}\n\n",
            )]),
            503,
        ),
        (sse([raw("event: error\ndata: {\"message\":\"broken\"}\n\n")]), 502),
        (sse([]), 502),
    ] {
        let shown = format!("{reply:?}");
        let (status, text) = asked(reply).await;
        assert_eq!(status, expected, "{shown}: {text}");
        let error: Value = serde_json::from_str(&text).unwrap();
        assert!(error["error"]["message"].is_string(), "{text}");
    }
}

#[tokio::test]
async fn an_error_behind_the_first_words_ends_the_stream_honestly() {
    let (status, text) =
        asked(sse([word("half"), data(&json!({"error": {"message": "broke", "code": 500}}))])).await;
    assert_eq!(status, 200);
    assert!(text.contains("half") && text.contains("broke") && !text.contains("[DONE]"), "{text}");
}

#[tokio::test]
async fn a_whole_reply_that_is_an_error_is_one() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([json(&json!({"error": {"message": "slow down", "type": "rate_limit_error"}}))]);
    let yaml = format!(
        "request-retry: 0\nopenai-compatibility: [{{name: router, base-url: '{}/v1', models: [{{name: m}}]}}]\n",
        upstream.url()
    );
    let world = World::start(&yaml).await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let reply = world.client().post("/v1/chat/completions", &body).await;
    assert_eq!(reply.status(), 429);
    world.service.stop().await;
}
