//! The same of replies: what of a reply is taken out without a trace in what the client gets was lost, and must be told.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::registry::{Exchange, RequestCall};
use cliproxy_translator::{Loss, Profile, ReplyMeter, replay};
use serde_json::{Value, json};

use super::bodies::{Path, find, is_spoken_of, last_key, needles, paths, shown, without};
use crate::grid::{REGISTRY, codec, context};

pub const CLIENTS: [&str; 6] =
    ["openai", "openai-completions", "claude", "openai-response", "gemini", "gemini-cli"];

/// A reply that says all that its format can say.
pub fn rich(provider: &str) -> Value {
    match provider {
        "openai" => json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "m",
            "choices": [
                {"index": 0, "finish_reason": "tool_calls",
                    "message": {"role": "assistant", "content": "needle answer", "refusal": "needle refusal",
                        "reasoning_content": "needle thought",
                        "annotations": [{"type": "url_citation", "url_citation": {"url": "https://needle-url.example",
                            "title": "needle title", "start_index": 0, "end_index": 6}}],
                        "tool_calls": [{"id": "call_1", "type": "function",
                            "function": {"name": "needle_lookup", "arguments": "{\"city\":\"needle-oslo\"}"}}],
                        "needle_message": "needle-in-message"},
                    "logprobs": {"content": [{"token": "needle-token", "logprob": -0.7717, "bytes": [], "top_logprobs": []}]}},
                {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "needle second"}},
            ],
            "service_tier": "flex", "system_fingerprint": "needle-fingerprint", "provider": "needle-provider",
        }),
        "claude" => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [
                {"type": "thinking", "thinking": "needle thought", "signature": crate::responses::claude_signature()},
                {"type": "redacted_thinking", "data": "EmwKAhgBEgyneedleredacted"},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "needle query"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result",
                    "url": "https://needle-page.example", "title": "needle page", "encrypted_content": "needle-sealed", "page_age": "needle age"}]},
                {"type": "text", "text": "needle answer", "citations": [
                    {"type": "web_search_result_location", "url": "https://needle-url.example", "title": "needle title",
                        "cited_text": "needle cited", "encrypted_index": "needle-index"}]},
                {"type": "tool_use", "id": "toolu_1", "name": "needle_lookup", "input": {"city": "needle-oslo"}},
                {"type": "container_upload", "file_id": "needle-file"},
            ],
            "stop_reason": "stop_sequence", "stop_sequence": "needle-stop",
            "stop_details": {"type": "refusal", "category": "needle-category"},
            "usage": {"input_tokens": 3, "output_tokens": 4, "service_tier": "batch"},
            "container": {"id": "needle-container"},
        }),
        "openai-response" => json!({
            "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": "completed", "model": "m",
            "output": [
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "needle thought"}],
                    "content": [{"type": "reasoning_text", "text": "needle chain"}], "encrypted_content": crate::responses::gpt_signature()},
                {"type": "web_search_call", "id": "ws_1", "status": "completed",
                    "action": {"type": "search", "query": "needle query", "sources": [{"type": "url", "url": "https://needle-page.example"}]}},
                {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                    {"type": "output_text", "text": "needle answer",
                        "annotations": [{"type": "file_citation", "file_id": "needle-file", "filename": "needle-name", "index": 0}],
                        "logprobs": [{"token": "needle-token", "logprob": -0.7717, "bytes": [], "top_logprobs": []}]},
                    {"type": "refusal", "refusal": "needle refusal"}]},
                {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "needle_lookup", "arguments": "{\"city\":\"needle-oslo\"}"},
                {"type": "image_generation_call", "id": "ig_1", "status": "completed", "output_format": "png", "result": "iVBORw0KGgoAAAANneedle"},
                {"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "code": "needle code"},
            ],
            "service_tier": "flex", "needle_member": "needle-in-reply",
        }),
        "gemini" => json!({
            "candidates": [
                {"index": 0, "finishReason": "STOP",
                    "content": {"role": "model", "parts": [
                        {"text": "needle thought", "thought": true},
                        {"text": "needle answer", "thoughtSignature": "CneedleSignatureOfTextAAAA"},
                        {"functionCall": {"name": "needle_lookup", "args": {"city": "needle-oslo"}}, "thoughtSignature": "CneedleSignatureOfCallBBBB"},
                        {"executableCode": {"language": "PYTHON", "code": "needle code"}},
                        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAAANneedle"}},
                    ]},
                    "groundingMetadata": {"webSearchQueries": ["needle query"],
                        "groundingChunks": [{"web": {"uri": "https://needle-page.example", "title": "needle page"}}],
                        "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 6}, "groundingChunkIndices": [0]}]},
                    "logprobsResult": {"chosenCandidates": [{"token": "needle-token", "logProbability": -0.7717}]},
                    "safetyRatings": [{"category": "needle-category"}], "avgLogprobs": -0.3137},
                {"index": 1, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": "needle second"}]}},
            ],
            "modelVersion": "m", "responseId": "r", "needleMember": "needle-in-reply",
        }),
        // Its frames, each under its event's name.
        "kiro" => json!({"output": [
            {"type": "reasoningContentEvent", "text": "needle thought"},
            {"type": "reasoningContentEvent", "signature": crate::responses::claude_signature()},
            {"type": "reasoningContentEvent", "redactedContent": "EmwKAhgBEgyneedleredacted"},
            {"type": "assistantResponseEvent", "content": "needle answer", "modelId": "m",
                "needle_message": "needle-in-message",
                "toolUses": [{"toolUseId": "t2", "name": "needle_second", "input": {"city": "needle-lima"}}]},
            {"type": "toolUseEvent", "toolUseId": "t1", "name": "needle_lookup", "input": "{\"city\":\"needle-oslo\"}", "stop": true},
            {"type": "codeReferenceEvent", "references": [{"licenseName": "needle-licence"}]},
            {"type": "citationEvent", "target": "needle-target"},
            {"type": "followupPromptEvent", "content": "needle next"},
            {"type": "supplementaryWebLinksEvent", "supplementaryWebLinks": [{"url": "https://needle-page.example"}]},
            {"type": "invalidStateEvent", "reason": "needle-reason", "message": "needle message"},
            {"type": "needleEvent", "note": "needle-note"},
            {"type": "meteringEvent", "unit": "credit", "unitPlural": "credits", "usage": 0.7717},
            {"type": "contextUsageEvent", "contextUsagePercentage": 1.5},
            {"type": "metadataEvent", "needle_count": "needle-in-counts",
                "tokenUsage": {"outputTokens": 4, "totalTokens": 7, "uncachedInputTokens": 3}},
        ]}),
        other => panic!("{other}"),
    }
}

