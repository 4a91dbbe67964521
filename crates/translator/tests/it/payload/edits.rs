//! What rules do to a body.

use bytes::Bytes;
use cliproxy_translator::payload::Rule;

use super::{Ask, any, applied, default, remove, set};

#[test]
fn a_default_is_set_where_the_body_has_nothing() {
    for (path, json, body, expected) in [
        ("a", "1", r#"{"b":2}"#, r#"{"b":2,"a":1}"#),
        ("a", "1", r#"{"a":2}"#, r#"{"a":2}"#),
        ("a", "1", r#"{"a":null}"#, r#"{"a":null}"#),
        ("a.b.c", "[1, 2]", r#"{"x":0}"#, r#"{"x":0,"a":{"b":{"c":[1, 2]}}}"#),
        ("a.b", "1", r#"{"a":{ "c" : 2 }}"#, r#"{"a":{ "c" : 2,"b":1 }}"#),
        ("a.b", "1", r#"{"a":null}"#, r#"{"a":{"b":1}}"#),
        // A default takes nothing away.
        ("a.b", "1", r#"{"a":"x"}"#, r#"{"a":"x"}"#),
        (
            "t.#(k==1)#.s",
            "true",
            r#"{"t":[{"k":1},{"k":2},{"k":1,"s":0}]}"#,
            r#"{"t":[{"k":1,"s":true},{"k":2},{"k":1,"s":0}]}"#,
        ),
        ("t.-1", "{}", r#"{"t":[1]}"#, r#"{"t":[1,{}]}"#),
        ("t.0.x", "1", r#"{"t":[]}"#, r#"{"t":[{"x":1}]}"#),
    ] {
        assert_eq!(applied(&[default(path, json)], body), expected, "{path} on {body}");
    }
}

#[test]
fn of_several_defaults_for_a_place_the_first_wins_and_what_the_body_lacked_counts() {
    for (rules, body, expected) in [
        (vec![default("a", "1"), default("a", "2")], "{}", r#"{"a":1}"#),
        (vec![default("a.b", "1"), default("a.b", "2"), default("a.c", "3")], "{}", r#"{"a":{"b":1,"c":3}}"#),
        (vec![default("t.-1", "1"), default("t.-1", "2")], "{}", r#"{"t":[1]}"#),
        // The body had no `a`, and nobody set `a` itself yet.
        (vec![default("a.b", "1"), default("a", "2")], "{}", r#"{"a":2}"#),
        (vec![default("a", r#"{"b":1}"#), default("a.b", "2")], "{}", r#"{"a":{"b":2}}"#),
        (vec![default("a", "1"), set("a", "3")], "{}", r#"{"a":3}"#),
    ] {
        assert_eq!(applied(&rules, body), expected, "{rules:?}");
    }
}

#[test]
fn an_override_is_set_whatever_the_body_says_and_the_last_wins() {
    for (rules, body, expected) in [
        (vec![set("a", "1")], r#"{"a":2}"#, r#"{"a":1}"#),
        (vec![set("a", "1"), set("a", "3")], r#"{"a":2}"#, r#"{"a":3}"#),
        (vec![set("a.b", "1")], r#"{"a":"x"}"#, r#"{"a":{"b":1}}"#),
        (vec![set("a.b", "1")], r#"{"a":[0]}"#, r#"{"a":[0]}"#),
        (vec![set("a.2", "1")], r#"{"a":[0]}"#, r#"{"a":[0,null,1]}"#),
        (vec![set("a.2", "1")], "{}", r#"{"a":[null,null,1]}"#),
        (vec![set("a.0.b", "1")], r#"{"a":[{"b":0,"c":1}]}"#, r#"{"a":[{"b":1,"c":1}]}"#),
        (vec![set("a.5", "1")], r#"{"a":{}}"#, r#"{"a":{"5":1}}"#),
        (vec![set("a.:5", "1")], "{}", r#"{"a":{"5":1}}"#),
        (vec![set("a.-1.b", "1")], "{}", r#"{"a":[{"b":1}]}"#),
        (vec![set("a.-1", "1"), set("a.-1", "2")], r#"{"a":[ 0 ]}"#, r#"{"a":[ 0,1,2 ]}"#),
        (vec![set("a.99999", "1")], "{}", "{}"),
        (vec![set(r"a\.b", "1")], r#"{"a.b":0}"#, r#"{"a.b":1}"#),
        (vec![set(".a", "1")], "{}", r#"{"a":1}"#),
        (vec![set("a.é\"", "1")], "{}", r#"{"a":{"é\"":1}}"#),
        (
            vec![set("t.#(n==\"x\").v", "1")],
            r#"{"t":[{"n":"y"},{"n":"x"},{"n":"x"}]}"#,
            r#"{"t":[{"n":"y"},{"n":"x","v":1},{"n":"x"}]}"#,
        ),
        (
            vec![set("t.#(n==\"x\")#", "1")],
            r#"{"t":[{"n":"y"},{"n":"x"},{"n":"x"}]}"#,
            r#"{"t":[{"n":"y"},1,1]}"#,
        ),
        (vec![set("t.#(n==\"x\").v", "1")], r#"{"t":{}}"#, r#"{"t":{}}"#),
        // `#` and wildcards change what is there and make nothing.
        (vec![set("t.#.v", "1")], r#"{"t":[{"v":0},{"w":0}]}"#, r#"{"t":[{"v":1},{"w":0}]}"#),
        (vec![set("x*", "1")], r#"{"xa":0,"y":0,"xb":0}"#, r#"{"xa":1,"y":0,"xb":1}"#),
        (vec![set("x*", "1")], "{}", "{}"),
        (vec![set("a", " {\"k\" : 1} ")], "{}", r#"{"a":{"k" : 1}}"#),
    ] {
        assert_eq!(applied(&rules, body), expected, "{rules:?} on {body}");
    }
}

#[test]
fn a_filter_deletes_what_is_there() {
    for (path, body, expected) in [
        ("a", r#"{"a":1,"b":2}"#, r#"{"b":2}"#),
        ("a.b", r#"{"a":{"b":1}}"#, r#"{"a":{}}"#),
        ("a.b", r#"{"a":1}"#, r#"{"a":1}"#),
        ("a.1", r#"{"a":[1,2,3]}"#, r#"{"a":[1,3]}"#),
        ("a.-1", r#"{"a":[1,2,3]}"#, r#"{"a":[1,2]}"#),
        ("a.-1", r#"{"a":[]}"#, r#"{"a":[]}"#),
        ("a.-1.b", r#"{"a":[{"b":1},{"b":2,"c":3}]}"#, r#"{"a":[{"b":1},{"c":3}]}"#),
        ("t.#(k==1)#", r#"{"t":[{"k":1},{"k":2},{"k":1}]}"#, r#"{"t":[{"k":2}]}"#),
        ("t.#(k==1)", r#"{"t":[{"k":1},{"k":2},{"k":1}]}"#, r#"{"t":[{"k":2},{"k":1}]}"#),
        ("t.#.k", r#"{"t":[{"k":1},{"l":2}]}"#, r#"{"t":[{},{"l":2}]}"#),
        ("a?", r#"{"ab":1,"a":2,"ac":3}"#, r#"{"a":2}"#),
        ("a.9", r#"{"a":[1]}"#, r#"{"a":[1]}"#),
    ] {
        assert_eq!(applied(&[remove(path)], body), expected, "{path} on {body}");
    }
}

#[test]
fn rules_run_in_order_and_see_what_the_ones_before_them_did() {
    let rules = [
        default("temperature", "0.5"),
        set("temperature", "0.7"),
        set("extra.note", "\"x\""),
        remove("temperature"),
    ];
    assert_eq!(applied(&rules, r#"{"model":"m"}"#), r#"{"model":"m","extra":{"note":"x"}}"#);
}

#[test]
fn of_repeated_keys_an_edit_leaves_the_one_that_is_read() {
    for (rule, body, expected) in [
        (set("a", "9"), r#"{"a":1,"b":0,"a":2}"#, r#"{"b":0,"a":9}"#),
        (set("a", "9"), r#"{"a":1,"b":0,"a":9}"#, r#"{"b":0,"a":9}"#),
        (set("a.x", "9"), r#"{"a":{"x":1},"a":{"y":2}}"#, r#"{"a":{"y":2,"x":9}}"#),
        (set("a.x", "9"), r#"{"a":{"x":1},"a":{"x":9}}"#, r#"{"a":{"x":9}}"#),
        (set("a", "9"), "{ \"a\":1 , \"b\":0, \"a\":2 }", "{ \"b\":0, \"a\":9 }"),
        (remove("a"), r#"{"a":1,"b":0,"\u0061":2}"#, r#"{"b":0}"#),
        (remove("a"), "{ \"a\":1, \"b\":0, \"a\":2\n}", "{ \"b\":0\n}"),
        (remove("a"), "{ \"a\":1, \"a\":2\n}", "{\n}"),
        (remove("t.0.k"), r#"{"t":[{"k":1,"l":0,"k":2}]}"#, r#"{"t":[{"l":0}]}"#),
        (remove("a.x"), r#"{"a":{"x":1,"z":1},"a":{"x":1,"y":2}}"#, r#"{"a":{"y":2}}"#),
        (remove("a.x"), r#"{"a":{"x":1},"a":{"y":2}}"#, r#"{"a":{"y":2}}"#),
        (default("a.x", "9"), r#"{"a":{"x":1},"a":{}}"#, r#"{"a":{"x":9}}"#),
        (default("a", "9"), r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
        (default("a.x", "9"), r#"{"a":{},"a":{"x":1}}"#, r#"{"a":{},"a":{"x":1}}"#),
        // Where the one that is read cannot be changed, the others are not either.
        (set("a.x", "9"), r#"{"a":{"x":1},"a":[2]}"#, r#"{"a":{"x":1},"a":[2]}"#),
        (set("a.x", "9"), r#"{"a":[2],"a":{"x":1}}"#, r#"{"a":{"x":9}}"#),
        (set("a.#.x", "9"), r#"{"a":[{"x":1}],"a":7}"#, r#"{"a":[{"x":1}],"a":7}"#),
        (set("b.a.x", "9"), r#"{"b":{"a":"s","a":{"x":1}}}"#, r#"{"b":{"a":{"x":9}}}"#),
        (default("a.x", "9"), r#"{"a":{},"a":7}"#, r#"{"a":{},"a":7}"#),
        // A pattern means each of them.
        (set("a*", "9"), r#"{"a":1,"b":0,"a":2}"#, r#"{"a":9,"b":0,"a":9}"#),
    ] {
        assert_eq!(applied(std::slice::from_ref(&rule), body), expected, "{rule:?} on {body}");
    }
}

#[test]
fn a_body_that_repeats_what_a_rule_sets_or_takes_away_grows_by_one_value() {
    // With a look at all members for each of them this would take minutes, with a value for each of them 300 MB.
    const MANY: usize = 300_000;
    let long = format!("\"{}\"", "v".repeat(1000));
    let body = |member: &str| format!("{{{}\"z\":0}}", member.repeat(MANY));
    let (plain, deep) = (body(r#""a":0,"#), body(r#""a":{},"#));
    let list = format!(r#"{{"l":[{}1]}}"#, "0,".repeat(MANY));
    for (rule, body, expected) in [
        (set("a", &long), &plain, format!("{{\"a\":{long},\"z\":0}}")),
        (default("a.b", &long), &deep, format!("{{\"a\":{{\"b\":{long}}},\"z\":0}}")),
        (set("a.b", &long), &deep, format!("{{\"a\":{{\"b\":{long}}},\"z\":0}}")),
        (remove("a"), &plain, r#"{"z":0}"#.to_owned()),
        (remove("a*"), &plain, r#"{"z":0}"#.to_owned()),
        (remove("l.#(==0)#"), &list, r#"{"l":[1]}"#.to_owned()),
    ] {
        let changed = applied(std::slice::from_ref(&rule), body);
        assert!(changed == expected, "{rule:?} leaves {} bytes", changed.len());
    }
}

#[test]
fn what_is_not_named_stays_byte_for_byte() {
    let body = "\n{ \"model\" : \"m\",\t\"big\": 1.50e+3 , \"s\":\"\\u00e9\\/\", \"dup\":1, \"dup\":2,\n  \"deep\": { \"keep\" : [ 1 ,2 ], \"set\" : 0 } }\n";
    let rules = [set("deep.set", "1"), set("deep.keep.-1", "3"), default("new", "{}")];
    let expected = "\n{ \"model\" : \"m\",\t\"big\": 1.50e+3 , \"s\":\"\\u00e9\\/\", \"dup\":1, \"dup\":2,\n  \"deep\": { \"keep\" : [ 1 ,2,3 ], \"set\" : 1 },\"new\":{} }\n";
    assert_eq!(applied(&rules, body), expected);
}

#[test]
fn a_body_that_no_rule_changes_keeps_its_buffer() {
    let body = Bytes::from_static(br#"{"a":{"b":[1,2]},"n":1}"#);
    for rules in [
        vec![],
        vec![set("a.b.0", "1"), default("n", "5"), remove("x.y")],
        vec![set("a", r#"{"b":[1,2]}"#)],
        vec![set("z", "1"), remove("z")],
        vec![Rule::new([]).set("a", "1").unwrap()],
    ] {
        let applied = Ask::default().apply(&rules, &body);
        assert_eq!(applied.body.as_ptr(), body.as_ptr(), "{rules:?}");
    }
}

#[test]
fn what_was_done_is_told_with_paths_and_without_values() {
    let rules = [
        default("a.b", "\"SECRET\""),
        set("c", "\"SECRET\""),
        remove("d"),
        remove("absent"),
        set("list.name", "1"),
        set("grow.5000", "1"),
    ];
    let body = Bytes::from_static(br#"{"d":"SECRET","list":[]}"#);
    let told = Ask::default().apply(&rules, &body).told;
    let expected = [
        "default a.b",
        "override c",
        "filter d",
        "override list.name left out: an array takes an index or -1 there",
        "override grow.5000 left out: the array would grow too far",
    ];
    assert_eq!(told, expected);

    let many: Vec<Rule> = (0..40).map(|n| set(&format!("{}{n}", "k".repeat(200)), "1")).collect();
    let told = Ask::default().apply(&many, &Bytes::from_static(b"{}")).told;
    assert_eq!((told.len(), told[16].as_str()), (17, "24 more"));
    assert!(told.iter().all(|line| line.len() < 120), "{told:?}");
}

#[test]
fn a_body_that_is_no_object_stays_and_the_trace_says_why() {
    for body in ["[1]", "no json", r#"{"a":1} x"#] {
        let body = Bytes::from_static(body.as_bytes());
        let applied = Ask::default().apply(&[set("a", "1")], &body);
        assert_eq!(applied.body.as_ptr(), body.as_ptr());
        assert!(applied.told[0].starts_with("no rule applied: "), "{:?}", applied.told);
    }
    // What is broken further down is left alone.
    assert_eq!(applied(&[set("a.b", "1"), set("c", "2")], r#"{"a":{b:1}}"#), r#"{"a":{b:1},"c":2}"#);
}

#[test]
fn paths_begin_inside_of_an_envelope() {
    let rules = [set("generationConfig.topK", "3"), any().remove("model").unwrap()];
    for (format, body, expected) in [
        (
            "gemini-cli",
            r#"{"model":"m","request":{"contents":[]}}"#,
            r#"{"model":"m","request":{"contents":[],"generationConfig":{"topK":3}}}"#,
        ),
        ("antigravity", r#"{"request":{"model":1}}"#, r#"{"request":{"generationConfig":{"topK":3}}}"#),
        // Without an envelope there is nothing to be inside of.
        ("gemini-cli", r#"{"contents":[]}"#, r#"{"contents":[],"generationConfig":{"topK":3}}"#),
        ("gemini", r#"{"request":{}}"#, r#"{"request":{},"generationConfig":{"topK":3}}"#),
    ] {
        let ask = Ask { format, ..Ask::default() };
        let body = Bytes::from_static(body.as_bytes());
        assert_eq!(ask.apply(&rules, &body).body, expected, "{format}");
    }
}
