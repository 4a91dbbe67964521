//! What holds of every stream of every provider for every client. Source: issue 4, "Proof"; translation.md B53, B56,
//! B62, B68, B74, B77, F39, F40.

pub mod script;

use cliproxy_core::{ClientError, ClientErrorKind, FinishReason};
use cliproxy_translator::framing::FrameParser;
use cliproxy_translator::model::{Event, PartKind, Response};
use cliproxy_translator::pass::args::json_text;
use cliproxy_translator::{Aggregator, CodecError, Observed, StreamFrame};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::grid::bodies::CLIENTS;
use crate::grid::replies::{check_frames, check_reply};
use crate::grid::{PROVIDERS, codec, context};
use script::{End, FAILURE, Script, Step, script, stream};

/// Reads a stream that is cut into pieces of a size, up to where it fails.
fn read(format: &str, bytes: &[u8], size: usize, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), CodecError> {
    let mut decoder = codec(format).stream_decoder(&context());
    let mut parser = FrameParser::new(codec(format).framing());
    let mut result = Ok(());
    let mut feed = |frame: StreamFrame<'_>| {
        if result.is_ok() {
            result = decoder.decode(frame, sink);
        }
    };
    let mut framed = Ok(());
    for chunk in bytes.chunks(size.max(1)) {
        framed = framed.and_then(|()| parser.push(chunk, &mut feed));
    }
    let framed = framed.and_then(|()| parser.finish(&mut feed));
    result?;
    framed?;
    decoder.finish(sink)
}

/// A provider's stream, and what became of it at a client.
pub struct Told {
    /// Whether the provider's stream was whole and told no error.
    pub whole: bool,
    /// What the client gets: where the stream broke off it is ended as the server does.
    pub bytes: Vec<u8>,
    /// The whole reply that a client gets who does not want a stream.
    pub reply: Option<Vec<u8>>,
}

pub fn told(provider: &str, client: &str, bytes: &[u8]) -> Told {
    let mut encoder = codec(client).stream_encoder(&context());
    let mut aggregator = Aggregator::new();
    let mut out = Vec::new();
    let mut failed = false;
    let result = read(provider, bytes, usize::MAX, &mut |event| {
        failed |= matches!(event, Event::Error(_));
        aggregator.push(event.clone());
        encoder.encode(event, &mut out);
    });
    if let Err(error) = &result {
        encoder.fail(&ClientError::new(ClientErrorKind::BadGateway, error.to_string()), &mut out);
    }
    let whole = result.is_ok() && !failed;
    let reply = aggregator.finish().ok().filter(|_| whole);
    Told { whole, bytes: out, reply: reply.map(|reply| codec(client).encode_reply(&reply, &context())) }
}

/// What a reply says, in the client's own words.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    thoughts: String,
    calls: Vec<(String, Value)>,
    finish: Option<String>,
    /// None at all and zeros are the same: whole replies always have the members (E095, E172).
    usage: (u64, u64),
}

/// An error when arguments are no JSON; of a reply that was stopped they are what came of them.
fn said(reply: &Response<'_>, stopped: bool) -> Result<Said, String> {
    let mut said = Said::default();
    for part in reply.candidates.first().into_iter().flat_map(|first| &first.parts) {
        match &part.kind {
            PartKind::Text { text, .. } => said.text.push_str(&text.decoded()),
            PartKind::Reasoning(reasoning) => {
                reasoning.summary.iter().for_each(|text| said.thoughts.push_str(&text.decoded()));
            }
            PartKind::ToolCall(call) => {
                let args = json_text(&call.args).decoded().into_owned();
                let args = match serde_json::from_str(&args) {
                    // A reply that passes whole has the white space in front of it that pieces leave out.
                    Err(_) if stopped => Value::String(args.trim_ascii_start().to_owned()),
                    read => read.map_err(|error| format!("arguments {args}: {error}"))?,
                };
                said.calls.push((call.name.to_string(), args));
            }
            _ => {}
        }
    }
    // Whole replies of some formats keep blocks of thoughts apart by a blank line, and streams of others cannot.
    said.thoughts.retain(|c| c != '\n');
    said.finish =
        reply.candidates.first().and_then(|first| Some(format!("{:?}", first.finish.as_ref()?.reason)));
    if let Some(usage) = reply.usage {
        said.usage = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    }
    Ok(said)
}

