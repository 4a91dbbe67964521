//! Conversations that pass from one service of the format to the next. Source: translation.md A.5, B29 to B31, B36.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_translator::{Codec, Patch, Patched, StateGate};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{CLAUDE, codec};

/// As Gemini 3 issues it, and as models before it did.
const GEMINI: &str =
    "EjwKOgEMOdbHAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const OUTDATED: &str = "CgQBAgME";
const SENTINEL: &str = "skip_thought_signature_validator";

fn to(model: &str) -> Patch {
    let mut patch = Patch::default();
    patch.model = Some(model.to_owned());
    patch
}

fn strict(model: &str) -> Patch {
    let mut patch = to(model);
    patch.refuses_thoughts = true;
    patch
}

fn passed(body: &Bytes, patch: &Patch) -> Patched {
    codec().patch_request(body, patch).unwrap()
}

fn told(done: &Patched) -> Vec<&str> {
    done.losses.iter().map(|loss| &*loss.what).collect()
}

/// The conversation of a client that keeps all that our replies give it. Written with spaces: what stays is as it was.
fn conversation(model: &str, signature: &str) -> Bytes {
    let body = r#"{ "model": "$MODEL", "messages" : [ {"role": "user","content":"say \"reasoning_content\" and thought_signature"} ,
        {"role":"assistant", "content":"", "reasoning_content" : "Hm.", "tool_calls": [
            {"id":"a","type":"function","function":{"name":"f","arguments":"{ }"}, "extra_content": {"google": {"thought_signature": "$SIGNATURE"}}},
            {"id":"b","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"$SIGNATURE","x":1},"mine":2}} ]},
        {"role":"tool","tool_call_id":"a","content":"1e0"},{"role":"tool","tool_call_id":"b","content":"ok"} ] }"#;
    Bytes::from(body.replace("$MODEL", model).replace("$SIGNATURE", signature))
}

/// The same without what is named.
fn without(body: &Bytes, pieces: &[&str]) -> String {
    pieces.iter().fold(String::from_utf8(body.to_vec()).unwrap(), |text, piece| {
        assert!(text.contains(piece), "{piece}");
        text.replace(piece, "")
    })
}

#[test]
fn b29_b30_gemini_s_state_goes_to_gemini_s_models_alone() {
    for signature in [GEMINI, OUTDATED, CLAUDE] {
        let body = conversation("llama-4", signature);
        let done = passed(&body, &to("llama-4"));
        let slots = [
            format!(r#", "extra_content": {{"google": {{"thought_signature": "{signature}"}}}}"#),
            format!(r#""thought_signature":"{signature}","#),
        ];
        assert_eq!(done.body, without(&body, &[&slots[0], &slots[1]]), "{signature}");
        assert_eq!(told(&done), ["message.signature"], "{signature}");
    }
    for (model, signature) in [
        ("gemini-3-pro", GEMINI),
        ("google/gemini-2.5-flash", OUTDATED),
        ("Gemini-3-Pro", SENTINEL),
        // Whoever is behind a name that tells nothing may be Gemini.
        ("agent-large", GEMINI),
        // Of no known form: the client may have it from there.
        ("llama-4", "S"),
        ("llama-4", SENTINEL),
    ] {
        let body = conversation(model, signature);
        let done = passed(&body, &to(model));
        assert_eq!((done.body.as_ptr(), told(&done)), (body.as_ptr(), vec![]), "{model}");
    }
    // Nobody said where it goes.
    let body = conversation("llama-4", GEMINI);
    assert_eq!(passed(&body, &Patch::default()).body.as_ptr(), body.as_ptr());
}

#[test]
fn b30_a_signature_of_a_text_stops_too() {
    let body = json!({"model":"m","messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":"a","extra_content":{"google":{"thought_signature":GEMINI}}}]});
    let done = passed(&Bytes::from(body.to_string()), &to("qwen3"));
    let sent: Value = serde_json::from_slice(&done.body).unwrap();
    assert_eq!(sent["messages"][1], json!({"role":"assistant","content":"a"}));
    assert_eq!(told(&done), ["message.signature"]);
}

#[test]
fn b36_thoughts_do_not_go_to_openai_itself_and_to_every_other_service() {
    let body = conversation("gemini-3", GEMINI);
    let done = passed(&body, &strict("gemini-3"));
    assert_eq!(done.body, without(&body, &[r#", "reasoning_content" : "Hm.""#]));
    assert_eq!(told(&done), ["message.thinking"]);
    assert_eq!(passed(&body, &to("gemini-3")).body.as_ptr(), body.as_ptr());
    // Nothing that was thought is no loss.
    for nothing in ["null", "\"\""] {
        let body = Bytes::from(format!(
            r#"{{"model":"m","messages":[{{"role":"assistant","reasoning_content":{nothing},"content":"a"}}]}}"#
        ));
        let done = passed(&body, &strict("m"));
        assert_eq!(done.body, r#"{"model":"m","messages":[{"role":"assistant","content":"a"}]}"#);
        assert!(done.losses.is_empty());
    }
    // Whoever only speaks of it keeps the buffer.
    for text in ["say \"reasoning_content\"", "\"thought_signature\""] {
        let body =
            json!({"model":"m","messages":[{"role":"user","content":text}],"x":{"reasoning_content":1}});
        let body = Bytes::from(body.to_string());
        assert_eq!(passed(&body, &strict("m")).body.as_ptr(), body.as_ptr());
    }
}

/// Lets nothing pass, and notes what it was asked.
#[derive(Debug, Default)]
struct Closed(Mutex<Vec<String>>);

impl StateGate for Closed {
    fn passes(&self, state: &str) -> bool {
        self.0.lock().push(state.to_owned());
        false
    }
}

#[test]
fn b30_b31_what_gemini_refused_is_left_out_and_the_first_call_has_the_sentinel() {
    let gate = Arc::new(Closed::default());
    for (model, asked) in [("gemini-3-pro", 2), ("llama-4", 0)] {
        let mut patch = to(model);
        patch.gate = Some(Arc::<Closed>::clone(&gate));
        let body = conversation(model, GEMINI);
        let done = passed(&body, &patch);
        let sent: Value = serde_json::from_slice(&done.body).unwrap();
        let calls = &sent["messages"][1]["tool_calls"];
        let first = if asked > 0 { json!({"google":{"thought_signature":SENTINEL}}) } else { Value::Null };
        assert_eq!(calls[0]["extra_content"], first);
        assert_eq!(calls[1]["extra_content"], json!({"google":{"x":1},"mine":2}));
        assert_eq!(told(&done), ["message.signature"]);
        assert_eq!(std::mem::take(&mut *gate.0.lock()), vec![GEMINI; asked], "{model}");
        // Once more it is as it was.
        let again = passed(&done.body, &patch);
        assert_eq!((again.body.as_ptr(), told(&again)), (done.body.as_ptr(), vec![]));
    }
}
