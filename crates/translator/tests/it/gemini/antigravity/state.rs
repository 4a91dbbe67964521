//! Gemini's state in the thinking blocks of Claude clients. Source: translation.md D.24, B28 to B34.

use serde_json::{Value, json};

use super::{
    GEMINI, OTHER, SENTINEL, SIGNED, called, contents, frames, last, model_parts, reply, signed, stream,
    streamed, text, thinking, thought, used,
};
use crate::gemini::context;

fn said(text: &str) -> Value {
    json!({"type":"text","text":text})
}

#[test]
fn geminis_state_goes_back_to_the_part_that_it_signed() {
    let with_state = |mut block: Value, state: &str| {
        block["signature"] = json!(state);
        block
    };
    for (case, blocks, expected) in [
        ("E439", json!([said("a"), thinking("", SIGNED)]), json!([signed(text("a"), SIGNED)])),
        ("E440", json!([thinking("", SIGNED), said("a")]), json!([signed(text("a"), SIGNED)])),
        (
            "E442",
            json!([said("a"), thinking("", SIGNED), thinking("", OTHER)]),
            json!([signed(text("a"), SIGNED), signed(text(""), OTHER)]),
        ),
        (
            "E443",
            json!([thinking("", SIGNED), with_state(used("c1"), OTHER)]),
            json!([signed(text(""), SIGNED), signed(called("c1"), OTHER)]),
        ),
        (
            "E444",
            json!([thinking("", SIGNED), thinking("", OTHER)]),
            json!([signed(text(""), SIGNED), signed(text(""), OTHER)]),
        ),
        (
            "E445",
            json!([thinking("hm", SIGNED), said("a")]),
            json!([thought("hm"), signed(text("a"), SIGNED)]),
        ),
        (
            "E446",
            json!([thinking("hm", SIGNED), used("c1")]),
            json!([thought("hm"), signed(called("c1"), SIGNED)]),
        ),
        (
            "E447",
            json!([thinking("", SIGNED), thinking("hm", OTHER), said("a")]),
            json!([signed(text(""), SIGNED), thought("hm"), signed(text("a"), OTHER)]),
        ),
        (
            "E448",
            json!([thinking("", SIGNED), used("c1"), used("c2")]),
            json!([signed(called("c1"), SIGNED), called("c2")]),
        ),
        ("E449", json!([used("c1"), used("c2")]), json!([signed(called("c1"), SENTINEL), called("c2")])),
    ] {
        assert_eq!(model_parts(blocks, GEMINI), expected, "{case}");
    }
}

#[test]
fn e441_a_thought_inside_of_a_users_message_is_never_forwarded() {
    let messages = json!([{"role":"user","content":[thinking("hm", SIGNED), said("q")]}]);
    assert_eq!(contents(messages, GEMINI), json!([{"role":"user","parts":[{"text":"q"}]}]));
}

#[test]
fn e478_what_a_carrier_brings_is_what_it_took() {
    for parts in [
        json!([signed(text("a"), SIGNED)]),
        json!([signed(thought("hm"), SIGNED), text("a")]),
        json!([text("a"), signed(called("c1"), SIGNED)]),
        json!([signed(text("a"), SIGNED), signed(called("c1"), OTHER)]),
    ] {
        let whole = reply("claude", &last("STOP", parts.clone()), &context());
        assert_eq!(model_parts(whole["content"].clone(), GEMINI), back(&parts), "E478 {parts}");
    }
}

/// A thought's own signature is the state of what follows it, as no marker says otherwise there.
fn back(parts: &Value) -> Value {
    match parts[0]["thought"] == json!(true) {
        true => json!([signed(thought("hm"), SIGNED), text("a")]),
        false => parts.clone(),
    }
}

#[test]
fn e479_a_carrier_without_its_neighbour_is_on_no_other_part() {
    let (next, previous) =
        (format!("cliproxy:gemini.next:{SIGNED}"), format!("cliproxy:gemini.prev:{SIGNED}"));
    for (blocks, expected) in [
        (json!([said("a"), thinking("", &next)]), json!([text("a"), signed(text(""), SIGNED)])),
        (json!([thinking("", &previous), said("a")]), json!([signed(text(""), SIGNED), text("a")])),
        (json!([thinking("", "cliproxy:gemini.up:x"), said("a")]), json!([text("a")])),
    ] {
        assert_eq!(model_parts(blocks, GEMINI), expected, "E479");
    }
}

/// The blocks of a Claude client's stream: type, text, signature.
fn blocks(stream: &str) -> Vec<[String; 3]> {
    let mut all: Vec<[String; 3]> = Vec::new();
    for event in frames(stream) {
        if event["type"] == "content_block_start" {
            let kind = event["content_block"]["type"].as_str().unwrap();
            all.push([kind.to_owned(), String::new(), String::new()]);
        }
        let delta = &event["delta"];
        let block = all.last_mut();
        for (at, key) in [(1, "text"), (1, "thinking"), (1, "partial_json"), (2, "signature")] {
            if let (Some(piece), Some(_)) = (delta[key].as_str(), &block) {
                all.last_mut().unwrap()[at].push_str(piece);
                break;
            }
        }
    }
    all
}

#[test]
fn states_of_a_stream_are_told_on_a_thinking_block_of_their_own() {
    let own = format!("cliproxy:gemini:{SIGNED}");
    let previous = format!("cliproxy:gemini.prev:{SIGNED}");
    let block = |kind: &str, text: &str, state: &str| [kind.to_owned(), text.to_owned(), state.to_owned()];
    for (case, parts, expected) in [
        (
            "E488",
            json!([signed(thought("hm"), SIGNED), text("a")]),
            vec![block("thinking", "hm", &own), block("text", "a", "")],
        ),
        ("E489", json!([thought("hm"), signed(text(""), SIGNED)]), vec![block("thinking", "hm", &own)]),
        // [fix]: the carrier stands behind the text, which the client sees as it comes.
        (
            "E490",
            json!([signed(text("a"), SIGNED)]),
            vec![block("text", "a", ""), block("thinking", "", &previous)],
        ),
        (
            "E491",
            json!([thought("hm"), signed(called("c1"), SIGNED)]),
            vec![block("thinking", "hm", ""), block("tool_use", "{}", ""), block("thinking", "", &previous)],
        ),
        (
            "E492",
            json!([text("a"), signed(text(""), SIGNED)]),
            vec![block("text", "a", ""), block("thinking", "", &own)],
        ),
        (
            "E494",
            json!([text("a"), signed(text(""), SIGNED), text("b")]),
            vec![block("text", "a", ""), block("thinking", "", &own), block("text", "b", "")],
        ),
        (
            "E495",
            json!([signed(text("a"), SIGNED), text("b")]),
            vec![block("text", "a", ""), block("thinking", "", &previous), block("text", "b", "")],
        ),
    ] {
        let mut chunks: Vec<_> =
            parts.as_array().unwrap().iter().map(|part| super::chunk(json!([part]))).collect();
        chunks.push(last("STOP", json!([])));
        let told = streamed("claude", &stream(&chunks), &context());
        crate::claude::check_stream(told.as_bytes());
        assert_eq!(blocks(&told), expected, "{case}");
    }
}
