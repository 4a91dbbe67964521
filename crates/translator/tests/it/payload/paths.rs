//! Paths and queries, and edits along them compared with the same edit on the parsed value.

use bytes::Bytes;
use cliproxy_translator::payload::{Rule, Selector};
use cliproxy_translator::splice::{Document, Edits, Path, TopLevel};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

#[test]
fn what_is_no_path_is_refused_when_the_rule_is_made() {
    for (path, reason) in [
        ("", "the path is empty"),
        (" . ", "the path is empty"),
        ("a|b", "`|` is not supported; write a dot, or `\\|` for the letter"),
        ("a.@reverse", "modifiers are not supported; write `\\@` for the letter"),
        ("a.#(b==1", "a `#(` is not closed"),
        ("a.#(b==1)x", "a dot is missing behind `#(…)`"),
        ("a.#()", "a query is empty"),
        ("a.#(b==1&&)", "a query is empty"),
        ("a.#(b==~true)", "`~` in a query is not supported"),
        ("a.#(b!1)", "a query has an operator that does not exist"),
        ("a.#", "`#` at the end is a number of elements, which cannot be set or removed"),
    ] {
        let error = Rule::new([]).remove(path).unwrap_err();
        assert_eq!(error.to_string(), reason, "{path}");
    }
    let long = vec!["a"; 65].join(".");
    assert!(Path::parse(&long).is_err());
    let nested = format!("a.{}{}", "#(a.".repeat(20), ")".repeat(20));
    assert_eq!(Path::parse(&nested).unwrap_err().to_string(), "queries nest too deeply");
    for json in ["{nope", "", "1 2", "'x'"] {
        assert_eq!(Rule::new([]).set("a", json).unwrap_err().to_string(), "the value is no valid JSON");
        assert!(Rule::new([]).default("a", json).is_err());
    }
    assert!(Selector::new("*").exists("a|b").is_err());
}

#[test]
fn queries_compare_by_what_is_there() {
    let list = r#"{"l":[{"s":"abc","n":5,"t":true,"f":false,"z":null,"o":{"i":[{"k":1}]}}]}"#;
    for (query, expected) in [
        ("s", true),
        ("x", false),
        ("s==\"abc\"", true),
        ("s = 'abc'", true),
        ("s==abc", true),
        ("s!=\"abc\"", false),
        ("s!=\"x\"", true),
        ("x!=\"x\"", false),
        ("s>\"abb\"", true),
        ("s<\"abb\"", false),
        ("s%\"a*\"", true),
        ("s%\"a?\"", false),
        ("s!%\"b*\"", true),
        ("n==5", true),
        ("n==\"5\"", true),
        ("n>=5.0", true),
        ("n<5", false),
        ("n!=4", true),
        ("n==five", false),
        ("t==true", true),
        ("t!=true", false),
        ("t==\"yes\"", false),
        ("f==false", true),
        ("f<true", true),
        ("z==null", true),
        ("z!=null", false),
        ("o", true),
        ("o==1", false),
        ("o.i.0.k==1", true),
        ("o.i.#(k==1)", true),
        ("o.i.#(k==2)", false),
        ("s==\"abc\" && n==5", true),
        ("s==\"abc\" && n==6", false),
        ("n==6 || t==true", true),
        ("s==\"a&&b\" || n==5", true),
        (r#"s=="a\"b)""#, false),
    ] {
        let path = Path::parse(&format!("l.#({query})")).unwrap();
        let found = Document::scan(list.as_bytes()).unwrap().any(&path, |_| true);
        assert_eq!(found, expected, "{query}");
    }
    let scalars = r#"{"l":["a","b",3]}"#;
    for (query, expected) in [("==\"b\"", true), ("==\"c\"", false), (">2", true), ("%\"?\"", true)] {
        let path = Path::parse(&format!("l.#({query})")).unwrap();
        let found = Document::scan(scalars.as_bytes()).unwrap().any(&path, |_| true);
        assert_eq!(found, expected, "{query}");
    }
}

#[test]
fn on_the_top_level_a_document_and_edits_agree() {
    for body in [r#"{"a":1,"b":[1],"c":2}"#, r#"{ "b" : 1 }"#, "{\"a\": 1, \"b\": 2 }", " { } "] {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let path = Path::parse("b").unwrap();
        let mut document = Document::scan(&bytes).unwrap();
        document.set(&path, "9").unwrap();
        assert_eq!(document.finish(&bytes), Edits::new().set("b", "9").apply(&bytes).unwrap(), "{body}");
        let mut document = Document::scan(&bytes).unwrap();
        document.remove(&path);
        assert_eq!(document.finish(&bytes), Edits::new().remove("b").apply(&bytes).unwrap(), "{body}");
    }
}

/// A step that both sides understand.
#[derive(Clone, Debug)]
enum Step {
    Key(&'static str),
    Index(usize),
    Last,
}

fn text(steps: &[Step]) -> String {
    let part = |step: &Step| match step {
        Step::Key(key) => (*key).to_owned(),
        Step::Index(at) => at.to_string(),
        Step::Last => "-1".to_owned(),
    };
    steps.iter().map(part).collect::<Vec<_>>().join(".")
}

/// The same edit on a parsed value. False when it cannot be.
fn set(at: &mut Value, steps: &[Step], new: &Value) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        *at = new.clone();
        return true;
    };
    if !at.is_object() && !at.is_array() {
        *at = if matches!(step, Step::Key(_)) { json!({}) } else { json!([]) };
    }
    match (at, step) {
        (Value::Array(_), Step::Key(_)) => false,
        (Value::Array(list), step) => {
            let at = if let Step::Index(at) = step { *at } else { list.len() };
            let mut grown = list.clone();
            while grown.len() <= at {
                grown.push(Value::Null);
            }
            let done = set(&mut grown[at], rest, new);
            if done {
                *list = grown;
            }
            done
        }
        (at, step) => {
            let key = text(std::slice::from_ref(step));
            let mut below = at.get(&key).cloned().unwrap_or(Value::Null);
            let done = set(&mut below, rest, new);
            if done {
                at[key] = below;
            }
            done
        }
    }
}

