//! What a model says, in every provider's own wire words: as services send it, not as our encoders do.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::event_stream::{event, frame};

/// One thing that is said.
#[derive(Clone, Debug)]
pub enum Step {
    Think(Vec<String>),
    Say(Vec<String>),
    /// A call and its arguments in pieces.
    Call(Vec<String>),
    /// Two calls at once, where the format lets their pieces mix.
    Calls(Vec<String>, Vec<String>),
}

/// How it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Stop,
    Length,
    Filter,
    /// With a word that nobody knows.
    Other(&'static str),
    /// The provider says that it failed.
    Fails,
    /// The connection breaks off.
    Cut,
}

#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub fresh: u64,
    pub cached: u64,
    pub said: u64,
    pub thought: u64,
}

impl Counts {
    pub fn input(self) -> u64 {
        self.fresh + self.cached
    }

    pub fn output(self) -> u64 {
        self.said + self.thought
    }
}

#[derive(Clone, Debug)]
pub struct Script {
    pub steps: Vec<Step>,
    pub end: End,
    pub counts: Option<Counts>,
    /// The last event repeats everything, where the format can.
    pub repeats: bool,
}

/// What the provider says when it fails.
pub const FAILURE: &str = "the moon is not made of cheese";

impl Script {
    pub fn calls(&self) -> usize {
        let of = |step: &Step| match step {
            Step::Think(_) | Step::Say(_) => 0,
            Step::Call(_) => 1,
            Step::Calls(..) => 2,
        };
        self.steps.iter().map(of).sum()
    }

    /// The arguments of the calls, in their order; `None` for such as are no object.
    fn arguments(&self) -> Vec<Option<Value>> {
        let of = |pieces: &[String]| {
            let text = pieces.concat();
            let text = if text.is_empty() { "{}" } else { &text };
            serde_json::from_str::<Value>(text).ok().filter(Value::is_object)
        };
        let all = self.steps.iter().flat_map(|step| match step {
            Step::Think(_) | Step::Say(_) => Vec::new(),
            Step::Call(one) => vec![of(one)],
            Step::Calls(one, two) => vec![of(one), of(two)],
        });
        all.collect()
    }

    /// Whether all arguments are objects, or nothing at all.
    pub fn is_sound(&self) -> bool {
        self.arguments().iter().all(Option::is_some)
    }

    /// The calls whose arguments are objects.
    pub fn called(&self) -> Vec<(String, Value)> {
        let all = self.arguments().into_iter().enumerate();
        all.filter_map(|(at, arguments)| Some((name(at), arguments?))).collect()
    }
}

/// A few pieces, none of them empty.
fn said() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-zA-Z ,.é世\\n\\\\\"{}\\[\\]]{1,8}", 1..4)
}

