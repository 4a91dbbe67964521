//! The real formats on both sides, whole and streamed: what a client reads, by its own codec, is what the provider
//! said, by its own.

use std::sync::Arc;

use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{
    ClientError, ErrorKind, ExecutorError, FinishReason, Outline, ReplyModes, UpstreamReply,
};
use cliproxy_translator::framing::SseParser;
use cliproxy_translator::model::{PartKind, Response};
use cliproxy_translator::pass::args::json_text;
use cliproxy_translator::registry::Registry;
use cliproxy_translator::{Aggregator, Codec, ReplyContext};
use proptest::prelude::*;

use crate::script::{
    Answer, Item, Scripted, body, chunk, cut, frames, open, request_in, streamed, target, text, whole,
};

const FORMATS: [&str; 2] = ["openai", "claude"];

/// What a reply says, whatever its format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    thought: String,
    text: String,
    calls: Vec<(String, String)>,
    finish: Option<FinishReason>,
}

fn said(response: &Response<'_>) -> Said {
    let mut said = Said::default();
    for candidate in &response.candidates {
        for part in &candidate.parts {
            match &part.kind {
                PartKind::Text { text, .. } => said.text.push_str(&text.decoded()),
                PartKind::Reasoning(reasoning) => {
                    for text in &reasoning.summary {
                        said.thought.push_str(&text.decoded());
                    }
                }
                PartKind::ToolCall(call) => {
                    said.calls.push((call.name.to_string(), json_text(&call.args).decoded().into_owned()));
                }
                other => panic!("unexpected: {other:?}"),
            }
        }
        said.finish = candidate.finish.as_ref().map(|finish| finish.reason);
    }
    said
}

/// One thing a provider may say, in one format.
struct Case {
    name: &'static str,
    whole: String,
    stream: String,
    said: Said,
}

