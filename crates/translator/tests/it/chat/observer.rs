//! Streams that pass through, watched.

use cliproxy_core::{ClientError, ClientErrorKind, FinishReason};
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::model::Event;
use cliproxy_translator::{Codec, Observed, StreamObserver};
use serde_json::{Value, json};

use super::stream::whole;
use super::{check_stream, chunk, codec, context, decode, frames};

fn watch(sse: &str, shown: Option<&str>, include_usage: bool) -> (Box<dyn StreamObserver>, Vec<Observed>) {
    let mut context = context();
    context.shown_model = shown.map(str::to_owned);
    context.include_usage = include_usage;
    let mut observer = codec().stream_observer(&context);
    let mut seen = Vec::new();
    SseParser::new().push(sse.as_bytes(), &mut |frame| seen.push(observer.observe(frame))).unwrap();
    (observer, seen)
}

#[test]
fn usage_finish_and_end_are_seen() {
    let (observer, verdicts) = watch(&whole(), None, true);
    assert!(verdicts.iter().all(|verdict| *verdict == Observed::Pass));
    let seen = observer.seen();
    assert!(seen.semantic && seen.terminal && seen.error.is_none());
    // The first choice that ends decides.
    assert_eq!(seen.finish, Some(FinishReason::Stop));
    assert_eq!((seen.usage.input, seen.usage.cache_read, seen.usage.output), (Some(12), Some(8), Some(5)));
}

#[test]
fn usage_that_only_we_asked_for_stays_here() {
    let (observer, verdicts) = watch(&whole(), None, false);
    let dropped: Vec<_> = verdicts.iter().map(|verdict| *verdict == Observed::Drop).collect();
    assert_eq!(dropped.iter().filter(|dropped| **dropped).count(), 1);
    assert!(dropped[dropped.len() - 2], "the chunk before [DONE]");
    assert_eq!(observer.seen().usage.output, Some(5), "and is counted all the same");
}

#[test]
fn e193_only_the_model_is_replaced() {
    let (_, verdicts) = watch(&whole(), Some("alias \"x\""), true);
    let mut out = Vec::new();
    for (verdict, frame) in verdicts.iter().zip(whole().split_inclusive("\n\n")) {
        match verdict {
            Observed::Replace(bytes) => out.extend_from_slice(bytes),
            Observed::Pass => out.extend_from_slice(frame.as_bytes()),
            _ => {}
        }
    }
    assert_eq!(String::from_utf8(out).unwrap(), whole().replace("\"gpt-x\"", r#""alias \"x\"""#));
    assert!(watch(&whole(), Some("gpt-x"), true).1.iter().all(|verdict| *verdict == Observed::Pass));
    // Spaces, names and lines of their own are found too.
    let odd = "event: chunk\ndata: {\"model\" : \"gpt-x\",\ndata: \"choices\":[]}\n\n";
    let (_, verdicts) = watch(odd, Some("alias"), true);
    let Observed::Replace(bytes) = &verdicts[0] else { panic!() };
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains("alias") && !text.contains("gpt-x") && text.ends_with("\n\n"), "{text}");
}

#[test]
fn e194_nothing_passes_behind_the_end() {
    let late = format!("{}{}", whole(), frames(&[chunk(json!({"content":"late"}), Value::Null)]));
    assert_eq!(watch(&late, None, true).1.last(), Some(&Observed::Drop));
}

#[test]
fn a_stream_commits_where_its_translation_does() {
    let text = whole();
    let mut committed = None;
    let mut frames = 0;
    let mut observer = codec().stream_observer(&context());
    SseParser::new()
        .push(text.as_bytes(), &mut |frame| {
            observer.observe(frame);
            frames += 1;
            if observer.seen().semantic && committed.is_none() {
                committed = Some(frames);
            }
        })
        .unwrap();
    let translated = (1..=frames).find(|cut| {
        let part: String = text.split_inclusive("\n\n").take(*cut).collect();
        let mut semantic = false;
        drop(decode(part.as_bytes(), part.len(), &mut |event: Event<'_>| semantic |= event.is_semantic()));
        semantic
    });
    assert_eq!(committed, translated);
    assert_eq!(committed, Some(2), "the role commits nothing");
}

#[test]
fn some_services_end_without_done() {
    let finished = frames(&[chunk(json!({"content":"a"}), "stop".into())]);
    let (mut observer, _) = watch(&finished, None, true);
    let mut out = Vec::new();
    assert!(!observer.seen().terminal);
    observer.finish(&mut out);
    assert!(observer.seen().terminal && out == b"data: [DONE]\n\n");
    let (mut observer, _) = watch(&frames(&[chunk(json!({"content":"a"}), Value::Null)]), None, true);
    out.clear();
    observer.finish(&mut out);
    assert!(!observer.seen().terminal && out.is_empty(), "B68: cut is cut");
}

#[test]
fn errors_are_seen_and_failing_is_valid() {
    for text in [
        "data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n",
        "event: error\ndata: {\"message\":\"busy\",\"code\":503}\n\n",
    ] {
        let (mut observer, verdicts) = watch(text, Some("alias"), true);
        assert_eq!(verdicts, [Observed::Pass], "{text}");
        let error = observer.seen().error.as_ref().unwrap();
        assert_eq!((error.status, &*error.message), (Some(503), "busy"), "{text}");
        assert!(!observer.seen().semantic && !observer.seen().terminal);
        let mut out = Vec::new();
        let failure = ClientError::new(ClientErrorKind::BadGateway, "cut");
        observer.fail(&failure, &mut out);
        observer.fail(&failure, &mut out);
        assert_eq!(check_stream(&out).len(), 1);
    }
    let (mut observer, _) = watch(&whole(), None, true);
    let mut out = Vec::new();
    observer.fail(&ClientError::new(ClientErrorKind::BadGateway, "cut"), &mut out);
    assert!(out.is_empty(), "behind the end there is nothing to end");
    // A word in a text is no member.
    let quoted = frames(&[chunk(
        json!({"content":"\"usage\":{\"prompt_tokens\":1},\"finish_reason\":\"stop\",\"error\":{}"}),
        Value::Null,
    )]);
    let (observer, _) = watch(&quoted, None, true);
    assert!(
        observer.seen().usage.is_empty()
            && observer.seen().finish.is_none()
            && observer.seen().error.is_none()
    );
}
