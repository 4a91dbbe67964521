//! A client's web search at a provider that does not run it by itself: Kiro's, through the real binary.

use cliproxy_testkit::{FakeUpstream, Received, Reply, json as json_reply, kiro, status};
use serde_json::{Value, json};

use crate::server::Server;

const MODEL: &str = "kiro-claude-sonnet-4-5";

/// The service: it asks for a search, and answers when it has the results.
fn service(request: &Received) -> Reply {
    match request.path.as_str() {
        "/ListAvailableModels" => json_reply(&json!({"models": [{"modelId": "claude-sonnet-4.5"}]})),
        "/mcp" => {
            assert_eq!(request.json()["params"]["arguments"]["query"], "rain in Oslo");
            let told = json!({"results": [{"title": "Weather", "url": "https://weather.example/oslo", "snippet": "It rains."}]});
            json_reply(
                &json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": told.to_string()}]}}),
            )
        }
        "/generateAssistantResponse" => {
            let current = &request.json()["conversationState"]["currentMessage"]["userInputMessage"];
            let results = current["userInputMessageContext"]["toolResults"].to_string();
            if results.contains("It rains.") {
                return kiro::Answer::new().text("Bring an umbrella.").usage(30, 0, 4).stream();
            }
            let query = json!({"query": "rain in Oslo"});
            kiro::Answer::new().tool_use("tooluse_1", "remote_web_search", &query).usage(10, 0, 2).stream()
        }
        _ => status(404),
    }
}

async fn stage() -> (FakeUpstream, Server) {
    let upstream = FakeUpstream::start().await;
    upstream.answer_with(service);
    let yaml = format!(
        "endpoints:\n  kiro: {{amazonq: '{url}'}}\nkiro: [{{access-token: CANARY}}]\n",
        url = upstream.url()
    );
    let server = Server::with_config(&yaml).await;
    (upstream, server)
}

#[tokio::test]
async fn every_client_that_has_a_search_gets_it_from_kiro_in_its_own_words() {
    let (upstream, server) = stage().await;
    let client = server.client();
    let ask = json!([{"role": "user", "content": "does it rain in Oslo?"}]);
    let claude = |stream: bool| {
        json!({"model": MODEL, "max_tokens": 99, "messages": ask, "stream": stream,
        "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]})
    };
    let reply = client.post("/v1/messages", &claude(false)).await;
    let text = reply.text().await;
    let reply: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let kinds: Vec<&Value> =
        reply["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["server_tool_use", "web_search_tool_result", "text"], "{reply}");
    assert_eq!(reply["content"][1]["content"][0]["url"], "https://weather.example/oslo");
    assert_eq!(reply["content"][2]["text"], "Bring an umbrella.");
    assert_eq!(reply["usage"]["server_tool_use"]["web_search_requests"], 1);
    let streamed = client.post("/v1/messages", &claude(true)).await.text().await;
    for part in [
        "server_tool_use",
        "web_search_tool_result",
        "https://weather.example/oslo",
        "umbrella.",
        "message_stop",
    ] {
        assert!(streamed.contains(part), "{part}: {streamed}");
    }

    let responses = |stream: bool| json!({"model": MODEL, "input": ask, "stream": stream, "tools": [{"type": "web_search"}]});
    for stream in [false, true] {
        let text = client.post("/v1/responses", &responses(stream)).await.text().await;
        for part in ["web_search_call", "rain in Oslo", "https://weather.example/oslo", "umbrella."] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let gemini = json!({"contents": [{"role": "user", "parts": [{"text": "does it rain in Oslo?"}]}], "tools": [{"googleSearch": {}}]});
    for method in ["generateContent", "streamGenerateContent?alt=sse"] {
        let text = client.post(&format!("/v1beta/models/{MODEL}:{method}"), &gemini).await.text().await;
        for part in ["groundingMetadata", "https://weather.example/oslo", "umbrella."] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let calls = |path: &str| upstream.requests().iter().filter(|request| request.path == path).count();
    assert_eq!((calls("/mcp"), calls("/generateAssistantResponse")), (6, 12));
    assert!(
        upstream
            .requests()
            .iter()
            .all(|request| !String::from_utf8_lossy(&request.body).contains("cliproxyWebSearch"))
    );
}
