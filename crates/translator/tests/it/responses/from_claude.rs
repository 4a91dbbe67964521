//! Claude's reply as a Responses client gets it. Source: translation.md D.5.

use serde_json::{Value, json};

use super::{
    CL, RS, aggregated, claude_signature, context, context_of, final_response, lines, reply, response_stream,
    types,
};

fn start() -> Value {
    json!({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],
        "stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}})
}

fn open(index: u32, block: Value) -> Value {
    json!({"type":"content_block_start","index":index,"content_block":block})
}

fn text(index: u32, said: &str) -> Vec<Value> {
    vec![
        open(index, json!({"type":"text","text":""})),
        json!({"type":"content_block_delta","index":index,"delta":{"type":"text_delta","text":said}}),
        stop(index),
    ]
}

fn thinking(index: u32, said: &str, signature: &str) -> Vec<Value> {
    let mut events = vec![open(index, json!({"type":"thinking","thinking":"","signature":""}))];
    if !said.is_empty() {
        events.push(json!({"type":"content_block_delta","index":index,"delta":{"type":"thinking_delta","thinking":said}}));
    }
    events.push(json!({"type":"content_block_delta","index":index,"delta":{"type":"signature_delta","signature":signature}}));
    events.push(stop(index));
    events
}

fn tool(index: u32, name: &str, input: &[&str]) -> Vec<Value> {
    let mut events =
        vec![open(index, json!({"type":"tool_use","id":format!("toolu_{index}"),"name":name,"input":{}}))];
    for piece in input {
        events.push(json!({"type":"content_block_delta","index":index,"delta":{"type":"input_json_delta","partial_json":piece}}));
    }
    events.push(stop(index));
    events
}

fn stop(index: u32) -> Value {
    json!({"type":"content_block_stop","index":index})
}

fn end(reason: &str) -> Vec<Value> {
    vec![
        json!({"type":"message_delta","delta":{"stop_reason":reason,"stop_sequence":null},"usage":{"output_tokens":9}}),
        json!({"type":"message_stop"}),
    ]
}

fn stream(blocks: Vec<Vec<Value>>, reason: &str) -> Vec<Value> {
    let mut events = vec![start()];
    events.extend(blocks.into_iter().flatten());
    events.extend(end(reason));
    events
}

#[test]
fn e075_created_names_the_model_that_the_client_asked_for() {
    let mut context = context();
    context.shown_model = Some("asked-model".to_owned());
    let got = response_stream(CL, &context, &stream(vec![text(0, "a")], "end_turn"));
    for value in &got[..2] {
        assert_eq!(value["response"]["model"], "asked-model");
        assert_eq!(value["response"]["status"], "in_progress");
        assert_eq!(value["response"]["output"], json!([]));
    }
    assert_eq!(final_response(&got)["model"], "asked-model");
}

#[test]
fn e076_e079_a_signature_is_the_state_of_the_item_when_it_is_done() {
    let signature = claude_signature();
    let events = stream(vec![thinking(0, "why", &signature), text(1, "a")], "end_turn");
    let got = response_stream(CL, &context(), &events);
    assert_eq!(
        lines(&got),
        [
            "created",
            "in_progress",
            "0 output_item.added reasoning",
            "0 reasoning_summary_part.added",
            r#"0 reasoning_summary_text.delta "why""#,
            r#"0 reasoning_summary_text.done "why""#,
            "0 reasoning_summary_part.done",
            "0 output_item.done reasoning",
            "1 output_item.added message",
            "1 content_part.added",
            r#"1 output_text.delta "a""#,
            r#"1 output_text.done "a""#,
            "1 content_part.done",
            "1 output_item.done message",
            "completed",
        ]
    );
    let item = &final_response(&got)["output"][0];
    assert_eq!(item["summary"], json!([{"type":"summary_text","text":"why"}]));
    // What Claude issued travels under a mark, and comes back to it.
    let state = item["encrypted_content"].as_str().unwrap();
    assert_eq!(state, format!("cliproxy:claude:{signature}"));
    let back = super::request(
        RS,
        CL,
        &json!({"model":"m","input":[{"role":"user","content":"q"}, item, {"role":"assistant","content":"a"}]}),
    );
    assert_eq!(
        back["messages"][1]["content"][0],
        json!({"type":"thinking","thinking":"why","signature":signature})
    );
}

#[test]
fn e077_e078_redacted_thoughts_are_marked_in_both_modes() {
    let block = json!({"type":"redacted_thinking","data":"ZGF0YQ=="});
    let events = stream(vec![vec![open(0, block), stop(0)], text(1, "a")], "end_turn");
    let whole = json!({"id":"resp_x","type":"reasoning","summary":[],"encrypted_content":"cliproxy:redacted:ZGF0YQ=="});
    for response in
        [final_response(&response_stream(CL, &context(), &events)), aggregated(CL, RS, &context(), &events)]
    {
        let mut item = response["output"][0].clone();
        item["id"] = "resp_x".into();
        assert_eq!(item, whole);
        assert_eq!(types(&response), ["reasoning", "message"]);
    }
}

#[test]
fn e080_e083_adjacent_texts_are_one_message_whatever_is_hidden_between() {
    let server = vec![
        open(1, json!({"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}})),
        stop(1),
        open(2, json!({"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]})),
        stop(2),
    ];
    let events = stream(vec![text(0, "a"), server, text(3, "b")], "end_turn");
    let got = response_stream(CL, &context(), &events);
    let response = final_response(&got);
    assert_eq!(types(&response), ["message"]);
    let texts: Vec<_> = response["output"][0]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["a", "b"]);
    let closed = lines(&got).iter().filter(|line| line.contains("output_item.done")).count();
    assert_eq!(closed, 1);
    assert_eq!(types(&aggregated(CL, RS, &context(), &events)), ["message"]);
}

#[test]
fn e081_e082_e084_e085_items_follow_one_another_without_gaps() {
    let signature = claude_signature();
    let events = stream(
        vec![
            thinking(0, "t", &signature),
            text(1, "a"),
            tool(2, "f", &["{}"]),
            text(3, "b"),
            thinking(4, "u", &signature),
        ],
        "tool_use",
    );
    let got = response_stream(CL, &context(), &events);
    let marks: Vec<_> = lines(&got).into_iter().filter(|line| line.contains("output_item")).collect();
    assert_eq!(
        marks,
        [
            "0 output_item.added reasoning",
            "0 output_item.done reasoning",
            "1 output_item.added message",
            "1 output_item.done message",
            "2 output_item.added function_call",
            "2 output_item.done function_call",
            "3 output_item.added message",
            "3 output_item.done message",
            "4 output_item.added reasoning",
            "4 output_item.done reasoning",
        ]
    );
    let response = final_response(&got);
    assert_ne!(response["output"][1]["id"], response["output"][3]["id"]);
}

#[test]
fn e086_e088_every_thinking_block_is_an_item_even_without_text() {
    let signature = claude_signature();
    let events =
        stream(vec![thinking(0, "a", &signature), thinking(1, "", &signature), text(2, "x")], "end_turn");
    let response = final_response(&response_stream(CL, &context(), &events));
    assert_eq!(types(&response), ["reasoning", "reasoning", "message"]);
    assert_eq!(response["output"][1]["summary"], json!([]));
}

#[test]
fn e087_a_call_without_arguments_has_an_empty_object() {
    let events = stream(vec![tool(0, "f", &[])], "tool_use");
    for response in
        [final_response(&response_stream(CL, &context(), &events)), aggregated(CL, RS, &context(), &events)]
    {
        assert_eq!(response["output"][0]["arguments"], "{}");
        assert_eq!(response["output"][0]["call_id"], "toolu_0");
    }
}

#[test]
fn e089_input_is_inclusive_and_cached_is_what_was_read() {
    let body = json!({"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"a"}],
        "stop_reason":"end_turn","stop_sequence":null,
        "usage":{"input_tokens":5,"cache_read_input_tokens":80,"cache_creation_input_tokens":15,"output_tokens":7}});
    let usage = reply(CL, RS, &context(), &body)["usage"].clone();
    assert_eq!(
        usage,
        json!({"input_tokens":100,"input_tokens_details":{"cached_tokens":80,"cache_write_tokens":15},
            "output_tokens":7,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":107})
    );
}

#[test]
fn e090_b74_the_aggregate_has_the_order_ids_and_end_of_the_stream() {
    let signature = claude_signature();
    let events = stream(
        vec![text(0, "a"), thinking(1, "t", &signature), tool(2, "f", &["{\"x\"", ":1}"]), text(3, "b")],
        "tool_use",
    );
    let streamed = final_response(&response_stream(CL, &context(), &events));
    let whole = aggregated(CL, RS, &context(), &events);
    assert_eq!(types(&streamed), ["message", "reasoning", "function_call", "message"]);
    assert_eq!(streamed, whole);
}

#[test]
fn e091_to_e094_calls_come_back_as_they_were_declared() {
    let request = json!({"model":"m","input":[
        {"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"term","description":"","tools":[
            {"type":"custom","name":"exec"}, {"type":"function","name":"run","parameters":{},"strict":false}]}]},
        {"role":"user","content":"q"}]});
    let context = context_of(RS, &request);
    let events = stream(
        vec![tool(0, "term__exec", &["{\"input\":", "\"ls\\n\"}"]), tool(1, "term__run", &["{}"])],
        "tool_use",
    );
    let got = response_stream(CL, &context, &events);
    let custom: Vec<_> = lines(&got).into_iter().filter(|line| line.starts_with("0 ")).collect();
    assert_eq!(
        custom,
        [
            "0 output_item.added custom_tool_call",
            r#"0 custom_tool_call_input.delta "ls\n""#,
            r#"0 custom_tool_call_input.done "ls\n""#,
            "0 output_item.done custom_tool_call",
        ]
    );
    for response in [final_response(&got), aggregated(CL, RS, &context, &events)] {
        let custom = &response["output"][0];
        assert_eq!(
            (&custom["name"], &custom["namespace"], &custom["input"]),
            (&json!("exec"), &json!("term"), &json!("ls\n"))
        );
        let function = &response["output"][1];
        assert_eq!((&function["name"], &function["namespace"]), (&json!("run"), &json!("term")));
    }
    // E094, E064: on added and done alike, of a tool that was declared in the conversation.
    for value in got.iter().filter(|value| value["item"]["type"] == "function_call") {
        assert_eq!((&value["item"]["name"], &value["item"]["namespace"]), (&json!("run"), &json!("term")));
    }
    // E092: the winner of two declarations is restored.
    let clash = json!({"model":"m","input":"q","tools":[
        {"type":"namespace","name":"ns","description":"","tools":[{"type":"function","name":"a","parameters":{},"strict":false}]},
        {"type":"custom","name":"ns__a"}]});
    let events = stream(vec![tool(0, "ns__a", &["{\"input\":\"x\"}"])], "tool_use");
    let response = final_response(&response_stream(CL, &context_of(RS, &clash), &events));
    assert_eq!(response["output"][0]["type"], "custom_tool_call");
    assert_eq!(response["output"][0]["name"], "ns__a");
    // E190: a call without namespace has no such key.
    assert_eq!(response["output"][0].get("namespace"), None);
    // E093: empty input is an empty text in both modes.
    let events = stream(vec![tool(0, "ns__a", &["{}"])], "tool_use");
    for response in [
        final_response(&response_stream(CL, &context_of(RS, &clash), &events)),
        aggregated(CL, RS, &context_of(RS, &clash), &events),
    ] {
        assert_eq!(response["output"][0]["input"], "");
    }
}

#[test]
fn e095_a_whole_reply_without_usage_has_zeros() {
    let body = json!({"id":"msg_1","type":"message","role":"assistant","model":"c","content":[],"stop_reason":"end_turn","stop_sequence":null});
    assert_eq!(reply(CL, RS, &context(), &body)["usage"]["total_tokens"], 0);
}

#[test]
fn f14_why_claude_stopped_is_told() {
    for (reason, status, details) in [
        ("max_tokens", "incomplete", json!({"reason":"max_output_tokens"})),
        ("model_context_window_exceeded", "incomplete", json!({"reason":"max_output_tokens"})),
        ("refusal", "incomplete", json!({"reason":"content_filter"})),
        ("end_turn", "completed", Value::Null),
        ("stop_sequence", "completed", Value::Null),
        ("pause_turn", "completed", Value::Null),
    ] {
        let events = stream(vec![text(0, "a")], reason);
        let got = response_stream(CL, &context(), &events);
        for response in [final_response(&got), aggregated(CL, RS, &context(), &events)] {
            assert_eq!(response["status"], status, "{reason}");
            assert_eq!(response["incomplete_details"], details, "{reason}");
            assert_eq!(response["output"][0]["status"], status, "{reason}");
        }
        assert_eq!(got.last().unwrap()["type"], format!("response.{status}"));
    }
}

#[test]
fn f17_citations_are_annotations_of_the_text() {
    let mut events = text(0, "The sky");
    events.insert(2, json!({"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":
        {"type":"web_search_result_location","url":"https://a.example","title":"A","cited_text":"c","encrypted_index":"e"}}}));
    let got = response_stream(CL, &context(), &stream(vec![events], "end_turn"));
    let annotation =
        json!({"type":"url_citation","start_index":0,"end_index":7,"url":"https://a.example","title":"A"});
    assert_eq!(final_response(&got)["output"][0]["content"][0]["annotations"], json!([annotation]));
    assert!(
        got.iter().any(|value| value["type"] == "response.output_text.annotation.added"
            && value["annotation"] == annotation)
    );
}
