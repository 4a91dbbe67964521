//! Streams, written: the block machine. Source: translation.md B60 to B63, B70 to B72, B77.

use std::borrow::Cow;

use cliproxy_core::{FinishReason, Usage};
use cliproxy_translator::model::{
    BlockKind, Delta, Event, Finish, Issuer, Media, MediaClass, MediaSource, ServerPart, Signature, Start,
    StreamError,
};
use cliproxy_translator::{Aggregator, Codec, json, replay};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{check_stream, codec, context, lines, written};

fn start() -> Event<'static> {
    Event::Start(Start { id: "chatcmpl-1".into(), model: "m".into(), ..Start::default() })
}

fn open(block: u32, kind: BlockKind<'static>) -> Event<'static> {
    Event::BlockStart { block, candidate: 0, kind }
}

fn call(block: u32, id: &'static str, name: &'static str) -> Event<'static> {
    open(block, BlockKind::ToolCall { id: id.into(), name: Cow::Borrowed(name), custom: false })
}

fn say(block: u32, delta: Delta<'static>) -> Event<'static> {
    Event::Delta { block, delta }
}

fn text(block: u32, text: &'static str) -> Event<'static> {
    say(block, Delta::Text(text.into()))
}

fn args(block: u32, text: &'static str) -> Event<'static> {
    say(block, Delta::Args(text.into()))
}

fn think(block: u32, text: &'static str) -> Event<'static> {
    say(block, Delta::Reasoning(text.into()))
}

fn sign(block: u32, issuer: Issuer) -> Event<'static> {
    say(block, Delta::Signature(Signature { issuer, value: "sig".into() }))
}

fn stop(block: u32) -> Event<'static> {
    Event::BlockStop { block }
}

fn finish(reason: FinishReason) -> Event<'static> {
    Event::Finish { candidate: 0, finish: Finish::new(reason) }
}

const TEXT: &str = r#"{"type":"text","text":""}"#;
const THINKING: &str = r#"{"type":"thinking","thinking":"","signature":""}"#;

fn tool(id: &str, name: &str) -> String {
    format!(r#"{{"type":"tool_use","id":"{id}","name":"{name}","input":{{}}}}"#)
}

/// What stands between `message_start` and `message_delta`.
fn body(events: Vec<Event<'static>>) -> Vec<String> {
    let mut all = vec![start()];
    all.extend(events);
    all.extend([finish(FinishReason::Stop), Event::End]);
    let got = lines(&written(all, &context()));
    assert_eq!((got[0].as_str(), got[got.len() - 1].as_str()), ("message_start", "message_stop"));
    got[1..got.len() - 2].to_vec()
}

#[test]
fn blocks_are_told_one_after_the_other() {
    let start_of = |index: u32, block: &str| format!("{index}> {block}");
    for (case, events, expected) in [
        (
            "text",
            vec![open(0, BlockKind::Text), text(0, "a\"\n"), text(0, ""), text(0, "b"), stop(0)],
            vec![start_of(0, TEXT), r#"0 text "a\"\n""#.into(), r#"0 text "b""#.into(), "0<".into()],
        ),
        ("nothing: one empty block, B71", vec![], vec![start_of(0, TEXT), "0<".into()]),
        (
            "what stays empty is not opened, B70",
            vec![open(0, BlockKind::Text), stop(0), open(1, BlockKind::Reasoning), think(1, ""), stop(1)],
            vec![start_of(0, TEXT), "0<".into()],
        ),
        (
            "thoughts, signed",
            vec![
                open(0, BlockKind::Reasoning),
                think(0, "h"),
                sign(0, Issuer::Claude),
                stop(0),
                open(1, BlockKind::Text),
                text(1, "a"),
                stop(1),
            ],
            vec![
                start_of(0, THINKING),
                r#"0 thinking "h""#.into(),
                r#"0 signature "sig""#.into(),
                "0<".into(),
                start_of(1, TEXT),
                r#"1 text "a""#.into(),
                "1<".into(),
            ],
        ),
        (
            "a signature alone, under our marker as it is another's, B33, B70",
            vec![open(0, BlockKind::Reasoning), sign(0, Issuer::Gemini), stop(0)],
            vec![start_of(0, THINKING), r#"0 signature "cliproxy:gemini:sig""#.into(), "0<".into()],
        ),
        (
            "a raw chain beside a summary says it again, E044",
            vec![
                open(0, BlockKind::Reasoning),
                think(0, "s"),
                say(0, Delta::RawReasoning("r".into())),
                stop(0),
                open(1, BlockKind::Reasoning),
                say(1, Delta::RawReasoning("r".into())),
                stop(1),
            ],
            vec![
                start_of(0, THINKING),
                r#"0 thinking "s""#.into(),
                "0<".into(),
                start_of(1, THINKING),
                r#"1 thinking "r""#.into(),
                "1<".into(),
            ],
        ),
        (
            "redacted",
            vec![open(0, BlockKind::Redacted("Eo".into())), stop(0)],
            vec![start_of(0, r#"{"type":"redacted_thinking","data":"Eo"}"#), "0<".into()],
        ),
        (
            "a call; no arguments are no delta, B63",
            vec![call(0, "a", "f"), args(0, ""), stop(0)],
            vec![start_of(0, &tool("a", "f")), "0<".into()],
        ),
        (
            "two calls interleave: the second waits, B61",
            vec![
                call(0, "a", "f"),
                args(0, "{"),
                call(1, "b", "g"),
                args(1, "{\"x\":"),
                args(0, "}"),
                args(1, "1}"),
                stop(0),
                stop(1),
            ],
            vec![
                start_of(0, &tool("a", "f")),
                r#"0 input_json "{""#.into(),
                r#"0 input_json "}""#.into(),
                "0<".into(),
                start_of(1, &tool("b", "g")),
                r#"1 input_json "{\"x\":1}""#.into(),
                "1<".into(),
            ],
        ),
        (
            "calls that stay open to the end, B61",
            vec![call(0, "a", "f"), call(1, "b", "g"), args(1, "{}"), args(0, "{}")],
            vec![
                start_of(0, &tool("a", "f")),
                r#"0 input_json "{}""#.into(),
                "0<".into(),
                start_of(1, &tool("b", "g")),
                r#"1 input_json "{}""#.into(),
                "1<".into(),
            ],
        ),
        (
            "text behind an open call waits, and text behind it is a new block, B60",
            vec![
                open(9, BlockKind::Text),
                text(9, "a"),
                call(0, "a", "f"),
                text(9, "b"),
                args(0, "{}"),
                text(9, "c"),
                stop(0),
                text(9, "d"),
                stop(9),
            ],
            vec![
                start_of(0, TEXT),
                r#"0 text "a""#.into(),
                "0<".into(),
                start_of(1, &tool("a", "f")),
                r#"1 input_json "{}""#.into(),
                "1<".into(),
                start_of(2, TEXT),
                r#"2 text "bc""#.into(),
                r#"2 text "d""#.into(),
                "2<".into(),
            ],
        ),
        (
            "a whole block behind an open call waits",
            vec![call(0, "a", "f"), open(1, BlockKind::Redacted("Eo".into())), stop(1), stop(0)],
            vec![
                start_of(0, &tool("a", "f")),
                "0<".into(),
                start_of(1, r#"{"type":"redacted_thinking","data":"Eo"}"#),
                "1<".into(),
            ],
        ),
        (
            "a call whose id repeats or is illegal, B1, B2",
            vec![call(0, "x.1", "f"), stop(0)],
            vec![start_of(0, &tool("x_1", "f")), "0<".into()],
        ),
        (
            "a refusal is text",
            vec![open(0, BlockKind::Refusal), text(0, "no"), stop(0)],
            vec![start_of(0, TEXT), r#"0 text "no""#.into(), "0<".into()],
        ),
        (
            "deltas of unknown, stopped and other candidates' blocks",
            vec![
                text(7, "x"),
                Event::BlockStart { block: 1, candidate: 1, kind: BlockKind::Text },
                text(1, "y"),
                open(2, BlockKind::Text),
                text(2, "a"),
                stop(2),
                text(2, "z"),
                stop(2),
            ],
            vec![start_of(0, TEXT), r#"0 text "a""#.into(), "0<".into()],
        ),
        (
            "what Claude has no block for",
            vec![
                open(
                    0,
                    BlockKind::Media(Media {
                        class: MediaClass::Image,
                        source: MediaSource::Url("u".into()),
                        name: None,
                        detail: None,
                        context: None,
                        citations: None,
                    }),
                ),
                stop(0),
                open(
                    1,
                    BlockKind::Server(ServerPart {
                        format: "openai-response",
                        kind: "web_search_call".into(),
                        id: None,
                        name: None,
                        raw: Cow::Owned(json::raw("{}").unwrap()),
                    }),
                ),
                stop(1),
                open(2, BlockKind::Text),
                text(2, "a"),
                say(
                    2,
                    Delta::Citation {
                        format: "openai",
                        raw: Cow::Owned(json::raw(r#"{"type":"url_citation"}"#).unwrap()),
                    },
                ),
                stop(2),
            ],
            vec![start_of(0, TEXT), r#"0 text "a""#.into(), "0<".into()],
        ),
    ] {
        assert_eq!(body(events), expected, "{case}");
    }
}

#[test]
fn the_first_call_streams_live() {
    // Source: translation.md B61: what can go out at once does.
    let mut encoder = codec().stream_encoder(&context());
    let mut out = Vec::new();
    for event in [start(), call(0, "a", "f"), call(1, "b", "g")] {
        encoder.encode(event, &mut out);
    }
    out.clear();
    encoder.encode(args(0, "{"), &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}\n\n"
    );
    out.clear();
    encoder.encode(args(1, "{}"), &mut out);
    assert!(out.is_empty());
}

#[test]
fn free_text_of_a_custom_tool_travels_as_json() {
    // Source: translation.md B10.
    let custom = |block| open(block, BlockKind::ToolCall { id: "a".into(), name: "f".into(), custom: true });
    for pieces in [vec![], vec!["echo \"hi\"\n"], vec!["ec", "ho \"hi\"", "\n", "\\"]] {
        let mut events = vec![start(), custom(0)];
        events.extend(pieces.iter().map(|piece| args(0, piece)));
        events.extend([stop(0), Event::End]);
        let joined: String = written(events, &context())
            .iter()
            .filter_map(|value| value["delta"]["partial_json"].as_str())
            .collect();
        assert_eq!(serde_json::from_str::<Value>(&joined).unwrap(), json!({"input": pieces.concat()}));
    }
}

#[test]
fn the_input_of_a_server_tool_comes_as_a_delta() {
    let raw = "{\n  \"type\": \"server_tool_use\", \"id\": \"s\", \"name\": \"web_search\", \"input\": {\"query\": \"q\"}\n}";
    let part = ServerPart {
        format: "claude",
        kind: "server_tool_use".into(),
        id: None,
        name: None,
        raw: Cow::Owned(json::raw(raw).unwrap()),
    };
    assert_eq!(
        body(vec![open(0, BlockKind::Server(part)), stop(0)]),
        [
            r#"0> {"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#,
            r#"0 input_json "{\"query\": \"q\"}""#,
            "0<"
        ]
    );
}

#[test]
fn the_message_is_framed_once() {
    // Source: translation.md B60, F29, E127: late usage changes the one message_delta, and nothing follows the end.
    let usage =
        |input, output| Event::Usage(Usage { input, output, cache_read: Some(2), ..Usage::default() });
    let values = written(
        [
            start(),
            usage(Some(9), None),
            Event::Ping,
            open(0, BlockKind::Text),
            text(0, "a"),
            finish(FinishReason::Length),
            usage(Some(9), Some(4)),
            Event::End,
            usage(Some(1), Some(1)),
            open(1, BlockKind::Text),
            text(1, "late"),
            Event::End,
        ],
        &context(),
    );
    let message = &values[0]["message"];
    assert_eq!(message["usage"], json!({"input_tokens":7,"cache_read_input_tokens":2,"output_tokens":0}));
    assert_eq!((&message["id"], &message["model"]), (&json!("chatcmpl-1"), &json!("m")));
    assert_eq!(values[1], json!({"type":"ping"}));
    assert_eq!(
        values[values.len() - 2],
        json!({"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},
            "usage":{"input_tokens":7,"cache_read_input_tokens":2,"output_tokens":4}})
    );
}

#[test]
fn a_provider_without_names_gets_them_and_the_shown_model_wins() {
    let values = written([Event::Start(Start::default()), Event::End], &context());
    assert_eq!(values[0]["message"]["model"], "asked-model");
    assert_eq!(values[0]["message"]["id"].as_str().unwrap().len(), 28);
    let mut shown = context();
    shown.shown_model = Some("alias".to_owned());
    shown.names.insert("mcp__server__tool", "tool");
    let values = written([start(), call(0, "", "tool"), Event::End], &shown);
    assert_eq!(values[0]["message"]["model"], "alias");
    let block = &values[1]["content_block"];
    assert_eq!(block["name"], "mcp__server__tool");
    assert!(block["id"].as_str().unwrap().starts_with("toolu_"));
    assert_eq!(values[3]["delta"]["stop_reason"], "tool_use");
}

#[test]
fn the_stop_reason_follows_what_went_out() {
    // Source: translation.md B52, E134, E140.
    for (events, reason, expected) in [
        (vec![], FinishReason::ToolUse, "end_turn"),
        (vec![call(0, "a", "f")], FinishReason::Stop, "tool_use"),
        (vec![call(0, "a", "f")], FinishReason::Length, "max_tokens"),
        (vec![open(0, BlockKind::Refusal), text(0, "no")], FinishReason::Stop, "refusal"),
        (vec![open(0, BlockKind::Text)], FinishReason::Pause, "pause_turn"),
    ] {
        let mut all = vec![start()];
        all.extend(events);
        all.extend([finish(reason), Event::End]);
        let values = written(all, &context());
        assert_eq!(values[values.len() - 2]["delta"]["stop_reason"], expected);
    }
}

#[test]
fn an_error_ends_the_stream_in_claudes_words() {
    // Source: translation.md B76, B77.
    for (error, kind, message) in [
        (
            StreamError { kind: "overloaded_error".into(), message: "busy".into(), ..StreamError::default() },
            "overloaded_error",
            "busy",
        ),
        (
            StreamError {
                status: Some(429),
                kind: "requests".into(),
                message: "slow".into(),
                ..StreamError::default()
            },
            "rate_limit_error",
            "slow",
        ),
        (StreamError { code: "server_gone".into(), ..StreamError::default() }, "api_error", "server_gone"),
        (StreamError::default(), "api_error", "the provider failed"),
    ] {
        let values = written(
            [start(), open(0, BlockKind::Text), text(0, "a"), Event::Error(error), Event::End],
            &context(),
        );
        assert_eq!(values[values.len() - 1], json!({"type":"error","error":{"type":kind,"message":message}}));
    }
}

#[test]
fn an_endless_queue_ends_as_an_error() {
    let mut encoder = codec().stream_encoder(&context());
    let mut out = Vec::new();
    encoder.encode(start(), &mut out);
    encoder.encode(call(0, "a", "f"), &mut out);
    encoder.encode(call(1, "b", "g"), &mut out);
    let piece = "x".repeat(1 << 20);
    for _ in 0..20 {
        encoder.encode(Event::Delta { block: 1, delta: Delta::Args(piece.as_str().into()) }, &mut out);
    }
    let values = check_stream(&out);
    assert_eq!(values[values.len() - 1]["type"], "error");
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let block = 0_u32..5;
    let words = prop_oneof![Just(""), Just("a"), Just("\"\n"), Just("{\"x\":1}")];
    let kind = prop_oneof![
        Just(BlockKind::Text),
        Just(BlockKind::Refusal),
        Just(BlockKind::Reasoning),
        Just(BlockKind::Redacted("Eo".into())),
        any::<bool>().prop_map(|custom| BlockKind::ToolCall { id: "".into(), name: "f".into(), custom }),
    ];
    let delta = (words, 0..5).prop_map(|(text, kind)| match kind {
        0 => Delta::Text(text.into()),
        1 => Delta::Reasoning(text.into()),
        2 => Delta::RawReasoning(text.into()),
        3 => Delta::Args(text.into()),
        _ => Delta::Signature(Signature { issuer: Issuer::Claude, value: "s".into() }),
    });
    prop_oneof![
        1 => Just(Event::Ping),
        1 => Just(Event::Usage(Usage { output: Some(1), ..Usage::default() })),
        1 => Just(finish(FinishReason::Stop)),
        4 => (block.clone(), kind).prop_map(|(block, kind)| open(block, kind)),
        9 => (block.clone(), delta).prop_map(|(block, delta)| say(block, delta)),
        4 => block.prop_map(stop),
    ]
}

proptest! {
    #[test]
    fn any_events_give_a_valid_stream(events in prop::collection::vec(event(), 0..40), begun: bool) {
        let mut all = if begun { vec![start()] } else { Vec::new() };
        all.extend(events);
        all.push(Event::End);
        // `written` checks the machine.
        let values = written(all, &context());
        prop_assert_eq!(values.last().unwrap()["type"].as_str(), Some("message_stop"));
    }

    /// A stream whose blocks do not interleave is, as a reply, what the reply of its events is.
    #[test]
    fn the_aggregate_is_the_reply(pieces in prop::collection::vec((0..4, "[a-z\"]{1,5}"), 0..8)) {
        let mut aggregator = Aggregator::new();
        let mut stream = codec().stream_encoder(&context());
        let mut out = Vec::new();
        let mut events: Vec<Event<'_>> = vec![start()];
        for (at, (kind, word)) in pieces.iter().enumerate() {
            let block = u32::try_from(at).unwrap();
            let word = word.as_str();
            let (kind, delta) = match kind {
                0 => (BlockKind::Text, Delta::Text(word.into())),
                1 => (BlockKind::Reasoning, Delta::Reasoning(word.into())),
                2 => (BlockKind::ToolCall { id: "".into(), name: "f".into(), custom: true }, Delta::Args(word.into())),
                _ => (BlockKind::ToolCall { id: "a:b".into(), name: "f".into(), custom: false }, Delta::Args("{\"k\":[]}".into())),
            };
            events.extend([Event::BlockStart { block, candidate: 0, kind }, Event::Delta { block, delta }, stop(block)]);
        }
        events.extend([Event::Usage(Usage { input: Some(3), output: Some(2), ..Usage::default() }), finish(FinishReason::Stop), Event::End]);
        for event in events {
            aggregator.push(event.clone());
            stream.encode(event, &mut out);
        }
        let response = aggregator.finish().unwrap();
        let whole: Value = serde_json::from_slice(&codec().encode_reply(&response, &context())).unwrap();

        let mut back = Aggregator::new();
        super::decode(&out, 50, &mut |event| back.push(event)).unwrap();
        let mut streamed: Value = serde_json::from_slice(&codec().encode_reply(&back.finish().unwrap(), &context())).unwrap();
        if pieces.is_empty() {
            // B71: a stream needs an empty block where a reply has none.
            streamed["content"] = json!([]);
        }
        prop_assert_eq!(&streamed, &whole);

        // And the reply, played as a stream, is that stream's reply.
        let mut played = codec().stream_encoder(&context());
        let mut again = Vec::new();
        replay(&response, &mut |event| played.encode(event, &mut again));
        check_stream(&again);
    }
}
