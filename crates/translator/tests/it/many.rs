//! Conversations of very many calls: what names them costs the same for each. A client may give all of them one id, or
//! none. Nothing is timed: with a look at all calls for each of them, these tests would take minutes.
//! Source: translation.md B4, B17.

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::Profile;
use cliproxy_translator::model::{Args, Part, PartKind, Request, Role, ToolCall, ToolResult, Turn};
use cliproxy_translator::pass::call_ids::complete;
use cliproxy_translator::pass::ids::claude_uses;
use cliproxy_translator::pass::turns::{OutPart, TurnPolicy, arrange};
use cliproxy_translator::registry::RequestCall;
use serde_json::{Value, json};

use crate::grid::{REGISTRY, context, model};

const MANY: usize = 60_000;

/// Of whole bodies, whose reading and writing takes longer.
const BODY: usize = 20_000;

fn call(id: String) -> Part<'static> {
    let args = Args::Encoded("{}".into());
    Part::new(PartKind::ToolCall(ToolCall { id: id.into(), name: "f".into(), namespace: None, args }))
}

fn result(id: String) -> Part<'static> {
    let call_id = id.into();
    Part::new(PartKind::ToolResult(ToolResult {
        call_id,
        name: None,
        content: vec![],
        is_error: None,
        raw: None,
    }))
}

/// Calls that were made together, and their results.
fn conversation(id: fn(usize) -> String) -> Vec<Turn<'static>> {
    vec![
        Turn::new(Role::Assistant, (0..MANY).map(|at| call(id(at))).collect()),
        Turn::new(Role::User, (0..MANY).map(|at| result(id(at))).collect()),
    ]
}

#[test]
fn results_find_their_calls_under_one_id_and_under_none() {
    let ids: [fn(usize) -> String; 2] = [|_| "c".to_owned(), |_| String::new()];
    for id in ids {
        let request = Request { turns: conversation(id), ..Request::default() };
        let arranged = arrange(&request, &TurnPolicy::gemini(), &mut |_, part| Some(OutPart::kept(part)));
        assert_eq!(arranged.losses.len(), 0, "each has its own");
    }
}

#[test]
fn calls_of_gemini_s_get_ids_and_their_results_with_them() {
    let ids: [fn(usize) -> String; 2] = [|at| format!("c{at}"), |_| String::new()];
    for id in ids {
        let mut turns = conversation(id);
        complete(&mut turns);
        let [calls, results] = turns.as_slice() else { panic!() };
        for (call, result) in calls.parts.iter().zip(&results.parts) {
            let (PartKind::ToolCall(call), PartKind::ToolResult(result)) = (&call.kind, &result.kind) else {
                panic!()
            };
            assert!(!call.id.is_empty() && call.id == result.call_id && result.name.is_some());
        }
    }
}

#[test]
fn uses_of_one_id_have_names_of_their_own() {
    let uses = (0..).take(MANY).map(|nth| ("c", nth));
    let ids = claude_uses(uses.clone());
    assert!(uses.skip(1).all(|(id, nth)| ids.of_use(id, nth).starts_with("c_")));
}

/// How often a word stands in what a provider gets.
fn count(client: &str, provider: &str, body: &Value, word: &str) -> usize {
    let body = Bytes::from(body.to_string());
    let profile = Profile::new(model(provider), false);
    let (client, wire) = (ClientFormat::from(client.to_owned()), ProviderFormat::from(provider.to_owned()));
    let call = RequestCall::new(&client, &wire, &body, &profile);
    let sent = REGISTRY.translate_request(&call, context()).unwrap().body;
    memchr::memmem::find_iter(&sent, word).count()
}

#[test]
fn searches_that_ran_before_under_one_id() {
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed",
        "action": {"type": "search", "query": "q"}});
    let mut input = vec![json!({"role": "user", "content": "q"})];
    input.extend(vec![search; BODY]);
    let body = json!({"model": "m", "input": input, "tools": [{"type": "web_search"}]});
    assert_eq!(count("openai-response", "kiro", &body, "toolUseId"), 2 * BODY);
}

#[test]
fn searches_that_are_not_claude_s() {
    let blocks = |at: usize| {
        let page = json!({"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": ""});
        [
            json!({"type": "server_tool_use", "id": format!("s{at}"), "name": "web_search", "input": {"query": "q"}}),
            json!({"type": "web_search_tool_result", "tool_use_id": format!("s{at}"), "content": [page]}),
        ]
    };
    let said: Vec<_> = (0..BODY / 2).flat_map(blocks).chain([json!({"type": "text", "text": "a"})]).collect();
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "content": said}, {"role": "user", "content": "q"}]});
    assert_eq!(count("claude", "claude", &body, "web_search"), 0);
}

#[test]
fn images_behind_one_result() {
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}});
    let mut told = vec![json!({"functionResponse": {"name": "f", "response": {"output": "r"}}})];
    told.extend((0..BODY).flat_map(|_| [json!({"text": "t"}), image.clone()]));
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}, {"role": "user", "parts": told}]});
    assert_eq!(count("gemini", "antigravity", &body, "image/png"), BODY);
}
