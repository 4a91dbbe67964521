//! Replies and streams of Antigravity at every client. Source: translation.md D.25 to D.27, F.

use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::registry::{Registry, RequestCall};
use cliproxy_translator::{Aggregator, Invented, Profile, ReplyContext, Step, StreamFrame};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    CLAUDE, GEMINI, SIGNED, arguments, chunk, claude, codec_of, context, frames, last, reply, sent, signed,
    stream, streamed, text, thought, with,
};
use crate::claude::{check_stream, lines};

fn usage() -> Value {
    json!({"promptTokenCount":100,"cachedContentTokenCount":80,"candidatesTokenCount":10,"thoughtsTokenCount":5,"totalTokenCount":115})
}

#[test]
fn e484_e485_an_empty_reply_ends_well() {
    let mut empty = last("STOP", json!([]));
    empty["usageMetadata"] = usage();
    let value = reply("claude", &empty, &context());
    assert_eq!((&value["content"], &value["stop_reason"]), (&json!([]), &json!("end_turn")), "E484");
    let told = lines(&check_stream(streamed("claude", &stream(&[empty]), &context()).as_bytes()));
    assert_eq!(&told[1..3], [r#"0> {"type":"text","text":""}"#, "0<"], "E485");
    assert!(told.last().unwrap().contains("stop"), "E485: {told:?}");
}

#[test]
fn f11_usage_is_the_same_in_stream_and_reply() {
    let mut end = last("STOP", json!([{"text":"a"}]));
    end["usageMetadata"] = usage();
    let whole = reply("claude", &end, &context())["usage"].clone();
    assert_eq!(
        (&whole["input_tokens"], &whole["cache_read_input_tokens"], &whole["output_tokens"]),
        (&json!(20), &json!(80), &json!(15)),
        "F11"
    );
    let events = frames(&streamed("claude", &stream(&[end]), &context()));
    let delta = events.iter().find(|event| event["type"] == "message_delta").unwrap();
    for key in ["input_tokens", "cache_read_input_tokens", "output_tokens"] {
        assert_eq!(delta["usage"][key], whole[key], "F11 {key}");
    }
}

#[test]
fn f15_how_a_reply_ended_reaches_responses_clients() {
    for (reason, status, details) in [
        ("STOP", "completed", Value::Null),
        ("MAX_TOKENS", "incomplete", json!({"reason":"max_output_tokens"})),
        ("SAFETY", "incomplete", json!({"reason":"content_filter"})),
    ] {
        let end = last(reason, json!([{"text":"a"}]));
        let value = reply("openai-response", &end, &context());
        assert_eq!(
            (&value["status"], &value["incomplete_details"]),
            (&json!(status), &details),
            "F15 {reason}"
        );
        let events = frames(&streamed("openai-response", &stream(&[end]), &context()));
        assert_eq!(events.last().unwrap()["type"], format!("response.{status}"), "F15 {reason}");
    }
    let blocked = json!({"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":1},"modelVersion":"m","responseId":"r"});
    let events = frames(&streamed("openai-response", &stream(&[blocked]), &context()));
    assert_eq!(events.last().unwrap()["response"]["incomplete_details"]["reason"], "content_filter", "F15");
}

#[test]
fn f29_f44_a_message_begins_with_what_is_known_and_ids_are_the_same_every_time() {
    let mut first = chunk(json!([{"functionCall":{"name":"f","args":{}}}]));
    first["usageMetadata"] = json!({"promptTokenCount":7});
    first.as_object_mut().unwrap().remove("responseId");
    first.as_object_mut().unwrap().remove("modelVersion");
    let whole = stream(&[first, last("STOP", json!([]))]);
    let told = streamed("claude", &whole, &context());
    let message = frames(&told)[0]["message"].clone();
    assert_eq!(message["usage"]["input_tokens"], 7, "F29");
    assert_eq!(message["model"], "asked-model", "F29: never invented");
    assert!(message["id"].as_str().unwrap().starts_with("msg_"), "F29");
    assert_eq!(streamed("claude", &whole, &context()), told, "F44");
    let other = streamed("claude", &whole, &ReplyContext::new("asked-model", "another seed"));
    assert_ne!(other, told, "F44: another request has other ids");
}

#[test]
fn f53_signed_text_is_no_thought() {
    let value = reply("claude", &last("STOP", json!([signed(text("a"), SIGNED)])), &context());
    assert_eq!(value["content"][0], json!({"type":"text","text":"a"}), "F53");
}

#[test]
fn e518_the_other_name_of_usage_is_googles_own_for_its_clients() {
    let mut first = chunk(json!([{"text":"a"}]));
    first["cpaUsageMetadata"] = usage();
    let told = streamed("gemini", &stream(&[first.clone(), last("STOP", json!([]))]), &context());
    assert!(!told.contains("cpaUsageMetadata"), "E518: {told}");
    first["candidates"][0]["finishReason"] = json!("STOP");
    assert_eq!(reply("gemini", &first, &context())["usageMetadata"], usage(), "E518");
}

#[test]
fn e527_e528_e529_e530_the_reason_comes_once_and_at_the_end() {
    let call = json!([{"functionCall":{"id":"c","name":"f","args":{}}}]);
    for (case, chunks, reason) in [
        ("E527", vec![chunk(call.clone()), last("STOP", json!([]))], "tool_calls"),
        ("E528", vec![last("MAX_TOKENS", call)], "tool_calls"),
        ("E529", vec![chunk(json!([{"text":"a"}])), last("MAX_TOKENS", json!([]))], "length"),
        (
            "E530",
            vec![chunk(json!([{"text":"a"}])), chunk(json!([{"text":"b"}])), last("STOP", json!([]))],
            "stop",
        ),
    ] {
        let told = frames(&streamed("openai", &stream(&chunks), &context()));
        let reasons: Vec<_> = told
            .iter()
            .filter_map(|chunk| chunk["choices"].get(0))
            .filter_map(|choice| choice["finish_reason"].as_str())
            .collect();
        assert_eq!(reasons, [reason], "{case}");
    }
}

/// What the reply side knows of a request that a client sends to this model.
fn exchange(client: &str, body: &Value, model: &str) -> (Registry, cliproxy_translator::registry::Exchange) {
    let registry = Registry::with_builtin();
    let (client, provider) = (ClientFormat::new(client), ProviderFormat::new("antigravity"));
    let body = bytes::Bytes::from(body.to_string());
    let profile = Profile::new(model, false);
    let call = RequestCall::new(&client, &provider, &body, &profile);
    let translated = registry.translate_request(&call, context()).unwrap();
    (registry, translated.exchange)
}

#[test]
fn e519_e531_e537_e563_a_renamed_tool_has_its_name_again_and_the_echo_is_the_clients() {
    let tool = json!({"name":"read file","description":"d","parameters":{"type":"object","properties":{"a":{"type":"string"}}}});
    let bodies = [
        (
            "gemini",
            json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],"tools":[{"functionDeclarations":[tool]}]}),
        ),
        (
            "openai",
            json!({"model":"m","messages":[{"role":"user","content":"q"}],"tools":[{"type":"function","function":tool}]}),
        ),
        (
            "openai-response",
            with(
                json!({"model":"m","input":"q"}),
                json!({"tools":[with(tool.clone(), json!({"type":"function","strict":false}))]}),
            ),
        ),
    ];
    let answer = super::wrapped(&last(
        "STOP",
        json!([{"functionCall":{"id":"c","name":"read_file","args":{"a":"x"}}}]),
    ));
    let answer = bytes::Bytes::from(answer.to_string());
    for (client, body) in bodies {
        let (registry, exchange) = exchange(client, &body, GEMINI);
        let (told, _, _) = registry.translate_reply(&exchange, &answer).unwrap();
        let told: Value = serde_json::from_slice(&told).unwrap();
        let name = match client {
            "gemini" => &told["candidates"][0]["content"]["parts"][0]["functionCall"]["name"],
            "openai" => &told["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
            _ => &told["output"][0]["name"],
        };
        assert_eq!(name, "read file", "E519, E531, E563 {client}");
        if client == "openai-response" {
            assert_eq!(told["tools"], body["tools"], "E537");
        }
    }
}

