//! Members that nobody knows: one is put into every object of a reply and of every frame of a stream, and it must arrive or
//! be told, once however often it comes. No test knows which objects a decoder reads: each finds out.

use bytes::Bytes;
use cliproxy_translator::registry::Exchange;
use serde_json::{Value, json};

use super::bodies::{At, Path, find, last_key, paths, shown};
use super::replies::{CLIENTS, PROVIDERS as WHOLE, exchange, rich, told};
use crate::event_stream::event as kiro_frame;
use crate::grid::{REGISTRY, codec};

const KEY: &str = "needle_unknown";
const VALUE: &str = "needle-in-a-member";

/// Providers that stream, each of them in frames that have all that a stream of the format is read for.
const PROVIDERS: [&str; 6] = ["openai", "claude", "openai-response", "gemini", "antigravity", "kiro"];

fn frames(provider: &str) -> Vec<Value> {
    match provider {
        "openai" => {
            let chunk = |choice: Value| {
                json!({"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m",
                    "system_fingerprint": "f", "provider": "p", "choices": [choice]})
            };
            let call = json!({"index": 0, "id": "call_1", "type": "function",
                "function": {"name": "f", "arguments": "{\"a\":1}"}});
            let custom =
                json!({"index": 1, "id": "call_2", "type": "custom", "custom": {"name": "g", "input": "x"}});
            vec![
                chunk(json!({"index": 0, "delta": {"role": "assistant", "content": "a"}})),
                chunk(json!({"index": 0, "delta": {"content": "b"}, "native_finish_reason": "n"})),
                chunk(json!({"index": 0, "delta": {"content": [{"type": "text", "text": "c"}]}})),
                chunk(json!({"index": 0, "delta": {"tool_calls": [call, custom]}})),
                chunk(
                    json!({"index": 1, "message": {"role": "assistant", "content": "d"}, "finish_reason": "stop"}),
                ),
                chunk(json!({"index": 0, "delta": {}, "finish_reason": "tool_calls"})),
            ]
        }
        "claude" => vec![
            json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "t"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "a"}}),
            json!({"type": "content_block_stop", "index": 1}),
            json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}}),
            json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
            json!({"type": "content_block_stop", "index": 2}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 2}}),
            json!({"type": "message_stop"}),
        ],
        "openai-response" => {
            let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "ab", "annotations": []}]});
            let call = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"});
            let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "t"}]});
            let response = |status: &str, output: Value| {
                json!({"id": "resp_1", "object": "response", "created_at": 7, "model": "m", "status": status,
                    "instructions": "i", "tools": [], "output": output})
            };
            vec![
                json!({"type": "response.created", "response": response("in_progress", json!([]))}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1", "summary": []}}),
                json!({"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0, "delta": "t"}),
                json!({"type": "response.output_item.done", "output_index": 0, "item": thought}),
                json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "id": "msg_1", "content": []}}),
                json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "content_index": 0, "delta": "ab"}),
                json!({"type": "response.output_text.done", "item_id": "msg_1", "output_index": 1, "content_index": 0, "text": "ab"}),
                json!({"type": "response.output_item.done", "output_index": 1, "item": message}),
                json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 2, "delta": "{}"}),
                json!({"type": "response.output_item.done", "output_index": 2, "item": call}),
                json!({"type": "response.completed", "response": response("completed", json!([thought, message, call]))}),
            ]
        }
        "gemini" => {
            let chunk = |part: Value| {
                json!({"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}],
                    "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 2}, "modelVersion": "m", "responseId": "r"})
            };
            let mut last = chunk(json!({"text": ""}));
            last["candidates"][0]["finishReason"] = "STOP".into();
            vec![
                chunk(json!({"text": "t", "thought": true})),
                chunk(json!({"text": "a"})),
                chunk(json!({"text": "b"})),
                chunk(json!({"functionCall": {"name": "f", "args": {"a": 1}}})),
                last,
            ]
        }
        "antigravity" => {
            let wrapped = |chunk| json!({"traceId": "t", "response": chunk, "metadata": {}});
            frames("gemini").into_iter().map(wrapped).collect()
        }
        "kiro" => vec![
            json!({"event": "reasoningContentEvent", "payload": {"text": "t"}}),
            json!({"event": "assistantResponseEvent", "payload": {"content": "a", "modelId": "m"}}),
            json!({"event": "toolUseEvent", "payload": {"toolUseId": "t1", "name": "f", "input": "{}", "stop": true}}),
            json!({"event": "contextUsageEvent", "payload": {"contextUsagePercentage": 1.5}}),
            json!({"event": "metadataEvent", "payload": {"tokenUsage": {"outputTokens": 1, "totalTokens": 2}}}),
        ],
        other => panic!("{other}"),
    }
}

