//! A provider of another framing: Kiro's event-stream frames for clients of every format, whole and streamed.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{ErrorKind, ExecutorError, FinishReason, ModelInfo, ReplyModes, UpstreamReply};
use cliproxy_translator::framing::write_event_stream;
use cliproxy_translator::registry::{ModelHook, Registry};
use cliproxy_translator::{FrameKind, StreamFrame};
use http::HeaderMap;

use crate::script::{Answer, Item, Scripted, body, frames, open, request_in, target, text};

fn events(all: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, payload) in all {
        write_event_stream(&mut out, StreamFrame::named(name, payload.as_bytes()));
    }
    out
}

fn answer(bytes: &[u8], size: usize) -> Answer {
    let items = bytes.chunks(size).map(|chunk| Item::Chunk(Bytes::copy_from_slice(chunk)));
    Answer::Stream(HeaderMap::new(), items.collect())
}

const CLIENTS: [(&str, &str); 4] = [
    ("openai", r#"{"model":"asked-model","messages":[{"role":"user","content":"hi"}]}"#),
    ("openai-response", r#"{"model":"asked-model","input":"hi"}"#),
    ("claude", r#"{"model":"asked-model","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#),
    ("gemini", r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#),
];

const REPLY: [(&str, &str); 5] = [
    ("assistantResponseEvent", r#"{"content":"<thinking>Hm.</thi"}"#),
    ("assistantResponseEvent", r#"{"content":"nking>Héllo."}"#),
    ("toolUseEvent", r#"{"toolUseId":"t","name":"read","input":"{\"path\":\"ä\"}"}"#),
    ("toolUseEvent", r#"{"toolUseId":"t","name":"read","stop":true}"#),
    ("contextUsageEvent", r#"{"contextUsagePercentage":1.0}"#),
];

async fn ask(
    registry: Registry,
    (client, asked): (&'static str, &str),
    stream: bool,
    answer: Answer,
) -> (Arc<Scripted>, Result<UpstreamReply, ExecutorError>) {
    let executor = Arc::new(Scripted::new("kiro", [answer]).modes(ReplyModes::StreamOnly));
    let bridge = Bridge::new(Arc::new(registry), Options::default());
    let mut target = target(&executor);
    target.shown_model = Some("asked-model".to_owned());
    target.info = Some(Arc::new(ModelInfo::new("up-model").with_limits(1_000_000, 64_000)));
    let reply = open(&bridge, request_in(client, asked, stream)).attempt(target).await;
    (executor, reply)
}

/// A hook that changes nothing: what is registered has to go through the registry.
#[derive(Debug)]
struct Watching;

impl ModelHook for Watching {}

#[tokio::test]
async fn every_client_reads_what_kiro_said_whole_and_streamed_directly_and_through_the_registry() {
    let bytes = events(&REPLY);
    for client in CLIENTS {
        for (stream, size, hooked) in
            [(true, 5, false), (true, 4096, true), (false, 7, false), (false, 4096, true)]
        {
            let mut registry = Registry::with_builtin();
            if hooked {
                registry.add_model_hook(Arc::new(Watching));
            }
            let (executor, reply) = ask(registry, client, stream, answer(&bytes, size)).await;
            let name = format!("{}, stream {stream}, hooked {hooked}", client.0);
            let reply = reply.unwrap_or_else(|error| panic!("{name}: {error}"));
            let (shown, usage, finish) = if stream {
                let (text, end) = text(frames(reply)).await;
                assert!(end.error.is_none(), "{name}: {:?}", end.error);
                (text, end.usage, end.finish)
            } else {
                let reply = body(reply);
                (String::from_utf8(reply.body.to_vec()).unwrap(), reply.usage, reply.finish)
            };
            for piece in ["Hm.", "Héllo.", "read", "path", "asked-model"] {
                assert!(shown.contains(piece), "{name}: {piece} in {shown}");
            }
            assert!(!shown.contains("thinking>"), "{name}: {shown}");
            assert_eq!(finish, Some(FinishReason::ToolUse), "{name}");
            assert_eq!(usage.input, Some(10_000), "{name}: of the model's own context");
            assert!(usage.output.is_some(), "{name}");
            let attempts = executor.watch.attempts.lock();
            let sent: serde_json::Value = serde_json::from_slice(&attempts[0].body).unwrap();
            let current = &sent["conversationState"]["currentMessage"]["userInputMessage"];
            assert_eq!(
                (current["content"].as_str(), current["modelId"].as_str()),
                (Some("hi"), Some("up-model"))
            );
        }
    }
}

#[tokio::test]
async fn a_prompt_that_kiro_does_not_count_is_estimated() {
    let bytes = events(&REPLY[..4]);
    for client in CLIENTS {
        let longer = client.1.replace("\"hi\"", &format!("\"{}\"", "word ".repeat(400)));
        let mut estimates = Vec::new();
        for asked in [client.1, &longer] {
            for stream in [true, false] {
                let answer = answer(&bytes, 64);
                let (_, reply) = ask(Registry::with_builtin(), (client.0, asked), stream, answer).await;
                let (shown, usage) = if stream {
                    let (text, end) = text(frames(reply.unwrap())).await;
                    (text, end.usage)
                } else {
                    let reply = body(reply.unwrap());
                    (String::from_utf8(reply.body.to_vec()).unwrap(), reply.usage)
                };
                let input = usage.input.expect("an estimate");
                if client.0 == "claude" {
                    assert!(shown.contains(&format!("\"input_tokens\":{input}")), "{shown}");
                }
                estimates.push(input);
            }
        }
        let [short, same_short, long, same_long] = estimates[..] else { panic!("{estimates:?}") };
        assert_eq!((short, long), (same_short, same_long), "{}", client.0);
        assert!((1..20).contains(&short) && (400..500).contains(&long), "{}: {estimates:?}", client.0);
    }
}

#[tokio::test]
async fn broken_frames_are_failures_before_and_after_the_first_word() {
    let good = events(&REPLY[..2]);
    let (mut flipped, mut cut) = (events(&REPLY), events(&REPLY));
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    cut.pop();
    let mut first = events(&REPLY[..1]);
    first[9] ^= 1;
    for client in CLIENTS {
        for bad in [&flipped, &cut] {
            let (_, reply) = ask(Registry::with_builtin(), client, true, answer(bad, 64)).await;
            let (shown, end) = text(frames(reply.unwrap())).await;
            assert!(shown.contains("llo."), "what came goes on: {shown}");
            assert!(end.error.is_some(), "{}: {shown}", client.0);
            let (_, reply) = ask(Registry::with_builtin(), client, false, answer(bad, 64)).await;
            assert!(reply.is_err(), "{}: half a reply is none", client.0);
        }
        let (_, reply) = ask(Registry::with_builtin(), client, true, answer(&first, 64)).await;
        assert_eq!(reply.unwrap_err().kind(), ErrorKind::BadReply, "{}", client.0);
    }
    let (_, reply) = ask(Registry::with_builtin(), CLIENTS[0], true, answer(&good, 3)).await;
    assert!(text(frames(reply.unwrap())).await.1.error.is_none(), "an end between two frames is good");
    let nothing = events(&[("meteringEvent", r#"{"unit":"credit","usage":0.1}"#)]);
    let (_, reply) = ask(Registry::with_builtin(), CLIENTS[0], true, answer(&nothing, 64)).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::EmptyStream);
}

#[tokio::test]
async fn an_exception_before_the_first_word_is_the_attempts_failure() {
    let mut bytes = Vec::new();
    let exception = StreamFrame {
        kind: FrameKind::Exception,
        event: "ThrottlingException",
        data: br#"{"message":"slow down"}"#,
    };
    write_event_stream(&mut bytes, exception);
    for stream in [true, false] {
        let (_, reply) = ask(Registry::with_builtin(), CLIENTS[2], stream, answer(&bytes, 64)).await;
        let error = reply.unwrap_err();
        assert_eq!(
            (error.kind(), error.status().map(|status| status.as_u16())),
            (ErrorKind::RateLimited, Some(429))
        );
    }
    let late = [events(&REPLY[..2]), bytes].concat();
    let (_, reply) = ask(Registry::with_builtin(), CLIENTS[2], true, answer(&late, 64)).await;
    let (shown, end) = text(frames(reply.unwrap())).await;
    assert!(shown.contains("event: error") && shown.contains("rate_limit_error"), "{shown}");
    assert_eq!(end.error.map(|error| error.kind()), Some(ErrorKind::RateLimited));
}
