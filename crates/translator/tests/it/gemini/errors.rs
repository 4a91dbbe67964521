//! Errors and counts. Source: translation.md B76 to B78, B86.

use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, ProviderFormat, UpstreamBody};
use cliproxy_translator::Codec;
use http::StatusCode;
use serde_json::{Value, json};

use super::{codec, codec_of};

fn written(error: &ClientError) -> Value {
    serde_json::from_slice(&codec().encode_error(error, "req_1")).unwrap()
}

#[test]
fn each_status_has_its_word() {
    for (status, word) in [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (402, "FAILED_PRECONDITION"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (408, "DEADLINE_EXCEEDED"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (501, "UNIMPLEMENTED"),
        (502, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (529, "UNAVAILABLE"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let error = ClientError::new(ClientErrorKind::from_status(status), "m").with_status(status);
        assert_eq!(written(&error), json!({"error":{"code":status.as_u16(),"message":"m","status":word}}));
    }
}

#[test]
fn details_say_when_to_come_back_and_what_is_at_fault() {
    let error = ClientError::new(ClientErrorKind::ModelCooldown, "cooling")
        .with_retry_after(Some(Duration::from_millis(1500)))
        .with_code("model_cooldown");
    assert_eq!(
        written(&error)["error"]["details"],
        json!([{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2s"},
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"MODEL_COOLDOWN"}])
    );
    let error = ClientError::new(ClientErrorKind::InvalidRequest, "wrong").with_param("contents[0]");
    assert_eq!(written(&error)["error"]["details"][0]["fieldViolations"][0]["field"], "contents[0]");
}

#[test]
fn what_google_said_itself_passes_untouched_and_other_words_are_dressed() {
    let own = r#"{ "error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": []} }"#;
    let upstream = |format: &'static str, body: &'static str| {
        ClientError::new(ClientErrorKind::InvalidRequest, "m").with_upstream(UpstreamBody::new(
            ProviderFormat::new(format),
            Bytes::from_static(body.as_bytes()),
        ))
    };
    for format in ["gemini", "gemini-cli"] {
        assert_eq!(codec().encode_error(&upstream(format, own), ""), own.as_bytes());
    }
    let claude = r#"{"type":"error","error":{"type":"invalid_request_error","message":"theirs"}}"#;
    assert_eq!(
        written(&upstream("claude", claude)),
        json!({"error":{"code":400,"message":"theirs","status":"INVALID_ARGUMENT"}})
    );
    assert_eq!(written(&upstream("gemini", "<html>"))["error"]["message"], "m");
}

#[test]
fn only_googles_shape_is_its_own() {
    for (body, own) in [
        (r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#, true),
        (r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#, true),
        (r#"{"error":{"code":500,"message":"m"}}"#, true),
        (r#"{"error":{"message":"m","type":"server_error","code":500}}"#, false),
        (r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#, false),
        (r#"{"candidates":[]}"#, false),
        ("[]", false),
        ("nonsense", false),
    ] {
        assert_eq!(codec().is_own_error(body.as_bytes()), own, "{body}");
    }
    assert!(
        !codec_of("openai")
            .is_own_error(br#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#)
    );
}

#[test]
fn a_providers_error_is_read() {
    for (body, message, kind, code) in [
        (
            r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}"#,
            "slow",
            "RESOURCE_EXHAUSTED",
            "429",
        ),
        (
            r#"[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]"#,
            "bad",
            "INVALID_ARGUMENT",
            "400",
        ),
    ] {
        let text = codec().decode_error(body.as_bytes());
        assert_eq!(
            (&*text.message, text.kind.as_deref(), text.code.as_deref()),
            (message, Some(kind), Some(code))
        );
    }
}

#[test]
fn counts_are_read_and_written() {
    for (body, tokens) in [
        (r#"{"totalTokens":31,"promptTokensDetails":[]}"#, Some(31)),
        (r#"{"response":{"totalTokens":7}}"#, Some(7)),
        (r#"{"input_tokens":7}"#, None),
        ("", None),
    ] {
        assert_eq!(codec().decode_count(body.as_bytes()), tokens, "{body}");
    }
    let written: Value = serde_json::from_slice(&codec().encode_count(31).unwrap()).unwrap();
    assert_eq!(
        written,
        json!({"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]})
    );
}
