//! Keys of the configuration that change what a provider is sent.

use cliproxy_testkit::{FakeUpstream, TestClient, chat, claude, responses};
use serde_json::{Value, json};

use crate::client::{clients, list, said};
use crate::server::Server;

/// A service of each kind behind aliases, with more keys in its entry and in its model.
async fn world(entry: &str, model: &str) -> (Server, FakeUpstream) {
    let upstream = FakeUpstream::start().await;
    upstream.answer_with(|request| match request.path.as_str() {
        "/v1/messages" => claude::message("fine"),
        "/responses" => responses::Response::new().text("fine").usage(12, 7).stream(),
        _ => chat::completion("fine"),
    });
    let url = upstream.url();
    let yaml = format!(
        "claude-api-key: [{{api-key: c, base-url: '{url}', models: [{{name: up-c, alias: m-claude{model}}}]{entry}}}]\n\
         codex-api-key: [{{api-key: x, base-url: '{url}', models: [{{name: up-x, alias: m-codex{model}}}]}}]\n\
         openai-compatibility: [{{name: r, base-url: '{url}', api-key-entries: [{{api-key: o}}], models: [{{name: up-o, alias: m-chat{model}}}]{entry}}}]\n"
    );
    (Server::with_config(&yaml).await, upstream)
}

/// What the provider is sent.
async fn sent(client: &TestClient, upstream: &FakeUpstream, path: &str, body: &Value) -> Value {
    let reply = client.post(path, body).await;
    assert_eq!(reply.status(), 200, "{path} {body}: {}", reply.text().await);
    upstream.last().json()
}

/// A conversation of Claude's, in which the model has thought without a signature.
fn thought(model: &str) -> Value {
    json!({"model": model, "max_tokens": 100, "messages": [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": ""}, {"type": "text", "text": "Yes?"}]},
        {"role": "user", "content": "Bye"},
    ]})
}

#[tokio::test]
async fn is_compat_gives_thoughts_back_that_nobody_has_signed() {
    for (model, kept) in [("", false), (", is-compat: false", false), (", is-compat: true", true)] {
        let (server, upstream) = world("", model).await;
        let client = server.client();
        // Source: translation.md E114.
        let body = sent(&client, &upstream, "/v1/messages", &thought("m-chat")).await;
        let expected = if kept { json!("Hm.") } else { Value::Null };
        assert_eq!(body["messages"][1]["reasoning_content"], expected, "{model}: {body}");
        // Source: translation.md E226.
        let body = sent(&client, &upstream, "/v1/messages", &thought("m-codex")).await;
        let told = list(&body["input"]).filter(|item| item["type"] == "reasoning").count();
        assert_eq!(told, usize::from(kept), "{model}: {body}");
        // Source: translation.md E006.
        let asked = json!({"model": "m-claude", "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Yes?", "reasoning_content": "Hm."},
            {"role": "user", "content": "Bye"},
        ]});
        let body = sent(&client, &upstream, "/v1/chat/completions", &asked).await;
        let blocks = list(&body["messages"][1]["content"]);
        let told = blocks.filter(|block| block["type"] == "thinking" && block["thinking"] == "Hm.").count();
        assert_eq!(told, usize::from(kept), "{model}: {body}");
    }
}

#[tokio::test]
async fn is_compat_false_takes_back_what_is_known_of_a_provider() {
    let upstream = FakeUpstream::start().await;
    upstream.answer_with(|_| chat::completion("fine"));
    for (model, kept) in [("", true), (", is-compat: false", false)] {
        let yaml = format!(
            "openai-compatibility: [{{name: deepseek, base-url: '{}', api-key-entries: [{{api-key: o}}], models: [{{name: up, alias: m{model}}}]}}]\n",
            upstream.url()
        );
        let server = Server::with_config(&yaml).await;
        let body = sent(&server.client(), &upstream, "/v1/messages", &thought("m")).await;
        assert_eq!(body["messages"][1]["reasoning_content"] == "Hm.", kept, "{model}: {body}");
    }
}

#[tokio::test]
async fn system_messages_inside_a_conversation_are_rebuilt_where_the_entry_says_so() {
    let client = clients()[1];
    assert_eq!(client.name(), "claude");
    let asked = json!({"model": "m-claude", "max_tokens": 100, "system": "Top rule", "x-own": 1, "messages": [
        {"role": "user", "content": "Hello", },
        {"role": "system", "content": "Mid rule"},
        {"role": "assistant", "content": [{"type": "text", "text": "Yes?"}]},
        {"role": "user", "content": "Bye"},
    ]});
    for (entry, rebuilt) in [
        ("", false),
        (", rebuild-mid-system-message: false", false),
        (", rebuild-mid-system-message: true", true),
    ] {
        let (server, upstream) = world(entry, "").await;
        let mut body = sent(&server.client(), &upstream, "/v1/messages", &asked).await;
        if rebuilt {
            let roles: Vec<&Value> = list(&body["messages"]).map(|message| &message["role"]).collect();
            assert_eq!(roles, ["user", "assistant", "user"], "{body}");
            assert_eq!(body["system"], "Top rule", "the prompt cache's prefix stays: {body}");
            assert!(body["messages"][0].to_string().contains("Mid rule"), "in its place: {body}");
        } else {
            body["model"] = json!("m-claude");
            assert_eq!(body, asked, "as it came");
        }
        // A word that only looks like one changes nothing, and the reply is the client's own either way.
        let quoted = json!({"model": "m-claude", "max_tokens": 9, "messages": [{"role": "user", "content": "the \"system\""}]});
        let body = sent(&server.client(), &upstream, "/v1/messages", &quoted).await;
        assert!(body["messages"][0]["content"].to_string().contains("the "), "{body}");
        for stream in [false, true] {
            let mut asked = asked.clone();
            asked["stream"] = json!(stream);
            upstream
                .answer_with(move |_| if stream { claude::stream("fine") } else { claude::message("fine") });
            let reply = server.client().post("/v1/messages", &asked).await;
            let told = said(client, stream, reply).await;
            assert_eq!((told.text.as_str(), told.model.as_str()), ("fine", "m-claude"), "{entry} {stream}");
        }
    }
}

