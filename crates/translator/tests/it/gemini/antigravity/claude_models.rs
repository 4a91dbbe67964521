//! Claude's models behind Antigravity: they keep Anthropic's rules. Source: translation.md D.24, B32, B35; providers-a.md
//! 7.4, 7.7.

use std::sync::Arc;

use cliproxy_core::{ModelInfo, ReasoningProfile};
use cliproxy_translator::Profile;
use cliproxy_translator::model::Issuer;
use cliproxy_translator::pass::signature::{MAX_SIGNATURE, classify};
use serde_json::{Value, json};

use super::{
    CLAUDE, CLAUDE_SIGNED, CLAUDE_TWICE, SIGNED, called, claude, contents, context, enveloped, last,
    model_parts, reply, sent, signed, text, thinking, thought, used, with,
};

fn said(text: &str) -> Value {
    json!({"type":"text","text":text})
}

fn answered() -> Value {
    signed(thought("hm"), CLAUDE_TWICE)
}

#[test]
fn e450_e457_thoughts_go_back_in_two_layers() {
    for signature in [
        CLAUDE_SIGNED.to_owned(),
        CLAUDE_TWICE.to_owned(),
        format!(" {CLAUDE_SIGNED}\n"),
        format!("claude#{CLAUDE_SIGNED}"),
        format!("claude#{CLAUDE_TWICE}"),
    ] {
        let parts = model_parts(json!([thinking("hm", &signature), said("a")]), CLAUDE);
        assert_eq!(parts, json!([answered(), text("a")]), "E450, E457 {signature}");
    }
}

#[test]
fn e452_e453_e454_e455_e475_what_claude_did_not_sign_is_dropped_and_never_told() {
    use base64::Engine as _;
    let encode = |value: &str| base64::engine::general_purpose::STANDARD.encode(value);
    // Claude's newer envelope is known, and refused there (B32, E640).
    let newer = base64::engine::general_purpose::STANDARD
        .encode([vec![0x08, 2, 0x1a, 13, 0x0a, 11], b"claude-opus".to_vec()].concat());
    assert_eq!(classify(&newer), Issuer::Claude);
    for (case, signature) in [
        ("E452: Gemini's begin with E too", SIGNED.to_owned()),
        ("E454: the first byte is another", "EAAAAAAAAAAA".to_owned()),
        ("E455: no E inside of R", encode("Xabc")),
        ("E455: Gemini's inside of R", encode(SIGNED)),
        ("B32: the newer envelope", newer),
        ("marked, but not Claude's", format!("cliproxy:claude:{SIGNED}")),
        ("unsigned", String::new()),
    ] {
        let body = claude(json!([{"role":"user","content":"q"},
            {"role":"assistant","content":[thinking("hm", &signature), said("a")]},{"role":"user","content":"r"}]));
        let (request, encoded) = sent("claude", &body, CLAUDE);
        assert_eq!(request["contents"][1]["parts"], json!([text("a")]), "{case}");
        let told = format!("{:?}", encoded.losses);
        assert!(told.contains("message.thinking"), "E453: {told}");
        assert!(signature.len() < 5 || !told.contains(&signature), "E453: {told}");
    }
    // E475: state without text is no thought of Claude's.
    assert_eq!(model_parts(json!([thinking("", CLAUDE_SIGNED), said("a")]), CLAUDE), json!([text("a")]));
}

#[test]
fn e456_what_is_beyond_the_limit_is_nobodys() {
    let value = format!("E{}", "A".repeat(MAX_SIGNATURE));
    assert_eq!(classify(&value), Issuer::Unknown, "E456");
    // One that would be known were it smaller: field 2 around field 1 around a payload.
    let of = |size: usize| {
        let field = |tag: u8, value: Vec<u8>| {
            let mut out = vec![tag];
            let mut length = value.len();
            while length > 0x7f {
                out.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            out.push(length as u8);
            out.extend(value);
            out
        };
        base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            field(0x12, field(0x0a, vec![0xff; size])),
        )
    };
    assert_eq!(classify(&of(1000)), Issuer::Gemini, "E456");
    let large = of(MAX_SIGNATURE / 4 * 3 + 3);
    assert!(large.len() > MAX_SIGNATURE && large.starts_with('E'));
    assert_eq!(classify(&large), Issuer::Unknown, "E456");
}

#[test]
fn e460_e461_e462_e463_thoughts_come_first_and_calls_last() {
    let think = || thinking("hm", CLAUDE_SIGNED);
    for (case, blocks, expected) in [
        ("E460", json!([think(), used("c1")]), json!([answered(), called("c1")])),
        ("E461", json!([said("a"), think()]), json!([answered(), text("a")])),
        ("E462", json!([used("c1"), said("a")]), json!([text("a"), called("c1")])),
        (
            "E463",
            json!([said("a"), used("c1"), said("b"), used("c2")]),
            json!([text("a"), text("b"), called("c1"), called("c2")]),
        ),
    ] {
        assert_eq!(model_parts(blocks, CLAUDE), expected, "{case}");
    }
}

#[test]
fn e476_encrypted_thoughts_of_every_turn_are_dropped() {
    let hidden = json!({"type":"redacted_thinking","data":CLAUDE_SIGNED});
    let contents = contents(
        json!([{"role":"user","content":"1"},{"role":"assistant","content":[hidden, said("a")]},
            {"role":"user","content":"2"},{"role":"assistant","content":[hidden, said("b")]},{"role":"user","content":"3"}]),
        CLAUDE,
    );
    let texts: Vec<_> = contents.as_array().unwrap().iter().map(|content| content["parts"].clone()).collect();
    assert_eq!(texts, ["1", "a", "2", "b", "3"].map(|said| json!([text(said)])), "E476");
}

