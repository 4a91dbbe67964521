//! Chat and Claude clients × Chat and Claude providers × whole and streamed.

use cliproxy_testkit::{FakeUpstream, TestReply, chat, claude};
use serde_json::{Value, json};

use crate::server::Server;

async fn world() -> (Server, FakeUpstream, FakeUpstream) {
    let (anthropic, openai) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let yaml = format!(
        "claude-api-key: [{{api-key: key-claude, base-url: '{}', models: [{{name: claude-sonnet-4-5, alias: sonnet}}]}}]\n\
         openai-compatibility: [{{name: router, base-url: '{}/v1', api-key-entries: [{{api-key: key-chat}}], models: [{{name: gpt-5, alias: gpt}}]}}]\n",
        anthropic.url(),
        openai.url()
    );
    (Server::with_config(&yaml).await, anthropic, openai)
}

fn request(path: &str, model: &str, stream: bool) -> Value {
    let mut body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "What is the weather?"}]});
    if path == "/v1/messages" {
        body["max_tokens"] = json!(100);
        body["tools"] = json!([{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]);
    } else {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        body["tools"] =
            json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}]);
    }
    body
}

/// Text, tool names and arguments of a reply, whatever its format and mode.
async fn said(path: &str, stream: bool, reply: TestReply) -> (String, Vec<(String, Value)>) {
    assert_eq!(reply.status(), 200);
    if !stream {
        let body = reply.json().await;
        return if path == "/v1/messages" { of_claude(&body) } else { of_chat(&body) };
    }
    let events = reply.events().await;
    let mut text = String::new();
    let mut calls: Vec<(String, String)> = Vec::new();
    for event in &events {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else { continue };
        if path == "/v1/messages" {
            text += data["delta"]["text"].as_str().unwrap_or("");
            if let Some(name) = data["content_block"]["name"].as_str() {
                calls.push((name.to_owned(), String::new()));
            }
            if let (Some(json), Some(last)) = (data["delta"]["partial_json"].as_str(), calls.last_mut()) {
                last.1 += json;
            }
        } else {
            let delta = &data["choices"][0]["delta"];
            text += delta["content"].as_str().unwrap_or("");
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                if let Some(name) = call["function"]["name"].as_str() {
                    calls.push((name.to_owned(), String::new()));
                }
                calls.last_mut().unwrap().1 += call["function"]["arguments"].as_str().unwrap_or("");
            }
        }
    }
    let end = if path == "/v1/messages" { "message_stop" } else { "[DONE]" };
    assert!(events.last().unwrap().data.contains(end), "a stream ends with {end}");
    let calls = calls.into_iter().map(|(name, args)| (name, serde_json::from_str(&args).unwrap())).collect();
    (text, calls)
}

fn of_claude(body: &Value) -> (String, Vec<(String, Value)>) {
    let blocks = body["content"].as_array().unwrap();
    let text = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
    let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
    (text, calls.map(|call| (call["name"].as_str().unwrap().to_owned(), call["input"].clone())).collect())
}

fn of_chat(body: &Value) -> (String, Vec<(String, Value)>) {
    let message = &body["choices"][0]["message"];
    let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| {
        let arguments = call["function"]["arguments"].as_str().unwrap();
        (call["function"]["name"].as_str().unwrap().to_owned(), serde_json::from_str(arguments).unwrap())
    });
    (message["content"].as_str().unwrap_or("").to_owned(), calls.collect())
}

#[tokio::test]
async fn every_client_gets_text_and_parallel_calls_from_every_provider_whole_and_streamed() {
    let (server, anthropic, openai) = world().await;
    let (paris, rome) = (json!({"city": "Paris"}), json!({"city": "Rome"}));
    for path in ["/v1/chat/completions", "/v1/messages"] {
        for model in ["sonnet", "gpt"] {
            for stream in [false, true] {
                let from_claude = claude::Message::new()
                    .text("Let me look.")
                    .tool_use("toolu_1", "weather", paris.clone())
                    .tool_use("toolu_2", "weather", rome.clone());
                let from_chat = chat::Completion::new()
                    .text("Let me look.")
                    .tool_call("call_1", "weather", &paris.to_string())
                    .tool_call("call_2", "weather", &rome.to_string());
                anthropic.script_all([if stream { from_claude.stream() } else { from_claude.whole() }]);
                openai.script_all([if stream { from_chat.stream() } else { from_chat.whole() }]);
                let reply = server.client().post(path, &request(path, model, stream)).await;
                let (text, calls) = said(path, stream, reply).await;
                let wanted =
                    vec![("weather".to_owned(), paris.clone()), ("weather".to_owned(), rome.clone())];
                assert_eq!(
                    (text.as_str(), calls),
                    ("Let me look.", wanted),
                    "{path} {model} stream={stream}"
                );
            }
        }
    }
    assert_eq!(anthropic.last().json()["model"], "claude-sonnet-4-5");
    assert_eq!(openai.last().json()["model"], "gpt-5");
    assert!(anthropic.requests().iter().all(|request| !request.headers.contains_key("x-request-id")));
}
