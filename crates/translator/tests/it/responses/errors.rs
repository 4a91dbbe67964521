//! Errors for clients of this format. Source: http-api.md A.8; translation.md B76, B78.

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, ProviderFormat, UpstreamBody};
use serde_json::{Value, json};

use super::{RS, codec};

fn told(error: &ClientError) -> Value {
    serde_json::from_slice(&codec(RS).encode_error(error, "req_1")).unwrap()
}

#[test]
fn b76_every_status_has_its_type_and_code() {
    for (kind, expected_type, code) in [
        (ClientErrorKind::InvalidRequest, "invalid_request_error", Value::Null),
        (ClientErrorKind::Authentication, "authentication_error", json!("invalid_api_key")),
        (ClientErrorKind::Permission, "permission_error", json!("insufficient_quota")),
        (ClientErrorKind::NotFound, "invalid_request_error", json!("not_found")),
        (ClientErrorKind::ModelNotFound, "invalid_request_error", json!("model_not_found")),
        (ClientErrorKind::RateLimited, "rate_limit_error", json!("rate_limit_exceeded")),
        (ClientErrorKind::Internal, "server_error", json!("internal_server_error")),
    ] {
        let got = told(&ClientError::new(kind, "why"));
        assert_eq!(
            got,
            json!({"error":{"message":"why","type":expected_type,"param":null,"code":code}}),
            "{kind:?}"
        );
    }
    let cooling = ClientError::new(ClientErrorKind::ModelCooldown, "cooling")
        .with_model("m")
        .with_retry_after(Some(std::time::Duration::from_millis(1500)));
    assert_eq!(told(&cooling)["error"]["reset_seconds"], 2);
}

#[test]
fn b78_an_error_of_this_family_passes_and_any_other_is_dressed_again() {
    let own = r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#;
    for format in [ProviderFormat::OPENAI_RESPONSES, ProviderFormat::CODEX] {
        let error = ClientError::new(ClientErrorKind::InvalidRequest, "x")
            .with_upstream(UpstreamBody::new(format, Bytes::from_static(own.as_bytes())));
        assert_eq!(codec(RS).encode_error(&error, ""), own.as_bytes());
    }
    let foreign = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
    assert!(!codec(RS).is_own_error(foreign.as_bytes()));
    let error = ClientError::new(ClientErrorKind::Overloaded, "x")
        .with_upstream(UpstreamBody::new(ProviderFormat::CLAUDE, Bytes::from_static(foreign.as_bytes())));
    assert_eq!(told(&error)["error"]["message"], "busy");
    assert!(codec(RS).is_own_error(own.as_bytes()));
    assert!(!codec(RS).is_own_error(br#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#));
}

#[test]
fn counts_are_told_as_the_count_endpoint_does() {
    let body = codec(RS).encode_count(42).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap(),
        json!({"object":"response.input_tokens","input_tokens":42})
    );
    assert_eq!(codec(RS).decode_count(&body), Some(42));
    assert_eq!(codec(RS).decode_count(b"{}"), None);
}
