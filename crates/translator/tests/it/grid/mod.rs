//! Every client format with every provider format: what arrives, what is told to be lost, what is refused. The table
//! in `docs/translation.md` is made of what these tests find. Source: issue 4, "Proof".

pub mod bodies;
pub mod replies;
pub mod table;

use std::sync::LazyLock;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::registry::{Registry, RequestCall, Route, Translated};
use cliproxy_translator::{Codec, CodecError, CodecErrorKind, Loss, Profile, ReplyContext};
use proptest::prelude::*;
use serde_json::Value;

use bodies::{
    CLIENTS, Call, Conversation, DOCUMENT, IMAGE, Piece, Round, SHOWN, THOUGHT, TOOL, conversation, text,
};

use crate::calls::check_ids;
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
    let done = translated(client, provider, body.to_string())?;
    Ok((serde_json::from_slice(&done.body).unwrap(), done.losses))
}

fn translated(client: &str, provider: &str, body: String) -> Result<Translated, CodecError> {
    let bytes = Bytes::from(body);
    let mut profile = Profile::new(model(provider), false);
    profile.strict = matches!(provider, "openai" | "claude");
    let call_client = ClientFormat::from(client.to_owned());
    let call_provider = ProviderFormat::from(provider.to_owned());
    let call = RequestCall::new(&call_client, &call_provider, &bytes, &profile);
    REGISTRY.translate_request(&call, context())
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
            let mut inner = body["request"].clone();
            // It takes JSON Schema where Google's own API has the subset of OpenAPI.
            for tool in inner.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
                for function in
                    tool.get_mut("functionDeclarations").and_then(Value::as_array_mut).into_iter().flatten()
                {
                    if let Some(schema) = function.as_object_mut().unwrap().remove("parameters") {
                        assert_eq!(schema["type"], "object", "{schema}");
                        function["parametersJsonSchema"] = schema;
                    }
                }
            }
            let config = inner.get_mut("generationConfig").and_then(Value::as_object_mut);
            if let Some((config, schema)) =
                config.and_then(|config| config.remove("responseSchema").map(|schema| (config, schema)))
            {
                config.insert("responseJsonSchema".to_owned(), schema);
            }
            crate::gemini::check_request(&inner);
        }
        "kiro" => crate::kiro::check(body),
        other => panic!("{other}"),
    }
}

/// Sends a conversation, and says what became of it. Fails when something vanished that no report names.
#[track_caller]
fn sent(client: &str, provider: &str, conversation: &Conversation) -> Outcome {
    let body = conversation.body(client);
    let (sent, losses, route) = match translated(client, provider, body.to_string()) {
        Ok(done) => (serde_json::from_slice::<Value>(&done.body).unwrap(), done.losses, done.route),
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
    let unanswered = conversation.calls().any(|call| call.result.is_none());
    let shows = conversation.calls().any(|call| call.image().is_some());
    // What passes is its client's: calls that nobody answered, images where OpenAI's tools have texts.
    if route != Route::PassThrough {
        check_request(provider, &sent);
        let told = losses.iter().any(|loss| loss.what == "tool_call");
        assert_eq!(told, unanswered, "{client} to {provider}: {losses:?}\n{body:#}");
        check_ids(provider, &sent, conversation.calls().map(|call| call.result.as_deref()));
    } else if !(unanswered || client == "openai" && shows) {
        check_request(provider, &sent);
    }
    let text = sent.to_string();
    // Chat Completions and Responses have no word for it.
    if !matches!(client, "openai" | "openai-response")
        && conversation.calls().any(|call| call.failed && call.result.is_some())
    {
        let mark = match provider {
            "claude" => r#""is_error":true"#,
            "kiro" => r#""status":"error""#,
            "openai" | "openai-response" | "codex" => "Error:",
            _ => r#""response":{"error":"#,
        };
        assert!(text.contains(mark), "B22 {client} to {provider}: {sent:#}");
    }
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
        IMAGE | SHOWN | DOCUMENT => &["message.media"],
        // Where they are an item of their own, and bytes pass, the item is named.
        _ if needle.starts_with(THOUGHT) => &["message.thinking", "message.reasoning"],
        _ => &[],
    }
}

