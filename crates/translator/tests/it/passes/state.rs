//! Signatures and cache breakpoints.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use cliproxy_translator::json;
use cliproxy_translator::model::{CacheMark, Issuer};
use cliproxy_translator::pass::cache::{CachePlan, Place, mark_of};
use cliproxy_translator::pass::signature::{bare, classify, may_be_grok};

/// A protobuf field of bytes.
fn bytes_field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = value.len();
    while length > 0x7f {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend_from_slice(value);
    out
}

fn claude_inner() -> Vec<u8> {
    [vec![0x08, 1, 0x18, 2], bytes_field(5, &[7; 64])].concat()
}

fn claude() -> String {
    let outer = [bytes_field(1, &claude_inner()), bytes_field(2, &[1; 12])].concat();
    STANDARD.encode(bytes_field(2, &outer))
}

/// As Claude 3.7 signed in early 2025: without a version.
fn older_claude() -> String {
    let inner = [vec![0x18, 2], bytes_field(4, &[7; 64]), bytes_field(5, &[9; 12])].concat();
    STANDARD.encode(bytes_field(2, &[bytes_field(1, &inner), bytes_field(2, &[1; 12])].concat()))
}

fn gemini() -> String {
    STANDARD.encode(bytes_field(2, &bytes_field(1, &[&[1, 0xbe, 0x3e][..], &[9; 60]].concat())))
}

fn gpt(ciphertext: usize) -> String {
    let mut token = vec![0x80, 0, 0, 0, 0];
    token.resize(1 + 8 + 16 + ciphertext + 32, 5);
    URL_SAFE.encode(token)
}

fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let bytes: Vec<u8> = (0..length)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect();
    STANDARD.encode(bytes)
}

#[test]
fn b29_e643_each_envelope_has_one_issuer() {
    let envelope = {
        let channel = bytes_field(3, &[bytes_field(1, b"claude-opus"), bytes_field(9, b"new")].concat());
        STANDARD.encode([vec![0x08, 2], channel, bytes_field(15, b"x")].concat())
    };
    let kimi: String = noise(4340).chars().take(4340).collect();
    for (name, value, issuer) in [
        ("Claude, one layer", claude(), Issuer::Claude),
        ("Claude, before there were versions", older_claude(), Issuer::Claude),
        ("Claude, two layers", STANDARD.encode(claude()), Issuer::Claude),
        ("E638, E639 Claude, newer envelope", envelope.clone(), Issuer::Claude),
        ("with a cache prefix", format!("claude#{}", claude()), Issuer::Claude),
        ("E644 Gemini begins with E too", gemini(), Issuer::Gemini),
        ("GPT", gpt(16), Issuer::Gpt),
        ("GPT, long", gpt(4096), Issuer::Gpt),
        ("GPT without padding", gpt(16).trim_end_matches('=').to_owned(), Issuer::Gpt),
        ("GPT, cut", gpt(32)[..100].to_owned(), Issuer::Unknown),
        ("GPT, too short", gpt(0), Issuer::Unknown),
        ("E650 an ellipsis", format!("{}…", &gpt(16)[..40]), Issuer::Unknown),
        ("Kimi, by its length", kimi, Issuer::Kimi),
        ("Kimi's length, but no noise", "A".repeat(4340), Issuer::Unknown),
        ("E647 noise is nobody's", noise(300), Issuer::Unknown),
        ("two layers around Gemini", STANDARD.encode(gemini()), Issuer::Unknown),
        ("empty", String::new(), Issuer::Unknown),
        ("E alone", "E".to_owned(), Issuer::Unknown),
        ("not base64", "E!!!".to_owned(), Issuer::Unknown),
        ("E635 field 1 at the root", STANDARD.encode(bytes_field(1, b"x")), Issuer::Unknown),
    ] {
        if name.starts_with("E638") {
            assert!(envelope.starts_with('C'));
        }
        assert_eq!(classify(&value), issuer, "{name}");
    }
    assert!(claude().starts_with('E') && gemini().starts_with('E') && gpt(16).starts_with("gAAAA"));
    assert_eq!((bare("kimi#x"), bare("x"), bare("a b#x"), bare("#x")), ("x", "x", "a b#x", "#x"));
}

#[test]
fn e648_only_noise_may_be_xai_s() {
    for (name, value, may) in [
        ("noise", noise(300).trim_end_matches('=').to_owned(), true),
        ("32 bytes of it", noise(32).trim_end_matches('=').to_owned(), true),
        ("too short", noise(31), false),
        ("low entropy", STANDARD.encode([7; 300]), false),
        ("words", STANDARD.encode("the same words again ".repeat(20)), false),
        ("an ellipsis", format!("{}…", noise(60)), false),
        ("no base64", "!".repeat(80), false),
    ] {
        assert_eq!(may_be_grok(&value), may, "{name}");
    }
}

fn mark(ttl: &str) -> CacheMark<'static> {
    let text = match ttl {
        "" => r#"{"type":"ephemeral"}"#.to_owned(),
        ttl => format!(r#"{{"type":"ephemeral","ttl":"{ttl}","x":1}}"#),
    };
    CacheMark { raw: Cow::Owned(json::raw(text).unwrap()) }
}

