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

/// Source: runtime.md A.10 "model `is-compat`": it is said of the entry that was asked for.
#[tokio::test]
async fn is_compat_is_about_the_alias_that_was_asked_for() {
    let upstream = FakeUpstream::start().await;
    upstream.answer_with(|request| match request.path.as_str() {
        "/v1/messages" => claude::message("fine"),
        _ => chat::completion("fine"),
    });
    let url = upstream.url();
    // In either order, with a suffix behind the provider's name, and as the second model of a pool.
    let models = "[{name: up, alias: plain}, {name: up, alias: kept, is-compat: true}, {name: up, alias: gone, is-compat: false}, \
                  {name: up(high), alias: high, is-compat: true}, {name: one, alias: pool}, {name: two, alias: pool, is-compat: true}]";
    let yaml = format!(
        "claude-api-key: [{{api-key: c, base-url: '{url}', prefix: c, models: {models}}}]\n\
         openai-compatibility: [{{name: r, base-url: '{url}', prefix: o, api-key-entries: [{{api-key: o}}], models: {models}}}]\n\
         force-model-prefix: true\n"
    );
    let server = Server::with_config(&yaml).await;
    let client = server.client();
    for (alias, kept) in
        [("plain", false), ("kept", true), ("gone", false), ("kept", true), ("plain", false), ("high", true)]
    {
        let body = sent(&client, &upstream, "/v1/messages", &thought(&format!("o/{alias}"))).await;
        assert_eq!(body["messages"][1]["reasoning_content"] == "Hm.", kept, "{alias}: {body}");
        assert_eq!(body["model"], "up", "{alias}");
        let asked = json!({"model": format!("c/{alias}"), "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Yes?", "reasoning_content": "Hm."},
            {"role": "user", "content": "Bye"},
        ]});
        let body = sent(&client, &upstream, "/v1/chat/completions", &asked).await;
        let mut blocks = list(&body["messages"][1]["content"]);
        assert_eq!(blocks.any(|block| block["thinking"] == "Hm."), kept, "{alias}: {body}");
    }
    let mut seen = Vec::new();
    for _ in 0..4 {
        let body = sent(&client, &upstream, "/v1/messages", &thought("o/pool")).await;
        assert_eq!(body["messages"][1]["reasoning_content"] == "Hm.", body["model"] == "two", "{body}");
        seen.push(body["model"].to_string());
    }
    assert!(seen.contains(&"\"one\"".to_owned()) && seen.contains(&"\"two\"".to_owned()), "{seen:?}");
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

/// All that hangs on a conversation beside its words: what the model may call, what the provider keeps cached, and what it
/// signed. Without them a rebuilt request would be another one, and dearer.
fn laden() -> Value {
    let marked = json!({"type": "ephemeral"});
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    json!({"model": "m-claude", "max_tokens": 4000, "temperature": 1, "stop_sequences": ["END"],
    "thinking": {"type": "enabled", "budget_tokens": 2000}, "metadata": {"user_id": "u-1"},
    "system": [{"type": "text", "text": "Top rule", "cache_control": hour}],
    "tools": [
        {"name": "weather", "description": "The weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}},
        {"name": "clock", "description": "The time", "input_schema": {"type": "object"}, "cache_control": hour},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hello", "cache_control": marked}]},
        {"role": "system", "content": [{"type": "text", "text": "Mid rule"}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE},
            {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpP"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo", "n": 1.50}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain", "cache_control": marked},
        ]},
    ]})
}

/// As Claude writes one: a protobuf message in base64.
const SIGNATURE: &str =
    "EuYBCkQYAiJAVbJNBoH7HQiDcMwwAMhWqNyoe4G2xHRprK8ICM8gZzu16i7Se4EiEbmlKqNH1GtwcX1BMK6iLu8bxWn5wPVIFBIM";

