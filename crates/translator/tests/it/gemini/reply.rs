//! Gemini's whole replies at other clients. Source: translation.md D.19, D.20, B51 to B58.

use cliproxy_core::FinishReason;
use cliproxy_translator::Codec;
use serde_json::json;

use super::{SIGNED, codec, context, last, whole};
use crate::schema::assert_valid;

#[test]
fn e347_a_signed_thought_is_a_signed_thinking_block() {
    let reply = last("STOP", json!([{"text":"hm","thought":true,"thoughtSignature":SIGNED},{"text":"a"}]));
    let value = whole("gemini", "claude", &reply);
    assert_valid("claude.reply", &value);
    assert_eq!(
        value["content"],
        json!([{"type":"thinking","thinking":"hm","signature":format!("cliproxy:gemini:{SIGNED}")},{"type":"text","text":"a"}])
    );
}

#[test]
fn e348_a_signed_text_stays_text() {
    // [fix] F53: only `thought` makes a thought.
    let reply = last("STOP", json!([{"text":"a","thought_signature":SIGNED}]));
    let value = whole("gemini", "claude", &reply);
    let texts: Vec<_> =
        value["content"].as_array().unwrap().iter().filter(|block| block["type"] == "text").collect();
    assert_eq!(texts, [&json!({"type":"text","text":"a"})]);
}

#[test]
fn e349_a_last_empty_part_keeps_its_signature() {
    let reply = last("STOP", json!([{"text":"a"},{"text":"","thoughtSignature":SIGNED}]));
    let value = whole("gemini", "claude", &reply);
    assert_eq!(
        value["content"],
        json!([{"type":"text","text":"a"},{"type":"thinking","thinking":"","signature":format!("cliproxy:gemini:{SIGNED}")}])
    );
}

#[test]
fn e366_usage_without_candidates_counts_no_completion() {
    let mut reply = last("STOP", json!([{"text":"a"}]));
    reply["usageMetadata"] = json!({"promptTokenCount":10,"totalTokenCount":10});
    let value = whole("gemini", "openai", &reply);
    assert_eq!(value["usage"]["completion_tokens"], 0);
    assert_eq!(value["usage"]["prompt_tokens"], 10);
    // Where the total says that there was more, that is the output (B58).
    reply["usageMetadata"] = json!({"promptTokenCount":10,"thoughtsTokenCount":3,"totalTokenCount":17});
    let value = whole("gemini", "openai", &reply);
    assert_eq!(value["usage"]["completion_tokens"], 7, "E366");
    assert_eq!(value["usage"]["completion_tokens_details"]["reasoning_tokens"], 3);
}

#[test]
fn b56_usage_is_converted_once_and_adds_up() {
    // [fix] F9, F11.
    let reply = last("STOP", json!([{"text":"a"}]));
    let chat = whole("gemini", "openai", &reply);
    assert_valid("openai-chat.reply", &chat);
    assert_eq!(chat["usage"]["prompt_tokens"], 10);
    assert_eq!(chat["usage"]["completion_tokens"], 8);
    assert_eq!(chat["usage"]["total_tokens"], 18);
    assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(chat["usage"]["completion_tokens_details"]["reasoning_tokens"], 3);
    let claude = whole("gemini", "claude", &reply);
    assert_eq!(claude["usage"]["input_tokens"], 6);
    assert_eq!(claude["usage"]["cache_read_input_tokens"], 4);
    assert_eq!(claude["usage"]["output_tokens"], 8);
}

#[test]
fn usage_is_read_whatever_it_has() {
    for (given, input, output, reasoning) in [
        // Source: translation.md B58.
        (json!({"promptTokenCount":10,"totalTokenCount":17}), Some(10), Some(7), None),
        (
            json!({"promptTokenCount":10,"toolUsePromptTokenCount":5,"candidatesTokenCount":2}),
            Some(15),
            Some(2),
            None,
        ),
        (
            json!({"prompt_token_count":1,"candidates_token_count":2,"thoughts_token_count":3}),
            Some(1),
            Some(5),
            Some(3),
        ),
        (json!({"promptTokenCount":20,"totalTokenCount":10}), Some(20), Some(0), None),
    ] {
        let mut reply = last("STOP", json!([{"text":"a"}]));
        reply["usageMetadata"] = given.clone();
        let text = reply.to_string();
        let usage = codec().decode_reply(text.as_bytes(), &context()).unwrap().usage.unwrap();
        assert_eq!((usage.input, usage.output, usage.reasoning), (input, output, reasoning), "{given}");
    }
    // E545: a traffic type alone is no usage.
    let mut reply = last("STOP", json!([{"text":"a"}]));
    reply["usageMetadata"] = json!({"trafficType":"ON_DEMAND"});
    let text = reply.to_string();
    assert!(codec().decode_reply(text.as_bytes(), &context()).unwrap().usage.is_none());
}

