//! Streams, read and written. Source: translation.md A.14, B53, B61 to B64, B68, B77.

use cliproxy_core::{FinishReason, Usage};
use cliproxy_translator::format::claude::ClaudeCodec;
use cliproxy_translator::model::{BlockKind, Delta, Event, Finish, Issuer, Signature, Start, StreamError};
use cliproxy_translator::{Aggregator, Codec, ReplyContext};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{check_stream, chunk, codec, context, decode, deltas, events, frames, random, written};
use crate::schema::assert_valid_bytes;

/// One of everything that a stream may hold.
pub fn whole() -> String {
    let logprobs =
        json!({"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}],"refusal":null});
    let mut first = chunk(json!({"role":"assistant","content":""}), Value::Null);
    first["service_tier"] = "default".into();
    let mut said = chunk(json!({"content":"a \"q\"\n\u{4e2d}"}), Value::Null);
    said["choices"][0]["logprobs"] = logprobs;
    let mut second = chunk(json!({"content":"other"}), "stop".into());
    second["choices"][0]["index"] = 1.into();
    let usage = json!({"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,
        "prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":2}});
    let mut last = chunk(json!({}), Value::Null);
    last["choices"] = json!([]);
    last["usage"] = usage;
    let mut text = frames(&[
        first,
        chunk(json!({"reasoning_content":"h"}), Value::Null),
        chunk(json!({"reasoning_content":"m"}), Value::Null),
        said,
        chunk(
            json!({"content":"b","annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"url":"u","title":"t"}}]}),
            Value::Null,
        ),
        second,
        chunk(
            json!({"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}},{"index":1,"id":"call_2","type":"function","function":{"name":"g","arguments":"{\"b\""}}]}),
            Value::Null,
        ),
        chunk(json!({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}), Value::Null),
        chunk(json!({"tool_calls":[{"index":1,"function":{"arguments":":2}"}}]}), Value::Null),
        chunk(json!({}), "tool_calls".into()),
        last,
    ]);
    text.push_str("data: [DONE]\n\n");
    text
}

fn aggregate(sse: &str) -> Value {
    let mut aggregator = Aggregator::new();
    decode(sse.as_bytes(), sse.len(), &mut |event| aggregator.push(event)).unwrap();
    assert_valid_bytes("openai-chat.reply", &codec().encode_reply(&aggregator.finish().unwrap(), &context()))
}

fn rewritten(sse: &str) -> Vec<u8> {
    let mut context = context();
    context.include_usage = true;
    let mut encoder = codec().stream_encoder(&context);
    let mut out = Vec::new();
    decode(sse.as_bytes(), sse.len(), &mut |event| encoder.encode(event, &mut out)).unwrap();
    out
}

#[test]
fn a_whole_stream_reads_as_its_reply() {
    assert_eq!(
        aggregate(&whole()),
        json!({"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"gpt-x","choices":[
            {"index":0,"message":{"role":"assistant","content":"a \"q\"\n\u{4e2d}b","reasoning_content":"hm",
                "tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
                    {"id":"call_2","type":"function","function":{"name":"g","arguments":"{\"b\":2}"}}],
                "annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"url":"u","title":"t"}}]},
                "finish_reason":"tool_calls",
                "logprobs":{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}],"refusal":null}},
            {"index":1,"message":{"role":"assistant","content":"other"},"finish_reason":"stop"}],
            "usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,
                "prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":2}},
            "service_tier":"default"})
    );
}

#[test]
fn a_stream_written_again_reads_the_same() {
    let out = rewritten(&whole());
    check_stream(&out);
    assert_eq!(aggregate(std::str::from_utf8(&out).unwrap()), aggregate(&whole()));
}