/// What a client's own reader makes of a stream.
fn streamed(client: &str, bytes: &[u8], stopped: bool) -> Result<Said, String> {
    let mut aggregator = Aggregator::new();
    let result = read(client, bytes, usize::MAX, &mut |event| aggregator.push(event));
    result.map_err(|error| error.to_string())?;
    said(&aggregator.finish().map_err(|error| error.message.into_owned())?, stopped)
}

/// The last usage in a client's stream or reply, in its own members: input, what of it was cached, output, thoughts
/// where they are part of the output, and the total.
fn counted(client: &str, values: &[Value]) -> Option<(u64, u64, u64, Option<u64>)> {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let usage = |value: &Value| {
        let usage = match client {
            "openai" => &value["usage"],
            "openai-response" if value["response"].is_object() => &value["response"]["usage"],
            "openai-response" => &value["usage"],
            "gemini-cli" => &value["response"]["usageMetadata"],
            _ => &value["usageMetadata"],
        };
        usage.is_object().then(|| usage.clone())
    };
    let usage = values.iter().rev().find_map(usage)?;
    Some(match client {
        "openai" => (
            number(&usage["prompt_tokens"]),
            number(&usage["prompt_tokens_details"]["cached_tokens"]),
            number(&usage["completion_tokens"]),
            usage["total_tokens"].as_u64(),
        ),
        "openai-response" => (
            number(&usage["input_tokens"]),
            number(&usage["input_tokens_details"]["cached_tokens"]),
            number(&usage["output_tokens"]),
            usage["total_tokens"].as_u64(),
        ),
        _ => (
            number(&usage["promptTokenCount"]),
            number(&usage["cachedContentTokenCount"]),
            number(&usage["candidatesTokenCount"]) + number(&usage["thoughtsTokenCount"]),
            usage["totalTokenCount"].as_u64(),
        ),
    })
}

/// Claude tells a part of it at the beginning and a part at the end.
fn counted_by_claude(values: &[Value]) -> Option<(u64, u64, u64, Option<u64>)> {
    let mut usage = serde_json::Map::new();
    for value in values {
        for found in [&value["usage"], &value["message"]["usage"]] {
            usage.extend(found.as_object().into_iter().flatten().map(|(key, n)| (key.clone(), n.clone())));
        }
    }
    let number = |key: &str| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
    let cached = number("cache_read_input_tokens");
    let input = number("input_tokens") + cached + number("cache_creation_input_tokens");
    usage.contains_key("output_tokens").then(|| (input, cached, number("output_tokens"), None))
}

/// Fails unless a client's stream ends with an error in its own shape, and nowhere with a success. What it says.
#[track_caller]
fn failure(client: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let values = check_frames(client, bytes);
    let last = values.last().unwrap_or_else(|| panic!("{client}: nothing was told"));
    let (error, ended): (&Value, &[&str]) = match client {
        "openai" => (&last["error"], &["[DONE]"]),
        "claude" => (&last["error"], &["event: message_stop", "event: message_delta"]),
        "openai-response" if last["type"] == "error" => {
            (last, &["response.completed", "response.incomplete"])
        }
        "openai-response" => (&last["response"]["error"], &["response.completed", "response.incomplete"]),
        _ => (&last["error"], &["\"finishReason\""]),
    };
    assert!(ended.iter().all(|ended| !text.contains(ended)), "{client}: no success and failure: {text}");
    let message = error["message"].as_str().unwrap_or_else(|| panic!("{client}: no error: {text}"));
    message.to_owned()
}

