//! Random requests and replies that are valid by the vendor's schema.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

pub fn text() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n\u{e9}\u{4e2d}\u{1f600}]{1,12}".prop_filter("not blank", |text| !text.trim().is_empty())
}

pub fn tools() -> Value {
    json!([{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"object"}}}}},
        {"type":"custom","custom":{"name":"g"}}])
}

fn user_part() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => text().prop_map(|text| json!({"type":"text","text":text})),
        1 => "[A-Za-z0-9+/]{4}".prop_map(|data| json!({"type":"image_url","image_url":{"url":format!("data:image/png;base64,{data}"),"detail":"low"}})),
        1 => Just(json!({"type":"image_url","image_url":{"url":"https://h.example/a.png"}})),
        1 => "[A-Za-z0-9+/]{4}".prop_map(|data| json!({"type":"file","file":{"filename":"a.pdf","file_data":format!("data:application/pdf;base64,{data}")}})),
        1 => "[A-Za-z0-9+/]{4}".prop_map(|data| json!({"type":"input_audio","input_audio":{"data":data,"format":"wav"}})),
    ]
}

fn user() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|text| json!({"role":"user","content":text})),
        prop::collection::vec(user_part(), 1..4).prop_map(|parts| json!({"role":"user","content":parts})),
    ]
}

/// The input of a call and the tool's answer.
fn call() -> impl Strategy<Value = (Value, Value)> {
    let input = prop_oneof![
        text().prop_map(|text| json!({"type":"function","function":{"name":"f","arguments":json!({"a":text}).to_string()}})),
        Just(json!({"type":"function","function":{"name":"f","arguments":"{}"}})),
        text().prop_map(|text| json!({"type":"custom","custom":{"name":"g","input":text}})),
    ];
    let answer = prop_oneof![
        text().prop_map(Value::from),
        (text(), text()).prop_map(|(a, b)| json!([{"type":"text","text":a},{"type":"text","text":b}])),
    ];
    (input, answer)
}

/// A conversation whose calls are all answered at once.
pub fn conversation() -> impl Strategy<Value = Vec<Value>> {
    let round = (user(), prop::option::of(text()), prop::collection::vec(call(), 0..3));
    let system = prop::option::of((prop_oneof![Just("system"), Just("developer")], text()));
    (system, prop::collection::vec(round, 1..4)).prop_map(|(system, rounds)| {
        let mut messages: Vec<Value> =
            system.into_iter().map(|(role, text)| json!({"role":role,"content":text})).collect();
        for (at, (user, said, calls)) in rounds.into_iter().enumerate() {
            messages.push(user);
            if said.is_none() && calls.is_empty() {
                continue;
            }
            let mut assistant = json!({"role":"assistant","content":said});
            let mut answers = Vec::new();
            for (index, (mut call, answer)) in calls.into_iter().enumerate() {
                call["id"] = format!("call_{at}_{index}").into();
                answers.push(json!({"role":"tool","tool_call_id":call["id"],"content":answer}));
                match assistant["tool_calls"].as_array_mut() {
                    Some(calls) => calls.push(call),
                    None => assistant["tool_calls"] = json!([call]),
                }
            }
            messages.push(assistant);
            messages.extend(answers);
        }
        messages
    })
}

/// One of the values that a member may have, or its absence.
fn member(
    key: &'static str,
    values: &[Value],
) -> impl Strategy<Value = Option<(&'static str, Value)>> + use<> {
    prop::option::of(prop::sample::select(values.to_vec()).prop_map(move |value| (key, value)))
}

