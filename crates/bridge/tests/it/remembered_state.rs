//! What a Chat client drops and the provider needs back is put back, for that client alone, within bounds.
//! Source: translation.md B38, D.31.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_bridge::{Bridge, Options};
use cliproxy_core::{SessionKey, Target};
use serde_json::{Value, json};

use crate::refused_state::{bridge, bridge_with, credential, sent};
use crate::script::{
    Answer, NOW, Scripted, body, chunk, frames, open, request_in, streamed, target, text, whole,
};

pub fn gpt(name: &str) -> String {
    let mut token = format!("gAAAA{name}");
    token.push_str(&"A".repeat(140 - token.len()));
    token
}

/// A whole reply of Responses: thoughts before each call.
pub fn thinks_and_calls(calls: &[(&str, &str)]) -> Answer {
    let mut output = Vec::new();
    for (id, state) in calls {
        output.push(
            json!({"type": "reasoning", "id": format!("rs_{id}"), "summary": [], "encrypted_content": state}),
        );
        output.push(json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "f",
            "arguments": "{}", "status": "completed"}));
    }
    responds(&output)
}

pub fn thinks_and_says(state: &str, text: &str) -> Answer {
    responds(&[
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": state}),
        json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]}),
    ])
}

pub fn responds(output: &[Value]) -> Answer {
    whole(
        json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-x",
            "output": output, "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}})
        .to_string(),
    )
}

pub fn asks(messages: &Value) -> String {
    json!({"model": "m", "messages": messages}).to_string()
}

pub fn calls(ids: &[&str]) -> Value {
    let calls: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}))
        .collect();
    json!({"role": "assistant", "content": null, "tool_calls": calls})
}

pub fn answer(id: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": "ok"})
}

const HI: &str = "Hi";

pub fn hi() -> Value {
    json!({"role": "user", "content": HI})
}

async fn ask(bridge: &Bridge, executor: &Arc<Scripted>, messages: &Value) {
    ask_of(bridge, target(executor), messages).await;
}

async fn ask_of(bridge: &Bridge, target: Target, messages: &Value) {
    open(bridge, request_in("openai", &asks(messages), false)).attempt(target).await.unwrap();
}

/// The states that went out, each with the call or text behind it.
pub fn states(sent: &Value) -> Vec<(String, String)> {
    let items = sent["input"].as_array().unwrap();
    items
        .windows(2)
        .filter(|pair| pair[0]["type"] == "reasoning")
        .map(|pair| {
            let behind = pair[1]["call_id"].as_str().map_or_else(
                || pair[1]["content"][0]["text"].as_str().unwrap_or_default().to_owned(),
                str::to_owned,
            );
            (pair[0]["encrypted_content"].as_str().unwrap().to_owned(), behind)
        })
        .collect()
}

#[tokio::test]
async fn e659_the_thoughts_of_every_turn_come_back_in_their_order() {
    let bridge = bridge();
    let executor = Arc::new(Scripted::new(
        "openai-response",
        [
            thinks_and_calls(&[("call_1", &gpt("one"))]),
            thinks_and_calls(&[("call_2", &gpt("two")), ("call_3", &gpt("three"))]),
            thinks_and_says(&gpt("four"), "Done."),
            responds(&[]),
        ],
    ));
    let mut messages = vec![hi()];
    for (ids, next) in [(vec!["call_1"], None), (vec!["call_2", "call_3"], None), (vec![], Some("Done."))] {
        ask(&bridge, &executor, &Value::from(messages.clone())).await;
        match next {
            // Clients trim.
            Some(text) => {
                messages.push(json!({"role": "assistant", "content": format!("{text}\n")}));
                messages.push(json!({"role": "user", "content": "Thanks"}));
            }
            None => {
                messages.push(calls(&ids));
                messages.extend(ids.iter().map(|id| answer(id)));
            }
        }
    }
    let last = open(&bridge, request_in("openai", &asks(&Value::from(messages)), false));
    // Nothing in that reply: what counts is what was asked.
    let _empty = last.attempt(target(&executor)).await;
    let pair = |state: &str, behind: &str| (gpt(state), behind.to_owned());
    assert_eq!(
        states(&sent(&executor, 3)),
        [pair("one", "call_1"), pair("two", "call_2"), pair("three", "call_3"), pair("four", "Done.\n")]
    );
    assert_eq!(states(&sent(&executor, 1)), [pair("one", "call_1")]);
}

