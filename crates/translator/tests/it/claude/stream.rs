//! Streams, read. Source: translation.md A.14, B55, B63, B68, B74.

use cliproxy_core::{FinishReason, Usage};
use cliproxy_translator::model::{BlockKind, Delta, Event, PartKind};
use cliproxy_translator::{Aggregator, Codec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{check_stream, codec, context, decode, events};
use crate::schema::assert_valid_bytes;

/// One of everything that a stream may hold.
pub const WHOLE: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":15,\"cache_read_input_tokens\":4,\"cache_creation_input_tokens\":1,\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"h\\u006d\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"Eo\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":[]}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"type\":\"char_location\",\"cited_text\":\"c\",\"document_index\":0,\"document_title\":null,\"start_char_index\":0,\"end_char_index\":1}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\\"hi\\\" \"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"text_delta\",\"text\":\"\u{4e2d}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"srv_1\",\"name\":\"web_search\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"query\\\":\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"q\\\"}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":4,\"content_block\":{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"srv_1\",\"content\":[]}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":4}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":5,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":5,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":5,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\": 1}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":5}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":6,\"content_block\":{\"type\":\"container_upload\",\"file_id\":\"file_1\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":6}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9,\"server_tool_use\":{\"web_search_requests\":1,\"web_fetch_requests\":0}}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

fn aggregate(sse: &str) -> Value {
    let mut aggregator = Aggregator::new();
    decode(sse.as_bytes(), sse.len(), &mut |event| aggregator.push(event)).unwrap();
    let response = aggregator.finish().unwrap();
    assert_valid_bytes("claude.reply", &codec().encode_reply(&response, &context()))
}

fn rewritten(sse: &str) -> Vec<u8> {
    let mut encoder = codec().stream_encoder(&context());
    let mut out = Vec::new();
    decode(sse.as_bytes(), sse.len(), &mut |event| encoder.encode(event, &mut out)).unwrap();
    out
}

#[test]
fn a_whole_stream_reads_as_its_reply() {
    let reply = aggregate(WHOLE);
    assert_eq!(
        reply["content"],
        json!([
            {"type":"thinking","thinking":"hm","signature":"EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu"},
            {"type":"redacted_thinking","data":"Eo"},
            {"type":"text","text":"\"hi\" \u{4e2d}","citations":[{"type":"char_location","cited_text":"c","document_index":0,"document_title":null,"start_char_index":0,"end_char_index":1}]},
            {"type":"server_tool_use","id":"srv_1","name":"web_search","input":{"query":"q"}},
            {"type":"web_search_tool_result","tool_use_id":"srv_1","content":[]},
            {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}},
            {"type":"container_upload","file_id":"file_1"}
        ])
    );
    assert_eq!((reply["id"].as_str(), reply["stop_reason"].as_str()), (Some("msg_1"), Some("tool_use")));
    // B55: what message_delta leaves out, message_start told.
    assert_eq!(
        reply["usage"],
        json!({"input_tokens":15,"cache_creation_input_tokens":1,"cache_read_input_tokens":4,"output_tokens":9,
            "server_tool_use":{"web_search_requests":1,"web_fetch_requests":0},"service_tier":"standard"})
    );
}

#[test]
fn a_stream_written_again_reads_the_same() {
    let again = rewritten(WHOLE);
    check_stream(&again);
    let again = String::from_utf8(again).unwrap();
    assert_eq!(aggregate(&again), aggregate(WHOLE));
    // And once more it is the same to the byte.
    assert_eq!(String::from_utf8(rewritten(&again)).unwrap(), again);
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(size in 1_usize..400) {
        let mut seen = Vec::new();
        decode(WHOLE.as_bytes(), size, &mut |event| seen.push(format!("{event:?}"))).unwrap();
        prop_assert_eq!(seen, events(WHOLE).0);
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&noise, 7, &mut |_| {}));
        let mut sse = b"data: ".to_vec();
        sse.extend(noise);
        sse.extend(b"\n\n");
        drop(decode(&sse, 9, &mut |_| {}));
    }
}

#[test]
fn a_cut_stream_is_never_whole() {
    // Source: translation.md B68.
    let last = WHOLE.len() - "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".len();
    for cut in (0..last).step_by(7).chain([last]) {
        let mut ended = false;
        let result = decode(&WHOLE.as_bytes()[..cut], 64, &mut |event| ended |= matches!(event, Event::End));
        assert!(result.is_err() && !ended, "cut at {cut}");
    }
}

fn sse(events: &[&str]) -> String {
    events.iter().map(|data| format!("data: {data}\n\n")).collect()
}

