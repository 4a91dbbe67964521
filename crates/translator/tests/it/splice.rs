//! Edits in place: what is not named stays byte for byte.

use bytes::Bytes;
use cliproxy_core::{MemberSpan, Outline};
use cliproxy_translator::splice::{Edits, MAX_DEPTH, TopLevel};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn edited(body: &str, edits: &Edits<'_>) -> String {
    let bytes = edits.apply(&Bytes::copy_from_slice(body.as_bytes())).unwrap();
    assert_eq!(edits.apply_str(body).unwrap().as_bytes(), bytes, "both ways to edit agree");
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_value_is_set_where_its_key_stands_last_or_added() {
    let edits = Edits::new().set_string("model", "b");
    for (body, expected) in [
        (r#"{"model":"a","x":1}"#, r#"{"model":"b","x":1}"#),
        (
            r#"{ "x" : [1, {"model":"in"}] , "model" : "a" }"#,
            r#"{ "x" : [1, {"model":"in"}] , "model" : "b" }"#,
        ),
        (r#"{"model":"a","x":1,"model":"c"}"#, r#"{"x":1,"model":"b"}"#),
        (r#"{"model":"a","model":"b","x":1}"#, r#"{"model":"b","x":1}"#),
        (r#"{"mod\u0065l":"a"}"#, r#"{"mod\u0065l":"b"}"#),
        (r#"{"x":1}"#, r#"{"x":1,"model":"b"}"#),
        ("{\n  \"x\": 1\n}\n", "{\n  \"x\": 1,\"model\":\"b\"\n}\n"),
        ("{}", r#"{"model":"b"}"#),
        (" { } ", " {\"model\":\"b\" } "),
    ] {
        assert_eq!(edited(body, &edits), expected, "{body}");
    }
}

#[test]
fn a_removed_member_takes_its_comma_along() {
    let edits = Edits::new().remove("b");
    for (body, expected) in [
        (r#"{"a":1,"b":[1],"c":2}"#, r#"{"a":1,"c":2}"#),
        (r#"{"b":[1],"c":2}"#, r#"{"c":2}"#),
        (r#"{"a":1,"b":[1]}"#, r#"{"a":1}"#),
        (r#"{"b":1,"b":2}"#, "{}"),
        (r#"{"b":1,"a":1,"b":2,"c":1}"#, r#"{"a":1,"c":1}"#),
        ("{\"a\": 1, \"b\": 2 }", "{\"a\": 1 }"),
    ] {
        assert_eq!(edited(body, &edits), expected, "{body}");
    }
    assert_eq!(edited(r#"{"b":1}"#, &Edits::new().remove("b").set("c", "[]")), r#"{"c":[]}"#);
}

#[test]
fn e662_a_body_that_is_right_already_keeps_its_buffer() {
    let body = Bytes::from_static(br#"{"model":"m","x":[1.50,{}]}"#);
    for edits in [
        Edits::new(),
        Edits::new().set_string("model", "m"),
        Edits::new().remove("y"),
        Edits::new().set("x", "[1.50,{}]").remove("z"),
    ] {
        assert_eq!(edits.apply(&body).unwrap().as_ptr(), body.as_ptr(), "{edits:?}");
    }
}

#[test]
fn the_last_edit_of_a_key_counts() {
    assert_eq!(edited("{}", &Edits::new().set("a", "1").set("a", "2")), r#"{"a":2}"#);
    assert_eq!(edited(r#"{"a":0}"#, &Edits::new().set("a", "1").remove("a")), "{}");
}

#[test]
fn members_are_read_and_the_last_of_repeated_ones_wins() {
    let body = br#" {"model":"a\u0062","stream":true,"n":7,"o":{"k":"v"},"none":null,"model":"z\n"} "#;
    let top = TopLevel::scan(body).unwrap();
    assert_eq!(top.string("model").unwrap().as_deref(), Some("z\n"));
    assert_eq!(top.value("n"), Some(&b"7"[..]));
    assert_eq!(top.unsigned("n"), Some(7));
    assert_eq!(top.boolean("stream").unwrap(), Some(true));
    assert_eq!(top.object("o").unwrap().string("k").unwrap().as_deref(), Some("v"));
    assert_eq!(top.string("none").unwrap(), None);
    assert_eq!(top.boolean("none").unwrap(), None);
    assert_eq!(top.string("absent").unwrap(), None);
    assert!(top.has("none") && !top.has("absent"));
    let keys: Vec<&str> = top.members().map(|(key, _)| key).collect();
    assert_eq!(keys, ["model", "stream", "n", "o", "none", "model"]);
    let wrong = top.string("n").unwrap_err();
    assert_eq!(
        (wrong.param(), wrong.to_string().as_str()),
        (Some("n"), "n: expected a string, found a number")
    );
    assert_eq!(top.boolean("n").unwrap_err().param(), Some("n"));
}

#[test]
fn a_name_with_half_a_surrogate_pair_is_a_name_and_stays_as_it_is_written() {
    let body = br#"{"\ud83d":1,"mod\u0065l":"a","x":{"\udc00 \ud83d":{"n":1}}}"#;
    let top = TopLevel::scan(body).unwrap();
    assert_eq!(top.members().map(|(name, _)| name).collect::<Vec<_>>(), ["\u{fffd}", "model", "x"]);
    assert_eq!(top.string("model").unwrap().as_deref(), Some("a"));
    let text = std::str::from_utf8(body).unwrap();
    assert_eq!(edited(text, &Edits::new().set_string("model", "b")), text.replace(r#""a""#, r#""b""#));
    // What is no escape is still refused.
    for broken in [r#"{"\q":1}"#, r#"{"\u12":1}"#] {
        assert!(TopLevel::scan(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn a_peek_reads_what_routing_needs() {
    for (body, model, stream, key) in [
        (r#"{"model":"m","stream":true,"prompt_cache_key":"k"}"#, "m", true, Some("k")),
        (r#"{"messages":["model"]}"#, "", false, None),
        (r#"{"stream":false,"model":null,"prompt_cache_key":5}"#, "", false, None),
        (r#"{"stream":null,"model":"a","model":"b"}"#, "b", false, None),
        (r#"{"stream":1}"#, "", true, None),
    ] {
        let peek = TopLevel::scan(body.as_bytes()).unwrap().peek().unwrap();
        assert_eq!((&*peek.model, peek.stream, peek.cache_key.as_deref()), (model, stream, key), "{body}");
    }
    let error = TopLevel::scan(br#"{"model":["m"]}"#).unwrap().peek().unwrap_err();
    assert_eq!(error.param(), Some("model"));
}

#[test]
fn an_outline_takes_the_place_of_a_scan_of_the_same_body_and_of_no_other() {
    let body = Bytes::from_static(br#" {"a": 1 ,"b":"x","a":[2] } "#);
    let scanned = TopLevel::scan(&body).unwrap();
    let outline = scanned.outline(&body).unwrap();
    assert_eq!(TopLevel::of(&body, Some(&outline)).unwrap(), scanned);
    let edits = Edits::new().set("a", "3").remove("b").set("c", "4");
    let edited = edits.apply_scanned(&body, &TopLevel::of(&body, Some(&outline)).unwrap());
    assert_eq!(edited, edits.apply(&body).unwrap());

    // It is believed: nobody looks again.
    let members = vec![MemberSpan { key: (3, 4), value: (14, 17), region: (2, 9) }];
    let told = Outline::new(body.clone(), members, 2, 27);
    assert_eq!(TopLevel::of(&body, Some(&told)).unwrap().raw("a").unwrap(), Some(r#""x""#));
    let elsewhere = Bytes::copy_from_slice(&body);
    assert_eq!(TopLevel::of(&elsewhere, Some(&told)).unwrap().raw("a").unwrap(), Some("[2]"));
    assert!(scanned.outline(&elsewhere).is_none());
    // Spans that lie nowhere are no spans.
    let members = vec![MemberSpan { key: (3, 400), value: (7, 8), region: (2, 9) }];
    let lost = Outline::new(body.clone(), members, 2, 27);
    assert_eq!(TopLevel::of(&body, Some(&lost)).unwrap(), scanned);

    let escaped = Bytes::from_static(br#"{"\u0061":1}"#);
    let scanned = TopLevel::scan(&escaped).unwrap();
    assert!(scanned.has("a") && scanned.outline(&escaped).is_none());
}

#[test]
fn what_is_no_object_is_refused_with_the_place() {
    for (body, expected) in [
        ("", "the body is not a JSON object"),
        ("[]", "the body is not a JSON object"),
        ("null", "the body is not a JSON object"),
        (r#"{"a" 1}"#, "expected a colon at byte 6 of the JSON text"),
        (r#"{"a":1"#, "expected a comma or the end of the object at byte 6 of the JSON text"),
        (r#"{"a":tru}"#, "expected a value at byte 8 of the JSON text"),
        (r#"{"a":01}"#, "expected a value at byte 7 of the JSON text"),
        (r#"{"a":"x}"#, "a string is not closed at byte 8 of the JSON text"),
        (r#"{"a":"\"#, "a string is not closed at byte 7 of the JSON text"),
        (r#"{"a":[1,{"b":2}"#, "an array or object is not closed at byte 15 of the JSON text"),
        (r#"{"a":[1}"#, "a bracket does not match at byte 8 of the JSON text"),
        (r#"{"a":1} x"#, "there is text behind the JSON object"),
        (r#"{"a":1,}"#, "expected a member name at byte 8 of the JSON text"),
        (r#"{,}"#, "expected a member name at byte 2 of the JSON text"),
        (r#"{"\x":1}"#, "bad escape in a member name at byte 5 of the JSON text"),
    ] {
        assert_eq!(TopLevel::scan(body.as_bytes()).unwrap_err().to_string(), expected, "{body}");
    }
    assert!(TopLevel::scan(b"{\"\xff\":1}").is_err());
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(TopLevel::scan(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(TopLevel::scan(nested(MAX_DEPTH + 1).as_bytes()).is_err());
    for open in ["[", "{\"a\":"] {
        assert!(TopLevel::scan(format!("{{\"a\":{}", open.repeat(1 << 20)).as_bytes()).is_err());
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((".{0,4}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    proptest::collection::vec(("[a-c\\\\\"é]{0,2}", value()), 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn an_edit_does_what_it_does_to_the_parsed_object(
        mut body in object(),
        key in "[a-c]{0,2}",
        new in proptest::option::of(value()),
        pretty in any::<bool>(),
    ) {
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
        let json = new.as_ref().map(Value::to_string);
        let edits = match &json {
            Some(json) => Edits::new().set(&*key, json.as_str()),
            None => Edits::new().remove(&*key),
        };
        let after: Value = serde_json::from_str(&edited(&text, &edits)).unwrap();
        let map = body.as_object_mut().unwrap();
        match new {
            Some(new) => { map.insert(key, new); }
            None => { map.shift_remove(&key); }
        }
        prop_assert_eq!(after, body);
    }

    #[test]
    fn a_scan_reads_what_the_parser_reads(body in object()) {
        let text = body.to_string();
        let top = TopLevel::scan(text.as_bytes()).unwrap();
        for (key, value) in body.as_object().unwrap() {
            let found: Value = serde_json::from_slice(top.value(key).unwrap()).unwrap();
            prop_assert_eq!(&found, value);
        }
        prop_assert_eq!(top.members().count(), body.as_object().unwrap().len());
    }
}

#[test]
fn numbers_keep_their_spelling() {
    let body = r#"{"t":1.50,"seed":123456789012345678901234567890,"x":1e5}"#;
    assert_eq!(edited(body, &Edits::new().set("x", "0")), body.replace("1e5", "0"));
    assert_eq!(json!({"a":1}).to_string(), edited("{}", &Edits::new().set("a", "1")));
}