/// The reply as its provider sends it.
fn sent_by(provider: &str, body: &Value) -> Option<Bytes> {
    if provider != "kiro" {
        return Some(Bytes::from(body.to_string()));
    }
    let mut out = Vec::new();
    for frame in body["output"].as_array()? {
        let mut payload = frame.as_object()?.clone();
        let name = payload.shift_remove("type")?;
        out.extend(crate::event_stream::event(name.as_str()?, &Value::Object(payload).to_string()));
    }
    Some(Bytes::from(out))
}

/// A request that searches the web, where clients of the format can say so.
fn asking(client: &str, searches: bool) -> Value {
    let tool = match client {
        "claude" => json!({"type": "web_search_20250305", "name": "web_search"}),
        _ => json!({"type": "web_search"}),
    };
    let mut body = match client {
        "openai" => json!({"model": "m", "messages": [{"role": "user", "content": "q"}]}),
        "openai-completions" => json!({"model": "m", "prompt": "q"}),
        "claude" => json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}]}),
        "openai-response" => json!({"model": "m", "input": "q"}),
        "gemini" => json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}]}),
        "gemini-cli" => {
            json!({"model": "m", "request": {"contents": [{"role": "user", "parts": [{"text": "q"}]}]}})
        }
        other => panic!("{other}"),
    };
    if searches {
        body["tools"] = json!([tool]);
    }
    body
}

pub fn exchange(client: &str, provider: &str, searches: bool) -> Exchange {
    let bytes = Bytes::from(asking(client, searches).to_string());
    let profile = Profile::new("m", false);
    let (client, provider) =
        (ClientFormat::from(client.to_owned()), ProviderFormat::from(provider.to_owned()));
    REGISTRY
        .translate_request(&RequestCall::new(&client, &provider, &bytes, &profile), context())
        .unwrap()
        .exchange
}

pub fn told(exchange: &Exchange, body: &Value) -> Option<(String, Vec<Loss>)> {
    let sent = sent_by(exchange.provider.as_str(), body)?;
    let done = REGISTRY.translate_whole(exchange, &sent).ok()?;
    Some((String::from_utf8(done.body.to_vec()).unwrap(), done.losses))
}

