//! Errors in the words of Chat Completions. Source: translation.md B76 to B78; http-api.md A.8.

use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, ProviderFormat, UpstreamBody};
use cliproxy_translator::Codec;
use cliproxy_translator::StreamFrame;
use cliproxy_translator::model::{Event, StreamError};
use http::StatusCode;
use serde_json::{Value, json};

use super::{check_stream, codec, context};

fn encoded(error: &ClientError) -> Value {
    serde_json::from_slice(&codec().encode_error(error, "req_1")).unwrap()
}

#[test]
fn b76_each_status_has_its_type_and_code() {
    for (status, kind, code) in [
        (400, "invalid_request_error", None),
        (401, "authentication_error", Some("invalid_api_key")),
        (403, "permission_error", Some("insufficient_quota")),
        (404, "invalid_request_error", Some("not_found")),
        (413, "invalid_request_error", None),
        (429, "rate_limit_error", Some("rate_limit_exceeded")),
        (500, "server_error", Some("internal_server_error")),
        (503, "server_error", Some("internal_server_error")),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let error = ClientError::new(ClientErrorKind::from_status(status), "m").with_status(status);
        // All four members, as OpenAI's schema requires them.
        let expected = json!({"error": {"message": "m", "type": kind, "param": null, "code": code}});
        assert_eq!(encoded(&error), expected, "{status}");
        assert!(codec().is_own_error(&codec().encode_error(&error, "")));
    }
    let unknown = ClientError::new(ClientErrorKind::ModelNotFound, "no such model");
    assert_eq!(encoded(&unknown)["error"]["code"], "model_not_found");
    // http-api.md A.8: without words, the status speaks.
    assert_eq!(
        encoded(&ClientError::new(ClientErrorKind::Overloaded, ""))["error"]["message"],
        "Service Unavailable"
    );
}

#[test]
fn a_cooldown_says_how_long() {
    for (seconds, shown) in [(5, "5s"), (120, "2m0s"), (3723, "1h2m3s")] {
        let mut error = ClientError::new(ClientErrorKind::ModelCooldown, "all cool");
        error.model = Some("gpt-x".to_owned());
        error.retry_after = Some(Duration::from_secs(seconds));
        assert_eq!(
            encoded(&error),
            json!({"error":{"code":"model_cooldown","message":"all cool","type":"rate_limit_error","param":null,"model":"gpt-x","reset_time":shown,"reset_seconds":seconds}})
        );
    }
}

#[test]
fn b78_what_a_service_of_this_format_said_passes_untouched_and_other_words_are_dressed() {
    let own = r#"{ "error":{"message":"slow down","type":"requests","x":1}}"#;
    let error = |format: ProviderFormat, body: &'static str| {
        ClientError::new(ClientErrorKind::RateLimited, "ours")
            .with_upstream(UpstreamBody::new(format, Bytes::from_static(body.as_bytes())))
    };
    assert_eq!(codec().encode_error(&error(ProviderFormat::OPENAI, own), "req_1"), own.as_bytes());
    for (format, body, message) in [
        (
            ProviderFormat::CLAUDE,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
            "busy",
        ),
        (ProviderFormat::OPENAI, r#"{"detail":"nope"}"#, "nope"),
        (
            ProviderFormat::OPENAI,
            r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}"#,
            "quota",
        ),
        (ProviderFormat::OPENAI, "<html>busy</html>", "ours"),
        (ProviderFormat::OPENAI, "", "ours"),
    ] {
        let got = encoded(&error(format, body));
        assert_eq!(
            got["error"],
            json!({"message":message,"type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}),
            "{body}"
        );
    }
}

#[test]
fn b78_only_the_formats_own_shape_is_its_own() {
    for (body, own) in [
        (r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#, true),
        (r#"{"error":{"message":"m"}}"#, true),
        (r#"{"error":"m"}"#, false),
        (r#"{"error":{"type":"t"}}"#, false),
        (r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#, false),
        (r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#, false),
        ("not json", false),
    ] {
        assert_eq!(codec().is_own_error(body.as_bytes()), own, "{body}");
    }
    let text = codec().decode_error(br#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#);
    assert_eq!(
        (text.message.as_str(), text.kind.as_deref(), text.code.as_deref(), text.param.as_deref()),
        ("m", Some("t"), Some("c"), Some("p"))
    );
}

#[test]
fn b77_a_stream_fails_once_and_nothing_follows() {
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
    assert_eq!(
        values[1],
        json!({"error":{"message":"busy","type":"server_error","param":null,"code":"internal_server_error"}})
    );
}

#[test]
fn b77_a_vendor_s_own_number_is_a_code_and_the_status_over_again_is_none() {
    for (code, status, told) in [
        ("1113", Some(429), "1113"),
        ("429", Some(429), "rate_limit_exceeded"),
        ("429", None, "rate_limit_exceeded"),
        ("slow_down", Some(429), "slow_down"),
        ("", Some(429), "rate_limit_exceeded"),
    ] {
        let error =
            StreamError { status, code: code.into(), message: "slow".into(), ..StreamError::default() };
        let mut out = Vec::new();
        codec().stream_encoder(&context()).encode(Event::Error(error), &mut out);
        assert_eq!(check_stream(&out)[0]["error"]["code"], told, "{code} {status:?}");
    }
}

/// Source: providers-b.md 6.3, "the status embedded in the JSON error".
#[test]
fn a_vendor_s_own_number_does_not_hide_the_status_beside_it() {
    let data = br#"{"error":{"code":"1113","message":"no money"},"status":429}"#;
    let mut seen = None;
    let frame = StreamFrame::of(data);
    codec()
        .stream_decoder(&context())
        .decode(frame, &mut |event| {
            if let Event::Error(error) = event {
                seen = Some((error.status, error.code.into_owned()));
            }
        })
        .unwrap();
    assert_eq!(seen, Some((Some(429), "1113".to_owned())));
}