/// As the provider sends them.
fn bytes(provider: &str, frames: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in frames {
        if provider == "kiro" {
            out.extend(kiro_frame(frame["event"].as_str().unwrap(), &frame["payload"].to_string()));
            continue;
        }
        if let Some(kind) = frame["type"].as_str() {
            out.extend_from_slice(format!("event: {kind}\n").as_bytes());
        }
        out.extend_from_slice(format!("data: {frame}\n\n").as_bytes());
    }
    if provider == "openai" {
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
    out
}

/// What the client gets of a stream, and what is told to be lost of it.
fn streamed(exchange: &Exchange, provider: &str, frames: &[Value]) -> (String, Vec<String>) {
    let mut pipe = REGISTRY.stream(exchange.clone()).unwrap();
    let mut out = Vec::new();
    for chunk in bytes(provider, frames).chunks(700) {
        pipe.push(&Bytes::copy_from_slice(chunk), &mut out).unwrap();
    }
    pipe.finish(&mut out).unwrap();
    let losses = pipe.losses().iter().map(|loss| loss.what.to_string()).collect();
    (String::from_utf8(out).unwrap(), losses)
}

/// The objects of a value that are read member by member: what is the client's or nobody's business, and what goes along
/// whole, is not taken apart. Of counts only what has a place is read.
fn objects(value: &Value) -> Vec<Path> {
    let mut all = vec![Vec::new()];
    paths(value, &mut all);
    let whole = [
        // Texts of thoughts: of their parts only the text is read.
        "summary",
        "args",
        "arguments",
        "input",
        "usage",
        "usageMetadata",
        "tokenUsage",
        "annotations",
        "citations",
        "action",
        "logprobs",
        "groundingMetadata",
        "logprobsResult",
        "safetyRatings",
        "stop_details",
        "metadata",
        "container",
    ];
    all.retain(|path| {
        let inside = |step: &At| matches!(step, At::Key(key) if whole.contains(&key.as_str()));
        let ancestors = || (0..=path.len()).map(|len| find(value, &path[..len]));
        find(value, path).is_object() && !path.iter().any(inside) && !ancestors().any(is_told_whole)
    });
    all
}

/// What is one thing to whoever does not know it, and is told by its kind.
fn is_told_whole(value: &Value) -> bool {
    let kinds = [
        "server_tool_use",
        "web_search_tool_result",
        "container_upload",
        "web_search_call",
        "code_interpreter_call",
        "reasoning_text",
        "codeReferenceEvent",
        "citationEvent",
        "followupPromptEvent",
        "supplementaryWebLinksEvent",
        "invalidStateEvent",
        "needleEvent",
        "meteringEvent",
    ];
    kinds.iter().any(|kind| value["type"] == *kind) || value["executableCode"].is_object()
}

fn with(value: &Value, path: &Path) -> Value {
    let mut value = value.clone();
    let place = path.iter().fold(&mut value, |value, step| match step {
        At::Key(key) => &mut value[key],
        At::Index(index) => &mut value[*index],
    });
    place[KEY] = VALUE.into();
    value
}

fn is_told(losses: &[String]) -> bool {
    losses.iter().filter(|what| what.ends_with(KEY)).count() == 1
}

fn clients(provider: &str) -> impl Iterator<Item = &'static str> {
    let family = codec(provider).family();
    CLIENTS.into_iter().filter(move |client| codec(client).family() != family)
}

#[test]
fn a_member_that_nobody_knows_of_a_stream_arrives_or_is_told_once() {
    let mut lies = Vec::new();
    for provider in PROVIDERS {
        let frames = frames(provider);
        for client in clients(provider) {
            let exchange = exchange(client, provider, false);
            let (_, losses) = streamed(&exchange, provider, &frames);
            assert!(!losses.iter().any(|what| what.ends_with(KEY)), "{losses:?}");
            for (index, frame) in frames.iter().enumerate() {
                for path in objects(frame).iter().filter(|path| !is_of_an_envelope(provider, path)) {
                    let mut frames = frames.clone();
                    frames[index] = with(frame, path);
                    let (sent, losses) = streamed(&exchange, provider, &frames);
                    if !sent.contains(VALUE) && !is_told(&losses) {
                        lies.push(format!(
                            "{provider} to {client}, frame {index}: {} {losses:?}\n",
                            shown(path)
                        ));
                    }
                }
            }
        }
    }
    assert!(lies.is_empty(), "{}", lies.concat());
}