#[tokio::test]
async fn b38_a_stream_is_remembered_like_a_reply_and_a_broken_one_not_at_all() {
    let events = |whole: bool| {
        let mut events = format!(
            "data: {{\"type\":\"response.created\",\"response\":{{\"id\":\"r\",\"model\":\"gpt-x\"}}}}\n\n\
             data: {{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[]}}}}\n\n\
             data: {{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[],\"encrypted_content\":\"{}\"}}}}\n\n\
             data: {{\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":\"call_1\",\"name\":\"f\",\"arguments\":\"\"}}}}\n\n\
             data: {{\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":\"call_1\",\"name\":\"f\",\"arguments\":\"{{}}\"}}}}\n\n",
            gpt("one")
        );
        if whole {
            events.push_str(
                "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[]}}\n\n",
            );
        }
        streamed([chunk(events)])
    };
    for whole in [true, false] {
        let bridge = bridge();
        let executor = Arc::new(Scripted::new("openai-response", [events(whole), events(true)]));
        for messages in [json!([hi()]), json!([hi(), calls(&["call_1"]), answer("call_1")])] {
            let reply =
                open(&bridge, request_in("openai", &asks(&messages), true)).attempt(target(&executor)).await;
            text(frames(reply.unwrap())).await;
        }
        let found = states(&sent(&executor, 1));
        assert_eq!(found.len(), usize::from(whole), "{found:?}");
    }
}

#[tokio::test]
async fn e652_e658_another_model_conversation_person_or_account_finds_nothing() {
    type Change = fn(&mut Target, &mut cliproxy_core::ClientRequest);
    let changes: [(&str, bool, Change); 5] = [
        ("the same", true, |_, _| {}),
        ("model", false, |target, _| target.model = "gpt-y".into()),
        ("conversation", false, |_, request| {
            request.session = Some((SessionKey::from_static("other"), false))
        }),
        ("person", false, |_, request| request.principal = "other".into()),
        // OpenAI's state can be read by the account that it was made for.
        ("account", false, |target, _| target.credential = Arc::new(credential("scripted:2"))),
    ];
    for (name, found, change) in changes {
        let bridge = bridge();
        let answers = [thinks_and_calls(&[("call_1", &gpt("one"))]), responds(&[])];
        let executor = Arc::new(Scripted::new("openai-response", answers));
        ask(&bridge, &executor, &json!([hi()])).await;
        let mut target = target(&executor);
        let mut request =
            request_in("openai", &asks(&json!([hi(), calls(&["call_1"]), answer("call_1")])), false);
        change(&mut target, &mut request);
        let _empty = open(&bridge, request).attempt(target).await;
        assert_eq!(!states(&sent(&executor, 1)).is_empty(), found, "{name}");
    }
}

#[tokio::test]
async fn e654_e655_e656_two_branches_of_a_conversation_do_not_overwrite_each_other() {
    let bridge = bridge();
    let executor = Arc::new(Scripted::new(
        "openai-response",
        [
            thinks_and_calls(&[("call_a", &gpt("a"))]),
            thinks_and_calls(&[("call_b", &gpt("b"))]),
            thinks_and_calls(&[("call_a2", &gpt("a2"))]),
            responds(&[]),
            responds(&[]),
        ],
    ));
    // The same question twice, answered by different calls; the older branch goes on after the newer was written.
    ask(&bridge, &executor, &json!([hi()])).await;
    ask(&bridge, &executor, &json!([hi()])).await;
    let older = json!([hi(), calls(&["call_a"]), answer("call_a")]);
    ask(&bridge, &executor, &older).await;
    for (place, id) in [(3, "call_b"), (4, "call_a")] {
        let branch = json!([hi(), calls(&[id]), answer(id)]);
        let exchange = open(&bridge, request_in("openai", &asks(&branch), false));
        let _empty = exchange.attempt(target(&executor)).await;
        assert_eq!(states(&sent(&executor, place)), [(gpt(&id[5..]), id.to_owned())]);
    }
}

