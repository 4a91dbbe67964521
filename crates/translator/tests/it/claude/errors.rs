//! Errors in Claude's words. Source: translation.md B76 to B78; http-api.md A.8.

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, ProviderFormat, UpstreamBody};
use cliproxy_translator::Codec;
use http::StatusCode;
use serde_json::{Value, json};

use super::{check_stream, codec, context};

fn encoded(error: &ClientError) -> Value {
    serde_json::from_slice(&codec().encode_error(error, "req_1")).unwrap()
}

#[test]
fn each_status_has_its_type() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let error = ClientError::new(ClientErrorKind::from_status(status), "m").with_status(status);
        assert_eq!(
            encoded(&error),
            json!({"type":"error","error":{"type":kind,"message":"m"},"request_id":"req_1"}),
            "{status}"
        );
        assert!(codec().is_own_error(&codec().encode_error(&error, "")));
    }
}

#[test]
fn what_claude_said_itself_passes_untouched_and_other_words_are_dressed() {
    let own = r#"{"type":"error", "error":{"type":"overloaded_error","message":"busy"}}"#;
    let error = |format: ProviderFormat, body: &'static str| {
        ClientError::new(ClientErrorKind::RateLimited, "ours")
            .with_upstream(UpstreamBody::new(format, Bytes::from_static(body.as_bytes())))
    };
    assert_eq!(codec().encode_error(&error(ProviderFormat::CLAUDE, own), "req_1"), own.as_bytes());
    for (format, body, message) in [
        (ProviderFormat::OPENAI, r#"{"error":{"message":"slow down","type":"requests"}}"#, "slow down"),
        (ProviderFormat::CLAUDE, r#"{"detail":"nope"}"#, "nope"),
        (ProviderFormat::CLAUDE, "<html>busy</html>", "ours"),
        (ProviderFormat::CLAUDE, "", "ours"),
    ] {
        let got = encoded(&error(format, body));
        assert_eq!(got["error"], json!({"type":"rate_limit_error","message":message}), "{body}");
    }
    let mut out = Vec::new();
    codec().stream_encoder(&context()).fail(&error(ProviderFormat::CLAUDE, own), &mut out);
    assert_eq!(check_stream(&out)[0]["error"]["message"], "busy");
}

#[test]
fn only_the_whole_envelope_is_claudes_own() {
    for (body, own) in [
        (r#"{"type":"error","error":{"type":"api_error","message":"m"},"request_id":"r"}"#, true),
        (r#"{"error":{"type":"api_error","message":"m"}}"#, false),
        (r#"{"type":"error","error":"m"}"#, false),
        (r#"{"type":"error","error":{"message":"m"}}"#, false),
        (r#"{"type":"message","error":{"type":"a","message":"m"}}"#, false),
        ("not json", false),
    ] {
        assert_eq!(codec().is_own_error(body.as_bytes()), own, "{body}");
    }
    let text = codec().decode_error(br#"{"type":"error","error":{"type":"api_error","message":"m"}}"#);
    assert_eq!((text.message.as_str(), text.kind.as_deref()), ("m", Some("api_error")));
}

#[test]
fn a_stream_fails_once_and_nothing_follows() {
    let error = ClientError::new(ClientErrorKind::Overloaded, "busy");
    let mut encoder = codec().stream_encoder(&context());
    let mut out = Vec::new();
    encoder.encode(
        cliproxy_translator::model::Event::Start(cliproxy_translator::model::Start::default()),
        &mut out,
    );
    encoder.fail(&error, &mut out);
    encoder.fail(&error, &mut out);
    encoder.encode(cliproxy_translator::model::Event::End, &mut out);
    let values = check_stream(&out);
    assert_eq!(values, [json!({"type":"error","error":{"type":"overloaded_error","message":"busy"}})]);
}