fn remove(at: &mut Value, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else { return };
    let key = text(std::slice::from_ref(step));
    match at {
        Value::Object(members) if rest.is_empty() => drop(members.remove(&key)),
        Value::Object(members) => drop(members.get_mut(&key).map(|below| remove(below, rest))),
        Value::Array(list) => {
            let at = match step {
                Step::Index(at) => Some(*at).filter(|at| *at < list.len()),
                Step::Last => list.len().checked_sub(1),
                Step::Key(_) => None,
            };
            let Some(at) = at else { return };
            if rest.is_empty() {
                list.remove(at);
            } else {
                remove(&mut list[at], rest);
            }
        }
        _ => {}
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\{},é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc0]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[abc0]", value(), 0..5).prop_map(|members| members.into_iter().collect())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c"]).prop_map(Step::Key),
        2 => (0_usize..4).prop_map(Step::Index),
        1 => Just(Step::Last),
    ];
    prop::collection::vec(step, 1..5)
}

proptest! {
    #[test]
    fn an_edit_does_what_the_same_edit_does_to_the_parsed_value(
        body in object(),
        repeated in object(),
        pretty in any::<bool>(),
        edits in prop::collection::vec((steps(), prop::option::of(value())), 1..4),
    ) {
        // Repeated keys: the text of one object behind that of another.
        let written = |map: &Map<String, Value>| {
            let text = if pretty { serde_json::to_string_pretty(map) } else { serde_json::to_string(map) };
            text.unwrap()
        };
        let (first, second) = (written(&repeated), written(&body));
        let text_of_body = if repeated.is_empty() || body.is_empty() {
            second
        } else {
            format!("{},{}", first.strip_suffix('}').unwrap(), second.strip_prefix('{').unwrap())
        };
        let bytes = Bytes::from(text_of_body.clone());
        let mut expected: Value = serde_json::from_str(&text_of_body).unwrap();
        let rules: Vec<(Path, Option<String>)> = edits
            .iter()
            .map(|(steps, new)| (Path::parse(&text(steps)).unwrap(), new.as_ref().map(Value::to_string)))
            .collect();
        let mut document = Document::scan(&bytes).unwrap();
        for ((steps, new), (path, json)) in edits.iter().zip(&rules) {
            match (new, json) {
                (Some(new), Some(json)) => {
                    let before = expected.clone();
                    if !set(&mut expected, steps, new) {
                        expected = before;
                    }
                    let _left_out = document.set(path, json);
                }
                _ => {
                    remove(&mut expected, steps);
                    document.remove(path);
                }
            }
        }
        let result = document.finish(&bytes);
        let parsed: Value = serde_json::from_slice(&result).unwrap();
        prop_assert_eq!(&parsed, &expected, "{} -> {}", text_of_body, String::from_utf8_lossy(&result));

        // Members of other names stay as they were written, in their order.
        let touched: Vec<String> = edits.iter().map(|(steps, _)| text(&steps[..1])).collect();
        let others = |body: &[u8]| -> Vec<(String, Vec<u8>)> {
            let top = TopLevel::scan(body).unwrap();
            top.members()
                .filter(|(key, _)| !touched.iter().any(|touched| touched == key))
                .map(|(key, value)| (key.to_owned(), value.to_vec()))
                .collect()
        };
        prop_assert_eq!(others(&bytes), others(&result));
    }

    #[test]
    fn no_text_makes_the_parser_of_paths_panic(text in "[a.#()\"'\\\\|&=%!<>@:*?0-9 -]{0,24}") {
        if let Ok(path) = Path::parse(&text) {
            let body = Bytes::from_static(br#"{"a":[{"a":1},"a",2,[]]}"#);
            let mut document = Document::scan(&body).unwrap();
            document.any(&path, |_| false);
            let _left_out = document.set(&path, "1");
            document.remove(&path);
            prop_assert!(serde_json::from_slice::<Value>(&document.finish(&body)).is_ok());
        }
    }
}
