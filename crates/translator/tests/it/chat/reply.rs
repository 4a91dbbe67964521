//! Whole replies.

use bytes::Bytes;
use cliproxy_core::{FinishReason, Usage};
use cliproxy_translator::model::{
    Args, Candidate, Finish, Issuer, Media, MediaClass, MediaSource, Part, PartKind, Reasoning, Response,
    Signature, ToolCall,
};
use cliproxy_translator::{Codec, CodecErrorKind, ReplyContext};
use serde_json::{Value, json};

use super::{codec, context};
use crate::schema::assert_valid_bytes;

fn written(response: &Response<'_>, context: &ReplyContext) -> Value {
    assert_valid_bytes("openai-chat.reply", &codec().encode_reply(response, context))
}

fn of(parts: Vec<Part<'static>>, reason: FinishReason) -> Response<'static> {
    Response {
        source: "claude",
        candidates: vec![Candidate { parts, finish: Some(Finish::new(reason)), ..Candidate::default() }],
        ..Response::default()
    }
}

fn call(id: &'static str, args: Args<'static>) -> Part<'static> {
    Part::new(PartKind::ToolCall(ToolCall { id: id.into(), name: "wire".into(), namespace: None, args }))
}

fn through(reply: &Value) -> Value {
    let text = reply.to_string();
    written(&codec().decode_reply(text.as_bytes(), &context()).unwrap(), &context())
}

#[test]
fn replies_survive() {
    let reply = json!({"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"gpt-x","choices":[
        {"index":0,"message":{"role":"assistant","content":"a\n\"q\"","refusal":"no","reasoning_content":"why",
            "annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"url":"u","title":"t"}}],
            "tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\": 1.50}"},"extra_content":{"google":{"thought_signature":"S"}}},
                {"id":"d","type":"custom","custom":{"name":"g","input":"ls\n"}}],
            "audio":{"id":"a","data":"AA==","expires_at":1,"transcript":"t"},
            "images":[{"index":0,"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}],"mood":"calm"},
            "finish_reason":"tool_calls","logprobs":{"content":[],"refusal":null},"seed":3},
        {"index":1,"message":{"role":"assistant","content":"b"},"finish_reason":"length"}],
        "usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,
            "prompt_tokens_details":{"cached_tokens":8,"cache_write_tokens":2,"cached_creation_tokens":2,"audio_tokens":1},
            "completion_tokens_details":{"reasoning_tokens":2,"audio_tokens":0,"accepted_prediction_tokens":1,"rejected_prediction_tokens":0}},
        "service_tier":"default","system_fingerprint":"fp"});
    assert_eq!(through(&reply), reply);
}

