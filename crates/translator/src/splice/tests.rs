use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

fn edited(body: &str, build: impl Fn(&mut Edits)) -> String {
    let mut edits = Edits::new();
    build(&mut edits);
    String::from_utf8(edits.apply(&Bytes::copy_from_slice(body.as_bytes())).unwrap().to_vec()).unwrap()
}

#[test]
fn only_what_is_named_changes() {
    for (body, expected) in [
        (r#"{"model":"a","x":1}"#, r#"{"model":"b","x":1}"#),
        (
            r#"{ "x" : [1, {"model":"deep"}] , "model" : "a" }"#,
            r#"{ "x" : [1, {"model":"deep"}] , "model" : "b" }"#,
        ),
        (r#"{"model":"a","x":1,"model":"c"}"#, r#"{"model":"b","x":1,"model":"b"}"#),
        (r#"{"mod\u0065l":"a"}"#, r#"{"mod\u0065l":"b"}"#),
        (r#"{"x":1}"#, r#"{"x":1,"model":"b"}"#),
        ("{}", r#"{"model":"b"}"#),
    ] {
        assert_eq!(edited(body, |edits| edits.set_string("model", "b")), expected, "{body}");
    }
    for (body, expected) in [
        (r#"{"a":1,"betas":[1],"b":2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"betas":[1],"b":2}"#, r#"{"b":2}"#),
        (r#"{"a":1,"betas":[1]}"#, r#"{"a":1}"#),
        (r#"{"betas":1,"betas":2}"#, "{}"),
        (r#"{"betas":1,"a":1,"betas":2,"b":1}"#, r#"{"a":1,"b":1}"#),
    ] {
        assert_eq!(edited(body, |edits| edits.remove("betas")), expected, "{body}");
    }
}

#[test]
fn a_body_that_is_right_already_keeps_its_buffer() {
    // Source: translation.md E192.
    let body = Bytes::from_static(br#"{"model":"gpt-5","messages":[]}"#);
    let mut edits = Edits::new();
    edits.set_string("model", "gpt-5");
    edits.remove("betas");
    assert_eq!(edits.apply(&body).unwrap().as_ptr(), body.as_ptr());
}

#[test]
fn what_is_no_object_is_refused_with_the_place() {
    for (body, expected) in [
        ("", "the body is not a JSON object"),
        ("[]", "the body is not a JSON object"),
        (r#"{"a" 1}"#, "expected a colon at byte 5, found '1'"),
        (r#"{"a":1"#, "the body ends where a comma or a closing brace should be"),
        (r#"{"a":tru}"#, "expected a value at byte 5, found 't'"),
        (r#"{"a":"x}"#, "the body ends where the end of a string should be"),
        (r#"{"a":[1,{"b":2}"#, "the body ends where a closing bracket should be"),
        (r#"{"a":1} x"#, "expected the end of the body at byte 8, found 'x'"),
        (r#"{"a":1,}"#, "expected a member name at byte 7, found '}'"),
        (r#"{"a":"\"#, "the body ends where the end of a string should be"),
    ] {
        assert_eq!(TopLevel::scan(body.as_bytes()).unwrap_err().to_string(), expected, "{body}");
    }
    assert!(TopLevel::scan(b"{\"a\":\"\xff\"}").unwrap_err().to_string().contains("not UTF-8 at byte 6"));
    let deep = format!("{{\"a\":{}}}", "[".repeat(1_000_000));
    assert!(TopLevel::scan(deep.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn edits_agree_with_a_parsed_object(
        members in prop::collection::vec(("[a-e]", prop_oneof![Just("1"), Just("\"x,}]\""), Just("{\"a\":[1]}"), Just("[]")]), 0..8),
        set in "[a-g]", remove in "[a-g]",
    ) {
        let inside: Vec<String> = members.iter().map(|(key, json)| format!("\"{key}\" : {json}")).collect();
        let body = Bytes::from(format!("{{ {} }}", inside.join(" ,")));
        let mut edits = Edits::new();
        edits.remove(remove.clone());
        edits.set(set.clone(), "42");
        let mut expected: Map<String, Value> = serde_json::from_slice(&body).unwrap();
        if set != remove {
            expected.shift_remove(&remove);
        }
        expected.insert(set, Value::from(42));
        let got: Map<String, Value> = serde_json::from_slice(&edits.apply(&body).unwrap()).unwrap();
        prop_assert_eq!(&got, &expected);
    }
}
