//! The rules of the pairs with Interactions, a format that is not offered, where they hold for formats that are.
//! Source: translation.md D.28.

use serde_json::{Value, json};

use super::{GEMINI, codec_of, context, frames, to, with};
use crate::gemini::translated;

#[test]
fn e538_e540_e562_a_string_is_one_user_numbers_are_exact_and_effort_asks_for_no_summary() {
    let body = json!({"model":"m","input":"q","reasoning":{"effort":"high"}});
    let request = to("openai-response", &body, GEMINI);
    assert_eq!(request["contents"], json!([{"role":"user","parts":[{"text":"q"}]}]), "E538");
    assert_eq!(request["generationConfig"]["thinkingConfig"], json!({"thinkingLevel":"HIGH"}), "E562");
    let text = r#"{"model":"m","messages":[{"role":"user","content":"q"}],"seed":9007199254740993,"temperature":0.10}"#;
    let request = codec_of("openai");
    let request = request.decode_request(text.as_bytes()).unwrap();
    let profile = cliproxy_translator::Profile::new(GEMINI, false);
    let encoded = codec_of("antigravity").encode_request(&request, &profile).unwrap();
    let sent = String::from_utf8(encoded.body).unwrap();
    assert!(sent.contains(r#""temperature":0.10,"seed":9007199254740993"#), "E540: {sent}");
}

#[test]
fn e545_e547_usage_is_read_in_both_spellings_and_a_traffic_type_is_none() {
    let provider = codec_of("antigravity");
    let usage = |usage: Value| {
        let reply = json!({"response":{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usage_metadata":usage}});
        let text = reply.to_string();
        provider.decode_reply(text.as_bytes(), &context()).unwrap().usage
    };
    assert!(usage(json!({"trafficType":"ON_DEMAND"})).is_none(), "E545");
    let read = usage(json!({"prompt_token_count":3,"candidates_token_count":2})).unwrap();
    assert_eq!((read.input, read.output), (Some(3), Some(2)), "E547");
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

#[test]
fn e550_usage_of_start_and_end_is_one() {
    let stream = [
        event("message_start", &json!({"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":11,"cache_read_input_tokens":4,"output_tokens":1}}})),
        event("content_block_start", &json!({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})),
        event("content_block_delta", &json!({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}})),
        event("content_block_stop", &json!({"type":"content_block_stop","index":0})),
        event("message_delta", &json!({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":9}})),
        event("message_stop", &json!({"type":"message_stop"})),
    ]
    .concat();
    let events = frames(&translated("claude", "openai-response", &stream));
    let usage = &events.last().unwrap()["response"]["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(15), &json!(9)), "E550");
}

#[test]
fn e554_usage_that_comes_alone_at_the_end_is_in_the_terminal_event() {
    let chunk = |members: Value| {
        let chunk =
            with(json!({"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt"}), members);
        format!("data: {chunk}\n\n")
    };
    let stream = [
        chunk(json!({"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]})),
        chunk(json!({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})),
        chunk(json!({"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}})),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let events = frames(&translated("openai", "openai-response", &stream));
    let completed: Vec<_> = events.iter().filter(|event| event["type"] == "response.completed").collect();
    assert_eq!(completed.len(), 1, "E554");
    assert_eq!(completed[0]["response"]["usage"]["total_tokens"], 5, "E554");
}

/// The text and the reason that a Chat client gets of a Responses provider's stream.
fn chat(events: &[Value]) -> (String, Vec<String>) {
    let stream: String = events.iter().map(|data| event(data["type"].as_str().unwrap(), data)).collect();
    let told = frames(&translated("openai-response", "openai", &stream));
    let choices: Vec<_> = told.iter().filter_map(|chunk| chunk["choices"].get(0)).collect();
    let text = choices.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
    let reasons =
        choices.iter().filter_map(|choice| choice["finish_reason"].as_str().map(str::to_owned)).collect();
    (text, reasons)
}

#[test]
fn e559_e560_e561_a_responses_providers_text_comes_once_and_its_end_is_told() {
    let created = json!({"type":"response.created","response":{"id":"r","model":"gpt","output":[]}});
    let message = json!({"type":"message","id":"m","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hello","annotations":[]}]});
    let ended = |kind: &str, more: Value| json!({"type":format!("response.{kind}"),"response":with(json!({"id":"r","model":"gpt","status":kind,"output":[message]}), more)});
    let delta =
        json!({"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"hello"});
    let done = json!({"type":"response.output_text.done","output_index":0,"content_index":0,"text":"hello"});
    let said = |text: &str, reason: &str| (text.to_owned(), vec![reason.to_owned()]);
    let completed = ended("completed", json!({}));
    assert_eq!(
        chat(&[created.clone(), delta.clone(), done, completed.clone()]),
        said("hello", "stop"),
        "E559"
    );
    assert_eq!(chat(&[created.clone(), completed]), said("hello", "stop"), "E560");
    let incomplete = ended("incomplete", json!({"incomplete_details":{"reason":"max_output_tokens"}}));
    assert_eq!(chat(&[created, delta, incomplete]), said("hello", "length"), "E561");
}