#[test]
fn f41_arguments_that_no_client_declared_do_not_come_back() {
    let nested = json!({"type":"object","properties":{
        "options":{"type":"object","properties":{"deep":{"type":"boolean"}}},
        "list":{"type":"array","items":{"type":"object","properties":{}}},
        "_":{"type":"string"}}});
    let owner = json!({"type":"object","properties":{"reason":{"type":"string"}},"required":["reason"]});
    let tools = json!([{"name":"empty","input_schema":{"type":"object"}},{"name":"nested","input_schema":nested},{"name":"owner","input_schema":owner}]);
    let body = with(claude(json!([{"role":"user","content":"q"}])), json!({"tools":tools}));
    let (request, _) = sent("claude", &body, CLAUDE);
    let properties =
        |at: usize| request["tools"][0]["functionDeclarations"][at]["parameters"]["properties"].clone();
    assert_eq!(properties(0), json!({"reason":{"type":"string"}}));
    assert_eq!(properties(1)["options"]["properties"]["_"], json!({"type":"boolean"}));
    let (_, exchange) = exchange("claude", &body, CLAUDE);
    let context = exchange.context;
    for (name, args, expected) in [
        ("empty", json!({"reason":"why"}), json!({})),
        ("empty", json!({}), json!({})),
        (
            "nested",
            json!({"options":{"deep":true,"_":true},"list":[{"reason":"x"},{"reason":"y"}],"_":"mine"}),
            json!({"options":{"deep":true},"list":[{},{}],"_":"mine"}),
        ),
        ("nested", json!({"options":7,"list":{"reason":1}}), json!({"options":7,"list":{"reason":1}})),
        // Its own stays.
        ("owner", json!({"reason":"why"}), json!({"reason":"why"})),
        ("unknown", json!({"reason":"why"}), json!({"reason":"why"})),
    ] {
        assert_eq!(arguments(name, args.clone(), &context), expected, "F41 {name} {args}");
    }
}

