//! The loss report tells the truth. What a request says is taken out of it, member by member: what changes nothing in
//! what the provider gets was lost, and then a loss that speaks of it must be in the report; a loss that speaks of
//! nothing but what arrived is a lie. No test knows what formats can say: each finds out.
//! Source: issue 4, "Deliver" 6 and "Shows it is done".

mod agents;
mod behind;
mod bodies;
mod cut;
mod objects;
mod odd;
mod replies;
mod requests;
mod streams;
mod table;
mod unread;
mod variants;
mod words;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::registry::{Exchange, RequestCall, Translated};
use cliproxy_translator::{CodecError, CodecErrorKind, Loss, Profile};
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

fn target(name: &str) -> Target {
    targets().into_iter().find(|target| target.name == name).unwrap()
}

fn send(client: &str, target: Target, body: &Value) -> Result<(String, Vec<Loss>), CodecError> {
    let (done, _) = sent(client, target, body)?;
    Ok((String::from_utf8(done.body.to_vec()).unwrap(), done.losses))
}

/// The request as it goes out, and what its reply will need.
fn sent(client: &str, target: Target, body: &Value) -> Result<(Translated, Exchange), CodecError> {
    let bytes = Bytes::from(body.to_string());
    let mut profile = Profile::new(target.model, body["stream"] == Value::Bool(true));
    profile.strict = target.strict;
    let (client, provider) =
        (ClientFormat::from(client.to_owned()), ProviderFormat::from(target.name.to_owned()));
    let call = RequestCall::new(&client, &provider, &bytes, &profile);
    let done = REGISTRY.translate_request(&call, context())?;
    let exchange = done.exchange.clone();
    Ok((done, exchange))
}

/// What says nothing where it is missing, and so cannot be lost: how the formats spell what the parts of a body are,
/// and by what they find one another.
fn is_bookkeeping(body: &Value, path: &Path) -> bool {
    let value = find(body, path);
    match last_key(path) {
        // One that nobody knows is another matter.
        Some("role") => !value.to_string().contains("needle"),
        Some("type" | "model" | "project" | "user_prompt_id" | "stream" | "stream_options") => true,
        // Usage is asked for whatever the client says.
        Some("include_usage") => true,
        Some("id" | "tool_call_id" | "call_id" | "tool_use_id" | "status" | "mimeType" | "media_type") => {
            true
        }
        // What a schema says already.
        Some("responseMimeType") => true,
        Some("bytes" | "top_logprobs") => value.is_array(),
        // What the model does anyway.
        Some("background" | "store") => *value == Value::Bool(false),
        // A part of the media type.
        Some("format") => shown(path).contains("input_audio"),
        _ => false,
    }
}

