//! Signs of life for clients that wait for an answer.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{ClientError, ClientErrorKind};
use cliproxy_http::Options;
use serde_json::json;
use tokio::sync::Notify;

use crate::formats::rows;
use crate::support::{Edge, Step, failed, impatient, steps, streaming, whole};

#[tokio::test]
async fn a_whole_reply_that_takes_long_is_preceded_by_blank_lines() {
    let edge = Edge::with_options(impatient()).await;
    for row in rows() {
        let go = Arc::new(Notify::new());
        let gate = Arc::clone(&go);
        edge.dispatcher.answer(move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                whole(r#"{"late":true}"#)
            }
        });
        let mut reply = edge.client().post(row.path, &(row.body)(false)).await;
        assert_eq!((reply.status(), reply.header("content-type")), (200, Some("application/json")));
        assert_eq!(&reply.chunk().await.unwrap().unwrap()[..], b"\n", "{}", row.path);
        go.notify_one();
        let rest = reply.text().await;
        assert_eq!(serde_json::from_str::<serde_json::Value>(&rest).unwrap(), json!({"late": true}));
    }
}

#[tokio::test]
async fn a_failure_after_a_blank_line_is_an_error_body_under_200() {
    let edge = Edge::with_options(impatient()).await;
    for row in rows() {
        let go = Arc::new(Notify::new());
        let gate = Arc::clone(&go);
        edge.dispatcher.answer(move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                failed(ClientError::new(ClientErrorKind::BadGateway, "it broke"))
            }
        });
        let mut reply = edge.client().post(row.path, &(row.body)(false)).await;
        assert_eq!(reply.status(), 200);
        reply.chunk().await.unwrap().unwrap();
        go.notify_one();
        assert!(row.message(502, &reply.json().await).contains("it broke"), "{}", row.path);
    }
}

#[tokio::test]
async fn an_answer_in_time_has_its_own_status_whatever_the_patience() {
    let edge = Edge::with_options(impatient()).await;
    edge.dispatcher.answer(|_| async { failed(ClientError::new(ClientErrorKind::RateLimited, "slow down")) });
    for row in rows() {
        for stream in [false, true] {
            let reply = edge.client().post(row.path_for(stream), &(row.body)(stream)).await;
            assert_eq!(reply.status(), 429, "{} {stream}", row.path);
        }
    }
}

#[tokio::test]
async fn a_count_gets_no_blank_lines() {
    let edge = Edge::with_options(impatient()).await;
    edge.dispatcher.answer(|_| async {
        // Longer than the patience of other requests.
        tokio::time::sleep(Duration::from_millis(60)).await;
        failed(ClientError::new(ClientErrorKind::BadGateway, "late"))
    });
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(edge.client().post("/v1/messages/count_tokens", &body).await.status(), 502);
}

#[tokio::test]
async fn without_an_interval_the_status_waits_for_the_answer() {
    let mut options = Options::default();
    options.keepalive = None;
    options.whole_keepalive = None;
    let edge = Edge::with_options(options).await;
    edge.dispatcher.answer(|_| async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        failed(ClientError::new(ClientErrorKind::BadGateway, "late"))
    });
    for row in rows() {
        for stream in [false, true] {
            let reply = edge.client().post(row.path_for(stream), &(row.body)(stream)).await;
            assert_eq!(reply.status(), 502, "{} {stream}", row.path);
        }
    }
}

#[tokio::test]
async fn a_stream_that_does_not_begin_gets_signs_of_life_and_then_begins() {
    let edge = Edge::with_options(impatient()).await;
    for row in rows() {
        let go = Arc::new(Notify::new());
        let gate = Arc::clone(&go);
        edge.dispatcher.answer(move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                streaming(steps([Step::Say("data: {\"n\":1}\n\n"), Step::Say("data: {\"n\":2}\n\n")]))
            }
        });
        let mut reply = edge.client().post(row.stream_path, &(row.body)(true)).await;
        assert_eq!((reply.status(), reply.header("content-type")), (200, Some("text/event-stream")));
        for _ in 0..2 {
            assert_eq!(reply.chunk().await.unwrap().unwrap(), row.sign_of_life(), "{}", row.path);
        }
        go.notify_one();
        let text = reply.text().await;
        let rest = text.trim_start_matches(row.sign_of_life());
        assert_eq!(rest, "data: {\"n\":1}\n\ndata: {\"n\":2}\n\n", "{}", row.path);
    }
}

#[tokio::test]
async fn a_stream_that_never_begins_says_so_in_its_own_format() {
    let edge = Edge::with_options(impatient()).await;
    for row in rows() {
        let go = Arc::new(Notify::new());
        let gate = Arc::clone(&go);
        edge.dispatcher.answer(move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                failed(ClientError::new(ClientErrorKind::Unavailable, "nobody is left"))
            }
        });
        let mut reply = edge.client().post(row.stream_path, &(row.body)(true)).await;
        reply.chunk().await.unwrap().unwrap();
        go.notify_one();
        let rest = reply.text().await;
        assert!(rest.contains("nobody is left"), "{}: {rest}", row.path);
        assert!(!rest.contains("[DONE]"), "{}: a failure is no success: {rest}", row.path);
        assert!(rest.ends_with("\n\n"), "{}: {rest:?}", row.path);
    }
}

#[tokio::test]
async fn silence_between_frames_is_bridged_by_signs_of_life() {
    let edge = Edge::with_options(impatient()).await;
    for row in rows() {
        let go = Arc::new(Notify::new());
        let gate = Arc::clone(&go);
        edge.dispatcher.answer(move |_| {
            let gate = Arc::clone(&gate);
            let script = [Step::Say("data: 1\n\n"), Step::Until(gate), Step::Say("data: 2\n\n")];
            async move { streaming(steps(script)) }
        });
        let mut reply = edge.client().post(row.stream_path, &(row.body)(true)).await;
        assert_eq!(&reply.chunk().await.unwrap().unwrap()[..], b"data: 1\n\n", "{}", row.path);
        for _ in 0..2 {
            assert_eq!(reply.chunk().await.unwrap().unwrap(), row.sign_of_life(), "{}", row.path);
        }
        go.notify_one();
        let text = reply.text().await;
        assert_eq!(text.trim_start_matches(row.sign_of_life()), "data: 2\n\n", "{}", row.path);
    }
}
