//! Failures, in bodies and in frames. Source: providers-b.md 1.5.7, 1.5.8, 1.7, 1.8 test 3.

use cliproxy_core::{ClientError, ClientErrorKind};
use cliproxy_translator::framing::EventStreamParser;
use cliproxy_translator::model::Event;
use cliproxy_translator::{Codec, FrameKind};
use serde_json::json;

use super::{codec, context, decode, frames};
use crate::event_stream::frame;

/// Status, type, code and message of the error that a stream ends with.
fn error(stream: &[u8]) -> (Option<u16>, String, String, String) {
    let mut found = None;
    let mut behind = 0;
    decode(stream, usize::MAX, &mut |event| match event {
        Event::Error(error) => {
            found = Some((
                error.status,
                error.kind.into_owned(),
                error.code.into_owned(),
                error.message.into_owned(),
            ));
        }
        _ if found.is_some() => behind += 1,
        _ => {}
    })
    .unwrap();
    assert_eq!(behind, 0, "nothing follows an error");
    found.expect("an error")
}

fn exception(kind: &str, payload: &str) -> Vec<u8> {
    frame(&[(":message-type", 7, b"exception"), (":exception-type", 7, kind.as_bytes())], payload.as_bytes())
}

fn told(status: u16, kind: &str, code: &str, message: &str) -> (Option<u16>, String, String, String) {
    (Some(status), kind.to_owned(), code.to_owned(), message.to_owned())
}

#[test]
fn an_exception_ends_the_stream_whatever_its_payload() {
    let begun = frames(&[("assistantResponseEvent", json!({"content":"a"}))]);
    for (kind, payload, expected) in [
        (
            "ThrottlingException",
            r#"{"message":"slow down"}"#,
            told(429, "ThrottlingException", "", "slow down"),
        ),
        (
            "ThrottlingException",
            r#"{"message":"m","reason":"MONTHLY_REQUEST_COUNT"}"#,
            told(402, "ThrottlingException", "MONTHLY_REQUEST_COUNT", "m"),
        ),
        (
            "ValidationException",
            r#"{"message":"Improperly formed request."}"#,
            told(400, "ValidationException", "", "Improperly formed request."),
        ),
        ("AccessDeniedException", r#"{"Message":"no"}"#, told(403, "AccessDeniedException", "", "no")),
        ("InternalServerException", "", told(500, "InternalServerException", "", "")),
    ] {
        let alone = exception(kind, payload);
        assert_eq!(error(&alone), expected);
        let late = [begun.clone(), alone, begun.clone()].concat();
        assert_eq!(error(&late), expected);
    }
}

#[test]
fn events_that_say_so_are_errors_too() {
    for (name, payload, expected) in [
        ("error", json!({"message":"m"}), (None, "error")),
        ("internalServerException", json!({"message":"m"}), (Some(500), "internalServerException")),
        (
            "assistantResponseEvent",
            json!({"_type":"com.amazon#ThrottlingException","message":"m"}),
            (Some(429), "ThrottlingException"),
        ),
        ("assistantResponseEvent", json!({"type":"error","message":"m"}), (None, "assistantResponseEvent")),
    ] {
        let (status, kind, _, message) = error(&frames(&[(name, payload)]));
        assert_eq!(((status, kind.as_str()), message.as_str()), (expected, "m"), "{name}");
    }
    let unmodelled = frame(
        &[(":message-type", 7, b"error"), (":error-code", 7, b"InternalError"), (":error-message", 7, b"m")],
        b"",
    );
    assert_eq!(error(&unmodelled), told(500, "InternalError", "", "m"));
}

#[test]
fn error_bodies_are_read_and_told_apart_from_replies() {
    let body = br#"{"__type":"com.amazon.aws.codewhisperer#ValidationException","message":"Input is too long.","reason":"CONTENT_LENGTH_EXCEEDS_THRESHOLD"}"#;
    assert!(codec().is_own_error(body));
    let read = codec().decode_error(body);
    assert_eq!(read.message, "Input is too long.");
    assert_eq!(read.kind.as_deref(), Some("ValidationException"));
    assert_eq!(read.code.as_deref(), Some("CONTENT_LENGTH_EXCEEDS_THRESHOLD"));
    let told = codec().decode_reply(body, &context()).unwrap_err();
    assert!(told.to_string().contains("Input is too long."), "{told}");
    for other in [&br#"{"message":"hi"}"#[..], b"<html>", b"{}"] {
        assert!(!codec().is_own_error(other));
    }
    assert!(codec().decode_reply(b"<html>", &context()).is_err());
}

#[test]
fn a_stream_that_must_end_badly_ends_with_an_exception() {
    for (kind, name) in [
        (ClientErrorKind::BadGateway, "InternalServerException"),
        (ClientErrorKind::RateLimited, "ThrottlingException"),
        (ClientErrorKind::InvalidRequest, "ValidationException"),
    ] {
        let client = ClientError::new(kind, "it broke");
        let mut out = Vec::new();
        codec().stream_encoder(&context()).fail(&client, &mut out);
        let mut seen = Vec::new();
        let mut parser = EventStreamParser::new();
        parser
            .push(&out, &mut |frame| {
                assert_eq!(frame.kind, FrameKind::Exception);
                seen.push((frame.event.to_owned(), String::from_utf8(frame.data.to_vec()).unwrap()));
            })
            .unwrap();
        assert_eq!(seen[0].0, name);
        assert!(seen[0].1.contains("it broke"));
        assert_eq!(codec().encode_error(&client, "r"), seen[0].1.as_bytes());
    }
}

#[test]
fn kiro_is_spoken_to_providers_only() {
    let refused = codec().decode_request(b"{}").unwrap_err();
    assert!(refused.to_string().contains("providers"), "{refused}");
    assert!(codec().peek(b"{}").is_err());
    assert!(
        codec()
            .patch_request(&bytes::Bytes::from_static(b"{}"), &cliproxy_translator::Patch::default())
            .is_err()
    );
}