fn check(provider: &str, client: &str, script: &Script) -> Result<(), TestCaseError> {
    let bytes = stream(provider, script);
    let told = told(provider, client, &bytes);
    let what = || {
        format!(
            "{provider} to {client}\n{}\n{}",
            String::from_utf8_lossy(&bytes),
            String::from_utf8_lossy(&told.bytes)
        )
    };
    if !told.whole {
        // F39, F40: what broke off or failed is told, in the client's own shape, and is no success.
        let message = failure(client, &told.bytes);
        if script.end == End::Fails && script.is_sound() {
            prop_assert!(message.contains(FAILURE), "{}: {message}", what());
        }
        let fine = matches!(script.end, End::Fails | End::Cut) || !script.is_sound();
        prop_assert!(fine, "failed for no reason: {}", what());
        return Ok(());
    }
    prop_assert!(!matches!(script.end, End::Fails | End::Cut), "{}", what());
    // The aggregate of a stream is the reply.
    let reply = told.reply.as_ref().unwrap();
    // What is incomplete for a reason that nobody knows is cut all the same.
    let incomplete = matches!(script.end, End::Other(_)) && matches!(provider, "openai-response" | "codex");
    let stopped = incomplete || matches!(script.end, End::Length | End::Filter);
    let (whole, streamed) = (
        said(&codec(client).decode_reply(reply, &context()).unwrap(), stopped),
        streamed(client, &told.bytes, stopped),
    );
    let (mut whole, mut streamed) = match (whole, streamed) {
        (Ok(whole), Ok(streamed)) => (whole, streamed),
        (whole, streamed) => {
            return Err(TestCaseError::fail(format!("{whole:?} {streamed:?}: {}", what())));
        }
    };
    // Half a call is none where arguments are objects. A stream of Claude's tells it as it came (E186).
    if matches!(client, "claude" | "gemini" | "gemini-cli") {
        prop_assert!(whole.calls.iter().all(|call| call.1.is_object()), "{whole:?}: {}", what());
        if client == "claude" {
            streamed.calls.retain(|call| whole.calls.contains(call));
            // Gemini's calls win over its cut (E528); where none is left the words differ.
            let gemini = matches!(provider, "gemini" | "gemini-cli" | "antigravity");
            if (!stopped || gemini) && whole.calls.is_empty() && !script.is_sound() {
                (streamed.finish, whole.finish) = (None, None);
            }
        }
        let sound: Vec<_> = script.called().into_iter().filter(|call| call.1 != json!({})).collect();
        prop_assert!(sound.iter().all(|call| whole.calls.contains(call)), "{whole:?}: {}", what());
    }
    prop_assert_eq!(&streamed, &whole, "{}", what());
    prop_assert!(whole.calls.len() <= script.calls(), "{}", what());
    if script.is_sound() && script.end == End::Stop {
        let wanted: String = script
            .steps
            .iter()
            .filter_map(|step| if let Step::Say(pieces) = step { Some(pieces.concat()) } else { None })
            .collect();
        prop_assert_eq!(&whole.text, &wanted, "{}", what());
        prop_assert_eq!(&whole.calls, &script.called(), "{}", what());
        let finish = if script.calls() > 0 { "ToolUse" } else { "Stop" };
        prop_assert_eq!(whole.finish.as_deref(), Some(finish), "{}", what());
    }
    // A reply that was stopped is never told to be whole. (Beside calls Gemini's word for it is lost to them, E528.)
    if stopped && script.calls() == 0 {
        let words: &[&str] = if script.end == End::Filter { &["Safety", "Refusal"] } else { &["Length"] };
        prop_assert!(
            whole.finish.as_deref().is_some_and(|word| words.contains(&word)),
            "{whole:?}: {}",
            what()
        );
    }
    // Usage adds up, in the words of the client, the same in both ways.
    let frames = check_frames(client, &told.bytes);
    // A whole reply that passes has its provider's words, also one that nobody knows.
    let body = match incomplete && client == "openai-response" && script.repeats {
        true => serde_json::from_slice(reply).unwrap(),
        false => check_reply(client, reply),
    };
    for values in [&frames, &vec![body]] {
        let counted = if client == "claude" { counted_by_claude(values) } else { counted(client, values) };
        if let Some(counts) = script.counts {
            let (input, cached, output, total) = counted.unwrap_or_default();
            prop_assert_eq!(
                (input, cached, output),
                (counts.input(), counts.cached, counts.output()),
                "{}",
                what()
            );
            prop_assert!(total.is_none_or(|total| total == input + output), "{}", what());
        } else if let Some((input, _, output, Some(total))) = counted {
            prop_assert_eq!(total, input + output, "{}", what());
        }
    }
    Ok(())
}

