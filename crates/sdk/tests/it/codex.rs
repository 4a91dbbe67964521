//! Keys of `codex-api-key` through the whole stack: OpenAI's own platform, and services in front of the Codex backend.

use cliproxy_testkit::{FakeUpstream, Reply, chat, event, json, responses, sse, status};
use serde_json::{Value, json};

use crate::support::World;

/// Keys in the order in which they are tried.
fn entries(upstream: &FakeUpstream, keys: &[&str]) -> String {
    let entry = |(index, key): (usize, &&str)| {
        let (url, priority) = (upstream.url(), keys.len() - index);
        format!(
            "{{api-key: {key}, priority: {priority}, base-url: '{url}/codex', models: [{{name: gpt-5.2}}]}}"
        )
    };
    let all: Vec<String> = keys.iter().enumerate().map(entry).collect();
    format!("request-retry: 0\ncodex-api-key: [{}]\n", all.join(", "))
}

/// The same wish in each client's words, with members that the Codex backend refuses.
fn request(path: &str, stream: bool) -> Value {
    let turns = json!([{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}]);
    match path {
        "/v1/responses" => json!({"model": "gpt-5.2", "input": turns, "stream": stream, "temperature": 0.5,
            "max_output_tokens": 77, "user": "u", "store": true, "metadata": {"a": "b"}}),
        "/v1/messages" => {
            json!({"model": "gpt-5.2", "system": "be kind", "max_tokens": 77, "temperature": 0.5,
            "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
        }
        _ => json!({"model": "gpt-5.2", "messages": turns, "stream": stream, "temperature": 0.5,
            "max_completion_tokens": 77, "user": "u"}),
    }
}

fn text_of(path: &str, stream: bool, body: &str) -> String {
    if stream {
        let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
        let events = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
        return events
            .filter_map(|event| match path {
                "/v1/responses" => {
                    let is_text = event["type"] == "response.output_text.delta";
                    is_text.then(|| event["delta"].as_str().map(str::to_owned)).flatten()
                }
                "/v1/messages" => event["delta"]["text"].as_str().map(str::to_owned),
                _ => event["choices"][0]["delta"]["content"].as_str().map(str::to_owned),
            })
            .collect();
    }
    let body: Value = serde_json::from_str(body).unwrap();
    let text = match path {
        "/v1/responses" => {
            let output = body["output"].as_array().unwrap();
            let message = output.iter().find(|item| item["type"] == "message").unwrap();
            message["content"][0]["text"].clone()
        }
        "/v1/messages" => {
            let blocks = body["content"].as_array().unwrap();
            blocks.iter().find(|block| block["type"] == "text").unwrap()["text"].clone()
        }
        _ => body["choices"][0]["message"]["content"].clone(),
    };
    text.as_str().unwrap().to_owned()
}

const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/messages", "/v1/responses"];

#[tokio::test]
async fn every_client_gets_its_answer_from_a_provider_that_only_streams() {
    let upstream = FakeUpstream::start().await;
    let made = responses::Response::new().reasoning("hm", "c2ln").text("fine words");
    upstream.script_all([made.stream()]);
    let world = World::start(&entries(&upstream, &["key-a"])).await;
    for path in PATHS {
        for stream in [false, true] {
            let reply = world.client().post(path, &request(path, stream)).await;
            assert_eq!(reply.status(), 200, "{path} {stream}");
            let body = reply.text().await;
            assert_eq!(text_of(path, stream, &body), "fine words", "{path} {stream}: {body}");
            let received = upstream.last();
            assert_eq!((received.path.as_str(), received.key.as_str()), ("/codex/responses", "key-a"));
            assert_eq!(received.header("accept"), Some("text/event-stream"));
        }
    }
    world.service.stop().await;
}

#[tokio::test]
async fn what_the_backend_refuses_never_reaches_it_and_what_it_needs_is_there() {
    // Source: providers-a.md 3.8 "prove they are gone for Chat, Responses, Claude … callers".
    let upstream = FakeUpstream::start().await;
    upstream.script_all([responses::stream("fine")]);
    let world = World::start(&entries(&upstream, &["key-a"])).await;
    for path in PATHS {
        for stream in [false, true] {
            world.client().post(path, &request(path, stream)).await.text().await;
            let sent = upstream.last().json();
            let here = format!("{path} {stream}: {sent}");
            for gone in [
                "temperature",
                "max_output_tokens",
                "max_completion_tokens",
                "max_tokens",
                "user",
                "metadata",
                "top_p",
            ] {
                assert!(sent.get(gone).is_none(), "{gone} {here}");
            }
            assert_eq!((&sent["stream"], &sent["store"]), (&json!(true), &json!(false)), "{here}");
            assert!(sent["instructions"].is_string(), "{here}");
            assert_eq!(sent["include"], json!(["reasoning.encrypted_content"]), "{here}");
            let items = sent["input"].as_array().unwrap();
            assert!(items.iter().all(|item| item["role"] != "system"), "{here}");
        }
    }
    world.service.stop().await;
}

#[tokio::test]
async fn openais_own_platform_gets_what_the_caller_asked_for() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([responses::stream("fine")]);
    let yaml = format!(
        "endpoints: {{codex: {{api: '{}/v1'}}}}\ncodex-api-key: [{{api-key: k, models: [{{name: gpt-5.2}}]}}]\n",
        upstream.url()
    );
    let world = World::start(&yaml).await;
    world.client().post("/v1/responses", &request("/v1/responses", true)).await.text().await;
    let received = upstream.last();
    assert_eq!(received.path, "/v1/responses");
    assert_eq!(received.json(), request("/v1/responses", true), "a Responses client is passed through");
    world.client().post("/v1/chat/completions", &request("/v1/chat/completions", true)).await.text().await;
    let sent = upstream.last().json();
    assert_eq!((&sent["temperature"], &sent["max_output_tokens"]), (&json!(0.5), &json!(77)), "{sent}");
    world.service.stop().await;
}

#[tokio::test]
async fn a_spent_plan_moves_the_request_on_before_and_inside_the_stream() {
    let limit = json!({"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached",
        "resets_in_seconds": 3600}});
    let inside = responses::Response::new().failed("usage_limit_reached", "The usage limit has been reached");
    for spent in [status(429).json(&limit), status(403).json(&limit), inside.stream()] {
        let upstream = FakeUpstream::start().await;
        upstream.script("key-a", [spent]);
        upstream.script("key-b", [responses::stream("fine")]);
        let world = World::start(&entries(&upstream, &["key-a", "key-b"])).await;
        for path in PATHS {
            let reply = world.client().post(path, &request(path, false)).await;
            assert_eq!(text_of(path, false, &reply.text().await), "fine", "{path}");
        }
        let keys = upstream.keys_seen();
        assert_eq!(keys, ["key-a", "key-b", "key-b", "key-b"], "a spent plan rests");
        world.service.stop().await;
    }
}

