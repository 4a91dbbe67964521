//! Whole replies, from other providers and patched in place.

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};
use cliproxy_translator::json;
use cliproxy_translator::model::{
    Args, Candidate, Finish, Issuer, Part, PartKind, Reasoning, Response, Signature, ToolCall,
};
use cliproxy_translator::{Codec, ReplyContext};
use serde_json::{Value, json};

use super::{codec, context};
use crate::schema::assert_valid_bytes;

fn written(response: &Response<'_>, context: &ReplyContext) -> Value {
    assert_valid_bytes("claude.reply", &codec().encode_reply(response, context))
}

fn reply(parts: Vec<Part<'static>>, finish: Option<FinishReason>) -> Response<'static> {
    Response {
        source: "openai",
        candidates: vec![Candidate { parts, finish: finish.map(Finish::new), ..Candidate::default() }],
        ..Response::default()
    }
}

fn call(id: &'static str, args: Args<'static>) -> Part<'static> {
    Part::new(PartKind::ToolCall(ToolCall {
        id: id.into(),
        name: Cow::Borrowed("wire_f"),
        namespace: None,
        args,
    }))
}

fn thought(text: &'static str) -> Part<'static> {
    Part::new(PartKind::Reasoning(Reasoning { summary: vec![text.into()], ..Reasoning::default() }))
}

#[test]
fn nothing_at_all_is_a_valid_message() {
    // Source: translation.md B59, B71, F29.
    let got = written(&reply(Vec::new(), None), &context());
    assert_eq!(got["content"], json!([]));
    assert_eq!(got["stop_reason"], "end_turn");
    assert_eq!(got["usage"], json!({"input_tokens":0,"output_tokens":0}));
    assert_eq!(got["model"], "asked-model");
    let id = got["id"].as_str().unwrap();
    assert!(id.starts_with("msg_") && id.len() == 28, "{id}");
    assert_eq!(written(&Response::default(), &context())["id"], id, "the same request, the same id");
}

#[test]
fn parts_of_other_providers_become_blocks() {
    let mut context = context();
    context.names.insert("declared f", "wire_f");
    let signed = |issuer, value: &'static str| {
        thought("why").with_signature(Some(Signature { issuer, value: value.into() }))
    };
    let raw = |text: &str| Args::Json(Cow::Owned(json::raw(text).unwrap()));
    for (part, expected) in [
        (Part::text("hi"), json!({"type":"text","text":"hi"})),
        // F30: unsigned thoughts have an empty signature, which counts as none when it returns.
        (thought("why"), json!({"type":"thinking","thinking":"why","signature":""})),
        (signed(Issuer::Claude, "Eo"), json!({"type":"thinking","thinking":"why","signature":"Eo"})),
        (
            signed(Issuer::Gpt, "gAAAA"),
            json!({"type":"thinking","thinking":"why","signature":"cliproxy:gpt:gAAAA"}),
        ),
        (
            call("a.b", Args::Encoded(r#"{"a":1}"#.into())),
            json!({"type":"tool_use","id":"a_b","name":"declared f","input":{"a":1}}),
        ),
        // B92
        (
            call("a", Args::Encoded("{'a': 'b'}".into())),
            json!({"type":"tool_use","id":"a","name":"declared f","input":{"a":"b"}}),
        ),
        (
            call("a", Args::Encoded("".into())),
            json!({"type":"tool_use","id":"a","name":"declared f","input":{}}),
        ),
        (
            call("a", raw(r#"{"n":1.50}"#)),
            json!({"type":"tool_use","id":"a","name":"declared f","input":{"n":1.50}}),
        ),
        // B10
        (
            call("a", Args::Freeform("ls -l".into())),
            json!({"type":"tool_use","id":"a","name":"declared f","input":{"input":"ls -l"}}),
        ),
    ] {
        let got = written(&reply(vec![part], Some(FinishReason::Stop)), &context);
        assert_eq!(got["content"], json!([expected]));
    }
    // What is empty, what Claude has no block for, and half a call are left out.
    let half = call("a", Args::Encoded("{\"a\":".into()));
    let parts = vec![Part::text(""), thought(""), Part::new(PartKind::Refusal("".into())), half];
    assert_eq!(written(&reply(parts, None), &context)["content"], json!([]));
}

#[test]
fn several_thoughts_are_one_with_blank_lines() {
    // Source: translation.md B37, E043, E044.
    for (summary, raw, expected) in
        [(vec!["a", "b"], vec![], "a\n\nb"), (vec![], vec!["c"], "c"), (vec!["a"], vec!["c"], "a")]
    {
        let texts = |list: Vec<&'static str>| list.into_iter().map(Into::into).collect();
        let part = Part::new(PartKind::Reasoning(Reasoning {
            summary: texts(summary),
            raw: texts(raw),
            ..Reasoning::default()
        }));
        assert_eq!(written(&reply(vec![part], None), &context())["content"][0]["thinking"], expected);
    }
}

#[test]
fn calls_decide_the_stop_reason() {
    // Source: translation.md B51, B52.
    let calls = || vec![call("a", Args::Encoded("{}".into()))];
    for (parts, reason, expected) in [
        (vec![], FinishReason::Stop, "end_turn"),
        (vec![], FinishReason::StopSequence, "stop_sequence"),
        (vec![], FinishReason::Length, "max_tokens"),
        (vec![], FinishReason::ContextWindow, "model_context_window_exceeded"),
        (vec![], FinishReason::Safety, "refusal"),
        (vec![], FinishReason::Refusal, "refusal"),
        (vec![], FinishReason::Pause, "pause_turn"),
        (vec![], FinishReason::BadToolCall, "end_turn"),
        (vec![], FinishReason::Other, "end_turn"),
        (vec![], FinishReason::ToolUse, "end_turn"),
        (calls(), FinishReason::Stop, "tool_use"),
        (calls(), FinishReason::ToolUse, "tool_use"),
        (calls(), FinishReason::Length, "max_tokens"),
        (vec![Part::new(PartKind::Refusal("no".into()))], FinishReason::Stop, "refusal"),
    ] {
        let got = written(&reply(parts, Some(reason)), &context());
        assert_eq!(got["stop_reason"], expected, "{reason:?}");
    }
}

#[test]
fn nameless_calls_get_ids_that_stay_and_differ() {
    let parts = vec![
        call("", Args::Encoded("{}".into())),
        call("", Args::Encoded("{}".into())),
        call("x", Args::Encoded("{}".into())),
        call("x", Args::Encoded("{}".into())),
    ];
    let got = written(&reply(parts.clone(), None), &context());
    let ids: Vec<_> =
        got["content"].as_array().unwrap().iter().map(|block| block["id"].as_str().unwrap()).collect();
    assert!(ids[0].starts_with("toolu_") && ids[0].len() == 30);
    assert_eq!(ids[2], "x");
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 4);
    assert_eq!(written(&reply(parts, None), &context()), got);
}

#[test]
fn usage_is_exclusive_of_the_cache() {
    // Source: translation.md B56, B57.
    for (usage, expected) in [
        (
            Usage { input: Some(100), cache_read: Some(80), output: Some(15), ..Usage::default() },
            json!({"input_tokens":20,"cache_read_input_tokens":80,"output_tokens":15}),
        ),
        (
            Usage {
                input: Some(5),
                cache_read: Some(9),
                cache_write: Some(0),
                output: Some(1),
                reasoning: Some(1),
                ..Usage::default()
            },
            json!({"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":9,"output_tokens":1,"output_tokens_details":{"thinking_tokens":1}}),
        ),
    ] {
        let response = Response { usage: Some(usage), ..reply(Vec::new(), None) };
        assert_eq!(written(&response, &context())["usage"], expected);
        let text = codec().encode_reply(&response, &context());
        let back = codec().decode_reply(&text, &context()).unwrap().usage.unwrap();
        assert_eq!(back.output, usage.output);
        assert_eq!(back.cache_read, usage.cache_read);
    }
    let reply = br#"{"type":"message","content":[],"usage":{"input_tokens":3,"cache_creation_input_tokens":4,"cache_read_input_tokens":5,"output_tokens":6}}"#;
    let usage = codec().decode_reply(reply, &context()).unwrap().usage.unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.cache_write), (Some(12), Some(5), Some(4)));
}

#[test]
fn an_error_that_stands_in_for_a_reply_is_no_reply() {
    for (body, message) in [
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
            "an error stands in for the reply: busy",
        ),
        (r#"{"error":{"message":"busy"}}"#, "an error stands in for the reply: busy"),
        (r#"{}"#, "content: missing: this is no message"),
    ] {
        let body = Bytes::from_static(body.as_bytes());
        assert_eq!(codec().decode_reply(&body, &context()).unwrap_err().to_string(), message);
        assert_eq!(codec().patch_reply(&body, &context()).unwrap_err().to_string(), message);
    }
    assert!(codec().decode_reply(b"<html>", &context()).is_err());
    assert!(codec().patch_reply(&Bytes::from_static(b"<html>"), &context()).is_err());
}

#[test]
fn a_reply_that_passes_names_the_shown_model_and_tells_its_usage() {
    let body = Bytes::from_static(
        br#"{ "id":"msg_1", "type":"message", "model":"provider-model", "content":[ ], "stop_reason":"max_tokens", "usage":{"input_tokens":3,"cache_read_input_tokens":1,"output_tokens":2} }"#,
    );
    let (same, usage, finish) = codec().patch_reply(&body, &context()).unwrap();
    assert_eq!(same.as_ptr(), body.as_ptr());
    assert_eq!((usage.input, usage.output, finish), (Some(4), Some(2), Some(FinishReason::Length)));
    let mut shown = context();
    shown.shown_model = Some("alias".to_owned());
    let (renamed, ..) = codec().patch_reply(&body, &shown).unwrap();
    assert_eq!(renamed, String::from_utf8_lossy(&body).replace("provider-model", "alias").into_bytes());
    shown.shown_model = Some("provider-model".to_owned());
    assert_eq!(codec().patch_reply(&body, &shown).unwrap().0.as_ptr(), body.as_ptr());
}
