use std::sync::Arc;

use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{ErrorKind, ExecutorError, FinishReason, ReplyModes};
use http::{HeaderMap, HeaderValue};

use crate::script::{
    Answer, HELLO, Scripted, attempt, body, bridge, chunk, cut, frames, open, registry, request, streamed,
    target, text, whole,
};
use crate::toy::{self, frame};

#[tokio::test]
async fn a_whole_reply_comes_in_the_client_s_format_and_names_the_client_s_model() {
    for (wire, shown, model) in [
        ("alpha", None, "up-model"),
        ("alpha", Some("asked-model"), "asked-model"),
        ("beta", None, "up-model"),
        ("beta", Some("asked-model"), "asked-model"),
    ] {
        for modes in [ReplyModes::Both, ReplyModes::StreamOnly] {
            let answer = match modes {
                ReplyModes::StreamOnly => streamed(cut(&toy::stream(wire), 5)),
                _ => whole(toy::reply(wire, "up-model", "Héllo 世界")),
            };
            let executor = Arc::new(Scripted::new(wire, [answer]).modes(modes));
            let mut target = target(&executor);
            target.shown_model = shown.map(str::to_owned);
            let reply = body(open(&bridge(), request(HELLO, false)).attempt(target).await.unwrap());
            assert_eq!(reply.body, toy::reply("alpha", model, "Héllo 世界"), "{wire} {modes:?}");
            assert_eq!(
                (reply.usage.output, reply.finish),
                (Some(7), Some(FinishReason::Stop)),
                "{wire} {modes:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_executor_without_streams_is_replayed_to_a_client_that_wants_one() {
    // One says so, the other only ever learned `execute`.
    for (modes, streams) in [(ReplyModes::WholeOnly, true), (ReplyModes::Both, false)] {
        for wire in ["alpha", "beta"] {
            let mut scripted =
                Scripted::new(wire, [whole(toy::reply(wire, "up-model", "Hello"))]).modes(modes);
            scripted.streams = streams;
            let executor = Arc::new(scripted);
            let reply = attempt(&executor, true).await.unwrap();
            let (text, end) = text(frames(reply)).await;
            let expected = [
                frame("alpha", "start", "up-model"),
                frame("alpha", "text", "Hello"),
                frame("alpha", "usage", 7),
                frame("alpha", "finish", serde_json::Value::Null),
                frame("alpha", "end", serde_json::Value::Null),
            ];
            assert_eq!(text, expected.concat(), "{wire} {modes:?}");
            assert_eq!((end.usage.output, end.finish), (Some(7), Some(FinishReason::Stop)));
            assert!(!executor.watch.attempts.lock()[0].stream, "{wire} {modes:?}");
        }
    }
}

#[tokio::test]
async fn a_whole_reply_in_place_of_a_stream_is_what_the_client_asked_for() {
    for (wire, size) in [("alpha", 1), ("alpha", 1_000), ("beta", 1), ("beta", 1_000)] {
        let answer = || streamed(cut(&format!(" \n{}", toy::reply(wire, "up-model", "Hello")), size));
        let executor = Arc::new(Scripted::new(wire, [answer()]));
        let (text, end) = text(frames(attempt(&executor, true).await.unwrap())).await;
        let expected = [
            frame("alpha", "start", "up-model"),
            frame("alpha", "text", "Hello"),
            frame("alpha", "usage", 7),
            frame("alpha", "finish", serde_json::Value::Null),
            frame("alpha", "end", serde_json::Value::Null),
        ];
        assert_eq!(text, expected.concat(), "{wire} {size}");
        assert_eq!((end.usage.output, end.finish), (Some(7), Some(FinishReason::Stop)));
        assert!(executor.watch.attempts.lock()[0].stream, "a stream was asked for");

        // The provider is one that only streams, and the client wants a whole reply.
        let executor = Arc::new(Scripted::new(wire, [answer()]).modes(ReplyModes::StreamOnly));
        let reply = body(attempt(&executor, false).await.unwrap());
        assert_eq!(
            reply.body.trim_ascii_start(),
            toy::reply("alpha", "up-model", "Hello").as_bytes(),
            "{wire} {size}"
        );
    }
}

#[tokio::test]
async fn a_whole_reply_in_place_of_a_stream_has_the_limit_of_whole_replies() {
    let mut options = Options::default();
    options.max_reply_bytes = 5_000;
    let limited = Bridge::new(Arc::new(registry()), options);
    let endless = std::iter::once(chunk("{\"a\":\"")).chain((0..10_000).map(|_| chunk("x".repeat(1_000))));
    let executor = Arc::new(Scripted::new("beta", [streamed(endless)]));
    let error = open(&limited, request(HELLO, true)).attempt(target(&executor)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadReply);
    assert!(executor.watch.polls.load(std::sync::atomic::Ordering::Relaxed) < 100);
}

#[tokio::test]
async fn a_good_status_over_no_reply_is_a_failure() {
    let rate_limited = r#"{"error":{"toy":"beta","type":"rate_limit_error","message":"slow"}}"#;
    for (answer, kind) in [
        (rate_limited, ErrorKind::RateLimited),
        (r#"{"error":{"code":429,"message":"slow"}}"#, ErrorKind::RateLimited),
        (r#"{"error":"something"}"#, ErrorKind::Server),
        ("<html>nope</html>", ErrorKind::BadReply),
        ("garbage", ErrorKind::BadReply),
        (r#"{"some":"json"}"#, ErrorKind::BadReply),
        (r#"{"error":null}"#, ErrorKind::BadReply),
        ("", ErrorKind::BadReply),
    ] {
        for wire in ["alpha", "beta"] {
            let executor = Arc::new(Scripted::new(wire, [whole(answer)]));
            let error = attempt(&executor, false).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{wire} {answer}");
        }
    }
}

#[tokio::test]
async fn an_aggregated_stream_fails_as_a_stream_does() {
    let start = frame("beta", "start", "m");
    let text = frame("beta", "text", "t");
    for (wire, kind) in [
        (String::new(), ErrorKind::EmptyStream),
        (start.clone(), ErrorKind::EmptyStream),
        ([start.clone(), text.clone()].concat(), ErrorKind::Interrupted),
        (
            [start, text, frame("beta", "error", serde_json::json!({"status":529}))].concat(),
            ErrorKind::Overloaded,
        ),
        (r#"{"error":{"code":"503"}}"#.to_owned(), ErrorKind::Overloaded),
    ] {
        let executor =
            Arc::new(Scripted::new("beta", [streamed([chunk(wire.as_str())])]).modes(ReplyModes::StreamOnly));
        let error = attempt(&executor, false).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{wire}");
    }
    let broken = ExecutorError::new(ErrorKind::Connect, "reset");
    let items = [chunk(frame("beta", "text", "t")), crate::script::Item::Broken(broken)];
    let executor = Arc::new(Scripted::new("beta", [streamed(items)]).modes(ReplyModes::StreamOnly));
    assert_eq!(attempt(&executor, false).await.unwrap_err().kind(), ErrorKind::Connect);
}

#[tokio::test]
async fn a_reply_beyond_the_bound_is_refused() {
    let mut options = Options::default();
    options.max_reply_bytes = 100;
    let bridge = Bridge::new(Arc::new(registry()), options);
    let long = "x".repeat(101);
    let answers = [whole(toy::reply("alpha", "m", &long))];
    let executor = Arc::new(Scripted::new("alpha", answers));
    let error = open(&bridge, request(HELLO, false)).attempt(target(&executor)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadReply);

    let items = [chunk(frame("alpha", "text", long.as_str())), crate::script::Item::Hang];
    let executor = Arc::new(Scripted::new("alpha", [streamed(items)]).modes(ReplyModes::StreamOnly));
    let error = open(&bridge, request(HELLO, false)).attempt(target(&executor)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadReply);
}

#[tokio::test]
async fn request_ids_and_rate_limits_reach_the_client_and_nothing_else_does() {
    let mut headers = HeaderMap::new();
    headers.insert("request-id", HeaderValue::from_static("up-1"));
    headers.insert("x-ratelimit-remaining-requests", HeaderValue::from_static("9"));
    headers.insert("set-cookie", HeaderValue::from_static("CANARY"));
    headers.insert("content-length", HeaderValue::from_static("3"));
    let answers = [
        Answer::Whole(headers.clone(), toy::reply("alpha", "m", "t").into()),
        Answer::Stream(headers, vec![chunk(toy::stream("alpha"))]),
    ];
    let executor = Arc::new(Scripted::new("alpha", answers));
    let whole = body(attempt(&executor, false).await.unwrap()).headers;
    let cliproxy_core::UpstreamReply::Stream(stream) = attempt(&executor, true).await.unwrap() else {
        panic!("expected a stream");
    };
    for shown in [whole, stream.headers] {
        let mut names: Vec<&str> = shown.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["request-id", "x-ratelimit-remaining-requests"]);
    }
}
