//! Replies: whole, streamed in any pieces, failed; and the state that they carry, back at its provider.

use std::collections::HashMap;

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, FinishReason, Usage};
use cliproxy_translator::framing::FrameParser;
use cliproxy_translator::json;
use cliproxy_translator::model::{
    Args, Candidate, Event, Finish, Issuer, Part, PartKind, Reasoning, Response, Signature, ToolCall,
};
use cliproxy_translator::pass::args::json_text;
use cliproxy_translator::pass::recall::{Anchor, Recall, State, Watcher, restore};
use cliproxy_translator::pass::signature::classify;
use cliproxy_translator::{Aggregator, Codec, Profile, StreamFrame, replay};
use proptest::prelude::*;
use serde_json::Value;

use super::bodies::{CLIENTS, TOOL, next_request};
use super::{Outcome, PROVIDERS, REGISTRY, codec, context, model, translate};
use crate::schema::{assert_valid, assert_valid_bytes};

/// What a reply says, whatever its format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    text: String,
    calls: Vec<(String, Value)>,
    finish: Option<FinishReason>,
    usage: (Option<u64>, Option<u64>),
}

#[track_caller]
fn said(response: &Response<'_>) -> Said {
    let first = &response.candidates[0];
    let mut said = Said { finish: first.finish.as_ref().map(|finish| finish.reason), ..Said::default() };
    for part in &first.parts {
        match &part.kind {
            PartKind::Text { text, .. } => said.text.push_str(&text.decoded()),
            PartKind::ToolCall(call) => {
                let args = json_text(&call.args).decoded().into_owned();
                let args = serde_json::from_str(&args).unwrap_or_else(|error| panic!("{error}: {args}"));
                said.calls.push((call.name.to_string(), args));
            }
            _ => {}
        }
    }
    if let Some(usage) = response.usage {
        said.usage = (usage.input, usage.output);
        let part = |part: Option<u64>, whole: Option<u64>| part.unwrap_or(0) <= whole.unwrap_or(0);
        assert!(part(usage.cache_read, usage.input), "cached tokens are input: {usage:?}");
        assert!(part(usage.reasoning, usage.output), "thoughts are output: {usage:?}");
    }
    said
}

/// Who issues state behind a format, and a state of its.
fn state_of(provider: &str) -> Option<(Issuer, String)> {
    let state = match provider {
        "claude" => crate::responses::claude_signature(),
        "openai-response" | "codex" => crate::responses::gpt_signature(),
        "gemini" | "gemini-cli" | "antigravity" => crate::gemini::SIGNED.to_owned(),
        // Chat has no word for it; Kiro has, and never sends one.
        _ => return None,
    };
    Some((classify(&state), state))
}

/// A reply with thoughts, words and a call.
fn response(provider: &str, thought: &str, text: &str, args: &Value) -> Response<'static> {
    let signature = state_of(provider).map(|(issuer, value)| Signature { issuer, value: value.into() });
    let on_call = matches!(provider, "gemini" | "gemini-cli" | "antigravity");
    let thoughts =
        PartKind::Reasoning(Reasoning { summary: vec![thought.to_owned().into()], ..Reasoning::default() });
    let call = PartKind::ToolCall(ToolCall {
        id: "call_1".into(),
        name: TOOL.into(),
        namespace: None,
        args: Args::Json(std::borrow::Cow::Owned(json::raw(args.to_string()).unwrap())),
    });
    let parts = vec![
        Part::new(thoughts).with_signature(signature.clone().filter(|_| !on_call)),
        Part::text(text.to_owned()),
        Part::new(call).with_signature(signature.filter(|_| on_call)),
    ];
    let usage = Usage {
        input: Some(100),
        cache_read: Some(40),
        output: Some(30),
        reasoning: Some(10),
        ..Usage::default()
    };
    Response {
        id: "id-1".into(),
        model: model(provider).into(),
        created: Some(1_700_000_000),
        candidates: vec![Candidate {
            parts,
            finish: Some(Finish::new(FinishReason::ToolUse)),
            ..Candidate::default()
        }],
        usage: Some(usage),
        ..Response::default()
    }
}

fn simple(provider: &str) -> Response<'static> {
    response(provider, "Hm.", "Let me look.", &serde_json::json!({"city": "Oslo"}))
}

