//! A stream and the whole reply that it stands for.

use std::borrow::Cow;

use cliproxy_core::{FinishReason, Usage};
use cliproxy_translator::json::{self, Raw, Text};
use cliproxy_translator::model::{
    Args, BlockKind, Candidate, Delta, Event, Finish, Issuer, Media, MediaClass, MediaSource, Opaque, Part,
    PartKind, Reasoning, Response, ServerPart, Signature, Start, StreamError, ToolCall,
};
use cliproxy_translator::pass::args;
use cliproxy_translator::{Aggregator, replay};
use proptest::prelude::*;

fn raw(text: &str) -> Raw<'static> {
    Cow::Owned(json::raw(text).unwrap())
}

fn aggregate(events: Vec<Event<'_>>) -> Response<'static> {
    let mut aggregator = Aggregator::new();
    events.into_iter().for_each(|event| aggregator.push(event));
    aggregator.finish().unwrap()
}

/// What the model knows of a part, as text: forms of one argument list or summary are the same.
fn show(part: &Part<'_>) -> Option<String> {
    let kind = match &part.kind {
        PartKind::Text { text, citations } if text.is_empty() && citations.is_none() => String::new(),
        PartKind::Text { text, citations } => {
            format!("text {text:?} {:?}", citations.as_ref().map(|raw| raw.get().replace(' ', "")))
        }
        PartKind::Refusal(text) if text.is_empty() => String::new(),
        PartKind::Refusal(text) => format!("refusal {text:?}"),
        PartKind::Media(media) => format!("media {media:?}"),
        PartKind::Reasoning(reasoning) => {
            let join = |texts: &[Text<'_>], glue: &str| {
                texts.iter().map(|text| text.decoded().into_owned()).collect::<Vec<_>>().join(glue)
            };
            let (summary, raw) = (join(&reasoning.summary, "\n\n"), join(&reasoning.raw, ""));
            match &reasoning.redacted {
                Some(data) => format!("redacted {data:?}"),
                None if summary.is_empty() && raw.is_empty() => String::new(),
                None => format!("reasoning {summary:?} {raw:?}"),
            }
        }
        PartKind::ToolCall(call) => {
            let input = match &call.args {
                Args::Freeform(text) => format!("free {text:?}"),
                other => format!("json {}", args::json_text(other).decoded()),
            };
            format!("call {:?} {} {input}", call.id, call.name)
        }
        PartKind::Server(server) => format!("server {}", server.raw.get()),
        PartKind::Opaque(opaque) => format!("opaque {}", opaque.raw.get()),
        other => panic!("{other:?}"),
    };
    let signature = part.signature.as_ref().map(|signature| &signature.value);
    (!kind.is_empty() || signature.is_some()).then(|| format!("{kind} {signature:?}"))
}

type Shown = (String, Option<i64>, Option<Usage>, Vec<(u32, Vec<String>, Option<String>, Option<String>)>);

fn show_response(response: &Response<'_>) -> Shown {
    let candidates = response
        .candidates
        .iter()
        .map(|candidate| {
            (
                candidate.index,
                candidate.parts.iter().filter_map(show).collect(),
                candidate.finish.as_ref().map(|finish| format!("{finish:?}")),
                candidate.logprobs.as_ref().map(|raw| raw.get().to_owned()),
            )
        })
        .filter(|(_, parts, finish, _): &(u32, Vec<String>, _, _)| !parts.is_empty() || finish.is_some())
        .collect();
    let head = format!("{} {} {:?}", response.id, response.model, response.service_tier);
    (head, response.created, response.usage.filter(|usage| !usage.is_empty()), candidates)
}

#[test]
fn b75_blocks_stand_in_the_order_they_began_in() {
    let start = |block, kind| Event::BlockStart { block, candidate: 0, kind };
    let text = |block, text: &'static str| Event::Delta { block, delta: Delta::Text(text.into()) };
    let arguments = |block, text: &'static str| Event::Delta { block, delta: Delta::Args(text.into()) };
    let call = |id: &'static str| BlockKind::ToolCall { id: id.into(), name: "f".into(), custom: false };
    let response = aggregate(vec![
        Event::Start(Start { id: "i".into(), model: "m".into(), created: Some(3), service_tier: None }),
        Event::Ping,
        start(0, BlockKind::Reasoning),
        Event::Delta { block: 0, delta: Delta::Reasoning("hm".into()) },
        Event::Delta {
            block: 0,
            delta: Delta::Signature(Signature { issuer: Issuer::Claude, value: "S".into() }),
        },
        Event::BlockStop { block: 0 },
        start(1, BlockKind::Text),
        text(1, "a"),
        start(2, call("1")),
        arguments(2, "{\"x\":"),
        start(3, call("2")),
        arguments(3, "{}"),
        text(1, "b"),
        arguments(2, "1}"),
        start(4, BlockKind::Text),
        Event::Usage(Usage { input: Some(15), cache_read: Some(4), ..Usage::default() }),
        Event::Usage(Usage { output: Some(9), ..Usage::default() }),
        Event::Finish { candidate: 0, finish: Finish::new(FinishReason::ToolUse) },
        Event::Finish { candidate: 0, finish: Finish::new(FinishReason::Stop) },
        Event::End,
    ]);
    assert_eq!((&*response.id, &*response.model, response.created), ("i", "m", Some(3)));
    let parts: Vec<String> = response.candidates[0].parts.iter().filter_map(show).collect();
    assert_eq!(
        parts,
        [
            r#"reasoning "hm" "" Some("S")"#,
            r#"text "ab" None None"#,
            r#"call "1" f json {"x":1} None"#,
            r#"call "2" f json {} None"#,
        ],
        "the empty block at the end is nothing (B71)"
    );
    assert_eq!(
        response.candidates[0].finish.as_ref().unwrap().reason,
        FinishReason::ToolUse,
        "the first counts"
    );
    let usage = response.usage.unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.output), (Some(15), Some(4), Some(9)), "B55");
}

