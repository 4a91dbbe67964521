//! Tool arguments, finish reasons, errors.

use std::borrow::Cow;

use cliproxy_core::FinishReason;
use cliproxy_translator::json::{self, Text, Writer};
use cliproxy_translator::model::Args;
use cliproxy_translator::pass::args::{
    freeform, json_object, json_text, unwrap_custom_input, write_arguments_string,
};
use cliproxy_translator::pass::errors::{
    chat_code, chat_status, chat_type, claude_status, claude_type, probe_error,
};
use cliproxy_translator::pass::finish::{chat_reason, claude_reason, from_claude, from_word, settle};

fn raw(text: &str) -> Args<'static> {
    Args::Json(Cow::Owned(json::raw(text).unwrap()))
}

#[test]
fn b92_arguments_become_an_object_whatever_they_were() {
    let encoded = |text: &'static str| Args::Encoded(text.into());
    for (args, expected) in [
        (raw(r#"{"a":1.50}"#), r#"{"a":1.50}"#),
        (raw("[1]"), "{}"),
        (raw("null"), "{}"),
        (raw(r#""{\"a\":1}""#), r#"{"a":1}"#),
        (encoded(r#"{"a":1}"#), r#"{"a":1}"#),
        (encoded(" {\"a\":1}\n"), r#"{"a":1}"#),
        (encoded(""), "{}"),
        (encoded("{"), "{}"),
        (encoded("[1]"), "{}"),
        (encoded("text"), "{}"),
        (encoded("{'a': 'b'}"), r#"{"a": "b"}"#),
        (encoded(r#"{'a': 'say "x"', "b": 'it\'s'}"#), r#"{"a": "say \"x\"", "b": "it's"}"#),
        (encoded(r#"{"a": "it's"}"#), r#"{"a": "it's"}"#),
        (encoded("{'a': "), "{}"),
        (Args::Freeform("ls -l\n\"x\"".into()), r#"{"input":"ls -l\n\"x\""}"#),
    ] {
        assert_eq!(json_object(&args), expected, "{args:?}");
    }
    let args = raw(r#"{"a":1}"#);
    assert!(matches!(json_object(&args), Cow::Borrowed(_)), "what is an object already is not copied");
}

#[test]
fn openai_gets_the_argument_text_as_it_is() {
    for (args, expected) in [
        (raw(r#"{"a": "x\n"}"#), r#""{\"a\": \"x\\n\"}""#),
        (Args::Encoded("{broken".into()), r#""{broken""#),
        (Args::Encoded("".into()), r#""{}""#),
        (Args::Freeform("ls".into()), r#""{\"input\":\"ls\"}""#),
    ] {
        let mut writer = Writer::default();
        write_arguments_string(&mut writer, &args);
        assert_eq!(String::from_utf8(writer.into_bytes()).unwrap(), expected, "{args:?}");
    }
    assert_eq!(json_text(&raw("{}")), "{}");
}

#[test]
fn e581_the_input_of_an_emulated_custom_tool_is_unwrapped() {
    for (arguments, expected) in [
        ("", ""),
        ("  ", ""),
        ("{}", ""),
        ("null", ""),
        (r#"{"input":"ls\n"}"#, "ls\n"),
        (r#"{"input":""}"#, ""),
        (r#"{"input":{"a": 1}}"#, r#"{"a": 1}"#),
        (r#"{"input":[1]}"#, "[1]"),
        (r#"{"command":"ls"}"#, r#"{"command":"ls"}"#),
        (r#""ls""#, "ls"),
        ("ls -l", "ls -l"),
        ("{not json", "{not json"),
    ] {
        assert_eq!(unwrap_custom_input(arguments), expected, "E581 {arguments}");
    }
    assert_eq!(freeform(&raw(r#"{"input":"a"}"#)), "a");
    assert_eq!(freeform(&Args::Encoded(r#"{"input":"a"}"#.into())), "a");
    assert_eq!(freeform(&Args::Freeform("a".into())), "a");
}

#[test]
fn b51_finish_reasons_in_both_formats() {
    use FinishReason::{
        BadToolCall, ContextWindow, Length, Other, Pause, Refusal, Safety, Stop, StopSequence, ToolUse,
    };
    for (reason, chat, claude) in [
        (Stop, "stop", "end_turn"),
        (StopSequence, "stop", "stop_sequence"),
        (ToolUse, "tool_calls", "tool_use"),
        (Length, "length", "max_tokens"),
        (ContextWindow, "length", "model_context_window_exceeded"),
        (Safety, "content_filter", "refusal"),
        (Refusal, "stop", "refusal"),
        (Pause, "stop", "pause_turn"),
        (BadToolCall, "stop", "end_turn"),
        (Other, "stop", "end_turn"),
    ] {
        assert_eq!((chat_reason(reason), claude_reason(reason)), (chat, claude), "{reason:?}");
    }
    for (word, reason) in [
        ("stop", Stop),
        ("tool_calls", ToolUse),
        ("function_call", ToolUse),
        ("length", Length),
        ("MAX_TOKENS", Length),
        ("content_filter", Safety),
        ("eos", Other),
    ] {
        assert_eq!(from_word(word), reason, "{word}");
    }
    for (word, reason) in [
        ("end_turn", Stop),
        ("stop_sequence", StopSequence),
        ("tool_use", ToolUse),
        ("max_tokens", Length),
        ("model_context_window_exceeded", ContextWindow),
        ("refusal", Refusal),
        ("pause_turn", Pause),
        ("x", Other),
    ] {
        assert_eq!(from_claude(word), reason, "{word}");
    }
}

#[test]
fn b52_calls_win_over_a_stop_but_not_over_a_cut() {
    use FinishReason::{Length, Other, Safety, Stop, ToolUse};
    for (reason, calls, expected) in [
        (Stop, true, ToolUse),
        (Stop, false, Stop),
        (Other, true, ToolUse),
        (ToolUse, true, ToolUse),
        (ToolUse, false, Stop),
        (Length, true, Length),
        (Safety, true, Safety),
    ] {
        assert_eq!(settle(reason, calls), expected, "{reason:?} {calls}");
    }
}

#[test]
fn b76_statuses_and_types() {
    for (status, claude, chat, code) in [
        (400, "invalid_request_error", "invalid_request_error", None),
        (401, "authentication_error", "authentication_error", Some("invalid_api_key")),
        (402, "billing_error", "invalid_request_error", None),
        (403, "permission_error", "permission_error", Some("insufficient_quota")),
        (404, "not_found_error", "invalid_request_error", Some("model_not_found")),
        (413, "request_too_large", "invalid_request_error", None),
        (429, "rate_limit_error", "rate_limit_error", Some("rate_limit_exceeded")),
        (500, "api_error", "server_error", Some("internal_server_error")),
        (502, "api_error", "server_error", Some("internal_server_error")),
        (503, "overloaded_error", "server_error", Some("internal_server_error")),
        (504, "timeout_error", "server_error", Some("internal_server_error")),
        (529, "overloaded_error", "server_error", Some("internal_server_error")),
    ] {
        assert_eq!(
            (claude_type(status), chat_type(status), chat_code(status)),
            (claude, chat, code),
            "{status}"
        );
    }
    for (kind, status) in [
        ("invalid_request_error", Some(400)),
        ("authentication_error", Some(401)),
        ("billing_error", Some(402)),
        ("permission_error", Some(403)),
        ("not_found_error", Some(404)),
        ("request_too_large", Some(413)),
        ("rate_limit_error", Some(429)),
        ("api_error", Some(500)),
        ("timeout_error", Some(504)),
        ("overloaded_error", Some(529)),
        ("new_error", None),
    ] {
        assert_eq!(claude_status(kind), status, "{kind}");
    }
    for (kind, code, status) in [
        ("invalid_request_error", "", Some(400)),
        ("invalid_request_error", "model_not_found", Some(404)),
        ("insufficient_quota", "insufficient_quota", Some(429)),
        ("server_error", "", Some(500)),
        ("", "429", Some(429)),
        ("", "1302", None),
        ("x", "y", None),
    ] {
        assert_eq!(chat_status(kind, code), status, "{kind} {code}");
    }
}

#[test]
fn b78_messages_are_found_wherever_they_are() {
    for (body, message, kind, code) in [
        (r#"{"error":{"message":"m","type":"t","code":"c"}}"#, "m", Some("t"), Some("c")),
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            "m",
            Some("overloaded_error"),
            None,
        ),
        (
            r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#,
            "m",
            Some("RESOURCE_EXHAUSTED"),
            Some("429"),
        ),
        (r#"[{"error":{"code":400,"message":"m","status":"S"}}]"#, "m", Some("S"), Some("400")),
        (r#"{"error":"m"}"#, "m", None, None),
        (r#"{"error":"m","message":"n","code":"c"}"#, "m", None, Some("c")),
        (r#"{"detail":"m"}"#, "m", None, None),
        (r#"{"detail":[{"msg":"m","loc":["x"]}]}"#, "m", None, None),
        (r#"{"message":"m","type":"t"}"#, "m", Some("t"), None),
        (r#"{"errors":[{"message":"m"}]}"#, "m", None, None),
        (r#"{"error":{"code":"c"}}"#, "c", None, Some("c")),
        (r#"{"error":{"type":"t"}}"#, "t", Some("t"), None),
        (r#"{"error":{"message":null},"message":"m"}"#, "m", None, None),
        (r#""m""#, "m", None, None),
        ("  upstream is down\n", "upstream is down", None, None),
        ("", "", None, None),
        ("null", "", None, None),
        ("{}", "", None, None),
    ] {
        let found = probe_error(body.as_bytes());
        assert_eq!(
            (found.message.as_str(), found.kind.as_deref(), found.code.as_deref()),
            (message, kind, code),
            "{body}"
        );
    }
    assert_eq!(probe_error(br#"{"error":{"message":"m","param":"p"}}"#).param.as_deref(), Some("p"));
    assert_eq!(probe_error(b"\xff\xfe").message, "");
}

#[test]
fn half_a_surrogate_pair_stays_what_it_is() {
    let text = |json: &'static str| serde_json::from_str::<Text<'_>>(json).unwrap();
    let body = |text: &Text<'_>| {
        let mut body = Vec::new();
        text.write_body(&mut body);
        String::from_utf8(body).unwrap()
    };
    // An escape of the string, or of the JSON inside of it.
    for json in [r#""{\"input\":\"a\ud800b\"}""#, r#""{\"input\":\"a\\ud800b\"}""#] {
        let args = Args::Encoded(text(json));
        assert_eq!(json_object(&args), r#"{"input":"a\ud800b"}"#);
        assert_eq!(body(&freeform(&args)), r"a\ud800b");
    }
    let plain = text(r#""ls \ud800""#);
    assert_eq!(body(&freeform(&Args::Encoded(plain.clone()))), r"ls \ud800", "no JSON");
    assert_eq!(plain.decoded(), "ls \u{fffd}");
    for (json, expected) in [
        (r#""\ud83d\ude00""#, "\u{1f600}"),
        (r#""\ufffd""#, "\u{fffd}"),
        (r#""\udc00\ud800x""#, r"\udc00\ud800x"),
        (r#""\ud800\ud83d\ude00""#, "\\ud800\u{1f600}"),
    ] {
        assert_eq!(text(json).as_json(), expected, "{json}");
    }
}
