//! Legacy completions. Source: http-api.md A.3 to A.5.

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, FinishReason, Usage};
use cliproxy_translator::format::chat::CompletionsCodec;
use cliproxy_translator::model::{
    BlockKind, Candidate, Delta, Event, Finish, Part, PartKind, Reasoning, Response, Start, StreamError,
};
use cliproxy_translator::{Aggregator, Codec, CodecErrorKind, Patch, ReplyContext};
use serde_json::{Value, json};

use super::stream::whole;
use super::{decode, lenient, strict};
use crate::schema::{assert_valid, assert_valid_bytes};

fn codec() -> CompletionsCodec {
    CompletionsCodec::default()
}

/// A body as a Chat provider gets it.
fn sent(body: &Value) -> Value {
    let text = body.to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    assert_valid_bytes(
        "openai-chat.request",
        &super::codec().encode_request(&request, &strict()).unwrap().body,
    )
}

fn context(body: &Value) -> ReplyContext {
    let text = body.to_string();
    let mut context = ReplyContext::new("asked", "seed");
    codec().reply_context(&codec().decode_request(text.as_bytes()).unwrap(), &mut context);
    context
}

#[test]
fn a_prompt_becomes_one_message() {
    for (prompt, content) in [
        (json!("Once\n\"upon\""), "Once\n\"upon\""),
        (json!(""), "Complete this:"),
        (Value::Null, "Complete this:"),
        (json!([]), "Complete this:"),
        (json!(["only"]), "only"),
        (json!(["a", "b"]), r#"["a","b"]"#),
    ] {
        let got = sent(&json!({"model":"m","prompt":prompt}));
        assert_eq!(got["messages"], json!([{"role":"user","content":content}]), "{prompt}");
    }
    assert_eq!(sent(&json!({"model":"m"}))["messages"][0]["content"], "Complete this:");
    for (prompt, kind, says) in [
        (json!([1, 2]), CodecErrorKind::Inexpressible, "tokens"),
        (json!([["a"]]), CodecErrorKind::Inexpressible, "tokens"),
        (json!(7), CodecErrorKind::Malformed, "found a number"),
    ] {
        let text = json!({"model":"m","prompt":prompt}).to_string();
        let error = codec().decode_request(text.as_bytes()).unwrap_err();
        assert_eq!((error.kind(), error.param()), (kind, Some("prompt")), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn members_of_the_prompt_go_along_and_those_of_conversations_do_not() {
    let body = json!({"model":"m","prompt":"p","max_tokens":5,"temperature":0.5,"top_p":0.9,"frequency_penalty":0.1,"presence_penalty":0.2,
        "stop":"END","logprobs":2,"seed":7,"n":2,"user":"u","logit_bias":{"1":2},"suffix":"s","best_of":3,"echo":true,
        "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto","response_format":{"type":"json_object"}});
    let text = body.to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    let encoded = super::codec().encode_request(&request, &lenient()).unwrap();
    let got: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_valid("openai-chat.request", &got);
    assert_eq!(
        got,
        json!({"model":"m","messages":[{"role":"user","content":"p"}],"temperature":0.5,"top_p":0.9,"frequency_penalty":0.1,
            "presence_penalty":0.2,"logit_bias":{"1":2},"seed":7,"stop":["END"],"n":2,"logprobs":true,"top_logprobs":2,
            "max_tokens":5,"user":"u"})
    );
    let lost: Vec<_> = encoded.losses.iter().map(|loss| &*loss.what).collect();
    assert_eq!(lost, ["suffix", "best_of", "echo"], "what a chat cannot say is told");
    assert_eq!(codec().peek(br#"{"model":"m","stream":true}"#).unwrap().model, "m");
}

#[test]
fn replies_are_text() {
    let body = json!({"model":"m","prompt":"p","echo":true});
    let part = |kind| Part::new(kind);
    let logprobs = json!({"content":[
        {"token":"h\u{e9}","logprob":-0.5,"bytes":null,"top_logprobs":[{"token":"h\u{e9}","logprob":-0.5,"bytes":null},{"token":"x","logprob":-2,"bytes":null}]},
        {"token":"y","logprob":-1.25,"bytes":null,"top_logprobs":[]}]});
    let response = Response {
        source: "openai",
        id: "i".into(),
        created: Some(7),
        candidates: vec![
            Candidate {
                parts: vec![
                    part(PartKind::Reasoning(Reasoning {
                        summary: vec!["why".into()],
                        ..Reasoning::default()
                    })),
                    Part::text("h\u{e9}"),
                    Part::text("y"),
                ],
                finish: Some(Finish::new(FinishReason::Length)),
                logprobs: Some(std::borrow::Cow::Owned(
                    cliproxy_translator::json::raw(logprobs.to_string()).unwrap(),
                )),
                ..Candidate::default()
            },
            Candidate {
                index: 1,
                parts: vec![part(PartKind::Refusal("no".into()))],
                finish: Some(Finish::new(FinishReason::ToolUse)),
                ..Candidate::default()
            },
        ],
        usage: Some(Usage { input: Some(3), output: Some(4), ..Usage::default() }),
        ..Response::default()
    };
    let got: Value = serde_json::from_slice(&codec().encode_reply(&response, &context(&body))).unwrap();
    assert_eq!(
        got,
        json!({"id":"i","object":"text_completion","created":7,"model":"asked","choices":[
            {"index":0,"text":"ph\u{e9}y","logprobs":{"tokens":["h\u{e9}","y"],"token_logprobs":[-0.5,-1.25],
                "top_logprobs":[{"h\u{e9}":-0.5,"x":-2},null],"text_offset":[1,3]},"finish_reason":"length"},
            {"index":1,"text":"pno","logprobs":null,"finish_reason":"stop"}],
            "usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}})
    );
    let empty: Value =
        serde_json::from_slice(&codec().encode_reply(&Response::default(), &ReplyContext::new("m", "s")))
            .unwrap();
    assert_eq!(
        empty["choices"],
        json!([{"index":0,"text":"","logprobs":null,"finish_reason":"stop"}]),
        "B71"
    );
    assert!(empty["id"].as_str().unwrap().starts_with("cmpl-"));
}

/// The chunks of a stream; it ends with `[DONE]`, unless it failed.
fn chunks(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    let (frames, done) = match text.strip_suffix("data: [DONE]\n\n") {
        Some(frames) => (frames, true),
        None => (text, false),
    };
    let values: Vec<Value> = frames
        .split_terminator("\n\n")
        .map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    assert_eq!(done, values.last().is_none_or(|last| last.get("error").is_none()), "{text}");
    values
}

#[test]
fn streams_are_text_chunks() {
    let body =
        json!({"model":"m","prompt":"p","echo":true,"stream":true,"stream_options":{"include_usage":true}});
    let mut encoder = codec().stream_encoder(&context(&body));
    let mut out = Vec::new();
    decode(whole().as_bytes(), 33, &mut |event| encoder.encode(event, &mut out)).unwrap();
    let values = chunks(&out);
    for value in &values {
        assert_eq!(
            (&value["id"], &value["object"], &value["created"]),
            (&json!("chatcmpl-1"), &json!("text_completion"), &json!(7))
        );
    }
    let said: Vec<_> = values
        .iter()
        .filter_map(|value| value["choices"].get(0))
        .map(|choice| {
            (
                choice["index"].as_u64().unwrap(),
                choice["text"].as_str().unwrap(),
                choice["finish_reason"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (0, "p", None),
            (0, "a \"q\"\n\u{4e2d}", None),
            (0, "", None),
            (0, "b", None),
            (1, "p", None),
            (1, "other", None),
            (1, "", Some("stop")),
            (0, "", Some("stop")),
        ],
        "thoughts and calls say nothing here"
    );
    let logged = values.iter().find(|value| value["choices"][0]["logprobs"].is_object()).unwrap();
    assert_eq!(
        logged["choices"][0]["logprobs"],
        json!({"tokens":["a"],"token_logprobs":[-0.5],"top_logprobs":[null],"text_offset":[1]})
    );
    assert_eq!(
        (&values.last().unwrap()["choices"], &values.last().unwrap()["usage"]["total_tokens"]),
        (&json!([]), &json!(17))
    );
}

#[test]
fn b74_a_stream_and_its_reply_say_the_same() {
    let body = json!({"model":"m","prompt":"p"});
    let mut aggregator = Aggregator::new();
    let mut encoder = codec().stream_encoder(&context(&body));
    let mut out = Vec::new();
    decode(whole().as_bytes(), 50, &mut |event| {
        aggregator.push(event.clone());
        encoder.encode(event, &mut out);
    })
    .unwrap();
    let reply: Value =
        serde_json::from_slice(&codec().encode_reply(&aggregator.finish().unwrap(), &context(&body)))
            .unwrap();
    for choice in reply["choices"].as_array().unwrap() {
        let streamed: String = chunks(&out)
            .iter()
            .filter_map(|value| value["choices"].get(0).cloned())
            .filter(|part| part["index"] == choice["index"])
            .map(|part| part["text"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(choice["text"], streamed);
    }
    assert!(chunks(&out).iter().all(|value| value.get("usage").is_none()), "nobody asked");
}

#[test]
fn b77_errors_inside_a_stream_reach_the_client() {
    let start = || Event::Start(Start::default());
    let text = || Event::BlockStart { block: 0, candidate: 0, kind: BlockKind::Text };
    let mut out = Vec::new();
    let mut encoder = codec().stream_encoder(&ReplyContext::new("m", "s"));
    encoder.encode(start(), &mut out);
    encoder.encode(text(), &mut out);
    encoder.encode(Event::Delta { block: 0, delta: Delta::Text("a".into()) }, &mut out);
    encoder.encode(Event::Error(StreamError { message: "busy".into(), ..StreamError::default() }), &mut out);
    encoder.encode(Event::End, &mut out);
    let values = chunks(&out);
    assert_eq!((values.len(), &values[1]["error"]["message"]), (2, &json!("busy")));
    let mut out = Vec::new();
    let mut encoder = codec().stream_encoder(&ReplyContext::new("m", "s"));
    encoder.fail(&ClientError::new(ClientErrorKind::Overloaded, "busy"), &mut out);
    encoder.fail(&ClientError::new(ClientErrorKind::Overloaded, "busy"), &mut out);
    assert_eq!(chunks(&out)[0]["error"]["type"], "server_error");
    // B71: nothing at all is a reply that stopped.
    let mut out = Vec::new();
    let mut encoder = codec().stream_encoder(&ReplyContext::new("m", "s"));
    encoder.encode(start(), &mut out);
    encoder.encode(Event::End, &mut out);
    assert_eq!(
        chunks(&out)[0]["choices"],
        json!([{"index":0,"text":"","logprobs":null,"finish_reason":"stop"}])
    );
}

#[test]
fn a_provider_of_the_format_gets_what_came_and_a_conversation_is_refused() {
    let mut patch = Patch::default();
    patch.model = Some("n".to_owned());
    let body = Bytes::from_static(br#"{"model":"m", "prompt":[1,2],"suffix":"s"}"#);
    assert_eq!(
        codec().patch_request(&body, &patch).unwrap().body,
        r#"{"model":"n", "prompt":[1,2],"suffix":"s"}"#
    );
    let reply = Bytes::from_static(br#"{"id":"i","model":"m","choices":[{"index":0,"text":"a","finish_reason":"length"}],"usage":{"completion_tokens":1}}"#);
    let (_, usage, finish) = codec().patch_reply(&reply, &ReplyContext::new("m", "s")).unwrap();
    assert_eq!((usage.output, finish), (Some(1), Some(FinishReason::Length)));
    let read = codec().decode_reply(&reply, &ReplyContext::new("m", "s")).unwrap();
    assert_eq!(read.candidates[0].parts[0].as_text().unwrap(), "a");
    let chat = super::body(json!({})).to_string();
    let request = super::codec().decode_request(chat.as_bytes()).unwrap();
    assert_eq!(
        codec().encode_request(&request, &lenient()).unwrap_err().kind(),
        CodecErrorKind::Inexpressible
    );
}
