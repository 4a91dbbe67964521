//! Calls that a model never finished, and words for the end that nobody knows: neither is made a good end without a word.
//! Source: issue 4, "Proof"; translation.md B51, B52, B68, B92, E186.

use bytes::Bytes;
use cliproxy_core::FinishReason;
use cliproxy_translator::framing::FrameParser;
use cliproxy_translator::model::{BlockKind, Event, Finish};
use serde_json::{Value, json};

use super::replies::exchange;
use crate::event_stream::event;
use crate::grid::bodies::CLIENTS;
use crate::grid::{REGISTRY, codec, context};
use crate::wire::script::{End, Script, Step, stream};

/// Whose clients have objects for arguments.
const OBJECTS: [&str; 3] = ["gemini", "gemini-cli", "claude"];

/// The providers whose arguments are text.
const TEXTS: [&str; 4] = ["openai", "claude", "openai-response", "codex"];

pub(super) fn steps(arguments: &str) -> Vec<Step> {
    vec![Step::Say(vec!["said".to_owned()]), Step::Call(vec![arguments.to_owned()])]
}

/// What a stream said to its client, and what was told to be lost of it.
pub(super) type Told<T> = Result<(T, Vec<String>), String>;

/// A stream of the provider's as its client gets it.
pub(super) fn streamed(provider: &str, client: &str, steps: Vec<Step>, end: End) -> Told<String> {
    piped(provider, client, &stream(provider, &Script { steps, end, counts: None, repeats: true }))
}

pub(super) fn piped(provider: &str, client: &str, bytes: &[u8]) -> Told<String> {
    let mut pipe = REGISTRY.stream(exchange(client, provider, false)).unwrap();
    let mut out = Vec::new();
    pipe.push(&Bytes::copy_from_slice(bytes), &mut out)
        .and_then(|()| pipe.finish(&mut out))
        .map_err(|error| error.to_string())?;
    let losses = pipe.losses().iter().map(|loss| loss.what.to_string()).collect();
    Ok((String::from_utf8(out).unwrap(), losses))
}

/// The same of a whole reply.
pub(super) fn whole(provider: &str, client: &str, reply: &Value) -> Told<Value> {
    whole_bytes(provider, client, reply.to_string().into_bytes())
}

fn whole_bytes(provider: &str, client: &str, body: Vec<u8>) -> Told<Value> {
    let done = REGISTRY
        .translate_whole(&exchange(client, provider, false), &Bytes::from(body))
        .map_err(|error| error.to_string())?;
    let losses = done.losses.iter().map(|loss| loss.what.to_string()).collect();
    Ok((serde_json::from_slice(&done.body).unwrap(), losses))
}

/// A whole reply that says something and makes one call.
pub(super) fn reply(provider: &str, arguments: &str, end: &str) -> Value {
    match provider {
        "openai" => json!({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": end,
            "message": {"role": "assistant", "content": "said", "tool_calls": [{"id": "call_1", "type": "function",
                "function": {"name": "f", "arguments": arguments}}]}}]}),
        "openai-response" => json!({"id": "resp_1", "object": "response", "model": "m",
            "status": if end == "completed" { end } else { "incomplete" },
            "incomplete_details": if end == "completed" { Value::Null } else { json!({"reason": end}) },
            "output": [
                {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "said", "annotations": []}]},
                {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": arguments}]}),
        "claude" => {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": end,
            "content": [{"type": "text", "text": "said"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": serde_json::from_str::<Value>(arguments).unwrap()}],
            "usage": {"input_tokens": 1, "output_tokens": 1}})
        }
        other => panic!("{other}"),
    }
}

pub(super) fn is_called(reply: &str) -> bool {
    ["functionCall", "tool_use\"", "function_call\"", "tool_calls\":[{"]
        .iter()
        .any(|word| reply.contains(word))
}