/// The events of a stream that is cut into pieces of a size, as text and to a sink.
fn read(provider: &dyn Codec, stream: &[u8], size: usize, sink: &mut dyn FnMut(Event<'_>)) -> Vec<String> {
    let mut decoder = provider.stream_decoder(&context());
    let mut parser = FrameParser::new(provider.framing());
    let mut seen = Vec::new();
    let mut note = |event: Event<'_>| {
        seen.push(format!("{event:?}"));
        sink(event);
    };
    let mut feed = |frame: StreamFrame<'_>| decoder.decode(frame, &mut note).unwrap();
    for chunk in stream.chunks(size.max(1)) {
        parser.push(chunk, &mut feed).unwrap();
    }
    parser.finish(&mut feed).unwrap();
    decoder.finish(&mut note).unwrap();
    seen
}

fn stream_of(codec: &dyn Codec, response: &Response<'_>) -> Vec<u8> {
    let mut encoder = codec.stream_encoder(&context());
    let mut out = Vec::new();
    replay(response, &mut |event| encoder.encode(event, &mut out));
    out
}

fn aggregate(codec: &dyn Codec, stream: &[u8]) -> Response<'static> {
    let mut aggregator = Aggregator::new();
    read(codec, stream, usize::MAX, &mut |event| aggregator.push(event));
    aggregator.finish().unwrap()
}

/// Fails unless a whole reply is one by the schema of its client's format.
#[track_caller]
pub fn check_reply(client: &str, body: &[u8]) -> Value {
    match client {
        "openai" => assert_valid_bytes("openai-chat.reply", body),
        "claude" => assert_valid_bytes("claude.reply", body),
        "openai-response" => assert_valid_bytes("openai-responses.reply", body),
        "gemini" => assert_valid_bytes("gemini.reply", body),
        "gemini-cli" => {
            let value: Value = serde_json::from_slice(body).unwrap();
            assert_valid("gemini.reply", &value["response"]);
            value
        }
        other => panic!("{other}"),
    }
}

/// The frames of a client's stream. Fails unless each is one by the schema of its format; Google's errors are in none.
#[track_caller]
pub fn check_frames(client: &str, stream: &[u8]) -> Vec<Value> {
    let schema = match client {
        "openai" => "openai-chat.chunk",
        "claude" => "claude.event",
        "openai-response" => "openai-responses.event",
        _ => "gemini.reply",
    };
    let mut values: Vec<Value> = Vec::new();
    let mut parser = FrameParser::new(codec(client).framing());
    let pushed = parser.push(stream, &mut |frame| {
        if frame.data != b"[DONE]" {
            values.push(serde_json::from_slice(frame.data).unwrap());
        }
    });
    pushed.and_then(|()| parser.finish(&mut |_| {})).unwrap();
    for value in &values {
        match client {
            "gemini" | "gemini-cli" if value.get("error").is_some() => {}
            "gemini-cli" => assert_valid(schema, &value["response"]),
            _ => assert_valid(schema, value),
        }
    }
    values
}

/// A whole reply of a provider, as a client reads it.
#[track_caller]
fn whole(client: &str, provider: &str, response: &Response<'_>) -> (Value, Said) {
    let body = codec(provider).encode_reply(response, &context());
    let out = if client == provider {
        codec(client).patch_reply(&Bytes::from(body), &context()).unwrap().0.to_vec()
    } else {
        codec(client).encode_reply(&codec(provider).decode_reply(&body, &context()).unwrap(), &context())
    };
    let value = check_reply(client, &out);
    let said = said(&codec(client).decode_reply(&out, &context()).unwrap());
    (value, said)
}

/// A provider's stream, in pieces of a size, as a client reads it.
#[track_caller]
fn streamed(client: &str, provider: &str, response: &Response<'_>, size: usize) -> Said {
    let stream = stream_of(codec(provider), response);
    let mut encoder = codec(client).stream_encoder(&context());
    let mut out = Vec::new();
    let seen = read(codec(provider), &stream, size, &mut |event| encoder.encode(event, &mut out));
    let uncut = read(codec(provider), &stream, usize::MAX, &mut |_| {});
    assert_eq!(seen, uncut, "{provider} in pieces of {size}");
    let _frames = check_frames(client, &out);
    said(&aggregate(codec(client), &out))
}

