//! What providers get wrong, and what their clients do not suffer for: what was said arrives, or is told.

use serde_json::{Value, json};

use super::cut::{piped, whole};

fn sse(events: &[Value]) -> Vec<u8> {
    let mut out = String::new();
    for event in events {
        if let Some(kind) = event["type"].as_str() {
            out.push_str(&format!("event: {kind}\n"));
        }
        out.push_str(&format!("data: {event}\n\n"));
    }
    out.into_bytes()
}

const CLIENTS: [&str; 4] = ["openai", "claude", "openai-response", "gemini"];

/// Deltas without a block, and of another kind than their block.
#[test]
fn what_claude_s_deltas_say_out_of_order_is_said() {
    let start =
        |index: u32, block: Value| json!({"type":"content_block_start","index":index,"content_block":block});
    let delta = |index: u32, delta: Value| json!({"type":"content_block_delta","index":index,"delta":delta});
    let stop = |index: u32| json!({"type":"content_block_stop","index":index});
    let text = |said: &str| json!({"type":"text_delta","text":said});
    let think = |said: &str| json!({"type":"thinking_delta","thinking":said});
    let call = |piece: &str| json!({"type":"input_json_delta","partial_json":piece});
    let tool = json!({"type":"tool_use","id":"toolu_1","name":"f","input":{}});
    let signed = json!({"type":"signature_delta","signature":"Eo"});
    for (what, events, said, told) in [
        ("text that nothing began", vec![delta(0, text("needle-a"))], vec!["needle-a"], false),
        ("a thought that nothing began", vec![delta(0, think("needle-t"))], vec!["needle-t"], false),
        (
            "behind its block's end",
            vec![
                start(0, json!({"type":"text","text":""})),
                delta(0, text("needle-a")),
                stop(0),
                delta(0, text("needle-b")),
            ],
            vec!["needle-a", "needle-b"],
            false,
        ),
        (
            "a thought in a text",
            vec![
                start(0, json!({"type":"text","text":""})),
                delta(0, think("needle-t")),
                delta(0, text("needle-a")),
                stop(0),
            ],
            vec!["needle-t", "needle-a"],
            false,
        ),
        (
            "a text in a thought",
            vec![
                start(0, json!({"type":"thinking","thinking":""})),
                delta(0, text("needle-a")),
                delta(0, think("needle-t")),
            ],
            vec!["needle-t", "needle-a"],
            false,
        ),
        (
            "a text in a call",
            vec![
                start(0, tool.clone()),
                delta(0, call("{\"a\":")),
                delta(0, text("needle-a")),
                delta(0, call("1}")),
                stop(0),
            ],
            vec!["needle-a", "toolu_1"],
            false,
        ),
        (
            "arguments that nothing began",
            vec![delta(0, text("needle-a")), delta(1, call("{}"))],
            vec!["needle-a"],
            true,
        ),
        (
            "a signature in a text",
            vec![start(0, json!({"type":"text","text":"needle-a"})), delta(0, signed)],
            vec!["needle-a"],
            true,
        ),
        (
            "nothing",
            vec![delta(3, text("")), delta(3, call("")), delta(0, text("needle-a"))],
            vec!["needle-a"],
            false,
        ),
    ] {
        let mut all = vec![
            json!({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[]}}),
        ];
        all.extend(events);
        all.push(
            json!({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}),
        );
        all.push(json!({"type":"message_stop"}));
        for client in CLIENTS.into_iter().filter(|client| *client != "claude") {
            let (out, losses) = piped("claude", client, &sse(&all)).unwrap();
            for said in &said {
                let times = out.matches(said).count();
                // Gemini's clients derive nothing from a call's id; Responses repeats in its last events.
                assert!(
                    times == 1 || client == "openai-response" && times > 1,
                    "{what}: {client}: {said}: {out}"
                );
            }
            let lost = losses.contains(&"event.content_block_delta".to_owned());
            assert_eq!(lost, told, "{what}: {client}: {losses:?}");
        }
    }
}

