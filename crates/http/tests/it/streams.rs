use std::sync::Arc;

use tokio::sync::Notify;

use crate::formats::rows;
use crate::support::{Edge, Step, steps, streaming};

#[tokio::test]
async fn a_stream_is_passed_on_byte_for_byte_as_it_comes() {
    let edge = Edge::start().await;
    for row in rows() {
        let go = Arc::new(Notify::new());
        let gate = Arc::clone(&go);
        edge.dispatcher.answer(move |_| {
            let script = [
                Step::Say("event: a\ndata: 1\n\n"),
                Step::Until(Arc::clone(&gate)),
                Step::Say("data: é\n\n"),
            ];
            async move { streaming(steps(script)) }
        });
        let mut reply = edge.client().post(row.stream_path, &(row.body)(true)).await;
        assert_eq!(reply.status(), 200);
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{}", row.path);
        }
        assert!(edge.dispatcher.last().stream);
        // The second frame waits until the first has arrived: nothing is held back.
        assert_eq!(&reply.chunk().await.unwrap().unwrap()[..], b"event: a\ndata: 1\n\n", "{}", row.path);
        go.notify_one();
        assert_eq!(reply.text().await, "data: é\n\n", "{}", row.path);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_stream() {
    let edge = Edge::start().await;
    for row in rows() {
        let gone = Arc::new(Notify::new());
        let tell = Arc::clone(&gone);
        edge.dispatcher.answer(move |_| {
            let stream = steps([Step::Say("data: 1\n\n"), Step::Never]).telling(&tell);
            async move { streaming(stream) }
        });
        let mut reply = edge.client().post(row.stream_path, &(row.body)(true)).await;
        reply.chunk().await.unwrap().unwrap();
        drop(reply);
        gone.notified().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_waits_cancels_the_request() {
    let edge = Edge::start().await;
    for row in rows() {
        for stream in [false, true] {
            let begun = Arc::new(Notify::new());
            let tell = Arc::clone(&begun);
            edge.dispatcher.answer(move |_| {
                let tell = Arc::clone(&tell);
                async move {
                    tell.notify_one();
                    std::future::pending().await
                }
            });
            let client = edge.client();
            let body = (row.body)(stream);
            let call = client.post(row.path_for(stream), &body);
            tokio::select! {
                _ = call => panic!("nothing was answered"),
                () = begun.notified() => {}
            }
            edge.dispatcher.gone.notified().await;
        }
    }
}

#[tokio::test]
async fn a_gemini_stream_without_events_is_one_json_array() {
    if crate::support::codecs().gemini.is_none() {
        // The route says that it is not built.
        let edge = Edge::start().await;
        let reply =
            edge.client().post("/v1beta/models/m:streamGenerateContent", &serde_json::json!({})).await;
        assert_eq!(reply.status(), 501);
        return;
    }
    let edge = Edge::start().await;
    let body = serde_json::json!({"contents": [{"parts": [{"text": "hi"}]}]});
    for (query, frames, expected) in [
        (
            "?alt=json",
            vec!["data: {\"n\":1}\r\n\r\n", "data: {\"n\":2}\n\ndata: {\"n\":3}\n\n"],
            "[{\"n\":1}\n,\r\n{\"n\":2}\n,\r\n{\"n\":3}\n]",
        ),
        ("?$alt=json", vec![": keep-alive\n\n", "data: {\"n\":1}\n\n"], "\n[{\"n\":1}\n]"),
        ("?alt=json", vec!["\n\n", "data: {\"n\":1}\n\n"], "\n[{\"n\":1}\n]"),
        ("?alt=json", vec![], "[]"),
        ("?alt=sse", vec!["data: {\"n\":1}\n\n"], "data: {\"n\":1}\n\n"),
        ("", vec!["data: {\"n\":1}\n\n"], "data: {\"n\":1}\n\n"),
    ] {
        let script = frames.clone();
        edge.dispatcher.answer(move |_| {
            let script = script.clone();
            async move { streaming(steps(script.into_iter().map(Step::Say))) }
        });
        let path = format!("/v1beta/models/m:streamGenerateContent{query}");
        let reply = edge.client().post(&path, &body).await;
        let kind = if expected.starts_with("data") { "text/event-stream" } else { "application/json" };
        assert_eq!(reply.header("content-type"), Some(kind), "{path}");
        assert_eq!(reply.text().await, expected, "{path} {frames:?}");
    }
}
