//! Other providers' replies at Gemini clients. Source: translation.md D.6, D.12, F10, F13, F49.

use cliproxy_translator::Codec;
use serde_json::{Value, json};

use super::{chunks, codec, codec_of, context, translated, whole};
use crate::schema::assert_valid;

const CLAUDE_SIGNED: &str = "EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu";

fn claude_stream(blocks: &[(&str, &[&str])], reason: &str) -> String {
    let mut out = String::from(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\",\"content\":[],\"usage\":{\"input_tokens\":6,\"cache_read_input_tokens\":4,\"output_tokens\":1}}}\n\n",
    );
    for (index, (start, deltas)) in blocks.iter().enumerate() {
        out += &format!(
            "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{start}}}\n\n"
        );
        for delta in *deltas {
            out += &format!(
                "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{delta}}}\n\n"
            );
        }
        out += &format!(
            "event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":{index}}}\n\n"
        );
    }
    out += &format!(
        "event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{reason}\"}},\"usage\":{{\"output_tokens\":9}}}}\n\n"
    );
    out + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
}

fn parts(chunks: &[Value]) -> Vec<Value> {
    chunks
        .iter()
        .flat_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default())
        .collect()
}

#[test]
fn e108_e109_a_claude_stream_becomes_chunks_with_calls_whole_and_signatures_carried() {
    let stream = claude_stream(
        &[
            (
                r#"{"type":"thinking","thinking":"","signature":""}"#,
                &[
                    r#"{"type":"thinking_delta","thinking":"hm"}"#,
                    &format!(r#"{{"type":"signature_delta","signature":"{CLAUDE_SIGNED}"}}"#),
                ],
            ),
            (r#"{"type":"text","text":""}"#, &[r#"{"type":"text_delta","text":"a\n\"b\""}"#]),
            (
                r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{}}"#,
                &[
                    r#"{"type":"input_json_delta","partial_json":"{\"a\""}"#,
                    r#"{"type":"input_json_delta","partial_json":":1}"}"#,
                ],
            ),
        ],
        "tool_use",
    );
    let chunks = chunks(&translated("claude", "gemini", &stream));
    let parts = parts(&chunks);
    assert_eq!(parts[0], json!({"text":"hm","thought":true}));
    // [fix] the state travels in a carrier of ours, which SDKs can decode as base64.
    let carried = parts[1]["thoughtSignature"].as_str().unwrap();
    assert_eq!((&parts[1]["text"], &parts[1]["thought"]), (&json!(""), &json!(true)));
    assert_eq!(parts[2], json!({"text":"a\n\"b\""}));
    assert_eq!(parts[3], json!({"functionCall":{"id":"toolu_1","name":"f","args":{"a":1}}}));
    let end = chunks.last().unwrap();
    assert_eq!(end["candidates"][0]["finishReason"], "STOP");
    assert!(chunks.iter().rev().skip(1).all(|chunk| chunk["candidates"][0].get("finishReason").is_none()));
    // B56, F13.
    assert_eq!(
        end["usageMetadata"],
        json!({"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":9,"totalTokenCount":19})
    );
    assert!(chunks.iter().all(|chunk| chunk["responseId"] == "msg_1" && chunk["modelVersion"] == "claude-x"));

    // And it comes back to Claude as it was.
    let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},
        {"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":carried},{"text":"a"}]},
        {"role":"user","parts":[{"text":"r"}]}]});
    let text = body.to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    let sent = codec_of("claude")
        .encode_request(&request, &cliproxy_translator::Profile::new("claude-sonnet-5", false))
        .unwrap();
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(
        sent["messages"][1]["content"][0],
        json!({"type":"thinking","thinking":"hm","signature":CLAUDE_SIGNED})
    );
    // To Gemini itself no carrier goes.
    let sent =
        codec().encode_request(&request, &cliproxy_translator::Profile::new("gemini-3-pro", false)).unwrap();
    assert!(!String::from_utf8_lossy(&sent.body).contains(carried));
}

