use std::collections::HashSet;

use cliproxy_core::{ClientError, ClientErrorKind, Dispatched, Explanation, UpstreamReply, WholeReply};
use cliproxy_http::Options;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::formats::rows;
use crate::support::{Edge, Step, failed, replied, steps, streaming, with_headers};

const NAMES: [&str; 3] = ["x-request-id", "request-id", "x-cliproxy-trace"];

#[tokio::test]
async fn every_reply_names_its_request_and_no_two_share_a_name() {
    let edge = Edge::start().await;
    let mut seen = HashSet::new();
    for (client, path) in [
        (edge.client(), "/v1/models"),
        (edge.client(), "/v1/models"),
        (edge.stranger(), "/v1/models"),
        (edge.stranger(), "/nowhere"),
        (edge.stranger(), "/"),
        (edge.client(), "/v1/messages"),
    ] {
        let reply = client.get(path).await;
        let id = reply.header("x-request-id").unwrap().to_owned();
        for name in NAMES {
            assert_eq!(reply.header(name), Some(id.as_str()), "{path} {name}");
        }
        let trace = reply.header("x-cpa-trace-id").unwrap();
        assert!(trace.ends_with(&format!("-none-{id}")), "{trace}");
        assert!(seen.insert(id), "{path}");
    }
}

#[tokio::test]
async fn a_client_may_name_its_request_unless_the_name_could_not_stand_in_a_log_line() {
    let edge = Edge::start().await;
    let long = "a".repeat(129);
    for (name, given, kept) in [
        ("x-request-id", "req_42:a.b-c", true),
        ("request-id", "req_42", true),
        ("x-request-id", "with blank", false),
        ("x-request-id", "quote\"", false),
        ("x-request-id", long.as_str(), false),
        ("x-request-id", "", false),
    ] {
        for row in rows() {
            let reply = edge.client().header(name, given).post(row.path, &(row.body)(false)).await;
            let shown = reply.header("x-request-id").unwrap();
            assert_eq!(shown == given, kept, "{name}: {given:?} became {shown:?}");
            assert_eq!(edge.dispatcher.last().id.as_str(), shown);
        }
    }
}

#[tokio::test]
async fn a_claude_error_names_its_request_in_the_body_too() {
    let edge = Edge::start().await;
    edge.dispatcher.answer(|_| async { failed(ClientError::new(ClientErrorKind::BadGateway, "no")) });
    let row = rows().into_iter().find(|row| row.path == "/v1/messages").unwrap();
    let client = edge.client().header("request-id", "req_of_mine");
    let error = client.post(row.path, &(row.body)(false)).await.json().await;
    assert_eq!(error["request_id"], "req_of_mine", "{error}");
}

#[tokio::test]
async fn the_trace_names_time_credential_and_request() {
    let edge = Edge::start().await;
    edge.dispatcher.answer(|_| async {
        let reply = UpstreamReply::Whole(Box::new(WholeReply::new("{}".into())));
        Dispatched::new(Ok(reply), Explanation::default()).by("claude:…ab@c d")
    });
    for row in rows() {
        let client = edge.client().header("x-request-id", "req_7");
        let reply = client.post(row.path, &(row.body)(false)).await;
        let trace = reply.header("x-cpa-trace-id").unwrap();
        let (stamp, rest) = trace.split_once('-').unwrap();
        assert!(stamp.len() == 14 && stamp.bytes().all(|b| b.is_ascii_digit()), "{trace}");
        assert_eq!(rest, "claude:_ab_c_d-req_7");
    }
}

#[tokio::test]
async fn what_the_provider_says_of_itself_does_not_take_the_place_of_ours() {
    let edge = Edge::start().await;
    let upstream = || {
        let mut headers = HeaderMap::new();
        headers.insert("request-id", HeaderValue::from_static("req_upstream"));
        headers.insert("anthropic-ratelimit-requests-remaining", HeaderValue::from_static("7"));
        headers.insert("content-type", HeaderValue::from_static("text/html"));
        headers
    };
    for stream in [false, true] {
        edge.dispatcher.answer(move |_| async move {
            if stream {
                with_headers(steps([Step::Say("data: {}\n\n")]), upstream())
            } else {
                replied(WholeReply::new("{}".into()).with_headers(upstream()))
            }
        });
        for row in rows() {
            let client = edge.client().header("x-request-id", "mine");
            let reply = client.post(row.path_for(stream), &(row.body)(stream)).await;
            assert_eq!(reply.header("x-request-id"), Some("mine"), "{}", row.path);
            assert_eq!(reply.header("request-id"), Some("mine"), "{}", row.path);
            assert_eq!(reply.header("x-upstream-request-id"), Some("req_upstream"), "{}", row.path);
            assert_eq!(reply.header("anthropic-ratelimit-requests-remaining"), Some("7"));
            let kind = if stream { "text/event-stream" } else { "application/json" };
            assert_eq!(reply.header("content-type"), Some(kind));
        }
    }
}

#[tokio::test]
async fn how_it_came_is_told_to_those_who_ask() {
    let edge = Edge::start().await;
    edge.dispatcher.answer(|_| async {
        let steps = vec!["picked a".to_owned(), "é: 429, next".to_owned(), "x".repeat(5000)];
        let reply = UpstreamReply::Whole(Box::new(WholeReply::new("{}".into())));
        Dispatched::new(Ok(reply), Explanation { steps })
    });
    for row in rows() {
        let reply = edge.client().post(row.path, &(row.body)(false)).await;
        assert_eq!(reply.header("x-cliproxy-explanation"), None);
        let asking = edge.client().header("x-cliproxy-explain", "1");
        let reply = asking.post(row.path, &(row.body)(false)).await;
        let told = reply.header("x-cliproxy-explanation").unwrap();
        assert!(told.starts_with("picked a; ?: 429, next; xxx") && told.len() == 4096, "{told}");
    }
    // The operator asks for everybody.
    let mut options = Options::default();
    options.explain = true;
    let edge = Edge::with_options(options).await;
    let reply = edge.client().post("/v1/messages", &json!({"model": "m", "messages": []})).await;
    assert!(reply.header("x-cliproxy-explanation").is_some());
}

/// Headers go out before a stream is whole: what was lost of it comes behind it, in a comment. SDKs
/// that take a comment for JSON hear nothing of it.
#[tokio::test]
async fn what_a_stream_lost_is_told_behind_it_to_those_who_ask() {
    let edge = Edge::start().await;
    edge.dispatcher
        .answer(|_| async { streaming(steps([Step::Say("data: {}\n\n")]).remarking("lost: \n\nx, \u{e9}")) });
    for row in rows() {
        let reply = edge.client().post(row.stream_path, &(row.body)(true)).await;
        assert_eq!(reply.text().await, "data: {}\n\n", "{}", row.path);
        let asking = edge.client().header("x-cliproxy-explain", "1");
        let reply = asking.post(row.stream_path, &(row.body)(true)).await;
        let told = if row.skips_comments() { ": lost: ??x, ?\n\n" } else { "" };
        assert_eq!(reply.text().await, format!("data: {{}}\n\n{told}"), "{}", row.path);
    }
}