/// Codex acts on the code: it compacts a conversation that is too long.
#[tokio::test]
async fn a_failed_response_is_told_in_its_own_words_and_code() {
    let failed = responses::Response::new().failed("context_length_exceeded", "needle is too long").stream();
    let done = json!({"type": "response.done", "response": {"id": "r", "status": "failed",
        "error": {"code": "context_length_exceeded", "message": "needle is too long"}}});
    let done = sse([event("response.done", &done)]);
    for reply in [failed, done] {
        let upstream = FakeUpstream::start().await;
        upstream.script_all([reply]);
        let world = World::start(&entries(&upstream, &["key-a"])).await;
        for path in PATHS {
            for stream in [false, true] {
                let reply = world.client().post(path, &request(path, stream)).await;
                let (status, text) = (reply.status(), reply.text().await);
                assert!(
                    status >= 400 && text.contains("needle is too long"),
                    "{path} {stream}: {status} {text}"
                );
                if path == "/v1/responses" {
                    assert!(text.contains(r#""context_length_exceeded""#), "{stream}: {text}");
                }
            }
        }
        world.service.stop().await;
    }
}

#[tokio::test]
async fn a_conversation_is_compacted_by_whoever_can() {
    let upstream = FakeUpstream::start().await;
    let compacted = json!({"object": "response.compaction", "output": [{"type": "compaction", "encrypted_content": "x"}]});
    let answer = |upstream: &FakeUpstream, replies: Vec<Reply>| {
        upstream.script_path("/codex/responses/compact", replies)
    };
    answer(&upstream, vec![json(&compacted)]);
    let world = World::start(&entries(&upstream, &["key-a"])).await;
    let body = json!({"model": "gpt-5.2", "input": [{"role": "user", "content": "hi"}]});
    let reply = world.client().post("/v1/responses/compact", &body).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.json().await, compacted);
    let sent = upstream.last().json();
    assert_eq!((&sent["instructions"], sent.get("stream")), (&json!(""), None));

    // Without the endpoint nothing rests: the next reply comes from the same key.
    answer(&upstream, vec![status(404).json(&json!({"detail": "Not Found"}))]);
    let reply = world.client().post("/v1/responses/compact", &body).await;
    assert!(reply.status() >= 400);
    upstream.script_all([responses::stream("fine")]);
    let reply = world.client().post("/v1/responses", &request("/v1/responses", false)).await;
    assert_eq!(reply.status(), 200);
    world.service.stop().await;
}

#[tokio::test]
async fn settings_of_an_entry_count_for_each_provider() {
    let upstream = FakeUpstream::start().await;
    upstream.script_path("/low/responses", [responses::stream("low")]);
    upstream.script_path("/high/responses", [responses::stream("high")]);
    upstream.script_all([chat::completion("chat")]);
    let yaml = format!(
        "codex-api-key:\n\
         - {{api-key: a, base-url: '{0}/low', models: [{{name: gpt-5.2}}]}}\n\
         - {{api-key: b, base-url: '{0}/high', priority: 5, prefix: team, headers: {{X-Team: $X-Client}}, excluded-models: ['*-mini'], models: [{{name: gpt-5.2}}, {{name: gpt-5.4-mini}}]}}\n\
         openai-compatibility:\n\
         - {{name: off, disabled: true, base-url: '{0}/v1', models: [{{name: never}}]}}\n",
        upstream.url()
    );
    let world = World::start(&yaml).await;
    assert_eq!(world.models().await, ["gpt-5.2", "team/gpt-5.2"]);
    for model in ["gpt-5.2", "team/gpt-5.2"] {
        let mut body = request("/v1/responses", true);
        body["model"] = json!(model);
        let text = world.client().header("x-client", "blue").post("/v1/responses", &body).await.text().await;
        assert_eq!(text_of("/v1/responses", true, &text), "high", "{model}");
        assert_eq!(upstream.last().header("x-team"), Some("blue"));
        assert_eq!(upstream.last().json()["model"], "gpt-5.2");
    }
    world.service.stop().await;
}