#[test]
fn errors_of_streams_are_told_in_the_clients_words() {
    // Source: translation.md B76, B77, F40.
    let broken = json!({"error":{"code":503,"message":"no capacity available","status":"UNAVAILABLE"}});
    let told = super::sse(&[super::wrapped(&chunk(json!([{"text":"a"}]))), broken]);
    for (client, word) in [
        ("claude", "overloaded_error"),
        ("openai", "no capacity available"),
        ("openai-response", "response.failed"),
    ] {
        let (provider, client) = (codec_of("antigravity"), codec_of(client));
        let (mut decoder, mut encoder) =
            (provider.stream_decoder(&context()), client.stream_encoder(&context()));
        let mut out = Vec::new();
        cliproxy_translator::framing::SseParser::new()
            .push(told.as_bytes(), &mut |frame| {
                decoder.decode(frame, &mut |event| encoder.encode(event, &mut out)).unwrap();
            })
            .unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(word), "{out}");
    }
    // A stream that breaks off is no reply (B68).
    let provider = codec_of("antigravity");
    let mut decoder = provider.stream_decoder(&context());
    let cut = super::wrapped(&chunk(json!([{"text":"a"}]))).to_string();
    decoder.decode(StreamFrame::of(cut.as_bytes()), &mut |_| {}).unwrap();
    assert!(decoder.finish(&mut |_| {}).is_err());
}

#[test]
fn b74_the_aggregate_of_a_stream_is_the_reply() {
    let mut context = context();
    let reason = [vec![Step::Member("reason".into())]];
    let tool = Invented { tool: "empty".into(), places: reason.into_iter().collect() };
    context.invented.push(tool);
    for parts in [
        json!([text("a")]),
        json!([thought("hm"), signed(text(""), SIGNED), text("a"), text("b")]),
        json!([signed(thought("hm"), super::CLAUDE_TWICE), text("a"), {"functionCall":{"id":"c","name":"empty","args":{"reason":"x"}}}]),
        json!([signed(text("a"), SIGNED), {"functionCall":{"id":"c","name":"f","args":{"reason":"x"}}}]),
    ] {
        let mut chunks: Vec<_> = parts.as_array().unwrap().iter().map(|part| chunk(json!([part]))).collect();
        chunks.push(last("STOP", json!([])));
        let provider = codec_of("antigravity");
        let mut decoder = provider.stream_decoder(&context);
        let mut aggregator = Aggregator::new();
        for chunk in &chunks {
            let data = super::wrapped(chunk).to_string();
            decoder.decode(StreamFrame::of(data.as_bytes()), &mut |event| aggregator.push(event)).unwrap();
        }
        decoder.finish(&mut |event| aggregator.push(event)).unwrap();
        let aggregate = aggregator.finish().unwrap();
        for client in ["openai", "claude", "openai-response", "gemini"] {
            let together: Value =
                serde_json::from_slice(&codec_of(client).encode_reply(&aggregate, &context)).unwrap();
            // Neighbouring pieces of a text are one in a stream, however they came.
            let whole = reply(client, &last("STOP", joined(&parts)), &context);
            assert_eq!(together, whole, "B74 {client} {parts}");
        }
    }
}