fn arguments() -> impl Strategy<Value = Vec<String>> {
    let whole = prop_oneof![
        8 => ("[a-zé\\n\\\\\"]{0,6}", any::<bool>())
            .prop_map(|(text, more)| json!({"city": text, "n": [1, more, null]}).to_string()),
        2 => Just("{}".to_owned()),
        1 => Just(String::new()),
        1 => "[{}a\",:\\n]{1,6}",
    ];
    (whole, 1_usize..5).prop_map(|(whole, size)| {
        let chars: Vec<char> = whole.chars().collect();
        chars.chunks(size * 3).map(|piece| piece.iter().collect()).collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => said().prop_map(Step::Think),
        3 => said().prop_map(Step::Say),
        2 => arguments().prop_map(Step::Call),
        1 => (arguments(), arguments()).prop_map(|(one, two)| Step::Calls(one, two)),
    ]
}

pub fn script() -> impl Strategy<Value = Script> {
    let end = prop_oneof![
        5 => Just(End::Stop),
        2 => Just(End::Length),
        1 => Just(End::Filter),
        1 => Just(End::Other("needle_word")),
        2 => Just(End::Fails),
        2 => Just(End::Cut),
    ];
    let counts = (1_u64..500, 0_u64..500, 1_u64..500, 0_u64..500)
        .prop_map(|(fresh, cached, said, thought)| Counts { fresh, cached, said, thought });
    (prop::collection::vec(step(), 0..5), end, prop::option::weighted(0.8, counts), any::<bool>())
        .prop_map(|(steps, end, counts, repeats)| Script { steps, end, counts, repeats })
}

/// The stream as this provider sends it.
pub fn stream(provider: &str, script: &Script) -> Vec<u8> {
    match provider {
        "openai" => chat(script),
        "claude" => claude(script),
        "openai-response" | "codex" => responses(script),
        "gemini" => gemini(script, false),
        "gemini-cli" | "antigravity" => gemini(script, true),
        "kiro" => kiro(script),
        other => panic!("{other}"),
    }
}

/// Names and ids of calls, in their order.
fn name(at: usize) -> String {
    format!("tool_{at}")
}

fn sse(events: &[Value]) -> Vec<u8> {
    let mut out = String::new();
    for event in events {
        if let Some(kind) = event["type"].as_str() {
            out.push_str(&format!("event: {kind}\n"));
        }
        match event.as_str() {
            Some(raw) => out.push_str(&format!("data: {raw}\n\n")),
            None => out.push_str(&format!("data: {event}\n\n")),
        }
    }
    out.into_bytes()
}

fn chat(script: &Script) -> Vec<u8> {
    let chunk = |delta: Value, finish: Value| json!({"id":"c1","object":"chat.completion.chunk","created":7,"model":"up","choices":[{"index":0,"delta":delta,"finish_reason":finish}]});
    let mut out = vec![chunk(json!({"role":"assistant","content":""}), Value::Null)];
    let mut calls = 0;
    let open = |at: usize| json!({"tool_calls":[{"index":at,"id":format!("call_{at}"),"type":"function","function":{"name":name(at),"arguments":""}}]});
    let grow = |at: usize, piece: &str| json!({"tool_calls":[{"index":at,"function":{"arguments":piece}}]});
    for step in &script.steps {
        match step {
            Step::Think(pieces) => {
                out.extend(pieces.iter().map(|text| chunk(json!({"reasoning_content":text}), Value::Null)));
            }
            Step::Say(pieces) => {
                out.extend(pieces.iter().map(|text| chunk(json!({"content":text}), Value::Null)));
            }
            Step::Call(pieces) => {
                out.push(chunk(open(calls), Value::Null));
                out.extend(pieces.iter().map(|piece| chunk(grow(calls, piece), Value::Null)));
                calls += 1;
            }
            Step::Calls(one, two) => {
                out.push(chunk(open(calls), Value::Null));
                out.push(chunk(open(calls + 1), Value::Null));
                for (at, piece) in mixed(one, two) {
                    out.push(chunk(grow(calls + at, piece), Value::Null));
                }
                calls += 2;
            }
        }
    }
    let reason = match script.end {
        End::Stop if calls > 0 => "tool_calls",
        End::Stop => "stop",
        End::Length => "length",
        End::Filter => "content_filter",
        End::Other(word) => word,
        End::Fails => {
            out.push(json!({"error":{"message":FAILURE,"code":"server_error"}}));
            return sse(&out);
        }
        End::Cut => return sse(&out),
    };
    out.push(chunk(json!({}), reason.into()));
    if let Some(counts) = script.counts {
        out.push(json!({"id":"c1","object":"chat.completion.chunk","created":7,"model":"up","choices":[],
            "usage":{"prompt_tokens":counts.input(),"completion_tokens":counts.output(),"total_tokens":counts.input() + counts.output(),
                "prompt_tokens_details":{"cached_tokens":counts.cached},"completion_tokens_details":{"reasoning_tokens":counts.thought}}}));
    }
    out.push("[DONE]".into());
    sse(&out)
}

/// The pieces of two, by turns, with which of them each is of.
fn mixed<'p>(one: &'p [String], two: &'p [String]) -> Vec<(usize, &'p String)> {
    let mut out = Vec::new();
    for at in 0..one.len().max(two.len()) {
        out.extend(one.get(at).map(|piece| (0, piece)));
        out.extend(two.get(at).map(|piece| (1, piece)));
    }
    out
}