#[test]
fn e368_an_empty_reply_says_nothing() {
    let value = whole("gemini", "openai", &last("STOP", json!([{"text":""}])));
    assert_eq!(value["choices"][0]["message"]["content"], "");
    assert_eq!(value["choices"][0]["finish_reason"], "stop");
    let value = whole("gemini", "claude", &last("STOP", json!([])));
    assert_eq!(value["content"], json!([]));
}

#[test]
fn every_finish_reason_has_its_meaning() {
    // Source: translation.md B51, B52; F8.
    let text = json!([{"text":"a"}]);
    let call = json!([{"functionCall":{"name":"f","args":{}}}]);
    for (word, parts, chat, claude, reason) in [
        ("STOP", &text, "stop", "end_turn", FinishReason::Stop),
        ("STOP", &call, "tool_calls", "tool_use", FinishReason::ToolUse),
        ("MAX_TOKENS", &text, "length", "max_tokens", FinishReason::Length),
        ("MAX_TOKENS", &call, "tool_calls", "tool_use", FinishReason::ToolUse),
        ("SAFETY", &text, "content_filter", "refusal", FinishReason::Safety),
        ("RECITATION", &text, "content_filter", "refusal", FinishReason::Safety),
        ("PROHIBITED_CONTENT", &text, "content_filter", "refusal", FinishReason::Safety),
        ("IMAGE_SAFETY", &text, "content_filter", "refusal", FinishReason::Safety),
        ("MALFORMED_FUNCTION_CALL", &text, "stop", "end_turn", FinishReason::BadToolCall),
        ("OTHER", &text, "stop", "end_turn", FinishReason::Other),
        ("SOMETHING_NEW", &text, "stop", "end_turn", FinishReason::Other),
    ] {
        let reply = last(word, parts.clone());
        assert_eq!(whole("gemini", "openai", &reply)["choices"][0]["finish_reason"], chat, "{word}");
        assert_eq!(whole("gemini", "claude", &reply)["stop_reason"], claude, "{word}");
        let body = reply.to_string();
        let response = codec().decode_reply(body.as_bytes(), &context()).unwrap();
        let finish = response.candidates[0].finish.as_ref().unwrap();
        assert_eq!((finish.reason, finish.native.as_deref()), (reason, Some(word)));
    }
}

#[test]
fn f15_a_blocked_prompt_is_a_reply_that_was_filtered() {
    let reply = json!({"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3,"totalTokenCount":3},"modelVersion":"m"});
    assert_eq!(whole("gemini", "openai", &reply)["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(whole("gemini", "claude", &reply)["stop_reason"], "refusal");
}

#[test]
fn what_is_no_reply_is_an_error_in_its_own_words() {
    for (body, expected) in [
        (r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}"#, "slow down"),
        (r#"[{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}]"#, "slow down"),
        (r#"{"candidates":[]}"#, "no candidates"),
        (r#"{}"#, "no candidates"),
        (r#"{"candidates":[{"content":{"parts":[{"text":5}]}}]}"#, "candidates[0].content.parts[0].text"),
        ("nonsense", "nonsense"),
    ] {
        let error = codec().decode_reply(body.as_bytes(), &context()).unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
}

#[test]
fn candidates_images_and_calls_reach_clients_that_have_a_place_for_them() {
    let reply = json!({"candidates":[
        {"index":0,"content":{"parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]},"finishReason":"STOP"},
        {"index":1,"content":{"parts":[{"functionCall":{"id":"c1","name":"f","args":{"a":1}},"thoughtSignature":SIGNED}]},"finishReason":"STOP"}],
        "createTime":"2026-11-27T15:04:05Z"});
    let value = whole("gemini", "openai", &reply);
    assert_eq!(value["created"], 1_795_791_845);
    assert_eq!(value["choices"][0]["message"]["images"][0]["image_url"]["url"], "data:image/png;base64,AA==");
    let call = &value["choices"][1]["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name":"f","arguments":"{\"a\":1}"}));
    assert_eq!(
        (&call["id"], &call["extra_content"]["google"]["thought_signature"]),
        (&json!("c1"), &json!(SIGNED))
    );
}

#[test]
fn e407_an_envelope_is_opened() {
    let inner = last("STOP", json!([{"text":"a"}]));
    let wrapped = json!({"response":inner,"traceId":"t"});
    assert_eq!(whole("gemini", "openai", &wrapped), whole("gemini", "openai", &inner));
}