#[test]
fn the_kind_of_an_event_is_in_its_data() {
    let text = sse(&[
        r#"{"type":"message_start","message":{"id":"m"}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"vendor_note","x":1}"#,
        r#"{"type":"message_stop"}"#,
        "[DONE]",
    ]);
    let mut kinds = Vec::new();
    decode(text.as_bytes(), 5, &mut |event| {
        kinds.push(match event {
            Event::Start(start) => format!("start {}", start.id),
            Event::BlockStart { kind: BlockKind::Text, .. } => "text".to_owned(),
            Event::Delta { delta: Delta::Text(text), .. } => format!("{text:?}"),
            Event::BlockStop { .. } => "stop".to_owned(),
            Event::Raw { format, name, data } => format!("{format} {name} {}", data.get()),
            Event::End => "end".to_owned(),
            other => panic!("{other:?}"),
        });
    })
    .unwrap();
    assert_eq!(
        kinds,
        ["start m", "text", "\"a\"", "stop", r#"claude vendor_note {"type":"vendor_note","x":1}"#, "end"]
    );
}

#[test]
fn the_input_of_a_start_event_counts_only_without_deltas() {
    // Source: translation.md B63; backends that know no deltas.
    for (input, deltas, expected) in [
        (r#"{"a":1}"#, vec![], json!({"a":1})),
        (r#"{"a":1}"#, vec![r#"{\"b\":2}"#], json!({"b":2})),
        ("{ }", vec![], json!({})),
        ("null", vec![], json!({})),
    ] {
        let start = format!(
            r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"tool_use","id":"a","name":"f","input":{input}}}}}"#
        );
        let deltas: Vec<_> = deltas
            .into_iter()
            .map(|json| format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"input_json_delta","partial_json":"{json}"}}}}"#))
            .collect();
        let mut list = vec![r#"{"type":"message_start","message":{}}"#, start.as_str()];
        list.extend(deltas.iter().map(String::as_str));
        list.extend([r#"{"type":"content_block_stop","index":0}"#, r#"{"type":"message_stop"}"#]);
        assert_eq!(aggregate(&sse(&list))["content"][0]["input"], expected, "{input}");
    }
}

#[test]
fn an_error_event_is_typed_and_final() {
    // Source: translation.md B76; providers-a.md 2.7.
    for (data, status, kind, message) in [
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
            Some(529),
            "overloaded_error",
            "busy",
        ),
        (r#"{"type":"error","error":{"type":"odd_error","message":"m"}}"#, None, "odd_error", "m"),
        (r#"{"error":{"message":"m","code":"c"}}"#, None, "", "m"),
        (r#"{"type":"error","error":"m"}"#, None, "", "m"),
    ] {
        let text = sse(&[data, r#"{"type":"message_stop"}"#]);
        let mut found = None;
        decode(text.as_bytes(), 9, &mut |event| match event {
            Event::Error(error) => found = Some(error.into_owned()),
            other => panic!("{other:?}"),
        })
        .unwrap();
        let error = found.unwrap();
        assert_eq!((error.status, &*error.kind, &*error.message), (status, kind, message), "{data}");
        assert_eq!(error.raw.unwrap().get(), data);
    }
}

#[test]
fn usage_is_cumulative() {
    let text = sse(&[
        r#"{"type":"message_start","message":{"usage":{"input_tokens":0,"output_tokens":1}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"},"usage":{"input_tokens":7,"cache_read_input_tokens":2,"output_tokens":5}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    let (mut usage, mut finish) = (Usage::default(), None);
    decode(text.as_bytes(), 9, &mut |event| match event {
        Event::Usage(later) => usage.merge(&later),
        Event::Finish { finish: reason, .. } => finish = Some(reason.into_owned()),
        _ => {}
    })
    .unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.output), (Some(9), Some(2), Some(5)));
    let finish = finish.unwrap();
    assert_eq!(finish.reason, FinishReason::StopSequence);
    assert_eq!(finish.stop_sequence.unwrap(), "END");
}

#[test]
fn broken_events_are_refused() {
    for data in
        ["{", "[]", r#"{"type":"content_block_start","index":0}"#, r#"{"type":"message_start","message":7}"#]
    {
        let (_, result) = events(&sse(&[data]));
        assert!(result.is_err(), "{data}");
    }
    let (seen, result) = events("");
    assert!(seen.is_empty() && result.is_err());
}

#[test]
fn stray_events_are_let_be_and_what_they_say_is_kept() {
    let text = sse(&[
        r#"{"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":"x"}}"#,
        r#"{"type":"content_block_stop","index":9}"#,
        r#"{"type":"content_block_stop","index":8}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"holo_delta","holo":1}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"b"}}"#,
        r#"{"type":"message_stop"}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"late"}}"#,
    ]);
    let mut aggregator = Aggregator::new();
    decode(text.as_bytes(), 9, &mut |event| aggregator.push(event)).unwrap();
    let response = aggregator.finish().unwrap();
    let texts: Vec<_> = response.candidates[0]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Text { text, .. } => text.decoded().into_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["x", "b"]);
}