#[tokio::test]
async fn e657_e660_the_oldest_give_way_what_is_too_large_is_not_kept_and_age_ends_it() {
    let mut options = Options::default();
    options.state_bytes = 8 * 400;
    options.state_age = Duration::from_secs(60);
    let bridge = bridge_with(options.clone());
    let large = gpt("large").repeat(4);
    let mut answers = vec![thinks_and_calls(&[("large", &large)])];
    answers.extend((0..12).map(|n| thinks_and_calls(&[(&*format!("call_{n}"), &gpt(&n.to_string()))])));
    answers.extend((0..5).map(|_| responds(&[])));
    let executor = Arc::new(Scripted::new("openai-response", answers));
    for _ in 0..13 {
        ask(&bridge, &executor, &json!([hi()])).await;
    }
    let finds = async |place: usize, id: &str, later: u64| {
        let mut target = target(&executor);
        target.now = NOW.plus(Duration::from_secs(later));
        let branch = asks(&json!([hi(), calls(&[id]), answer(id)]));
        let _empty = open(&bridge, request_in("openai", &branch, false)).attempt(target).await;
        !states(&sent(&executor, place)).is_empty()
    };
    assert!(!finds(13, "large", 0).await, "more than its share");
    assert!(!finds(14, "call_0", 0).await, "the oldest gave way");
    assert!(finds(15, "call_11", 50).await);
    assert!(finds(16, "call_11", 100).await, "what is used stays young");
    assert!(!finds(17, "call_11", 200).await, "too old");

    options.state_bytes = 0;
    let off = bridge_with(options);
    let executor = Arc::new(Scripted::new(
        "openai-response",
        [thinks_and_calls(&[("call_1", &gpt("one"))]), responds(&[])],
    ));
    ask(&off, &executor, &json!([hi()])).await;
    let branch = asks(&json!([hi(), calls(&["call_1"]), answer("call_1")]));
    let _empty = open(&off, request_in("openai", &branch, false)).attempt(target(&executor)).await;
    assert!(states(&sent(&executor, 1)).is_empty(), "it can be switched off");
}

#[tokio::test]
async fn b38_a_reload_keeps_what_is_remembered_within_the_new_bounds() {
    let bridge = bridge();
    let executor = Arc::new(Scripted::new(
        "openai-response",
        [thinks_and_calls(&[("call_1", &gpt("one"))]), responds(&[]), responds(&[])],
    ));
    ask(&bridge, &executor, &json!([hi()])).await;
    let branch = asks(&json!([hi(), calls(&["call_1"]), answer("call_1")]));
    let mut options = Options::default();
    for (place, bytes, found) in [(1, 1 << 20, true), (2, 1, false)] {
        options.state_bytes = bytes;
        bridge.reconfigure(options.clone());
        let _empty = open(&bridge, request_in("openai", &branch, false)).attempt(target(&executor)).await;
        assert_eq!(!states(&sent(&executor, place)).is_empty(), found, "{bytes}");
    }
}

fn gemini_says(parts: &Value) -> Answer {
    whole(
        json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}})
        .to_string(),
    )
}

const GEMINI: &str =
    "EjwKOgEMOdbHAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[tokio::test]