#[test]
fn arguments_that_are_no_json_fail_a_reply_that_says_that_it_is_whole() {
    // Source: issue 4, "Proof"; B68, E185, E186.
    let script = |arguments: &str, end: End| Script {
        steps: vec![Step::Say(vec!["a".to_owned()]), Step::Call(vec![arguments.to_owned()])],
        end,
        counts: None,
        repeats: true,
    };
    for provider in ["openai", "claude", "openai-response", "codex"] {
        for (arguments, why) in [
            ("{\"a\":", "within the arguments"),
            ("{\"a\":1,}", "no JSON"),
            ("{\"a\":1}{}", "no JSON"),
            ("read it", "no JSON"),
        ] {
            for client in CLIENTS {
                let told = told(provider, client, &stream(provider, &script(arguments, End::Stop)));
                assert!(!told.whole && told.reply.is_none(), "{provider}: {arguments}");
                let message = failure(client, &told.bytes);
                assert!(message.contains(why), "{provider} to {client}: {message}");
                // A word that nobody knows is no excuse: calls would be run.
                if !matches!(provider, "openai-response" | "codex") {
                    let bytes = stream(provider, &script(arguments, End::Other("needle_word")));
                    let told = super::wire::told(provider, client, &bytes);
                    assert!(!told.whole && told.reply.is_none(), "{provider}: {arguments}");
                    let message = failure(client, &told.bytes);
                    assert!(message.contains(why), "{provider} to {client}: {message}");
                }
                // A reply that was stopped may be cut anywhere.
                let bytes = stream(provider, &script(arguments, End::Length));
                assert!(super::wire::told(provider, client, &bytes).whole, "{provider}: {arguments}");
            }
        }
        // White space alone says nothing, and no arguments at all are fine: in streams, in whole replies, and in the history
        // of the next request.
        for arguments in [" \n", "\n", ""] {
            for client in CLIENTS {
                let bytes = stream(provider, &script(arguments, End::Stop));
                let told = super::wire::told(provider, client, &bytes);
                let whole = codec(client).decode_reply(told.reply.as_ref().unwrap(), &context()).unwrap();
                for said in [streamed(client, &told.bytes, false), said(&whole, false)] {
                    assert_eq!(
                        said.unwrap().calls,
                        [("tool_0".to_owned(), json!({}))],
                        "{provider} to {client}"
                    );
                }
            }
        }
    }
}

/// Found by the property below.
#[test]
fn white_space_in_front_of_arguments_is_nothing_in_both_ways() {
    let pieces = |pieces: &[&str]| pieces.iter().map(ToString::to_string).collect();
    for (arguments, end) in [
        (pieces(&["\n\n\n", "{"]), End::Length),
        (pieces(&["\n"]), End::Stop),
        (pieces(&["\n"]), End::Length),
    ] {
        let script = Script { steps: vec![Step::Call(arguments)], end, counts: None, repeats: true };
        for provider in PROVIDERS {
            for client in CLIENTS {
                check(provider, client, &script).unwrap();
            }
        }
    }
}