/// A provider's odd counts are unknown counts, and fail nothing.
#[test]
fn odd_usage_fails_no_reply() {
    let odd = [
        json!(12.0),
        json!(-1),
        json!(1.5),
        json!("12"),
        json!([]),
        json!({}),
        json!(true),
        json!(1e300),
        Value::Null,
    ];
    let usages = |names: &[&str], details: &[(&str, &str)]| -> Vec<Value> {
        let mut all: Vec<Value> = odd.to_vec();
        for odd in &odd {
            let mut usage = json!({});
            for name in names {
                usage[*name] = odd.clone();
            }
            all.push(usage.clone());
            for (detail, _) in details {
                usage[*detail] = odd.clone();
            }
            all.push(usage.clone());
            for (detail, member) in details {
                usage[*detail] = json!({*member: odd});
            }
            all.push(usage);
        }
        all
    };
    let counts = |provider: &str| match provider {
        "openai" => usages(
            &["prompt_tokens", "completion_tokens", "total_tokens"],
            &[("prompt_tokens_details", "cached_tokens"), ("completion_tokens_details", "reasoning_tokens")],
        ),
        "claude" => usages(
            &[
                "input_tokens",
                "output_tokens",
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
                "service_tier",
            ],
            &[
                ("cache_creation", "ephemeral_5m_input_tokens"),
                ("output_tokens_details", "thinking_tokens"),
                ("server_tool_use", "web_search_requests"),
            ],
        ),
        "openai-response" => usages(
            &["input_tokens", "output_tokens", "total_tokens"],
            &[("input_tokens_details", "cached_tokens"), ("output_tokens_details", "reasoning_tokens")],
        ),
        _ => usages(
            &["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount"],
            &[("promptTokensDetails", "tokenCount"), ("candidatesTokensDetails", "tokenCount")],
        ),
    };
    for provider in ["openai", "claude", "openai-response", "gemini"] {
        for usage in counts(provider) {
            let (reply, events) = replies(provider, &usage);
            for client in CLIENTS.into_iter().filter(|client| *client != provider) {
                let (body, _) = whole(provider, client, &reply)
                    .unwrap_or_else(|error| panic!("{provider} to {client}: {usage}: {error}"));
                assert!(body.to_string().contains("needle"), "{body}");
                let (out, _) = piped(provider, client, &sse(&events))
                    .unwrap_or_else(|error| panic!("{provider} to {client}: {usage}: {error}"));
                assert!(out.contains("needle"), "{out}");
            }
        }
    }
    // A whole number is one however it is written.
    let (reply, events) =
        replies("claude", &json!({"input_tokens":12.0,"output_tokens":-1,"cache_read_input_tokens":"3"}));
    let (body, _) = whole("claude", "openai", &reply).unwrap();
    assert_eq!(body["usage"]["prompt_tokens"], 12, "{body}");
    let (out, _) = piped("claude", "openai-response", &sse(&events)).unwrap();
    assert!(out.contains("\"input_tokens\":12,"), "{out}");
}

/// A reply, whole and as a stream.
fn replies(provider: &str, usage: &Value) -> (Value, Vec<Value>) {
    match provider {
        "openai" => (
            json!({"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"needle"},"finish_reason":"stop"}],"usage":usage}),
            vec![
                json!({"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"needle"},"finish_reason":"stop"}],"usage":usage}),
            ],
        ),
        "claude" => {
            let message = |content: Value| json!({"id":"msg_1","type":"message","role":"assistant","model":"m","content":content,"stop_reason":"end_turn","usage":usage});
            (
                message(json!([{"type":"text","text":"needle"}])),
                vec![
                    json!({"type":"message_start","message":message(json!([]))}),
                    json!({"type":"content_block_start","index":0,"content_block":{"type":"text","text":"needle"}}),
                    json!({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":usage}),
                    json!({"type":"message_stop"}),
                ],
            )
        }
        "openai-response" => {
            let response = json!({"id":"resp_1","object":"response","status":"completed","model":"m","usage":usage,
                "output":[{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"needle","annotations":[]}]}]});
            (response.clone(), vec![json!({"type":"response.completed","response":response})])
        }
        _ => {
            let reply = json!({"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"needle"}]},"finishReason":"STOP"}],"usageMetadata":usage});
            (reply.clone(), vec![reply])
        }
    }
}

/// Content of replies and chunks that is no text and no list of parts.
#[test]
fn odd_content_of_chat_replies_is_said_or_told() {
    for (content, said, told) in [
        (json!({"type":"text","text":"needle"}), true, false),
        (json!({"text":"needle"}), true, false),
        (json!([{"text":"needle"}]), true, false),
        (json!([{"type":"text","text":"needle"}, {"x":1}]), true, true),
        (json!(["needle", 5]), true, true),
        (json!([{"type":"text"}, {"type":"text","text":"needle"}]), true, true),
        (json!([{"type":"refusal","refusal":"needle"}]), true, false),
        (json!({"x":"y"}), false, true),
        (json!(5), false, true),
        (json!([]), false, false),
        (json!(""), false, false),
    ] {
        let events = [
            json!({"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":content}}]}),
            json!({"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}),
        ];
        let reply = json!({"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":content},"finish_reason":"stop"}]});
        for client in ["claude", "openai-response", "gemini"] {
            let streamed = piped("openai", client, &sse(&events)).unwrap();
            let whole = whole("openai", client, &reply).unwrap();
            for (out, losses) in [streamed, (whole.0.to_string(), whole.1)] {
                assert_eq!(out.contains("needle"), said, "{client}: {content}: {out}");
                let lost = losses.contains(&"message.content".to_owned());
                assert_eq!(lost, told, "{client}: {content}: {losses:?}");
            }
        }
    }
}