fn claude(script: &Script) -> Vec<u8> {
    let counts = script.counts;
    let mut out = vec![
        json!({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"up","content":[],"stop_reason":null,
            "usage":counts.map_or(json!({}), |counts| json!({"input_tokens":counts.fresh,"cache_read_input_tokens":counts.cached,"output_tokens":1}))}}),
    ];
    let (mut index, mut calls) = (0, 0);
    let mut block = |start: Value, kind: &str, member: &str, pieces: &[String]| {
        out.push(json!({"type":"content_block_start","index":index,"content_block":start}));
        for piece in pieces {
            out.push(json!({"type":"content_block_delta","index":index,"delta":{"type":kind,member:piece}}));
        }
        out.push(json!({"type":"content_block_stop","index":index}));
        index += 1;
    };
    for step in &script.steps {
        let mut call = |pieces: &[String]| {
            let start =
                json!({"type":"tool_use","id":format!("toolu_{calls}"),"name":name(calls),"input":{}});
            calls += 1;
            block(start, "input_json_delta", "partial_json", pieces);
        };
        match step {
            Step::Call(pieces) => call(pieces),
            Step::Calls(one, two) => {
                call(one);
                call(two);
            }
            Step::Think(pieces) => {
                block(
                    json!({"type":"thinking","thinking":"","signature":""}),
                    "thinking_delta",
                    "thinking",
                    pieces,
                );
            }
            Step::Say(pieces) => block(json!({"type":"text","text":""}), "text_delta", "text", pieces),
        }
    }
    let reason = match script.end {
        End::Stop if calls > 0 => "tool_use",
        End::Stop => "end_turn",
        End::Length => "max_tokens",
        End::Filter => "refusal",
        End::Other(word) => word,
        End::Fails => {
            out.push(json!({"type":"error","error":{"type":"overloaded_error","message":FAILURE}}));
            return sse(&out);
        }
        End::Cut => return sse(&out),
    };
    let usage = counts.map_or(json!({}), |counts| json!({"output_tokens":counts.output()}));
    out.push(
        json!({"type":"message_delta","delta":{"stop_reason":reason,"stop_sequence":null},"usage":usage}),
    );
    out.push(json!({"type":"message_stop"}));
    sse(&out)
}

