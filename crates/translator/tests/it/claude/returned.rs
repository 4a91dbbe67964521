//! What Claude's clients bring back that Claude never said: bodies that pass through, and the same said again.
//! Source: translation.md B29, B30, B85, F27, E641 to E649; Messages API reference, "Extended thinking".

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::pass::errors::{probe_error, refuses_state};
use cliproxy_translator::registry::RequestCall;
use cliproxy_translator::{Codec, Patch, Profile, StateGate};
use serde_json::{Value, json};

use super::codec;
use crate::grid::{REGISTRY, check_request, context};

/// Signatures as they look: Claude's, the same in two layers, Gemini's.
const CLAUDE: &str = "EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu";
const TWICE: &str = "RWhnS0ZnZ0JFaEpqYkdGMVpHVXRkR2hwYm10cGJtY3RZbWx1";
const GEMINI: &str = "EgoKCPr7/P3+/wED";
/// GPT's, as our clients get it.
const GPT: &str = "cliproxy:gpt:gAAAAxyz";

/// A gate that lets everything pass, or nothing: the provider refused this very request.
#[derive(Debug)]
struct Gate {
    open: bool,
}

impl StateGate for Gate {
    fn passes(&self, _state: &str) -> bool {
        self.open
    }

    fn passes_nothing(&self) -> bool {
        !self.open
    }
}

/// What goes out of a body that passes, and what is told to be lost.
fn pass(body: &str, gate: Option<bool>) -> (String, Vec<String>) {
    let mut patch = Patch::default();
    patch.gate = gate.map(|open| -> Arc<dyn StateGate> { Arc::new(Gate { open }) });
    let done = codec().patch_request(&Bytes::copy_from_slice(body.as_bytes()), &patch).unwrap();
    let told = done.losses.iter().map(|loss| loss.what.to_string()).collect();
    (String::from_utf8(done.body.to_vec()).unwrap(), told)
}

/// The same of a body that is said again in its own format.
fn again(body: &Value) -> (Value, Vec<String>) {
    let profile = Profile::new("claude-sonnet-4-5", false);
    let (client, provider) = (ClientFormat::CLAUDE, ProviderFormat::CLAUDE);
    let bytes = Bytes::from(body.to_string());
    let call = RequestCall::new(&client, &provider, &bytes, &profile).said_again(true);
    let done = REGISTRY.translate_request(&call, context()).unwrap();
    let sent = serde_json::from_slice(&done.body).unwrap();
    check_request("claude", &sent);
    (sent, done.losses.iter().map(|loss| loss.what.to_string()).collect())
}

fn said(model: &str, block: &str) -> String {
    format!(
        r#"{{"model":"{model}", "messages":[{{"role":"assistant","content":[{block},{{"type":"text","text":"a"}}]}}]}}"#
    )
}