#[test]
fn e493_states_of_thoughts_come_back_and_those_of_calls_are_not_claudes_to_have() {
    // [fix]: B32, E503.
    let parts = json!([answered(), signed(called("c1"), CLAUDE_TWICE)]);
    let whole = reply("claude", &last("STOP", parts), &context());
    assert_eq!(whole["content"][0], thinking("hm", CLAUDE_TWICE));
    assert_eq!(whole["content"].as_array().unwrap().len(), 2, "E493: {whole}");
    assert_eq!(model_parts(whole["content"].clone(), CLAUDE), json!([answered(), called("c1")]), "E493");
    // Claude itself takes the one layer back (E645).
    let body = claude(json!([{"role":"user","content":"q"},{"role":"assistant","content":whole["content"]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"ok"}]}]));
    let text = body.to_string();
    let native = super::codec_of("claude");
    let request = native.decode_request(text.as_bytes()).unwrap();
    let encoded = native.encode_request(&request, &Profile::new("claude-opus-5", false)).unwrap();
    let value: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(value["messages"][1]["content"][0]["signature"], CLAUDE_SIGNED);
}

/// A profile of which everything is known.
fn known() -> Profile {
    let mut profile = Profile::new(CLAUDE, false);
    let reasoning =
        ReasoningProfile { budget: Some((1024, 64_000)), zero_allowed: true, ..ReasoningProfile::default() };
    profile.info =
        Some(Arc::new(ModelInfo::new(CLAUDE).with_limits(200_000, 64_000).with_reasoning(reasoning)));
    profile
}

fn config(client: &str, body: &Value, profile: &Profile) -> Value {
    enveloped(client, body, profile).0["request"]["generationConfig"].clone()
}

#[test]
fn e467_budgets_leave_room_or_there_is_no_thinking() {
    let hello = || json!([{"role":"user","content":"q"}]);
    let asked = |max: u64, budget: u64| json!({"model":"m","max_tokens":max,"messages":hello(),"thinking":{"type":"enabled","budget_tokens":budget}});
    for (case, body, expected) in [
        // [fix]: a Claude client that says nothing sees its thoughts.
        (
            "E467",
            asked(9000, 2048),
            json!({"maxOutputTokens":9000,"thinkingConfig":{"thinkingBudget":2048,"includeThoughts":true}}),
        ),
        (
            "below the limit",
            asked(3000, 8000),
            json!({"maxOutputTokens":3000,"thinkingConfig":{"thinkingBudget":2999,"includeThoughts":true}}),
        ),
        ("no room", asked(1000, 8000), json!({"maxOutputTokens":1000})),
        (
            "the model's limit",
            asked(99_000, 2048),
            json!({"maxOutputTokens":64_000,"thinkingConfig":{"thinkingBudget":2048,"includeThoughts":true}}),
        ),
        (
            "off",
            with(claude(hello()), json!({"thinking":{"type":"disabled"}})),
            json!({"maxOutputTokens":9000}),
        ),
    ] {
        assert_eq!(config("claude", &body, &known()), expected, "{case}");
    }
    let chat = json!({"model":"m","messages":[{"role":"user","content":"q"}],"reasoning_effort":"low"});
    assert_eq!(
        config("openai", &chat, &known()),
        json!({"maxOutputTokens":64_000,"thinkingConfig":{"thinkingBudget":1024,"includeThoughts":true}}),
        "thinking needs a limit"
    );
    // Source: providers-a.md 7.7: too little of it is none, where nothing is known of the model.
    let (_, encoded) = sent("claude", &asked(9000, 512), CLAUDE);
    assert_eq!(encoded.losses[0].what, "thinking");
    // A budget that the model does not have is refused from clients of the format itself (B40).
    let own = json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":512}}})
        .to_string();
    let request = super::codec_of("gemini");
    let request = request.decode_request(own.as_bytes()).unwrap();
    let error = super::codec_of("antigravity").encode_request(&request, &known()).unwrap_err();
    assert_eq!(error.code(), Some("BUDGET_OUT_OF_RANGE"));
}

#[test]
fn thinking_does_not_begin_behind_calls_without_a_thought() {
    // Source: providers-a.md 7.7 "a thinking block signed for another model family".
    let body = |block: Value| {
        with(
            claude(json!([{"role":"user","content":"q"},{"role":"assistant","content":[block, used("c1")]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"ok"}]}])),
            json!({"thinking":{"type":"enabled","budget_tokens":2048}}),
        )
    };
    let kept = config("claude", &body(thinking("hm", CLAUDE_SIGNED)), &known());
    assert_eq!(kept["thinkingConfig"]["thinkingBudget"], 2048);
    let (value, encoded) = enveloped("claude", &body(thinking("hm", SIGNED)), &known());
    assert!(value["request"]["generationConfig"].get("thinkingConfig").is_none());
    assert!(encoded.losses.iter().any(|loss| loss.what == "thinking"), "{:?}", encoded.losses);
}

#[test]
fn e468_e469_nothing_is_added_to_the_instructions() {
    // E468 [fix]: not even the reference's hint about thinking between calls.
    let tools = json!([{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}}]);
    for thinking in [json!({"type":"disabled"}), json!({"type":"enabled","budget_tokens":2048})] {
        let body = with(
            claude(json!([{"role":"user","content":"q"}])),
            json!({"system":"be brief","tools":tools,"thinking":thinking}),
        );
        let request = sent("claude", &body, CLAUDE).0;
        assert_eq!(
            request["systemInstruction"],
            json!({"role":"user","parts":[{"text":"be brief"}]}),
            "E469"
        );
    }
}