#[test]
fn half_a_call_is_none_where_arguments_are_objects_and_that_is_told() {
    // Arguments that never came at all are no call without arguments.
    for arguments in ["{\"path\":\"/etc", "{", ""] {
        for provider in TEXTS {
            for end in [End::Length, End::Filter] {
                for client in OBJECTS.into_iter().filter(|client| client.starts_with("gemini")) {
                    let (out, losses) = streamed(provider, client, steps(arguments), end.clone()).unwrap();
                    let what = format!("{provider} to {client}: {arguments:?}: {out}");
                    assert!(out.contains("said") && !is_called(&out), "{what}");
                    assert!(losses.contains(&"message.tool_call".to_owned()), "{losses:?}: {what}");
                    let word = if end == End::Length { "MAX_TOKENS" } else { "SAFETY" };
                    assert!(out.contains(word), "{what}");
                }
            }
        }
        for (provider, end) in [("openai", "length"), ("openai-response", "max_output_tokens")] {
            for client in OBJECTS {
                let (body, losses) = whole(provider, client, &reply(provider, arguments, end)).unwrap();
                let out = body.to_string();
                let what = format!("{provider} to {client}: {arguments:?}: {out}");
                assert!(out.contains("said") && !is_called(&out), "{what}");
                assert_eq!(losses, ["message.tool_call"], "{what}");
                assert!(out.contains("MAX_TOKENS") || body["stop_reason"] == "max_tokens", "{what}");
            }
        }
    }
    // Where arguments are text, and in streams of Claude's, they go as they came: the end says that they were cut.
    for client in ["openai", "openai-response", "claude"] {
        let end = End::Length;
        for provider in
            TEXTS.into_iter().filter(|provider| codec(provider).family() != codec(client).family())
        {
            let (out, losses) = streamed(provider, client, steps("{\"path\":\"/etc"), end.clone()).unwrap();
            assert!(out.contains("/etc") && losses.is_empty(), "{provider} to {client}: {losses:?}: {out}");
        }
    }
}

/// Kiro's calls are held until they are whole: no client gets half of one.
#[test]
fn half_a_call_of_kiro_s_is_none_and_that_is_told() {
    for client in CLIENTS {
        for (end, words) in [
            (End::Length, ["max_tokens", "length", "MAX_TOKENS", "max_output_tokens"]),
            (End::Filter, ["refusal", "content_filter", "SAFETY", "content_filter"]),
            // A service that does not say so reached a limit.
            (End::Stop, ["max_tokens", "length", "MAX_TOKENS", "max_output_tokens"]),
        ] {
            let script =
                Script { steps: steps("{\"path\":\"/etc"), end: end.clone(), counts: None, repeats: true };
            let bytes = stream("kiro", &script);
            let (out, losses) = piped("kiro", client, &bytes).unwrap();
            let (body, of_whole) = whole_bytes("kiro", client, bytes).unwrap();
            for (out, losses) in [(out, losses), (body.to_string(), of_whole)] {
                let what = format!("{client}: {end:?}: {losses:?}: {out}");
                assert!(out.contains("said") && !out.contains("/etc") && !is_called(&out), "{what}");
                assert!(words.iter().any(|word| out.contains(&format!("\"{word}\""))), "{what}");
                assert_eq!(losses, ["message.tool_call"], "{what}");
            }
        }
        let (out, losses) = streamed("kiro", client, steps("{\"a\":1}"), End::Length).unwrap();
        assert!(is_called(&out) && losses.is_empty(), "{client}: {losses:?}: {out}");
    }
}