/// What is around a reply is not of it.
fn is_of_an_envelope(provider: &str, path: &Path) -> bool {
    match provider {
        "antigravity" => path.first() != Some(&At::Key("response".to_owned())),
        "kiro" => path.is_empty() || last_key(path) != Some("payload"),
        _ => false,
    }
}

#[test]
fn what_every_frame_has_is_told_once_for_each_place_and_only_so_many_names_are_told() {
    for provider in PROVIDERS {
        let known = |frame: &Value| -> Vec<Path> {
            objects(frame).into_iter().filter(|path| !is_of_an_envelope(provider, path)).collect()
        };
        let everywhere: Vec<Value> = frames(provider)
            .iter()
            .map(|frame| known(frame).iter().fold(frame.clone(), |frame, path| with(&frame, path)))
            .collect();
        let mut crowd = frames(provider);
        for path in known(&crowd[1]) {
            for number in 0..40 {
                let text = with(&crowd[1], &path).to_string().replace(KEY, &format!("other_{number}"));
                crowd[1] = serde_json::from_str(&text).unwrap();
            }
        }
        for client in clients(provider) {
            let exchange = exchange(client, provider, false);
            let (_, mut losses) = streamed(&exchange, provider, &everywhere);
            let all = losses.len();
            losses.sort();
            losses.dedup();
            let told = losses.iter().filter(|what| what.ends_with(KEY)).count();
            assert!(all == losses.len() && (1..=5).contains(&told), "{provider} to {client}: {losses:?}");
            let (_, losses) = streamed(&exchange, provider, &crowd);
            assert!((40..=80).contains(&losses.len()), "{provider} to {client}: {losses:?}");
        }
    }
}

#[test]
fn a_member_that_nobody_knows_of_a_whole_reply_arrives_or_is_told() {
    let mut lies = Vec::new();
    for provider in WHOLE {
        let reply = rich(provider);
        for client in clients(provider) {
            let exchange = exchange(client, provider, false);
            for path in objects(&reply).iter().filter(|path| provider != "kiro" || path.len() == 2) {
                let (sent, losses) = told(&exchange, &with(&reply, path)).unwrap();
                let losses: Vec<String> = losses.into_iter().map(|loss| loss.what.into_owned()).collect();
                if !sent.contains(VALUE) && !is_told(&losses) {
                    lies.push(format!("{provider} to {client}: {} {losses:?}\n", shown(path)));
                }
            }
        }
    }
    assert!(lies.is_empty(), "{}", lies.concat());
}

/// The model is called as the client asked for it, wherever a reply names it.
fn renamed(mut value: Value, shown: &str) -> Value {
    for pointer in ["/model", "/modelVersion", "/message/model", "/response/model", "/response/modelVersion"]
    {
        if let Some(model) = value.pointer_mut(pointer) {
            *model = shown.into();
        }
    }
    value
}

/// Nothing of a reply is lost where its bytes pass: nothing has to be told.
#[test]
fn a_reply_that_passes_through_is_all_there_but_for_the_name_of_its_model() {
    let everywhere =
        |value: &Value| objects(value).iter().fold(value.clone(), |value, path| with(&value, path));
    for (client, provider) in [
        ("openai", "openai"),
        ("claude", "claude"),
        ("openai-response", "openai-response"),
        ("openai-response", "codex"),
        ("gemini", "gemini"),
    ] {
        let rich_in = if provider == "codex" { "openai-response" } else { provider };
        let mut exchange = exchange(client, provider, false);
        exchange.context.shown_model = Some("shown".to_owned());
        let reply = everywhere(&rich(rich_in));
        let (sent, losses) = told(&exchange, &reply).unwrap();
        let sent: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(sent, renamed(reply, "shown"), "{client} to {provider}");
        assert_eq!(losses, [], "{client} to {provider}");

        let frames: Vec<Value> = frames(rich_in).iter().map(everywhere).collect();
        let (sent, losses) = streamed(&exchange, rich_in, &frames);
        let data =
            sent.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        let sent: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
        let expected: Vec<Value> = frames.into_iter().map(|frame| renamed(frame, "shown")).collect();
        assert_eq!(sent, expected, "{client} to {provider}");
        assert_eq!(losses, [] as [String; 0], "{client} to {provider}");
    }
}
