//! Golden files: what stands in `tests/golden/kiro-*`, each with the reviewed answer beside it.
//!
//! `kiro-target`: the request of a client (its format is in the name) as Kiro gets it. `kiro-provider`: Kiro's stream,
//! one event a line (its name, then its payload), as clients of every format get it.

use std::fmt::Write as _;

use cliproxy_translator::Profile;
use serde_json::Value;

use super::{sent, translated};
use crate::event_stream::event;
use crate::gemini::{chunks, frames};
use crate::golden::{each, pretty};
use crate::schema::assert_valid;

#[test]
fn requests_of_every_client() {
    for client in ["openai", "openai-response", "claude", "gemini"] {
        each("kiro-target", &format!(".{client}.request.json"), &|text| {
            let body: Value = serde_json::from_str(text).unwrap();
            let (value, encoded) = sent(client, &body, &Profile::new("claude-sonnet-4.5", true));
            let mut answer = pretty(&value);
            for loss in &encoded.losses {
                write!(answer, "\nlost: {}: {}", loss.what, loss.why).unwrap();
            }
            answer
        });
    }
}

#[test]
fn streams_for_every_client() {
    each("kiro-provider", ".events.txt", &|text| {
        let stream: Vec<u8> = text
            .lines()
            .filter(|line| !line.is_empty())
            .flat_map(|line| {
                let (name, payload) = line.split_once(' ').unwrap();
                event(name, payload)
            })
            .collect();
        ["openai", "claude", "openai-response", "gemini"]
            .map(|client| {
                let out = translated(client, &stream);
                match client {
                    "gemini" => drop(chunks(&out)),
                    "claude" => frames(&out).iter().for_each(|value| assert_valid("claude.event", value)),
                    "openai" => {
                        frames(&out).iter().for_each(|value| assert_valid("openai-chat.chunk", value))
                    }
                    _ => frames(&out).iter().for_each(|value| assert_valid("openai-responses.event", value)),
                }
                format!("── {client} ──\n{out}")
            })
            .join("\n")
    });
}
