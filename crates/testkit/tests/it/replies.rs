//! Claude and Chat stand-ins: their streams add up to their whole replies.

use cliproxy_testkit::{FakeUpstream, Reply, TestClient, chat, claude};
use serde_json::{Value, json};

pub async fn events(reply: Reply) -> Vec<Value> {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([reply.split_every(7)]);
    let events = TestClient::new(upstream.url()).post("/", &json!({})).await.events().await;
    events
        .iter()
        .filter(|event| event.data != "[DONE]" && event.event != "ping")
        .map(|event| event.json())
        .collect()
}

pub fn rich_message() -> claude::Message {
    claude::Message::new()
        .thinking("let me think — carefully", "c2lnbmF0dXJl")
        .text("héllo wörld")
        .tool_use("toolu_01", "get_weather", json!({"city": "Zürich"}))
        .tool_use("toolu_02", "get_time", json!({}))
        .usage(100, 20)
        .cached(80, 5)
}

pub fn rich_completion() -> chat::Completion {
    chat::Completion::new()
        .reasoning("hm")
        .text("héllo")
        .tool_call("call_1", "get_weather", r#"{"city":"Zürich"}"#)
        .tool_call("call_2", "get_time", "{}")
        .usage(100, 20)
        .usage_details(80, 4)
}

#[test]
fn a_claude_message_has_its_blocks_in_order() {
    let message = rich_message().to_json();
    let kinds: Vec<_> =
        message["content"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
    assert_eq!(message["stop_reason"], "tool_use");
}

#[tokio::test]
async fn a_claude_stream_adds_up_to_its_message() {
    let whole = rich_message().to_json();
    let mut texts = vec![String::new(); 4];
    let mut kinds = Vec::new();
    for event in events(rich_message().stream()).await {
        kinds.push(event["type"].as_str().unwrap().to_owned());
        if event["type"] == "content_block_delta" {
            let index = usize::try_from(event["index"].as_u64().unwrap()).unwrap();
            let delta = &event["delta"];
            for member in ["text", "thinking", "partial_json"] {
                texts[index].push_str(delta[member].as_str().unwrap_or_default());
            }
        }
    }
    assert_eq!(kinds.first().unwrap(), "message_start");
    assert_eq!(kinds.last().unwrap(), "message_stop");
    assert_eq!(texts[0], whole["content"][0]["thinking"]);
    assert_eq!(texts[1], whole["content"][1]["text"]);
    assert_eq!(serde_json::from_str::<Value>(&texts[2]).unwrap(), whole["content"][2]["input"]);
    assert_eq!(serde_json::from_str::<Value>(&texts[3]).unwrap(), whole["content"][3]["input"]);
}

#[tokio::test]
async fn a_chat_stream_adds_up_to_its_completion() {
    let whole = rich_completion().to_json();
    let (mut text, mut arguments, mut usage) = (String::new(), vec![String::new(); 2], Value::Null);
    for chunk in events(rich_completion().stream()).await {
        let delta = &chunk["choices"][0]["delta"];
        text.push_str(delta["content"].as_str().unwrap_or_default());
        if let Some(call) = delta["tool_calls"].get(0) {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            arguments[index].push_str(call["function"]["arguments"].as_str().unwrap());
        }
        if !chunk["usage"].is_null() {
            usage = chunk["usage"].clone();
        }
    }
    assert_eq!(text, whole["choices"][0]["message"]["content"]);
    assert_eq!(arguments[0], whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]);
    assert_eq!(arguments[1], whole["choices"][0]["message"]["tool_calls"][1]["function"]["arguments"]);
    assert_eq!(usage, whole["usage"]);
}

#[tokio::test]
async fn kiros_frames_are_whole_and_their_checksums_right() {
    let answer = cliproxy_testkit::kiro::Answer::new()
        .thought("hm", "c2ln")
        .text("héllo wörld")
        .tool_use("t", "read", &json!({"path": "ä"}))
        .usage(10, 2, 3);
    let bytes = answer.stream().bytes();
    let (mut rest, mut names) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
        let (total, headers) = (number(0) as usize, number(4) as usize);
        let (frame, behind) = rest.split_at(total);
        assert_eq!(number(8), crc32fast::hash(&frame[..8]), "the lengths");
        assert_eq!(number(total - 4), crc32fast::hash(&frame[..total - 4]), "the frame");
        let text = String::from_utf8_lossy(&frame[12..12 + headers]).into_owned();
        names.push(
            ["assistantResponse", "reasoning", "toolUse", "metadata", "metering", "messageStop"]
                .into_iter()
                .find(|name| text.contains(name))
                .unwrap(),
        );
        let payload: Value = serde_json::from_slice(&frame[12 + headers..total - 4]).unwrap();
        assert!(payload.is_object());
        rest = behind;
    }
    let expected = [
        "reasoning",
        "reasoning",
        "reasoning",
        "assistantResponse",
        "assistantResponse",
        "toolUse",
        "toolUse",
        "toolUse",
        "toolUse",
        "metadata",
        "metering",
        "messageStop",
    ];
    assert_eq!(names, expected);
}