/// What a target does anyway: saying so changes nothing.
fn is_implied(target: Target, body: &Value, path: &Path) -> bool {
    let shows = matches!(target.name, "codex" | "gemini" | "gemini-cli" | "antigravity");
    // Claude before its structured outputs, and Kiro, are asked in words: those enforce nothing.
    let enforces = matches!(target.name, "gemini" | "gemini-cli" | "antigravity")
        || target.name == "claude" && target.model != "claude-sonnet-4-0";
    let value = find(body, path);
    // What is always added to a reply.
    if shown(path).starts_with("include") && value.to_string().contains("reasoning.encrypted_content") {
        return value.as_array().is_none_or(|all| all.len() == 1);
    }
    // Tools that may not be called are not declared: that is how the choice is said there.
    let chosen = &body["tool_choice"];
    if shown(path).starts_with("tools") && (chosen == "none" || chosen["type"] == "allowed_tools") {
        return true;
    }
    // Where nothing is asked for, nothing is thought; and these think so much anyway.
    let off = value["effort"] == "none" || *value == "none" || value["thinkingBudget"] == 0;
    if off || value["thinkingConfig"]["thinkingBudget"] == 0 {
        return true;
    }
    // The target's own state says what is thought (E220).
    if last_key(path) == Some("thinking")
        && find(body, &path[..path.len() - 1])["signature"].to_string().contains(":gpt:")
    {
        return true;
    }
    match last_key(path) {
        // What absence means, too.
        _ if value.is_null() => true,
        Some("strict" | "external_web_access") if *value == Value::Bool(last_key(path) != Some("strict")) => {
            true
        }
        Some("tool_choice") => *value == "auto",
        Some("service_tier") => *value == "auto" || *value == "default",
        Some("n" | "candidateCount") => *value == 1,
        Some("text" | "format") => value.to_string().contains(r#"{"type":"text"}"#),
        Some("budget_tokens") => target.name == "kiro",
        Some("logprobs") => *value == false,
        Some("parallel_tool_calls") => *value == true,
        // Nothing is asked for, and so nothing is thought.
        Some("thinking") if value["type"] == "disabled" => true,
        Some("toolConfig" | "functionCallingConfig" | "mode") => value.to_string().contains("AUTO"),
        // Budgets for thoughts show them, and Codex always does.
        Some("summary" | "include_reasoning") => matches!(target.name, "claude" | "codex"),
        Some("display" | "includeThoughts") => shows,
        // Adaptive thinking that is shown.
        Some("thinking") => target.name == "codex",
        Some("strict") => enforces && !shown(path).starts_with("tools"),
        // The name of a typed tool is its type's.
        Some("name") => {
            let parent = find(body, &path[..path.len() - 1]);
            shown(path).starts_with("tools") && parent["type"].as_str().is_some_and(|kind| kind != "custom")
        }
        _ => false,
    }
}

/// What names somebody or something and goes out as another name for it, always the same; and amounts of thought, which
/// have other units elsewhere (B39).
const RENAMED: [&str; 9] = [
    "user",
    "user_id",
    "prompt_cache_key",
    "session_id",
    "conversation",
    "signature",
    "budget_tokens",
    "thinkingBudget",
    "max_tokens",
];

/// What is lost of a body without a word, and what is told that is not so.
fn lies(client: &str, target: Target, body: &Value) -> Vec<String> {
    let (sent, losses) = match send(client, target, body) {
        Ok(done) => done,
        // What cannot be left out without answering another question.
        Err(error) if error.kind() == CodecErrorKind::Inexpressible && error.param().is_some() => {
            return Vec::new();
        }
        Err(error) => panic!("{client} to {target:?}: {error}\n{body:#}"),
    };
    let mut told = vec![false; losses.len()];
    let mut lies = Vec::new();
    let mut all = Vec::new();
    paths(body, &mut all);
    for path in all.iter().filter(|path| !is_bookkeeping(body, path)) {
        let value = find(body, path);
        // Without it there may be no request any more, or another one.
        let other = send(client, target, &without(body, path)).ok();
        let (differs, literally) = match (needles(value), other) {
            (None, None) => continue,
            (None, Some((other, _))) => (sent != other, sent != other),
            (Some(needles), other) => (
                other.is_none_or(|(other, _)| sent != other),
                needles.iter().all(|needle| sent.contains(needle.as_str())),
            ),
        };
        let arrived = literally || differs && last_key(path).is_some_and(|key| RENAMED.contains(&key));
        // A whole is spoken of by its parts, too.
        let within: Vec<&Path> = all.iter().filter(|part| part.starts_with(path)).collect();
        let mut spoken = false;
        for (loss, told) in losses.iter().zip(&mut told) {
            if within.iter().any(|part| is_spoken_of(&loss.what, body, part)) {
                spoken = true;
                // Of a value without a name of its own nobody can tell whether it is the same.
                let whole = value.is_object() && last_key(path) != Some("tool_choice") || value.is_array();
                *told |= !literally || needles(value).is_none() && !whole;
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

fn report(client: &str, body: &Value) -> String {
    let mut report = String::new();
    for target in targets() {
        for lie in lies(client, target, body) {
            report.push_str(&format!("{client} to {} ({}): {lie}\n", target.name, target.model));
        }
    }
    report
}

#[track_caller]
fn check(client: &str, body: &Value) {
    let report = report(client, body);
    assert!(report.is_empty(), "{report}");
}

#[test]
fn requests_of_every_coding_agent_go_everywhere_without_a_loss_that_is_not_told() {
    let lies: Vec<String> = agents::all()
        .iter()
        .map(|(agent, client, body)| (agent, report(client, body)))
        .filter(|(_, report)| !report.is_empty())
        .map(|(agent, report)| format!("{agent}:\n{report}"))
        .collect();
    assert!(lies.is_empty(), "{}", lies.concat());
}

#[test]
fn what_depends_on_a_value_arrives_or_is_told() {
    let lies: Vec<String> = variants::all()
        .iter()
        .map(|(client, body)| (body, report(client, body)))
        .filter(|(_, report)| !report.is_empty())
        .map(|(body, report)| format!("{body}:\n{report}"))
        .collect();
    assert!(lies.is_empty(), "{}", lies.concat());
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

/// A body in Responses format on the route of Chat is said again, to a provider of its own format too.
#[test]
fn what_a_responses_request_says_on_the_route_of_chat_arrives_or_is_told() {
    check("openai", &requests::responses());
}

#[test]
fn what_a_gemini_request_says_arrives_or_is_told() {
    check("gemini", &requests::gemini());
}

#[test]
fn what_a_gemini_cli_request_says_arrives_or_is_told() {
    check("gemini-cli", &requests::gemini_cli());
}