#[tokio::test]
async fn a_service_that_keeps_prompt_caches_by_name_is_told_the_name_of_the_conversation() {
    let on = ", support-prompt-cache-key: true";
    let session = |id: &str| json!({"user_id": format!("user_{}_account__session_{id}", "a".repeat(64))});
    let (one, other) = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222");
    let claude = |id: &str, text: &str| json!({"model": "m-chat", "max_tokens": 9, "metadata": session(id), "messages": [{"role": "user", "content": text}]});
    let small = json!({"model": "m-chat", "messages": [{"role": "user", "content": "hi"}]});

    let (server, upstream) = world(on, "").await;
    let client = server.client();
    let first = sent(&client, &upstream, "/v1/messages", &claude(one, "a")).await;
    let second = sent(&client, &upstream, "/v1/messages", &claude(one, "b")).await;
    let third = sent(&client, &upstream, "/v1/messages", &claude(other, "a")).await;
    let name = first["prompt_cache_key"].as_str().expect("a name");
    assert!(name.len() == 32 && !name.contains("1111"), "what the client called it stays here: {name}");
    assert_eq!(second["prompt_cache_key"], name);
    assert!(third["prompt_cache_key"].is_string() && third["prompt_cache_key"] != name, "{third}");
    // The same format on both sides, and a conversation that is named in a header.
    let named = server.client().header("x-session-id", one);
    let body = sent(&named, &upstream, "/v1/chat/completions", &small).await;
    assert_eq!(body["prompt_cache_key"].as_str().map(str::len), Some(32), "{body}");
    // Who names it, or gives no name to the conversation, is left alone.
    let mut own = small.clone();
    own["prompt_cache_key"] = json!("mine");
    assert_eq!(sent(&named, &upstream, "/v1/chat/completions", &own).await["prompt_cache_key"], "mine");
    let body = sent(&client, &upstream, "/v1/chat/completions", &small).await;
    assert_eq!(body.get("prompt_cache_key"), None, "{body}");

    for off in ["", ", support-prompt-cache-key: false"] {
        let (server, upstream) = world(off, "").await;
        let body = sent(&server.client(), &upstream, "/v1/messages", &claude(one, "a")).await;
        assert_eq!(body.get("prompt_cache_key"), None, "{off}: {body}");
    }
}

#[tokio::test]
async fn disable_image_generation_takes_the_tool_out_of_requests() {
    let upstream = FakeUpstream::start().await;
    upstream.answer_with(|_| responses::Response::new().text("fine").usage(12, 7).stream());
    for (value, gone) in [
        ("false", false),
        ("passthrough", false),
        ("\"off\"", false),
        ("true", true),
        ("chat", true),
        ("yes", true),
    ] {
        let yaml = format!(
            "disable-image-generation: {value}\ncodex-api-key: [{{api-key: x, base-url: '{}', models: [{{name: up, alias: m}}]}}]\n",
            upstream.url()
        );
        let server = Server::with_config(&yaml).await;
        assert!(!server.log().contains("disable-image-generation"), "{}", server.log());
        let function =
            json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}});
        let asked = |choice: Value| json!({"model": "m", "input": "draw", "tools": [{"type": "image_generation"}, function], "tool_choice": choice});
        let image = json!({"type": "image_generation"});
        let body = sent(&server.client(), &upstream, "/v1/responses", &asked(image.clone())).await;
        let kinds: Vec<&Value> = list(&body["tools"]).map(|tool| &tool["type"]).collect();
        let expected: &[&str] = if gone { &["function"] } else { &["image_generation", "function"] };
        assert_eq!(kinds, expected, "{value}: {body}");
        assert_eq!(body.get("tool_choice").is_none(), gone, "{value}: {body}");
        let allowed = json!({"type": "allowed_tools", "mode": "auto", "tools": [image, {"type": "function", "name": "f"}]});
        let body = sent(&server.client(), &upstream, "/v1/responses", &asked(allowed)).await;
        assert_eq!(list(&body["tool_choice"]["tools"]).count(), if gone { 1 } else { 2 }, "{value}: {body}");
        // Where nothing else is left, no choice is left either.
        let image = json!({"type": "image_generation"});
        let allowed = json!({"type": "allowed_tools", "mode": "required", "tools": [image]});
        let body = sent(&server.client(), &upstream, "/v1/responses", &asked(allowed)).await;
        assert_eq!(body.get("tool_choice").is_none(), gone, "{value}: {body}");
        let alone = json!({"model": "m", "input": "draw", "tools": [image], "tool_choice": "required"});
        let body = sent(&server.client(), &upstream, "/v1/responses", &alone).await;
        for member in ["tools", "tool_choice"] {
            assert_eq!(body.get(member).is_none(), gone, "{value}: {body}");
        }
    }
}
