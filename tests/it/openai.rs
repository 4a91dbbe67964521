//! What only OpenAI's interfaces have: compaction, stored responses, and requests of the one at the route of the other.

use serde_json::{Value, json};

use crate::client::{clients, said};
use crate::matrix::{hello, world};

#[tokio::test]
async fn a_conversation_is_compacted_by_who_can_and_refused_by_who_cannot() {
    let (server, all) = world("").await;
    let compacted = json!({"id": "resp_c", "object": "response.compaction", "output": [{"type": "compaction", "encrypted_content": "x"}]});
    for path in ["/v1/responses/compact", "/backend-api/codex/responses/compact"] {
        for behind in &all {
            let case = format!("{path} → {}", behind.provider.name());
            let reply = compacted.clone();
            behind.upstream.answer_with(move |_| cliproxy_testkit::json(&reply));
            let before = behind.upstream.requests().len();
            let body =
                json!({"model": behind.alias, "stream": false, "input": [{"role": "user", "content": "hi"}]});
            let reply = server.client().post(path, &body).await;
            let sent = &behind.upstream.requests()[before..];
            if behind.provider.name() == "codex" {
                assert_eq!(reply.status(), 200, "{case}");
                assert_eq!(reply.json().await, compacted, "{case}: as it is");
                assert_eq!(sent.len(), 1, "{case}");
                assert_eq!(sent[0].path, "/responses/compact", "{case}");
                assert_eq!(sent[0].json()["model"], behind.model.as_str(), "{case}");
                assert!(sent[0].json().get("stream").is_none(), "{case}: {}", sent[0].json());
            } else if behind.provider.name() != "openai-compatibility" {
                assert_eq!((reply.status(), sent.len()), (501, 0), "{case}");
                assert_eq!(reply.header("x-should-retry"), Some("false"), "{case}");
                let error = reply.json().await;
                assert!(
                    error["error"]["message"].is_string() && error["error"]["type"].is_string(),
                    "{case}: {error}"
                );
            }
        }
        let body = json!({"model": "m-codex", "stream": true, "input": []});
        let reply = server.client().post(path, &body).await;
        assert_eq!(reply.status(), 400);
        let error: Value = reply.json().await;
        assert_eq!(error["error"]["message"], "Streaming not supported for compact responses");
    }
}

#[tokio::test]
async fn a_conversation_that_nobody_here_has_kept_is_never_silently_cut() {
    let (server, all) = world("").await;
    for behind in &all {
        for stream in [false, true] {
            let case = format!("{} stream={stream}", behind.provider.name());
            let body = json!({"model": behind.alias, "stream": stream, "input": "and then?", "previous_response_id": "resp_1"});
            let reply = server.client().post("/v1/responses", &body).await;
            assert_eq!(reply.status(), 400, "{case}: {}", reply.text().await);
            let error: Value = reply.json().await;
            assert_eq!(error["error"]["param"], "previous_response_id", "{case}: {error}");
            assert!(behind.upstream.requests().is_empty(), "{case}: nobody was asked");
        }
    }
}

#[tokio::test]
async fn a_responses_request_at_the_chat_route_is_answered_as_chat() {
    let (server, all) = world("").await;
    let (chat, feature) = (clients()[0], hello());
    for behind in &all {
        let (provider, answer) = (behind.provider, feature.answer.clone());
        println!("{}", provider.name());
        behind.upstream.answer_with(move |request| provider.answer(&answer, provider.asked(request).1));
        let text = json!([{"type": "input_text", "text": "Hello"}]);
        let body = json!({"model": behind.alias, "input": [{"role": "user", "content": text}]});
        let reply = server.client().post("/v1/chat/completions", &body).await;
        assert_eq!(said(chat, false, reply).await, feature.answer.expected(&behind.alias));
        assert_eq!(provider.got(&behind.upstream.last()), feature.ask.expected());

        let mut streamed = body.clone();
        streamed["stream"] = json!(true);
        let reply = server.client().post("/v1/chat/completions", &streamed).await;
        let events = reply.events().await;
        assert_eq!(events.last().map(|event| event.data.as_str()), Some("[DONE]"));
        let chunks = events.iter().filter(|event| event.data.contains("chat.completion.chunk"));
        let words = chunks.map(|event| event.json()["choices"][0]["delta"]["content"].clone());
        let told: String = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
        assert_eq!(Some(told.as_str()), feature.answer.text);
    }
}
