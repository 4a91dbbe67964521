use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{ClientError, ClientErrorKind, ErrorKind, ExecutorError, FinishReason, Frame};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::script::{
    HELLO, Item, Scripted, attempt, attempt_over, bridge, bridges, chunk, cut, frames, look, open, pieces,
    registry, request, streamed, target, text,
};
use crate::toy::{self, frame};

const WIRES: [&str; 2] = ["alpha", "beta"];

/// Every wire format over every bridge.
fn over() -> impl Iterator<Item = (Bridge, &'static str)> {
    WIRES.into_iter().flat_map(|wire| bridges().map(|bridge| (bridge, wire)))
}

/// What an `alpha` client that did not ask for usage gets of the usual stream.
fn expected(wire: &str) -> String {
    let stream = toy::stream("alpha");
    // Passing through, the extra usage frame that was asked for on its own account is taken out again.
    if wire == "alpha" { stream.replace(&frame("alpha", "usage", 7), "") } else { stream }
}

#[tokio::test]
async fn a_stream_arrives_in_the_client_s_format_however_it_was_cut() {
    for wire in WIRES {
        for size in [1, 2, 3, 7, 64, 10_000] {
            let executor = Arc::new(Scripted::new(wire, [streamed(cut(&toy::stream(wire), size))]));
            let (text, end) = text(frames(attempt(&executor, true).await.unwrap())).await;
            assert_eq!(text, expected(wire), "{wire} {size}");
            assert_eq!((end.usage.output, end.finish), (Some(7), Some(FinishReason::Stop)), "{wire} {size}");
            assert!(end.error.is_none());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cutting_a_stream_anywhere_changes_nothing(
        wire in prop::sample::select(&WIRES[..]),
        sizes in prop::collection::vec(1_usize..40, 1..40),
        waits in prop::collection::vec(any::<bool>(), 40),
        crlf in any::<bool>(),
    ) {
        let mut stream = toy::stream(wire);
        if crlf {
            stream = stream.replace('\n', "\r\n");
        }
        let bytes = Bytes::from(stream.clone());
        let mut items = Vec::new();
        let (mut at, mut turn) = (0, 0);
        while at < bytes.len() {
            let end = (at + sizes[turn % sizes.len()]).min(bytes.len());
            items.push(Item::Chunk(bytes.slice(at..end)));
            if waits[turn % waits.len()] {
                items.push(Item::Later);
            }
            (at, turn) = (end, turn + 1);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
        let (text, end) = runtime.block_on(async { text(frames(attempt(&executor, true).await.unwrap())).await });
        prop_assert_eq!(text.replace("\r\n", "\n").replace('\r', "\n"), expected(wire));
        prop_assert!(end.error.is_none());
    }
}

#[tokio::test]
async fn passing_through_hands_on_the_provider_s_own_memory() {
    let whole =
        [frame("alpha", "start", "m"), frame("alpha", "text", "a"), frame("alpha", "text", "b")].concat();
    let buffer = Bytes::from(whole);
    let tail =
        Bytes::from([frame("alpha", "finish", Value::Null), frame("alpha", "end", Value::Null)].concat());
    let items = [Item::Chunk(buffer.clone()), Item::Later, Item::Chunk(tail.clone())];
    let executor = Arc::new(Scripted::new("alpha", [streamed(items)]));
    let mut frames = frames(attempt(&executor, true).await.unwrap());
    let (pieces, _) = pieces(&mut frames).await;
    assert_eq!(pieces, [buffer.clone(), tail.clone()]);
    assert_eq!((pieces[0].as_ptr(), pieces[1].as_ptr()), (buffer.as_ptr(), tail.as_ptr()));
}

#[tokio::test]
async fn the_stream_names_the_client_s_model() {
    for wire in WIRES {
        let executor = Arc::new(Scripted::new(wire, [streamed([chunk(toy::stream(wire))])]));
        let mut target = target(&executor);
        target.shown_model = Some("asked-model".to_owned());
        let reply = open(&bridge(), request(HELLO, true)).attempt(target).await.unwrap();
        let (text, _) = text(frames(reply)).await;
        assert_eq!(text, expected(wire).replace("up-model", "asked-model"), "{wire}");
    }
}

#[tokio::test]
async fn usage_is_shown_to_a_client_that_asked_for_it() {
    let executor = Arc::new(Scripted::new("alpha", [streamed([chunk(toy::stream("alpha"))])]));
    let asked = request(r#"{"model":"asked-model","prompt":"hi","include_usage":true}"#, true);
    let reply = open(&bridge(), asked).attempt(target(&executor)).await.unwrap();
    let (text, _) = text(frames(reply)).await;
    assert_eq!(text, toy::stream("alpha"));
    // The word alone is no wish.
    let executor = Arc::new(Scripted::new("alpha", [streamed([chunk(toy::stream("alpha"))])]));
    let asked = request(r#"{"model":"asked-model","prompt":"what is include_usage?"}"#, true);
    let reply = open(&bridge(), asked).attempt(target(&executor)).await.unwrap();
    let (text, _) = crate::script::text(frames(reply)).await;
    assert_eq!(text, expected("alpha"));
}

#[tokio::test]
async fn nothing_is_handed_over_before_the_first_semantic_event() {
    for wire in WIRES {
        let items = [
            chunk(frame(wire, "start", "m")),
            chunk(frame(wire, "ping", Value::Null)),
            Item::Later,
            chunk(frame(wire, "text", "")),
            Item::Later,
            chunk(frame(wire, "text", "first")),
            Item::Hang,
        ];
        let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
        let bridge = bridge();
        let exchange = open(&bridge, request(HELLO, true));
        let mut attempt = exchange.attempt(target(&executor));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(attempt.as_mut().poll(&mut cx).is_pending(), "{wire}");
        if wire == "beta" {
            // A delta that adds nothing commits nothing.
            assert!(attempt.as_mut().poll(&mut cx).is_pending(), "{wire}");
        }
        let Poll::Ready(Ok(reply)) = attempt.as_mut().poll(&mut cx) else { panic!("{wire}: not committed") };
        let mut frames = frames(reply);
        let polls = executor.watch.polls.load(Ordering::Relaxed);
        // No task reads ahead: between two looks of the client nothing is read.
        assert_eq!(executor.watch.polls.load(Ordering::Relaxed), polls);
        let mut seen = String::new();
        while let Poll::Ready(Some(Frame::Bytes(bytes))) = look(&mut frames) {
            seen.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        assert!(seen.contains("start") && seen.contains("first"), "{wire}: {seen}");
    }
}

#[tokio::test]
async fn a_preamble_beyond_its_bounds_commits_the_stream() {
    let ping = |wire| frame(wire, "ping", Value::Null);
    for wire in WIRES {
        for (items, commits) in [
            ((0..16).map(|_| chunk(ping(wire))).collect::<Vec<_>>(), false),
            ((0..17).map(|_| chunk(ping(wire))).collect(), true),
            (vec![chunk(frame(wire, "start", "m".repeat(60 * 1024)))], false),
            (vec![chunk(frame(wire, "start", "m".repeat(70 * 1024)))], true),
        ] {
            let items = items.into_iter().chain([Item::Hang]);
            let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
            let exchange = open(&bridge(), request(HELLO, true));
            let mut attempt = exchange.attempt(target(&executor));
            let poll = attempt.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(poll.is_ready(), commits, "{wire}");
        }
    }
}

/// Everything that can go wrong before and after the first semantic event.
fn failures(wire: &str) -> Vec<(Vec<Item>, ErrorKind, ErrorKind)> {
    let error = |value: Value| chunk(frame(wire, "error", value));
    let broken = || Item::Broken(ExecutorError::new(ErrorKind::Connect, "reset"));
    vec![
        (vec![error(json!({"status":429,"message":"slow"}))], ErrorKind::RateLimited, ErrorKind::RateLimited),
        (vec![error(json!({"status":529}))], ErrorKind::Overloaded, ErrorKind::Overloaded),
        (vec![error(json!({"message":"m"}))], ErrorKind::Server, ErrorKind::Server),
        (vec![broken()], ErrorKind::Connect, ErrorKind::Connect),
        (vec![], ErrorKind::EmptyStream, ErrorKind::Interrupted),
        // Closed in the middle of an event.
        (vec![chunk(format!("data: {{\"{wire}\":\"ping\""))], ErrorKind::EmptyStream, ErrorKind::Interrupted),
    ]
}

#[tokio::test]
async fn a_failure_before_the_first_semantic_event_is_the_attempt_s() {
    for (bridge, wire) in over() {
        for (items, kind, _) in failures(wire) {
            let items = [chunk(frame(wire, "start", "m"))].into_iter().chain(items);
            let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
            let error = attempt_over(&bridge, &executor, true).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{wire}");
            assert!(executor.watch.dropped.load(Ordering::Relaxed), "{wire}");
        }
    }
}

#[tokio::test]
async fn a_failure_after_it_ends_the_stream_in_the_client_s_format() {
    for (bridge, wire) in over() {
        for (items, _, kind) in failures(wire) {
            let first = [chunk(frame(wire, "text", "t")), chunk(frame(wire, "usage", 3))];
            let executor = Arc::new(Scripted::new(wire, [streamed(first.into_iter().chain(items))]));
            let (text, end) = text(frames(attempt_over(&bridge, &executor, true).await.unwrap())).await;
            let error = end.error.unwrap();
            assert_eq!(error.kind(), kind, "{wire}");
            assert_eq!((end.usage.output, end.finish), (Some(3), None), "{wire}");
            let last = text.trim_end().rsplit("\n\n").next().unwrap();
            assert!(last.contains(r#""alpha":"error""#), "{wire}: {text}");
            assert_eq!(text.matches(r#""error""#).count(), 1, "{wire}: {text}");
            assert!(text.starts_with(&frame("alpha", "text", "t")), "{wire}: {text}");
            for event in text.trim_end().split("\n\n") {
                let data = event.strip_prefix("data: ").unwrap();
                assert!(serde_json::from_str::<Value>(data).is_ok(), "{wire}: half an event: {data}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_stream_is_a_failure_with_what_it_says() {
    for (answer, kind) in [
        (r#"{"error":{"code":429,"message":"slow"}}"#, ErrorKind::RateLimited),
        ("  \n{\"error\":{\"type\":\"overloaded_error\"}}", ErrorKind::Overloaded),
        (r#"{"some":"json"}"#, ErrorKind::BadReply),
        (r#"{"half of some":"#, ErrorKind::BadReply),
        ("<!doctype html><html>", ErrorKind::BadReply),
        ("just words\n\n", ErrorKind::EmptyStream),
        (": comment only\n\n", ErrorKind::EmptyStream),
    ] {
        for wire in WIRES {
            for size in [1, 1_000] {
                let executor = Arc::new(Scripted::new(wire, [streamed(cut(answer, size))]));
                let error = attempt(&executor, true).await.unwrap_err();
                assert_eq!(error.kind(), kind, "{wire} {answer}");
            }
        }
    }
    // An endless page is not read to its end.
    let page = (0..10_000).map(|_| chunk(format!("<p>{}", "x".repeat(1_000))));
    let executor = Arc::new(Scripted::new("beta", [streamed(page)]));
    assert_eq!(attempt(&executor, true).await.unwrap_err().kind(), ErrorKind::BadReply);
    assert!(executor.watch.polls.load(Ordering::Relaxed) < 100);
}

#[tokio::test]
async fn an_end_with_nothing_before_it_is_an_empty_stream() {
    for (bridge, wire) in over() {
        let only = [frame(wire, "start", "m"), frame(wire, "end", Value::Null)].concat();
        let executor = Arc::new(Scripted::new(wire, [streamed([chunk(only)])]));
        assert_eq!(
            attempt_over(&bridge, &executor, true).await.unwrap_err().kind(),
            ErrorKind::EmptyStream,
            "{wire}"
        );
    }
}

#[tokio::test]
async fn nothing_follows_the_terminal_event_and_the_call_is_let_go() {
    for (bridge, wire) in over() {
        let items = [
            chunk([toy::stream(wire), frame(wire, "text", "after")].concat()),
            Item::Broken(ExecutorError::new(ErrorKind::Connect, "reset")),
            Item::Hang,
        ];
        let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
        let stream = frames(attempt_over(&bridge, &executor, true).await.unwrap());
        assert!(executor.watch.dropped.load(Ordering::Relaxed), "{wire}: before the client read anything");
        let (text, end) = text(stream).await;
        assert_eq!(text, expected(wire), "{wire}");
        assert!(end.error.is_none(), "{wire}");
    }
}

#[tokio::test]
async fn the_last_event_may_lack_its_blank_line() {
    for (bridge, wire) in over() {
        let stream = toy::stream(wire);
        let executor = Arc::new(Scripted::new(wire, [streamed([chunk(stream.trim_end())])]));
        let (text, end) = text(frames(attempt_over(&bridge, &executor, true).await.unwrap())).await;
        assert_eq!(text, expected(wire), "{wire}");
        assert!(end.error.is_none(), "{wire}");
    }
}

#[tokio::test]
async fn ready_input_is_gathered_and_never_waited_for() {
    for wire in WIRES {
        let piece = || chunk(frame(wire, "text", "x".repeat(100)));
        let items = [piece(), piece(), piece(), Item::Hang];
        let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
        let mut stream = frames(attempt(&executor, true).await.unwrap());
        let Poll::Ready(Some(Frame::Bytes(bytes))) = look(&mut stream) else {
            panic!("{wire}: nothing ready")
        };
        assert_eq!(bytes.len(), 3 * frame("alpha", "text", "x".repeat(100)).len(), "{wire}");
        assert!(look(&mut stream).is_pending(), "{wire}");

        // Up to a bound.
        let mut options = Options::default();
        options.coalesce_bytes = 1_000;
        let bridge = Bridge::new(Arc::new(registry()), options);
        let items = (0..1_000).map(|_| piece());
        let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
        let reply = open(&bridge, request(HELLO, true)).attempt(target(&executor)).await.unwrap();
        let mut stream = frames(reply);
        let Poll::Ready(Some(Frame::Bytes(bytes))) = look(&mut stream) else {
            panic!("{wire}: nothing ready")
        };
        assert!((1_000..2_000).contains(&bytes.len()), "{wire}: {}", bytes.len());
    }
}

#[tokio::test]
async fn a_flood_of_nothing_does_not_keep_the_thread() {
    let items = (0..1_000).map(|_| chunk(": nothing\n\n"));
    let items = [chunk(frame("alpha", "text", "t"))].into_iter().chain(items);
    let executor = Arc::new(Scripted::new("alpha", [streamed(items)]));
    let mut stream = frames(attempt(&executor, true).await.unwrap());
    let before = executor.watch.polls.load(Ordering::Relaxed);
    assert!(look(&mut stream).is_ready());
    assert!(look(&mut stream).is_pending());
    assert!(executor.watch.polls.load(Ordering::Relaxed) - before < 300);
}

#[tokio::test]
async fn a_stream_can_be_ended_from_outside_at_any_time() {
    let shutdown = ClientError::new(ClientErrorKind::Unavailable, "shutting down");
    let ended = frame("alpha", "error", json!({"status":503,"message":"shutting down"}));
    for wire in WIRES {
        // While it flows: what was ready goes first.
        let items = [chunk(frame(wire, "text", "t")), Item::Hang];
        let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
        let mut stream = frames(attempt(&executor, true).await.unwrap());
        let bytes = stream.as_mut().fail(&shutdown);
        assert_eq!(bytes, [frame("alpha", "text", "t"), ended.clone()].concat(), "{wire}");
        assert!(executor.watch.dropped.load(Ordering::Relaxed), "{wire}");

        // Behind the terminal event there is nothing to say.
        let executor = Arc::new(Scripted::new(wire, [streamed([chunk(toy::stream(wire))])]));
        let mut stream = frames(attempt(&executor, true).await.unwrap());
        assert_eq!(stream.as_mut().fail(&shutdown), expected(wire), "{wire}");
        let executor = Arc::new(Scripted::new(wire, [streamed([chunk(toy::stream(wire))])]));
        let mut stream = frames(attempt(&executor, true).await.unwrap());
        pieces(&mut stream).await;
        assert!(stream.as_mut().fail(&shutdown).is_empty(), "{wire}");
    }
}

#[tokio::test]
async fn dropping_the_stream_or_the_attempt_drops_the_call() {
    for wire in WIRES {
        let items = [chunk(frame(wire, "text", "t")), Item::Hang];
        let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
        let reply = attempt(&executor, true).await.unwrap();
        assert!(!executor.watch.dropped.load(Ordering::Relaxed));
        drop(reply);
        assert!(executor.watch.dropped.load(Ordering::Relaxed), "{wire}");

        let executor = Arc::new(Scripted::new(wire, [streamed([Item::Hang])]));
        let exchange = open(&bridge(), request(HELLO, true));
        let mut attempt = exchange.attempt(target(&executor));
        assert!(attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(attempt);
        assert!(executor.watch.dropped.load(Ordering::Relaxed), "{wire}");
    }
}

#[tokio::test]
async fn frames_of_another_format_are_a_bad_reply() {
    let executor = Arc::new(Scripted::new("beta", [streamed([chunk("data: {\"what\":1}\n\n")])]));
    assert_eq!(attempt(&executor, true).await.unwrap_err().kind(), ErrorKind::BadReply);
    let items = [chunk(frame("beta", "text", "t")), chunk("data: {broken\n\n")];
    let executor = Arc::new(Scripted::new("beta", [streamed(items)]));
    let (_, end) = text(frames(attempt(&executor, true).await.unwrap())).await;
    assert_eq!(end.error.unwrap().kind(), ErrorKind::BadReply);
}