/// Texts that follow each other as one, as no stream can tell them apart.
fn joined(parts: &Value) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for part in parts.as_array().unwrap() {
        let plain = |part: &Value| part.as_object().unwrap().keys().eq(["text"]);
        let signs = |part: &Value| part["text"] == "" && part["thoughtSignature"].is_string();
        match all.last_mut() {
            Some(before) if plain(before) && plain(part) => {
                let both = format!("{}{}", before["text"].as_str().unwrap(), part["text"].as_str().unwrap());
                before["text"] = json!(both);
            }
            Some(before) if before["thought"] == json!(true) && signs(part) => {
                before["thoughtSignature"] = part["thoughtSignature"].clone();
            }
            _ => all.push(part.clone()),
        }
    }
    json!(all)
}

/// Blocks of a Claude client's assistant message.
fn block() -> impl Strategy<Value = Value> {
    let words = "[a-z\"\\\\\n\u{e9}\u{1f600}]{1,12}";
    prop_oneof![
        words.prop_map(|text| json!({"type":"text","text":text})),
        (words, prop::sample::select(vec![SIGNED, super::CLAUDE_SIGNED, super::CLAUDE_TWICE, "", "odd"]))
            .prop_map(|(text, signature)| super::thinking(&text, signature)),
        prop::sample::select(vec![SIGNED, super::CLAUDE_SIGNED]).prop_map(|state| super::thinking("", state)),
        "[a-z. @]{1,70}".prop_map(
            |name| json!({"type":"tool_use","id":format!("toolu_{name}"),"name":name,"input":{"n":1}})
        ),
        Just(json!({"type":"redacted_thinking","data":"x"})),
    ]
}

proptest! {
    #[test]
    fn any_request_of_a_gemini_client_gives_a_valid_one(parts in prop::collection::vec(crate::gemini::round_trip::part(), 1..8)) {
        let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":parts},{"role":"user","parts":[{"text":"r"}]}]});
        for model in [GEMINI, CLAUDE, "gpt-oss-120b-medium"] {
            super::to("gemini", &body, model);
        }
    }

    #[test]
    fn any_request_of_a_claude_client_gives_a_valid_one(blocks in prop::collection::vec(block(), 1..8)) {
        let answers: Vec<_> = blocks.iter().filter(|block| block["type"] == "tool_use")
            .map(|block| json!({"type":"tool_result","tool_use_id":block["id"],"content":"ok"}))
            .collect();
        let body = claude(json!([{"role":"user","content":"q"},{"role":"assistant","content":blocks},{"role":"user","content":answers},{"role":"user","content":"r"}]));
        for model in [GEMINI, CLAUDE, "gpt-oss-120b-medium"] {
            let request = super::to("claude", &body, model);
            let parts = request["contents"].as_array().unwrap().iter().flat_map(|content| content["parts"].as_array().unwrap());
            for part in parts {
                let signature = part["thoughtSignature"].as_str();
                if model == CLAUDE {
                    // Claude signs thoughts alone, and they come back in two layers.
                    prop_assert_eq!(signature.is_some(), part["thought"] == json!(true));
                    prop_assert!(signature.is_none_or(|signature| signature == super::CLAUDE_TWICE));
                } else if model == GEMINI {
                    prop_assert!(signature.is_none_or(|signature| signature == SIGNED || signature == super::SENTINEL));
                } else {
                    prop_assert!(signature.is_none());
                }
            }
        }
    }

    #[test]
    fn any_chunking_gives_the_same_events(size in 1_usize..300) {
        let told = stream(&[
            chunk(json!([thought("hm")])),
            chunk(json!([signed(text(""), SIGNED), text("caf\u{e9}")])),
            chunk(json!([{"functionCall":{"id":"c","name":"empty","args":{"reason":"made up"}}}])),
            last("STOP", json!([signed(text(""), SIGNED)])),
        ]);
        let mut context = context();
        let reason = [vec![Step::Member("reason".into())]];
    let tool = Invented { tool: "empty".into(), places: reason.into_iter().collect() };
        context.invented.push(tool);
        let read = |size: usize| {
            let codec = codec_of("antigravity");
            let mut decoder = codec.stream_decoder(&context);
            let mut parser = cliproxy_translator::framing::SseParser::new();
            let mut seen = Vec::new();
            for piece in told.as_bytes().chunks(size) {
                parser.push(piece, &mut |frame| decoder.decode(frame, &mut |event| seen.push(format!("{event:?}"))).unwrap()).unwrap();
            }
            decoder.finish(&mut |event| seen.push(format!("{event:?}"))).unwrap();
            seen
        };
        prop_assert_eq!(read(size), read(told.len()));
        prop_assert!(!read(told.len()).concat().contains("made up"));
    }
}
