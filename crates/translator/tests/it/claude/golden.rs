//! Golden files: what stands in `tests/golden/claude-*`, each with the reviewed answer beside it.
//!
//! `claude-target`: a Chat client's request as Claude gets it. `claude-client`: a Chat provider's reply or stream as
//! a Claude client gets it. `claude-provider`: Claude's reply or stream as the canonical model reads it.

use std::fmt::Write as _;

use cliproxy_translator::framing::SseParser;
use cliproxy_translator::{Codec, Profile};

use super::with_chat::chat_codec;
use super::{check_stream, codec, context, events};
use crate::golden::{each, pretty, shown};
use crate::schema::assert_valid_bytes;

#[test]
fn requests_of_chat_clients() {
    each("claude-target", ".request.json", &|text| {
        let chat = chat_codec();
        let request = chat.decode_request(text.as_bytes()).unwrap();
        let encoded = codec().encode_request(&request, &Profile::new("claude-sonnet-5", true)).unwrap();
        let mut answer = pretty(&assert_valid_bytes("claude.request", &encoded.body));
        for loss in &encoded.losses {
            write!(answer, "\nlost: {}: {}", loss.what, loss.why).unwrap();
        }
        answer
    });
}

#[test]
fn replies_of_chat_providers() {
    each("claude-client", ".reply.json", &|text| {
        let chat = chat_codec();
        let response = chat.decode_reply(text.as_bytes(), &context()).unwrap();
        pretty(&assert_valid_bytes("claude.reply", &codec().encode_reply(&response, &context())))
    });
}

#[test]
fn streams_of_chat_providers() {
    each("claude-client", ".stream.txt", &|text| {
        let (chat, claude) = (chat_codec(), codec());
        let mut decoder = chat.stream_decoder(&context());
        let mut encoder = claude.stream_encoder(&context());
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
fn replies_of_claude() {
    each("claude-provider", ".reply.json", &|text| {
        shown(&codec().decode_reply(text.as_bytes(), &context()).unwrap())
    });
}

#[test]
fn streams_of_claude() {
    each("claude-provider", ".stream.txt", &|text| {
        let (seen, result) = events(text);
        match result {
            Ok(()) => seen.join("\n"),
            Err(error) => format!("{}\nfailed: {error}", seen.join("\n")),
        }
    });
}