#[test]
fn candidates_citations_logprobs_and_server_tools_find_their_places() {
    let server = ServerPart {
        format: "claude",
        kind: "server_tool_use".into(),
        id: Some("s".into()),
        name: Some("web_search".into()),
        raw: raw(r#"{"type":"server_tool_use","id":"s","input":{}}"#),
    };
    let response = aggregate(vec![
        Event::BlockStart { block: 0, candidate: 1, kind: BlockKind::Text },
        Event::Delta { block: 0, delta: Delta::Text("one".into()) },
        Event::BlockStart { block: 1, candidate: 0, kind: BlockKind::Text },
        Event::Delta { block: 1, delta: Delta::Text("zero".into()) },
        Event::Delta {
            block: 1,
            delta: Delta::Logprobs(raw(r#"{"content":[{"token":"z"}],"refusal":null}"#)),
        },
        Event::Delta {
            block: 1,
            delta: Delta::Logprobs(raw(r#"{"content":[{"token":"o"}],"refusal":null}"#)),
        },
        Event::Delta { block: 1, delta: Delta::Citation { format: "claude", raw: raw(r#"{"n":1}"#) } },
        Event::Delta { block: 1, delta: Delta::Citation { format: "claude", raw: raw(r#"{"n":2}"#) } },
        Event::BlockStart { block: 2, candidate: 0, kind: BlockKind::Server(server) },
        Event::Delta { block: 2, delta: Delta::Args(r#"{"query":"#.into()) },
        Event::Delta { block: 2, delta: Delta::Args(r#""q"}"#.into()) },
        Event::Delta { block: 9, delta: Delta::Text("nowhere".into()) },
    ]);
    let [zero, one] = &response.candidates[..] else { panic!() };
    assert_eq!((zero.index, one.index), (0, 1));
    assert_eq!(
        zero.parts.iter().filter_map(show).collect::<Vec<_>>(),
        [
            r#"text "zero" Some("[{\"n\":1},{\"n\":2}]") None"#,
            r#"server {"type":"server_tool_use","id":"s","input":{"query":"q"}} None"#,
        ]
    );
    assert_eq!(response.source, "claude");
    assert_eq!(
        zero.logprobs.as_ref().unwrap().get(),
        r#"{"content":[{"token":"z"},{"token":"o"}],"refusal":null}"#
    );
    assert!(one.logprobs.is_none() && one.finish.is_none());
}

#[test]
fn a_stream_that_carried_an_error_is_no_reply() {
    let mut aggregator = Aggregator::new();
    aggregator.push(Event::BlockStart { block: 0, candidate: 0, kind: BlockKind::Text });
    aggregator.push(Event::Error(StreamError { message: "down".into(), ..StreamError::default() }));
    aggregator.push(Event::Error(StreamError::default()));
    assert_eq!(aggregator.finish().unwrap_err().message, "down", "the first one counts");
}

fn text() -> impl Strategy<Value = Text<'static>> {
    prop_oneof![
        ".{0,20}".prop_map(Text::from),
        // As read from JSON, escapes kept.
        ".{0,20}".prop_map(|text| {
            let json = serde_json::to_string(&text).unwrap();
            serde_json::from_str::<Text<'_>>(&json).unwrap().into_owned()
        }),
    ]
}

fn arguments() -> impl Strategy<Value = Args<'static>> {
    prop_oneof![
        text().prop_map(Args::Freeform),
        Just(Args::Encoded(r#"{"a":"é\n"}"#.into())),
        Just(Args::Encoded("".into())),
        Just(Args::Json(raw(r#"{"a":[1.50]}"#))),
    ]
}

fn kind() -> impl Strategy<Value = PartKind<'static>> {
    prop_oneof![
        3 => (text(), any::<bool>()).prop_map(|(text, cited)| PartKind::Text {
            text,
            citations: cited.then(|| raw(r#"[{"n":1},{"n":2}]"#)),
        }),
        1 => text().prop_map(PartKind::Refusal),
        2 => (proptest::collection::vec(text(), 0..3), proptest::collection::vec(text(), 0..2))
            .prop_map(|(summary, raw)| PartKind::Reasoning(Reasoning { summary, raw, ..Reasoning::default() })),
        1 => text().prop_map(|data| PartKind::Reasoning(Reasoning { redacted: Some(data), ..Reasoning::default() })),
        3 => (text(), "[a-z_]{1,9}", arguments()).prop_map(|(id, name, args)| {
            PartKind::ToolCall(ToolCall { id, name: name.into(), namespace: None, args })
        }),
        1 => Just(PartKind::Server(ServerPart {
            format: "claude",
            kind: "web_search_tool_result".into(),
            id: None,
            name: None,
            raw: raw(r#"{"type":"web_search_tool_result"}"#),
        })),
        1 => text().prop_map(|data| PartKind::Media(Media {
            class: MediaClass::Image,
            source: MediaSource::Base64 { mime: "image/png".into(), data },
            name: None,
            detail: None,
            context: None,
            citations: None,
        })),
        1 => Just(PartKind::Opaque(Opaque { format: "x", kind: "y".into(), raw: raw(r#"{"type":"y"}"#) })),
    ]
}

fn candidate(index: u32) -> impl Strategy<Value = Candidate<'static>> {
    let part = (kind(), proptest::option::of(text())).prop_map(|(kind, signature)| {
        Part::new(kind).with_signature(signature.map(|value| Signature { issuer: Issuer::Unknown, value }))
    });
    let finish = proptest::option::of(text()).prop_map(|stop| {
        stop.map(|text| Finish {
            reason: FinishReason::StopSequence,
            native: Some("stop_sequence".into()),
            stop_sequence: Some(text),
            details: None,
        })
    });
    (proptest::collection::vec(part, 0..6), finish, any::<bool>()).prop_map(move |(parts, finish, tokens)| {
        Candidate {
            index,
            // What nothing was said with has no place for them.
            logprobs: (tokens && !parts.is_empty()).then(|| raw(r#"{"content":[{"token":"a"}]}"#)),
            parts,
            finish,
            ..Candidate::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn b74_a_reply_replayed_and_aggregated_is_the_reply(
        candidates in (candidate(0), candidate(1)),
        usage in proptest::option::of(any::<(Option<u32>, Option<u32>)>()),
        created in any::<Option<i64>>(),
        tier in proptest::option::of(text()),
    ) {
        let usage = usage.map(|(input, output)| Usage {
            input: input.map(u64::from),
            output: output.map(u64::from),
            ..Usage::default()
        });
        let response = Response {
            source: "claude",
            id: "i".into(),
            model: "m".into(),
            created,
            candidates: vec![candidates.0, candidates.1],
            usage,
            service_tier: tier,
            extras: Vec::new(),
            ..Response::default()
        };
        let mut aggregator = Aggregator::new();
        let (mut ended, mut open) = (false, std::collections::HashSet::new());
        replay(&response, &mut |event| {
            assert!(!ended, "nothing follows the end");
            match &event {
                Event::End => ended = true,
                Event::BlockStart { block, .. } => assert!(open.insert(*block), "block ids are unique"),
                Event::Delta { block, .. } => assert!(open.contains(block)),
                Event::BlockStop { block } => assert!(open.remove(block), "what is open ends"),
                _ => {}
            }
            aggregator.push(event);
        });
        prop_assert!(ended);
        prop_assert_eq!(show_response(&aggregator.finish().unwrap()), show_response(&response));
    }
}