/// By what pieces find one another, and what clients do not need to know a reply.
fn is_bookkeeping(body: &Value, path: &Path) -> bool {
    let words = shown(path);
    // Tokens that are counted count more.
    if find(body, path)["type"] == "contextUsageEvent" {
        return true;
    }
    match last_key(path) {
        Some(
            "id" | "call_id" | "tool_use_id" | "object" | "type" | "role" | "model" | "status" | "index",
        ) => true,
        Some("created" | "created_at" | "modelVersion" | "responseId" | "mimeType" | "output_format") => true,
        Some("bytes" | "top_logprobs") => find(body, path).is_array(),
        // Counts are added up, and what ends a reply has one word in each format.
        Some(
            "usage" | "input_tokens" | "output_tokens" | "finish_reason" | "stop_reason" | "finishReason",
        ) => true,
        // Each format says in its own way where a citation stands and what it is of; what Google grounded a reply on is
        // told by its citations, and as a whole.
        Some(
            "start_index" | "end_index" | "cited_text" | "encrypted_index" | "logprob" | "logProbability",
        ) => true,
        // How a call of Kiro's ends, and what its usage is made of.
        Some("stop" | "contextUsagePercentage" | "tokenUsage" | "outputTokens" | "totalTokens") => true,
        Some("uncachedInputTokens" | "toolUseId" | "modelId" | "unit" | "unitPlural") => true,
        Some("sources" | "action" | "input" | "page_age" | "title" | "query" | "language" | "name") => true,
        _ => {
            words.contains("groundingMetadata.") && !words.contains("webSearchQueries")
                || words.contains("sources[")
                || words.contains("output[1].action")
        }
    }
}

pub const PROVIDERS: [&str; 5] = ["openai", "claude", "openai-response", "gemini", "kiro"];

/// Every loss of the rich replies: the client's format, the provider's, and what.
pub fn all_losses() -> Vec<(&'static str, &'static str, String)> {
    let mut all = Vec::new();
    for provider in PROVIDERS {
        for client in CLIENTS {
            for searches in [false, true] {
                let (_, losses) = told(&exchange(client, provider, searches), &rich(provider)).unwrap();
                all.extend(losses.into_iter().map(|loss| (client, provider, loss.what.into_owned())));
            }
        }
    }
    all
}

fn lies(client: &str, provider: &str, searches: bool) -> Vec<String> {
    lies_of(&exchange(client, provider, searches), &rich(provider))
}

fn lies_of(exchange: &Exchange, body: &Value) -> Vec<String> {
    let (client, provider) = (exchange.client.as_str(), exchange.provider.as_str());
    let (sent, losses) = told(exchange, body).unwrap();
    let mut spoken_of = vec![false; losses.len()];
    let mut lies = Vec::new();
    let mut all = Vec::new();
    paths(body, &mut all);
    for path in all.iter().filter(|path| !is_bookkeeping(body, path)) {
        let Some((other, _)) = told(exchange, &without(body, path)) else { continue };
        let arrived = match needles(find(body, path)) {
            Some(needles) => needles.iter().all(|needle| sent.contains(needle.as_str())),
            None => sent != other,
        };
        let within: Vec<&Path> = all.iter().filter(|part| part.starts_with(path)).collect();
        let mut spoken = false;
        for (loss, spoken_of) in losses.iter().zip(&mut spoken_of) {
            if within.iter().any(|part| is_spoken_of(&loss.what, body, part)) {
                spoken = true;
                let value = find(body, path);
                *spoken_of |= !arrived || needles(value).is_none() && !value.is_object() && !value.is_array();
            }
        }
        if !arrived && !spoken {
            lies.push(format!("{provider} to {client}: {} is lost and not told\n", shown(path)));
        }
    }
    for (loss, spoken_of) in losses.iter().zip(spoken_of) {
        if !spoken_of {
            lies.push(format!("{provider} to {client}: {} is told and not lost\n", loss.what));
        }
    }
    lies
}

#[test]
fn what_a_reply_says_arrives_or_is_told() {
    let mut report = Vec::new();
    for provider in PROVIDERS {
        for client in CLIENTS {
            if codec(client).family() == codec(provider).family() {
                continue;
            }
            report.extend(lies(client, provider, false));
            if matches!(client, "claude" | "openai-response") {
                report.extend(lies(client, provider, true));
            }
        }
    }
    assert!(report.is_empty(), "{}", report.concat());
}

/// A reply that says all that its format can say, as every provider format has it.
fn rich_from(provider: &str) -> Value {
    match provider {
        "codex" => rich("openai-response"),
        "gemini-cli" | "antigravity" => json!({"response": rich("gemini")}),
        provider => rich(provider),
    }
}

/// To the exchange that the agent's own request began, with its tools.
#[test]
fn what_comes_back_to_a_coding_agent_arrives_or_is_told() {
    let mut report = Vec::new();
    for (agent, client, body) in super::agents::all() {
        for provider in crate::grid::PROVIDERS {
            if codec(client).family() == codec(provider).family() {
                continue;
            }
            let (_, exchange) = super::sent(client, super::target(provider), &body).unwrap();
            let lies = lies_of(&exchange, &rich_from(provider));
            report.extend(lies.into_iter().map(|lie| format!("{agent}: {lie}")));
        }
    }
    assert!(report.is_empty(), "{}", report.concat());
}

