//! Bodies that pass to where nothing is kept: thoughts are known by their state alone. Source: translation.md B30;
//! providers-a.md 3.5.

use bytes::Bytes;
use cliproxy_translator::Patch;
use serde_json::{Value, json};

use super::{CX, RS, claude_signature, codec, gpt_signature};

/// What goes out, whether it is the same buffer, and what was told.
fn passed(provider: &str, store: Option<bool>, input: &Value) -> (Value, bool, Vec<String>) {
    let mut body = json!({"model":"gpt-5","instructions":"","input":input,"stream":true,
        "include":["reasoning.encrypted_content"]});
    if let Some(store) = store {
        body["store"] = store.into();
    }
    let body = Bytes::from(body.to_string());
    let done = codec(provider).patch_request(&body, &Patch::default()).unwrap();
    let sent: Value = serde_json::from_slice(&done.body).unwrap();
    let told = done.losses.iter().map(|loss| loss.what.to_string()).collect();
    (sent["input"].clone(), done.body.as_ptr() == body.as_ptr(), told)
}

fn thought(id: &str, state: Value) -> Value {
    json!({"type":"reasoning","id":id,"summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":state})
}

/// As our replies of Chat services have it.
fn unsigned(id: &str) -> Value {
    json!({"type":"reasoning","id":id,"summary":[{"type":"summary_text","text":"Hm."}]})
}

fn call(id: &str) -> Value {
    json!({"type":"function_call","id":format!("fc_{id}"),"call_id":id,"name":"f","arguments":"{}"})
}

fn output(id: &str) -> Value {
    json!({"type":"function_call_output","call_id":id,"output":"ok"})
}

#[test]
fn b30_thoughts_that_are_an_id_alone_do_not_go_where_nothing_is_kept() {
    let own = thought("rs_own", json!(gpt_signature()));
    let bare = json!({"type":"function_call","call_id":"a","name":"f","arguments":"{}"});
    for mere in [unsigned("rs_1"), thought("rs_1", Value::Null), thought("rs_1", json!(""))] {
        let input = json!([mere, call("a"), output("a"), own, call("b"), output("b")]);
        for (provider, store) in [(CX, None), (CX, Some(false)), (CX, Some(true)), (RS, Some(false))] {
            let (sent, _, told) = passed(provider, store, &input);
            // What it led to is looked up by its id no more, as nobody knows what came before it.
            assert_eq!(sent, json!([bare, output("a"), own, call("b"), output("b")]), "{provider} {store:?}");
            assert!(told.contains(&"message.reasoning".to_owned()), "{told:?}");
        }
        // Where they are kept, an id is all that is needed.
        for store in [None, Some(true)] {
            assert_eq!(passed(RS, store, &input), (input.clone(), true, Vec::new()));
        }
    }
}

#[test]
fn b30_what_else_has_a_state_does_not_hide_thoughts_without_one() {
    let compacted = json!({"type":"compaction","id":"cmp_1","encrypted_content":gpt_signature()});
    let (sent, _, _) = passed(CX, Some(false), &json!([compacted, unsigned("rs_1"), call("a"), output("a")]));
    assert_eq!(sent[0], compacted);
    assert_eq!(sent.as_array().unwrap().len(), 3);
}

#[test]
fn b30_thoughts_that_can_be_read_without_an_id_pass_and_nothing_else_is_written_again() {
    let open = json!({"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"Hm."}]});
    let nameless = json!({"type":"reasoning","summary":[],"encrypted_content":null});
    let own = thought("rs_own", json!(gpt_signature()));
    for (provider, input) in [
        (RS, json!([open, call("a"), output("a")])),
        (RS, json!([nameless, call("a"), output("a")])),
        (CX, json!([nameless, own, call("a"), output("a")])),
        (CX, json!([own, call("a"), output("a")])),
        (CX, json!([{"type":"message","role":"user","content":"say \"reasoning\""}])),
    ] {
        assert_eq!(passed(provider, Some(false), &input), (input, true, Vec::new()), "{provider}");
    }
    let (sent, _, told) = passed(CX, Some(false), &json!([open, call("a"), output("a")]));
    assert_eq!(sent[0]["type"], "function_call", "Codex has no such models");
    assert_eq!(told, ["message.reasoning"]);
    // Another provider's state is told as such, and once.
    let (sent, _, told) =
        passed(CX, Some(false), &json!([thought("rs_1", json!(claude_signature())), call("a")]));
    assert_eq!((sent, told), (json!([call("a")]), vec!["message.reasoning".to_owned()]));
}