#[test]
fn parts_of_other_providers_become_a_message() {
    let thought = |text: &'static str| {
        Part::new(PartKind::Reasoning(Reasoning { summary: vec![text.into()], ..Reasoning::default() }))
    };
    let redacted =
        Part::new(PartKind::Reasoning(Reasoning { redacted: Some("Eo".into()), ..Reasoning::default() }));
    let image = Part::new(PartKind::Media(Media {
        class: MediaClass::Image,
        source: MediaSource::Base64 { mime: "image/png".into(), data: "AA==".into() },
        name: None,
        detail: None,
        context: None,
        citations: None,
    }));
    let several = Part::new(PartKind::Reasoning(Reasoning {
        summary: vec!["a".into(), "b".into()],
        ..Reasoning::default()
    }));
    let cited = Part::new(PartKind::Text {
        text: "th\u{4e2d}s".into(),
        citations: Some(std::borrow::Cow::Owned(
            cliproxy_translator::json::raw(
                r#"[{"url":"https://h.example/","title":"t"},{"type":"char_location"}]"#,
            )
            .unwrap(),
        )),
    });
    let signed =
        call("c", Args::Json(std::borrow::Cow::Owned(cliproxy_translator::json::raw("{\"a\": 1}").unwrap())))
            .with_signature(Some(Signature { issuer: Issuer::Gemini, value: "S".into() }));
    let function = |arguments: &str| json!({"name":"declared","arguments":arguments});
    for (case, parts, message) in [
        ("B71 nothing", vec![], json!({"content":""})),
        ("B75 texts are joined", vec![Part::text("a"), Part::text("b")], json!({"content":"ab"})),
        (
            "E033 thoughts",
            vec![thought("why"), Part::text("a")],
            json!({"content":"a","reasoning_content":"why"}),
        ),
        (
            "B37 several summaries",
            vec![several, Part::text("a")],
            json!({"content":"a","reasoning_content":"a\n\nb"}),
        ),
        ("E036 redacted ones", vec![redacted, Part::text("a")], json!({"content":"a"})),
        (
            "a refusal",
            vec![Part::new(PartKind::Refusal("no".into()))],
            json!({"content":null,"refusal":"no"}),
        ),
        (
            "an image",
            vec![image],
            json!({"content":"","images":[{"index":0,"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}),
        ),
        (
            "B85 citations",
            vec![Part::text("see "), cited],
            json!({"content":"see th\u{4e2d}s","annotations":[{"type":"url_citation","url_citation":{"start_index":4,"end_index":8,"url":"https://h.example/","title":"t"}}]}),
        ),
        (
            "a signed call",
            vec![signed],
            json!({"content":null,"tool_calls":[{"id":"c","type":"function","function":function("{\"a\": 1}"),"extra_content":{"google":{"thought_signature":"S"}}}]}),
        ),
        (
            "F25 free text for a function",
            vec![call("c", Args::Freeform("ls".into()))],
            json!({"content":null,"tool_calls":[{"id":"c","type":"function","function":function("{\"input\":\"ls\"}")}]}),
        ),
        (
            "no arguments",
            vec![call("c", Args::Encoded("".into()))],
            json!({"content":null,"tool_calls":[{"id":"c","type":"function","function":function("{}")}]}),
        ),
    ] {
        let mut context = context();
        context.names.insert("declared", "wire");
        context.custom_tools = vec!["other".to_owned()];
        let got = written(&of(parts, FinishReason::Stop), &context);
        let mut expected = message;
        expected["role"] = "assistant".into();
        assert_eq!(got["choices"][0]["message"], expected, "{case}");
    }
    let mut context = context();
    context.custom_tools = vec!["wire".to_owned()];
    let got = written(
        &of(vec![call("c", Args::Encoded("{\"input\":\"ls\"}".into()))], FinishReason::Stop),
        &context,
    );
    assert_eq!(
        got["choices"][0]["message"]["tool_calls"][0],
        json!({"id":"c","type":"custom","custom":{"name":"wire","input":"ls"}}),
        "B10"
    );
}

#[test]
fn b51_b52_each_reason_has_its_word() {
    for (reason, calls, word) in [
        (FinishReason::Stop, false, "stop"),
        (FinishReason::StopSequence, false, "stop"),
        (FinishReason::Length, false, "length"),
        (FinishReason::ContextWindow, false, "length"),
        (FinishReason::Safety, false, "content_filter"),
        (FinishReason::Pause, false, "stop"),
        (FinishReason::Other, false, "stop"),
        (FinishReason::ToolUse, false, "stop"),
        (FinishReason::ToolUse, true, "tool_calls"),
        (FinishReason::Stop, true, "tool_calls"),
        (FinishReason::StopSequence, true, "tool_calls"),
        (FinishReason::Pause, true, "tool_calls"),
        (FinishReason::Length, true, "length"),
    ] {
        let parts = if calls { vec![call("c", Args::Encoded("{}".into()))] } else { vec![Part::text("a")] };
        assert_eq!(
            written(&of(parts, reason), &context())["choices"][0]["finish_reason"],
            word,
            "{reason:?}"
        );
    }
    for (word, message, reason) in [
        ("stop", json!({"content":"a"}), FinishReason::Stop),
        ("stop", json!({"content":null,"refusal":"no"}), FinishReason::Refusal),
        ("stop", json!({"tool_calls":[{"id":"c","function":{"name":"f"}}]}), FinishReason::ToolUse),
        ("tool_calls", json!({"content":"a"}), FinishReason::Stop),
        ("function_call", json!({"function_call":{"name":"f","arguments":"{}"}}), FinishReason::ToolUse),
        ("length", json!({"content":"a"}), FinishReason::Length),
        ("content_filter", json!({"content":""}), FinishReason::Safety),
        ("eos", json!({"content":"a"}), FinishReason::Other),
    ] {
        let reply = json!({"choices":[{"message":message,"finish_reason":word}]}).to_string();
        let response = codec().decode_reply(reply.as_bytes(), &context()).unwrap();
        let finish = response.candidates[0].finish.as_ref().unwrap();
        assert_eq!((finish.reason, finish.native.as_deref()), (reason, Some(word)), "{reply}");
    }
}

#[test]
fn what_the_provider_left_out_is_made_and_stays_the_same() {
    let response = of(vec![call("", Args::Encoded("{}".into()))], FinishReason::Stop);
    let mut context = context();
    context.created = 9;
    let got = written(&response, &context);
    assert_eq!((&got["model"], &got["created"]), (&json!("asked-model"), &json!(9)));
    assert!(got["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(got["choices"][0]["message"]["tool_calls"][0]["id"].as_str().unwrap().starts_with("call_"));
    assert!(got.get("usage").is_none(), "B59");
    assert_eq!(written(&response, &context), got, "B4a");
    let named = Response { model: "provider".into(), ..response };
    assert_eq!(written(&named, &context)["model"], "provider");
    context.shown_model = Some("alias".to_owned());
    assert_eq!(written(&named, &context)["model"], "alias", "B93");
}

#[test]
fn failures_with_a_good_status_are_failures() {
    for (body, says) in [
        (r#"{"error":{"message":"busy"}}"#, "busy"),
        (r#"{"error":{"message":"busy"},"choices":null}"#, "busy"),
        (r#"{"choices":[],"base_resp":{"status_code":1004,"status_msg":"login fail"}}"#, "no choices"),
        (r#"{"base_resp":{"status_code":1004,"status_msg":"login fail"}}"#, "login fail"),
        (r#"{"id":"x"}"#, "no choices"),
        (r#"{"choices":[{"index":0}]}"#, "message: missing"),
        (r#"{"choices":[{"index":0,"finish_reason":"tool_calls"}]}"#, "message: missing"),
        (r#"{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}"#, "message: missing"),
    ] {
        let error = codec().decode_reply(body.as_bytes(), &context()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}: {body}");
        let patched = codec().patch_reply(&Bytes::copy_from_slice(body.as_bytes()), &context());
        assert_eq!(patched.is_err(), !body.contains("index"), "{body}");
    }
    for text in [&b"<html>"[..], b"\xff", b""] {
        assert_eq!(codec().decode_reply(text, &context()).unwrap_err().kind(), CodecErrorKind::Malformed);
    }
}

#[test]
fn e193_a_reply_that_passes_changes_only_its_model() {
    let text = r#"{"id":"i", "model":"provider","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#;
    let body = Bytes::from_static(text.as_bytes());
    let mut context = context();
    let (same, usage, finish) = codec().patch_reply(&body, &context).unwrap();
    assert!(same.as_ptr() == body.as_ptr(), "untouched");
    assert_eq!((usage.input, usage.output, finish), (Some(3), Some(4), Some(FinishReason::Stop)));
    context.shown_model = Some("alias".to_owned());
    let (named, _, _) = codec().patch_reply(&body, &context).unwrap();
    assert_eq!(named, text.replace("provider", "alias"));
    context.shown_model = Some("provider".to_owned());
    assert!(codec().patch_reply(&body, &context).unwrap().0.as_ptr() == body.as_ptr());
    // A stray byte in a text is the client's to show: the rest is read around it.
    let stray = Bytes::from([&body[..94], b"\xff", &body[94..]].concat());
    assert!(std::str::from_utf8(&stray).is_err());
    let (passed, usage, _) = codec().patch_reply(&stray, &ReplyContext::new("m", "s")).unwrap();
    assert_eq!((&passed, usage.output), (&stray, Some(4)));
    let refused = Bytes::from_static(br#"{"choices":[{"message":{"refusal":"no"},"finish_reason":"stop"}]}"#);
    assert_eq!(codec().patch_reply(&refused, &context).unwrap().2, Some(FinishReason::Refusal));
    for (message, says) in [
        (r#""tool_calls":[{}]"#, FinishReason::ToolUse),
        (r#""tool_calls":[ ]"#, FinishReason::Stop),
        (r#""tool_calls":null,"refusal":"""#, FinishReason::Stop),
        (r#""content":"\"tool_calls\":[{}]""#, FinishReason::Stop),
    ] {
        let called = format!(r#"{{"choices": [ {{"message":{{{message}}},"finish_reason":"stop"}}]}}"#);
        assert_eq!(codec().patch_reply(&called.into(), &context).unwrap().2, Some(says), "{message}");
    }
    for choices in [r#""text""#, "{}", "[1]"] {
        let broken = Bytes::from(format!(r#"{{"choices":{choices}}}"#));
        let error = codec().patch_reply(&broken, &context).unwrap_err();
        assert_eq!(error.to_string(), "choices: expected an array of objects");
    }
}

#[test]
fn b55_usage_of_a_reply_that_passes_is_read_wherever_it_stands() {
    let cost = |usage: &str, of_choice: &str| {
        let body = format!(r#"{{"choices":[{{"usage":{of_choice}}},{{}}],"usage":{usage}}}"#);
        codec().patch_reply(&body.into(), &context()).unwrap().1
    };
    let counted = cost(
        r#"{"prompt_tokens":3.0,"completion_tokens":null,"total_tokens":"7","cached_tokens":2,
            "prompt_tokens_details":{"cached_tokens":null,"cached_creation_tokens":1},
            "completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":-1}}"#,
        r#"{"prompt_tokens":9}"#,
    );
    let wanted = Usage {
        input: Some(3),
        cache_read: Some(2),
        cache_write: Some(1),
        reasoning: Some(4),
        ..Usage::default()
    };
    assert_eq!(counted, wanted);
    assert_eq!(cost("null", r#"{"prompt_tokens":9}"#), Usage { input: Some(9), ..Usage::default() });
    assert_eq!(cost("[]", "null"), Usage::default());
}

#[test]
fn f38_cache_writes_have_the_official_name_beside_the_references() {
    let usage = Usage { input: Some(9), cache_write: Some(2), output: Some(1), ..Usage::default() };
    let got = written(
        &Response { usage: Some(usage), ..of(vec![Part::text("a")], FinishReason::Stop) },
        &context(),
    );
    assert_eq!(
        got["usage"]["prompt_tokens_details"],
        json!({"cache_write_tokens":2,"cached_creation_tokens":2})
    );
    assert_eq!(got["usage"]["total_tokens"], 10);
    assert_eq!((codec().decode_count(b"{}"), codec().encode_count(1)), (None, None), "B86");
}
