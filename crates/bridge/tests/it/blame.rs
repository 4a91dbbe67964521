//! The member that an error names is one of the client's own request, or none is named.

use std::error::Error as _;
use std::sync::Arc;

use bytes::Bytes;
use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{ClientError, ErrorKind, ExecutorError};
use cliproxy_translator::CodecError;
use cliproxy_translator::registry::Registry;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::script::{Scripted, chunk, open, request_in, streamed, target, whole};

/// Client formats.
const CLIENTS: [&str; 6] =
    ["openai", "openai-completions", "openai-response", "claude", "gemini", "gemini-cli"];

/// A good request.
fn good(client: &str) -> Value {
    let turns = json!([{"role": "user", "content": "hi"}]);
    let contents = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
    match client {
        "openai" => json!({"model": "m", "messages": turns}),
        "openai-completions" => json!({"model": "m", "prompt": "hi"}),
        "openai-response" => json!({"model": "m", "input": turns}),
        "claude" => json!({"model": "m", "max_tokens": 9, "messages": turns}),
        "gemini" => json!({"contents": contents}),
        _ => json!({"model": "m", "request": {"contents": contents}}),
    }
}

/// One failing attempt: what went wrong, and what the client is told.
async fn failed(
    client: &'static str,
    wire: &'static str,
    body: &Value,
    answer: Option<&str>,
    stream: bool,
) -> (ExecutorError, Box<ClientError>) {
    let bridge = Bridge::new(Arc::new(Registry::with_builtin()), Options::default());
    let answer = answer.map(|text| if stream { streamed([chunk(text)]) } else { whole(text) });
    let executor = Arc::new(Scripted::new(wire, answer));
    let exchange = open(&bridge, request_in(client, &body.to_string(), stream));
    let error = exchange.attempt(target(&executor)).await.expect_err(wire);
    let told = exchange.explain(&target(&executor), &error);
    (error, told)
}

#[tokio::test]
async fn what_a_format_cannot_say_is_named_as_the_client_calls_it() {
    let with = |client: &str, path: &[&str], value: Value| {
        let mut body = good(client);
        let last = path.iter().fold(&mut body, |inner, key| &mut inner[*key]);
        *last = value;
        body
    };
    let config = "generationConfig";
    let video =
        json!([{"role": "user", "parts": [{"fileData": {"mimeType": "video/mp4", "fileUri": "files/x"}}]}]);
    for (client, wire, body, member) in [
        ("openai", "claude", with("openai", &["n"], json!(2)), "n"),
        ("openai", "openai-response", with("openai", &["n"], json!(2)), "n"),
        ("openai-completions", "claude", with("openai-completions", &["n"], json!(2)), "n"),
        (
            "gemini",
            "claude",
            with("gemini", &[config, "candidateCount"], json!(2)),
            "generationConfig.candidateCount",
        ),
        (
            "gemini-cli",
            "claude",
            with("gemini-cli", &["request", config, "candidateCount"], json!(2)),
            "request.generationConfig.candidateCount",
        ),
        ("gemini", "openai", with("gemini", &["contents"], video.clone()), "contents"),
        ("gemini", "openai-response", with("gemini", &["contents"], video.clone()), "contents"),
        ("gemini-cli", "openai", with("gemini-cli", &["request", "contents"], video), "request.contents"),
        ("openai", "gemini", with("openai", &["messages"], json!([])), "messages"),
        ("claude", "gemini", with("claude", &["messages"], json!([])), "messages"),
        ("openai-response", "gemini", with("openai-response", &["input"], json!([])), "input"),
    ] {
        let (_, told) = failed(client, wire, &body, None, false).await;
        assert_eq!(
            (told.status.as_u16(), told.param.as_deref()),
            (400, Some(member)),
            "{client} to {wire}: {told:?}"
        );
        assert!(!told.message.contains("n = 1"), "{client} to {wire}: {}", told.message);
    }
}

#[tokio::test]
async fn a_reply_that_cannot_be_read_blames_no_member_of_the_request() {
    let replies = [
        ("openai", r#"{"id":"c","object":"chat.completion","choices":7}"#),
        ("claude", r#"{"type":"message_start","message":{"id":7}}"#),
        ("claude", r#"{"type":"message","role":"assistant","content":7}"#),
        ("openai-response", r#"{"type":"response.output_text.delta","item_id":7}"#),
        ("openai-response", r#"{"object":"response","id":"r","output":7}"#),
        ("gemini", r#"{"candidates":7}"#),
    ];
    let mut named = 0;
    for client in CLIENTS {
        for (wire, reply) in replies {
            // A stream of its own format is passed on unread.
            for stream in [false, true].into_iter().filter(|stream| !stream || client != wire) {
                let answer = if stream { format!("data: {reply}\n\n") } else { reply.to_owned() };
                let (error, told) = failed(client, wire, &good(client), Some(&answer), stream).await;
                let case = format!("{wire} to {client} stream={stream}: {reply}: {error:?}");
                assert!(told.status.is_server_error(), "{case}");
                assert_eq!((&told.param, &told.code), (&None, &None), "{case}");
                let source = error.source().and_then(|source| source.downcast_ref::<CodecError>());
                named += usize::from(source.is_some_and(|source| source.param().is_some()));
            }
        }
    }
    assert!(named > 20, "the decoders of replies do name members: {named}");
}

#[test]
fn a_member_that_a_provider_names_is_the_clients_where_both_have_the_same_members() {
    let body = r#"{"error":{"message":"no","type":"invalid_request_error","param":"reasoning.summary"}}"#;
    for (client, wire, param) in [
        ("openai-response", "openai-response", Some("reasoning.summary")),
        // A dialect of it.
        ("openai-response", "codex", Some("reasoning.summary")),
        ("openai", "codex", None),
        ("claude", "openai-response", None),
    ] {
        let bridge = Bridge::new(Arc::new(Registry::with_builtin()), Options::default());
        let executor = Arc::new(Scripted::new(wire, []));
        let refused = ExecutorError::new(ErrorKind::InvalidRequest, "refused").with_reply(
            StatusCode::BAD_REQUEST,
            HeaderMap::new(),
            Bytes::from_static(body.as_bytes()),
        );
        let exchange = open(&bridge, request_in(client, &good(client).to_string(), false));
        let told = exchange.explain(&target(&executor), &refused);
        assert_eq!(told.param.as_deref(), param, "{wire} to {client}");
    }
}
