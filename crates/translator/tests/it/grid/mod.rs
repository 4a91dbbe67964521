//! Every client format with every provider format: what arrives, what is told to be lost, what is refused. The table
//! in `docs/translation.md` is made of what these tests find. Source: issue 4, "Proof".

pub mod bodies;
mod replies;
pub mod table;

use std::sync::LazyLock;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::registry::{Registry, RequestCall};
use cliproxy_translator::{Codec, CodecError, CodecErrorKind, Loss, Profile, ReplyContext};
use proptest::prelude::*;
use serde_json::Value;

use bodies::{CLIENTS, Call, Conversation, DOCUMENT, IMAGE, Piece, Round, TOOL, conversation, text};

use crate::schema::assert_valid;

pub static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::with_builtin);

/// Every provider format. What is registered and not here is for clients alone.
pub const PROVIDERS: [&str; 8] =
    ["openai", "claude", "openai-response", "codex", "gemini", "gemini-cli", "antigravity", "kiro"];

pub fn codec(name: &str) -> &'static dyn Codec {
    &**REGISTRY.codec(name).unwrap()
}

pub fn context() -> ReplyContext {
    let mut context = ReplyContext::new("m", "seed");
    context.include_usage = true;
    context
}

/// A model that a provider serves under this format.
pub fn model(provider: &str) -> &'static str {
    match provider {
        "claude" | "kiro" => "claude-sonnet-5",
        "gemini" | "gemini-cli" | "antigravity" => "gemini-3-pro-preview",
        _ => "gpt-5",
    }
}

/// What became of a request, or part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it arrives.
    Whole,
    /// What is missing is in the report.
    Told,
    /// A typed error names what cannot be said.
    Refused,
}

/// A client's request at a provider.
pub fn translate(client: &str, provider: &str, body: &Value) -> Result<(Value, Vec<Loss>), CodecError> {
    let bytes = Bytes::from(body.to_string());
    let mut profile = Profile::new(model(provider), false);
    profile.strict = matches!(provider, "openai" | "claude");
    let call_client = ClientFormat::from(client.to_owned());
    let call_provider = ProviderFormat::from(provider.to_owned());
    let call = RequestCall::new(&call_client, &call_provider, &bytes, &profile);
    let done = REGISTRY.translate_request(&call, context())?;
    Ok((serde_json::from_slice(&done.body).unwrap(), done.losses))
}

/// Fails when a provider's schema, or what it is known to demand, forbids a request.
#[track_caller]
pub fn check_request(provider: &str, body: &Value) {
    match provider {
        "openai" => assert_valid("openai-chat.request", body),
        "claude" => assert_valid("claude.request", body),
        "openai-response" | "codex" => assert_valid("openai-responses.request", body),
        "gemini" => crate::gemini::check_request(body),
        "gemini-cli" => crate::gemini::check_request(&body["request"]),
        "antigravity" => {
            for content in body["request"]["contents"].as_array().unwrap() {
                assert_valid("gemini.content", content);
            }
        }
        "kiro" => crate::kiro::check(body),
        other => panic!("{other}"),
    }
}

/// Sends a conversation, and says what became of it. Fails when something vanished that no report names.
#[track_caller]
fn sent(client: &str, provider: &str, conversation: &Conversation) -> Outcome {
    let body = conversation.body(client);
    let (sent, losses) = match translate(client, provider, &body) {
        Ok(done) => done,
        Err(error) => {
            assert_eq!(
                error.kind(),
                CodecErrorKind::Inexpressible,
                "{client} to {provider}: {error}\n{body:#}"
            );
            assert!(error.param().is_some(), "{client} to {provider}: {error} names no member");
            return Outcome::Refused;
        }
    };
    check_request(provider, &sent);
    let text = sent.to_string();
    let missing: Vec<String> =
        conversation.needles().into_iter().filter(|needle| !text.contains(needle.as_str())).collect();
    if missing.is_empty() {
        return Outcome::Whole;
    }
    for needle in missing {
        let names = speaks_of(&needle);
        assert!(
            losses.iter().any(|loss| names.contains(&&*loss.what)),
            "{client} to {provider}: {needle:?} vanished, and {losses:?} does not say so\n{body:#}\n{sent:#}"
        );
    }
    Outcome::Told
}

