//! The loss report tells the truth. What a request says is taken out of it, member by member: what changes nothing in
//! what the provider gets was lost, and then a loss that speaks of it must be in the report; a loss that speaks of
//! nothing but what arrived is a lie. No test knows what formats can say: each finds out.
//! Source: issue 4, "Deliver" 6 and "Shows it is done".

mod bodies;
mod replies;
mod requests;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::registry::RequestCall;
use cliproxy_translator::{CodecError, Loss, Profile};
use serde_json::Value;

use crate::grid::{PROVIDERS, REGISTRY, context, model};
use bodies::{Path, find, is_spoken_of, last_key, needles, paths, shown, without};

/// A provider to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target {
    name: &'static str,
    model: &'static str,
    strict: bool,
}

/// Every provider format, and what of some depends on who serves it.
fn targets() -> Vec<Target> {
    let mut all: Vec<Target> = PROVIDERS
        .into_iter()
        .map(|name| Target { name, model: model(name), strict: matches!(name, "openai" | "claude") })
        .collect();
    all.push(Target { name: "openai", model: "some-model", strict: false });
    all.push(Target { name: "claude", model: "claude-sonnet-4-0", strict: true });
    all.push(Target { name: "gemini", model: "gemini-2.5-pro", strict: false });
    all.push(Target { name: "antigravity", model: "claude-sonnet-4-5", strict: false });
    all.push(Target { name: "kiro", model: "claude-sonnet-4.5", strict: false });
    all
}

fn send(client: &str, target: Target, body: &Value) -> Result<(String, Vec<Loss>), CodecError> {
    let bytes = Bytes::from(body.to_string());
    let mut profile = Profile::new(target.model, false);
    profile.strict = target.strict;
    let (client, provider) =
        (ClientFormat::from(client.to_owned()), ProviderFormat::from(target.name.to_owned()));
    let call = RequestCall::new(&client, &provider, &bytes, &profile);
    let done = REGISTRY.translate_request(&call, context())?;
    Ok((String::from_utf8(done.body.to_vec()).unwrap(), done.losses))
}

/// What says nothing where it is missing, and so cannot be lost: how the formats spell what the parts of a body are,
/// and by what they find one another.
fn is_bookkeeping(body: &Value, path: &Path) -> bool {
    let value = find(body, path);
    match last_key(path) {
        Some("type" | "role" | "model" | "project" | "user_prompt_id") => true,
        Some("id" | "tool_call_id" | "call_id" | "tool_use_id" | "status" | "mimeType" | "media_type") => {
            true
        }
        // What a schema says already.
        Some("responseMimeType") => true,
        Some("bytes" | "top_logprobs") => value.is_array(),
        // What the model does anyway.
        Some("background" | "store") => *value == Value::Bool(false),
        _ => false,
    }
}

/// What a target does anyway: saying so changes nothing.
fn is_implied(target: Target, body: &Value, path: &Path) -> bool {
    let shows = matches!(target.name, "codex" | "gemini" | "gemini-cli" | "antigravity");
    // Claude before its structured outputs, and Kiro, are asked in words: those enforce nothing.
    let enforces = matches!(target.name, "gemini" | "gemini-cli" | "antigravity")
        || target.name == "claude" && target.model != "claude-sonnet-4-0";
    match last_key(path) {
        Some("display" | "includeThoughts") => shows,
        // Adaptive thinking that is shown.
        Some("thinking") => target.name == "codex",
        Some("strict") => enforces && !shown(path).starts_with("tools"),
        // The name of a typed tool is its type's.
        Some("name") => {
            let parent = find(body, &path[..path.len() - 1]);
            parent["type"].as_str().is_some_and(|kind| kind.starts_with("web_search"))
        }
        _ => false,
    }
}

/// What names somebody or something and goes out as another name for it, always the same.
const RENAMED: [&str; 5] = ["user", "user_id", "prompt_cache_key", "session_id", "signature"];

/// What is lost of a body without a word, and what is told that is not so.
fn lies(client: &str, target: Target, body: &Value) -> Vec<String> {
    let (sent, losses) = match send(client, target, body) {
        Ok(done) => done,
        Err(error) => panic!("{client} to {target:?}: {error}\n{body:#}"),
    };
    let mut told = vec![false; losses.len()];
    let mut lies = Vec::new();
    let mut all = Vec::new();
    paths(body, &mut all);
    for path in all.iter().filter(|path| !is_bookkeeping(body, path)) {
        // Without it there is no request any more, or another one.
        let Ok((other, _)) = send(client, target, &without(body, path)) else { continue };
        let differs = sent != other;
        let arrived = match needles(find(body, path)) {
            Some(needles) => {
                needles.iter().all(|needle| sent.contains(needle.as_str()))
                    || differs && last_key(path).is_some_and(|key| RENAMED.contains(&key))
            }
            None => differs,
        };
        // A whole is spoken of by its parts, too.
        let within: Vec<&Path> = all.iter().filter(|part| part.starts_with(path)).collect();
        let mut spoken = false;
        for (loss, told) in losses.iter().zip(&mut told) {
            if within.iter().any(|part| is_spoken_of(&loss.what, body, part)) {
                spoken = true;
                // Part of a whole may be gone, or its value another.
                *told |= !arrived || needles(find(body, path)).is_none();
            }
        }
        if !arrived && !spoken && !is_implied(target, body, path) {
            lies.push(format!("{} is lost and not told", shown(path)));
        }
    }
    for (loss, told) in losses.iter().zip(told) {
        if !told {
            lies.push(format!("{} is told ({}) and not lost", loss.what, loss.why));
        }
    }
    lies
}

#[track_caller]
fn check(client: &str, body: &Value) {
    let mut report = String::new();
    for target in targets() {
        for lie in lies(client, target, body) {
            report.push_str(&format!("{client} to {} ({}): {lie}\n", target.name, target.model));
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn what_a_chat_request_says_arrives_or_is_told() {
    check("openai", &requests::chat());
}

#[test]
fn what_a_claude_request_says_arrives_or_is_told() {
    check("claude", &requests::claude());
}

#[test]
fn what_a_responses_request_says_arrives_or_is_told() {
    check("openai-response", &requests::responses());
}

#[test]
fn what_a_gemini_request_says_arrives_or_is_told() {
    check("gemini", &requests::gemini());
}

#[test]
fn what_a_gemini_cli_request_says_arrives_or_is_told() {
    check("gemini-cli", &requests::gemini_cli());
}
