//! Golden files: what stands in `tests/golden/chat-*`, each with the reviewed answer beside it.
//!
//! `chat-target`: a Claude client's request as a Chat provider gets it. `chat-client`: Claude's reply or stream as a
//! Chat client gets it. `chat-provider`: a Chat provider's reply or stream as the canonical model reads it.

use std::fmt::Write as _;

use cliproxy_translator::Codec;
use cliproxy_translator::format::claude::ClaudeCodec;
use cliproxy_translator::framing::SseParser;

use super::{check_stream, codec, context, events, lenient, strict};
use crate::golden::{each, pretty, shown};
use crate::schema::assert_valid_bytes;

#[test]
fn requests_of_claude_clients() {
    each("chat-target", ".request.json", &|text| {
        let request = ClaudeCodec::default().decode_request(text.as_bytes()).unwrap();
        let mut answer = String::new();
        for (name, mut profile) in [("OpenAI", strict()), ("compatible", lenient())] {
            profile.stream = true;
            let encoded = codec().encode_request(&request, &profile).unwrap();
            let body = match name {
                "OpenAI" => assert_valid_bytes("openai-chat.request", &encoded.body),
                _ => serde_json::from_slice(&encoded.body).unwrap(),
            };
            writeln!(answer, "{name}: {}", pretty(&body)).unwrap();
            for loss in &encoded.losses {
                writeln!(answer, "lost: {}: {}", loss.what, loss.why).unwrap();
            }
        }
        answer
    });
}

#[test]
fn replies_of_claude() {
    each("chat-client", ".reply.json", &|text| {
        let claude = ClaudeCodec::default();
        let response = claude.decode_reply(text.as_bytes(), &context()).unwrap();
        pretty(&assert_valid_bytes("openai-chat.reply", &codec().encode_reply(&response, &context())))
    });
}

#[test]
fn streams_of_claude() {
    each("chat-client", ".stream.txt", &|text| {
        let mut context = context();
        context.include_usage = true;
        let mut decoder = ClaudeCodec::default().stream_decoder(&context);
        let mut encoder = codec().stream_encoder(&context);
        let mut out = Vec::new();
        SseParser::new()
            .push(text.as_bytes(), &mut |frame| {
                decoder.decode(frame, &mut |event| encoder.encode(event, &mut out)).unwrap();
            })
            .unwrap();
        decoder.finish(&mut |event| encoder.encode(event, &mut out)).unwrap();
        check_stream(&out);
        String::from_utf8(out).unwrap()
    });
}

#[test]
fn replies_of_chat_providers() {
    each("chat-provider", ".reply.json", &|text| {
        shown(&codec().decode_reply(text.as_bytes(), &context()).unwrap())
    });
}

#[test]
fn streams_of_chat_providers() {
    each("chat-provider", ".stream.txt", &|text| {
        let (seen, result) = events(text);
        match result {
            Ok(()) => seen.join("\n"),
            Err(error) => format!("{}\nfailed: {error}", seen.join("\n")),
        }
    });
}
