//! Conversations of very many calls, tools and messages: what names them, or finds their names, costs the same for each. A
//! client may give all calls one id, or none, and names that all become one. Nothing is timed: with a look at all of them
//! for each of them, these tests would take minutes. Source: translation.md B4 to B7, B9, B17, B25.

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::Profile;
use cliproxy_translator::model::{Args, Issuer, Part, PartKind, Request, Role, ToolCall, ToolResult, Turn};
use cliproxy_translator::pass::call_ids::complete;
use cliproxy_translator::pass::ids::claude_uses;
use cliproxy_translator::pass::recall::{Anchor, Recall, State, restore};
use cliproxy_translator::pass::turns::{OutPart, TurnPolicy, arrange};
use cliproxy_translator::registry::RequestCall;
use serde_json::{Value, json};

use crate::grid::{REGISTRY, context, model};

const MANY: usize = 60_000;

/// Of whole bodies, whose reading and writing takes longer.
const BODY: usize = 20_000;

/// Of messages that say one letter.
const LETTERS: usize = 200_000;

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
pub(crate) fn count(client: &str, provider: &str, body: &Value, word: &str) -> usize {
    count_of(client, provider, false, body, word)
}

fn count_of(client: &str, provider: &str, strict: bool, body: &Value, word: &str) -> usize {
    memchr::memmem::find_iter(&sent(client, provider, strict, body), word).count()
}

/// What a provider gets.
pub(crate) fn sent(client: &str, provider: &str, strict: bool, body: &Value) -> Vec<u8> {
    let body = Bytes::from(body.to_string());
    let mut profile = Profile::new(model(provider), false);
    profile.strict = strict;
    let (client, wire) = (ClientFormat::from(client.to_owned()), ProviderFormat::from(provider.to_owned()));
    let call = RequestCall::new(&client, &wire, &body, &profile);
    REGISTRY.translate_request(&call, context()).unwrap().body.to_vec()
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

/// Three letters out of a thousand, none of which is ASCII.
fn foreign(at: usize) -> String {
    let letter = |digit: usize| char::from_u32(0x4e00 + u32::try_from(digit % 1000).unwrap()).unwrap();
    [letter(at / 1_000_000), letter(at / 1000), letter(at)].iter().collect()
}

fn named(at: usize) -> String {
    format!("n{at}")
}

fn functions(names: impl Iterator<Item = String>) -> Vec<Value> {
    names.map(|name| json!({"type": "function", "function": {"name": name}})).collect()
}

/// A Chat client's question, with some tools.
fn question(tools: &[Value]) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "q"}], "tools": tools})
}

