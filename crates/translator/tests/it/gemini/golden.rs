//! Golden files: what stands in `tests/golden/gemini-*`, each with the reviewed answer beside it.
//!
//! `gemini-target`: the request of a client (its format is in the name) as Gemini gets it. `gemini-client`: the reply
//! or stream of a provider (likewise) as a Gemini client gets it. `gemini-provider`: Gemini's stream as the clients of
//! the other formats get it.

use std::fmt::Write as _;

use cliproxy_translator::Profile;
use serde_json::Value;

use super::{chunks, sent, translated, whole};
use crate::golden::{each, pretty};
use crate::schema::assert_valid;

#[test]
fn requests_of_other_clients() {
    for client in ["openai", "claude"] {
        each("gemini-target", &format!(".{client}.request.json"), &|text| {
            let body: Value = serde_json::from_str(text).unwrap();
            let (value, encoded) = sent(client, &body, &Profile::new("gemini-3-pro-preview", true));
            let mut answer = pretty(&value);
            for loss in &encoded.losses {
                write!(answer, "\nlost: {}: {}", loss.what, loss.why).unwrap();
            }
            answer
        });
    }
}

#[test]
fn replies_of_other_providers() {
    for provider in ["openai", "claude"] {
        each("gemini-client", &format!(".{provider}.reply.json"), &|text| {
            let value = whole(provider, "gemini", &serde_json::from_str(text).unwrap());
            assert_valid("gemini.reply", &value);
            pretty(&value)
        });
    }
}

#[test]
fn streams_of_other_providers() {
    for provider in ["openai", "claude"] {
        each("gemini-client", &format!(".{provider}.stream.txt"), &|text| {
            let stream = translated(provider, "gemini", text);
            chunks(&stream);
            stream
        });
    }
}

#[test]
fn streams_of_gemini() {
    each("gemini-provider", ".stream.txt", &|text| {
        ["openai", "claude", "openai-response"]
            .map(|client| format!("── {client} ──\n{}", translated("gemini", client, text)))
            .join("\n")
    });
}
