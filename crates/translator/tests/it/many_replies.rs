//! Replies of very many items and blocks: each costs the same. Nothing is timed: with a look at all of them for each of them,
//! these tests would take minutes.

use cliproxy_translator::StreamFrame;
use cliproxy_translator::model::{
    Args, BlockKind, Candidate, Delta, Event, Part, PartKind, Response, ToolCall,
};
use serde_json::{Value, json};

use crate::grid::codec;

const MANY: usize = 40_000;

fn context() -> cliproxy_translator::ReplyContext {
    cliproxy_translator::ReplyContext::new("m", "seed")
}

/// How many blocks begin, and how many pieces of text there are.
fn decoded(provider: &str, events: impl Iterator<Item = Value>) -> (usize, usize) {
    let mut decoder = codec(provider).stream_decoder(&context());
    let (mut blocks, mut pieces) = (0, 0);
    for event in events {
        let data = event.to_string();
        let frame = StreamFrame {
            event: event["type"].as_str().unwrap(),
            data: data.as_bytes(),
            ..StreamFrame::default()
        };
        let mut sink = |event: Event<'_>| match event {
            Event::BlockStart { .. } => blocks += 1,
            Event::Delta { delta: Delta::Text(_), .. } => pieces += 1,
            _ => {}
        };
        decoder.decode(frame, &mut sink).unwrap();
    }
    decoder.finish(&mut |_| {}).unwrap();
    (blocks, pieces)
}

fn message(id: &str) -> Value {
    json!({"type": "message", "id": id, "content": [{"type": "output_text", "text": "a"}]})
}

fn completed(output: &[Value]) -> Value {
    json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": output}})
}

#[test]
fn items_that_begin_and_do_not_end() {
    let added = |at: usize| {
        json!({"type": "response.output_item.added", "output_index": at,
        "item": {"type": "message", "id": format!("m{at}"), "content": []}})
    };
    // Ends that name none of them.
    let done = |at: usize| json!({"type": "response.output_item.done", "item": message(&format!("n{at}"))});
    let events = (0..MANY).map(added).chain((0..MANY).map(done)).chain([completed(&[])]);
    assert_eq!(decoded("codex", events), (MANY, MANY));
}

#[test]
fn items_without_a_name() {
    let delta = json!({"type": "response.output_text.delta", "delta": "a"});
    let done = json!({"type": "response.output_item.done", "item": {"type": "message", "content": []}});
    let events = (0..2 * MANY).map(|at| if at % 2 == 0 { delta.clone() } else { done.clone() });
    assert_eq!(decoded("openai-response", events.chain([completed(&[])])), (MANY, MANY));
}

#[test]
fn calls_of_one_id() {
    let call = |at: usize| json!({"type": "function_call", "id": format!("f{at}"), "call_id": "c", "name": "f", "arguments": "{}"});
    let done = |at: usize| json!({"type": "response.output_item.done", "output_index": at, "item": call(at)});
    let output: Vec<_> = (0..MANY).map(call).collect();
    assert_eq!(decoded("codex", (0..MANY).map(done).chain([completed(&output)])), (MANY, 0));
}

#[test]
fn an_end_with_other_names_for_all_items() {
    let done = |at: usize| json!({"type": "response.output_item.done", "output_index": at, "item": message(&format!("m{at}"))});
    let output: Vec<_> = (0..MANY + 1).map(|at| message(&format!("n{at}"))).collect();
    let events = (0..MANY).map(done).chain([completed(&output)]);
    assert_eq!(decoded("codex", events), (MANY + 1, MANY + 1));
}

#[test]
fn claude_s_blocks_that_do_not_end() {
    let start = |at: usize| json!({"type": "content_block_start", "index": at, "content_block": {"type": "text", "text": ""}});
    let delta = |at: usize| json!({"type": "content_block_delta", "index": at, "delta": {"type": "text_delta", "text": "a"}});
    let stop = |at: usize| json!({"type": "content_block_stop", "index": at});
    let events = (0..MANY).map(start).chain((0..MANY).rev().map(delta)).chain((0..MANY).rev().map(stop));
    let events = events.chain([json!({"type": "message_stop"})]);
    assert_eq!(decoded("claude", events), (MANY, MANY));
}

/// The blocks that a Claude client gets of these events.
fn blocks(events: impl Iterator<Item = Event<'static>>) -> usize {
    let mut encoder = codec("claude").stream_encoder(&context());
    let mut out = Vec::new();
    events.for_each(|event| encoder.encode(event, &mut out));
    encoder.encode(Event::End, &mut out);
    memchr::memmem::find_iter(&out, "event: content_block_start").count()
}

#[test]
fn blocks_for_claude_that_end_late() {
    let each = |make: fn(u32) -> Event<'static>| (0..).take(MANY).map(make);
    let start = |block| Event::BlockStart { block, candidate: 0, kind: BlockKind::Text };
    let call = |block| {
        let kind = BlockKind::ToolCall { id: "c".into(), name: "f".into(), custom: false };
        Event::BlockStart { block, candidate: 0, kind }
    };
    let text = |block| Event::Delta { block, delta: Delta::Text("a".into()) };
    let arguments = |block| Event::Delta { block, delta: Delta::Args("{}".into()) };
    let stop = |block| Event::BlockStop { block };
    assert_eq!(blocks(each(start).chain(each(text)).chain(each(stop))), MANY);
    // All but the first wait.
    assert_eq!(blocks(each(call).chain(each(arguments)).chain(each(stop))), MANY);
}

#[test]
fn calls_for_claude_of_one_id_and_of_many() {
    for id in [|_| "c".to_owned(), |at| format!("c{at}")] as [fn(usize) -> String; 2] {
        let call = |at: usize| {
            let args = Args::Encoded("{}".into());
            let call = ToolCall { id: id(at).into(), name: "f".into(), namespace: None, args };
            Part::new(PartKind::ToolCall(call))
        };
        let parts = (0..MANY).map(call).collect();
        let response =
            Response { candidates: vec![Candidate { parts, ..Candidate::default() }], ..Response::default() };
        let out = codec("claude").encode_reply(&response, &context());
        assert_eq!(memchr::memmem::find_iter(&out, r#""type":"tool_use""#).count(), MANY);
    }
}