#[test]
fn names_that_would_be_one_at_claude() {
    let names = (0..BODY).map(foreign);
    assert_eq!(count("openai", "claude", &question(&functions(names)), r#""name":"___"#), BODY);
}

#[test]
fn one_name_that_gemini_does_not_take_among_many_that_it_takes() {
    let names = (1..MANY).map(named).chain(["é".to_owned()]);
    assert_eq!(count("openai", "antigravity", &question(&functions(names)), r#""name":"#), MANY);
}

#[test]
fn names_that_begin_with_the_same_64_bytes() {
    let names: Vec<_> = (0..BODY).map(|at| format!("{:n<64}{at}", "")).collect();
    let body = question(&functions(names.into_iter()));
    for provider in ["openai-response", "codex", "kiro"] {
        assert_eq!(count("openai", provider, &body, r#""name":"nnnn"#), BODY, "{provider}");
    }
}

#[test]
fn tools_of_different_names() {
    let names = || functions((0..MANY).map(named));
    assert_eq!(count("openai", "claude", &question(&names()), r#""name":"#), MANY);
    let flat: Vec<_> = (0..MANY).map(|at| json!({"type": "function", "name": named(at)})).collect();
    let body = json!({"model": "m", "input": "q", "tools": flat});
    assert_eq!(count("openai-response", "openai", &body, r#""name":"#), MANY);
}

#[test]
fn tools_of_google_s_that_nobody_knows() {
    let tools: Vec<_> = (0..MANY).map(|at| json!({named(at): {}})).collect();
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}], "tools": tools});
    assert_eq!(count("gemini", "antigravity", &body, r#"{"n"#), MANY);
}

#[test]
fn tools_that_a_long_list_allows() {
    let allowed = (2 * BODY..4 * BODY).chain(0..BODY).map(named);
    let choice =
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": functions(allowed)}});
    let mut body = question(&functions((0..2 * BODY).map(named)));
    body["tool_choice"] = choice;
    for (provider, names) in
        [("claude", BODY), ("openai-response", 5 * BODY), ("gemini", 2 * BODY), ("kiro", BODY)]
    {
        assert_eq!(count("openai", provider, &body, r#""name":"#), names, "{provider}");
    }
    let body = json!({"model": "m", "contents": [{"role": "user", "parts": [{"text": "q"}]}],
        "tools": [{"functionDeclarations": (0..2 * BODY).map(|at| json!({"name": named(at)})).collect::<Vec<_>>()}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY",
            "allowedFunctionNames": (2 * BODY..4 * BODY).chain(0..BODY).map(named).collect::<Vec<_>>()}}});
    assert_eq!(count("gemini", "openai", &body, r#""name":"#), BODY);
}

#[test]
fn calls_of_tools_that_are_not_declared() {
    let mut tools = functions((0..MANY).map(named));
    tools.extend((0..BODY).map(|at| json!({"type": "custom", "custom": {"name": format!("c{at}")}})));
    let called = json!({"name": "f", "arguments": "{}"});
    let call = |at| json!({"id": format!("i{at}"), "type": "function", "function": called});
    let mut body = question(&tools);
    let calls: Vec<_> = (0..BODY).map(call).collect();
    let said = json!({"role": "assistant", "content": null, "tool_calls": calls});
    body["messages"].as_array_mut().unwrap().push(said);
    assert_eq!(count("openai", "openai-response", &body, r#""name":"f""#), BODY);

    let mut tools: Vec<_> = (0..BODY).map(|at| json!({"type": "function", "name": named(at)})).collect();
    tools.extend((0..MANY).map(|at| json!({"type": "custom", "name": format!("c{at}")})));
    let mut input = vec![json!({"role": "user", "content": "q"})];
    let call =
        |at| json!({"type": "function_call", "call_id": format!("i{at}"), "name": "f", "arguments": "{}"});
    input.extend((0..BODY).map(call));
    let body = json!({"model": "m", "input": input, "tools": tools});
    assert_eq!(count_of("openai-response", "openai", true, &body, r#""name":"f""#), BODY);
}

#[test]
fn calls_that_a_namespace_may_mean() {
    let inner: Vec<_> = (0..MANY).map(|at| json!({"type": "function", "name": named(at)})).collect();
    let mut input = vec![json!({"role": "user", "content": "q"})];
    input.extend((0..BODY).map(|at| {
        json!({"type": "function_call", "call_id": format!("i{at}"), "name": named(MANY - 1), "arguments": "{}"})
    }));
    let body =
        json!({"model": "m", "input": input, "tools": [{"type": "namespace", "name": "s", "tools": inner}]});
    let name = format!(r#""name":"s__{}""#, named(MANY - 1));
    assert_eq!(count("openai-response", "openai", &body, &name), BODY + 1);
}

#[test]
fn system_messages_that_stay_in_their_places() {
    let messages = vec![json!({"role": "system", "content": "a"}); LETTERS];
    let body = json!({"model": "m", "messages": messages});
    assert_eq!(count("openai", "openai-response", &body, r#""role":"system""#), LETTERS);
}

/// State of one client that has nothing for anybody here.
#[derive(Debug)]
struct Elsewhere;

impl Recall for Elsewhere {
    fn issuer(&self) -> Issuer {
        Issuer::Claude
    }

    fn find(&self, _: &Anchor<'_>) -> Option<Vec<State>> {
        None
    }
}

#[test]
fn a_question_with_many_answers_is_hashed_once() {
    let question = "word ".repeat(1_000_000);
    let answers = (0..MANY).map(|_| Turn::new(Role::Assistant, vec![Part::text("a")]));
    let asked = Turn::new(Role::User, vec![Part::text(question.as_str())]);
    let last = Turn::new(Role::User, vec![Part::text("b")]);
    let mut request = Request {
        turns: std::iter::once(asked).chain(answers).chain([last]).collect(),
        ..Request::default()
    };
    let alone = Turn::new(Role::User, vec![Part::text("b")]);
    let expected = restore(&mut Request { turns: vec![alone], ..Request::default() }, &Elsewhere);
    assert_eq!(restore(&mut request, &Elsewhere), expected, "the last question counts");
}
