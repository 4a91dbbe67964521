//! Ids of calls at every provider: one that is used again, one that is too long, results of calls with one id.
//! Source: translation.md B1 to B4, B15, B17.

use std::collections::HashSet;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::Profile;
use cliproxy_translator::registry::RequestCall;
use serde_json::{Value, json};

use crate::grid::{PROVIDERS, REGISTRY, check_request, context, model};

/// The calls and the results of a request, in their order: their ids, and what they say.
type Said = Vec<(String, String)>;

fn sent(client: &str, provider: &str, body: &Value, change: fn(&mut Profile)) -> (Value, Vec<String>) {
    let bytes = Bytes::from(body.to_string());
    let mut profile =
        Profile::new(if provider == "antigravity" { "claude-m" } else { model(provider) }, false);
    change(&mut profile);
    let (client, wire) = (ClientFormat::from(client.to_owned()), ProviderFormat::from(provider.to_owned()));
    let call = RequestCall::new(&client, &wire, &bytes, &profile);
    let done = REGISTRY.translate_request(&call, context()).unwrap();
    let value = serde_json::from_slice(&done.body).unwrap();
    // Only OpenAI itself is held to its schema.
    if provider != "openai" || profile.strict {
        check_request(provider, &value);
    }
    (value, done.losses.into_iter().map(|loss| loss.what.into_owned()).collect())
}

/// Everything of an object that has an id of a call under one of these names.
fn find(value: &Value, keys: &[&str], found: &mut Said) {
    match value {
        Value::Object(members) => {
            if let Some(id) = keys.iter().find_map(|key| members.get(*key)?.as_str()) {
                found.push((id.to_owned(), value.to_string()));
            }
            members.values().for_each(|value| find(value, keys, found));
        }
        Value::Array(items) => items.iter().for_each(|item| find(item, keys, found)),
        _ => {}
    }
}

/// Calls and results as a provider has them.
fn calls(provider: &str, body: &Value) -> (Said, Said) {
    let mut said = [Said::new(), Said::new()];
    match provider {
        "openai" => {
            find(&body["messages"], &["id"], &mut said[0]);
            find(&body["messages"], &["tool_call_id"], &mut said[1]);
        }
        "claude" => {
            find(&body["messages"], &["id"], &mut said[0]);
            find(&body["messages"], &["tool_use_id"], &mut said[1]);
        }
        "openai-response" | "codex" => {
            for item in body["input"].as_array().unwrap() {
                let kind = item["type"].as_str().unwrap();
                if let Some(at) = ["function_call", "function_call_output"].iter().position(|of| *of == kind)
                {
                    find(item, &["call_id"], &mut said[at]);
                }
            }
        }
        "antigravity" => {
            for (at, key) in ["functionCall", "functionResponse"].iter().enumerate() {
                for content in body["request"]["contents"].as_array().unwrap() {
                    for part in content["parts"].as_array().unwrap() {
                        find(&part[key], &["id"], &mut said[at]);
                    }
                }
            }
        }
        "kiro" => {
            let state = &body["conversationState"];
            let user = [&state["history"], &state["currentMessage"]];
            for message in user.iter().flat_map(|of| of.as_array().cloned().unwrap_or(vec![(**of).clone()])) {
                find(&message["assistantResponseMessage"], &["toolUseId"], &mut said[0]);
                find(&message["userInputMessage"], &["toolUseId"], &mut said[1]);
            }
        }
        other => panic!("{other}"),
    }
    let [calls, results] = said;
    (calls, results)
}

/// Checks the ids of a request that was made of these calls, in their order: what the provider demands of them, and that each
/// result stands under its call's. `said` is what a call was told, if it was.
#[track_caller]
pub fn check_ids<'s>(provider: &str, body: &Value, said: impl Iterator<Item = Option<&'s str>>) {
    if provider.starts_with("gemini") {
        return;
    }
    let (calls, results) = calls(provider, body);
    assert_eq!(calls.len(), results.len(), "{provider}: {body:#}");
    let longest = match provider {
        "openai" => 40,
        "openai-response" | "codex" => 64,
        _ => usize::MAX,
    };
    assert!(calls.iter().chain(&results).all(|(id, _)| id.len() <= longest), "{provider}: {body:#}");
    let once = matches!(provider, "claude" | "antigravity" | "kiro");
    let ids: HashSet<&str> = calls.iter().map(|(id, _)| id.as_str()).collect();
    assert!(!once || ids.len() == calls.len(), "{provider}: {body:#}");
    for ((id, _), said) in calls.iter().zip(said) {
        let mut answers = results.iter().filter(|(of, _)| of == id);
        let fine =
            |text: &str| !once || id.bytes().all(is_claude_s) && said.is_none_or(|said| text.contains(said));
        assert!(answers.any(|(_, text)| fine(text)), "{provider}: {id}: {body:#}");
    }
}