/// Whether a provider's replies say the same in both ways, and all of it.
#[track_caller]
pub fn reply_outcome(client: &str, provider: &str) -> [Outcome; 2] {
    let response = simple(provider);
    let wanted = said(&response);
    let outcome = |got: &Said| if *got == wanted { Outcome::Whole } else { Outcome::Told };
    let (_, whole) = whole(client, provider, &response);
    [outcome(&whole), outcome(&streamed(client, provider, &response, 7))]
}

/// What became of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The client returns it.
    Kept,
    /// The client drops it; it is remembered here.
    Remembered,
    /// The provider issues none.
    None,
}

/// A memory in words.
#[derive(Debug)]
struct Memory {
    issuer: Issuer,
    found: HashMap<Anchor<'static>, Vec<State>>,
}

impl Recall for Memory {
    fn issuer(&self) -> Issuer {
        self.issuer
    }

    fn find(&self, anchor: &Anchor<'_>) -> Option<Vec<State>> {
        self.found.iter().find(|(known, _)| *known == anchor).map(|(_, states)| states.clone())
    }
}

/// Whether the state of a reply is in the next request to its provider.
#[track_caller]
pub fn state_fate(client: &str, provider: &str) -> Fate {
    let Some((issuer, state)) = state_of(provider) else { return Fate::None };
    // Thoughts without words, as they are hidden by default, and as their state is worth something alone.
    let response = response(provider, "", "Let me look.", &serde_json::json!({"city": "Oslo"}));
    let (reply, _) = whole(client, provider, &response);
    let next = next_request(client, &reply);
    let (sent, _) = translate(client, provider, &next).unwrap();
    if sent.to_string().contains(&state) {
        return Fate::Kept;
    }
    assert!(!codec(client).keeps_state(), "{client} to {provider}: the state vanished\n{next:#}\n{sent:#}");
    let text = next.to_string();
    let mut request = codec(client).decode_request(text.as_bytes()).unwrap();
    let mut watcher =
        Watcher::new(issuer, "seed", restore(&mut request, &Memory { issuer, found: HashMap::new() }));
    replay(&response, &mut |event| watcher.event(&event));
    let memory = Memory { issuer, found: watcher.finish().into_iter().collect() };
    restore(&mut request, &memory);
    let encoded = codec(provider).encode_request(&request, &Profile::new(model(provider), false)).unwrap();
    let sent = String::from_utf8(encoded.body).unwrap();
    assert!(sent.contains(&state), "{client} to {provider}: the state is forgotten\n{sent}");
    Fate::Remembered
}

/// Whether the words of an error reach the client in its own shape.
#[track_caller]
pub fn error_outcome(client: &str, provider: &str) -> Outcome {
    let said = ClientError::new(ClientErrorKind::InvalidRequest, "the moon is not made of cheese");
    let body = codec(provider).encode_error(&said, "req-1");
    let read = codec(provider).decode_error(&body);
    let told = ClientError::new(ClientErrorKind::InvalidRequest, read.message);
    let out = codec(client).encode_error(&told, "req-1");
    assert!(codec(client).is_own_error(&out), "{client}: {}", String::from_utf8_lossy(&out));
    match client {
        "claude" => drop(assert_valid_bytes("claude.error", &out)),
        "openai" | "openai-response" => drop(assert_valid_bytes("openai.error", &out)),
        _ => {}
    }
    match codec(client).decode_error(&out).message.contains("not made of cheese") {
        true => Outcome::Whole,
        false => Outcome::Told,
    }
}

/// Where a client's count comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The provider's endpoint.
    Provider,
    /// The provider has none.
    Estimate,
    /// The client's format has none.
    None,
}

