//! Calls whose arguments are JSON, and no object, where a format has objects there: they are made, and run, and told.
//! Source: translation.md B92, E528.

use serde_json::{Value, json};

use super::cut::{Told, is_called, piped, reply, steps, streamed, whole};
use crate::wire::script::End;

/// Arguments that say nothing, in the words of services.
const NOTHING: [&str; 7] = ["", "null", "[]", " [ ] ", r#""""#, r#""null""#, r#""[]""#];

/// JSON of another kind.
const OTHER: [&str; 6] = ["[1]", "true", "0", r#""text""#, r#"["{"]"#, r#""{\"a\":""#];

/// An object, in a string once more.
const TWICE: &str = r#""{\"a\":1}""#;

const CLIENTS: [&str; 3] = ["claude", "gemini", "gemini-cli"];

/// The arguments of the one call of a whole reply, and its end.
fn of_whole(client: &str, body: &Value) -> (Value, Value) {
    if client == "claude" {
        let call = body["content"].as_array().unwrap().iter().find(|block| block["type"] == "tool_use");
        return (call.unwrap()["input"].clone(), body["stop_reason"].clone());
    }
    let candidate = &body.get("response").unwrap_or(body)["candidates"][0];
    let parts = candidate["content"]["parts"].as_array().unwrap();
    let call = parts.iter().find_map(|part| part.get("functionCall"));
    (call.unwrap()["args"].clone(), candidate["finishReason"].clone())
}

/// The same of a stream.
fn of_stream(client: &str, out: &str) -> (Value, Value) {
    let events = out.lines().filter_map(|line| line.strip_prefix("data: "));
    let (mut arguments, mut end) = (String::new(), Value::Null);
    for event in events.map(|event| serde_json::from_str::<Value>(event).unwrap()) {
        if client == "claude" {
            arguments += event["delta"]["partial_json"].as_str().unwrap_or_default();
            if event["type"] == "message_delta" {
                end = event["delta"]["stop_reason"].clone();
            }
            continue;
        }
        let candidate = &event.get("response").unwrap_or(&event)["candidates"][0];
        for part in candidate["content"]["parts"].as_array().unwrap() {
            arguments += &part.get("functionCall").map(|call| call["args"].to_string()).unwrap_or_default();
        }
        if candidate["finishReason"].is_string() {
            end = candidate["finishReason"].clone();
        }
    }
    // A client of Claude's takes nothing at all for an object without members.
    let arguments = if arguments.is_empty() { "{}" } else { &arguments };
    (serde_json::from_str(arguments).unwrap(), end)
}

/// Every way that a provider says arguments in: whole, in strings and as they are.
fn replies(arguments: &str) -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("openai", reply("openai", arguments, "tool_calls")),
        ("openai-response", reply("openai-response", arguments, "completed")),
    ];
    if let Ok(raw) = serde_json::from_str::<Value>(arguments) {
        all.push(("claude", reply("claude", arguments, "tool_use")));
        if !raw.is_string() {
            let mut bare = reply("openai", "", "tool_calls");
            bare["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = raw;
            all.push(("openai", bare));
        }
    }
    all
}

fn check(told: Told<(Value, Value)>, (client, args): (&str, &Value), lost: bool, what: &str) {
    let ((arguments, end), losses) = told.unwrap();
    let expected: &[&str] = if lost { &["message.tool_call.arguments"] } else { &[] };
    assert_eq!(
        (&arguments, &losses[..]),
        (args, &expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
        "{what}"
    );
    assert_eq!(end, if client == "claude" { "tool_use" } else { "STOP" }, "{what}");
}

#[test]
fn b92_a_whole_call_whose_arguments_are_no_object_is_made_without_any() {
    let cases = NOTHING.into_iter().map(|arguments| (arguments, json!({}), false));
    let cases = cases.chain(OTHER.into_iter().map(|arguments| (arguments, json!({}), true)));
    for (arguments, args, lost) in cases.chain([(TWICE, json!({"a": 1}), false)]) {
        for client in CLIENTS {
            for (provider, reply) in replies(arguments) {
                if provider == client {
                    continue;
                }
                let what = format!("{provider} to {client}: {arguments}: {reply}");
                let told =
                    whole(provider, client, &reply).map(|(body, losses)| (of_whole(client, &body), losses));
                check(told, (client, &args), lost, &what);
            }
            for provider in ["openai", "openai-response", "codex", "claude"] {
                if provider == client {
                    continue;
                }
                let what = format!("stream of {provider} to {client}: {arguments}");
                let told = streamed(provider, client, steps(arguments), End::Stop)
                    .map(|(out, losses)| (of_stream(client, &out), losses));
                check(told, (client, &args), lost, &what);
            }
        }
    }
}

/// A reply that was stopped there: it may be the beginning of something.
#[test]
fn what_is_no_object_at_the_limit_is_half_a_call() {
    for arguments in OTHER {
        for client in ["gemini", "gemini-cli"] {
            for provider in ["openai", "openai-response", "codex", "claude"] {
                let (out, losses) = streamed(provider, client, steps(arguments), End::Length).unwrap();
                assert!(!is_called(&out), "{provider} to {client}: {arguments}: {out}");
                assert_eq!(losses, ["message.tool_call"], "{provider} to {client}: {arguments}");
            }
        }
        for client in CLIENTS {
            for (provider, end) in
                [("openai", "length"), ("openai-response", "max_output_tokens"), ("claude", "max_tokens")]
            {
                if provider == client {
                    continue;
                }
                let (body, losses) = whole(provider, client, &reply(provider, arguments, end)).unwrap();
                assert!(!is_called(&body.to_string()), "{provider} to {client}: {arguments}: {body}");
                assert_eq!(losses, ["message.tool_call"], "{provider} to {client}: {arguments}");
            }
        }
    }
}

/// They come whole, whatever the reply ends in.
#[test]
fn e528_a_call_of_gemini_s_without_arguments_is_a_whole_one() {
    for (word, lost) in [("TOO_MANY_TOOL_CALLS", true), ("UNEXPECTED_TOOL_CALL", true), ("SAFETY", false)] {
        let reply = json!({"candidates": [{"content": {"role": "model", "parts": [{"functionCall": {"name": "ls", "args": {}}}]},
            "finishReason": word, "index": 0}], "modelVersion": "m", "responseId": "r"});
        let (body, losses) = whole("gemini", "claude", &reply).unwrap();
        assert_eq!(body["content"][0]["input"], json!({}), "{word}: {body}");
        assert_eq!(losses, if lost { vec!["finish_reason"] } else { vec![] }, "{word}");
    }
    // As is one of a Chat service that says an object.
    let mut cut = reply("openai", "", "length");
    cut["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = json!({});
    let (body, losses) = whole("openai", "claude", &cut).unwrap();
    assert!(is_called(&body.to_string()) && losses.is_empty(), "{losses:?}: {body}");
}

/// A service that leaves out `content_block_stop`.
#[test]
fn a_call_that_closes_behind_a_cut_is_half_a_call_too() {
    let stream = |end: &str| {
        let events = [
            json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}}),
            json!({"type": "message_delta", "delta": {"stop_reason": end}, "usage": {"output_tokens": 1}}),
            json!({"type": "message_stop"}),
        ];
        events.map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())).concat()
    };
    for client in ["gemini", "gemini-cli"] {
        let (out, losses) = piped("claude", client, stream("max_tokens").as_bytes()).unwrap();
        assert!(!is_called(&out) && out.contains("MAX_TOKENS"), "{out}");
        assert_eq!(losses, ["message.tool_call"]);
        let (out, losses) = piped("claude", client, stream("tool_use").as_bytes()).unwrap();
        assert!(is_called(&out) && losses.is_empty(), "{losses:?}: {out}");
    }
}