#[test]
fn services_say_the_same_in_many_ways() {
    let call = |call: Value| json!({"tool_calls":[call]});
    let f = |arguments: Value| json!({"name":"f","arguments":arguments});
    for (case, deltas, expected) in [
        ("reasoning", vec![json!({"reasoning":"x"})], vec![r#"{"reasoning_content":"x"}"#]),
        ("reasoning_text", vec![json!({"reasoning_text":"x"})], vec![r#"{"reasoning_content":"x"}"#]),
        (
            "a router's details repeat the text",
            vec![json!({"reasoning":"x","reasoning_details":[{"type":"reasoning.text","text":"x"}]})],
            vec![r#"{"reasoning_content":"x"}"#],
        ),
        (
            "details alone",
            vec![json!({"reasoning_details":[{"type":"reasoning.summary","summary":"x"}]})],
            vec![r#"{"reasoning_content":"x"}"#],
        ),
        (
            "Mistral's parts",
            vec![
                json!({"content":[{"type":"thinking","thinking":[{"type":"text","text":"x"}]},{"type":"text","text":"y"}]}),
            ],
            vec![r#"{"reasoning_content":"x"}"#, r#"{"content":"y"}"#],
        ),
        ("nothing", vec![json!({"content":null}), json!({"content":""})], vec![]),
        ("a refusal", vec![json!({"refusal":"no"})], vec![r#"{"refusal":"no"}"#]),
        (
            "an image",
            vec![json!({"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]})],
            vec![
                r#"{"images":[{"index":0,"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}"#,
            ],
        ),
        (
            "sound",
            vec![json!({"audio":{"id":"a","data":"AA=="}})],
            vec![r#"{"audio":{"id":"a","data":"AA=="}}"#],
        ),
        (
            "arguments as an object",
            vec![call(json!({"index":0,"id":"c","function":f(json!({"a":1}))}))],
            vec![
                r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}"#,
                r#""tool_calls""#,
            ],
        ),
        (
            "the one call of old services",
            vec![json!({"function_call":f(json!("{"))}), json!({"function_call":{"arguments":"}"}})],
            vec![
                r#"{"tool_calls":[{"index":0,"id":"*","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}"#,
                r#""tool_calls""#,
            ],
        ),
        (
            "every call numbered 0",
            vec![
                call(json!({"index":0,"id":"c","function":f(json!("{}"))})),
                call(json!({"index":0,"id":"d","function":f(json!("{}"))})),
            ],
            vec![
                r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
                r#"{"tool_calls":[{"index":1,"id":"d","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#,
                r#""tool_calls""#,
            ],
        ),
        (
            "no numbers at all",
            vec![
                call(json!({"id":"c","function":f(json!("{"))})),
                call(json!({"function":{"arguments":"}"}})),
                call(json!({"id":"d","function":f(json!("{}"))})),
            ],
            vec![
                r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}"#,
                r#"{"tool_calls":[{"index":1,"id":"d","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#,
                r#""tool_calls""#,
            ],
        ),
        (
            "Gemini's signature rides on its call",
            vec![call(
                json!({"index":0,"id":"c","function":f(json!("")),"extra_content":{"google":{"thought_signature":"S"}}}),
            )],
            vec![
                r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":""},"extra_content":{"google":{"thought_signature":"S"}}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
                r#""tool_calls""#,
            ],
        ),
    ] {
        let mut chunks: Vec<Value> = deltas_of(&deltas);
        chunks.push(chunk(json!({}), "stop".into()));
        let mut text = frames(&chunks);
        text.push_str("data: [DONE]\n\n");
        let values = check_stream(&rewritten(&text));
        let mut got = super::deltas(&values);
        for delta in &mut got {
            // An id that was made is 24 letters and digits.
            if let Some(id) = delta
                .pointer_mut("/tool_calls/0/id")
                .filter(|id| id.as_str().is_some_and(|id| id.len() == 29))
            {
                *id = "*".into();
            }
        }
        let mut wanted: Vec<Value> =
            expected.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        if wanted.last().is_none_or(|last| !last.is_string()) {
            wanted.push("stop".into());
        }
        assert_eq!(got, wanted, "{case}");
    }
}

fn deltas_of(deltas: &[Value]) -> Vec<Value> {
    deltas.iter().map(|delta| chunk(delta.clone(), Value::Null)).collect()
}

#[test]
fn b68_f39_a_stream_ends_once_and_only_when_it_is_whole() {
    let text = frames(&[chunk(json!({"content":"a"}), Value::Null)]);
    let cut_call = frames(&[chunk(
        json!({"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\":\"}"}}]}),
        Value::Null,
    )]);
    let finished = frames(&[chunk(json!({"content":"a"}), "stop".into())]);
    let done = "data: [DONE]\n\n";
    for (case, stream, whole) in [
        ("nothing came", String::new(), false),
        ("cut in its text", text.clone(), false),
        ("finished without [DONE], as some services end", finished.clone(), true),
        ("[DONE] without a finish", format!("{text}{done}"), true),
        ("[DONE] within arguments", format!("{cut_call}{done}"), false),
        ("[DONE] alone", done.to_owned(), true),
        ("all there is", format!("{finished}{done}"), true),
    ] {
        let (seen, result) = events(&stream);
        assert_eq!(result.is_ok(), whole, "{case}: {seen:?}");
        assert_eq!(seen.iter().filter(|event| *event == "End").count(), usize::from(whole), "{case}");
    }
    // B53, E139, E194: behind the end nothing counts.
    let late = frames(&[chunk(json!({"content":"late"}), "length".into())]);
    let (seen, _) = events(&format!("{finished}{late}{done}{late}"));
    assert!(!seen.iter().any(|event| event.contains("late") || event.contains("Length")), "{seen:?}");
    for cut in 1..whole().len() - "[DONE]\n\n".len() {
        let part = &whole().into_bytes()[..cut];
        if let Ok(text) = std::str::from_utf8(part)
            && !text.contains(r#""finish_reason":"tool_calls""#)
        {
            assert!(events(text).1.is_err(), "{text}");
        }
    }
}

#[test]
fn b53_what_is_no_chunk_is_refused_and_keepalives_are_not() {
    for broken in ["data: {\n\n", "data: []\n\n", "data: {\"choices\":7}\n\n", "data: \"text\"\n\n"] {
        assert!(events(broken).1.is_err(), "{broken}");
    }
    let quiet = format!(": keep-alive\n\ndata: \n\n{}", whole());
    assert_eq!(events(&quiet).0, events(&whole()).0);
    // Azure's filter results come first, and begin nothing.
    let azure = json!({"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]});
    assert_eq!(events(&format!("{}{}", frames(&[azure]), whole())).0, events(&whole()).0);
}

#[test]
fn b77_errors_inside_a_stream_are_typed_and_final() {
    let begun = frames(&[chunk(json!({"content":"a"}), Value::Null)]);
    for (frame, status, message) in [
        (r#"data: {"error":{"message":"slow","type":"rate_limit_error","code":null}}"#, Some(429), "slow"),
        (r#"data: {"error":{"message":"busy","code":503}}"#, Some(503), "busy"),
        (r#"data: {"error":"plain"}"#, None, "plain"),
        (r#"data: {"object":"error","message":"bad","code":400}"#, Some(400), "bad"),
        (r#"data: {"detail":"nope","status":404}"#, Some(404), "nope"),
        ("event: error\ndata: {\"message\":\"named\"}", None, "named"),
    ] {
        let stream = format!("{begun}{frame}\n\n{begun}data: [DONE]\n\n");
        let mut errors = Vec::new();
        let mut last = String::new();
        decode(stream.as_bytes(), stream.len(), &mut |event| {
            last = format!("{event:?}");
            if let Event::Error(error) = event {
                errors.push((error.status, error.message.into_owned()));
            }
        })
        .unwrap();
        assert_eq!(errors, [(status, message.to_owned())], "{frame}");
        assert!(last.starts_with("Error"), "nothing follows: {last}");
    }
}

#[test]
fn b55_the_last_usage_counts_wherever_it_stands() {
    let usage = |output: u32| json!({"prompt_tokens":3,"completion_tokens":output,"total_tokens":3 + output});
    let mut first = chunk(json!({"content":"a"}), Value::Null);
    first["usage"] = usage(1);
    let mut moonshot = chunk(json!({}), "stop".into());
    moonshot["choices"][0]["usage"] = usage(2);
    let mut counted = Vec::new();
    let stream = format!("{}data: [DONE]\n\n", frames(&[first, moonshot]));
    decode(stream.as_bytes(), 7, &mut |event| {
        if let Event::Usage(usage) = event {
            counted.push(usage.output);
        }
    })
    .unwrap();
    assert_eq!(counted, [Some(1), Some(2)]);
    // DeepSeek and Moonshot keep the cached tokens elsewhere.
    for (usage, cached) in [
        (json!({"prompt_tokens":9,"prompt_cache_hit_tokens":4}), Some(4)),
        (json!({"prompt_tokens":9,"cached_tokens":5}), Some(5)),
        (json!({"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":0}}), Some(0)),
        (json!({"prompt_tokens":9}), None),
        (json!({"prompt_tokens":"9","prompt_tokens_details":{"cached_tokens":1.5}}), None),
    ] {
        let reply =
            json!({"id":"i","choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":usage})
                .to_string();
        let response = codec().decode_reply(reply.as_bytes(), &context()).unwrap();
        assert_eq!(response.usage.unwrap_or_default().cache_read, cached, "{reply}");
    }
}

fn start() -> Event<'static> {
    Event::Start(Start {
        id: "i".into(),
        model: "provider-model".into(),
        created: Some(7),
        service_tier: None,
    })
}

fn text(block: u32, text: &'static str) -> Event<'static> {
    Event::Delta { block, delta: Delta::Text(text.into()) }
}

fn open(block: u32, kind: BlockKind<'static>) -> Event<'static> {
    Event::BlockStart { block, candidate: 0, kind }
}

fn call(id: &'static str, custom: bool) -> BlockKind<'static> {
    BlockKind::ToolCall { id: id.into(), name: "wire".into(), custom }
}

fn args(block: u32, text: &'static str) -> Event<'static> {
    Event::Delta { block, delta: Delta::Args(text.into()) }
}

fn finish(reason: FinishReason) -> Event<'static> {
    Event::Finish { candidate: 0, finish: Finish::new(reason) }
}

/// Found by fuzzing: a provider that goes on after it said why it ended.
#[test]
fn b53_the_finish_stands_behind_everything_that_is_said() {
    let values = written(
        [
            start(),
            open(0, BlockKind::Text),
            text(0, "a"),
            finish(FinishReason::Length),
            text(0, "b"),
            open(1, call("c", false)),
            args(1, "{}"),
            finish(FinishReason::Stop),
            Event::End,
        ],
        &context(),
    );
    let reasons: Vec<_> = values
        .iter()
        .map(|value| &value["choices"][0]["finish_reason"])
        .filter(|reason| !reason.is_null())
        .collect();
    assert_eq!(reasons, ["length"], "the first that was said");
    assert_eq!(values.last().unwrap()["choices"][0]["finish_reason"], "length", "{values:?}");
    let said: String = deltas(&values).iter().filter_map(|delta| delta["content"].as_str()).collect();
    assert_eq!(said, "ab");
}

#[test]
fn b64_f12_calls_are_counted_from_zero_and_stream_their_arguments() {
    let mut context = context();
    context.names.insert("declared", "wire");
    context.shown_model = Some("alias".to_owned());
    let values = written(
        [
            start(),
            open(3, BlockKind::Text),
            text(3, "a"),
            Event::BlockStop { block: 3 },
            open(4, call("c", false)),
            open(5, call("", false)),
            args(4, "{\"a\":"),
            args(5, "{}"),
            args(4, "1}"),
            Event::BlockStop { block: 4 },
            Event::Ping,
            finish(FinishReason::Stop),
            finish(FinishReason::Length),
            Event::End,
            text(3, "late"),
        ],
        &context,
    );
    assert_eq!(
        (&values[0]["model"], &values[0]["id"], &values[0]["created"]),
        (&json!("alias"), &json!("i"), &json!(7))
    );
    let got = deltas(&values);
    let made = got[2]["tool_calls"][0]["id"].clone();
    assert!(made.as_str().unwrap().starts_with("call_"));
    assert_eq!(
        got,
        [
            json!({"content":"a"}),
            json!({"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"declared","arguments":""}}]}),
            json!({"tool_calls":[{"index":1,"id":made,"type":"function","function":{"name":"declared","arguments":""}}]}),
            json!({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}),
            json!({"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}),
            json!({"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}),
            json!("tool_calls"),
        ]
    );
}

#[test]
fn b10_f25_free_text_and_json_find_the_form_that_the_client_declared() {
    for (case, declared, custom, pieces, expected) in [
        (
            "declared custom, called as a function",
            true,
            false,
            ["{\"input\":\"l", "s\"}"],
            json!({"custom":{"input":"ls"}}),
        ),
        ("declared custom, called as custom", true, true, ["l", "s"], json!({"custom":{"input":"l"}})),
        (
            "a function, called as custom",
            false,
            true,
            ["l", "s"],
            json!({"function":{"arguments":"{\"input\":\"ls\"}"}}),
        ),
    ] {
        let mut context = context();
        context.custom_tools = if declared { vec!["wire".to_owned()] } else { vec!["other".to_owned()] };
        let mut encoder = codec().stream_encoder(&context);
        let mut out = Vec::new();
        for event in [
            start(),
            open(0, call("c", custom)),
            args(0, pieces[0]),
            args(0, pieces[1]),
            Event::BlockStop { block: 0 },
            Event::End,
        ] {
            encoder.encode(event, &mut out);
        }
        let got = deltas(&super::check_frames(std::str::from_utf8(&out).unwrap()));
        let kind = if declared { "custom" } else { "function" };
        assert_eq!(got[0]["tool_calls"][0]["type"], kind, "{case}");
        let mut call = expected;
        call["index"] = 0.into();
        assert_eq!(got[1]["tool_calls"][0], call, "{case}");
    }
}

#[test]
fn an_empty_stream_is_a_valid_reply_and_usage_comes_where_it_was_asked_for() {
    let usage = || Event::Usage(Usage { input: Some(3), output: Some(4), ..Usage::default() });
    for (include_usage, counted) in [(false, false), (true, true)] {
        let mut context = context();
        context.include_usage = include_usage;
        // B71
        let values = written([start(), usage(), Event::End], &context);
        assert_eq!(deltas(&values), [json!("stop")]);
        let last = values.last().unwrap();
        assert_eq!(last["usage"].is_object(), counted);
        if counted {
            assert_eq!(last["choices"], json!([]));
            assert_eq!(last["usage"], json!({"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}));
        }
    }
    // B59: what nobody counted is not told.
    let mut context = context();
    context.include_usage = true;
    assert!(written([start(), Event::End], &context).iter().all(|value| value.get("usage").is_none()));
    // B4a, B93: what the provider left out is made, and always the same.
    let blank = || Event::Start(Start::default());
    let values =
        written([blank(), finish(FinishReason::Length), Event::End], &ReplyContext::new("asked", "seed"));
    assert_eq!(
        (&values[0]["model"], &values[1]["choices"][0]["finish_reason"]),
        (&json!("asked"), &json!("length"))
    );
    assert_eq!(written([blank(), Event::End], &ReplyContext::new("asked", "seed"))[0]["id"], values[0]["id"]);
}

#[test]
fn e036_b85_what_the_format_cannot_say_is_silent_and_citations_name_their_place() {
    let citation = |raw: &'static str| Event::Delta {
        block: 1,
        delta: Delta::Citation {
            format: "claude",
            raw: std::borrow::Cow::Owned(cliproxy_translator::json::raw(raw).unwrap()),
        },
    };
    let signed = Signature { issuer: Issuer::Claude, value: "Eo".into() };
    let values = written(
        [
            start(),
            open(0, BlockKind::Redacted("Eo".into())),
            Event::BlockStop { block: 0 },
            open(1, BlockKind::Text),
            text(1, "s\u{e9}e "),
            Event::BlockStop { block: 1 },
            open(1, BlockKind::Text),
            citation(
                r#"{"type":"web_search_result_location","url":"https://h.example/","title":"t","cited_text":"c"}"#,
            ),
            citation(r#"{"type":"char_location","document_index":0}"#),
            text(1, "th\u{4e2d}s"),
            Event::BlockStop { block: 1 },
            open(2, BlockKind::Reasoning),
            Event::Delta { block: 2, delta: Delta::Signature(signed) },
            Event::BlockStop { block: 2 },
            finish(FinishReason::Stop),
            Event::End,
        ],
        &context(),
    );
    assert_eq!(
        deltas(&values),
        [
            json!({"content":"s\u{e9}e "}),
            json!({"content":"th\u{4e2d}s"}),
            json!({"annotations":[{"type":"url_citation","url_citation":{"start_index":4,"end_index":8,"url":"https://h.example/","title":"t"}}]}),
            json!("stop"),
        ]
    );
}

/// Google's `code` is the status over again; clients look for a word there.
#[test]
fn b77_a_number_is_no_code_of_an_error() {
    for (code, told) in
        [("503", "internal_server_error"), ("", "internal_server_error"), ("server_busy", "server_busy")]
    {
        let error = Event::Error(StreamError {
            status: Some(503),
            code: code.into(),
            message: "busy".into(),
            ..StreamError::default()
        });
        let values = written([start(), open(0, BlockKind::Text), error], &context());
        assert_eq!(values.last().unwrap()["error"]["code"], told, "{code}");
    }
}

#[test]
fn b77_an_error_ends_the_stream_without_done() {
    let error = || {
        Event::Error(StreamError {
            status: Some(529),
            kind: "overloaded_error".into(),
            message: "busy".into(),
            ..StreamError::default()
        })
    };
    let values =
        written([start(), open(0, BlockKind::Text), text(0, "a"), error(), error(), Event::End], &context());
    assert_eq!(
        values.last().unwrap()["error"],
        json!({"message":"busy","type":"overloaded_error","param":null,"code":"internal_server_error"})
    );
    // Before anything else too, and the message falls back to what there is.
    let values =
        written([Event::Error(StreamError { code: "boom".into(), ..StreamError::default() })], &context());
    assert_eq!(
        values[0]["error"],
        json!({"message":"boom","type":"server_error","param":null,"code":"boom"})
    );
}

/// A reply cut into the chunks of a stream: texts at the given places, calls one after the other or in turn.
fn streamed(reply: &Value, cut: usize, in_turn: bool) -> String {
    let choice = &reply["choices"][0];
    let message = &choice["message"];
    let pieces = |text: &str| -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(cut).map(|piece| piece.iter().collect()).collect()
    };
    let mut chunks = vec![chunk(json!({"role":"assistant","content":""}), Value::Null)];
    for key in ["reasoning_content", "content"] {
        for piece in pieces(message[key].as_str().unwrap_or_default()) {
            chunks.push(chunk(json!({key:piece}), Value::Null));
        }
    }
    let mut growing: Vec<Vec<Value>> = Vec::new();
    for (index, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let mut start = call.clone();
        start["index"] = index.into();
        let arguments = start["function"]["arguments"].take();
        start["function"]["arguments"] = "".into();
        chunks.push(chunk(json!({"tool_calls":[start]}), Value::Null));
        let rest = pieces(arguments.as_str().unwrap());
        let rest: Vec<_> = rest
            .into_iter()
            .map(|piece| {
                chunk(json!({"tool_calls":[{"index":index,"function":{"arguments":piece}}]}), Value::Null)
            })
            .collect();
        if in_turn { growing.push(rest) } else { chunks.extend(rest) }
    }
    for place in 0..growing.iter().map(Vec::len).max().unwrap_or(0) {
        chunks.extend(growing.iter().filter_map(|pieces| pieces.get(place).cloned()));
    }
    chunks.push(chunk(json!({}), choice["finish_reason"].clone()));
    if reply["usage"].is_object() {
        let mut last = chunk(json!({}), Value::Null);
        last["choices"] = json!([]);
        last["usage"] = reply["usage"].clone();
        chunks.push(last);
    }
    frames(&chunks) + "data: [DONE]\n\n"
}

fn through(reply: &Value) -> Value {
    let text = reply.to_string();
    let response = codec().decode_reply(text.as_bytes(), &context()).unwrap();
    assert_valid_bytes("openai-chat.reply", &codec().encode_reply(&response, &context()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn any_chunking_gives_the_same_events(size in 1_usize..400) {
        let mut seen = Vec::new();
        let text = whole();
        decode(text.as_bytes(), size, &mut |event| seen.push(format!("{event:?}"))).unwrap();
        prop_assert_eq!(seen, events(&text).0);
    }

    #[test]
    fn b74_the_aggregate_of_a_stream_is_the_reply(reply in random::reply(), cut in 1_usize..6, in_turn in any::<bool>()) {
        prop_assert_eq!(&through(&reply), &reply);
        prop_assert_eq!(&aggregate(&streamed(&reply, cut, in_turn)), &reply);
    }

    #[test]
    fn b74_claude_clients_get_the_same_of_both(reply in random::reply(), cut in 1_usize..6, in_turn in any::<bool>()) {
        let claude = ClaudeCodec::default();
        let text = reply.to_string();
        let whole = claude.encode_reply(&codec().decode_reply(text.as_bytes(), &context()).unwrap(), &context());
        let sse = streamed(&reply, cut, in_turn);
        let mut encoder = claude.stream_encoder(&context());
        let mut out = Vec::new();
        decode(sse.as_bytes(), sse.len(), &mut |event| encoder.encode(event, &mut out)).unwrap();
        crate::claude::check_stream(&out);
        let mut aggregator = Aggregator::new();
        crate::claude::decode(&out, 64, &mut |event| aggregator.push(event)).unwrap();
        let again = claude.encode_reply(&aggregator.finish().unwrap(), &context());
        let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let (mut whole, mut again) = (value(&whole), value(&again));
        for reply in [&mut whole, &mut again] {
            // An empty text is a block in a stream and none in a reply (B71).
            reply["content"].as_array_mut().unwrap().retain(|block| block["text"] != "");
        }
        prop_assert_eq!(again, whole);
    }

    #[test]
    fn b74_e035_chat_clients_get_the_same_of_claudes_stream_and_reply(reply in random::claude_reply()) {
        let claude = ClaudeCodec::default();
        let text = reply.to_string();
        let response = claude.decode_reply(text.as_bytes(), &context()).unwrap();
        let whole = codec().encode_reply(&response, &context());
        let (mut sse, mut out) = (Vec::new(), Vec::new());
        let mut provider = claude.stream_encoder(&context());
        cliproxy_translator::replay(&response, &mut |event| provider.encode(event, &mut sse));
        let mut with_usage = context();
        with_usage.include_usage = true;
        let mut encoder = codec().stream_encoder(&with_usage);
        crate::claude::decode(&sse, 64, &mut |event| encoder.encode(event, &mut out)).unwrap();
        let chunks = check_stream(&out);
        let value: Value = serde_json::from_slice(&whole).unwrap();
        // As it came, and not only as it reads when it was put together again.
        let choices = || chunks.iter().filter_map(|chunk| chunk["choices"].get(0));
        for key in ["content", "reasoning_content"] {
            let said: String = choices().filter_map(|choice| choice["delta"][key].as_str()).collect();
            prop_assert_eq!(said, value["choices"][0]["message"][key].as_str().unwrap_or_default(), "{}", key);
        }
        let finish = choices().find_map(|choice| choice["finish_reason"].as_str());
        prop_assert_eq!(finish, value["choices"][0]["finish_reason"].as_str());
        prop_assert_eq!(aggregate(std::str::from_utf8(&out).unwrap()), value);
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&noise, 7, &mut |_| {}));
    }
}