/// What is told of a stream is what is told of the reply that it makes, but for members that no event carries.
#[test]
fn a_stream_tells_what_its_whole_reply_tells() {
    for provider in PROVIDERS {
        let text = sent_by(provider, &rich(provider)).unwrap();
        let response = codec(provider).decode_reply(&text, &context()).unwrap();
        for client in CLIENTS {
            let client = Arc::clone(REGISTRY.codec(client).unwrap());
            let mut whole = ReplyMeter::new(Arc::clone(&client), false);
            whole.response(&response);
            let mut stream = ReplyMeter::new(Arc::clone(&client), false);
            replay(&response, &mut |event| stream.event(&event));
            let told = |meter: &ReplyMeter| -> Vec<String> {
                let mut all: Vec<String> = meter.losses().iter().map(|loss| loss.what.to_string()).collect();
                // What a stream has no event for, and what Gemini's never hold.
                all.retain(|what| {
                    what.starts_with("message.") || what.contains("stop") || what == "candidates"
                });
                all.retain(|what| !what.contains("needle"));
                all.sort();
                all
            };
            assert_eq!(told(&stream), told(&whole), "{provider} to {}", client.name());
        }
    }
}

#[test]
fn a_stream_tells_each_kind_once_however_long_it_is() {
    let text = rich("claude").to_string();
    let response = codec("claude").decode_reply(text.as_bytes(), &context()).unwrap();
    let mut meter = ReplyMeter::new(Arc::clone(REGISTRY.codec("openai").unwrap()), false);
    for _ in 0..1000 {
        replay(&response, &mut |event| meter.event(&event));
    }
    let what: Vec<&str> = meter.losses().iter().map(|loss| &*loss.what).collect();
    assert_eq!(
        what,
        [
            "service_tier",
            "message.signature",
            "message.redacted_thinking",
            "message.server_tool_use",
            "message.web_search_tool_result",
            "message.container_upload",
            "stop_sequence",
            "stop_details",
        ]
    );
}

/// Source: translation.md F17, B85.
#[test]
fn f17_a_search_of_claude_is_an_item_for_clients_that_search() {
    let exchange = exchange("openai-response", "claude", true);
    let (sent, losses) = told(&exchange, &rich("claude")).unwrap();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let items = sent["output"].as_array().unwrap();
    let search = items.iter().find(|item| item["type"] == "web_search_call").unwrap();
    assert_eq!((&search["id"], &search["status"]), (&json!("ws_1"), &json!("completed")));
    assert_eq!(search["action"]["query"], "needle query");
    assert_eq!(search["action"]["sources"], json!([{"type": "url", "url": "https://needle-page.example"}]));
    // What Claude alone can read of it stays here.
    assert!(losses.iter().any(|loss| loss.what == "message.encrypted_content"), "{losses:?}");

    let text = rich("claude").to_string();
    let response = codec("claude").decode_reply(text.as_bytes(), &context()).unwrap();
    let mut out = Vec::new();
    let mut encoder = codec("openai-response").stream_encoder(&exchange.context);
    replay(&response, &mut |event| encoder.encode(event, &mut out));
    let stream = String::from_utf8(out).unwrap();
    let done = stream
        .lines()
        .filter(|line| line.contains("response.output_item.done") && line.contains("web_search_call"));
    assert_eq!(done.filter(|line| line.contains("needle query")).count(), 1, "{stream}");
}

/// Of Claude's blocks those of calls keep their own members on the way back to Claude.
#[test]
fn what_claude_s_calls_have_alone_is_not_told_as_lost_where_it_arrives() {
    let mut body = rich("claude");
    for block in body["content"].as_array_mut().unwrap() {
        match block["type"].as_str() {
            Some("tool_use") => block["needle_tool_use"] = json!("needle-own"),
            Some("text") => block["needle_text"] = json!("needle-own"),
            _ => {}
        }
    }
    let text = body.to_string();
    let response = codec("claude").decode_reply(text.as_bytes(), &context()).unwrap();
    let written = codec("claude").encode_reply(&response, &context());
    let written = String::from_utf8(written).unwrap();
    let mut meter = ReplyMeter::new(Arc::clone(REGISTRY.codec("claude").unwrap()), true);
    meter.response(&response);
    for (member, arrives) in [("needle_tool_use", true), ("needle_text", false)] {
        let told = meter.losses().iter().any(|loss| loss.what.ends_with(member));
        assert_eq!((written.contains(member), told), (arrives, !arrives), "{member}: {:?}", meter.losses());
    }
}