/// Plans for marks written `t`, `s`, `m` (capital: one hour), and shows what is left: `-` gone, `5`, `1`.
fn planned(marks: &str) -> String {
    let place = |c: char| match c.to_ascii_lowercase() {
        't' => Place::Tool,
        's' => Place::System,
        _ => Place::Message,
    };
    let (short, long) = (mark(""), mark("1h"));
    let mut plan = CachePlan::new(
        marks.chars().map(|c| (place(c), if c.is_ascii_uppercase() { &long } else { &short })),
    );
    let shown: String = marks
        .chars()
        .map(|c| match plan.next(place(c)) {
            None => '-',
            Some(raw) if raw.get().contains("1h") => '1',
            Some(_) => '5',
        })
        .collect();
    assert_eq!(plan.dropped(), shown.matches('-').count());
    shown
}

#[test]
fn b90_at_most_four_breakpoints_and_the_long_lived_first() {
    for (marks, expected, why) in [
        ("", "", "none"),
        ("tsmm", "5555", "four are fine"),
        ("tssmm", "5-555", "system goes first, but for its last"),
        ("tsssmm", "5--555", "system goes first, but for its last"),
        ("ttsmm", "-5555", "then tools, but for the last"),
        ("tsmmm", "55-55", "then messages, from the first"),
        ("ttssmmm", "-5-5-55", "all of it"),
        ("tttttt", "--5555", "of one kind, the first"),
        ("ssss", "5555", "four are fine, wherever they are"),
    ] {
        assert_eq!(planned(marks), expected, "{marks}: {why}");
    }
    for (marks, expected, why) in [
        ("TSM", "111", "all long"),
        ("tSM", "555", "a long one behind a short one is shortened"),
        ("TsM", "155", "only those behind"),
        ("TSm", "115", "the right order stays"),
    ] {
        assert_eq!(planned(marks), expected, "{marks}: {why}");
    }
    let (short, long) = (mark(""), mark("1h"));
    let mut plan = CachePlan::new([(Place::Tool, &short), (Place::System, &long)]);
    assert_eq!(
        plan.next(Place::Tool).unwrap().get(),
        r#"{"type":"ephemeral"}"#,
        "a mark goes out as it came"
    );
    assert_eq!(
        plan.next(Place::System).unwrap().get(),
        r#"{"type":"ephemeral","ttl":"5m","x":1}"#,
        "only its ttl changes"
    );
    assert!(plan.next(Place::Message).is_none());
}

#[test]
fn e567_e568_a_message_mark_is_one_on_its_last_part() {
    let (own, message) = (mark("1h"), mark(""));
    assert!(mark_of(None, Some(&message), false).is_none());
    assert!(std::ptr::eq(mark_of(None, Some(&message), true).unwrap(), &message), "E567");
    assert!(std::ptr::eq(mark_of(Some(&own), Some(&message), true).unwrap(), &own), "E568");
}

#[test]
fn b30_refusals_of_state_are_known_by_each_provider_s_words() {
    use cliproxy_translator::pass::errors::{probe_error, refuses_state};
    for (refuses, body) in [
        (
            true,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#,
        ),
        (
            true,
            r#"{"error":{"message":"messages.3.content.0: Invalid `data` in `redacted_thinking` block"}}"#,
        ),
        (
            true,
            r#"{"error":{"message":"messages.5.content.1: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response."}}"#,
        ),
        (
            true,
            r#"{"error":{"message":"messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."}}"#,
        ),
        (
            true,
            r#"{"error":{"code":"invalid_encrypted_content","message":"x","type":"invalid_request_error"}}"#,
        ),
        (true, r#"{"error":{"code":"thinking_signature_invalid","message":"x"}}"#),
        (
            true,
            r#"{"error":{"message":"The encrypted content gAAA...Q== could not be verified. Reason: Encrypted content organization_id did not match the target organization."}}"#,
        ),
        (
            true,
            r#"{"error":{"message":"`encrypted_content` was not issued to this caller.","type":"invalid_request_error"}}"#,
        ),
        (
            true,
            r#"{"error":{"message":"Item 'fc_1' of type 'function_call' was provided without its required 'reasoning' item: 'rs_1'."}}"#,
        ),
        (
            true,
            r#"{"error":{"message":"Item 'rs_1' of type 'reasoning' was provided without its required following item."}}"#,
        ),
        (
            true,
            r#"{"error":{"message":"Item with id 'rs_1' not found. Items are not persisted when `store` is set to false."}}"#,
        ),
        (
            true,
            r#"{"error":{"code":400,"message":"Thought signature is not valid","status":"INVALID_ARGUMENT"}}"#,
        ),
        (
            true,
            r#"{"error":{"code":400,"message":"Corrupted thought signature.","status":"INVALID_ARGUMENT"}}"#,
        ),
        (true, r#"{"message":"Improperly formed request: THINKING_SIGNATURE_INVALID"}"#),
        (
            false,
            r#"{"error":{"message":"thinking.budget_tokens: Input should be greater than or equal to 1024"}}"#,
        ),
        (false, r#"{"error":{"message":"Invalid value: 'input_txt'.","type":"invalid_request_error"}}"#),
        (false, r#"{"error":{"message":"The model 'thinking' is invalid"}}"#),
        (false, r#"{"error":{"message":"Item with id 'msg_1' not found."}}"#),
        (false, "<html>Bad gateway</html>"),
    ] {
        assert_eq!(refuses_state(&probe_error(body.as_bytes())), refuses, "{body}");
    }
}