fn members() -> impl Strategy<Value = Map<String, Value>> {
    let first = (
        member("temperature", &[json!(0), json!(0.5), json!(2)]),
        member("top_p", &[json!(0.1), json!(1)]),
        member("stop", &[json!("END"), json!(["a", "b"])]),
        member("max_tokens", &[json!(1), json!(4096)]),
        member("max_completion_tokens", &[json!(64_000)]),
        member("reasoning_effort", &[json!("none"), json!("low"), json!("high"), json!("xhigh")]),
        member("n", &[json!(1), json!(2)]),
        member("user", &[json!("u"), json!("")]),
    );
    let second = (
        member("tools", &[tools()]),
        member(
            "tool_choice",
            &[
                json!("auto"),
                json!("none"),
                json!("required"),
                json!({"type":"function","function":{"name":"f"}}),
                json!({"type":"custom","custom":{"name":"g"}}),
            ],
        ),
        member("parallel_tool_calls", &[json!(true), json!(false)]),
        member(
            "response_format",
            &[
                json!({"type":"text"}),
                json!({"type":"json_object"}),
                json!({"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}}),
            ],
        ),
        member("metadata", &[json!({"user_id":"m"}), json!({})]),
        member("service_tier", &[json!("auto"), json!("flex"), json!("priority")]),
        member("stream", &[json!(true), json!(false)]),
        member("seed", &[json!(7)]),
    );
    (first, second).prop_map(|((a, b, c, d, e, f, g, h), (i, j, k, l, m, n, o, p))| {
        let all = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
        all.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect()
    })
}

/// A whole request.
pub fn request() -> impl Strategy<Value = Value> {
    (conversation(), members()).prop_map(|(messages, members)| {
        let mut body = json!({"model":"m","messages":messages});
        body.as_object_mut().unwrap().extend(members);
        body
    })
}

/// A whole reply of one choice.
pub fn reply() -> impl Strategy<Value = Value> {
    (
        prop::option::of(text()),
        prop::option::of(text()),
        prop::collection::vec(text(), 0..3),
        prop::sample::select(vec!["stop", "length", "content_filter"]),
        prop::option::of((0..100_u32, 0..100_u32, 0..9_u32)),
    )
        .prop_map(|(content, reasoning, calls, finish, usage)| {
            let mut message = json!({"role":"assistant","content":content});
            if content.is_none() && calls.is_empty() {
                message["content"] = "".into();
            }
            if let Some(reasoning) = reasoning {
                message["reasoning_content"] = reasoning.into();
            }
            for (index, text) in calls.iter().enumerate() {
                let call = json!({"id":format!("call_{index}"),"type":"function","function":{"name":"f","arguments":json!({"a":text}).to_string()}});
                match message["tool_calls"].as_array_mut() {
                    Some(calls) => calls.push(call),
                    None => message["tool_calls"] = json!([call]),
                }
            }
            let finish = if calls.is_empty() || finish != "stop" { finish } else { "tool_calls" };
            let mut reply = json!({"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"gpt-x",
                "choices":[{"index":0,"message":message,"finish_reason":finish}]});
            if let Some((input, output, cached)) = usage {
                reply["usage"] = json!({"prompt_tokens":input + cached,"completion_tokens":output,"total_tokens":input + cached + output,
                    "prompt_tokens_details":{"cached_tokens":cached}});
            }
            reply
        })
}

/// A whole reply of Claude.
pub fn claude_reply() -> impl Strategy<Value = Value> {
    let block = prop_oneof![
        text().prop_map(|text| json!({"type":"text","text":text})),
        text().prop_map(|text| json!({"type":"thinking","thinking":text,"signature":super::CLAUDE})),
        Just(json!({"type":"redacted_thinking","data":"Eo"})),
        text().prop_map(|text| json!({"type":"tool_use","name":"f","input":{"a":text}})),
        Just(json!({"type":"tool_use","name":"f","input":{}})),
    ];
    let stop = prop::sample::select(vec!["end_turn", "max_tokens", "stop_sequence", "refusal", "pause_turn"]);
    (prop::collection::vec(block, 0..5), stop, 0..50_u32, 0..50_u32).prop_map(|(mut blocks, stop, input, output)| {
        for (index, block) in blocks.iter_mut().enumerate().filter(|(_, block)| block["type"] == "tool_use") {
            block["id"] = format!("toolu_{index}").into();
        }
        let sequence = if stop == "stop_sequence" { json!("END") } else { Value::Null };
        json!({"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":blocks,"stop_reason":stop,
            "stop_sequence":sequence,"usage":{"input_tokens":input,"cache_read_input_tokens":3,"output_tokens":output}})
    })
}
