//! Frames into events. Source: providers-b.md 1.5.7 to 1.5.12, 1.8; translation.md A.14, B52, B56, B68, F31.

use cliproxy_core::{FinishReason, Usage};
use cliproxy_translator::model::{BlockKind, Delta, Event};
use cliproxy_translator::{Aggregator, Codec, ReplyContext};
use serde_json::{Value, json};

use super::{codec, context, decode_with, events, frames};

fn text(text: &str) -> (&'static str, Value) {
    ("assistantResponseEvent", json!({"content":text}))
}

fn piece(id: &str, input: Value, stop: bool) -> (&'static str, Value) {
    ("toolUseEvent", json!({"toolUseId":id,"name":"f","input":input,"stop":stop}))
}

/// What a stream says: thoughts in brackets, texts, calls; and how it ended.
fn told(stream: &[(&str, Value)]) -> (Vec<String>, FinishReason, Usage) {
    told_of(&context(), &frames(stream)).unwrap()
}

fn told_of(context: &ReplyContext, stream: &[u8]) -> Result<(Vec<String>, FinishReason, Usage), String> {
    let (mut all, mut usage, mut finish) = (Vec::new(), Usage::default(), None);
    let mut open: Vec<(u32, String)> = Vec::new();
    let mut failure = None;
    let result = decode_with(context, stream, usize::MAX, &mut |event| match event {
        Event::BlockStart { block, kind, .. } => open.push((
            block,
            match kind {
                BlockKind::Text => String::new(),
                BlockKind::Reasoning => "~".to_owned(),
                BlockKind::Redacted(data) => format!("redacted {}", data.decoded()),
                BlockKind::ToolCall { id, name, .. } => format!("{name}#{}:", id.decoded()),
                other => panic!("{other:?}"),
            },
        )),
        Event::Delta { block, delta } => {
            let (_, said) = open.iter_mut().find(|(open, _)| *open == block).expect("an open block");
            match delta {
                Delta::Text(text) | Delta::Reasoning(text) | Delta::Args(text) => {
                    said.push_str(&text.decoded())
                }
                Delta::Signature(signature) => {
                    said.push_str(&format!(" signed {}", signature.value.decoded()))
                }
                other => panic!("{other:?}"),
            }
        }
        Event::BlockStop { block } => {
            let at = open.iter().position(|(open, _)| *open == block).expect("closed once");
            all.push(open.remove(at).1);
        }
        Event::Usage(known) => usage.merge(&known),
        Event::Finish { finish: reason, .. } => {
            assert!(finish.replace(reason.reason).is_none(), "one finish")
        }
        Event::Error(error) => {
            failure = Some(format!("{:?} {} {} {}", error.status, error.kind, error.code, error.message))
        }
        _ => {}
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    result.map_err(|error| error.to_string())?;
    assert!(open.is_empty(), "every block is closed");
    Ok((all, finish.expect("a finish"), usage))
}

#[test]
fn text_is_text_and_the_end_of_the_frames_is_the_end() {
    let (said, finish, usage) = told(&[text("Hello "), text("wörld\n"), text("")]);
    assert_eq!((said, finish), (vec!["Hello wörld\n".to_owned()], FinishReason::Stop));
    assert_eq!(usage.output, Some(3), "nobody counted: a quarter of the characters");
    let (seen, result) = events(&[text("x")]);
    assert!(result.is_ok() && seen.last().unwrap().starts_with("End"), "{seen:?}");
}

#[test]
fn nothing_is_no_reply() {
    for stream in [&[][..], &[("meteringEvent", json!({"unit":"credit","usage":0.1}))], &[text("")]] {
        let (_, result) = events(stream);
        assert!(result.is_err(), "{stream:?}");
    }
    let (said, finish, _) = told(&[("messageStopEvent", json!({"stopReason":"END_TURN"}))]);
    assert_eq!((said.len(), finish), (0, FinishReason::Stop), "it said that it was done");
}

#[test]
fn an_event_under_its_own_name_is_the_same_event() {
    let flat = [
        text("a"),
        piece("t", json!("{}"), true),
        ("contextUsageEvent", json!({"contextUsagePercentage":2.0})),
    ];
    let nested: Vec<_> = flat.iter().map(|(name, payload)| (*name, json!({ *name: payload }))).collect();
    assert_eq!(told(&flat), told(&nested));
}

#[test]
fn thoughts_in_tags_are_thoughts_however_they_are_cut() {
    let (said, ..) =
        told(&[text("<thi"), text("nking>h"), text("m</thin"), text("king>\n\nYes <b> \"ok\" <th")]);
    assert_eq!(said, ["~hm", "\n\nYes <b> \"ok\" <th"]);
    let (said, ..) = told(&[text("<thinking>never closed")]);
    assert_eq!(said, ["~never closed"]);
}

#[test]
fn thoughts_of_their_own_close_once_and_left_over_tags_go() {
    let thought = |text: &str| ("reasoningContentEvent", json!({ "text": text }));
    let stream = [thought("h"), thought("m"), text("<thinking>a"), text(" b</thinking>")];
    let (said, ..) = told(&stream);
    assert_eq!(said, ["~hm", "a b"]);
}

#[test]
fn f31_a_signature_is_the_providers_own_or_there_is_none() {
    let signed = [
        ("reasoningContentEvent", json!({"text":"hm"})),
        ("reasoningContentEvent", json!({"signature":"EqQBCkYIARgC"})),
        ("reasoningContentEvent", json!({"redactedContent":"AAAA"})),
        text("x"),
    ];
    assert_eq!(told(&signed).0, ["~hm signed EqQBCkYIARgC", "redacted AAAA", "x"]);
    assert_eq!(told(&[text("<thinking>hm</thinking>x")]).0, ["~hm", "x"]);
}

#[test]
fn a_call_comes_whole_in_pieces_or_at_once() {
    let whole = ["f#t:{\"a\":\"ä\\n\"}"];
    let pieces = [
        piece("t", json!(""), false),
        piece("t", json!("{\"a\":"), false),
        piece("t", json!("\"ä\\n\"}"), false),
        piece("t", Value::Null, true),
    ];
    assert_eq!(
        (told(&pieces).0, told(&pieces).1),
        (whole.map(str::to_owned).to_vec(), FinishReason::ToolUse)
    );
    assert_eq!(told(&[piece("t", json!({"a":"ä\n"}), true)]).0, whole);
    let beside = (
        "assistantResponseEvent",
        json!({"content":"so","toolUses":[{"toolUseId":"t","name":"f","input":{"a":"ä\n"}}]}),
    );
    assert_eq!(told(std::slice::from_ref(&beside)).0, ["so", whole[0]]);
    assert_eq!(told(&[beside, piece("t", json!("{}"), true)]).0, ["so", whole[0]], "an id is called once");
    let twice = [piece("t", json!("{}"), true), piece("u", json!("{}"), true)];
    assert_eq!(told(&twice).0.len(), 2, "the same call under two ids is two calls");
}

#[test]
fn calls_that_come_by_turns_keep_their_order_and_the_end_finishes_them() {
    let stream = [
        text("a"),
        piece("t", json!("{\"x\":"), false),
        piece("u", json!("{\"y\":"), false),
        piece("t", json!("1}"), false),
        piece("u", json!("2}"), true),
    ];
    assert_eq!(told(&stream).0, ["a", "f#t:{\"x\":1}", "f#u:{\"y\":2}"]);
}

#[test]
fn a_tool_without_arguments_is_not_cut_and_names_may_be_missing() {
    assert_eq!(told(&[piece("t", Value::Null, true)]).0, ["f#t:{}"]);
    let nameless = ("toolUseEvent", json!({"toolUseId":"t","input":"{}","stop":true}));
    assert_eq!(told(&[nameless]).0, ["tool_0#t:{}"]);
}

#[test]
fn arguments_are_mended_told_as_cut_or_refused() {
    let raw = [piece("t", json!("{\"a\":\"x"), false), piece("t", json!("\ny\",}"), true)];
    assert_eq!(told(&raw).0, ["f#t:{\"a\":\"x\\ny\"}"]);
    // Source: providers-b.md 1.5.11: half a call is none, and the reply reached a limit.
    let cut = [text("Writing."), piece("t", json!("{\"path\":\"a\",\"content\":\"lo"), true)];
    let (said, finish, _) = told(&cut);
    assert_eq!((said, finish), (vec!["Writing.".to_owned()], FinishReason::Length));
    let first = [piece("s", json!("{}"), true), piece("t", json!("{\"path"), true)];
    assert_eq!((told(&first).0.len(), told(&first).1), (1, FinishReason::Length));
    for broken in
        [vec![text("a"), piece("t", json!("{\"pa"), false)], vec![piece("t", json!("read it"), true)]]
    {
        let error = told_of(&context(), &frames(&broken)).unwrap_err();
        assert!(error.contains("call"), "{error}");
    }
}

#[test]
fn stop_reasons_are_the_vendors_words_in_any_case() {
    for (word, calls, expected) in [
        ("END_TURN", false, FinishReason::Stop),
        ("END_TURN", true, FinishReason::ToolUse),
        ("TOOL_USE", true, FinishReason::ToolUse),
        ("TOOL_USE", false, FinishReason::Stop),
        ("MAX_TOKENS", true, FinishReason::Length),
        ("max_tokens", false, FinishReason::Length),
        ("CONTENT_FILTERED", false, FinishReason::Safety),
        ("MODEL_CONTEXT_WINDOW_EXCEEDED", false, FinishReason::ContextWindow),
        ("PAUSE_TURN", false, FinishReason::Pause),
        ("UNKNOWN", false, FinishReason::Stop),
        ("SOMETHING_NEW", false, FinishReason::Other),
    ] {
        let call = piece("t", json!("{}"), true);
        for place in ["messageStopEvent", "metadataEvent", "assistantResponseEvent"] {
            let mut stream = vec![text("a")];
            stream.extend(calls.then(|| call.clone()));
            stream.push((place, json!({"stopReason":word})));
            assert_eq!(told(&stream).1, expected, "{word} in {place}");
        }
    }
}

#[test]
fn usage_is_what_was_counted_then_the_part_of_the_context_then_an_estimate() {
    let counted = (
        "metadataEvent",
        json!({"tokenUsage":{"uncachedInputTokens":100,"cacheReadInputTokens":20,
        "cacheWriteInputTokens":3,"outputTokens":7,"totalTokens":130,"contextUsagePercentage":5.0}}),
    );
    let part = ("contextUsageEvent", json!({"contextUsagePercentage":1.5}));
    let (.., usage) = told(&[text("abcdefgh"), counted, part.clone()]);
    let expected = Usage {
        input: Some(123),
        cache_read: Some(20),
        cache_write: Some(3),
        output: Some(7),
        reported_total: Some(130),
        ..Usage::default()
    };
    assert_eq!(usage, expected, "counts beat the part of the context");
    let (.., usage) = told(&[text("abcdefgh"), part.clone()]);
    assert_eq!((usage.input, usage.output), (Some(3000), Some(2)));
    let mut large = context();
    large.context_length = Some(1_000_000);
    let (.., usage) = told_of(&large, &frames(&[text("a"), part])).unwrap();
    assert_eq!((usage.input, usage.output), (Some(15_000), Some(1)), "of the model's own context");
    for (name, payload) in [
        ("metricsEvent", json!({"inputTokens":4,"outputTokens":5})),
        ("metricsEvent", json!({"metricsEvent":{"inputTokens":4,"outputTokens":5}})),
        ("usageEvent", json!({"input_tokens":4,"output_tokens":5,"total_tokens":9})),
        ("supplementaryWebLinksEvent", json!({"supplementaryWebLinks":[],"inputTokens":4,"outputTokens":5})),
        ("somethingNew", json!({"inputTokens":4,"outputTokens":5})),
    ] {
        let (.., usage) = told(&[text("a"), (name, payload)]);
        assert_eq!((usage.input, usage.output), (Some(4), Some(5)), "{name}");
    }
}

#[test]
fn credits_and_states_are_there_for_hooks_and_the_rest_is_passed_over() {
    let stream = [
        text("a"),
        ("meteringEvent", json!({"unit":"credit","unitPlural":"credits","usage":0.25})),
        ("invalidStateEvent", json!({"reason":"r","message":"m"})),
        ("followupPromptEvent", json!({"followupPrompt":{"content":"c"}})),
        ("codeReferenceEvent", json!({"references":[]})),
        ("hologramEvent", json!([1])),
        text("b"),
    ];
    let (seen, result) = events(&stream);
    assert!(result.is_ok(), "{result:?}");
    let raw = seen.iter().filter(|event| event.starts_with("Raw")).count();
    assert_eq!(raw, 2, "{seen:?}");
    assert!(seen.iter().any(|event| event.contains("0.25")));
    assert_eq!(told(&stream).0, ["ab"]);
}

#[test]
fn what_a_reply_is_made_of_must_be_readable() {
    for name in ["assistantResponseEvent", "reasoningContentEvent", "toolUseEvent"] {
        let bad = crate::event_stream::event(name, "{\"content\":");
        let error = told_of(&context(), &bad).unwrap_err();
        assert!(error.contains(name), "{error}");
    }
    let noise = [crate::event_stream::event("intentsEvent", "<xml/>"), frames(&[text("a")])].concat();
    assert_eq!(told_of(&context(), &noise).unwrap().0, ["a"]);
}

#[test]
fn b74_a_stream_put_together_is_the_whole_reply() {
    let stream = frames(&[
        ("reasoningContentEvent", json!({"text":"hm"})),
        text("Look."),
        piece("t", json!("{\"a\":1}"), true),
        ("metadataEvent", json!({"tokenUsage":{"uncachedInputTokens":5,"outputTokens":3,"totalTokens":8}})),
        ("messageStopEvent", json!({"stopReason":"TOOL_USE"})),
    ]);
    let mut aggregator = Aggregator::new();
    super::decode(&stream, 7, &mut |event| aggregator.push(event)).unwrap();
    let put_together = aggregator.finish().unwrap();
    let whole = codec().decode_reply(&stream, &context()).unwrap();
    assert_eq!(crate::golden::shown(&put_together), crate::golden::shown(&whole));
    let again = codec().encode_reply(&whole, &context());
    let back = codec().decode_reply(&again, &context()).unwrap();
    assert_eq!(
        crate::golden::shown(&back),
        crate::golden::shown(&whole),
        "written and read, it is the same reply"
    );
    let (body, usage, finish) = codec().patch_reply(&stream.clone().into(), &context()).unwrap();
    assert_eq!((&body[..], usage.output, finish), (&stream[..], Some(3), Some(FinishReason::ToolUse)));
}

#[test]
fn a_stream_that_passes_through_is_watched_to_its_end() {
    let stream = frames(&[text("a"), ("metadataEvent", json!({"tokenUsage":{"outputTokens":3}}))]);
    let mut observer = codec().stream_observer(&context());
    let mut parser = cliproxy_translator::framing::EventStreamParser::new();
    parser.push(&stream, &mut |frame| drop(observer.observe(frame))).unwrap();
    assert!(observer.seen().semantic && !observer.seen().terminal);
    observer.finish(&mut Vec::new());
    let seen = observer.seen();
    assert_eq!((seen.terminal, seen.usage.output, seen.finish), (true, Some(3), Some(FinishReason::Stop)));
    let mut empty = codec().stream_observer(&context());
    empty.finish(&mut Vec::new());
    assert!(!empty.seen().terminal, "nothing came");
}