#[test]
fn e641_e644_thoughts_that_claude_did_not_sign_stop_here_whatever_stands_in_their_place() {
    let thought = |signature: &str| format!(r#"{{"type":"thinking","thinking":"t"{signature}}}"#);
    let signed = |value: &str| thought(&format!(r#","signature":"{value}""#));
    let newer = "CAISHAoaChhjbGF1ZGUtb3B1cw==";
    for (case, block, stays) in [
        // Who signs nothing may say so in three ways.
        ("no signature", thought(""), false),
        ("null", thought(r#","signature":null"#), false),
        ("no text", thought(r#","signature":7"#), false),
        ("E644", signed(GEMINI), false),
        ("a value with an escape", signed(&format!("\\u0045{}", &GEMINI[1..])), false),
        ("of two the last counts", thought(&format!(r#","signature":"{CLAUDE}","signature":null"#)), false),
        ("Claude's own", signed(CLAUDE), true),
        ("Claude's own, newer", signed(newer), true),
        ("a form that nobody knows", signed("EabC"), true),
        ("a form that nobody knows in two layers", signed("RWFiQw=="), true),
        (
            "in another order",
            format!(r#"{{ "signature" : "{CLAUDE}", "thinking":"t", "type" : "thinking" }}"#),
            true,
        ),
        (
            "with something between",
            format!(r#"{{"type": "thinking" , "x":{{"type":"thinking"}},"signature": "{CLAUDE}"}}"#),
            true,
        ),
    ] {
        let body = said("claude-x", &block);
        let (sent, told) = pass(&body, None);
        if stays {
            assert_eq!((sent, told), (body, vec![]), "{case}");
            continue;
        }
        let sent: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(sent["messages"][0]["content"], json!([{"type":"text","text":"a"}]), "{case}");
        assert_eq!(told, ["message.thinking"], "{case}");
        // Backends that only speak the format take them (E642).
        let body = said("deepseek-x", &block);
        assert_eq!(pass(&body, None), (body, vec![]), "{case}");
    }
}

#[test]
fn what_is_signed_or_no_thought_at_all_is_not_taken_apart() {
    // The same buffer: neither messages nor tools are read one by one.
    let signed = format!(r#"{{"type":"thinking","thinking":"t","signature":"{CLAUDE}"}}"#);
    for body in [
        said("claude-x", &signed),
        said("claude-x", &[&*signed, &signed].join(",")),
        said(
            "claude-x",
            r#"{"type":"tool_use","id":"a","name":"f","input":{"thinking":"x","signature":"fn f()"}}"#,
        ),
        said("claude-x", r#"{"type":"text","text":"{\"type\":\"thinking\"}"}"#),
    ] {
        let body = Bytes::from(body);
        let done = codec().patch_request(&body, &Patch::default()).unwrap();
        assert_eq!(done.body.as_ptr(), body.as_ptr(), "{body:?}");
    }
}

#[test]
fn e645_of_two_layers_claude_gets_the_inner_one() {
    let block =
        |signature: &str| format!(r#"{{"type":"thinking","thinking":"t","signature":"{signature}"}}"#);
    let (sent, told) = pass(&said("claude-x", &block(TWICE)), None);
    assert_eq!((sent, told), (said("claude-x", &block(CLAUDE)), vec![]), "nothing is lost");
    // Padding that is left out changes nothing.
    let (sent, _) = pass(&said("claude-x", &block(TWICE.trim_end_matches('='))), None);
    assert_eq!(sent, said("claude-x", &block(CLAUDE)));
    // Who only speaks the format may have signed so.
    let other = said("kimi-k2", &block(TWICE));
    assert_eq!(pass(&other, None), (other.clone(), vec![]));
}

#[test]
fn citations_that_claude_did_not_make_go_with_their_search() {
    let cited = |index: &str| json!({"type":"web_search_result_location","url":"u","title":"t","encrypted_index":index,"cited_text":"c"});
    let of_document = json!({"type":"char_location","cited_text":"c","document_index":0,"document_title":null,
        "start_char_index":0,"end_char_index":1});
    let pair = |content: &str| {
        [
            json!({"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"q"}}),
            json!({"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[
                {"type":"web_search_result","url":"u","title":"t","encrypted_content":content,"page_age":null}]}),
        ]
    };
    let text = |citations: Option<Value>| {
        let mut block = json!({"type":"text","text":"a"});
        if let Some(citations) = citations {
            block["citations"] = citations;
        }
        block
    };
    let [asked, found] = pair("");
    let [own_asked, own_found] = pair("EqgfCioIARgB");
    for (case, content, expected, told) in [
        (
            "with its search",
            json!([asked, found, text(Some(json!([cited(""), cited("")])))]),
            json!([text(None)]),
            vec!["message.web_search_tool_result", "message.citations"],
        ),
        ("alone", json!([text(Some(json!([cited("")])))]), json!([text(None)]), vec!["message.citations"]),
        (
            "beside others",
            json!([text(Some(json!([of_document, cited(""), cited("Eo8B")])))]),
            json!([text(Some(json!([of_document, cited("Eo8B")])))]),
            vec!["message.citations"],
        ),
        (
            "Claude's own",
            json!([own_asked, own_found, text(Some(json!([cited("Eo8B")])))]),
            json!([own_asked, own_found, text(Some(json!([cited("Eo8B")])))]),
            vec![],
        ),
    ] {
        let told: Vec<String> = told.into_iter().map(str::to_owned).collect();
        let body = json!({"model":"claude-x","max_tokens":9,"messages":[
            {"role":"user","content":[{"type":"text","text":"q"}]},
            {"role":"assistant","content":content},
            {"role":"user","content":[{"type":"text","text":"and"}]}]});
        let (sent, lost) = pass(&body.to_string(), None);
        let sent: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!((&sent["messages"][1]["content"], lost), (&expected, told.clone()), "{case}");
        let (sent, lost) = again(&body);
        assert_eq!((&sent["messages"][1]["content"], lost), (&expected, told), "{case}, again");
    }
}

fn thought(signature: &str) -> Value {
    json!({"type":"thinking","thinking":"t","signature":signature})
}

fn call(id: &str) -> Value {
    json!({"type":"tool_use","id":id,"name":"f","input":{}})
}

fn answer(id: &str) -> Value {
    json!({"role":"user","content":[{"type":"tool_result","tool_use_id":id,"content":"ok"}]})
}

fn assistant(blocks: &[Value]) -> Value {
    json!({"role":"assistant","content":blocks})
}

fn user() -> Value {
    json!({"role":"user","content":"q"})
}

fn with_budget(messages: &[Value]) -> Value {
    json!({"model":"claude-x","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":messages})
}

#[test]
fn b30_a_turn_that_loses_its_thoughts_here_asks_for_none() {
    let text = json!({"type":"text","text":"a"});
    for (case, thinks, messages) in [
        ("its only step", false, vec![user(), assistant(&[thought(GPT), call("a")]), answer("a")]),
        (
            "its first, and the next had none",
            false,
            vec![
                user(),
                assistant(&[thought(GPT), call("a")]),
                answer("a"),
                assistant(&[call("b")]),
                answer("b"),
            ],
        ),
        (
            "a word before the call",
            false,
            vec![user(), assistant(&[thought(GPT), text.clone(), call("a")]), answer("a")],
        ),
        // What is left is as Claude itself says it.
        (
            "a later one",
            true,
            vec![
                user(),
                assistant(&[thought(CLAUDE), call("a")]),
                answer("a"),
                assistant(&[thought(GPT), call("b")]),
                answer("b"),
            ],
        ),
        (
            "the latest one has its own",
            true,
            vec![
                user(),
                assistant(&[thought(GPT), call("a")]),
                answer("a"),
                assistant(&[thought(CLAUDE), call("b")]),
                answer("b"),
            ],
        ),
        (
            "an earlier turn",
            true,
            vec![
                user(),
                assistant(&[thought(GPT), text.clone()]),
                user(),
                assistant(&[thought(CLAUDE), call("b")]),
                answer("b"),
            ],
        ),
        (
            "no turn goes on",
            true,
            vec![
                user(),
                assistant(&[thought(GPT), call("a")]),
                answer("a"),
                assistant(std::slice::from_ref(&text)),
                user(),
            ],
        ),
    ] {
        let body = with_budget(&messages);
        for gate in [None, Some(true)] {
            let (sent, told) = pass(&body.to_string(), gate);
            assert!(!sent.contains("cliproxy"), "{case}: {sent}");
            let sent: Value = serde_json::from_str(&sent).unwrap();
            assert_eq!(sent.get("thinking").is_some(), thinks, "{case} {gate:?}: {sent}");
            assert_eq!(told.iter().any(|what| what == "thinking"), !thinks, "{case} {gate:?}: {told:?}");
        }
        let (sent, told) = again(&body);
        assert_eq!(sent.get("thinking").is_some(), thinks, "{case}, again: {sent}");
        assert_eq!(told.iter().any(|what| what == "thinking"), !thinks, "{case}, again: {told:?}");
    }
    // Adaptive thinking asks for no thoughts before calls.
    let mut body = with_budget(&[user(), assistant(&[thought(GPT), call("a")]), answer("a")]);
    body["thinking"] = json!({"type":"adaptive"});
    let sent: Value = serde_json::from_str(&pass(&body.to_string(), None).0).unwrap();
    assert_eq!(sent["thinking"], body["thinking"]);
}

#[test]
fn b30_a_turn_that_loses_nothing_here_keeps_its_thinking() {
    // Without interleaved thinking, only the first step of a turn has thoughts: whatever anybody else had refused.
    let documented =
        [user(), assistant(&[thought(CLAUDE), call("a")]), answer("a"), assistant(&[call("b")]), answer("b")];
    let body = with_budget(&documented).to_string();
    for gate in [None, Some(true)] {
        assert_eq!(pass(&body, gate), (body.clone(), vec![]), "{gate:?}");
    }
    assert_eq!(again(&with_budget(&documented)).0["thinking"]["budget_tokens"], 2000);
    // Once Claude refused it, all thoughts go, and with them the thinking.
    let (sent, told) = pass(&body, Some(false));
    assert!(!sent.contains("thinking"), "{sent}");
    assert_eq!(told, ["thinking", "message.thinking"]);
    // A turn that came without any is for Claude to judge. Once it did, there is no thinking in the turn.
    let bare = [user(), assistant(&[call("a")]), answer("a")];
    let body = with_budget(&bare).to_string();
    for gate in [None, Some(true)] {
        assert_eq!(pass(&body, gate), (body.clone(), vec![]), "{gate:?}");
    }
    let (sent, told) = pass(&body, Some(false));
    assert!(!sent.contains("thinking"), "{sent}");
    assert_eq!(told, ["thinking"]);
}

#[test]
fn b30_a_signature_that_is_missed_is_a_state_that_is_refused() {
    let error = |message: &str| {
        let body = json!({"type":"error","error":{"type":"invalid_request_error","message":message}});
        refuses_state(&probe_error(body.to_string().as_bytes()))
    };
    assert!(error("messages.1.content.0.thinking.signature: Field required"));
    assert!(!error("messages.1.content.0.thinking.thinking: Field required"));
    assert!(!error("tools.0.custom.input_schema.type: Field required"));
    // A backend of another name that wants them signed all the same: the next attempt has no unsigned ones.
    let body = said("some-alias", r#"{"type":"thinking","thinking":"t"}"#);
    assert_eq!(pass(&body, Some(true)), (body.clone(), vec![]));
    let (sent, told) = pass(&body, Some(false));
    assert!(!sent.contains("thinking"), "{sent}");
    assert_eq!(told, ["message.thinking"]);
}

#[test]
fn e642_backends_that_take_unsigned_thoughts_get_them_whatever_their_model_is_called() {
    // DeepSeek's endpoint of this format answers to the names of Claude's models.
    let body = said("claude-opus-4-6", r#"{"type":"thinking","thinking":"t"}"#);
    let mut patch = Patch::default();
    patch.keeps_reasoning_text = true;
    let bytes = Bytes::from(body.clone());
    let done = codec().patch_request(&bytes, &patch).unwrap();
    assert_eq!((done.body.as_ptr(), done.losses.len()), (bytes.as_ptr(), 0));
    assert!(!pass(&body, None).0.contains("thinking"));
}

#[test]
fn what_clears_thinking_goes_with_the_thinking() {
    let clear = json!({"type":"clear_thinking_20251015","keep":"all"});
    let tools = json!({"type":"clear_tool_uses_20250919"});
    let lost = [user(), assistant(&[thought(GPT), call("a")]), answer("a")];
    let kept = [user(), assistant(&[thought(CLAUDE), call("a")]), answer("a")];
    for (edits, left) in [
        (json!({"edits":[clear]}), None),
        (json!({"edits":[clear, tools]}), Some(json!({"edits":[tools]}))),
        (json!({"edits":[tools]}), Some(json!({"edits":[tools]}))),
    ] {
        let with = |messages: &[Value]| {
            let mut body = with_budget(messages);
            body["context_management"] = edits.clone();
            body
        };
        let body = with(&lost);
        let (sent, told) = pass(&body.to_string(), None);
        let sent: Value = serde_json::from_str(&sent).unwrap();
        let passed = (sent.get("thinking").cloned(), sent.get("context_management").cloned());
        assert_eq!(passed, (None, left.clone()), "{edits}");
        let changes = left.as_ref() != Some(&edits);
        assert_eq!(told.iter().any(|what| what == "context_management"), changes, "{edits}: {told:?}");
        let (sent, told) = again(&body);
        assert_eq!(sent.get("context_management").cloned(), left, "{edits}");
        assert_eq!(told.iter().any(|what| what == "context_management"), changes, "{edits}: {told:?}");
        // With thinking it stays.
        let body = with(&kept).to_string();
        assert_eq!(pass(&body, None), (body.clone(), vec![]), "{edits}");
    }
}