fn responses(script: &Script) -> Vec<u8> {
    let head = json!({"id":"resp_1","object":"response","created_at":7,"model":"up","status":"in_progress","output":[],
        "parallel_tool_calls":true,"tool_choice":"auto","tools":[]});
    let mut out = vec![json!({"type":"response.created","response":head})];
    let mut output: Vec<Value> = Vec::new();
    let (mut at, mut calls) = (0, 0);
    let added =
        |at: usize, item: Value| json!({"type":"response.output_item.added","output_index":at,"item":item});
    let done =
        |at: usize, item: &Value| json!({"type":"response.output_item.done","output_index":at,"item":item});
    let call = |at: usize, arguments: &str| json!({"type":"function_call","id":format!("fc_{at}"),"call_id":format!("call_{at}"),"name":name(at),"arguments":arguments,"status":"completed"});
    let grow = |at: usize, call: usize, piece: &str| json!({"type":"response.function_call_arguments.delta","item_id":format!("fc_{call}"),"output_index":at,"delta":piece});
    for step in &script.steps {
        match step {
            Step::Think(pieces) => {
                let id = format!("rs_{at}");
                out.push(added(at, json!({"type":"reasoning","id":id,"summary":[]})));
                out.push(json!({"type":"response.reasoning_summary_part.added","item_id":id,"output_index":at,"summary_index":0,"part":{"type":"summary_text","text":""}}));
                for text in pieces {
                    out.push(json!({"type":"response.reasoning_summary_text.delta","item_id":id,"output_index":at,"summary_index":0,"delta":text}));
                }
                let item = json!({"type":"reasoning","id":id,"summary":[{"type":"summary_text","text":pieces.concat()}]});
                out.push(done(at, &item));
                output.push(item);
                at += 1;
            }
            Step::Say(pieces) => {
                let id = format!("msg_{at}");
                out.push(added(at, json!({"type":"message","id":id,"role":"assistant","content":[]})));
                for text in pieces {
                    out.push(json!({"type":"response.output_text.delta","item_id":id,"output_index":at,"content_index":0,"delta":text}));
                }
                let item = json!({"type":"message","id":id,"role":"assistant","status":"completed","content":[{"type":"output_text","text":pieces.concat(),"annotations":[]}]});
                out.push(done(at, &item));
                output.push(item);
                at += 1;
            }
            Step::Call(pieces) => {
                out.push(added(at, call(calls, "")));
                out.extend(pieces.iter().map(|piece| grow(at, calls, piece)));
                let item = call(calls, &pieces.concat());
                out.push(done(at, &item));
                output.push(item);
                at += 1;
                calls += 1;
            }
            Step::Calls(one, two) => {
                out.push(added(at, call(calls, "")));
                out.push(added(at + 1, call(calls + 1, "")));
                out.extend(mixed(one, two).into_iter().map(|(of, piece)| grow(at + of, calls + of, piece)));
                for (of, pieces) in [one, two].into_iter().enumerate() {
                    let item = call(calls + of, &pieces.concat());
                    out.push(done(at + of, &item));
                    output.push(item);
                }
                at += 2;
                calls += 2;
            }
        }
    }
    let mut response = head;
    response["output"] = if script.repeats { json!(output) } else { json!([]) };
    if let Some(counts) = script.counts {
        response["usage"] = json!({"input_tokens":counts.input(),"input_tokens_details":{"cached_tokens":counts.cached,"cache_write_tokens":0},
            "output_tokens":counts.output(),"output_tokens_details":{"reasoning_tokens":counts.thought},"total_tokens":counts.input() + counts.output()});
    }
    let (kind, status, reason) = match script.end {
        End::Stop => ("response.completed", "completed", None),
        End::Length => ("response.incomplete", "incomplete", Some("max_output_tokens")),
        End::Filter => ("response.incomplete", "incomplete", Some("content_filter")),
        End::Other(word) => ("response.incomplete", "incomplete", Some(word)),
        End::Fails => {
            response["error"] = json!({"code":"server_error","message":FAILURE});
            ("response.failed", "failed", None)
        }
        End::Cut => return sse(&out),
    };
    response["status"] = status.into();
    if let Some(reason) = reason {
        response["incomplete_details"] = json!({"reason":reason});
    }
    out.push(json!({"type":kind,"response":response}));
    sse(&out)
}