/// What a stream of Responses ended in is the same where it passes, whatever the last event leaves out.
#[test]
fn the_end_of_a_response_is_seen_as_it_is_told() {
    let call =
        json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": ""});
    let added = |item: &Value| json!({"type": "response.output_item.added", "output_index": 0, "item": item});
    let done = |item: &Value| json!({"type": "response.output_item.done", "output_index": 0, "item": item});
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}});
    let refusal = json!({"type": "response.refusal.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "No."});
    let end = |kind: &str, response: Value| json!({"type": kind, "response": response});
    for (events, expected) in [
        (vec![end("response.incomplete", json!({"id": "r"}))], FinishReason::Length),
        (vec![added(&call), end("response.incomplete", json!({"id": "r"}))], FinishReason::Length),
        (vec![json!({"type": "response.incomplete"})], FinishReason::Length),
        (
            vec![end(
                "response.incomplete",
                json!({"id": "r", "incomplete_details": {"reason": "content_filter"}}),
            )],
            FinishReason::Safety,
        ),
        (vec![added(&call), end("response.completed", json!({"id": "r"}))], FinishReason::ToolUse),
        (vec![end("response.completed", json!({"id": "r", "output": [call]}))], FinishReason::ToolUse),
        (
            vec![added(&search), done(&search), end("response.completed", json!({"id": "r"}))],
            FinishReason::Stop,
        ),
        (vec![refusal, end("response.completed", json!({"id": "r"}))], FinishReason::Refusal),
        (vec![end("response.completed", json!({"id": "r"}))], FinishReason::Stop),
    ] {
        let bytes: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        for provider in ["openai-response", "codex"] {
            let mut told = None;
            let result = read(provider, bytes.as_bytes(), usize::MAX, &mut |event| {
                if let Event::Finish { finish, .. } = event {
                    told = Some(finish.reason);
                }
            });
            let mut observer = codec(provider).stream_observer(&context());
            let mut parser = FrameParser::new(codec(provider).framing());
            parser.push(bytes.as_bytes(), &mut |frame| drop(observer.observe(frame))).unwrap();
            assert!(result.is_ok(), "{result:?}: {bytes}");
            assert_eq!(
                (told, observer.seen().finish),
                (Some(expected), Some(expected)),
                "{provider}: {bytes}"
            );
        }
    }
}

/// Where bytes pass, what a provider wrote is its client's to judge: nothing is held, looked into or failed.
#[test]
fn arguments_go_as_they_came_where_bytes_pass() {
    for provider in ["openai", "claude", "openai-response", "gemini"] {
        let step = Step::Call(vec!["{\"a\":1,}".to_owned(), "{}".to_owned()]);
        let script = Script { steps: vec![step], end: End::Stop, counts: None, repeats: true };
        let bytes = stream(provider, &script);
        let mut observer = codec(provider).stream_observer(&context());
        let mut parser = FrameParser::new(codec(provider).framing());
        let mut verdicts = Vec::new();
        parser.push(&bytes, &mut |frame| verdicts.push(observer.observe(frame))).unwrap();
        parser.finish(&mut |_| {}).unwrap();
        assert!(verdicts.iter().all(|verdict| *verdict == Observed::Pass), "{provider}: {verdicts:?}");
        assert!(observer.seen().error.is_none() && observer.seen().finish.is_some(), "{provider}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn f39_f40_every_client_is_told_of_every_provider_all_that_it_said_or_that_it_failed(script in script()) {
        for provider in PROVIDERS {
            for client in CLIENTS {
                check(provider, client, &script)?;
            }
        }
    }

    /// A stream that passes through is not changed, and the same is known of it as of one that is translated.
    #[test]
    fn what_is_seen_of_a_stream_that_passes_through_is_what_is_told_of_a_translated_one(script in script(), size in 1_usize..90) {
        // Kiro's arguments are looked at in either case.
        for provider in PROVIDERS.into_iter().filter(|provider| *provider != "kiro" || script.is_sound()) {
            let bytes = stream(provider, &script);
            let mut observer = codec(provider).stream_observer(&context());
            let mut parser = FrameParser::new(codec(provider).framing());
            let mut verdicts = Vec::new();
            let mut framed = Ok(());
            for chunk in bytes.chunks(size) {
                framed = framed.and_then(|()| parser.push(chunk, &mut |frame| verdicts.push(observer.observe(frame))));
            }
            let what = || format!("{provider} in pieces of {size}: {}", String::from_utf8_lossy(&bytes));
            // Codex's last event is filled in where it repeats nothing (F52).
            let filled = usize::from(provider == "codex" && verdicts.last().is_some_and(|last| *last != Observed::Pass));
            let passed = verdicts.iter().filter(|verdict| **verdict == Observed::Pass).count();
            prop_assert_eq!(passed + filled, verdicts.len(), "{}", what());
            let broken = framed.is_err() || parser.finish(&mut |_| {}).is_err();
            if !broken && !observer.seen().terminal && observer.seen().error.is_none() {
                // Gemini's streams and Kiro's have no last event: their end is that of the bytes.
                observer.finish(&mut Vec::new());
            }
            let seen = observer.seen();
            prop_assert_eq!(seen.error.is_some(), script.end == End::Fails, "{}", what());
            let whole = !matches!(script.end, End::Fails | End::Cut);
            prop_assert_eq!(seen.terminal && !broken && seen.error.is_none(), whole, "{}", what());
            prop_assert!(seen.semantic || script.steps.is_empty(), "{}", what());
            if let Some(counts) = script.counts.filter(|_| whole) {
                let usage = seen.usage;
                prop_assert_eq!((usage.input, usage.output), (Some(counts.input()), Some(counts.output())), "{}", what());
                prop_assert_eq!(usage.cache_read, Some(counts.cached), "{}", what());
            }
            if whole {
                let mut told = None;
                let result = read(provider, &bytes, usize::MAX, &mut |event| {
                    if let Event::Finish { finish, .. } = event {
                        told.get_or_insert(finish.reason);
                    }
                });
                // A word that nobody knows is read as one, and nothing is made of it.
                let same = seen.finish == told || matches!(script.end, End::Other(_));
                prop_assert!(result.is_err() || same, "{:?} {told:?}: {}", seen.finish, what());
            }
        }
    }

    #[test]
    fn any_chunking_of_any_provider_s_stream_gives_the_same_events(script in script(), size in 1_usize..90) {
        for provider in PROVIDERS {
            let bytes = stream(provider, &script);
            let events = |size: usize| {
                let mut seen = Vec::new();
                let result = read(provider, &bytes, size, &mut |event| seen.push(format!("{event:?}")));
                (seen, result.map_err(|error| error.to_string()))
            };
            prop_assert_eq!(events(size), events(usize::MAX), "{} in pieces of {}", provider, size);
        }
    }
}