/// Whether a provider's count reaches the client in its own shape.
#[track_caller]
pub fn count_outcome(client: &str, provider: &str) -> Count {
    let pair = (client.to_owned().into(), provider.to_owned().into());
    let Some(told) = REGISTRY.count(&pair.0, &pair.1, 4_711) else { return Count::None };
    assert_eq!(
        codec(client).decode_count(&told),
        Some(4_711),
        "{client}: {}",
        String::from_utf8_lossy(&told)
    );
    // Codex speaks the format of Responses and has none of its count. Source: providers-a.md 3.5.
    let body = codec(provider).encode_count(4_711).filter(|_| provider != "codex");
    match body.and_then(|body| codec(provider).decode_count(&body)) {
        Some(4_711) => Count::Provider,
        Some(other) => panic!("{provider} counts {other}"),
        None => Count::Estimate,
    }
}

#[test]
fn counts_reach_every_client_that_counts() {
    for client in CLIENTS {
        for provider in PROVIDERS {
            let expected = match (client, provider) {
                ("openai", _) => Count::None,
                (_, "openai" | "codex" | "kiro") => Count::Estimate,
                _ => Count::Provider,
            };
            assert_eq!(count_outcome(client, provider), expected, "{client} of {provider}");
        }
    }
}

#[test]
fn replies_streams_and_errors_reach_every_client() {
    for client in CLIENTS {
        for provider in PROVIDERS {
            for (outcome, what) in reply_outcome(client, provider).into_iter().zip(["reply", "stream"]) {
                assert_eq!(outcome, Outcome::Whole, "{what}: {provider} to {client}");
            }
            assert_eq!(error_outcome(client, provider), Outcome::Whole, "{provider} to {client}");
        }
    }
}

#[test]
fn state_comes_back_to_its_provider_through_every_client() {
    for client in CLIENTS {
        for provider in PROVIDERS {
            let fate = state_fate(client, provider);
            let expected = match (client, provider) {
                (_, "openai" | "kiro") => Fate::None,
                ("openai", _) => Fate::Remembered,
                _ => Fate::Kept,
            };
            assert_eq!(fate, expected, "{client} with {provider}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A stream that is cut anywhere fails, or everything was said by then: no half call, no false success.
    #[test]
    fn a_stream_that_is_cut_anywhere_fails_or_was_whole(
        text in "[ -~äö世\\n]{1,20}",
        value in "[ -~äö世\\n]{1,20}",
        place in 0.0..1.0,
    ) {
        let args = serde_json::json!({"city": value});
        for provider in PROVIDERS {
            let response = response(provider, "Hm.", &text, &args);
            let stream = stream_of(codec(provider), &response);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a small stream")]
            let cut = (place * stream.len() as f64) as usize;
            let mut decoder = codec(provider).stream_decoder(&context());
            let mut parser = FrameParser::new(codec(provider).framing());
            let mut aggregator = Aggregator::new();
            let mut result = Ok(());
            let mut feed = |frame: StreamFrame<'_>| {
                if result.is_ok() {
                    result = decoder.decode(frame, &mut |event| aggregator.push(event));
                }
            };
            let framed = parser.push(&stream[..cut], &mut feed).and_then(|()| parser.finish(&mut feed));
            // Kiro's streams have no last event: a cut between two events is the connection's to tell.
            if provider == "kiro" && framed.is_ok() {
                continue;
            }
            let ended = framed.and(result).and_then(|()| decoder.finish(&mut |event| aggregator.push(event)));
            let Ok(told) = aggregator.finish() else { continue };
            if ended.is_ok() {
                let (got, wanted) = (said(&told), said(&response));
                prop_assert_eq!((&got.text, &got.calls, got.finish), (&wanted.text, &wanted.calls, wanted.finish), "{} cut at {}", provider, cut);
            }
        }
    }

    /// Any chunking gives the same events, arguments are JSON, usage adds up, and the aggregate of a stream is the reply.
    #[test]
    fn streams_in_any_pieces_say_what_replies_say(
        thought in "[ -~äö世\\n]{1,20}",
        text in "[ -~äö世\\n]{1,40}",
        value in "[ -~äö世\\n]{0,20}",
        size in 1_usize..200,
    ) {
        let args = serde_json::json!({"city": value, "n": 1.50, "deep": {"a": [true, null]}});
        for provider in PROVIDERS {
            let response = response(provider, &thought, &text, &args);
            for client in CLIENTS {
                let (_, whole) = whole(client, provider, &response);
                let streamed = streamed(client, provider, &response, size);
                prop_assert_eq!(&streamed, &whole, "{} to {}", provider, client);
            }
        }
    }
}
