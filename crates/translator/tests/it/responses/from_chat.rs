//! A Chat Completions provider's reply as a Responses client gets it. Source: translation.md D.10.

use cliproxy_core::{ClientError, ClientErrorKind};
use serde_json::{Value, json};

use super::{
    CC, RS, aggregated, check_stream, codec, context, context_of, decode, final_response, lines, reply,
    response_stream, same_in_pieces, sse, types, written,
};

fn chunk(delta: Value, finish: Option<&str>) -> Value {
    json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"gpt-x",
        "choices":[{"index":0,"delta":delta,"finish_reason":finish}]})
}

fn said(text: &str) -> Value {
    chunk(json!({"content":text}), None)
}

fn call(index: u32, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
    let mut call = json!({"index":index,"function":{"arguments":arguments}});
    if let Some(id) = id {
        call["id"] = id.into();
        call["type"] = "function".into();
    }
    if let Some(name) = name {
        call["function"]["name"] = name.into();
    }
    chunk(json!({"tool_calls":[call]}), None)
}

fn done() -> Value {
    Value::String("[DONE]".to_owned())
}

fn usage() -> Value {
    json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"gpt-x","choices":[],
        "usage":{"prompt_tokens":4,"completion_tokens":6,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2},
            "completion_tokens_details":{"reasoning_tokens":1}}})
}

