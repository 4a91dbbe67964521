//! Golden files in `tests/golden/antigravity-*`, each with the reviewed answer beside it.
//!
//! `antigravity-target`: the request of a client (its format is in the name) as one of Google's and one of Claude's
//! models get it. `antigravity-provider`: Antigravity's stream as the clients of every format get it.

use std::fmt::Write as _;

use cliproxy_translator::Profile;
use serde_json::Value;

use super::{CLAUDE, GEMINI, context, enveloped, streamed};
use crate::golden::{each, pretty};

#[test]
fn requests_of_every_client() {
    for client in ["openai", "claude", "openai-response", "gemini"] {
        each("antigravity-target", &format!(".{client}.request.json"), &|text| {
            let body: Value = serde_json::from_str(text).unwrap();
            let mut answer = String::new();
            for model in [GEMINI, CLAUDE] {
                let (value, encoded) = enveloped(client, &body, &Profile::new(model, true));
                writeln!(answer, "{}", pretty(&value)).unwrap();
                for loss in &encoded.losses {
                    writeln!(answer, "lost: {}: {}", loss.what, loss.why).unwrap();
                }
            }
            answer
        });
    }
}

#[test]
fn streams_at_every_client() {
    each("antigravity-provider", ".stream.txt", &|text| {
        ["openai", "claude", "openai-response", "gemini", "gemini-cli"]
            .map(|client| format!("── {client} ──\n{}", streamed(client, text, &context())))
            .join("\n")
    });
}