fn call(id: &str, city: &str, result: &str) -> Call {
    Call {
        id: id.to_owned(),
        name: TOOL.to_owned(),
        args: serde_json::json!({"city": city}),
        result: Some(result.to_owned()),
        shows: false,
        failed: false,
    }
}

/// What the table has of requests, in its order.
pub fn features() -> Vec<(&'static str, Conversation)> {
    let base = Conversation {
        system: Some("Be brief.".to_owned()),
        rounds: vec![Round {
            user: text("Hello there."),
            says: Some("Good day.".to_owned()),
            ..Round::default()
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
        ("images in results", calls(vec![Call { shows: true, ..call("call_1", "Oslo", "See the rain.") }])),
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
                if name != "documents" {
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
    fn a_responses_conversation_survives_the_canonical_form(mut conversation in conversation()) {
        // A longer one is shortened (B3).
        conversation.rounds.iter_mut().flat_map(|round| &mut round.calls).for_each(|call| call.id.truncate(64));
        let body = conversation.body("openai-response");
        let text = body.to_string();
        let responses = codec("openai-response");
        let request = responses.decode_request(text.as_bytes()).unwrap();
        let encoded = responses.encode_request(&request, &Profile::new("m", false)).unwrap();
        let again: Value = serde_json::from_slice(&encoded.body).unwrap();
        prop_assert_eq!(again, body);
    }

    #[test]
    fn a_gemini_conversation_survives_the_canonical_form(mut conversation in conversation()) {
        // One that nobody answered is answered, as Google refuses it.
        for call in conversation.rounds.iter_mut().flat_map(|round| &mut round.calls) {
            call.result.get_or_insert_with(String::new);
        }
        let body = conversation.body("gemini");
        let text = body.to_string();
        let gemini = codec("gemini");
        let request = gemini.decode_request(text.as_bytes()).unwrap();
        let encoded = gemini.encode_request(&request, &Profile::new("gemini-3-pro", false)).unwrap();
        prop_assert_eq!(encoded.losses, []);
        // A call that nobody signed goes to Gemini 3 with the word for that (B31).
        let again = String::from_utf8(encoded.body).unwrap();
        let again = again.replace(r#","thoughtSignature":"skip_thought_signature_validator""#, "");
        prop_assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), body);
    }
}

/// JavaScript's strings may hold half of a surrogate pair, and so may JSON, as an escape. It arrives as it came, whoever
/// reads it; most languages cannot even hold it.
#[test]
fn half_a_surrogate_pair_arrives_wherever_it_stands() {
    let say = |word: &str| format!("{word}-HALF.");
    let conversation = Conversation {
        system: Some(say("system")),
        rounds: vec![Round {
            user: text(&say("question")),
            says: Some(say("answer")),
            calls: vec![call("call_1", &say("argument"), &say("result"))],
            ..Round::default()
        }],
        last: say("last"),
        tools: true,
        ..Conversation::default()
    };
    for client in CLIENTS {
        let body = conversation.body(client).to_string();
        // In arguments that are JSON in a string it may be an escape of either.
        for in_arguments in [r"\ud800", r"\\ud800"] {
            let argument = format!("argument-{in_arguments}");
            let body = match client {
                "openai" | "openai-response" => body.replace("argument-HALF", &argument),
                _ => body.clone(),
            };
            let body = body.replace("HALF", r"\ud800");
            for provider in PROVIDERS {
                let done = translated(client, provider, body.clone()).unwrap();
                let sent = std::str::from_utf8(&done.body).unwrap();
                let _json: &serde_json::value::RawValue = serde_json::from_str(sent).unwrap();
                for word in ["system", "question", "answer", "argument", "result", "last"] {
                    let arrives =
                        [r"\ud800", r"\\ud800"].iter().any(|half| sent.contains(&format!("{word}-{half}.")));
                    assert!(arrives, "{client} to {provider}: {word}: {sent}");
                }
            }
        }
    }
}