#[tokio::test]
async fn a_rebuilt_conversation_keeps_tools_cache_marks_and_signed_thoughts() {
    let (server, upstream) = world(", rebuild-mid-system-message: true", "").await;
    let asked = laden();
    let body = sent(&server.client(), &upstream, "/v1/messages", &asked).await;
    for member in ["tools", "tool_choice", "thinking", "metadata", "system", "stop_sequences", "max_tokens"] {
        assert_eq!(body[member], asked[member], "{member}: {body}");
    }
    let messages: Vec<&Value> = list(&body["messages"]).collect();
    let roles: Vec<&Value> = messages.iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "user"], "{body}");
    // The user's turn is as it was, with the rule behind it; the others are the very same.
    assert_eq!(messages[0]["content"][0], asked["messages"][0]["content"][0], "{body}");
    assert!(
        messages[0]["content"][1]["text"].as_str().is_some_and(|text| text.contains("Mid rule")),
        "{body}"
    );
    assert_eq!(messages[0]["content"].as_array().map(Vec::len), Some(2), "{body}");
    assert_eq!(*messages[1], asked["messages"][2], "{body}");
    assert_eq!(*messages[2], asked["messages"][3], "{body}");
}

#[tokio::test]
async fn a_mark_on_a_rebuilt_system_message_stays_at_its_place() {
    let (server, upstream) = world(", rebuild-mid-system-message: true", "").await;
    let mut asked = laden();
    asked["messages"][1]["content"][0]["cache_control"] = json!({"type": "ephemeral"});
    let body = sent(&server.client(), &upstream, "/v1/messages", &asked).await;
    let reminder = &body["messages"][0]["content"][1];
    assert!(reminder["text"].as_str().is_some_and(|text| text.contains("Mid rule")), "{body}");
    assert_eq!(reminder["cache_control"], json!({"type": "ephemeral"}), "{body}");
}

/// Anthropic counts at its own address; elsewhere nobody is asked, and a conversation with such messages is estimated.
#[tokio::test]
async fn tokens_of_a_conversation_that_would_be_rebuilt_are_counted() {
    let client = clients()[1];
    let counted = async |entry: &str, asked: &Value| {
        let (server, upstream) = world(entry, "").await;
        let reply = server.client().post("/v1/messages/count_tokens", asked).await;
        assert_eq!(reply.status(), 200, "{}: {}", client.name(), reply.text().await);
        assert!(upstream.requests().is_empty(), "a gateway is not asked");
        reply.json().await["input_tokens"].as_u64().unwrap()
    };
    let mut asked = laden();
    asked
        .as_object_mut()
        .unwrap()
        .retain(|name, _| ["model", "messages", "system", "tools"].contains(&name.as_str()));
    let (plain, rebuilt) =
        (counted("", &asked).await, counted(", rebuild-mid-system-message: true", &asked).await);
    asked["messages"].as_array_mut().unwrap().remove(1);
    let without = counted(", rebuild-mid-system-message: true", &asked).await;
    assert!(rebuilt > without, "the rule counts: {rebuilt}, {without}");
    assert!(rebuilt.abs_diff(plain) < 40, "{rebuilt}, {plain}");
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

#[tokio::test]
async fn a_key_that_the_environment_has_too_is_the_entrys_and_the_log_names_both_places() {
    let home = tempfile::TempDir::new().unwrap();
    std::fs::write(home.path().join(".env"), "GEMINI_API_KEY=AIzaCANARY-of-both\n").unwrap();
    let entry =
        "gemini-api-key: [{api-key: AIzaCANARY-of-both, prefix: team, models: [{name: gemini-2.5-pro}]}]\n";
    let server = Server::with_config_in(home, entry).await;
    server.wait_for_log("gemini-api-key[0]", 1).await;
    let log = server.log();
    let line = log.lines().find(|line| line.contains("gemini-api-key[0]")).unwrap();
    assert!(line.contains("INFO") && line.contains("GEMINI_API_KEY"), "{line}");
    assert!(!log.contains("CANARY") && !log.contains("serves as a fallback"), "{log}");
}