/// The losses that name what a needle is of. Words, calls and forms are never lost.
fn speaks_of(needle: &str) -> &'static [&'static str] {
    match needle {
        IMAGE | DOCUMENT => &["message.media"],
        _ => &[],
    }
}

fn call(id: &str, city: &str, result: &str) -> Call {
    Call {
        id: id.to_owned(),
        name: TOOL.to_owned(),
        args: serde_json::json!({"city": city}),
        result: result.to_owned(),
    }
}

/// What the table has of requests, in its order.
pub fn features() -> Vec<(&'static str, Conversation)> {
    let base = Conversation {
        system: Some("Be brief.".to_owned()),
        rounds: vec![Round {
            user: text("Hello there."),
            says: Some("Good day.".to_owned()),
            calls: Vec::new(),
        }],
        last: "Go on.".to_owned(),
        ..Conversation::default()
    };
    let with = |pieces: Vec<Piece>| {
        let mut wanted = base.clone();
        wanted.rounds[0].user.extend(pieces);
        wanted
    };
    let calls = |calls: Vec<Call>| {
        let mut wanted = base.clone();
        wanted.rounds[0].calls = calls;
        wanted.tools = true;
        wanted
    };
    vec![
        ("text", base.clone()),
        ("tools", calls(vec![call("call_1", "Oslo", "Rain today.")])),
        (
            "parallel tools",
            calls(vec![call("call_1", "Oslo", "Rain today."), call("call_2", "Rome", "Sun today.")]),
        ),
        ("images", with(vec![Piece::Image])),
        ("documents", with(vec![Piece::Document])),
        ("structured output", Conversation { structured: true, ..base.clone() }),
    ]
}

/// What becomes of a feature.
#[track_caller]
pub fn request_outcome(client: &str, provider: &str, conversation: &Conversation) -> Outcome {
    sent(client, provider, conversation)
}

#[test]
fn every_format_that_is_registered_has_its_place_in_the_grid() {
    let mut known: Vec<&str> = PROVIDERS.into_iter().chain(CLIENTS).chain(["openai-completions"]).collect();
    known.sort_unstable();
    known.dedup();
    let registered: Vec<&str> = REGISTRY.codecs().iter().map(|codec| codec.name()).collect();
    assert_eq!(registered, known);
}

#[test]
fn text_and_tools_arrive_whole_everywhere() {
    for client in CLIENTS {
        for provider in PROVIDERS {
            for (name, conversation) in features() {
                let outcome = request_outcome(client, provider, &conversation);
                if matches!(name, "text" | "tools" | "parallel tools" | "images" | "structured output") {
                    assert_eq!(outcome, Outcome::Whole, "{name}: {client} to {provider}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any valid input gives output that the target's schema accepts, and nothing vanishes that no report names.
    #[test]
    fn any_conversation_is_valid_at_every_provider_and_nothing_vanishes(conversation in conversation()) {
        for client in CLIENTS {
            for provider in PROVIDERS {
                sent(client, provider, &conversation);
            }
        }
    }

    /// A → canonical → A is the identity on what the model knows.
    #[test]
    fn a_responses_conversation_survives_the_canonical_form(conversation in conversation()) {
        let body = conversation.body("openai-response");
        let text = body.to_string();
        let responses = codec("openai-response");
        let request = responses.decode_request(text.as_bytes()).unwrap();
        let encoded = responses.encode_request(&request, &Profile::new("m", false)).unwrap();
        let again: Value = serde_json::from_slice(&encoded.body).unwrap();
        prop_assert_eq!(again, body);
    }
}