/// A pair of surrogates may be cut between two pieces.
#[test]
fn a_character_of_kiro_s_arguments_that_comes_in_two_pieces_is_one() {
    let mut bytes = Vec::new();
    for piece in [r#""input":"{\"a\":\"\ud83d""#, r#""input":"\ude00\"}""#, r#""stop":true"#] {
        bytes.extend(event("toolUseEvent", &format!(r#"{{"toolUseId":"t_1","name":"f",{piece}}}"#)));
    }
    let (body, losses) = whole_bytes("kiro", "claude", bytes).unwrap();
    assert_eq!((&body["content"][0]["input"]["a"], losses), (&json!("😀"), vec![]), "{body}");
}

/// JSON knows four characters of white space, and models more.
#[test]
fn white_space_that_is_none_of_json_s_is_none_of_the_arguments() {
    let arguments = "\u{3000}{\"city\":\"x\"}\u{a0}";
    for (provider, end) in [("openai", "tool_calls"), ("openai-response", "completed")] {
        for client in CLIENTS {
            if codec(provider).family() == codec(client).family() {
                continue;
            }
            let (body, losses) = whole(provider, client, &reply(provider, arguments, end)).unwrap();
            let out = body.to_string();
            let said = match client {
                "openai" | "openai-response" => out.contains(r#""arguments":"{\"city\":\"x\"}""#),
                _ => out.contains(r#"{"city":"x"}"#),
            };
            assert!(said && losses.is_empty(), "{provider} to {client}: {losses:?}: {out}");
        }
        // That of JSON's goes as it came.
        let (body, _) = whole(provider, "claude", &reply(provider, " {\"a\":1}\n", end)).unwrap();
        assert_eq!(body["content"][1]["input"], json!({"a": 1}));
    }
}

/// A call that was whole before the limit was reached stays one, also without arguments.
#[test]
fn calls_that_were_whole_before_the_reply_was_cut_stay() {
    for provider in TEXTS {
        for client in ["gemini", "gemini-cli"] {
            for (arguments, args) in [("{}", "\"args\":{}"), ("{\"a\":1}", "\"args\":{\"a\":1}")] {
                let (out, losses) = streamed(provider, client, steps(arguments), End::Length).unwrap();
                assert!(out.contains(args) && losses.is_empty(), "{provider} to {client}: {losses:?}: {out}");
            }
            // Without arguments at all, and something follows.
            let mut more = steps("");
            more.push(Step::Call(vec!["{\"b\":".to_owned()]));
            let (out, losses) = streamed(provider, client, more, End::Length).unwrap();
            assert!(out.contains("tool_0") && !out.contains("tool_1"), "{provider} to {client}: {out}");
            assert_eq!(losses, ["message.tool_call"], "{provider} to {client}");
            // And at a good end.
            let (out, losses) = streamed(provider, client, steps(""), End::Stop).unwrap();
            assert!(out.contains("\"args\":{}") && losses.is_empty(), "{provider} to {client}: {out}");
        }
    }
}

#[test]
fn arguments_that_are_no_json_fail_a_whole_reply_as_they_fail_a_stream() {
    for (provider, ends) in
        [("openai", ["tool_calls", "stop"]), ("openai-response", ["completed", "completed"])]
    {
        for client in ["openai", "claude", "openai-response", "gemini"] {
            if codec(provider).family() == codec(client).family() {
                continue;
            }
            for end in ends {
                for (arguments, why) in [
                    ("{\"path\":\"/etc", "within the arguments"),
                    ("read it", "no JSON"),
                    ("{\"a\":1}{}", "no JSON"),
                ] {
                    let error = whole(provider, client, &reply(provider, arguments, end)).unwrap_err();
                    assert!(error.contains(why), "{provider} to {client}: {arguments}: {error}");
                }
                // Single quotes are mended, for all clients alike.
                let (body, losses) = whole(provider, client, &reply(provider, "{'a': 'b'}", end)).unwrap();
                let out = body.to_string().replace("\\\"", "\"").replace(' ', "");
                assert!(out.contains("{\"a\":\"b\"}") && losses.is_empty(), "{provider} to {client}: {out}");
            }
        }
    }
    // Codex only streams: its whole replies are put together, and do not pass.
    let script = |end: End| Script { steps: steps("{\"a\":"), end, counts: None, repeats: true };
    let whole_of = |end: End| {
        let exchange = exchange("openai-response", "codex", false);
        REGISTRY.aggregate_reply(&exchange, &stream("codex", &script(end)))
    };
    assert!(whole_of(End::Stop).unwrap_err().to_string().contains("within the arguments"));
    assert!(whole_of(End::Length).is_ok());
    // A word that nobody knows is no excuse.
    assert!(whole("openai", "claude", &reply("openai", "{\"a\":", "moonshine")).is_err());
}

/// The words of no format: what becomes of them, and that it is told.
#[test]
fn words_for_the_end_that_nobody_knows_are_told() {
    for (provider, word, claude, chat) in [
        ("openai", "moonshine", "end_turn", "stop"),
        ("openai", "eos", "end_turn", "stop"),
        ("claude", "moonshine", "end_turn", "stop"),
        ("openai-response", "moonshine", "max_tokens", "length"),
        ("codex", "moonshine", "max_tokens", "length"),
        ("gemini", "MOONSHINE", "end_turn", "stop"),
        ("gemini", "OTHER", "end_turn", "stop"),
        ("gemini", "MALFORMED_FUNCTION_CALL", "end_turn", "stop"),
        ("antigravity", "MOONSHINE", "end_turn", "stop"),
        ("kiro", "MOONSHINE", "end_turn", "stop"),
    ] {
        for (client, end) in [("claude", claude), ("openai", chat), ("gemini", "")] {
            if codec(provider).family() == codec(client).family() {
                continue;
            }
            let steps = vec![Step::Say(vec!["said".to_owned()])];
            let (out, losses) = streamed(provider, client, steps, End::Other(word)).unwrap();
            assert!(out.contains(&format!("\"{end}")), "{provider} to {client}: {out}");
            // Gemini's own words go to Gemini's clients.
            let arrives = client == "gemini" && provider == "antigravity";
            let told: &[&str] = if arrives { &[] } else { &["finish_reason"] };
            assert_eq!(losses, told, "{provider} to {client}: {word}: {out}");
        }
    }
    // In whole replies, too; and words that are known are told by the client's own.
    for (word, told) in
        [("moonshine", 1), ("tool_calls", 0), ("length", 0), ("insufficient_system_resource", 0)]
    {
        let (body, losses) = whole("openai", "claude", &reply("openai", "{\"a\":1}", word)).unwrap();
        assert_eq!(losses.len(), told, "{word}: {losses:?}");
        let end = if told == 1 || word == "tool_calls" { "tool_use" } else { "max_tokens" };
        assert_eq!(body["stop_reason"], end, "{word}");
    }
    // Gemini's own words go to Gemini's clients, whoever says them.
    let (out, losses) =
        streamed("claude", "gemini", vec![Step::Say(vec!["a".to_owned()])], End::Other("BLOCKLIST")).unwrap();
    assert!(out.contains("BLOCKLIST") && losses.is_empty(), "{losses:?}: {out}");
}

/// Members for an error that say that there is none, as services write them beside good replies.
const UNSET: [&str; 7] =
    ["null", "\"\"", "{}", "false", "0", "[]", r#"{"message":"","type":"","param":"","code":null}"#];

/// A response that failed is none, whatever the event around it is called.
#[test]
fn a_response_that_failed_is_told_as_failed_behind_a_good_event_too() {
    for kind in ["response.done", "response.completed", "response.incomplete"] {
        for response in [
            json!({"id": "r", "status": "failed", "error": {"code": "server_error", "message": "needle died"}, "output": []}),
            json!({"id": "r", "error": {"message": "needle died"}}),
            json!({"id": "r", "error": "needle died"}),
        ] {
            let bytes = format!("event: {kind}\ndata: {}\n\n", json!({"type": kind, "response": response}));
            for provider in ["openai-response", "codex"] {
                for client in ["openai", "claude", "gemini"] {
                    let told = crate::wire::told(provider, client, bytes.as_bytes());
                    let out = String::from_utf8_lossy(&told.bytes).into_owned();
                    assert!(!told.whole && out.contains("needle died"), "{provider} to {client}: {out}");
                }
                let mut observer = codec(provider).stream_observer(&context());
                let mut parser = FrameParser::new(codec(provider).framing());
                parser.push(bytes.as_bytes(), &mut |frame| drop(observer.observe(frame))).unwrap();
                let seen = observer.seen();
                assert_eq!(seen.error.as_ref().unwrap().message, "needle died");
                assert!(!seen.terminal && seen.finish.is_none());
            }
        }
        // An error that is unset is none.
        for unset in UNSET {
            let response = format!(r#"{{"id":"r","status":"completed","error":{unset},"output":[]}}"#);
            let bytes = format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"response\":{response}}}\n\n");
            assert!(crate::wire::told("openai-response", "claude", bytes.as_bytes()).whole, "{unset}");
        }
    }
}

/// A provider that says that it failed did not answer.
#[test]
fn a_reply_that_ends_in_an_error_is_none() {
    for client in ["claude", "openai-response", "gemini"] {
        for word in ["error", "network_error"] {
            let steps = vec![Step::Say(vec!["said".to_owned()])];
            let error = streamed("openai", client, steps, End::Other(word)).unwrap_err();
            assert!(error.contains("ended the reply with an error"), "{error}");
        }
        let mut reply = reply("openai", "{}", "error");
        let error = whole("openai", client, &reply).unwrap_err();
        assert!(error.contains("ended the reply with an error"), "{error}");
        // In its own words, where it has any.
        reply["choices"][0]["error"] = json!({"code": 502, "message": "needle died"});
        let error = whole("openai", client, &reply).unwrap_err();
        assert!(error.ends_with("ended the reply with an error: needle died"), "{error}");
        // Also around its choice.
        reply["choices"][0]["error"] = Value::Null;
        reply["error"] = json!({"code": 429, "message": "needle is tired"});
        let error = whole("openai", client, &reply).unwrap_err();
        assert!(error.ends_with("ended the reply with an error: needle is tired"), "{error}");
        let mut chunk = json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "error"}]});
        // A good word beside it, or none, makes no reply of it; as where bytes pass, and in streams.
        for client in [client, "openai"] {
            for word in [json!("stop"), json!("length"), Value::Null] {
                reply["choices"][0]["finish_reason"] = word;
                let error = whole("openai", client, &reply).unwrap_err();
                assert!(error.ends_with("answered with an error: needle is tired"), "{client}: {error}");
                let mut mute = reply.clone();
                mute["error"] = json!({"type": "overloaded"});
                let error = whole("openai", client, &mute).unwrap_err();
                assert!(error.contains("answered with an error"), "{client}: {error}");
                // One that says nothing is none, beside an answer.
                for unset in UNSET {
                    mute["error"] = serde_json::from_str(unset).unwrap();
                    mute["choices"] = reply["choices"].clone();
                    assert!(whole("openai", client, &mute).is_ok(), "{client}: {unset}");
                    mute["choices"] = json!([]);
                    let error = whole("openai", client, &mute).unwrap_err();
                    assert!(error.ends_with("no choices"), "{client}: {error}");
                }
            }
        }
        for unset in UNSET {
            let mut chunk = chunk.clone();
            chunk["choices"][0]["finish_reason"] = json!("stop");
            chunk["error"] = serde_json::from_str(unset).unwrap();
            for client in [client, "openai"] {
                let (out, _) =
                    piped("openai", client, format!("data: {chunk}\n\ndata: [DONE]\n\n").as_bytes()).unwrap();
                assert!(out.contains("\"a\""), "{client}: {unset}: {out}");
            }
        }
        // Counts behind everything, of a service that writes its lists out as null.
        let usage = json!({"id": "c", "choices": null, "usage": {"prompt_tokens": 1, "completion_tokens": 1}, "error": ""});
        let mut said = chunk.clone();
        said["choices"][0]["finish_reason"] = json!("stop");
        let bytes = format!("data: {said}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
        assert!(piped("openai", client, bytes.as_bytes()).is_ok());
        // One that is unset in its choice is none, beside one that is said around it.
        let mut reply = reply.clone();
        reply["choices"][0]["finish_reason"] = json!("error");
        reply["choices"][0]["error"] = json!({});
        let error = whole("openai", client, &reply).unwrap_err();
        assert!(error.ends_with("ended the reply with an error: needle is tired"), "{error}");
        let odd = json!({"error": {}, "choices": [{"index": 0, "message": 5, "finish_reason": "stop"}]});
        let error = whole("openai", client, &odd).unwrap_err();
        assert!(error.contains("message"), "{error}");
        chunk["choices"][0]["error"] = json!({"message": "needle died"});
        let error = piped("openai", client, format!("data: {chunk}\n\n").as_bytes()).unwrap_err();
        assert!(error.ends_with("needle died"), "{error}");
    }
}

/// What Claude writes in place of arguments that were cut.
#[test]
fn an_empty_input_at_the_limit_of_a_whole_reply_of_claude_s_is_half_a_call() {
    for client in ["gemini", "gemini-cli"] {
        let (body, losses) = whole("claude", client, &reply("claude", "{}", "max_tokens")).unwrap();
        assert!(!is_called(&body.to_string()), "{body}");
        assert_eq!(losses, ["message.tool_call"]);
        let (body, losses) = whole("claude", client, &reply("claude", "{}", "tool_use")).unwrap();
        assert!(is_called(&body.to_string()) && losses.is_empty(), "{body} {losses:?}");
    }
}

/// What a client's history has as arguments: of interrupted turns they are cut.
#[test]
fn b92_arguments_in_a_history_that_are_no_object_are_told() {
    let body = |client: &str, arguments: &str| match client {
        "openai" => json!({"model": "m", "messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "r"}]}),
        "openai-response" => json!({"model": "m", "input": [{"role": "user", "content": "q"},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": arguments},
            {"type": "function_call_output", "call_id": "call_1", "output": "r"}]}),
        "claude" => json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": arguments}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}]}]}),
        _ => json!({"contents": [{"role": "user", "parts": [{"text": "q"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": arguments}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "r"}}}]}]}),
    };
    for client in ["openai", "openai-response", "claude", "gemini"] {
        for target in super::targets() {
            if codec(client).family() == codec(target.name).family() {
                continue;
            }
            let objects = matches!(target.name, "claude" | "gemini" | "gemini-cli" | "antigravity" | "kiro");
            for (arguments, lost) in [
                ("{\"needle\":\"/etc", true),
                ("needle it", true),
                ("[\"needle\"]", true),
                ("{\"needle\":1}", false),
                ("{'needle': 1}", false),
                ("\u{3000}{\"needle\":1}", false),
                ("{}", false),
                ("", false),
                ("null", false),
            ] {
                let (sent, losses) = super::send(client, target, &body(client, arguments)).unwrap();
                let told = losses.iter().any(|loss| loss.what == "message.tool_call.arguments");
                let what = format!("{client} to {target:?}: {arguments}: {losses:?}: {sent}");
                assert_eq!(told, lost && objects, "{what}");
                assert_eq!(sent.contains("needle"), arguments.contains("needle") && !told, "{what}");
            }
        }
    }
}

/// Where arguments are text, what never came is no `{}`: clients would run it. Source: E186.
#[test]
fn e186_arguments_that_never_came_are_none_where_arguments_are_text() {
    for provider in TEXTS {
        for (client, bare, whole_bare) in [
            ("openai", "\"arguments\":\"\"", "\"arguments\":\"\""),
            ("openai-response", "\"arguments\":\"\"", "\"status\":\"incomplete\""),
        ] {
            if codec(provider).family() == codec(client).family() {
                continue;
            }
            for (end, invented) in [(End::Length, false), (End::Filter, false), (End::Stop, true)] {
                let (out, losses) = streamed(provider, client, steps(""), end.clone()).unwrap();
                let what = format!("{provider} to {client}: {end:?}: {out}");
                assert_eq!(out.contains("\"arguments\":\"{}\""), invented, "{what}");
                assert!(out.contains(bare) && losses.is_empty(), "{what}");
                // What follows it says that it was whole.
                let mut more = steps("");
                more.push(Step::Call(vec!["{\"b\":1}".to_owned()]));
                let (out, _) = streamed(provider, client, more, end.clone()).unwrap();
                let is_whole = out.contains("\"arguments\":\"{}\"");
                // Of Chat's parallel calls Responses knows none to be whole.
                assert!(is_whole || provider == "openai", "{provider} to {client}: {end:?}: {out}");
            }
            let (provider, end) = match provider {
                "openai" => ("openai", "length"),
                "claude" => continue,
                _ => ("openai-response", "max_output_tokens"),
            };
            let (body, losses) = whole(provider, client, &reply(provider, "", end)).unwrap();
            let out = body.to_string();
            assert!(!out.contains("{}\"") && out.contains(bare), "{provider} to {client}: {out}");
            assert!(
                out.contains(whole_bare) && losses.is_empty(),
                "{provider} to {client}: {losses:?}: {out}"
            );
        }
    }
    // The last item of a reply that was stopped is not whole, in either way.
    let (body, _) = whole("openai", "openai-response", &reply("openai", "{\"a\":", "length")).unwrap();
    assert_eq!(
        (&body["output"][0]["status"], &body["output"][1]["status"]),
        (&json!("completed"), &json!("incomplete"))
    );
    let (body, _) = whole("openai", "openai-response", &reply("openai", "{\"a\":1}", "tool_calls")).unwrap();
    assert_eq!(body["output"][1]["status"], "completed");
}

/// What another choice says tells nothing of a call without arguments: the end of its own does, whenever it comes.
#[test]
fn e186_arguments_that_never_came_in_one_choice_are_none_when_another_goes_on() {
    let call = |block, candidate| {
        let kind = BlockKind::ToolCall { id: "c".into(), name: "f".into(), custom: false };
        [Event::BlockStart { block, candidate, kind }, Event::BlockStop { block }]
    };
    let finish = |candidate, reason| Event::Finish { candidate, finish: Finish::new(reason) };
    let text = |candidate| Event::BlockStart { block: 7, candidate, kind: BlockKind::Text };
    let (cut, whole) = (FinishReason::Length, FinishReason::ToolUse);
    let begin = |events: Vec<Event<'static>>| call(0, 0).into_iter().chain(events).collect::<Vec<_>>();
    for (case, events, invented) in [
        ("the end, then another", begin(vec![finish(0, cut), text(1)]), 0),
        ("another, then the end", begin(vec![text(1), finish(0, cut)]), 0),
        ("both are cut", begin(call(1, 1).into_iter().chain([finish(0, cut), finish(1, cut)]).collect()), 0),
        ("one is cut", begin(call(1, 1).into_iter().chain([finish(0, cut), finish(1, whole)]).collect()), 1),
        ("more of its own", begin(vec![text(0), finish(0, cut)]), 1),
        ("a good end", begin(vec![text(1), finish(0, whole)]), 1),
    ] {
        let mut encoder = codec("openai").stream_encoder(&context());
        let mut out = Vec::new();
        for event in events.into_iter().chain([Event::End]) {
            encoder.encode(event, &mut out);
        }
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.matches("\"arguments\":\"{}\"").count(), invented, "{case}: {out}");
    }
}

/// Services that leave out the status of what they cut.
#[test]
fn a_response_that_is_incomplete_in_any_word_is_cut() {
    let whole_of = |more: Value| {
        let mut reply = reply("openai-response", "{\"a\":", "completed");
        reply.as_object_mut().unwrap().remove("status");
        reply["incomplete_details"] = more;
        reply
    };
    let why = json!({"reason": "max_output_tokens"});
    let (body, _) = whole("openai-response", "openai", &whole_of(why.clone())).unwrap();
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    for (kind, more) in [("response.completed", why), ("response.incomplete", Value::Null)] {
        let event = json!({"type": kind, "response": whole_of(more)});
        let bytes = format!("event: {kind}\ndata: {event}\n\n");
        let (out, losses) = piped("openai-response", "openai", bytes.as_bytes()).unwrap();
        assert!(
            out.contains("\"finish_reason\":\"length\"") && losses.is_empty(),
            "{kind}: {losses:?}: {out}"
        );
    }
}