fn is_claude_s(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Providers whose requests name calls.
fn naming() -> impl Iterator<Item = &'static str> {
    PROVIDERS.into_iter().filter(|provider| !provider.starts_with("gemini"))
}

fn call(id: &str, city: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": format!("{{\"city\":\"{city}\"}}")}})
}

fn result(id: &str, text: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": text})
}

/// A conversation whose model names its calls anew in every turn.
fn counting(rounds: usize) -> Value {
    let mut messages = vec![json!({"role": "user", "content": "q"})];
    for round in 0..rounds {
        let of = |call: usize| format!("city{round}{call}");
        messages.push(json!({"role": "assistant", "content": null,
            "tool_calls": [call("call_0", &of(0)), call("call_1", &of(1))]}));
        messages.push(result("call_1", &format!("answer {}", of(1))));
        messages.push(result("call_0", &format!("answer {}", of(0))));
    }
    json!({"model": "m", "messages": messages})
}

#[test]
fn an_id_that_is_used_again_goes_to_claude_s_models_once_and_its_result_with_it() {
    for provider in naming() {
        let (calls, results) = calls(provider, &sent("openai", provider, &counting(3), |_| {}).0);
        assert_eq!((calls.len(), results.len()), (6, 6), "{provider}");
        for (id, said) in &calls {
            let city = said.split("city").nth(2).unwrap_or(said.split("city").nth(1).unwrap());
            let answer = format!("answer city{}", &city[..2]);
            let answers: Vec<_> =
                results.iter().filter(|(of, text)| of == id && text.contains(&answer)).collect();
            // Results stand in the order of their calls; of Chat and Responses, the id alone is not enough to tell.
            assert_eq!(answers.len(), 1, "{provider}: {said} {results:?}");
        }
        if matches!(provider, "claude" | "antigravity" | "kiro") {
            let ids: HashSet<&str> = calls.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!(ids.len(), 6, "{provider}: {ids:?}");
            // What was sent before stays as it was: the provider's prompt cache knows it.
            let (before, _) = self::calls(provider, &sent("openai", provider, &counting(2), |_| {}).0);
            assert_eq!(before[..], calls[..4], "{provider}");
        } else {
            assert_eq!(calls[0].0, calls[4].0, "{provider}: it takes them as they are");
        }
    }
}

#[test]
fn two_calls_of_one_message_with_one_id_get_their_results_in_their_order() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "content": null, "tool_calls": [call("c", "oslo"), call("c", "rome")]},
        result("c", "rain"), result("c", "sun"), {"role": "user", "content": "go on"}]});
    // E284: what Responses cannot tell apart is left out there, and told.
    for provider in ["openai", "claude", "antigravity", "kiro"] {
        let (sent, losses) = sent("openai", provider, &body, |profile| profile.keeps_reasoning_text = true);
        if provider == "openai" {
            // Its bytes pass.
            continue;
        }
        assert_eq!(losses, [""; 0], "{provider}");
        let (calls, results) = calls(provider, &sent);
        for ((call, result), (city, text)) in
            calls.iter().zip(&results).zip([("oslo", "rain"), ("rome", "sun")])
        {
            assert_eq!(call.0, result.0, "{provider}");
            assert!(call.1.contains(city) && result.1.contains(text), "{provider}: {calls:?} {results:?}");
        }
        assert_ne!(calls[0].0, calls[1].0, "{provider}");
    }
}

#[test]
fn a_result_without_an_id_goes_out_under_its_call_s() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "content": null, "tool_calls": [call("c.1", "oslo"), call("c.2", "rome")]},
        result("", "rain"), result("", "sun"), {"role": "user", "content": "go on"}]});
    for provider in naming().filter(|provider| *provider != "openai") {
        let (calls, results) = calls(provider, &sent("openai", provider, &body, |_| {}).0);
        let ids = |said: &Said| said.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&calls), ids(&results), "{provider}");
        assert!(results[0].1.contains("rain"), "{provider}");
    }
}

