use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{
    ClientError, ClientErrorKind as Kind, ErrorKind, Evidence, ExecutorError, Failure, ProviderExecutor as _,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::script::{HELLO, NOW, Scripted, bridge, chunk, open, request, streamed, target, text};
use crate::toy::frame;

/// What the client is told of a failing HTTP reply.
fn told(wire: &'static str, status: u16, headers: &HeaderMap, body: &str) -> Box<ClientError> {
    let executor = Arc::new(Scripted::new(wire, []));
    let status = StatusCode::from_u16(status).unwrap();
    let evidence = executor.classify(&Failure::http(status, headers, body.as_bytes(), NOW));
    let error = ExecutorError::from_evidence(evidence, "the provider refused").with_reply(
        status,
        headers.clone(),
        Bytes::from(body.to_owned()),
    );
    open(&bridge(), request(HELLO, false)).explain(&target(&executor), &error)
}

const ALPHA: &str = r#"{"error":{"toy":"alpha","message":"the words","code":"c1","param":"p1"}}"#;

#[test]
fn the_client_sees_the_status_it_can_act_on() {
    for (status, expected, kind) in [
        (400, 400, Kind::InvalidRequest),
        (401, 503, Kind::Unavailable),
        (402, 503, Kind::Unavailable),
        (403, 503, Kind::Unavailable),
        (404, 404, Kind::ModelNotFound),
        (405, 400, Kind::InvalidRequest),
        (409, 409, Kind::InvalidRequest),
        (413, 413, Kind::TooLarge),
        (422, 422, Kind::InvalidRequest),
        (429, 429, Kind::RateLimited),
        (500, 500, Kind::BadGateway),
        (503, 503, Kind::Overloaded),
        (529, 529, Kind::Overloaded),
        (504, 504, Kind::GatewayTimeout),
    ] {
        let told = told("alpha", status, &HeaderMap::new(), ALPHA);
        assert_eq!((told.status.as_u16(), told.kind), (expected, kind), "{status}");
        // Word for word where the status is the provider's, never about our credential.
        assert_eq!(told.upstream.is_some(), expected == status, "{status}");
        assert!(told.message.contains("the words"), "{status}: {}", told.message);
    }
}

#[test]
fn an_error_of_another_format_is_told_in_its_words_but_not_passed_on() {
    for (wire, body) in [
        ("beta", r#"{"error":{"toy":"beta","message":"the words","code":"c1","param":"p1"}}"#),
        // The same format, but not its shape.
        ("alpha", r#"{"error":{"message":"the words","code":"c1","param":"p1"}}"#),
        // The client's shape from a provider of another format: its words, still.
        ("beta", ALPHA),
    ] {
        let told = told(wire, 400, &HeaderMap::new(), body);
        assert_eq!(told.upstream, None, "{wire} {body}");
        assert_eq!((told.message.as_str(), told.code.as_deref()), ("the words", Some("c1")));
        // A provider of another format names members that the client's request does not have.
        assert_eq!(told.param.as_deref(), (wire == "alpha").then_some("p1"), "{wire} {body}");
    }
}

#[test]
fn a_failure_of_the_provider_blames_no_member() {
    for (status, param) in [(400, Some("p1")), (422, Some("p1")), (500, None), (502, None), (503, None)] {
        let told = told("alpha", status, &HeaderMap::new(), ALPHA);
        assert_eq!(told.param.as_deref(), param, "{status}");
    }
}

#[test]
fn a_vendor_s_own_number_is_a_code_and_the_status_over_again_is_none() {
    for (code, expected) in [
        (r#""1113""#, Some("1113")),
        ("1113", Some("1113")),
        // As Google writes it: nothing that clients who look for a word could use.
        ("429", None),
        (r#""429""#, None),
        (r#""slow_down""#, Some("slow_down")),
    ] {
        let body = format!(r#"{{"error":{{"message":"the words","code":{code}}}}}"#);
        assert_eq!(told("beta", 429, &HeaderMap::new(), &body).code.as_deref(), expected, "{code}");
    }
}

#[test]
fn failures_without_a_reply_have_the_kind_s_status() {
    for (kind, status) in [
        (ErrorKind::Connect, 502),
        (ErrorKind::Timeout, 504),
        (ErrorKind::EmptyStream, 502),
        (ErrorKind::BadReply, 502),
        (ErrorKind::InvalidGrant, 503),
        (ErrorKind::Misconfigured, 503),
        (ErrorKind::Unsupported, 501),
        (ErrorKind::Internal, 500),
    ] {
        let executor = Arc::new(Scripted::new("alpha", []));
        let error = ExecutorError::new(kind, "what happened");
        let told = open(&bridge(), request(HELLO, false)).explain(&target(&executor), &error);
        assert_eq!(told.status.as_u16(), status, "{kind:?}");
        assert!(!told.message.is_empty());
    }
}

#[test]
fn a_challenge_page_is_not_shown_to_the_client() {
    let told = told("alpha", 429, &HeaderMap::new(), "<html><title>Just a moment...</title></html>");
    assert_eq!(told.status.as_u16(), 502);
    assert!(!told.message.contains("html"), "{}", told.message);
}

#[test]
fn secrets_are_masked_and_long_texts_are_cut() {
    let body =
        r#"{"error":{"toy":"alpha","message":"bad key CANARY-key-0123456789 or sk-ant-CANARY-abcdefgh"}}"#;
    for status in [400, 401, 429] {
        let told = told("alpha", status, &HeaderMap::new(), body);
        let shown = format!("{told:?} {:?}", told.upstream.as_ref().map(|upstream| &upstream.body));
        assert!(!shown.contains("CANARY"), "{status}: {shown}");
        assert!(shown.contains("bad key"), "{status}: {shown}");
    }
    let long = format!(r#"{{"error":{{"toy":"alpha","message":"{}"}}}}"#, "é".repeat(20_000));
    let told = told("alpha", 400, &HeaderMap::new(), &long);
    assert!(told.message.len() <= 4 * 1024 + 3, "{}", told.message.len());
    assert_eq!(told.upstream, None);
}

#[test]
fn the_provider_s_hint_and_rate_limits_are_told() {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("retry-after", "30"), ("x-ratelimit-reset", "5"), ("request-id", "r1"), ("server", "x")]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let told = told("alpha", 429, &headers, ALPHA);
    assert_eq!(told.retry_after, Some(Duration::from_secs(30)));
    let mut names: Vec<&str> = told.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    // `retry-after` is written once, from what was understood.
    assert_eq!(names, ["request-id", "x-ratelimit-reset"]);
}

#[tokio::test]
async fn an_error_inside_a_stream_is_masked_too() {
    for wire in ["alpha", "beta"] {
        let error = serde_json::json!({"status":429,"message":"key CANARY-key-0123456789"});
        let items = [chunk(frame(wire, "text", "t")), chunk(frame(wire, "error", error))];
        let executor = Arc::new(Scripted::new(wire, [streamed(items)]));
        let reply = open(&bridge(), request(HELLO, true)).attempt(target(&executor)).await.unwrap();
        let (text, end) = text(crate::script::frames(reply)).await;
        assert!(!text.contains("CANARY"), "{wire}: {text}");
        let error = end.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(!format!("{error} {error:?}").contains("CANARY"));
        assert_eq!(Evidence::new(error.kind()).scope, error.evidence().scope);
    }
}
