//! Gemini's streams: as canonical events, and at other clients. Source: translation.md D.19, D.20, B68 to B70.

use cliproxy_translator::{Aggregator, Codec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{SIGNED, chunk, chunks, codec, context, decode, events, frames, last, sse, translated};
use crate::claude::{check_stream, lines};

fn claude_lines(stream: &str) -> Vec<String> {
    lines(&check_stream(translated("gemini", "claude", stream).as_bytes()))
}

#[test]
fn e346_a_signature_while_thinking_is_open_belongs_to_it() {
    let stream = sse(&[
        chunk(json!([{"text":"hm","thought":true}])),
        chunk(json!([{"text":"","thoughtSignature":SIGNED}])),
        last("STOP", json!([{"text":"a"}])),
    ]);
    let lines = claude_lines(&stream);
    assert_eq!(
        &lines[1..7],
        [
            r#"0> {"type":"thinking","thinking":"","signature":""}"#,
            r#"0 thinking "hm""#,
            &format!(r#"0 signature "cliproxy:gemini:{SIGNED}""#),
            "0<",
            r#"1> {"type":"text","text":""}"#,
            r#"1 text "a""#,
        ]
    );
}

#[test]
fn e349_a_signature_at_the_end_is_not_lost() {
    let stream =
        sse(&[chunk(json!([{"text":"a"}])), last("STOP", json!([{"text":"","thoughtSignature":SIGNED}]))]);
    let lines = claude_lines(&stream);
    assert!(lines.iter().any(|line| line.contains(SIGNED)), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("text ")).count(), 1, "{lines:?}");
}

#[test]
fn e367_e530_the_finish_reason_comes_once_and_last() {
    let mut first = last("STOP", json!([{"text":"a"}]));
    first.as_object_mut().unwrap().remove("usageMetadata");
    let mut usage = chunk(json!([]));
    usage["usageMetadata"] = json!({"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4});
    let out = frames(&translated("gemini", "openai", &sse(&[first, usage])));
    let finished: Vec<_> =
        out.iter().filter(|frame| frame["choices"][0]["finish_reason"].is_string()).collect();
    assert_eq!(finished.len(), 1);
    assert_eq!(out.last().unwrap()["choices"][0]["finish_reason"], "stop");
}

#[test]
fn e369_several_parts_of_a_chunk_share_one_role() {
    let stream = sse(&[last(
        "STOP",
        json!([{"text":"hm","thought":true},{"text":"a"},{"functionCall":{"name":"f","args":{"x":1}}}]),
    )]);
    let out = frames(&translated("gemini", "openai", &stream));
    let roles = out.iter().filter(|frame| frame["choices"][0]["delta"]["role"].is_string()).count();
    assert_eq!(roles, 1);
    let calls: Vec<_> =
        out.iter().filter(|frame| frame["choices"][0]["delta"]["tool_calls"].is_array()).collect();
    assert_eq!(calls[0]["choices"][0]["delta"]["tool_calls"][0]["function"]["name"], "f");
    assert_eq!(out.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn a_call_is_a_block_of_its_own_with_its_signature_first() {
    let stream = sse(&[last(
        "STOP",
        json!([{"text":"a"},{"functionCall":{"id":"c1","name":"f","args":{"x":1}},"thoughtSignature":SIGNED}]),
    )]);
    let (seen, result) = events(&stream);
    result.unwrap();
    let kinds: Vec<_> = seen.iter().map(|event| event.split(['(', ' ']).next().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "Start",
            "Usage",
            "BlockStart",
            "Delta",
            "BlockStop",
            "BlockStart",
            "Delta",
            "Delta",
            "BlockStop",
            "Finish",
            "End"
        ]
    );
    assert!(seen[6].contains("Signature") && seen[7].contains("Args"), "{seen:#?}");
}

#[test]
fn a_stream_that_breaks_off_is_never_whole() {
    // Source: translation.md B68, E422.
    for (stream, whole) in [
        (String::new(), false),
        ("data: [DONE]\n\n".to_owned(), false),
        (sse(&[chunk(json!([{"text":"a"}]))]), false),
        (sse(&[chunk(json!([{"text":"a"}]))]) + "data: [DONE]\n\n", true),
        (sse(&[last("STOP", json!([{"text":"a"}]))]), true),
        (sse(&[json!({"promptFeedback":{"blockReason":"SAFETY"}})]), true),
        (sse(&[json!({"traceId":"t"})]), false),
        ("data: {\"candidates\":\n\n".to_owned(), false),
        ("data: \u{1}\n\n".to_owned(), false),
    ] {
        let (seen, result) = events(&stream);
        let ended = seen.iter().any(|event| event == "End");
        assert_eq!((result.is_ok() && ended, ended), (whole, whole), "{stream}: {seen:?} {result:?}");
    }
}

#[test]
fn e420_e421_nothing_follows_the_end() {
    let stream = sse(&[last("STOP", json!([{"text":"a"}]))])
        + "data: [DONE]\n\ndata: [DONE]\n\n"
        + &sse(&[chunk(json!([{"text":"late"}]))]);
    let (seen, result) = events(&stream);
    result.unwrap();
    assert_eq!(seen.iter().filter(|event| *event == "End").count(), 1);
    assert!(!seen.iter().any(|event| event.contains("late")));
}

#[test]
fn errors_inside_a_stream_are_typed_and_final() {
    for (data, status, message) in [
        (r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}"#, "Some(429)", "slow"),
        (r#"[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]"#, "Some(400)", "bad"),
        (r#"{"error":{"message":"m","status":"UNAVAILABLE"}}"#, "Some(503)", "m"),
    ] {
        let (seen, result) =
            events(&format!("data: {data}\n\n{}", sse(&[last("STOP", json!([{"text":"a"}]))])));
        result.unwrap();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0].contains(status) && seen[0].contains(message), "{seen:?}");
    }
}

#[test]
fn a_blocked_prompt_ends_the_stream_as_filtered() {
    let stream = sse(&[
        json!({"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":3,"totalTokenCount":3},"modelVersion":"m"}),
    ]);
    let out = frames(&translated("gemini", "openai", &stream));
    assert_eq!(out.last().unwrap()["choices"][0]["finish_reason"], "content_filter");
    assert!(claude_lines(&stream).iter().any(|line| line.starts_with("end refusal")));
}

fn rich() -> Vec<Value> {
    vec![
        chunk(json!([{"text":"think","thought":true}])),
        chunk(json!([{"text":"ing","thought":true,"thoughtSignature":SIGNED}])),
        chunk(json!([{"text":"caf\u{e9} \"q\""}])),
        chunk(json!([{"text":" \n\u{1f600}"}])),
        chunk(
            json!([{"functionCall":{"id":"c1","name":"f","args":{"a":[1,{"b":"\u{e9}"}]}},"thoughtSignature":SIGNED}]),
        ),
        chunk(
            json!([{"functionCall":{"name":"g","args":{}}},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]),
        ),
        chunk(
            json!([{"executableCode":{"language":"PYTHON","code":"1"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}}]),
        ),
        last("STOP", json!([{"text":"","thoughtSignature":SIGNED}])),
    ]
}

#[test]
fn the_aggregate_of_a_stream_is_the_reply() {
    // Source: translation.md B74.
    let mut aggregator = Aggregator::new();
    decode(sse(&rich()).as_bytes(), 7, &mut |event| aggregator.push(event)).unwrap();
    let aggregate = aggregator.finish().unwrap();
    let whole = last(
        "STOP",
        json!([{"text":"thinking","thought":true,"thoughtSignature":SIGNED},{"text":"caf\u{e9} \"q\" \n\u{1f600}"},
            {"functionCall":{"id":"c1","name":"f","args":{"a":[1,{"b":"\u{e9}"}]}},"thoughtSignature":SIGNED},
            {"functionCall":{"name":"g","args":{}}},{"inlineData":{"mimeType":"image/png","data":"AA=="}},
            {"executableCode":{"language":"PYTHON","code":"1"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}},
            {"text":"","thoughtSignature":SIGNED}]),
    );
    let text = whole.to_string();
    let reply = codec().decode_reply(text.as_bytes(), &context()).unwrap();
    for client in ["openai", "claude", "gemini"] {
        let client = super::codec_of(client);
        let json = |body: Vec<u8>| serde_json::from_slice::<Value>(&body).unwrap();
        assert_eq!(
            json(client.encode_reply(&aggregate, &context())),
            json(client.encode_reply(&reply, &context())),
            "{}",
            client.name()
        );
    }
}

#[test]
fn a_stream_written_again_reads_the_same() {
    let stream = sse(&rich());
    let again = translated("gemini", "gemini", &stream);
    chunks(&again);
    let (first, _) = events(&stream);
    let (second, result) = events(&again);
    result.unwrap();
    let without_ids = |list: Vec<String>| {
        // A call without an id gets one on its way to a client.
        list.into_iter()
            .filter(|event| !event.contains("ToolCall") && !event.contains("Usage"))
            .collect::<Vec<_>>()
    };
    assert_eq!(without_ids(first), without_ids(second));
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(size in 1_usize..200) {
        let stream = sse(&rich());
        let read = |size: usize| {
            let mut seen = Vec::new();
            decode(stream.as_bytes(), size, &mut |event| seen.push(format!("{event:?}"))).unwrap();
            seen
        };
        prop_assert_eq!(read(size), read(stream.len()));
    }
}

#[test]
fn every_signature_comes_back_through_a_claude_client() {
    // Source: translation.md B28, B34.
    let signed = |mut part: Value| {
        part["thoughtSignature"] = json!(SIGNED);
        part
    };
    let (thought, text) = (json!({"text":"hm","thought":true}), json!({"text":"a"}));
    let call = |name: &str| json!({"functionCall":{"name":name,"args":{"x":1}}});
    for parts in [
        json!([thought, signed(call("f")), call("g")]),
        json!([signed(thought.clone()), text, signed(call("f"))]),
        json!([signed(text.clone()), signed(call("f")), signed(call("g"))]),
        json!([text, signed(json!({"text":""}))]),
    ] {
        let stream: Vec<_> = parts.as_array().unwrap().iter().map(|part| chunk(json!([part]))).collect();
        let stream = sse(&stream) + &sse(&[last("STOP", json!([]))]);
        let values = check_stream(translated("gemini", "claude", &stream).as_bytes());
        let mut aggregator = Aggregator::new();
        let claude = super::codec_of("claude");
        let mut decoder = claude.stream_decoder(&context());
        for value in values {
            let data = value.to_string();
            decoder
                .decode(cliproxy_translator::StreamFrame::of(data.as_bytes()), &mut |event| {
                    aggregator.push(event)
                })
                .unwrap();
        }
        let streamed = claude.encode_reply(&aggregator.finish().unwrap(), &context());
        let mut content = serde_json::from_slice::<Value>(&streamed).unwrap()["content"].clone();
        let whole = super::whole("gemini", "claude", &last("STOP", parts.clone()));
        crate::schema::assert_valid("claude.reply", &whole);
        let kinds = |content: &Value| {
            content.as_array().unwrap().iter().map(|block| block["type"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&content), kinds(&whole["content"]), "stream and reply agree");
        // The marks went into the blocks' signatures; a client returns them as they are.
        content = whole["content"].clone();
        let answers: Vec<_> = content
            .as_array()
            .unwrap()
            .iter()
            .filter(|block| block["type"] == "tool_use")
            .map(|block| json!({"type":"tool_result","tool_use_id":block["id"],"content":"ok"}))
            .collect();
        let mut user = answers;
        user.push(json!({"type":"text","text":"r"}));
        let body = json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"},
            {"role":"assistant","content":content},{"role":"user","content":user}]});
        assert_eq!(super::to_gemini("claude", &body)["contents"][1]["parts"], parts);
    }
}

#[test]
fn sources_of_an_answer_are_cited_where_clients_have_a_place_for_them() {
    // Source: translation.md B85, F42.
    let grounding = json!({"webSearchQueries":["q"],"groundingChunks":[{"web":{"uri":"https://a.example","title":"A"}},{"web":{"uri":""}},{"web":{"uri":"https://b.example"}}],
        "groundingSupports":[{"segment":{"endIndex":4,"text":"Rain"},"groundingChunkIndices":[0,1]},{"segment":{"startIndex":5,"endIndex":9},"groundingChunkIndices":[2]}]});
    for (said, places) in [("Rain soon", [(0, 4), (5, 9)]), ("R\u{e9}in soon", [(0, 9), (0, 9)])] {
        let mut end = last("STOP", json!([{"text":"n","thoughtSignature":SIGNED}]));
        end["candidates"][0]["groundingMetadata"] = grounding.clone();
        let cut = said.strip_suffix('n').unwrap();
        let out = frames(&translated("gemini", "openai", &sse(&[chunk(json!([{"text":cut}])), end])));
        let streamed: Vec<_> = out
            .iter()
            .flat_map(|frame| {
                frame["choices"][0]["delta"]["annotations"].as_array().cloned().unwrap_or_default()
            })
            .collect();
        let mut reply = last("STOP", json!([{"text":said,"thoughtSignature":SIGNED}]));
        reply["candidates"][0]["groundingMetadata"] = grounding.clone();
        let whole = super::whole("gemini", "openai", &reply)["choices"][0]["message"]["annotations"].clone();
        let expected: Vec<_> = [("https://a.example", "A"), ("https://b.example", "")]
            .iter()
            .zip(places)
            .map(|((url, title), (start, end))| {
                json!({"type":"url_citation","url_citation":{"start_index":start,"end_index":end,"url":url,"title":title}})
            })
            .collect();
        assert_eq!(json!(streamed), json!(expected), "{said}");
        assert_eq!(whole, json!(expected), "{said}");
    }
}

fn piece(call: Value) -> Value {
    chunk(json!([{"functionCall":call}]))
}

fn arguments_of(client: &str, stream: &str) -> Value {
    let got = frames(&translated("gemini", client, stream));
    let pieces: String = match client {
        "openai" => got
            .iter()
            .filter_map(|frame| {
                frame["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str()
            })
            .collect(),
        "claude" => got.iter().filter_map(|frame| frame["delta"]["partial_json"].as_str()).collect(),
        _ => got
            .iter()
            .filter(|frame| frame["type"] == "response.function_call_arguments.done")
            .filter_map(|frame| frame["arguments"].as_str())
            .collect(),
    };
    serde_json::from_str(&pieces).unwrap_or_else(|error| panic!("{error}: {pieces}"))
}

/// Vertex, asked for `streamFunctionCallArguments`. Source: translation.md F.1.
#[test]
fn o43_arguments_in_pieces_are_one_call() {
    let stream = sse(&[
        piece(json!({"name":"f","willContinue":true})),
        piece(
            json!({"partialArgs":[{"jsonPath":"$.place","stringValue":"New ","willContinue":true}],"willContinue":true}),
        ),
        piece(
            json!({"partialArgs":[{"jsonPath":"$.place","stringValue":"Delhi \u{e9}"}],"willContinue":true}),
        ),
        piece(
            json!({"partialArgs":[{"jsonPath":"$.days[1].n","numberValue":1.50},{"jsonPath":"$.warm","boolValue":true},
            {"jsonPath":"$.none","nullValue":"NULL_VALUE"}],"willContinue":true}),
        ),
        piece(json!({})),
        piece(json!({"name":"g","args":{"a":1}})),
        last("STOP", json!([])),
    ]);
    let whole = sse(&[
        piece(
            json!({"name":"f","args":{"place":"New Delhi \u{e9}","days":[null,{"n":1.5}],"warm":true,"none":null}}),
        ),
        piece(json!({"name":"g","args":{"a":1}})),
        last("STOP", json!([])),
    ]);
    for client in ["openai", "claude", "openai-response", "gemini"] {
        assert_eq!(translated("gemini", client, &stream), translated("gemini", client, &whole), "{client}");
    }
    let once = sse(&[
        piece(json!({"name":"f","partialArgs":[{"jsonPath":"$.a","stringValue":"x"}],"willContinue":true})),
        piece(json!({"partialArgs":[{"jsonPath":"$['b c']","numberValue":2}]})),
        last("STOP", json!([])),
    ]);
    for client in ["openai", "claude", "openai-response"] {
        assert_eq!(arguments_of(client, &once), json!({"a":"x","b c":2}), "{client}");
    }
}

/// Numbers keep their digits and halves of surrogate pairs their escapes, in what comes first as in the pieces.
#[test]
fn o43_arguments_in_pieces_are_what_was_written() {
    let stream = sse(&[
        piece(
            json!({"name":"f","args":{"first":"FIRST","deep":{"n":"NUMBER"},"list":["NUMBER"],"same":1},"willContinue":true}),
        ),
        piece(
            json!({"partialArgs":[{"jsonPath":"$.n","numberValue":"NUMBER"},{"jsonPath":"$.text","stringValue":"FIRST"}],"willContinue":true}),
        ),
        piece(
            json!({"partialArgs":[{"jsonPath":"$.text","stringValue":"more"},{"jsonPath":"$.first","stringValue":"!"}],"willContinue":true}),
        ),
        piece(
            json!({"partialArgs":[{"jsonPath":"$.list[1]","boolValue":false},{"jsonPath":"$.deep.m","nullValue":null},
            {"jsonPath":"$.same","numberValue":2}]}),
        ),
        last("STOP", json!([])),
    ]);
    let stream = stream.replace("\"NUMBER\"", "12345678901234567890.50").replace("FIRST", "a\\ud800");
    let got: String = frames_of(&translated("gemini", "claude", &stream));
    let first = r#"{"first":"a\ud800!","deep":{"n":12345678901234567890.50,"m":null},"list":[12345678901234567890.50,false],"#;
    let rest = r#""same":2,"n":12345678901234567890.50,"text":"a\ud800more"}"#;
    let wanted = format!("{first}{rest}").replace('\\', r"\\").replace('"', "\\\"");
    assert!(got.contains(&wanted), "{wanted}\n{got}");
}

/// Frames that serde_json makes no value of.
fn frames_of(stream: &str) -> String {
    stream.lines().filter(|line| line.contains("partial_json")).collect()
}

#[test]
fn o43_arguments_that_do_not_end_or_have_no_place_fail() {
    let begun = piece(json!({"name":"f","willContinue":true}));
    let part =
        |path: &str| piece(json!({"partialArgs":[{"jsonPath":path,"stringValue":"x"}],"willContinue":true}));
    for (why, broken) in [
        ("within the arguments", vec![begun.clone(), last("STOP", json!([]))]),
        ("no place", vec![begun.clone(), part("a")]),
        ("no place", vec![begun.clone(), part("$.a"), part("$.a.b")]),
        ("no place", vec![begun.clone(), part("$.a[9999999]")]),
        ("of another", vec![begun.clone(), begun]),
    ] {
        let error = events(&sse(&broken)).1.unwrap_err();
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
}