#[test]
fn e110_thoughts_and_their_signature_are_one_part_of_a_whole_reply() {
    let reply = json!({"id":"msg_1","type":"message","role":"assistant","model":"claude-x",
        "content":[{"type":"thinking","thinking":"hm","signature":CLAUDE_SIGNED},{"type":"text","text":"a"}],
        "stop_reason":"max_tokens","usage":{"input_tokens":6,"output_tokens":9}});
    let value = whole("claude", "gemini", &reply);
    assert_valid("gemini.reply", &value);
    let parts = value["candidates"][0]["content"]["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!((&parts[0]["text"], &parts[0]["thought"]), (&json!("hm"), &json!(true)));
    assert!(parts[0]["thoughtSignature"].is_string());
    assert_eq!(value["candidates"][0]["finishReason"], "MAX_TOKENS");
}

fn chat_chunk(choice: Value) -> String {
    let chunk =
        json!({"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt","choices":[choice]});
    format!("data: {chunk}\n\n")
}

#[test]
fn e209_a_call_of_a_chat_stream_keeps_its_id() {
    let call = |delta: Value| chat_chunk(json!({"index":0,"delta":{"tool_calls":[delta]}}));
    let stream = [
        chat_chunk(json!({"index":0,"delta":{"role":"assistant","content":""}})),
        call(json!({"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}})),
        call(json!({"index":0,"function":{"arguments":"{\"a\":"}})),
        call(json!({"index":0,"function":{"arguments":"[1,2]}"}})),
        chat_chunk(json!({"index":0,"delta":{},"finish_reason":"tool_calls"})),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let chunks = chunks(&translated("openai", "gemini", &stream));
    assert_eq!(parts(&chunks)[0], json!({"functionCall":{"id":"call_1","name":"f","args":{"a":[1,2]}}}));
    assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP");
    assert!(chunks.last().unwrap().get("usageMetadata").is_none(), "nothing known, nothing said");
}

#[test]
fn e210_every_choice_is_a_candidate() {
    // [fix] F49: the reference lays all parts over candidate 0.
    let reply = json!({"id":"c","object":"chat.completion","created":1,"model":"gpt","choices":[
        {"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"},
        {"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":5,"completion_tokens":9,"total_tokens":14,"completion_tokens_details":{"reasoning_tokens":4}}});
    let value = whole("openai", "gemini", &reply);
    assert_valid("gemini.reply", &value);
    assert_eq!(value["candidates"][0]["content"]["parts"], json!([{"text":"a"}]));
    assert_eq!(
        value["candidates"][1]["content"]["parts"],
        json!([{"functionCall":{"id":"t","name":"f","args":{}}}])
    );
    assert_eq!((&value["candidates"][0]["index"], &value["candidates"][1]["index"]), (&json!(0), &json!(1)));
    // F10: thoughts are counted once.
    assert_eq!(
        value["usageMetadata"],
        json!({"promptTokenCount":5,"candidatesTokenCount":5,"thoughtsTokenCount":4,"totalTokenCount":14})
    );
}

#[test]
fn every_reason_of_others_has_a_word() {
    for (chat, word) in
        [("stop", "STOP"), ("tool_calls", "STOP"), ("length", "MAX_TOKENS"), ("content_filter", "SAFETY")]
    {
        let reply = json!({"id":"c","object":"chat.completion","created":1,"model":"gpt",
            "choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":chat}]});
        assert_eq!(whole("openai", "gemini", &reply)["candidates"][0]["finishReason"], word, "{chat}");
    }
}

#[test]
fn an_empty_reply_is_one_of_an_empty_text() {
    // Source: translation.md B71.
    let stream = claude_stream(&[], "end_turn");
    let chunks = chunks(&translated("claude", "gemini", &stream));
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0]["candidates"][0]["content"]["parts"], json!([{"text":""}]));
    assert_eq!(chunks[0]["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn an_error_inside_a_stream_comes_in_googles_words() {
    // Source: translation.md B76, B77, F40.
    let stream = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    let (claude, gemini) = (codec_of("claude"), codec());
    let mut decoder = claude.stream_decoder(&context());
    let mut encoder = gemini.stream_encoder(&context());
    let mut out = Vec::new();
    cliproxy_translator::framing::SseParser::new()
        .push(stream.as_bytes(), &mut |frame| {
            decoder.decode(frame, &mut |event| encoder.encode(event, &mut out)).unwrap();
        })
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text, "data: {\"error\":{\"code\":529,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n");
}

#[test]
fn a_custom_tools_text_is_wrapped() {
    // Source: translation.md B10.
    let reply = json!({"id":"c","object":"chat.completion","created":1,"model":"gpt","choices":[
        {"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"custom","custom":{"name":"exec","input":"ls\n"}}]},"finish_reason":"tool_calls"}]});
    assert_eq!(
        whole("openai", "gemini", &reply)["candidates"][0]["content"]["parts"][0]["functionCall"]["args"],
        json!({"input":"ls\n"})
    );
}
