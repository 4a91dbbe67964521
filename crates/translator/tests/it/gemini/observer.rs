//! Streams that pass through. Source: design.md §12.

use cliproxy_core::{ClientError, ClientErrorKind, FinishReason};
use cliproxy_translator::{Observed, ReplyContext, StreamFrame, StreamSeen};
use serde_json::{Value, json};

use super::{chunk, codec_of, last};

fn watch(format: &str, context: &ReplyContext, frames: &[String]) -> (Vec<Observed>, StreamSeen, Vec<u8>) {
    let codec = codec_of(format);
    let mut observer = codec.stream_observer(context);
    let mut said = Vec::new();
    for frame in frames {
        said.push(observer.observe(StreamFrame::of(frame.as_bytes())));
    }
    let mut out = Vec::new();
    observer.finish(&mut out);
    (said, observer.seen().clone(), out)
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(Value::to_string).collect()
}

#[test]
fn usage_finish_and_end_are_seen_and_nothing_is_touched() {
    let frames = texts(&[
        chunk(json!([{"text":""}])),
        chunk(json!([{"text":"a"}])),
        last("STOP", json!([{"functionCall":{"name":"f","args":{}}}])),
    ]);
    let (said, seen, out) = watch("gemini", &ReplyContext::default(), &frames);
    assert!(said.iter().all(|said| *said == Observed::Pass));
    assert!(seen.semantic && seen.terminal && out.is_empty());
    assert_eq!((seen.usage.input, seen.usage.output, seen.usage.reasoning), (Some(10), Some(8), Some(3)));
    assert_eq!(seen.finish, Some(FinishReason::ToolUse));
}

#[test]
fn nothing_but_an_empty_text_commits_nothing() {
    let frames = texts(&[chunk(json!([{"text":""}])), json!({"usageMetadata":{"promptTokenCount":3}})]);
    let (_, seen, _) = watch("gemini", &ReplyContext::default(), &frames);
    assert!(!seen.semantic && !seen.terminal);
    assert_eq!(seen.usage.input, Some(3));
}

#[test]
fn a_stream_without_a_reason_is_not_whole() {
    let (_, seen, _) = watch("gemini", &ReplyContext::default(), &texts(&[chunk(json!([{"text":"a"}]))]));
    assert!(seen.semantic && !seen.terminal);
    let blocked = json!({"promptFeedback":{"blockReason":"SAFETY"}});
    let (_, seen, _) = watch("gemini", &ReplyContext::default(), &texts(&[blocked]));
    assert!(seen.terminal);
    assert_eq!(seen.finish, Some(FinishReason::Safety));
}

#[test]
fn the_clients_model_is_named_with_and_without_envelope() {
    let mut context = ReplyContext::default();
    context.shown_model = Some("mine".to_owned());
    let bare = last("STOP", json!([{"text":"a"}]));
    let wrapped = json!({"response":bare,"traceId":"t"});
    for (format, value) in [("gemini", &bare), ("gemini-cli", &wrapped)] {
        let (said, seen, _) = watch(format, &context, &texts(std::slice::from_ref(value)));
        let Observed::Replace(bytes) = &said[0] else { panic!("{said:?}") };
        let expected = value.to_string().replace("gemini-3-flash-preview", "mine");
        assert_eq!(String::from_utf8_lossy(bytes), format!("data: {expected}\n\n"));
        assert!(seen.terminal);
        assert_eq!(seen.usage.output, Some(8));
    }
    context.shown_model = Some("gemini-3-flash-preview".to_owned());
    let (said, ..) = watch("gemini", &context, &texts(&[bare]));
    assert_eq!(said, [Observed::Pass]);
}

#[test]
fn a_model_that_is_named_right_is_not_touched_and_one_inside_arguments_is_no_name_of_a_model() {
    let mut context = ReplyContext::default();
    context.shown_model = Some("mi\"ne".to_owned());
    let call = json!([{"functionCall":{"name":"f","args":{"modelVersion":"theirs"}}}]);
    for (frame, expected) in [
        (r#"{"modelVersion":"mi\"ne"}"#, None),
        (r#"{"modelVersion" : "mi\"ne" }"#, None),
        // The same text, written otherwise.
        (r#"{"modelVersion":"m\u0069\"ne"}"#, None),
        (r#"{"responseId":"r"}"#, None),
        (r#"{"modelVersion":"mi\"ne-2"}"#, Some(r#"{"modelVersion":"mi\"ne"}"#)),
        (r#"{"modelVersion":"mi"}"#, Some(r#"{"modelVersion":"mi\"ne"}"#)),
        (&format!(r#"{{"candidates":{call},"modelVersion":"mi\"ne"}}"#), None),
        (
            &format!(r#"{{"candidates":{call},"modelVersion":"x"}}"#),
            Some(&*format!(r#"{{"candidates":{call},"modelVersion":"mi\"ne"}}"#)),
        ),
    ] {
        let (said, ..) = watch("gemini", &context, &[frame.to_owned()]);
        let expected = expected.map_or(Observed::Pass, |json| {
            Observed::Replace(format!("data: {json}\n\n").into_bytes().into())
        });
        assert_eq!(said, [expected], "{frame}");
    }
}

#[test]
fn usage_is_read_wherever_it_stands_and_whatever_follows_it() {
    for (frame, input) in [
        (r#"{"usageMetadata":{"promptTokenCount":3},"modelVersion":"m"}"#, Some(3)),
        (r#"{"usageMetadata" : { "promptTokenCount" : 3 } }"#, Some(3)),
        (r#"{"usageMetadata":null}"#, None),
        (r#"{"usageMetadata":7}"#, None),
        (r#"{"usageMetadata":{"promptTokenCount":3"#, None),
    ] {
        let (_, seen, _) = watch("gemini", &ReplyContext::default(), &[frame.to_owned()]);
        assert_eq!(seen.usage.input, input, "{frame}");
    }
    // A broken byte behind it is the client's to see.
    let mut observer = codec_of("gemini").stream_observer(&ReplyContext::default());
    observer.observe(StreamFrame::of(b"{\"usageMetadata\":{\"promptTokenCount\":3},\"x\":\"\xff\"}"));
    assert_eq!(observer.seen().usage.input, Some(3));
}

#[test]
fn a_sentinel_is_kept_from_the_client_and_errors_are_seen() {
    let done = vec![last("STOP", json!([{"text":"a"}])).to_string(), "[DONE]".to_owned()];
    let (said, ..) = watch("gemini", &ReplyContext::default(), &done);
    assert_eq!(said, [Observed::Pass, Observed::Drop]);
    let error = json!({"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}});
    let (_, seen, _) = watch("gemini", &ReplyContext::default(), &texts(&[error]));
    let found = seen.error.unwrap();
    assert_eq!((found.status, &*found.message), (Some(503), "busy"));
    // The word in a text is no error.
    let text = chunk(json!([{"text":"the \"error\" of my ways"}]));
    let (_, seen, _) = watch("gemini", &ReplyContext::default(), &texts(&[text]));
    assert!(seen.error.is_none() && seen.semantic);
}

#[test]
fn failing_is_valid_and_final() {
    let codec = codec_of("gemini");
    let mut observer = codec.stream_observer(&ReplyContext::default());
    let mut out = Vec::new();
    let error = ClientError::new(ClientErrorKind::Overloaded, "busy");
    observer.fail(&error, &mut out);
    observer.fail(&error, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n"
    );
}