#[test]
fn a_result_that_a_later_one_replaces_is_told() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "content": null, "tool_calls": [call("c", "oslo")]},
        result("c", "rain"), result("c", "sun"), {"role": "user", "content": "go on"}]});
    for provider in PROVIDERS.into_iter().filter(|provider| *provider != "openai") {
        let (sent, losses) = sent("openai", provider, &body, |_| {});
        let text = sent.to_string();
        let told = match provider {
            // The first counts there (E285).
            "openai-response" | "codex" => ("message.tool_call", "rain", "sun"),
            _ => ("tool_result", "sun", "rain"),
        };
        assert!(losses.iter().any(|loss| loss == told.0), "{provider}: {losses:?}");
        assert!(text.contains(told.1) && !text.contains(told.2), "{provider}: {text}");
    }
}

#[test]
fn openai_gets_ids_of_40_characters_at_most_and_others_as_they_are() {
    let long = |of: &str| format!("chatcmpl-tool-{}{of}", "0123456789".repeat(4));
    let used = |of: &str| json!({"type": "tool_use", "id": long(of), "name": "f", "input": {"city": of}});
    let answer = |of: &str| {
        json!({"type": "tool_result", "tool_use_id": long(of), "content": [
        {"type": "text", "text": format!("answer {of}")},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]})
    };
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "content": [used("a"), used("b")]},
        {"role": "user", "content": [answer("b"), answer("a")]}]});
    let of = |change: fn(&mut Profile)| {
        let (sent, losses) = sent("claude", "openai", &body, change);
        assert_eq!(losses, [""; 0]);
        let (calls, results) = calls("openai", &sent);
        for (call, of) in calls.iter().zip(["a", "b"]) {
            let answers: Vec<_> = results.iter().filter(|result| result.0 == call.0).collect();
            assert_eq!(answers.len(), 1, "{results:?}");
            assert!(answers[0].1.contains(&format!("answer {of}")), "{results:?}");
        }
        (sent, calls)
    };
    for change in
        [|profile: &mut Profile| profile.strict = true, |profile: &mut Profile| profile.short_call_ids = true]
    {
        let (sent, calls) = of(change);
        for (id, _) in &calls {
            assert_eq!(id.len(), 40, "B3, with another limit");
            assert!(id.starts_with("chatcmpl-tool-"), "{id}");
            assert!(
                sent.to_string().contains(&format!("Returned by tool call {id}:"))
                    == sent.to_string().contains("Returned by")
            );
        }
        assert!(!sent.to_string().contains(&long("a")));
    }
    let (_, calls) = of(|_| {});
    assert_eq!([&calls[0].0, &calls[1].0], [&long("a"), &long("b")]);
}

/// Services that parse them refuse a history with arguments that are no JSON; white space alone says nothing.
#[test]
fn blank_arguments_in_a_history_are_those_of_a_call_without_any() {
    for blank in ["", "\n", " \t\r\n"] {
        let chat = json!({"model": "m", "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": blank}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "done"}]});
        let responses = json!({"model": "m", "input": [
            {"type": "message", "role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": blank},
            {"type": "function_call_output", "call_id": "call_1", "output": "done"}]});
        for (client, provider, body, at) in [
            ("openai", "openai-response", &chat, "/input/1/arguments"),
            ("openai", "codex", &chat, "/input/1/arguments"),
            ("openai-response", "openai", &responses, "/messages/1/tool_calls/0/function/arguments"),
            ("openai", "claude", &chat, "/messages/1/content/0/input"),
            (
                "openai",
                "kiro",
                &chat,
                "/conversationState/history/1/assistantResponseMessage/toolUses/0/input",
            ),
        ] {
            let (sent, losses) = sent(client, provider, body, |_| {});
            let found = sent.pointer(at).unwrap_or_else(|| panic!("{client} to {provider}: {sent}"));
            assert!(*found == "{}" || *found == json!({}), "{client} to {provider}: {found}");
            assert!(
                !losses.iter().any(|loss| loss.contains("arguments")),
                "{client} to {provider}: {losses:?}"
            );
        }
    }
}
