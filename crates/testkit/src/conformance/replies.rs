//! What comes back, in one piece.

use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use cliproxy_core::{ErrorKind, Operation};

use super::stage::{KEY, Mode, Stage, expect, shown};
use super::subject::Subject;
use crate::received::Received;
use crate::reply::{Encoding, Reply, hang, status};

/// The reply in every way that the wire may cut it; compressed where the request allows it.
pub(super) fn cuts(reply: &Reply) -> Vec<(&'static str, Reply)> {
    vec![
        ("as written", reply.clone()),
        ("in one chunk", reply.clone().joined()),
        ("byte by byte", reply.clone().split_every(1)),
        ("by seven", reply.clone().split_every(7)),
    ]
}

pub(super) fn compressed_if_allowed(reply: Reply) -> impl Fn(&Received) -> Reply + Send + Sync {
    move |request| {
        let accepts = request.header("accept-encoding").is_some_and(|value| value.contains("gzip"));
        if accepts { reply.clone().compressed(Encoding::Gzip) } else { reply.clone() }
    }
}

/// Whole replies are the provider's bytes, however they were cut or compressed on the way.
pub async fn whole_replies_arrive_byte_for_byte(subject: Subject) {
    let stage = Stage::set(subject).await;
    let expected = stage.sample().whole;
    for (cut, reply) in cuts(&expected) {
        stage.upstream.script_all([reply]);
        let got = expect(stage.call(stage.credential(KEY), Mode::Whole).await, cut);
        assert_eq!(got.body, Bytes::from(expected.bytes()), "{cut}");
    }
    stage.upstream.answer_with(compressed_if_allowed(expected.clone()));
    let got = expect(stage.call(stage.credential(KEY), Mode::Whole).await, "compressed");
    assert_eq!(got.body, Bytes::from(expected.bytes()), "compressed");
}

/// Status, request ids and rate-limit headers of a good reply reach the caller.
pub async fn status_and_headers_arrive(subject: Subject) {
    const HEADERS: [(&str, &str); 4] = [
        ("x-request-id", "req-conformance"),
        ("request-id", "req-conformance-2"),
        ("x-ratelimit-remaining-requests", "41"),
        ("anthropic-ratelimit-requests-remaining", "42"),
    ];
    let stage = Stage::set(subject).await;
    for mode in stage.modes() {
        let mut plain = stage.reply(mode);
        for (name, _) in HEADERS {
            plain.headers.remove(name);
        }
        let reply = HEADERS.iter().fold(plain, |reply, (name, value)| reply.header(name, value));
        stage.upstream.script_all([reply.with_status(201)]);
        let got = expect(stage.call(stage.credential(KEY), mode).await, mode);
        assert_eq!(got.status, 201, "{mode:?}");
        for (name, value) in HEADERS {
            assert_eq!(
                got.headers.get(name).map(|held| held.as_bytes()),
                Some(value.as_bytes()),
                "{mode:?} {name}"
            );
        }
    }
}

/// Tokens are counted by the provider, or the executor says at once that it cannot: the caller then estimates.
pub async fn tokens_are_counted_or_the_count_is_declined(subject: Subject) {
    let stage = Stage::set(subject).await;
    let reply = status(200).body(r#"{"input_tokens":7,"totalTokens":7}"#);
    stage.upstream.script_all([reply.clone()]);
    let mut attempt = stage.attempt(stage.credential(KEY), Mode::Whole);
    attempt.operation = Operation::CountTokens;
    match (stage.executor.count_tokens(attempt).await, stage.subject.counts) {
        (Ok(counted), true) => {
            assert_eq!(counted.body, Bytes::from(reply.bytes()));
            let formats = stage.executor.wire_formats(&stage.model(), Operation::CountTokens);
            assert!(!formats.is_empty(), "it counts and names no format to ask in");
        }
        (Err(error), false) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", shown(&error));
            assert!(stage.received().is_empty(), "it declines after it has called");
        }
        (Ok(counted), false) => panic!("it counts: say so with `Subject::counts_tokens`: {counted:?}"),
        (Err(error), true) => panic!("it does not count: {}", shown(&error)),
    }
}

/// A raw request is sent with the credential's key and any status is an answer, or the executor declines at once.
pub async fn a_raw_request_is_signed_and_its_status_is_no_error(subject: Subject) {
    let stage = Stage::set(subject).await;
    stage.upstream.script_all([status(418).body("teapot")]);
    let url = format!("{}/conformance", stage.site.url);
    let request = http::Request::get(url).body(Bytes::new()).expect("a request");
    match stage.executor.http_request(&stage.credential(KEY), request).await {
        Ok(reply) => {
            assert_eq!((reply.status().as_u16(), reply.body().as_ref()), (418, b"teapot".as_slice()));
            let received = stage.upstream.last();
            assert_eq!(received.path, "/conformance");
            assert_eq!(received.key, KEY, "the request is not signed");
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", shown(&error));
            assert!(stage.received().is_empty(), "it declines after it has called");
        }
    }
}

/// A call that its caller gives up is given up upstream, whether the head is still awaited or the body.
pub async fn a_dropped_call_is_cancelled_upstream(subject: Subject) {
    let stage = Stage::set(subject).await;
    let mut abandoned = 0;
    for mode in stage.modes() {
        let unfinished = stage.reply(mode).truncate(1).then(crate::reply::stall());
        for reply in [hang(), unfinished] {
            stage.upstream.script_all([reply]);
            let before = stage.received().len();
            {
                let mut call = pin!(stage.call(stage.credential(KEY), mode));
                let mut arrived = pin!(stage.upstream.wait_for_requests(before + 1));
                std::future::poll_fn(|cx| {
                    assert!(call.as_mut().poll(cx).is_pending(), "{mode:?}: no reply can be whole yet");
                    arrived.as_mut().poll(cx)
                })
                .await;
                // A few turns more, so that it is dropped while it reads and not while it sends.
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                    std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
                }
            }
            abandoned += 1;
            stage.upstream.wait_for_abandoned(abandoned).await;
        }
    }
}