async fn b28_b38_signatures_of_gemini_s_calls_and_texts_come_back() {
    // Whether the provider named its calls or not.
    for id in [Some("fc-1"), None] {
        let bridge = bridge();
        let mut call = json!({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": GEMINI});
        if let Some(id) = id {
            call["functionCall"]["id"] = id.into();
        }
        let text = json!([{"text": "Done.", "thoughtSignature": GEMINI}]);
        let answers = [gemini_says(&json!([call])), gemini_says(&text), gemini_says(&text)];
        let executor = Arc::new(Scripted::new("gemini", answers));
        let gemini = || {
            let mut target = target(&executor);
            target.model = "gemini-3-pro".into();
            target
        };
        let asked = open(&bridge, request_in("openai", &asks(&json!([hi()])), false));
        let reply = body(asked.attempt(gemini()).await.unwrap());
        let reply: Value = serde_json::from_slice(&reply.body).unwrap();
        // This client drops `extra_content`, as many do.
        let id = reply["choices"][0]["message"]["tool_calls"][0]["id"].as_str().unwrap().to_owned();
        let mut messages = vec![hi(), calls(&[&id]), answer(&id)];
        ask_of(&bridge, gemini(), &Value::from(messages.clone())).await;
        assert_eq!(sent(&executor, 1)["contents"][1]["parts"][0]["thoughtSignature"], GEMINI, "{id}");
        messages.push(json!({"role": "assistant", "content": "Done."}));
        messages.push(json!({"role": "user", "content": "More"}));
        ask_of(&bridge, gemini(), &Value::from(messages)).await;
        let contents = sent(&executor, 2)["contents"].clone();
        assert_eq!(
            contents[3]["parts"],
            json!([{"text": "Done.", "thoughtSignature": GEMINI}]),
            "{contents:#}"
        );
    }
}

pub fn claude_says(content: &Value) -> Answer {
    whole(
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
            "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}})
        .to_string(),
    )
}

pub fn signature(name: &str) -> String {
    // Field 2, in it field 1, in it a message that begins with a version: Claude's.
    format!("EkQKQggBGAIqPA{}{name}", "A".repeat(82 - name.len()))
}

#[tokio::test]
async fn e651_claude_s_signatures_come_back_to_thoughts_that_the_client_returns() {
    for (signature, thought, returned, found) in [
        (signature("AAA"), "Let me think.", Some("Let me think."), true),
        (signature("AAA"), "Let me think.", None, false),
        (signature("AAA"), "Let me think.", Some("Something else."), false),
        // E651: too short to be one.
        ("EgQKAggB".to_owned(), "Let me think.", Some("Let me think."), false),
    ] {
        let bridge = bridge();
        let content = json!([
            {"type": "thinking", "thinking": thought, "signature": signature},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
        ]);
        let executor = Arc::new(Scripted::new("claude", [claude_says(&content), claude_says(&json!([]))]));
        let claude = || {
            let mut target = target(&executor);
            target.model = "claude-x".into();
            target
        };
        ask_of(&bridge, claude(), &json!([hi()])).await;
        let mut turn = calls(&["toolu_1"]);
        if let Some(text) = returned {
            turn["reasoning_content"] = text.into();
        }
        let branch = asks(&json!([hi(), turn, answer("toolu_1")]));
        let _empty = open(&bridge, request_in("openai", &branch, false)).attempt(claude()).await;
        let sent = sent(&executor, 1)["messages"][1]["content"].clone();
        let expected = json!({"type": "thinking", "thinking": thought, "signature": signature});
        assert_eq!(sent[0] == expected, found, "{returned:?}: {sent:#}");
    }
}

#[tokio::test]
async fn b38_encrypted_thoughts_of_claude_come_back_before_their_call() {
    let bridge = bridge();
    let content = json!([
        {"type": "redacted_thinking", "data": signature("AAA")},
        {"type": "thinking", "thinking": "", "signature": signature("BBB")},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    ]);
    let executor = Arc::new(Scripted::new("claude", [claude_says(&content), claude_says(&json!([]))]));
    let claude = || {
        let mut target = target(&executor);
        target.model = "claude-x".into();
        target
    };
    ask_of(&bridge, claude(), &json!([hi()])).await;
    let mut turn = calls(&["toolu_1"]);
    turn["content"] = "Let me look.".into();
    let branch = asks(&json!([hi(), turn, answer("toolu_1")]));
    let _empty = open(&bridge, request_in("openai", &branch, false)).attempt(claude()).await;
    assert_eq!(sent(&executor, 1)["messages"][1]["content"], content);
}

#[tokio::test]
async fn e661_state_of_another_issuer_is_not_kept_for_a_target() {
    let bridge = bridge();
    let answers = [thinks_and_calls(&[("call_1", &gpt("one"))]), responds(&[])];
    let executor = Arc::new(Scripted::new("openai-response", answers));
    let grok = || {
        let mut target = target(&executor);
        target.model = "grok-4".into();
        target
    };
    ask_of(&bridge, grok(), &json!([hi()])).await;
    let branch = asks(&json!([hi(), calls(&["call_1"]), answer("call_1")]));
    let _empty = open(&bridge, request_in("openai", &branch, false)).attempt(grok()).await;
    assert!(states(&sent(&executor, 1)).is_empty(), "what GPT signed is not Grok's");
}

#[tokio::test]
async fn no_text_and_no_state_shows_in_what_is_printed() {
    let bridge = bridge();
    let answers = [thinks_and_says(&gpt("CANARY"), "CANARY text")];
    let executor = Arc::new(Scripted::new("openai-response", answers));
    ask(&bridge, &executor, &json!([{"role": "user", "content": "CANARY question"}])).await;
    let printed = format!("{bridge:?}");
    assert!(printed.contains("entries: 1") && !printed.contains("CANARY"), "{printed}");
}
