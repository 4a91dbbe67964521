//! Streams of this format, as the canonical model reads and writes them.

use cliproxy_translator::StreamFrame;
use serde_json::{Value, json};

use super::{
    CC, CL, CX, RS, check_stream, codec, context, events, final_response, lines, same_in_pieces, sse, written,
};

fn stream() -> Vec<Value> {
    let message = json!({"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[
        {"type":"output_text","text":"Hello","annotations":[{"type":"url_citation","start_index":0,"end_index":5,"url":"https://a.example","title":"t"}],"logprobs":[]}]});
    vec![
        json!({"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":5,"model":"gpt-x","service_tier":"priority","output":[]}}),
        json!({"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_1"}}),
        json!({"type":"codex.rate_limits","plan":"plus"}),
        json!({"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}),
        json!({"type":"response.content_part.added","item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}),
        json!({"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hel","obfuscation":"x"}),
        json!({"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"lo"}),
        json!({"type":"response.output_text.annotation.added","item_id":"msg_1","output_index":0,"content_index":0,"annotation_index":0,
            "annotation":{"type":"url_citation","start_index":0,"end_index":5,"url":"https://a.example","title":"t"}}),
        json!({"type":"response.output_text.done","item_id":"msg_1","output_index":0,"content_index":0,"text":"Hello"}),
        json!({"type":"response.content_part.done","item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Hello"}}),
        json!({"type":"response.output_item.done","output_index":0,"item":message}),
        json!({"type":"response.something_new","x":1}),
        json!({"type":"response.completed","response":{"id":"resp_1","object":"response","created_at":5,"status":"completed","model":"gpt-x","output":[message],
            "usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}}),
    ]
}

#[test]
fn a_stream_reads_the_same_however_it_is_cut_and_framed() {
    let named = sse(&stream());
    same_in_pieces(RS, &named);
    let unnamed: String = stream().iter().map(|event| format!("data: {event}\r\n\r\n")).collect();
    assert_eq!(events(RS, &named).0, events(RS, &unnamed).0);
    let (seen, result) = events(CX, &named);
    result.unwrap();
    assert_eq!(seen.iter().filter(|event| event.starts_with("Delta")).count(), 3, "{seen:#?}");
    assert_eq!(seen.last().map(String::as_str), Some("End"));
}

#[test]
fn a_stream_written_again_says_the_same() {
    let out = written(RS, RS, &context(), &sse(&stream())).unwrap();
    let got = check_stream(out.as_bytes());
    let response = final_response(&got);
    let whole = &stream().pop().unwrap()["response"];
    assert_eq!(response["output"][0]["content"], whole["output"][0]["content"]);
    assert_eq!((&response["id"], &response["service_tier"]), (&json!("resp_1"), &json!("priority")));
    assert_eq!(response["usage"]["total_tokens"], 5);
}

#[test]
fn b68_only_a_terminal_event_ends_a_stream_and_nothing_counts_behind_it() {
    let mut cut = stream();
    cut.pop();
    for end in ["", "data: [DONE]\n\n"] {
        let (_, result) = events(RS, &format!("{}{end}", sse(&cut)));
        assert!(result.unwrap_err().to_string().contains("broke off"));
    }
    let mut late = stream();
    late.push(json!({"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"late"}));
    assert_eq!(events(RS, &sse(&late)).0, events(RS, &sse(&stream())).0);
    let (seen, _) = events(RS, "");
    assert!(seen.is_empty());
}

#[test]
fn what_is_not_of_the_format_is_an_error() {
    let mut decoder = codec(RS).stream_decoder(&context());
    decoder.decode(StreamFrame::of(b"{"), &mut |_| {}).unwrap_err();
    let mut decoder = codec(RS).stream_decoder(&context());
    decoder.decode(StreamFrame::of(b"\xff"), &mut |_| {}).unwrap_err();
    let mut decoder = codec(RS).stream_decoder(&context());
    let mut seen = Vec::new();
    let frame = StreamFrame::named("error", b"upstream is down");
    decoder.decode(frame, &mut |event| seen.push(format!("{event:?}"))).unwrap();
    assert!(seen[0].contains("upstream is down"));
}

#[test]
fn b66_empty_pieces_open_nothing_and_an_empty_reply_is_whole() {
    let chat = |delta: Value, finish: Value| {
        json!({"id":"x","object":"chat.completion.chunk","created":1,"model":"m",
        "choices":[{"index":0,"delta":delta,"finish_reason":finish}]})
    };
    let done = Value::String("[DONE]".to_owned());
    let events =
        [chat(json!({"role":"assistant","content":""}), Value::Null), chat(json!({}), json!("stop")), done];
    let out = written(CC, RS, &context(), &sse(&events)).unwrap();
    let got = check_stream(out.as_bytes());
    assert_eq!(lines(&got), ["created", "in_progress", "completed"]);
    assert_eq!(final_response(&got)["output"], json!([]));
}

#[test]
fn texts_of_clients_and_providers_stay_on_one_line() {
    // Raw pieces may be pretty-printed; a line break would end the frame.
    let pretty = "{\n  \"model\": \"m\", \"input\": \"q\",\n  \"metadata\": {\n \"a\": \"b\"\n }\n}";
    let request = codec(RS).decode_request(pretty.as_bytes()).unwrap();
    let mut context = context();
    codec(RS).reply_context(&request, &mut context);
    let mut encoder = codec(RS).stream_encoder(&context);
    let raw = serde_json::from_str::<&serde_json::value::RawValue>(
        "{\"type\":\"mcp_list_tools\",\n\"id\":\"m\",\"server_label\":\"s\",\"tools\":[]}",
    )
    .unwrap();
    let mut out = Vec::new();
    let kind = cliproxy_translator::model::BlockKind::Opaque(cliproxy_translator::model::Opaque {
        format: RS,
        kind: "mcp_list_tools".into(),
        raw: std::borrow::Cow::Borrowed(raw),
    });
    encoder.encode(cliproxy_translator::model::Event::BlockStart { block: 0, candidate: 0, kind }, &mut out);
    encoder.encode(cliproxy_translator::model::Event::End, &mut out);
    let response = final_response(&check_stream(&out));
    assert_eq!(super::types(&response), ["mcp_list_tools"]);
    assert_eq!(response["metadata"], json!({"a":"b"}));
}

#[test]
fn every_event_has_a_client_in_every_format() {
    for client in [CC, CL, RS] {
        let out = written(CX, client, &context(), &sse(&stream())).unwrap();
        assert!(out.contains("Hel"), "{client}: {out}");
    }
}
