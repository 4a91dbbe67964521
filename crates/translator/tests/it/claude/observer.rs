//! Streams that pass through, watched.

use cliproxy_core::{ClientError, ClientErrorKind, FinishReason};
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::model::Event;
use cliproxy_translator::{Codec, Observed, StreamObserver};
use serde_json::Value;

use super::stream::WHOLE;
use super::{check_stream, codec, context, decode};

fn watch(sse: &str, shown: Option<&str>) -> (Box<dyn StreamObserver>, Vec<Observed>) {
    let mut context = context();
    context.shown_model = shown.map(str::to_owned);
    let mut observer = codec().stream_observer(&context);
    let mut seen = Vec::new();
    SseParser::new().push(sse.as_bytes(), &mut |frame| seen.push(observer.observe(frame))).unwrap();
    (observer, seen)
}

#[test]
fn usage_finish_and_end_are_seen() {
    let (observer, verdicts) = watch(WHOLE, None);
    assert!(verdicts.iter().all(|verdict| *verdict == Observed::Pass));
    let seen = observer.seen();
    assert!(seen.semantic && seen.terminal && seen.error.is_none());
    assert_eq!(seen.finish, Some(FinishReason::ToolUse));
    assert_eq!((seen.usage.input, seen.usage.output, seen.usage.web_searches), (Some(20), Some(9), Some(1)));
}

#[test]
fn only_the_model_of_message_start_is_replaced() {
    let (_, verdicts) = watch(WHOLE, Some("alias"));
    let Observed::Replace(bytes) = &verdicts[0] else { panic!() };
    let first = format!("{}\n\n", WHOLE.split("\n\n").next().unwrap());
    assert_eq!(*bytes, first.replace("claude-x", "alias").into_bytes());
    assert!(verdicts[1..].iter().all(|verdict| *verdict == Observed::Pass));
    let (_, verdicts) = watch(WHOLE, Some("claude-x"));
    assert_eq!(verdicts[0], Observed::Pass);
}

#[test]
fn a_stream_commits_where_its_translation_does() {
    let mut committed = None;
    let mut frames = 0;
    let mut observer = codec().stream_observer(&context());
    SseParser::new()
        .push(WHOLE.as_bytes(), &mut |frame| {
            observer.observe(frame);
            frames += 1;
            if observer.seen().semantic && committed.is_none() {
                committed = Some(frames);
            }
        })
        .unwrap();
    let mut translated = None;
    for cut in 1..=frames {
        let part: String = WHOLE.split_inclusive("\n\n").take(cut).collect();
        let mut semantic = false;
        drop(decode(part.as_bytes(), part.len(), &mut |event: Event<'_>| semantic |= event.is_semantic()));
        if semantic {
            translated = Some(cut);
            break;
        }
    }
    assert_eq!(committed, translated);
    assert_eq!(committed, Some(4), "the first delta");
    // A call commits by its start.
    let call = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}}}\n\n";
    assert!(watch(call, None).0.seen().semantic);
}

#[test]
fn events_without_a_name_are_told_by_their_data() {
    let nameless: String =
        WHOLE.lines().filter(|line| !line.starts_with("event:")).map(|line| format!("{line}\n")).collect();
    let (observer, _) = watch(&nameless, None);
    assert!(observer.seen().terminal);
    assert_eq!(observer.seen().usage, watch(WHOLE, None).0.seen().usage);
    assert_eq!(watch("data: [DONE]\n\n", None).1, [Observed::Drop]);
}

#[test]
fn errors_are_seen_and_failing_is_valid() {
    let (mut observer, verdicts) = watch(
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
        None,
    );
    assert_eq!(verdicts, [Observed::Pass]);
    let error = observer.seen().error.as_ref().unwrap();
    assert_eq!((error.status, &*error.message), (Some(529), "busy"));
    assert!(!observer.seen().semantic && !observer.seen().terminal);
    let mut out = Vec::new();
    let failure = ClientError::new(ClientErrorKind::BadGateway, "cut");
    observer.fail(&failure, &mut out);
    observer.fail(&failure, &mut out);
    let values: Vec<Value> = check_stream(&out);
    assert_eq!(values.len(), 1);
    assert_eq!(values[0]["error"]["type"], "api_error");
    // Behind the terminal event there is nothing to end.
    let (mut observer, _) = watch(WHOLE, None);
    out.clear();
    observer.fail(&failure, &mut out);
    assert!(out.is_empty());
}
