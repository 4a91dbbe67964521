//! Streams that pass. Source: design.md §12; translation.md B68; http-api.md A.5.

use cliproxy_core::{ClientError, ClientErrorKind, FinishReason};
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::{Observed, StreamObserver};
use serde_json::{Value, json};

use super::{CX, RS, codec, context, sse};

/// What the client gets of a stream.
fn passed(observer: &mut dyn StreamObserver, stream: &str) -> String {
    let mut out = Vec::new();
    SseParser::new()
        .push_raw(&bytes::Bytes::from(stream.to_owned()), &mut |frame, raw| match observer.observe(frame) {
            Observed::Pass => out.extend_from_slice(&raw),
            Observed::Replace(bytes) => out.extend_from_slice(&bytes),
            _ => {}
        })
        .unwrap();
    String::from_utf8(out).unwrap()
}

fn created() -> Value {
    json!({"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":5,"model":"gpt-x","output":[]}})
}

fn completed(output: Value) -> Value {
    json!({"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","object":"response","created_at":5,"model":"gpt-x",
        "status":"completed","output":output,"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}})
}

fn added(item: Value) -> Value {
    json!({"type":"response.output_item.added","output_index":0,"item":item})
}

#[test]
fn nothing_changes_when_the_names_agree_and_what_matters_is_seen() {
    let stream = sse(&[
        created(),
        json!({"type":"response.in_progress","response":{"id":"resp_1","model":"gpt-x"}}),
        json!({"type":"codex.rate_limits","x":1}),
        added(json!({"type":"message","id":"m","content":[]})),
        json!({"type":"response.content_part.added","output_index":0}),
    ]);
    for name in [RS, CX] {
        let mut observer = codec(name).stream_observer(&context());
        assert_eq!(passed(&mut *observer, &stream), stream);
        assert!(!observer.seen().semantic, "openings and handshakes commit nothing");
        let rest = sse(&[
            json!({"type":"response.output_text.delta","delta":"a"}),
            completed(json!([{"type":"message"}])),
        ]);
        assert_eq!(passed(&mut *observer, &rest), rest);
        let seen = observer.seen();
        assert!(seen.semantic && seen.terminal);
        assert_eq!((seen.usage.input, seen.finish), (Some(3), Some(FinishReason::Stop)));
        let mut out = Vec::new();
        observer.fail(&ClientError::new(ClientErrorKind::Internal, "late"), &mut out);
        assert!(out.is_empty(), "nothing follows the end");
    }
}

#[test]
fn a_call_commits_the_stream_when_it_is_announced() {
    let mut observer = codec(RS).stream_observer(&context());
    passed(&mut *observer, &sse(&[created(), added(json!({"type":"reasoning","id":"r","summary":[]}))]));
    assert!(!observer.seen().semantic);
    passed(&mut *observer, &sse(&[added(json!({"type":"function_call","id":"f"}))]));
    assert!(observer.seen().semantic);
    passed(&mut *observer, &sse(&[completed(json!([]))]));
    assert_eq!(observer.seen().finish, Some(FinishReason::ToolUse), "even if the end lists nothing");
}

#[test]
fn the_clients_model_is_named_wherever_a_response_is() {
    let mut context = context();
    context.shown_model = Some("mine".to_owned());
    let mut observer = codec(RS).stream_observer(&context);
    let delta = json!({"type":"response.output_text.delta","delta":"gpt-x"});
    let got = passed(&mut *observer, &sse(&[created(), delta.clone(), completed(json!([1]))]));
    assert_eq!(
        got,
        sse(&[created(), delta, completed(json!([1]))]).replace(r#""model":"gpt-x""#, r#""model":"mine""#)
    );
}

#[test]
fn codex_gets_an_empty_end_filled_in_by_place() {
    let done = |index: Value, id: &str| json!({"type":"response.output_item.done","output_index":index,"item":{"type":"message","id":id}});
    let mut nameless = done(Value::Null, "last");
    nameless.as_object_mut().unwrap().remove("output_index");
    let stream = sse(&[created(), nameless, done(json!(1), "b"), done(json!(0), "a"), completed(json!([]))]);
    let mut observer = codec(CX).stream_observer(&context());
    let got = passed(&mut *observer, &stream);
    let end: Value = serde_json::from_str(got.trim_end().rsplit("data: ").next().unwrap()).unwrap();
    let ids: Vec<_> = end["response"]["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["a", "b", "last"]);
    // F52. A documented provider means what it says.
    let mut observer = codec(RS).stream_observer(&context());
    assert_eq!(passed(&mut *observer, &stream), stream);
}

#[test]
fn errors_are_seen_with_the_status_they_stand_for() {
    for (event, status, code) in [
        (json!({"type":"error","error":{"type":"invalid_request_error","code":"x","message":"m"}}), 400, "x"),
        (
            json!({"type":"error","code":"rate_limit_exceeded","message":"m","param":null,"sequence_number":1}),
            429,
            "rate_limit_exceeded",
        ),
        (json!({"type":"error","error":{"code":"cyber_policy","message":"m"}}), 400, "cyber_policy"),
        (json!({"type":"error","error":{"type":"server_error","status_code":503,"message":"m"}}), 503, ""),
        (
            json!({"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"server_is_overloaded","message":"m"}}}),
            503,
            "server_is_overloaded",
        ),
        (json!({"type":"response.failed","response":{"error":{"code":"odd","message":"m"}}}), 502, "odd"),
    ] {
        let mut observer = codec(RS).stream_observer(&context());
        passed(&mut *observer, &sse(std::slice::from_ref(&event)));
        let error = observer.seen().error.clone().unwrap();
        assert_eq!((error.status, &*error.code, &*error.message), (Some(status), code, "m"), "{event}");
    }
}

#[test]
fn a_stream_that_breaks_ends_with_a_failed_response() {
    let error = ClientError::new(ClientErrorKind::GatewayTimeout, "too slow");
    let mut observer = codec(RS).stream_observer(&context());
    let before =
        passed(&mut *observer, &sse(&[created(), json!({"type":"response.output_text.delta","delta":"a"})]));
    let mut out = Vec::new();
    observer.fail(&error, &mut out);
    observer.fail(&error, &mut out);
    let text = String::from_utf8(out).unwrap();
    let data: Value =
        serde_json::from_str(text.trim_end().strip_prefix("event: response.failed\ndata: ").unwrap())
            .unwrap();
    assert_eq!((&data["sequence_number"], &data["response"]["id"]), (&json!(2), &json!("resp_1")));
    assert_eq!(data["response"]["error"], json!({"code":"server_error","message":"too slow"}));
    assert!(before.contains("response.created"));
    // Before anything was said there is no response to fail.
    let mut observer = codec(RS).stream_observer(&context());
    let mut out = Vec::new();
    observer.fail(&error, &mut out);
    assert!(String::from_utf8(out).unwrap().starts_with("event: error\n"));
}

#[test]
fn a_call_that_was_not_announced_is_one_all_the_same() {
    let item = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item});
    let mut observer = codec(RS).stream_observer(&context());
    passed(&mut *observer, &sse(&[created(), done, completed(json!([]))]));
    assert_eq!(observer.seen().finish, Some(FinishReason::ToolUse));
}

#[test]
fn events_without_names_and_a_foreign_sentinel_are_understood() {
    let stream = format!("data: {}\n\ndata: {}\n\ndata: [DONE]\n\n", created(), completed(json!([])));
    let mut observer = codec(RS).stream_observer(&context());
    let got = passed(&mut *observer, &stream);
    assert!(observer.seen().terminal);
    assert!(!got.contains("[DONE]"));
}