fn gemini(script: &Script, wraps: bool) -> Vec<u8> {
    let chunk = |parts: Value| json!({"candidates":[{"index":0,"content":{"role":"model","parts":parts}}],"modelVersion":"up","responseId":"r1"});
    let mut out = Vec::new();
    let mut calls = 0;
    let mut call = |pieces: &[String]| {
        let text = pieces.concat();
        let args = serde_json::from_str::<Value>(&text).unwrap_or_else(|_| text.into());
        calls += 1;
        json!({"functionCall":{"id":format!("call_{}", calls - 1),"name":name(calls - 1),"args":args}})
    };
    for step in &script.steps {
        match step {
            Step::Think(pieces) => {
                out.extend(pieces.iter().map(|text| chunk(json!([{"text":text,"thought":true}]))));
            }
            Step::Say(pieces) => out.extend(pieces.iter().map(|text| chunk(json!([{"text":text}])))),
            Step::Call(pieces) => out.push(chunk(json!([call(pieces)]))),
            Step::Calls(one, two) => {
                let parts = json!([call(one), call(two)]);
                out.push(chunk(parts));
            }
        }
    }
    let reason = match script.end {
        End::Stop => Some("STOP"),
        End::Length => Some("MAX_TOKENS"),
        End::Filter => Some("SAFETY"),
        End::Other(word) => Some(word),
        End::Fails | End::Cut => None,
    };
    if let Some(reason) = reason {
        let mut last = chunk(json!([{"text":""}]));
        last["candidates"][0]["finishReason"] = reason.into();
        if let Some(counts) = script.counts {
            last["usageMetadata"] = json!({"promptTokenCount":counts.input(),"cachedContentTokenCount":counts.cached,
                "candidatesTokenCount":counts.said,"thoughtsTokenCount":counts.thought,"totalTokenCount":counts.input() + counts.output()});
        }
        out.push(last);
    }
    let mut events: Vec<Value> =
        out.into_iter().map(|chunk| if wraps { json!({"response":chunk}) } else { chunk }).collect();
    if script.end == End::Fails {
        events.push(json!({"error":{"code":503,"message":FAILURE,"status":"UNAVAILABLE"}}));
    }
    sse(&events)
}

fn kiro(script: &Script) -> Vec<u8> {
    let mut out: Vec<(&str, Value)> = Vec::new();
    let mut calls = 0;
    let piece = |at: usize, input: &str, stop: bool| {
        let mut payload = json!({"toolUseId":format!("tooluse_{at}"),"name":name(at)});
        if stop {
            payload["stop"] = true.into();
        } else {
            payload["input"] = input.into();
        }
        ("toolUseEvent", payload)
    };
    for step in &script.steps {
        match step {
            Step::Think(pieces) => {
                out.extend(pieces.iter().map(|text| ("reasoningContentEvent", json!({"text":text}))));
            }
            Step::Say(pieces) => {
                out.extend(pieces.iter().map(|text| ("assistantResponseEvent", json!({"content":text}))));
            }
            Step::Call(pieces) => {
                out.push(piece(calls, "", false));
                out.extend(pieces.iter().map(|input| piece(calls, input, false)));
                out.push(piece(calls, "", true));
                calls += 1;
            }
            Step::Calls(one, two) => {
                out.push(piece(calls, "", false));
                out.push(piece(calls + 1, "", false));
                out.extend(mixed(one, two).into_iter().map(|(of, input)| piece(calls + of, input, false)));
                out.push(piece(calls, "", true));
                out.push(piece(calls + 1, "", true));
                calls += 2;
            }
        }
    }
    let whole = !matches!(script.end, End::Fails | End::Cut);
    if let Some(counts) = script.counts.filter(|_| whole) {
        out.push(("metadataEvent", json!({"tokenUsage":{"uncachedInputTokens":counts.fresh,"cacheReadInputTokens":counts.cached,"outputTokens":counts.output()}})));
    }
    let reason = match script.end {
        End::Length => "MAX_TOKENS",
        End::Filter => "CONTENT_FILTERED",
        End::Other(word) => word,
        _ => "END_TURN",
    };
    if whole {
        out.push(("messageStopEvent", json!({"stopReason":reason})));
    }
    let mut bytes: Vec<u8> =
        out.iter().flat_map(|(kind, payload)| event(kind, &payload.to_string())).collect();
    match script.end {
        End::Fails => {
            let headers = [
                (":message-type", 7, b"exception".as_slice()),
                (":exception-type", 7, b"InternalServerException"),
            ];
            bytes.extend(frame(&headers, json!({"message":FAILURE}).to_string().as_bytes()));
        }
        // Its streams have no last event: what is cut is a frame.
        End::Cut => {
            let mut last = event("assistantResponseEvent", r#"{"content":"and"}"#);
            last.truncate(last.len() - 3);
            bytes.extend(last);
        }
        _ => {}
    }
    bytes
}
