//! Golden files, each with the reviewed answer beside it.
//!
//! `responses-target`: a Chat client's request as Codex gets it. `responses-client`: a Responses client's request as
//! Claude and Chat providers get it; a Chat provider's reply or stream as such a client gets it. `responses-provider`:
//! Codex's reply or stream as Claude and Chat clients get it.

use std::fmt::Write as _;

use cliproxy_translator::Profile;
use serde_json::Value;

use super::{CC, CL, CX, RS, check_stream, codec, context, encoded, reply, written};
use crate::golden::{each, pretty};

fn request(client: &str, provider: &str, text: &str) -> String {
    let body: Value = serde_json::from_str(text).unwrap();
    let model = if provider == CL { "claude-sonnet-5" } else { "gpt-5" };
    let out = encoded(client, provider, &body, &Profile::new(model, true)).unwrap();
    let mut answer = pretty(&serde_json::from_slice(&out.body).unwrap());
    for loss in &out.losses {
        write!(answer, "\nlost: {}: {}", loss.what, loss.why).unwrap();
    }
    answer
}

#[test]
fn requests_of_chat_clients() {
    each("responses-target", ".request.json", &|text| request(CC, CX, text));
}

#[test]
fn requests_of_responses_clients() {
    each("responses-client", ".request.json", &|text| {
        format!("to Claude: {}\n\nto Chat: {}", request(RS, CL, text), request(RS, CC, text))
    });
}

#[test]
fn replies_of_chat_providers() {
    each("responses-client", ".reply.json", &|text| {
        pretty(&reply(CC, RS, &context(), &serde_json::from_str(text).unwrap()))
    });
}

#[test]
fn streams_of_chat_providers() {
    each("responses-client", ".stream.txt", &|text| {
        let out = written(CC, RS, &context(), text).unwrap();
        check_stream(out.as_bytes());
        out
    });
}

#[test]
fn replies_of_codex() {
    each("responses-provider", ".reply.json", &|text| {
        let body: Value = serde_json::from_str(text).unwrap();
        let to = |client| pretty(&reply(CX, client, &context(), &body));
        format!("to Claude: {}\n\nto Chat: {}", to(CL), to(CC))
    });
}

#[test]
fn streams_of_codex() {
    each("responses-provider", ".stream.txt", &|text| {
        assert_eq!(codec(CX).name(), CX);
        let to = |client| written(CX, client, &context(), text).unwrap();
        format!("to Claude:\n{}\nto Chat:\n{}", to(CL), to(CC))
    });
}
