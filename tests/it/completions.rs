//! Legacy completions, against every kind of provider.

use cliproxy_testkit::{SseEvent, cut};
use serde_json::{Value, json};

use crate::client::{clients, data_events, text_of};
use crate::matrix::{Behind, hello, world};

const PATH: &str = "/v1/completions";

fn body(behind: &Behind, stream: bool) -> Value {
    json!({"model": behind.alias, "prompt": "Hello", "max_tokens": 50, "stream": stream})
}

fn answers(behind: &Behind) {
    let (provider, answer) = (behind.provider, hello().answer);
    behind.upstream.answer_with(move |request| provider.answer(&answer, provider.asked(request).1));
}

/// The texts of a reply or chunk, after checking its shape.
#[track_caller]
fn text(completion: &Value, behind: &Behind) -> String {
    assert_eq!(completion["object"], "text_completion", "{completion}");
    assert_eq!(completion["model"], behind.alias.as_str(), "{completion}");
    assert!(completion["id"].is_string() && completion["created"].is_u64(), "{completion}");
    let choices = completion["choices"].as_array().expect("choices");
    assert!(choices.iter().all(|choice| choice.get("message").or(choice.get("delta")).is_none()));
    choices.iter().map(|choice| choice["text"].as_str().unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_legacy_completion_is_answered_whole_by_every_provider() {
    let (server, all) = world("").await;
    for behind in &all {
        answers(behind);
        let case = behind.provider.name();
        let reply = server.client().post(PATH, &body(behind, false)).await;
        assert_eq!((reply.status(), reply.header("content-type")), (200, Some("application/json")), "{case}");
        let completion = reply.json().await;
        assert_eq!(Some(text(&completion, behind).as_str()), hello().answer.text, "{case}");
        assert_eq!(completion["choices"][0]["finish_reason"], "stop", "{case}: {completion}");
        assert_eq!(completion["usage"]["prompt_tokens"], 12, "{case}: {completion}");
        assert_eq!(completion["usage"]["completion_tokens"], 7, "{case}: {completion}");
        assert_eq!(behind.provider.got(&behind.upstream.last()), hello().ask.expected(), "{case}");
    }
}

#[tokio::test]
async fn a_legacy_completion_is_streamed_in_its_own_chunks_and_ends_with_done() {
    let (server, all) = world("").await;
    for behind in &all {
        answers(behind);
        let case = behind.provider.name();
        let reply = server.client().post(PATH, &body(behind, true)).await;
        assert_eq!(
            (reply.status(), reply.header("content-type")),
            (200, Some("text/event-stream")),
            "{case}"
        );
        let events = data_events(reply.events().await);
        let (end, chunks) = events.split_last().expect("a stream has an end");
        assert_eq!(end.data, "[DONE]", "{case}");
        let chunks: Vec<Value> = chunks.iter().map(SseEvent::json).collect();
        let told: String = chunks.iter().map(|chunk| text(chunk, behind)).collect();
        assert_eq!(Some(told.as_str()), hello().answer.text, "{case}");
        let ends = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"] == "stop").count();
        assert_eq!(ends, 1, "{case}: {chunks:?}");
    }
}

#[tokio::test]
async fn a_legacy_stream_that_is_cut_ends_with_an_error_and_without_done() {
    let (server, all) = world("disable-cooling: true\n").await;
    for behind in &all {
        let (provider, answer) = (behind.provider, hello().answer);
        for broken in [
            provider.answer(&answer, true).truncate(provider.preamble() + 1).then(cut()),
            provider.broken_stream("these words"),
        ] {
            behind.upstream.answer_with(move |_| broken.clone());
            let reply = server.client().post(PATH, &body(behind, true)).await;
            assert_eq!(reply.status(), 200, "{}: it had begun", provider.name());
            let events = data_events(reply.events().await);
            assert!(events.iter().all(|event| event.data != "[DONE]"), "{}: {events:?}", provider.name());
            let last = events.last().expect("an error").json();
            assert!(last["error"]["message"].is_string(), "{}: {events:?}", provider.name());
            assert!(!text(&events[0].json(), behind).is_empty(), "{}: {events:?}", provider.name());
        }
    }
}

#[tokio::test]
async fn a_providers_refusal_of_a_legacy_completion_keeps_its_status_and_words() {
    let chat = clients()[0];
    assert_eq!(chat.name(), "chat", "whose errors have the same shape");
    let (server, all) = world("disable-cooling: true\nrequest-retry: 0\n").await;
    for (status, expected) in [(400, 400), (401, 503), (404, 404), (413, 413), (429, 429)] {
        for behind in &all {
            for stream in [false, true] {
                let provider = behind.provider;
                behind.upstream.answer_with(move |_| provider.error(status, "these words"));
                let case = format!("{} {status} stream={stream}", provider.name());
                let reply = server.client().post(PATH, &body(behind, stream)).await;
                assert_eq!(
                    (reply.status(), reply.header("content-type")),
                    (expected, Some("application/json")),
                    "{case}"
                );
                let error = reply.json().await;
                assert!(chat.error(expected, &error).contains("these words"), "{case}: {error}");
                assert!(!error.to_string().contains("CANARY"), "{case}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_legacy_request_that_cannot_be_read_is_refused_in_words() {
    let (server, all) = world("").await;
    for (wrong, status, words) in [
        (json!({"model": "m-nobodys", "prompt": "x"}), 404, "m-nobodys"),
        (json!({"prompt": "x"}), 400, "model"),
        (json!([]), 400, "Invalid request"),
    ] {
        let reply = server.client().post(PATH, &wrong).await;
        assert_eq!(reply.status(), status, "{wrong}");
        let error = reply.json().await;
        assert!(text_of(&error["error"]["message"]).contains(words), "{wrong}: {error}");
    }
    assert!(all.iter().all(|behind| behind.upstream.requests().is_empty()), "nobody was asked");
}