#[test]
fn e172_the_end_comes_once_with_usage_if_there_is_any() {
    let got = response_stream(
        CC,
        &context(),
        &[said("a"), chunk(json!({}), Some("stop")), usage(), done(), done()],
    );
    assert_eq!(lines(&got).iter().filter(|line| *line == "completed").count(), 1);
    let response = final_response(&got);
    assert_eq!(
        response["usage"],
        json!({"input_tokens":4,"input_tokens_details":{"cached_tokens":2,"cache_write_tokens":0},
            "output_tokens":6,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":10})
    );
    assert_eq!((&response["created_at"], &response["model"]), (&json!(7), &json!("gpt-x")));
    let got = response_stream(CC, &context(), &[said("a"), chunk(json!({}), Some("stop")), done()]);
    assert_eq!(final_response(&got).get("usage"), None);
    // E177.
    assert_eq!(final_response(&got).get("output_text"), None);
}

#[test]
fn e173_an_end_without_reason_closes_the_message_in_order() {
    let got = response_stream(CC, &context(), &[said("a"), done()]);
    assert_eq!(
        lines(&got)[4..],
        [
            r#"0 output_text.delta "a""#,
            r#"0 output_text.done "a""#,
            "0 content_part.done",
            "0 output_item.done message",
            "completed",
        ]
    );
}

#[test]
fn e174_e176_e178_interleaved_calls_stay_apart_and_in_order() {
    let events = [
        said("a"),
        call(0, Some("c0"), Some("f"), "{\"a\""),
        call(1, Some("c1"), Some("g"), "{\"b\""),
        call(0, None, None, ":1}"),
        call(1, None, None, ":2}"),
        chunk(json!({}), Some("tool_calls")),
        done(),
    ];
    let got = response_stream(CC, &context(), &events);
    let response = final_response(&got);
    assert_eq!(types(&response), ["message", "function_call", "function_call"]);
    assert_eq!(response["output"][1]["arguments"], r#"{"a":1}"#);
    assert_eq!(response["output"][2]["arguments"], r#"{"b":2}"#);
    let closed: Vec<_> = got
        .iter()
        .filter(|value| value["type"] == "response.output_item.done")
        .map(|value| value["output_index"].as_u64().unwrap())
        .collect();
    assert_eq!(closed, [0, 1, 2]);
    assert_eq!(response, aggregated_in_order(&events));
    same_in_pieces(CC, &sse(&events));
}

/// The aggregate, with the usage that a whole reply always has taken out.
fn aggregated_in_order(events: &[Value]) -> Value {
    let mut whole = aggregated(CC, RS, &context(), events);
    whole.as_object_mut().unwrap().remove("usage");
    whole
}

#[test]
fn e175_calls_of_two_choices_have_places_of_their_own() {
    let choice = |index: u32, id: &str| {
        json!({"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":index,
            "delta":{"tool_calls":[{"index":0,"id":id,"type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":null}]})
    };
    let got = response_stream(CC, &context(), &[choice(0, "a"), choice(1, "b"), done()]);
    let response = final_response(&got);
    assert_eq!(types(&response), ["function_call", "function_call"]);
    assert_eq!(
        (&response["output"][0]["call_id"], &response["output"][1]["call_id"]),
        (&json!("a"), &json!("b"))
    );
    // E175: pieces without an id are those of their own choice.
    let grow = |index: u32, piece: &str| {
        json!({"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":index,
            "delta":{"tool_calls":[{"index":0,"function":{"arguments":piece}}]},"finish_reason":null}]})
    };
    let open = |index: u32, id: &str| {
        let mut chunk = choice(index, id);
        chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] = "".into();
        chunk
    };
    let events = [
        open(0, "a"),
        open(1, "b"),
        grow(1, "{\"y\""),
        grow(0, "{\"x\":"),
        grow(1, ":2}"),
        grow(0, "1}"),
        done(),
    ];
    let response = final_response(&response_stream(CC, &context(), &events));
    assert_eq!(
        (&response["output"][0]["arguments"], &response["output"][1]["arguments"]),
        (&json!("{\"x\":1}"), &json!("{\"y\":2}")),
        "E175"
    );
}

fn term() -> Value {
    json!({"model":"m","input":"q","tools":[{"type":"namespace","name":"term","description":"","tools":[
        {"type":"function","name":"run","parameters":{},"strict":false},{"type":"custom","name":"exec"}]}]})
}

#[test]
fn e179_e180_e183_names_come_back_as_declared_even_late() {
    let context = context_of(RS, &term());
    let events = [
        call(0, Some("c0"), Some("term__run"), "{}"),
        // The name comes late: nothing of a function is said before.
        call(1, Some("c1"), None, "{\"input\":"),
        call(1, None, Some("term__exec"), "\"ls\"}"),
        chunk(json!({}), Some("tool_calls")),
        done(),
    ];
    let got = response_stream(CC, &context, &events);
    for value in got.iter().filter(|value| value["output_index"] == 1) {
        let kind = value["type"].as_str().unwrap();
        assert!(!kind.contains("function_call"), "{kind}");
    }
    for response in [final_response(&got), aggregated(CC, RS, &context, &events)] {
        let [run, exec] = [&response["output"][0], &response["output"][1]];
        assert_eq!((&run["name"], &run["namespace"]), (&json!("run"), &json!("term")));
        assert_eq!(
            (&exec["type"], &exec["name"], &exec["input"]),
            (&json!("custom_tool_call"), &json!("exec"), &json!("ls"))
        );
    }
    // E183: the same of tools that were declared late, in an item of the conversation.
    let mut late = term();
    let tools = late.as_object_mut().unwrap().shift_remove("tools").unwrap();
    late["input"] =
        json!([{"type":"additional_tools","role":"developer","tools":tools}, {"role":"user","content":"q"}]);
    let context = context_of(RS, &late);
    let got = response_stream(CC, &context, &events);
    for response in [final_response(&got), aggregated(CC, RS, &context, &events)] {
        let exec = &response["output"][1];
        assert_eq!(
            (&exec["type"], &exec["name"], &exec["namespace"], &exec["input"]),
            (&json!("custom_tool_call"), &json!("exec"), &json!("term"), &json!("ls")),
            "E183"
        );
    }
    let said: Vec<_> =
        lines(&got).into_iter().filter(|line| line.contains("custom_tool_call_input")).collect();
    assert_eq!(
        said.last().unwrap(),
        r#"1 custom_tool_call_input.done "ls""#,
        "E183: unwrapped in the stream too: {said:?}"
    );
}

#[test]
fn e181_the_only_tool_is_meant_by_a_call_without_name() {
    let request = json!({"model":"m","input":"q","tools":[{"type":"custom","name":"exec"}]});
    let context = context_of(RS, &request);
    let events = [call(0, None, None, "{\"input\":\"ls\"}"), chunk(json!({}), Some("tool_calls")), done()];
    let response = final_response(&response_stream(CC, &context, &events));
    let item = &response["output"][0];
    assert_eq!(
        (&item["type"], &item["name"], &item["input"]),
        (&json!("custom_tool_call"), &json!("exec"), &json!("ls"))
    );
    assert!(item["call_id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(response, final_response(&response_stream(CC, &context, &events)), "the same every time");
}

#[test]
fn e182_a_call_whose_id_comes_late_is_told_in_one_piece() {
    let events = [
        call(0, None, Some("f"), "{\"a\""),
        call(0, None, None, ":1"),
        call(0, Some("late"), None, "}"),
        chunk(json!({}), Some("tool_calls")),
        done(),
    ];
    let got = response_stream(CC, &context(), &events);
    let deltas: Vec<_> = lines(&got).into_iter().filter(|line| line.contains("arguments.delta")).collect();
    assert_eq!(
        deltas,
        [r#"0 function_call_arguments.delta "{\"a\":1""#, r#"0 function_call_arguments.delta "}""#],
        "what was held is one piece"
    );
    assert_eq!(final_response(&got)["output"][0]["call_id"], "late");
    // `check_stream` sees to it that every event has the id of its item; it is told once, with the call's own id.
    let of_calls = |got: &[Value], key: &str| -> Vec<Value> {
        let items = got.iter().filter(|value| value["item"]["type"] == "function_call");
        let mut ids: Vec<_> = items.map(|value| value["item"][key].clone()).collect();
        ids.dedup();
        ids
    };
    assert_eq!((of_calls(&got, "call_id"), of_calls(&got, "id").len()), (vec![json!("late")], 1));
    // While the id may still come, nothing of the call is told.
    let open = written(CC, RS, &context(), &sse(&events[..2])).unwrap_err();
    assert!(open.to_string().contains("broke off"), "{open}");
    let mut encoder = codec(RS).stream_encoder(&context());
    let mut out = Vec::new();
    let _broken = decode(CC, &context(), sse(&events[..2]).as_bytes(), 4096, &mut |event| {
        encoder.encode(event, &mut out);
    });
    assert!(!String::from_utf8(out).unwrap().contains("function_call"));
    // Missing altogether: one is derived, and all arguments are one piece.
    let events = [
        call(0, None, Some("f"), "{\"a\""),
        call(0, None, None, ":1}"),
        chunk(json!({}), Some("tool_calls")),
        done(),
    ];
    let got = response_stream(CC, &context(), &events);
    assert!(final_response(&got)["output"][0]["call_id"].as_str().unwrap().starts_with("call_"));
    let deltas: Vec<_> = lines(&got).into_iter().filter(|line| line.contains("arguments.delta")).collect();
    assert_eq!(deltas, [r#"0 function_call_arguments.delta "{\"a\":1}""#]);
    assert_eq!((of_calls(&got, "call_id").len(), of_calls(&got, "id").len()), (1, 1));
}

#[test]
fn e184_thoughts_alone_are_a_reply() {
    let events = [chunk(json!({"reasoning_content":"hm"}), None), done()];
    let response = final_response(&response_stream(CC, &context(), &events));
    assert_eq!(response["status"], "completed");
    assert_eq!(response["output"][0]["summary"], json!([{"type":"summary_text","text":"hm"}]));
    assert_eq!(aggregated_in_order(&events), response, "E184: a whole reply says the same");
    // E184: the status is that of the cause.
    let events = [chunk(json!({"reasoning_content":"hm"}), None), chunk(json!({}), Some("length")), done()];
    let response = final_response(&response_stream(CC, &context(), &events));
    assert_eq!(
        (&response["status"], &response["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    assert_eq!(types(&response), ["reasoning"]);
}

#[test]
fn e185_arguments_that_are_cut_fail_the_response() {
    let stream = sse(&[call(0, Some("c"), Some("f"), "{\"a\":"), done()]);
    let context = context();
    let mut encoder = codec(RS).stream_encoder(&context);
    let mut out = Vec::new();
    decode(CC, &context, stream.as_bytes(), stream.len(), &mut |event| encoder.encode(event, &mut out))
        .unwrap_err();
    encoder.fail(&ClientError::new(ClientErrorKind::BadGateway, "cut"), &mut out);
    encoder.fail(&ClientError::new(ClientErrorKind::BadGateway, "again"), &mut out);
    let got = check_stream(&out);
    let last = got.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["error"], json!({"code":"server_error","message":"cut"}));
    assert!(!lines(&got).iter().any(|line| line.contains("done")));
}

#[test]
fn e186_e187_e188_cuts_are_incomplete_in_both_modes() {
    for (word, reason) in [("length", "max_output_tokens"), ("content_filter", "content_filter")] {
        let events = [call(0, Some("c"), Some("f"), ""), chunk(json!({}), Some(word)), done()];
        let got = response_stream(CC, &context(), &events);
        assert_eq!(got.last().unwrap()["type"], "response.incomplete");
        let response = final_response(&got);
        assert_eq!(response["incomplete_details"]["reason"], reason);
        assert_eq!(response["output"][0]["status"], "incomplete");
        assert_eq!(response["output"][0]["arguments"], "", "nothing is invented");
        let body = json!({"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,
            "message":{"role":"assistant","content":"a"},"finish_reason":word}]});
        let whole = reply(CC, RS, &context(), &body);
        assert_eq!(
            (&whole["status"], &whole["incomplete_details"]["reason"]),
            (&json!("incomplete"), &json!(reason))
        );
        assert_eq!(whole["output"][0]["status"], "incomplete");
    }
}

#[test]
fn e189_thoughts_are_read_from_either_member() {
    for member in ["reasoning_content", "reasoning"] {
        let body = json!({"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,
            "message":{"role":"assistant","content":"a", member: "hm"},"finish_reason":"stop"}]});
        let whole = reply(CC, RS, &context(), &body);
        assert_eq!(types(&whole), ["reasoning", "message"]);
        assert_eq!(whole["output"][0]["summary"][0]["text"], "hm");
    }
    // An item without thoughts and without state would say nothing: none is invented, as in a stream (B74).
    let body = json!({"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,
        "message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]});
    let context = context_of(RS, &json!({"model":"m","input":"q","reasoning":{"effort":"low"}}));
    assert_eq!(types(&reply(CC, RS, &context, &body)), ["message"]);
}

#[test]
fn e191_the_model_that_was_asked_for_is_named() {
    let mut context = context();
    context.shown_model = Some("mine".to_owned());
    let got = response_stream(CC, &context, &[said("a"), done()]);
    assert!(
        got.iter()
            .filter(|value| value.get("response").is_some())
            .all(|value| value["response"]["model"] == "mine")
    );
}

#[test]
fn b67_the_response_repeats_the_request_within_bounds() {
    let request = json!({"model":"m","input":"q","instructions":"be\nbrief","temperature":0.5,"max_output_tokens":99,
        "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object","properties":{}},"strict":true}],
        "tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false,"metadata":{"a":"b"},"store":false,
        "reasoning":{"effort":"high","summary":"auto"},"text":{"format":{"type":"json_object"},"verbosity":"low"}});
    let context = context_of(RS, &request);
    let got = response_stream(CC, &context, &[said("a"), done()]);
    for value in got.iter().filter(|value| value.get("response").is_some()) {
        let response = &value["response"];
        for key in [
            "instructions",
            "temperature",
            "max_output_tokens",
            "tool_choice",
            "parallel_tool_calls",
            "metadata",
            "store",
            "reasoning",
            "text",
            "tools",
        ] {
            assert_eq!(response[key], request[key], "{key}");
        }
    }
    let long = json!({"model":"m","input":"q","instructions":"x".repeat(20_000),
        "tools":[{"type":"function","name":"f","description":"d".repeat(20_000),"parameters":{},"strict":false}]});
    let context = context_of(RS, &long);
    assert!(context.request_echo.as_ref().unwrap().size() < 1024);
    let response = final_response(&response_stream(CC, &context, &[said("a"), done()]));
    assert_eq!((&response["instructions"], &response["tools"]), (&Value::Null, &json!([])));
}

#[test]
fn refusals_and_probabilities_have_their_places() {
    // F50.
    let logprobs =
        json!({"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}],"refusal":null});
    let mut first = said("a");
    first["choices"][0]["logprobs"] = logprobs.clone();
    let got = response_stream(
        CC,
        &context(),
        &[first, chunk(json!({"refusal":"no"}), None), chunk(json!({}), Some("stop")), done()],
    );
    let response = final_response(&got);
    let content = &response["output"][0]["content"];
    assert_eq!(content[0]["logprobs"], logprobs["content"]);
    assert_eq!(content[1], json!({"type":"refusal","refusal":"no"}));
    assert_eq!(response["status"], "completed");
    assert!(lines(&got).contains(&r#"0 refusal.delta "no""#.to_owned()));
}

#[test]
fn an_error_inside_a_stream_fails_the_response() {
    let error =
        json!({"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}});
    let got = response_stream(CC, &context(), &[said("a"), error.clone()]);
    assert_eq!(
        got.last().unwrap()["response"]["error"],
        json!({"code":"rate_limit_exceeded","message":"slow down"})
    );
    let got = response_stream(CC, &context(), &[error]);
    assert_eq!(got[0]["type"], "error");
    assert_eq!((&got[0]["code"], &got[0]["message"]), (&json!("rate_limit_exceeded"), &json!("slow down")));
}
