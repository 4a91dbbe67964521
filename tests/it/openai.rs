//! What only OpenAI's interfaces have: compaction, stored responses, and requests of the one at the route of the other.

use cliproxy_testkit::{FakeUpstream, Reply};
use serde_json::{Value, json};

use crate::client::{Client, clients, said};
use crate::matrix::{hello, world};
use crate::provider::providers;
use crate::server::Server;

fn responses() -> &'static dyn Client {
    clients().into_iter().find(|client| client.name() == "responses").unwrap()
}

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
            if ["codex", "openai-compatibility"].contains(&behind.provider.name()) {
                assert_eq!(reply.status(), 200, "{case}");
                assert_eq!(reply.json().await, compacted, "{case}: as it is");
                assert_eq!(sent.len(), 1, "{case}");
                assert!(sent[0].path.ends_with("/responses/compact"), "{case}: {}", sent[0].path);
                assert_eq!(sent[0].key, format!("key-{}-CANARY", behind.provider.name()), "{case}");
                assert_eq!(sent[0].json()["input"], body["input"], "{case}: as it came");
                assert_eq!(sent[0].json()["model"], behind.model.as_str(), "{case}");
                assert!(sent[0].json().get("stream").is_none(), "{case}: {}", sent[0].json());
            } else {
                assert_eq!((reply.status(), sent.len()), (501, 0), "{case}");
                assert_eq!(reply.header("x-should-retry"), Some("false"), "{case}");
                let error = reply.json().await;
                assert!(responses().error(501, &error).contains("compact"), "{case}: {error}");
            }
        }
        let body = json!({"model": "m-codex", "stream": true, "input": []});
        let reply = server.client().post(path, &body).await;
        assert_eq!(reply.status(), 400);
        let error: Value = reply.json().await;
        assert_eq!(error["error"]["message"], "Streaming not supported for compact responses");
    }
}

/// Most services that speak Chat Completions have no compaction. Source: runtime.md D.7 "`/responses/compact` and
/// count-tokens endpoint 404: availability neutral".
#[tokio::test]
async fn a_service_without_compaction_says_so_and_goes_on_to_serve() {
    let (server, all) = world("request-retry: 0\n").await;
    let behind = all.iter().find(|behind| behind.provider.name() == "openai-compatibility").unwrap();
    let asked = json!({"model": behind.alias, "input": [{"role": "user", "content": "hi"}]});
    for (status, expected) in [(404, 404), (400, 400), (500, 500)] {
        behind.upstream.answer_with(move |_| behind_error(status));
        for path in ["/v1/responses/compact", "/backend-api/codex/responses/compact"] {
            let reply = server.client().post(path, &asked).await;
            assert_eq!(reply.status(), expected, "{path}");
            let error = reply.json().await;
            assert!(responses().error(expected, &error).contains("there is no such thing"), "{error}");
            if status == 500 {
                break; // a failure of the service itself rests the key
            }
            let (provider, answer) = (behind.provider, hello().answer);
            behind.upstream.answer_with(move |request| {
                if request.path.ends_with("/compact") {
                    behind_error(status)
                } else {
                    provider.answer(&answer, false)
                }
            });
            let body = responses().body(&behind.alias, &hello().ask, false);
            let reply = server.client().post("/v1/responses", &body).await;
            assert_eq!(
                said(responses(), false, reply).await,
                hello().answer.expected(&behind.alias),
                "{path}: {status} of compaction takes nothing from the model"
            );
        }
    }
}

fn behind_error(status: u16) -> Reply {
    crate::provider::providers()[1].error(status, "there is no such thing")
}

#[tokio::test]
async fn a_conversation_that_nobody_here_has_kept_is_never_silently_cut() {
    let (server, all) = world("").await;
    let reference =
        json!([{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "and then?"}]);
    for behind in &all {
        for stream in [false, true] {
            let case = format!("{} stream={stream}", behind.provider.name());
            for (member, kept) in [
                ("previous_response_id", json!("resp_1")),
                ("conversation", json!({"id": "conv_1"})),
                ("input", reference.clone()),
            ] {
                // Codex's own words for an item that it does not have are as good.
                if member == "input" && behind.provider.name() == "codex" {
                    continue;
                }
                let mut body = json!({"model": behind.alias, "stream": stream, "input": "and then?"});
                body[member] = kept;
                let reply = server.client().post("/v1/responses", &body).await;
                assert_eq!(reply.status(), 400, "{case}: {}", reply.text().await);
                let error: Value = reply.json().await;
                assert_eq!(error["error"]["param"], member, "{case}: {error}");
                assert!(behind.upstream.requests().is_empty(), "{case}: nobody was asked");
            }
        }
    }
}

/// A Gemini client's question about something that Google keeps.
fn about_what_is_cached() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}], "cachedContent": "cachedContents/1"})
}

#[tokio::test]
async fn a_cached_content_is_asked_for_only_where_it_can_be() {
    let (server, all) = world("").await;
    let gemini = clients().into_iter().find(|client| client.name() == "gemini").unwrap();
    for behind in &all {
        let name = behind.provider.name();
        if !["claude", "openai-compatibility", "codex", "kiro"].contains(&name) {
            continue;
        }
        for method in ["generateContent", "streamGenerateContent?alt=sse", "countTokens"] {
            let path = format!("/v1beta/models/{}:{method}", behind.alias);
            let reply = server.client().post(&path, &about_what_is_cached()).await;
            assert_eq!(reply.status(), 400, "{name}: {}", reply.text().await);
            let error: Value = reply.json().await;
            assert!(gemini.error(400, &error).starts_with("cachedContent: "), "{name}: {error}");
            assert!(behind.upstream.requests().is_empty(), "{name}: nobody was asked");
        }
    }
}

/// Who cannot look it up is passed over, asked nothing, and goes on to serve what it can.
#[tokio::test]
async fn of_several_providers_the_one_that_may_keep_it_answers() {
    let (claude, google) = (providers()[0], providers()[3]);
    assert_eq!((claude.name(), google.name()), ("claude", "gemini"));
    let mut yaml = "request-retry: 0\n".to_owned();
    let (one, other) = (FakeUpstream::start().await, FakeUpstream::start().await);
    for (provider, upstream) in [(claude, &one), (google, &other)] {
        yaml += &provider.config(&upstream.url(), &["key-CANARY"], &provider.model(), "m-both");
        upstream.answer_with(move |request| provider.answer(&hello().answer, provider.asked(request).1));
    }
    let server = Server::with_config(&yaml).await;
    let ask = async |body: &Value| {
        let path = "/v1beta/models/m-both:generateContent";
        assert_eq!(server.client().post(path, body).await.status(), 200);
    };
    for _ in 0..4 {
        ask(&about_what_is_cached()).await;
    }
    assert_eq!((one.requests().len(), other.requests().len()), (0, 4));
    assert!(other.requests().iter().all(|request| request.json()["cachedContent"] == "cachedContents/1"));
    let mut plain = about_what_is_cached();
    plain.as_object_mut().unwrap().remove("cachedContent");
    for _ in 0..4 {
        ask(&plain).await;
    }
    assert_eq!((one.requests().len(), other.requests().len()), (2, 6), "nobody rests");
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
