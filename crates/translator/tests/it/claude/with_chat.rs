//! Claude joint with Chat Completions, both ways. Source: translation.md D.2, D.3, D.7, D.8, F.

use std::sync::Arc;

use cliproxy_translator::framing::SseParser;
use cliproxy_translator::registry::Registry;
use cliproxy_translator::{Aggregator, Codec, Profile, ReplyContext, StreamDecoder, StreamEncoder};
use serde_json::{Value, json};

use super::{check_stream, codec, context, lines, profile};
use crate::schema::{assert_valid_bytes, assert_valid_stream};

pub fn chat_codec() -> Arc<dyn Codec> {
    Arc::clone(Registry::with_builtin().codec("openai").unwrap())
}

/// A Chat request as Claude gets it. The automatic breakpoints, which have tests of their own, are taken out.
fn to_claude(body: &Value, profile: &Profile) -> Value {
    let text = body.to_string();
    let chat = chat_codec();
    let request = chat.decode_request(text.as_bytes()).unwrap();
    let mut encoded =
        assert_valid_bytes("claude.request", &codec().encode_request(&request, profile).unwrap().body);
    if !text.contains("cache_control") {
        unmark(&mut encoded);
    }
    encoded
}

fn unmark(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(unmark),
        Value::Object(map) => {
            map.shift_remove("cache_control");
            map.values_mut().for_each(unmark);
        }
        _ => {}
    }
}

fn chat(messages: Value) -> Value {
    let mut body = json!({"model":"m"});
    body["messages"] = messages;
    body
}