fn cases(format: &str) -> Vec<Case> {
    let said = |thought: &str, text: &str, calls: &[(&str, &str)], finish| Said {
        thought: thought.to_owned(),
        text: text.to_owned(),
        calls: calls.iter().map(|(name, args)| ((*name).to_owned(), (*args).to_owned())).collect(),
        finish: Some(finish),
    };
    let a = ("read", r#"{"path":"ä"}"#);
    let b = ("list", r#"{"dir":"/"}"#);
    let told = [
        ("text", said("", "Héllo 世界", &[], FinishReason::Stop)),
        ("tool", said("", "Look.", &[a], FinishReason::ToolUse)),
        ("parallel", said("", "", &[a, b], FinishReason::ToolUse)),
        ("thinking", said("Hm.", "Yes.", &[], FinishReason::Stop)),
        ("cut short", said("", "Hél", &[], FinishReason::Length)),
        ("empty", said("", "", &[], FinishReason::Stop)),
    ];
    told.into_iter()
        .map(|(name, said)| Case {
            name,
            whole: if format == "openai" { chat_whole(&said) } else { claude_whole(&said) },
            stream: if format == "openai" { chat_stream(&said) } else { claude_stream(&said) },
            said,
        })
        .collect()
}

fn json(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn chat_finish(said: &Said) -> &'static str {
    match said.finish {
        Some(FinishReason::ToolUse) => "tool_calls",
        Some(FinishReason::Length) => "length",
        _ => "stop",
    }
}

fn claude_finish(said: &Said) -> &'static str {
    match said.finish {
        Some(FinishReason::ToolUse) => "tool_use",
        Some(FinishReason::Length) => "max_tokens",
        _ => "end_turn",
    }
}

fn chat_whole(said: &Said) -> String {
    let calls: Vec<String> = said
        .calls
        .iter()
        .enumerate()
        .map(|(index, (name, args))| {
            let args = json(args);
            format!(r#"{{"id":"call_{index}","type":"function","function":{{"name":"{name}","arguments":{args}}}}}"#)
        })
        .collect();
    let calls =
        if calls.is_empty() { String::new() } else { format!(r#","tool_calls":[{}]"#, calls.join(",")) };
    let thought = if said.thought.is_empty() {
        String::new()
    } else {
        format!(r#","reasoning_content":{}"#, json(&said.thought))
    };
    format!(
        r#"{{"id":"c1","object":"chat.completion","created":7,"model":"up-model","choices":[{{"index":0,"message":{{"role":"assistant","content":{}{thought}{calls}}},"finish_reason":"{}"}}],"usage":{{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}}}"#,
        json(&said.text),
        chat_finish(said)
    )
}

fn chat_stream(said: &Said) -> String {
    let mut out = String::new();
    let mut put = |choices: &str, more: &str| {
        out.push_str(&format!(
            "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"up-model\",\"choices\":[{choices}]{more}}}\n\n"
        ));
    };
    let delta = |delta: &str| format!(r#"{{"index":0,"delta":{{{delta}}},"finish_reason":null}}"#);
    put(&delta(r#""role":"assistant","content":"""#), "");
    for c in said.thought.chars() {
        put(&delta(&format!(r#""reasoning_content":{}"#, json(&c.to_string()))), "");
    }
    for c in said.text.chars() {
        put(&delta(&format!(r#""content":{}"#, json(&c.to_string()))), "");
    }
    // Calls begin one after the other; their arguments come by turns.
    for (index, (name, _)) in said.calls.iter().enumerate() {
        let call = format!(
            r#""tool_calls":[{{"index":{index},"id":"call_{index}","type":"function","function":{{"name":"{name}","arguments":""}}}}]"#
        );
        put(&delta(&call), "");
    }
    for at in 0..32 {
        for (index, (_, args)) in said.calls.iter().enumerate() {
            if let Some(c) = args.chars().nth(at) {
                let args = json(&c.to_string());
                put(
                    &delta(&format!(
                        r#""tool_calls":[{{"index":{index},"function":{{"arguments":{args}}}}}]"#
                    )),
                    "",
                );
            }
        }
    }
    put(&format!(r#"{{"index":0,"delta":{{}},"finish_reason":"{}"}}"#, chat_finish(said)), "");
    put("", r#","usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}"#);
    out.push_str("data: [DONE]\n\n");
    out
}

/// The blocks of a Claude message: type and start, then what its deltas are.
fn claude_blocks(said: &Said) -> Vec<(String, &'static str, &'static str, String)> {
    let mut blocks = Vec::new();
    if !said.thought.is_empty() {
        blocks.push((
            r#"{"type":"thinking","thinking":"","signature":""}"#.to_owned(),
            "thinking_delta",
            "thinking",
            said.thought.clone(),
        ));
    }
    if !said.text.is_empty() {
        blocks.push((r#"{"type":"text","text":""}"#.to_owned(), "text_delta", "text", said.text.clone()));
    }
    for (index, (name, args)) in said.calls.iter().enumerate() {
        blocks.push((
            format!(r#"{{"type":"tool_use","id":"toolu_{index}","name":"{name}","input":{{}}}}"#),
            "input_json_delta",
            "partial_json",
            args.clone(),
        ));
    }
    blocks
}

fn claude_whole(said: &Said) -> String {
    let mut content = Vec::new();
    if !said.thought.is_empty() {
        content.push(format!(r#"{{"type":"thinking","thinking":{},"signature":""}}"#, json(&said.thought)));
    }
    if !said.text.is_empty() {
        content.push(format!(r#"{{"type":"text","text":{}}}"#, json(&said.text)));
    }
    for (index, (name, args)) in said.calls.iter().enumerate() {
        content.push(format!(r#"{{"type":"tool_use","id":"toolu_{index}","name":"{name}","input":{args}}}"#));
    }
    format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"up-model","content":[{}],"stop_reason":"{}","stop_sequence":null,"usage":{{"input_tokens":5,"output_tokens":3}}}}"#,
        content.join(","),
        claude_finish(said)
    )
}

fn claude_stream(said: &Said) -> String {
    let mut out = String::new();
    let mut put = |name: &str, data: &str| {
        let comma = if data.is_empty() { "" } else { "," };
        out.push_str(&format!("event: {name}\ndata: {{\"type\":\"{name}\"{comma}{data}}}\n\n"));
    };
    put(
        "message_start",
        r#""message":{"id":"msg_1","type":"message","role":"assistant","model":"up-model","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":1}}"#,
    );
    put("ping", "");
    for (index, (start, kind, member, text)) in claude_blocks(said).into_iter().enumerate() {
        put("content_block_start", &format!(r#""index":{index},"content_block":{start}"#));
        for c in text.chars() {
            let value = json(&c.to_string());
            put(
                "content_block_delta",
                &format!(r#""index":{index},"delta":{{"type":"{kind}","{member}":{value}}}"#),
            );
        }
        put("content_block_stop", &format!(r#""index":{index}"#));
    }
    put(
        "message_delta",
        &format!(
            r#""delta":{{"stop_reason":"{}","stop_sequence":null}},"usage":{{"output_tokens":3}}"#,
            claude_finish(said)
        ),
    );
    put("message_stop", "");
    out
}

fn builtin() -> Registry {
    Registry::with_builtin()
}

fn codec(format: &str) -> Arc<dyn Codec> {
    Arc::clone(builtin().codec(format).unwrap())
}

fn asked(format: &'static str, stream: bool) -> cliproxy_core::ClientRequest {
    let tools = if format == "openai" {
        r#""tools":[{"type":"function","function":{"name":"read","parameters":{"type":"object"}}},{"type":"function","function":{"name":"list","parameters":{"type":"object"}}}]"#
    } else {
        r#""max_tokens":100,"tools":[{"name":"read","input_schema":{"type":"object"}},{"name":"list","input_schema":{"type":"object"}}]"#
    };
    let body = format!(
        r#"{{"model":"asked-model","stream":{stream},"messages":[{{"role":"user","content":"hi"}}],{tools}}}"#
    );
    request_in(format, &body, stream)
}

async fn ask(
    client: &'static str,
    wire: &'static str,
    modes: ReplyModes,
    stream: bool,
    answer: Answer,
) -> Result<UpstreamReply, ExecutorError> {
    let executor = Arc::new(Scripted::new(wire, [answer]).modes(modes));
    let bridge = Bridge::new(Arc::new(builtin()), Options::default());
    let mut target = target(&executor);
    target.shown_model = Some("asked-model".to_owned());
    let exchange = open(&bridge, asked(client, stream));
    exchange.attempt(target).await
}

/// What a client reads in its stream.
fn read_stream(client: &str, text: &str) -> (Said, bool) {
    let codec = codec(client);
    let mut decoder = codec.stream_decoder(&ReplyContext::default());
    let mut aggregator = Aggregator::new();
    let mut parser = SseParser::new();
    let mut sink = |frame: cliproxy_translator::StreamFrame<'_>| {
        decoder.decode(frame, &mut |event| aggregator.push(event)).unwrap();
    };
    parser.push(text.as_bytes(), &mut sink).unwrap();
    parser.finish(&mut sink).unwrap();
    let whole = decoder.finish(&mut |event| aggregator.push(event)).is_ok();
    match aggregator.finish() {
        Ok(response) => (said(&response), whole),
        Err(_) => (Said::default(), false),
    }
}

#[tokio::test]
async fn a_client_reads_what_the_provider_said_on_every_way() {
    for client in FORMATS {
        for wire in FORMATS {
            for case in cases(wire) {
                for modes in [ReplyModes::Both, ReplyModes::StreamOnly, ReplyModes::WholeOnly] {
                    for stream in [true, false] {
                        let name =
                            format!("{} from {wire} to {client}, {modes:?}, stream {stream}", case.name);
                        let streams = match modes {
                            ReplyModes::StreamOnly => true,
                            ReplyModes::WholeOnly => false,
                            _ => stream,
                        };
                        let answer = if streams {
                            streamed(cut(&case.stream, 11))
                        } else {
                            whole(case.whole.as_str())
                        };
                        let reply = ask(client, wire, modes, stream, answer).await;
                        let reply = reply.unwrap_or_else(|error| panic!("{name}: {error}"));
                        let (read, shown, usage) = if stream {
                            let (text, end) = text(frames(reply)).await;
                            assert!(end.error.is_none(), "{name}: {:?}", end.error);
                            assert_eq!(end.finish, case.said.finish, "{name}");
                            let (read, whole) = read_stream(client, &text);
                            assert!(whole, "{name}: {text}");
                            (read, text, end.usage)
                        } else {
                            let reply = body(reply);
                            assert_eq!(reply.finish, case.said.finish, "{name}");
                            let response = codec(client).decode_reply(&reply.body, &ReplyContext::default());
                            let read = said(&response.unwrap());
                            (read, String::from_utf8(reply.body.to_vec()).unwrap(), reply.usage)
                        };
                        assert_eq!(read, case.said, "{name}: {shown}");
                        assert!(
                            shown.contains("asked-model") && !shown.contains("up-model"),
                            "{name}: {shown}"
                        );
                        assert_eq!((usage.input, usage.output), (Some(5), Some(3)), "{name}");
                    }
                }
            }
        }
    }
}

/// Some clients send the Responses format to the Chat route.
// Source: http-api.md A.3 "absence of `messages` together with presence of `input` or `instructions`".
#[tokio::test]
async fn a_responses_body_of_a_chat_client_is_said_again_and_answered_as_chat() {
    for wire in FORMATS {
        for case in cases(wire) {
            for modes in [ReplyModes::Both, ReplyModes::StreamOnly, ReplyModes::WholeOnly] {
                for stream in [true, false] {
                    let name = format!("{} from {wire}, {modes:?}, stream {stream}", case.name);
                    let streams = match modes {
                        ReplyModes::StreamOnly => true,
                        ReplyModes::WholeOnly => false,
                        _ => stream,
                    };
                    let answer =
                        if streams { streamed(cut(&case.stream, 11)) } else { whole(case.whole.as_str()) };
                    let executor = Arc::new(Scripted::new(wire, [answer]).modes(modes));
                    let bridge = Bridge::new(Arc::new(builtin()), Options::default());
                    let mut target = target(&executor);
                    target.shown_model = Some("asked-model".to_owned());
                    let body_text = format!(
                        r#"{{"model":"asked-model","stream":{stream},"instructions":"be brief","input":"hi"}}"#
                    );
                    let exchange = open(&bridge, request_in("openai", &body_text, stream));
                    let reply = exchange.attempt(target).await;
                    let reply = reply.unwrap_or_else(|error| panic!("{name}: {error}"));
                    let sent = executor.watch.attempts.lock()[0].body.clone();
                    let request = codec(wire).decode_request(&sent).unwrap();
                    assert_eq!(request.turns.len() + request.instructions.len(), 2, "{name}: {sent:?}");
                    let sent = String::from_utf8(sent.to_vec()).unwrap();
                    assert!(sent.contains("messages") && !sent.contains("\"input\""), "{name}: {sent}");
                    let (read, shown) = if stream {
                        let (text, end) = text(frames(reply)).await;
                        assert!(end.error.is_none(), "{name}: {:?}", end.error);
                        let (read, whole) = read_stream("openai", &text);
                        assert!(whole && text.contains("chat.completion.chunk"), "{name}: {text}");
                        (read, text)
                    } else {
                        let reply = body(reply).body;
                        let response = codec("openai").decode_reply(&reply, &ReplyContext::default());
                        (said(&response.unwrap()), String::from_utf8(reply.to_vec()).unwrap())
                    };
                    assert_eq!(read, case.said, "{name}: {shown}");
                    assert!(shown.contains("asked-model") && !shown.contains("up-model"), "{name}: {shown}");
                }
            }
        }
    }
}

/// Source: design.md §12 "One scan builds the top-level span index that peek, splice and payload rules share".
#[tokio::test]
async fn a_body_whose_members_are_known_is_not_scanned_again() {
    for (format, last) in [("openai", "messages"), ("claude", "messages"), ("openai-response", "input")] {
        let executor = Arc::new(Scripted::new(format, [whole("{}")]));
        let bridge = Bridge::new(Arc::new(builtin()), Options::default());
        let request = request_in(format, &format!(r#"{{"model":"asked-model","{last}":[]}}"#), false);
        // Who looked says that there are no members: so the model is added, not replaced.
        let (body, close) = (request.body.clone(), request.body.len() - 1);
        let request = request.with_outline(Some(Outline::new(body, Vec::new(), 1, close)));
        let _reply = open(&bridge, request).attempt(target(&executor)).await;
        let sent = executor.watch.attempts.lock()[0].body.clone();
        let sent = String::from_utf8(sent.to_vec()).unwrap();
        assert_eq!(sent.matches("\"model\"").count(), 2, "{format}: {sent}");
        assert!(sent.contains("up-model") && sent.contains("asked-model"), "{format}: {sent}");
    }
}

#[tokio::test]
async fn what_a_responses_body_refers_to_is_not_left_out_on_the_chat_route() {
    for wire in FORMATS.into_iter().chain(["openai-response"]) {
        for member in ["previous_response_id", "conversation"] {
            let executor = Arc::new(Scripted::new(wire, [whole("{}")]));
            let bridge = Bridge::new(Arc::new(builtin()), Options::default());
            let asked = format!(r#"{{"model":"asked-model","input":"and then?","{member}":"kept_1"}}"#);
            let exchange = open(&bridge, request_in("openai", &asked, false));
            let answer = exchange.attempt(target(&executor)).await;
            if wire == "openai-response" {
                // The service that may have kept it.
                assert!(executor.watch.attempts.lock()[0].body.windows(6).any(|bytes| bytes == b"kept_1"));
                continue;
            }
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ModelNotSupported, "{wire}: {error}");
            assert!(error.to_string().contains(member), "{wire}: {error}");
            assert!(executor.watch.attempts.lock().is_empty(), "{wire}: nobody was asked");
        }
    }
}

/// An error event of a format.
fn error_event(format: &str) -> &'static str {
    if format == "openai" {
        "data: {\"error\":{\"message\":\"slow down\",\"type\":\"rate_limit_error\",\"code\":\"rate_limit_exceeded\"}}\n\n"
    } else {
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow down\"}}\n\n"
    }
}

/// Up to and including the first frame that contains a text.
fn head(stream: &str, until: &str) -> String {
    let mut out = String::new();
    for event in stream.split_inclusive("\n\n") {
        if event.contains(until) {
            break;
        }
        out.push_str(event);
    }
    out
}

#[tokio::test]
async fn what_fails_before_the_first_word_is_an_error_and_what_fails_after_it_an_error_event() {
    for client in FORMATS {
        for wire in FORMATS {
            let stream = &cases(wire)[0].stream;
            let silent = head(stream, "\"H\"");
            let spoken = head(stream, "\"o\"");
            for (last, before, after) in [
                (error_event(wire), ErrorKind::RateLimited, ErrorKind::RateLimited),
                ("", ErrorKind::EmptyStream, ErrorKind::Interrupted),
                ("data: {\"id\":\"c1\",\"choi", ErrorKind::EmptyStream, ErrorKind::Interrupted),
            ] {
                let name = format!("{wire} to {client}: {last}");
                let answer = streamed([chunk(format!("{silent}{last}"))]);
                let error = ask(client, wire, ReplyModes::Both, true, answer).await.unwrap_err();
                assert_eq!(error.kind(), before, "{name}");

                let answer = streamed([chunk(spoken.as_str()), chunk(last)]);
                let reply = ask(client, wire, ReplyModes::Both, true, answer).await.unwrap();
                let (text, end) = text(frames(reply)).await;
                assert_eq!(end.error.as_ref().map(ExecutorError::kind), Some(after), "{name}");
                let (_, whole) = read_stream(client, &text);
                assert!(!whole, "{name}: never taken for a whole reply: {text}");
                let last_event = text.trim_end().rsplit("\n\n").next().unwrap();
                assert!(last_event.contains("error"), "{name}: {text}");
                assert!(!text.contains("[DONE]") && !text.contains("message_stop"), "{name}: {text}");
                if after == ErrorKind::RateLimited {
                    assert!(
                        last_event.contains("slow down") && last_event.contains("rate_limit_error"),
                        "{name}: {text}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn an_error_under_a_good_status_is_read_as_what_it_says() {
    for client in FORMATS {
        for wire in FORMATS {
            for (body, kind) in [
                (
                    r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
                    ErrorKind::Overloaded,
                ),
                (
                    r#"{"error":{"message":"slow","type":"rate_limit_error","code":"rate_limit_exceeded"}}"#,
                    ErrorKind::RateLimited,
                ),
                ("<html></html>", ErrorKind::BadReply),
                (r#"{"hello":"world"}"#, ErrorKind::BadReply),
                ("{\"id\":\"cut", ErrorKind::BadReply),
            ] {
                for (stream, answer) in [(false, whole(body)), (true, streamed([chunk(body)]))] {
                    let error = ask(client, wire, ReplyModes::Both, stream, answer).await.unwrap_err();
                    assert_eq!(error.kind(), kind, "{wire} to {client}, stream {stream}: {body}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_failing_status_is_told_in_the_client_s_own_shape() {
    let chat = r#"{"error":{"message":"the words","type":"invalid_request_error","param":null,"code":null}}"#;
    let claude = r#"{"type":"error","error":{"type":"invalid_request_error","message":"the words"}}"#;
    for client in FORMATS {
        for (wire, said) in [("openai", chat), ("claude", claude)] {
            let executor = Arc::new(Scripted::new(wire, []));
            let error = ExecutorError::new(ErrorKind::InvalidRequest, "refused").with_reply(
                http::StatusCode::BAD_REQUEST,
                http::HeaderMap::new(),
                said.into(),
            );
            let bridge = Bridge::new(Arc::new(builtin()), Options::default());
            let told: Box<ClientError> =
                open(&bridge, asked(client, false)).explain(&target(&executor), &error);
            let shown = String::from_utf8(codec(client).encode_error(&told, "req-1")).unwrap();
            if client == wire {
                assert_eq!(shown, said, "word for word");
            } else {
                let own = if client == "claude" { r#""type":"error""# } else { r#"{"error":{"# };
                assert!(shown.contains("the words") && shown.contains(own), "{wire} to {client}: {shown}");
                assert!(codec(client).is_own_error(shown.as_bytes()), "{wire} to {client}: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn a_chat_stream_without_done_is_whole_once_it_has_finished() {
    let stream = chat_stream(&cases("openai")[0].said).replace("data: [DONE]\n\n", "");
    for client in FORMATS {
        let reply =
            ask(client, "openai", ReplyModes::Both, true, streamed([chunk(stream.as_str())])).await.unwrap();
        let (text, end) = text(frames(reply)).await;
        assert!(end.error.is_none(), "{client}: {:?}", end.error);
        let last = if client == "openai" { "data: [DONE]" } else { "message_stop" };
        assert!(text.trim_end().rsplit("\n\n").next().unwrap().contains(last), "{client}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cutting_a_real_stream_anywhere_changes_nothing(
        client in prop::sample::select(&FORMATS[..]),
        wire in prop::sample::select(&FORMATS[..]),
        case in 0_usize..6,
        sizes in prop::collection::vec(1_usize..300, 1..20),
    ) {
        let case = cases(wire).swap_remove(case);
        let bytes = bytes::Bytes::from(case.stream);
        let (mut items, mut at, mut turn) = (Vec::new(), 0, 0);
        while at < bytes.len() {
            let end = (at + sizes[turn % sizes.len()]).min(bytes.len());
            items.push(Item::Chunk(bytes.slice(at..end)));
            items.push(Item::Later);
            (at, turn) = (end, turn + 1);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = |items: Vec<Item>| runtime.block_on(async {
            let reply = ask(client, wire, ReplyModes::Both, true, streamed(items)).await.unwrap();
            text(frames(reply)).await.0
        });
        let whole = read(vec![Item::Chunk(bytes.clone())]);
        prop_assert_eq!(read(items), whole);
    }
}

#[tokio::test]
async fn the_provider_is_asked_for_what_its_mode_gives() {
    for client in FORMATS {
        for wire in FORMATS {
            for (modes, wanted, sent) in [
                (ReplyModes::Both, false, false),
                (ReplyModes::Both, true, true),
                (ReplyModes::StreamOnly, false, true),
                (ReplyModes::WholeOnly, true, false),
            ] {
                let name = format!("{client} to {wire}, {modes:?}, stream {wanted}");
                let case = cases(wire).swap_remove(0);
                let answer = if sent { streamed([chunk(case.stream)]) } else { whole(case.whole) };
                let executor = Arc::new(Scripted::new(wire, [answer]).modes(modes));
                let bridge = Bridge::new(Arc::new(builtin()), Options::default());
                let exchange = open(&bridge, asked(client, wanted));
                drop(exchange.attempt(target(&executor)).await.unwrap());
                let attempts = executor.watch.attempts.lock();
                let body: serde_json::Value = serde_json::from_slice(&attempts[0].body).unwrap();
                assert_eq!((body["model"].as_str(), attempts[0].stream), (Some("up-model"), sent), "{name}");
                assert_eq!(body["stream"].as_bool().unwrap_or(false), sent, "{name}: {body}");
                // Source: providers-b.md 6.2 "Usage on streams".
                let usage = body["stream_options"]["include_usage"].as_bool().unwrap_or(false);
                assert_eq!(usage, wire == "openai" && sent, "{name}: {body}");
                assert_eq!(body["messages"][0]["role"], "user", "{name}");
            }
        }
    }
}