fn calls(ids: &[&str]) -> Value {
    let calls: Vec<_> = ids
        .iter()
        .map(|id| json!({"id":id,"type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}))
        .collect();
    json!({"role":"assistant","content":null,"tool_calls":calls})
}

fn used(id: &str) -> Value {
    json!({"type":"tool_use","id":id,"name":"f","input":{"a":1}})
}

fn answered(id: &str, content: Value) -> Value {
    let mut block = json!({"type":"tool_result","tool_use_id":id});
    block["content"] = content;
    block
}

fn text(text: &str) -> Value {
    json!({"type":"text","text":text})
}

#[test]
fn conversations_of_chat_clients_become_claudes() {
    let user = json!({"role":"user","content":"q"});
    for (case, messages, system, expected) in [
        (
            "E001 illegal ids are cleaned alike",
            json!([user, calls(&["fn a:1"]), {"role":"tool","tool_call_id":"fn a:1","content":"r"}]),
            Value::Null,
            json!([user, {"role":"assistant","content":[used("fn_a_1")]}, {"role":"user","content":[answered("fn_a_1", json!("r"))]}]),
        ),
        (
            "E002, E003 results are grouped, first in the user's turn",
            json!([user, calls(&["a","b"]), {"role":"tool","tool_call_id":"b","content":"2"}, {"role":"tool","tool_call_id":"a","content":"1"}, {"role":"user","content":"ok"}]),
            Value::Null,
            json!([user, {"role":"assistant","content":[used("a"),used("b")]},
                {"role":"user","content":[answered("a", json!("1")), answered("b", json!("2")), text("ok")]}]),
        ),
        (
            "E004, E010, E011, E012 system and developer texts are hoisted in order",
            json!([{"role":"system","content":"s1"}, user, {"role":"developer","content":"s2"}, {"role":"user","content":"q2"}]),
            json!([text("s1"), text("s2")]),
            json!([{"role":"user","content":[text("q"), text("q2")]}]),
        ),
        (
            "E006 thoughts that nobody signed are dropped",
            json!([user, {"role":"assistant","content":"a","reasoning_content":"why"}, user]),
            Value::Null,
            json!([user, {"role":"assistant","content":"a"}, user]),
        ),
        (
            "E008 text and image in a result",
            json!([user, calls(&["a"]), {"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]),
            Value::Null,
            json!([user, {"role":"assistant","content":[used("a")]}, {"role":"user","content":[answered("a", json!([text("see"),
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]))]}]),
        ),
        (
            "E009 an image by URL in a result",
            json!([user, calls(&["a"]), {"role":"tool","tool_call_id":"a","content":[{"type":"image_url","image_url":{"url":"https://h.example/a.png"}}]}]),
            Value::Null,
            json!([user, {"role":"assistant","content":[used("a")]}, {"role":"user","content":[answered("a", json!([
                {"type":"image","source":{"type":"url","url":"https://h.example/a.png"}}]))]}]),
        ),
        (
            "E013 only a system message [fix: no empty text]",
            json!([{"role":"system","content":"s"}]),
            json!([text("s")]),
            json!([{"role":"user","content":[text("Continue.")]}]),
        ),
        (
            "E020 the last of two results, at the place of the first",
            json!([user, calls(&["a"]), {"role":"tool","tool_call_id":"a","content":"partial"}, {"role":"tool","tool_call_id":"a","content":"final"}]),
            Value::Null,
            json!([user, {"role":"assistant","content":[used("a")]}, {"role":"user","content":[answered("a", json!("final"))]}]),
        ),
        (
            "B16 a call that was never answered, in the middle",
            json!([user, calls(&["a"]), user]),
            Value::Null,
            json!([user, {"role":"assistant","content":[used("a")]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"no output","is_error":true}, text("q")]}]),
        ),
        (
            "B2 two ids that would become one",
            json!([user, calls(&["a.b","a:b"]), {"role":"tool","tool_call_id":"a:b","content":"2"}, {"role":"tool","tool_call_id":"a.b","content":"1"}]),
            Value::Null,
            Value::Null,
        ),
        (
            "B27 empty texts go",
            json!([user, {"role":"assistant","content":"","tool_calls":calls(&["a"])["tool_calls"]}, {"role":"tool","tool_call_id":"a","content":""}]),
            Value::Null,
            json!([user, {"role":"assistant","content":[used("a")]}, {"role":"user","content":[answered("a", json!(""))]}]),
        ),
        (
            "B79, B83 a file",
            json!([{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"JVBE"}}]}]),
            Value::Null,
            json!([{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"},"title":"a.pdf"}]}]),
        ),
        (
            "B10 a custom call",
            json!([user, {"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{"name":"exec","input":"ls \"x\""}}]}, {"role":"tool","tool_call_id":"a","content":"r"}]),
            Value::Null,
            json!([user, {"role":"assistant","content":[{"type":"tool_use","id":"a","name":"exec","input":{"input":"ls \"x\""}}]}, {"role":"user","content":[answered("a", json!("r"))]}]),
        ),
    ] {
        let got = to_claude(&chat(messages), &profile("claude-x"));
        assert_eq!(got["system"], system, "{case}");
        if case.starts_with("B2 ") {
            let ids: Vec<_> =
                got["messages"][1]["content"].as_array().unwrap().iter().map(|block| &block["id"]).collect();
            let answers: Vec<_> = got["messages"][2]["content"]
                .as_array()
                .unwrap()
                .iter()
                .map(|block| &block["tool_use_id"])
                .collect();
            assert!(ids == answers && ids[0] != ids[1], "{got}");
            continue;
        }
        assert_eq!(as_blocks(&got["messages"]), as_blocks(&expected), "{case}");
    }
}

/// Messages with every content as blocks: a breakpoint turns a string into one.
fn as_blocks(messages: &Value) -> Value {
    let mut messages = messages.clone();
    for message in messages.as_array_mut().unwrap() {
        if let Some(plain) = message["content"].as_str() {
            message["content"] = json!([text(plain)]);
        }
    }
    messages
}

#[test]
fn backends_that_want_thoughts_get_them_in_order() {
    // E005, E006
    let mut compat = profile("m");
    compat.keeps_reasoning_text = true;
    let got = to_claude(
        &chat(json!([{"role":"user","content":"q"},
            {"role":"assistant","content":null,"reasoning_content":"why"},
            calls(&["a"]),
            {"role":"assistant","content":"so"},
            {"role":"tool","tool_call_id":"a","content":"r"}])),
        &compat,
    );
    assert_eq!(
        got["messages"][1]["content"],
        json!([{"type":"thinking","thinking":"why","signature":""}, text("so"), used("a")])
    );
}

#[test]
fn breakpoints_of_chat_clients_stay_on_their_block() {
    // E014, E015, E016, E017, E018, B90
    let mark = json!({"type":"ephemeral","ttl":"1h"});
    let with = |mut value: Value| {
        value["cache_control"] = mark.clone();
        value
    };
    for (case, messages, expected) in [
        (
            "E014",
            json!([{"role":"user","content":[with(text("a")), text("b")]}]),
            json!([with(text("a")), text("b")]),
        ),
        (
            "E015",
            json!([with(json!({"role":"user","content":[text("a"), text("b")]}))]),
            json!([text("a"), with(text("b"))]),
        ),
        (
            "E015, E567 a string is promoted",
            json!([with(json!({"role":"user","content":"a"}))]),
            json!([with(text("a"))]),
        ),
        (
            "E016",
            json!([{"role":"user","content":[text("a"), {"type":"text","text":"b","cache_control":{"type":"ephemeral"}}],"cache_control":mark}]),
            json!([text("a"), {"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]),
        ),
    ] {
        assert_eq!(to_claude(&chat(messages), &profile("m"))["messages"][0]["content"], expected, "{case}");
    }
    let got = to_claude(
        &chat(
            json!([with(json!({"role":"developer","content":[text("a"), text("b")]})), {"role":"user","content":"q"}]),
        ),
        &profile("m"),
    );
    assert_eq!(got["system"], json!([text("a"), with(text("b"))]), "E017");
    for tool in [
        with(json!({"type":"function","function":{"name":"f","parameters":{}}})),
        json!({"type":"function","function":with(json!({"name":"f","parameters":{}}))}),
    ] {
        let mut body = chat(json!([{"role":"user","content":"q"}]));
        body["tools"] = json!([tool]);
        assert_eq!(to_claude(&body, &profile("m"))["tools"][0]["cache_control"], mark, "E018");
    }
}

#[test]
fn members_of_chat_requests_become_claudes() {
    for (case, members, expected) in [
        ("E021 none", json!({}), json!({"max_tokens":32_000})),
        ("E021 one", json!({"max_completion_tokens":5}), json!({"max_tokens":5})),
        ("E021 both", json!({"max_tokens":4,"max_completion_tokens":5}), json!({"max_tokens":4})),
        ("E022", json!({"metadata":{"user_id":"m"},"user":"u"}), json!({"metadata":{"user_id":"m"}})),
        ("E023", json!({"user":"u"}), json!({"metadata":{"user_id":"u"}})),
        (
            "F2",
            json!({"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"string"}}}}),
            json!({"output_config":{"format":{"type":"json_schema","schema":{"type":"string"}}}}),
        ),
        ("F7", json!({"temperature":0.5}), json!({"temperature":0.5})),
        (
            "B39",
            json!({"reasoning_effort":"medium"}),
            json!({"thinking":{"type":"enabled","budget_tokens":8192}}),
        ),
        ("stop", json!({"stop":"END"}), json!({"stop_sequences":["END"]})),
        ("stops", json!({"stop":["a","b"]}), json!({"stop_sequences":["a","b"]})),
    ] {
        let mut body = chat(json!([{"role":"user","content":"q"}]));
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let got = to_claude(&body, &profile("m"));
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(got[key], *value, "{case}");
        }
    }
    let mut newest = profile("m");
    newest.sampling = false;
    let mut body = chat(json!([{"role":"user","content":"q"}]));
    body["temperature"] = json!(0.5);
    assert_eq!(to_claude(&body, &newest).get("temperature"), None, "E007");

    let schema = json!({"oneOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}]});
    body["tools"] = json!([{"type":"function","function":{"name":"f","parameters":schema}}]);
    for (choice, parallel, expected) in [
        (json!("none"), json!(null), json!({"type":"none"})),
        (json!("required"), json!(false), json!({"type":"any","disable_parallel_tool_use":true})),
        (json!({"type":"function","function":{"name":"f"}}), json!(null), json!({"type":"tool","name":"f"})),
    ] {
        body["tool_choice"] = choice;
        body["parallel_tool_calls"] = parallel;
        body["reasoning_effort"] = "high".into();
        let got = to_claude(&body, &profile("m"));
        assert_eq!(got["tool_choice"], expected, "F3, F5");
        assert_eq!(
            got.get("thinking").is_none(),
            expected["type"] != "none",
            "a forced call leaves no thinking"
        );
        assert_eq!(
            got["tools"][0]["input_schema"],
            json!({"properties":{"a":{},"b":{}},"type":"object"}),
            "E019"
        );
    }
}

#[test]
fn derived_ids_are_stable() {
    // E024, E025, E026
    let id =
        |body: &Value| to_claude(body, &profile("m"))["metadata"]["user_id"].as_str().unwrap().to_owned();
    let mut body = chat(json!([{"role":"user","content":"q"}]));
    let first = id(&body);
    assert_eq!(first.len(), 64);
    let grown = chat(
        json!([{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"q2"}]),
    );
    assert_eq!(id(&grown), first);
    body["prompt_cache_key"] = "one".into();
    let one = id(&body);
    body["prompt_cache_key"] = "two".into();
    assert!(one != id(&body) && one != first);

    let nameless = chat(
        json!([{"role":"user","content":"q"}, calls(&[""]), {"role":"tool","tool_call_id":"","content":"r"}]),
    );
    let got = to_claude(&nameless, &profile("m"));
    let id = got["messages"][1]["content"][0]["id"].as_str().unwrap();
    assert!(
        id.strip_prefix("toolu_")
            .is_some_and(|rest| rest.len() == 24 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    );
    assert_eq!(got["messages"][2]["content"][0]["tool_use_id"], id);
    assert_eq!(to_claude(&nameless, &profile("m")), got);
}

/// Plays one stream into another format.
fn played(sse: &str, from: &mut dyn StreamDecoder, to: &mut dyn StreamEncoder) -> Vec<u8> {
    let mut out = Vec::new();
    SseParser::new()
        .push(sse.as_bytes(), &mut |frame| {
            from.decode(frame, &mut |event| to.encode(event, &mut out)).unwrap()
        })
        .unwrap();
    from.finish(&mut |event| to.encode(event, &mut out)).unwrap();
    out
}

fn sse(events: &[Value]) -> String {
    events.iter().map(|data| format!("data: {data}\n\n")).collect()
}

fn claude_stream(blocks: &[Value], stop_reason: &str) -> String {
    let mut events = vec![
        json!({"type":"message_start","message":{"id":"msg_1","model":"c","usage":{"input_tokens":15,"cache_read_input_tokens":4,"cache_creation_input_tokens":1,"output_tokens":1}}}),
    ];
    for (index, block) in blocks.iter().enumerate() {
        let mut start = block.clone();
        let (kind, member, empty) = match block["type"].as_str().unwrap() {
            "text" => ("text_delta", "text", json!("")),
            "thinking" => ("thinking_delta", "thinking", json!("")),
            "tool_use" => ("input_json_delta", "partial_json", json!({})),
            _ => ("", "", Value::Null),
        };
        if !kind.is_empty() {
            let key = if kind == "input_json_delta" { "input" } else { member };
            let whole = std::mem::replace(&mut start[key], empty);
            let said = if kind == "input_json_delta" { json!(whole.to_string()) } else { whole };
            events.push(json!({"type":"content_block_start","index":index,"content_block":start}));
            events
                .push(json!({"type":"content_block_delta","index":index,"delta":{"type":kind,member:said}}));
        } else {
            events.push(json!({"type":"content_block_start","index":index,"content_block":start}));
        }
        events.push(json!({"type":"content_block_stop","index":index}));
    }
    events.push(json!({"type":"message_delta","delta":{"stop_reason":stop_reason,"stop_sequence":null},"usage":{"output_tokens":9}}));
    events.push(json!({"type":"message_stop"}));
    sse(&events)
}

/// Claude's stream as a Chat client gets it: the chunks, and the whole reply.
fn as_chat(stream: &str) -> (Vec<Value>, Value) {
    let mut context = context();
    context.include_usage = true;
    let chunks =
        played(stream, &mut *codec().stream_decoder(&context), &mut *chat_codec().stream_encoder(&context));
    let mut aggregator = Aggregator::new();
    super::decode(stream.as_bytes(), 33, &mut |event| aggregator.push(event)).unwrap();
    let whole = chat_codec().encode_reply(&aggregator.finish().unwrap(), &context);
    (assert_valid_stream("openai-chat.chunk", &chunks), assert_valid_bytes("openai-chat.reply", &whole))
}

#[test]
fn claudes_answers_reach_chat_clients() {
    // E027, E028, E029, E030: usage, in stream and whole reply alike.
    let thinking = json!({"type":"thinking","thinking":"why","signature":"Eo"});
    let tool = json!({"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}});
    let redacted = json!({"type":"redacted_thinking","data":"Eo"});
    let (chunks, whole) = as_chat(&claude_stream(&[text("hi")], "end_turn"));
    let streamed = chunks.iter().rev().find(|chunk| chunk["usage"].is_object()).unwrap();
    for usage in [&streamed["usage"], &whole["usage"]] {
        assert_eq!(usage["prompt_tokens"], 20);
        assert_eq!(usage["completion_tokens"], 9);
        assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 4);
    }
    // E035: both modes say the same.
    for (case, blocks, stop_reason, content, reasoning, finish) in [
        ("E034, E037", vec![text("hi")], "end_turn", json!("hi"), json!(null), "stop"),
        ("E037: sequence", vec![text("hi")], "stop_sequence", json!("hi"), json!(null), "stop"),
        ("E037: limit", vec![text("hi")], "max_tokens", json!("hi"), json!(null), "length"),
        (
            "E037: window",
            vec![text("hi")],
            "model_context_window_exceeded",
            json!("hi"),
            json!(null),
            "length",
        ),
        ("E037: pause", vec![text("hi")], "pause_turn", json!("hi"), json!(null), "stop"),
        ("E031, E032", vec![text("no")], "refusal", json!("no"), json!(null), "content_filter"),
        ("E033", vec![thinking, text("hi")], "end_turn", json!("hi"), json!("why"), "stop"),
        ("E036", vec![redacted, text("hi")], "end_turn", json!("hi"), json!(null), "stop"),
        ("E037: calls", vec![text("hi"), tool], "tool_use", json!("hi"), json!(null), "tool_calls"),
    ] {
        let (chunks, whole) = as_chat(&claude_stream(&blocks, stop_reason));
        let joined = |key: &str| -> Value {
            let text: String =
                chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"][key].as_str()).collect();
            if text.is_empty() { Value::Null } else { text.into() }
        };
        let finishes: Vec<_> =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str()).collect();
        assert_eq!(
            (joined("content"), joined("reasoning_content"), finishes),
            (content.clone(), reasoning.clone(), vec![finish]),
            "{case}, in pieces"
        );
        let message = &whole["choices"][0]["message"];
        assert_eq!(
            (&message["content"], &message["reasoning_content"]),
            (&content, &reasoning),
            "{case}, whole"
        );
        assert_eq!(
            message.get("reasoning_content").is_some(),
            !reasoning.is_null(),
            "{case}: no empty member"
        );
        assert_eq!(whole["choices"][0]["finish_reason"], finish, "{case}, whole");
    }
}

/// A Chat provider's chunks as a Claude client gets them, without the frame of the message.
fn as_claude(deltas: &[Value], finish: &str) -> Vec<String> {
    as_claude_with(deltas, finish, &[])
}

fn as_claude_with(deltas: &[Value], finish: &str, late: &[Value]) -> Vec<String> {
    let chunk = |delta: &Value, finish: Value| json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":delta,"finish_reason":finish}]});
    let mut chunks: Vec<Value> = deltas.iter().map(|delta| chunk(delta, Value::Null)).collect();
    chunks.push(chunk(&json!({}), finish.into()));
    chunks.extend(late.iter().cloned());
    let mut text = sse(&chunks);
    text.push_str("data: [DONE]\n\n");
    let out = played(
        &text,
        &mut *chat_codec().stream_decoder(&context()),
        &mut *codec().stream_encoder(&context()),
    );
    lines(&check_stream(&out))
}

fn call_delta(index: u32, id: Value, name: Value, arguments: Value) -> Value {
    let mut function = json!({});
    for (key, value) in [("name", name), ("arguments", arguments)] {
        if value != json!("-") {
            function[key] = value;
        }
    }
    let mut call = json!({"index":index,"type":"function","function":function});
    if id != json!("-") {
        call["id"] = id;
    }
    json!({"tool_calls":[call]})
}

/// Starts and argument texts, as `index:name:id` and `index=text`; generated ids are told as `*`.
fn tools_of(lines: &[String]) -> (Vec<String>, String) {
    let mut told: Vec<String> = Vec::new();
    for line in lines {
        if let Some((index, block)) = line.split_once("> ") {
            let block: Value = serde_json::from_str(block).unwrap();
            let id = block["id"].as_str().unwrap_or("");
            let id = if id.starts_with("toolu_") { "*" } else { id };
            told.push(format!("{index}:{}:{id}", block["name"].as_str().unwrap_or("text")));
        } else if let Some((index, text)) = line.split_once(" input_json ") {
            let text: String = serde_json::from_str(text).unwrap();
            match told.last_mut() {
                Some(last) if last.starts_with(&format!("{index}=")) => last.push_str(&text),
                _ => told.push(format!("{index}={text}")),
            }
        }
    }
    let end = lines.iter().find_map(|line| line.strip_prefix("end ")).unwrap();
    (told, end.split(' ').next().unwrap().to_owned())
}

#[test]
fn calls_of_chat_providers_reach_claude_clients_whole() {
    let dash = || json!("-");
    let s = |text: &str| json!(text);
    for (case, deltas, finish, told, end) in [
        (
            "E128, E132 null and repeated names",
            vec![
                call_delta(0, s("a"), s("f"), s("")),
                call_delta(0, dash(), Value::Null, s("{")),
                call_delta(0, dash(), s("f"), s("}")),
            ],
            "tool_calls",
            vec!["0:f:a", "0={}"],
            "tool_use",
        ),
        (
            "E129 a name that stays empty",
            vec![call_delta(0, s("a"), s(""), s("{")), call_delta(0, dash(), s(""), s("}"))],
            "tool_calls",
            vec!["0:tool_0:a", "0={}"],
            "tool_use",
        ),
        (
            "E130 a name that is null",
            vec![call_delta(0, s("a"), Value::Null, s("{}"))],
            "tool_calls",
            vec!["0:tool_0:a", "0={}"],
            "tool_use",
        ),
        (
            "E131 a name that is a number",
            vec![call_delta(0, s("a"), json!(7), s("{}"))],
            "tool_calls",
            vec!["0:tool_0:a", "0={}"],
            "tool_use",
        ),
        (
            "E133, E140 the named one streams, the other follows",
            vec![call_delta(0, s("a"), s(""), s("{}")), call_delta(1, s("b"), s("g"), s("{}"))],
            "tool_calls",
            vec!["0:g:b", "0={}", "1:tool_0:a", "1={}"],
            "tool_use",
        ),
        (
            "E134 nothing at all",
            vec![json!({"tool_calls":[{"index":0,"function":{"name":""}}]})],
            "tool_calls",
            vec!["0:text:"],
            "end_turn",
        ),
        (
            "E135 the id comes later",
            vec![call_delta(0, s(""), s("f"), s("")), call_delta(0, s("a"), dash(), s("{}"))],
            "tool_calls",
            vec!["0:f:a", "0={}"],
            "tool_use",
        ),
        (
            "E136 the id comes alone",
            vec![call_delta(0, dash(), s("f"), s("")), json!({"tool_calls":[{"index":0,"id":"a"}]})],
            "tool_calls",
            vec!["0:f:a"],
            "tool_use",
        ),
        (
            "E137 the id never comes",
            vec![call_delta(0, dash(), s("f"), s("{}"))],
            "tool_calls",
            vec!["0:f:*", "0={}"],
            "tool_use",
        ),
        (
            "E138 in the order of their indexes",
            vec![
                call_delta(2, dash(), s("h"), s("{}")),
                call_delta(0, dash(), s("f"), s("{}")),
                call_delta(1, dash(), s("g"), s("{}")),
            ],
            "tool_calls",
            vec!["0:f:*", "0={}", "1:g:*", "1={}", "2:h:*", "2={}"],
            "tool_use",
        ),
        (
            "E141 arguments alone",
            vec![json!({"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]})],
            "tool_calls",
            vec!["0:tool_0:*", "0={}"],
            "tool_use",
        ),
        (
            "parallel calls that interleave",
            vec![
                call_delta(0, s("a"), s("f"), s("{")),
                call_delta(1, s("b"), s("g"), s("{")),
                call_delta(0, dash(), dash(), s("}")),
                call_delta(1, dash(), dash(), s("}")),
            ],
            "tool_calls",
            vec!["0:f:a", "0={}", "1:g:b", "1={}"],
            "tool_use",
        ),
        (
            "B52 calls win over stop",
            vec![call_delta(0, s("a"), s("f"), s("{}"))],
            "stop",
            vec!["0:f:a", "0={}"],
            "tool_use",
        ),
    ] {
        let (got, reason) = tools_of(&as_claude(&deltas, finish));
        assert_eq!((got, reason.as_str()), (told.into_iter().map(str::to_owned).collect(), end), "{case}");
    }
}

#[test]
fn what_comes_late_changes_nothing_but_the_usage() {
    // E127, E139
    let late = [
        json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}),
    ];
    let got = as_claude_with(&[json!({"role":"assistant","content":"hi"})], "stop", &late);
    assert_eq!(
        got,
        [
            "message_start",
            r#"0> {"type":"text","text":""}"#,
            r#"0 text "hi""#,
            "0<",
            r#"end end_turn {"input_tokens":7,"output_tokens":3}"#,
            "message_stop"
        ]
    );
}

#[test]
fn thoughts_of_chat_providers_come_first_and_unsigned() {
    // F30: in stream and whole reply.
    let got = as_claude(&[json!({"reasoning_content":"why"}), json!({"content":"hi"})], "stop");
    assert_eq!(
        got[1..7],
        [
            r#"0> {"type":"thinking","thinking":"","signature":""}"#.to_owned(),
            r#"0 thinking "why""#.to_owned(),
            "0<".to_owned(),
            r#"1> {"type":"text","text":""}"#.to_owned(),
            r#"1 text "hi""#.to_owned(),
            "1<".to_owned()
        ]
    );
    let reply = json!({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m",
        "choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi","reasoning_content":"why"}}],
        "usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2}}})
    .to_string();
    let chat = chat_codec();
    let response = chat.decode_reply(reply.as_bytes(), &context()).unwrap();
    let whole = assert_valid_bytes("claude.reply", &codec().encode_reply(&response, &context()));
    assert_eq!(whole["content"], json!([{"type":"thinking","thinking":"why","signature":""}, text("hi")]));
    assert_eq!(whole["usage"], json!({"input_tokens":5,"cache_read_input_tokens":2,"output_tokens":3}));
    // And what the client sends back does not reach a Claude that never signed it.
    let next =
        json!({"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":whole["content"]}]})
            .to_string();
    let request = codec().decode_request(next.as_bytes()).unwrap();
    let sent = codec().encode_request(&request, &profile("claude-x")).unwrap().body;
    assert!(!String::from_utf8_lossy(&sent).contains("thinking"));
}

#[test]
fn errors_inside_a_chat_stream_reach_claude_clients() {
    // F40, B76
    let text = sse(&[
        json!({"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}),
    ]);
    let mut context = ReplyContext::new("asked", "seed");
    context.created = 1;
    let out =
        played(&text, &mut *chat_codec().stream_decoder(&context), &mut *codec().stream_encoder(&context));
    let values = check_stream(&out);
    assert_eq!(values[values.len() - 1]["error"], json!({"type":"rate_limit_error","message":"slow down"}));
}

#[test]
fn f33_four_breakpoints_are_the_most() {
    let marked = |role: &str| json!({"role":role,"content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]});
    let messages: Vec<Value> =
        ["system", "user", "user", "user", "user", "user", "user"].map(marked).to_vec();
    let mut body = chat(Value::Array(messages));
    body["tools"] = json!([{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral"}}]);
    let got = to_claude(&body, &profile("m"));
    assert_eq!(got.to_string().matches("cache_control").count(), 4);
    for place in ["/tools/0", "/system/0", "/messages/0/content/4", "/messages/0/content/5"] {
        assert!(got.pointer(place).unwrap().get("cache_control").is_some(), "{place}: {got}");
    }
}

#[test]
fn f49_several_candidates_are_refused_not_dropped() {
    let mut body = chat(json!([{"role":"user","content":"q"}]));
    for (n, fine) in [(1, true), (2, false)] {
        body["n"] = n.into();
        let text = body.to_string();
        let chat = chat_codec();
        let request = chat.decode_request(text.as_bytes()).unwrap();
        let encoded = codec().encode_request(&request, &profile("m"));
        assert_eq!(encoded.is_ok(), fine);
        assert!(encoded.err().is_none_or(|error| error.param() == Some("n")));
    }
}
