//! Edits: what changed is what was asked for, and every other byte stays.

use cliproxy_config::{ConfigText, Document, Edit, EditError, Step};
use proptest::prelude::*;
use serde_json::{Value, json};

fn steps(path: &str) -> Vec<Step> {
    path.split('/')
        .filter(|step| !step.is_empty())
        .map(|step| step.parse::<usize>().map_or_else(|_| Step::from(step), Step::from))
        .collect()
}

fn edited(text: &str, edit: &Edit) -> Result<String, EditError> {
    let mut config = ConfigText::parse("config.yaml", text).unwrap();
    config.apply(edit)?;
    Ok(config.into_string())
}

fn set(path: &str, value: Value) -> Edit {
    Edit::set(steps(path), value)
}

fn check(cases: &[(&str, &str, Edit, &str)]) {
    for (name, before, edit, after) in cases {
        let found = edited(before, edit).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found, *after, "{name}");
    }
}

#[test]
fn setting_a_scalar_replaces_its_bytes_and_keeps_its_style() {
    check(&[
        ("a number", "a: 1 # why\nb: 2\n", set("a", json!(5)), "a: 5 # why\nb: 2\n"),
        ("a flag", "debug: no\n", set("debug", json!(true)), "debug: true\n"),
        ("double quotes stay", "a: \"x\"  # c\n", set("a", json!("y z")), "a: \"y z\"  # c\n"),
        ("single quotes stay", "a: 'x'\n", set("a", json!("it's")), "a: 'it''s'\n"),
        ("plain stays plain", "a: x\n", set("a", json!("v w")), "a: v w\n"),
        ("plain text that would be a number is quoted", "a: x\n", set("a", json!("12")), "a: \"12\"\n"),
        ("plain text that would be a switch is quoted", "a: x\n", set("a", json!("yes")), "a: \"yes\"\n"),
        ("text with a comment sign is quoted", "a: x\n", set("a", json!("a #b")), "a: \"a #b\"\n"),
        ("control characters are escaped", "a: 'x'\n", set("a", json!("a\nb\u{1}")), "a: \"a\\nb\\x01\"\n"),
        ("an empty text", "a: x\n", set("a", json!("")), "a: \"\"\n"),
        ("a value where none is", "a:\nb: 1\n", set("a", json!("x")), "a: x\nb: 1\n"),
        ("a value before a comment", "a: # c\nb: 1\n", set("a", json!(1)), "a: 1 # c\nb: 1\n"),
        ("windows line ends", "a: 1\r\nb: 2\r\n", set("b", json!(3)), "a: 1\r\nb: 3\r\n"),
        ("no line end at the end", "a: 1\nb: 2", set("b", json!(3)), "a: 1\nb: 3"),
        ("a byte order mark", "\u{feff}a: 1\n", set("a", json!(2)), "\u{feff}a: 2\n"),
        ("beside other letters", "ä: ö\nb: ü # é\n", set("b", json!(1)), "ä: ö\nb: 1 # é\n"),
        (
            "deep inside",
            "a:\n  - b: 1\n    c: [x, {d: 1}]\n",
            set("a/0/c/1/d", json!("e, f")),
            "a:\n  - b: 1\n    c: [x, {d: \"e, f\"}]\n",
        ),
        ("an item", "a:\n- x\n- y # c\n", set("a/1", json!("z")), "a:\n- x\n- z # c\n"),
        ("two lines of quotes", "a: \"x\n  y\"\nb: 1\n", set("a", json!("z")), "a: \"z\"\nb: 1\n"),
        ("nothing to do", "a: 0x10\n", set("a", json!(16)), "a: 0x10\n"),
        ("null is written", "a: 1\n", set("a", json!(null)), "a: null\n"),
    ]);
}

#[test]
fn setting_a_missing_key_adds_lines_where_its_siblings_are() {
    check(&[
        ("at the end", "a: 1\n# tail\n", set("b", json!(2)), "a: 1\nb: 2\n# tail\n"),
        ("without a last line end", "a: 1", set("b", json!(2)), "a: 1\nb: 2"),
        ("with windows line ends", "a: 1\r\n", set("b/c", json!(2)), "a: 1\r\nb:\r\n  c: 2\r\n"),
        ("into an empty text", "", set("a", json!(1)), "a: 1\n"),
        ("into comments only", "# c\n", set("a", json!(["x"])), "# c\na:\n  - x\n"),
        ("after a byte order mark", "\u{feff}", set("a", json!(1)), "\u{feff}a: 1\n"),
        (
            "into a section",
            "a:\n    b: 1 # c\nz: 1\n",
            set("a/c", json!(2)),
            "a:\n    b: 1 # c\n    c: 2\nz: 1\n",
        ),
        ("into a section that is empty", "a:\nb: 1\n", set("a/c", json!(2)), "a:\n  c: 2\nb: 1\n"),
        (
            "into an item",
            "a:\n  - b: 1\n  - b: 2\n",
            set("a/0/c", json!(true)),
            "a:\n  - b: 1\n    c: true\n  - b: 2\n",
        ),
        ("missing parents are made", "a: 1\n", set("b/c/d", json!(2)), "a: 1\nb:\n  c:\n    d: 2\n"),
        ("into a flow mapping", "a: {b: 1}\n", set("a/c", json!("x")), "a: {b: 1, c: x}\n"),
        ("into a flow mapping that is empty", "a: {}\nb: 1\n", set("a/c", json!("x")), "a:\n  c: x\nb: 1\n"),
        (
            "behind a nested list",
            "a:\n  l:\n    - x\n    - y\nb: 1\n",
            set("a/m", json!(1)),
            "a:\n  l:\n    - x\n    - y\n  m: 1\nb: 1\n",
        ),
        (
            "behind a text block",
            "a: |\n  x\n\n  y\n\nb: 1\n",
            set("c", json!(1)),
            "a: |\n  x\n\n  y\n\nb: 1\nc: 1\n",
        ),
        ("a key that needs quotes", "a: 1\n", set("yes", json!(1)), "a: 1\n\"yes\": 1\n"),
        (
            "a list of mappings",
            "a: 1\n",
            set("k", json!([{"b": 1, "c": [1]}])),
            "a: 1\nk:\n  - b: 1\n    c:\n      - 1\n",
        ),
    ]);
}

#[test]
fn appending_follows_the_list() {
    let item = |path: &str, value: Value| Edit::append(steps(path), value);
    check(&[
        ("block", "a:\n  - x # c\nb: 1\n", item("a", json!("v")), "a:\n  - x # c\n  - v\nb: 1\n"),
        ("not indented", "a:\n- x\nb: 1\n", item("a", json!("v")), "a:\n- x\n- v\nb: 1\n"),
        (
            "a mapping",
            "a:\n  - k: 1\n    l: 2\n",
            item("a", json!({"k": 3, "l": {"m": 4}})),
            "a:\n  - k: 1\n    l: 2\n  - k: 3\n    l:\n      m: 4\n",
        ),
        ("flow", "a: [x, y] # c\n", item("a", json!("z")), "a: [x, y, z] # c\n"),
        ("flow over lines", "a: [\n  x,\n  y,\n]\n", item("a", json!("z")), "a: [\n  x,\n  y, z,\n]\n"),
        ("empty flow", "a: []\nb: 1\n", item("a", json!("x")), "a:\n  - x\nb: 1\n"),
        ("nothing", "a:\nb: 1\n", item("a", json!("x")), "a:\n  - x\nb: 1\n"),
        ("missing", "b: 1\n", item("a", json!("x")), "b: 1\na:\n  - x\n"),
        ("missing, deeper", "b: 1\n", item("a/l", json!("x")), "b: 1\na:\n  l:\n    - x\n"),
        (
            "before a comment of the next key",
            "a:\n  - x\n\n# about b\nb: 1\n",
            item("a", json!("v")),
            "a:\n  - x\n  - v\n\n# about b\nb: 1\n",
        ),
    ]);
}

#[test]
fn removing_takes_the_lines_of_what_goes_and_no_others() {
    let gone = |path: &str| Edit::remove(steps(path));
    check(&[
        ("a key", "a: 1\nb: 2 # c\nc: 3\n", gone("b"), "a: 1\nc: 3\n"),
        ("a section", "a:\n  x: 1\n  y:\n    - 1\nb: 2\n", gone("a"), "b: 2\n"),
        ("comments before it stay", "# a\na: 1\n# b\nb: 2\n", gone("b"), "# a\na: 1\n# b\n"),
        ("an item", "a:\n  - x\n  - y\n  - z\n", gone("a/1"), "a:\n  - x\n  - z\n"),
        ("an item that is a mapping", "a:\n  - k: 1\n    l: 2\n  - k: 3\n", gone("a/0"), "a:\n  - k: 3\n"),
        ("the first key of an item", "a:\n  - k: 1\n    l: 2\n", gone("a/0/k"), "a:\n  - l: 2\n"),
        ("a later key of an item", "a:\n  - k: 1\n    l: 2\n", gone("a/0/l"), "a:\n  - k: 1\n"),
        ("the last item", "a:\n  - x\nb: 1\n", gone("a/0"), "a: []\nb: 1\n"),
        ("the last key", "a:\n  x: 1\nb: 1\n", gone("a/x"), "a: {}\nb: 1\n"),
        ("from a flow list", "a: [x, y, z]\n", gone("a/1"), "a: [x, z]\n"),
        ("the first of a flow list", "a: [x, y]\n", gone("a/0"), "a: [y]\n"),
        ("the last of a flow list", "a: [x, y]\n", gone("a/1"), "a: [x]\n"),
        ("the only one of a flow list", "a: [ x ]\n", gone("a/0"), "a: []\n"),
        ("from a flow mapping", "a: {x: 1, y: 2}\n", gone("a/x"), "a: {y: 2}\n"),
        ("what is not there", "a: 1\n", gone("b/c"), "a: 1\n"),
        ("a text block", "a: |\n  x\n  y\nb: 1\n", gone("a"), "b: 1\n"),
        ("the last line without a line end", "a: 1\nb: 2", gone("b"), "a: 1\n"),
        ("windows line ends", "a: 1\r\nb: 2\r\nc: 3\r\n", gone("b"), "a: 1\r\nc: 3\r\n"),
        ("everything", "# top\na: 1\n", gone("a"), "# top\n"),
    ]);
}

#[test]
fn setting_a_collection_over_another_changes_only_what_differs() {
    check(&[
        (
            "items keep their comments",
            "api-keys:\n  - one # of the team\n  - two # old\n  - three\n",
            set("api-keys", json!(["one", "three", "four"])),
            "api-keys:\n  - one # of the team\n  - three # old\n  - four\n",
        ),
        (
            "an item in the middle goes with its comment",
            "k:\n  - one # 1\n  - two # 2\n  - three # 3\n",
            set("k", json!(["one", "three"])),
            "k:\n  - one # 1\n  - three # 3\n",
        ),
        (
            "members keep theirs",
            "r:\n  # how\n  strategy: ff # fast\n  gone: 1\n",
            set("r", json!({"strategy": "wrr", "new": true})),
            "r:\n  # how\n  strategy: wrr # fast\n  new: true\n",
        ),
        ("a block list becomes empty", "a:\n  - x\n  - y\nb: 1\n", set("a", json!([])), "a: []\nb: 1\n"),
        ("a block mapping becomes a text", "a:\n  x: 1\nb: 1\n", set("a", json!("t")), "a: t\nb: 1\n"),
        (
            "a block list becomes a mapping",
            "a: # c\n  - x\nb: 1\n",
            set("a", json!({"k": 1})),
            "a: # c\n  k: 1\nb: 1\n",
        ),
        ("a text becomes a list", "a: x\nb: 1\n", set("a", json!(["x", "v"])), "a:\n  - x\n  - v\nb: 1\n"),
        (
            "a text with a comment becomes a flow list",
            "a: x # c\nb: 1\n",
            set("a", json!(["x"])),
            "a: [x] # c\nb: 1\n",
        ),
        (
            "an item becomes a mapping",
            "a:\n  - x\n  - y\n",
            set("a/0", json!({"k": 1, "l": 2})),
            "a:\n  - k: 1\n    l: 2\n  - y\n",
        ),
    ]);
}

#[test]
fn what_cannot_be_done_safely_is_refused_and_the_text_stays() {
    let cases = [
        ("base: &b {x: 1}\na: *b\n", set("a/x", json!(2)), "an anchor, alias or tag"),
        ("base: &b {x: 1}\na: *b\n", set("a", json!(2)), "has an anchor or tag, or is an alias"),
        ("base: &b {x: 1}\n", set("base/x", json!(2)), "an anchor, alias or tag"),
        ("base: &b\n  x: 1\na:\n  <<: *b\n  y: 1\n", set("a/x", json!(2)), "comes in through a merge key"),
        ("a: |\n  text\n", set("a", json!("x")), "it is a text block"),
        ("a: !!str 1\n", set("a", json!("x")), "has an anchor or tag"),
        ("a: 1\n", set("a/b", json!(1)), "there is no mapping"),
        ("a: [1]\n", set("a/b", json!(1)), "there is no mapping"),
        ("a: [1]\n", set("a/1", json!(1)), "the list is not that long"),
        ("a: {b: 1}\n", set("a/0", json!(1)), "there is no list"),
        ("a: 1\n", Edit::append(steps("a"), json!(1)), "there is no list"),
        ("a: 1\n", Edit::set(Vec::<Step>::new(), json!("x")), "the whole document"),
    ];
    for (text, edit, wanted) in cases {
        let mut config = ConfigText::parse("config.yaml", text).unwrap();
        let error = config.apply(&edit).expect_err(text).to_string();
        assert!(error.contains(wanted), "{text}: {error}");
        assert_eq!(config.as_str(), text);
    }
    assert!(matches!(ConfigText::parse("c", "a: [").unwrap_err(), EditError::Unparsable(_)));
    let deep = (0..80).fold(json!(1), |value, _| json!([value]));
    assert!(matches!(edited("a: 1\n", &set("a", deep)), Err(EditError::TooLarge { .. })));
}

#[test]
fn a_large_collection_is_replaced_in_one_step() {
    let list =
        |from: usize| -> Vec<String> { (from..from + 3000).map(|number| format!("key-{number}")).collect() };
    let text = format!(
        "# keys\na:\n{}b: 1 # c\n",
        list(0).iter().map(|key| format!("  - {key} # x\n")).collect::<String>()
    );
    let found = edited(&text, &set("a", json!(list(5000)))).unwrap();
    assert!(found.starts_with("# keys\na:\n  - key-5000\n  - key-5001\n"));
    assert!(found.ends_with("  - key-7999 # x\nb: 1 # c\n"));
}

#[test]
fn the_example_file_takes_a_round_of_edits_and_keeps_its_comments() {
    let example = include_str!("../../../../config.example.yaml");
    let mut config = ConfigText::parse("config.example.yaml", example).unwrap();
    for edit in [
        set("port", json!(9000)),
        Edit::append(steps("api-keys"), json!("new-key")),
        Edit::remove(steps("api-keys/0")),
        set("routing/strategy", json!("fill-first")),
        Edit::append(
            steps("claude-api-key"),
            json!({"api-key": "k", "models": [{"name": "m", "alias": "a"}]}),
        ),
        set("claude-api-key/0/priority", json!(3)),
    ] {
        assert!(config.apply(&edit).unwrap(), "{edit:?}");
    }
    let comments =
        |text: &str| text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(comments(config.as_str()), comments(example));
    let json = config.document().to_json();
    assert_eq!(json["port"], json!(9000));
    assert_eq!(json["api-keys"], json!(["your-api-key-2", "new-key"]));
    assert_eq!(json["claude-api-key"][0]["priority"], json!(3));
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-d]",
        "[a-z]{1,5}",
        Just("yes".to_owned()),
        Just("1:30".to_owned()),
        Just("0x1F".to_owned()),
        Just("a: b".to_owned()),
        Just("- x".to_owned()),
        Just("#c".to_owned()),
        Just("x, y".to_owned()),
        Just("~".to_owned()),
        Just("<<x".to_owned()),
        Just("ü\u{1}\n".to_owned()),
        Just("'q\"".to_owned()),
        Just(" s ".to_owned()),
        Just(String::new()),
        ".{0,6}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(true)),
        any::<i32>().prop_map(|number| json!(number)),
        word().prop_map(Value::String),
        Just(json!(null)),
        Just(json!(1.5)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((word(), inner), 0..4).prop_map(|members| Value::Object(
                members.into_iter().filter(|(key, _)| key != "<<").collect()
            )),
        ]
    })
}

/// YAML as people write it: block and flow, comments, blank lines, three kinds of quotes, two of line ends.
fn document(value: &Value, seed: u64) -> String {
    let mut out = String::new();
    let mut random = seed | 1;
    let mut dice = move |sides: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % sides
    };
    let text = if let Value::Object(members) = value { members.clone() } else { serde_json::Map::new() };
    write_map(&mut out, &text, 0, &mut dice);
    if dice(4) == 0 { out.replace('\n', "\r\n") } else { out }
}

fn json_scalar(value: &Value, dice: &mut impl FnMut(u64) -> u64) -> String {
    match value {
        Value::String(text)
            if dice(2) == 0 && text.bytes().all(|byte| byte.is_ascii_lowercase()) && text.len() > 3 =>
        {
            text.clone()
        }
        Value::String(text)
            if dice(2) == 0 && text.chars().all(|c| c.is_ascii_graphic()) && !text.is_empty() =>
        {
            format!("'{}'", text.replace('\'', "''"))
        }
        // JSON is YAML, but for what JSON leaves unescaped.
        other => other
            .to_string()
            .replace('\u{7f}', "\\u007f")
            .replace('\u{85}', "\\u0085")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029")
            .replace('\u{feff}', "\\ufeff"),
    }
}

fn write_map(
    out: &mut String,
    members: &serde_json::Map<String, Value>,
    indent: usize,
    dice: &mut impl FnMut(u64) -> u64,
) {
    for (key, value) in members {
        for _ in 0..dice(2) {
            out.push_str(&format!("{}# comment {}\n", " ".repeat(indent), dice(100)));
        }
        out.push_str(&format!("{}{}:", " ".repeat(indent), json_scalar(&Value::String(key.clone()), dice)));
        write_value(out, value, indent, dice);
    }
}

fn write_value(out: &mut String, value: &Value, indent: usize, dice: &mut impl FnMut(u64) -> u64) {
    let comment = if dice(4) == 0 { " # trailing" } else { "" };
    match value {
        Value::Object(members) if !members.is_empty() && dice(4) > 0 => {
            out.push_str(&format!("{comment}\n"));
            write_map(out, members, indent + 2, dice);
        }
        Value::Array(items) if !items.is_empty() && dice(4) > 0 => {
            out.push_str(&format!("{comment}\n"));
            let indent = indent + if dice(2) == 0 { 2 } else { 0 };
            for item in items {
                match item {
                    Value::Object(members) if !members.is_empty() && dice(3) > 0 => {
                        let mut inner = String::new();
                        for (key, value) in members {
                            inner.push_str(&format!(
                                "{}{}:",
                                " ".repeat(indent + 2),
                                json_scalar(&Value::String(key.clone()), dice)
                            ));
                            write_value(&mut inner, value, indent + 2, dice);
                        }
                        out.push_str(&format!("{}- {}", " ".repeat(indent), inner.trim_start_matches(' ')));
                    }
                    Value::Null if dice(2) == 0 => out.push_str(&format!("{}-\n", " ".repeat(indent))),
                    other => {
                        out.push_str(&format!("{}- {}{comment}\n", " ".repeat(indent), flow(other, dice)))
                    }
                }
            }
        }
        Value::Null if dice(2) == 0 => out.push_str(&format!("{comment}\n")),
        other => out.push_str(&format!(" {}{comment}\n", flow(other, dice))),
    }
    if dice(5) == 0 {
        out.push('\n');
    }
}

fn flow(value: &Value, dice: &mut impl FnMut(u64) -> u64) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| flow(item, dice)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| {
                    format!("{}: {}", json_scalar(&Value::String(key.clone()), dice), flow(value, dice))
                })
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        other => json_scalar(other, dice),
    }
}

/// A path into a value, and sometimes one step beyond it.
fn path_into(value: &Value, dice: &mut impl FnMut(u64) -> u64) -> Vec<Step> {
    let mut path = Vec::new();
    let mut place = value;
    loop {
        let stop = !path.is_empty() && dice(3) == 0;
        match place {
            Value::Object(members) if !members.is_empty() && !stop => {
                if dice(6) == 0 {
                    path.push(Step::from("brand-new"));
                    return path;
                }
                let index = usize::try_from(dice(members.len() as u64)).unwrap();
                let (key, below) = members.iter().nth(index).unwrap();
                path.push(Step::from(key.as_str()));
                place = below;
            }
            Value::Array(items) if !items.is_empty() && !stop => {
                let index = usize::try_from(dice(items.len() as u64)).unwrap();
                path.push(Step::from(index));
                place = &items[index];
            }
            _ => {
                if path.is_empty() {
                    path.push(Step::from("brand-new"));
                }
                return path;
            }
        }
    }
}

fn at<'v>(value: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match (step, value) {
        (Step::Key(key), Value::Object(members)) => members.get(key),
        (Step::Index(index), Value::Array(items)) => items.get(*index),
        _ => None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_means_what_it_says_and_touches_nothing_else(
        members in proptest::collection::vec((word(), value()), 0..6),
        new in value(),
        seed in any::<u64>(),
        kind in 0..3_u8,
    ) {
        let model = Value::Object(members.into_iter().filter(|(key, _)| key != "<<").collect());
        let text = document(&model, seed);
        let mut config = ConfigText::parse("t", text.clone()).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        prop_assert_eq!(config.document().to_json(), model.clone(), "{}", text);

        let mut random = seed.rotate_left(17) | 1;
        let mut dice = move |sides: u64| { random ^= random << 13; random ^= random >> 7; random ^= random << 17; random % sides };
        let path = path_into(&model, &mut dice);
        let edit = match kind {
            0 => Edit::set(path.clone(), new.clone()),
            1 => Edit::remove(path.clone()),
            _ => Edit::append(path.clone(), new.clone()),
        };
        match config.apply(&edit) {
            Ok(changed) => {
                let after = Document::parse("t", config.as_str()).unwrap().to_json();
                match kind {
                    0 => prop_assert_eq!(at(&after, &path), Some(&new), "{}", text),
                    1 => {
                        // Removing an item lets the next one move up, so lists are compared by length.
                        let parent = at(&after, &path[..path.len() - 1]);
                        let before = at(&model, &path[..path.len() - 1]);
                        let size = |value: Option<&Value>| value.map_or(0, |value| value.as_array().map_or_else(|| value.as_object().map_or(0, serde_json::Map::len), Vec::len));
                        prop_assert_eq!(size(parent), size(before) - usize::from(at(&model, &path).is_some()), "{}", text);
                    }
                    _ => prop_assert_eq!(at(&after, &path).and_then(Value::as_array).and_then(|items| items.last()), Some(&new), "{}", text),
                }
                // Everything that is not at or below the first step of the path is untouched.
                if let Some(Step::Key(top)) = path.first() {
                    for (key, value) in model.as_object().unwrap() {
                        if key != top {
                            prop_assert_eq!(after.get(key), Some(value), "{}", text);
                        }
                    }
                }
                // Comments of their own line outside that key are still there, in order.
                if !changed {
                    prop_assert_eq!(config.as_str(), text.as_str());
                } else if let Some(Step::Key(top)) = path.first() {
                    let others = lines_outside(&text, top);
                    let left = lines_outside(config.as_str(), top);
                    prop_assert_eq!(left, others, "before:\n{}\nafter:\n{}", text, config.as_str());
                }
            }
            Err(error) => {
                prop_assert!(!matches!(error, EditError::WouldChangeMore { .. } | EditError::Unparsable(_)),
                    "a plan was wrong: {error}\n{edit:?} {path:?} := {new}\n{text}");
                prop_assert_eq!(config.as_str(), text.as_str());
            }
        }
    }
}

/// Every line of a text but those of one top-level key.
fn lines_outside(text: &str, top: &str) -> Vec<String> {
    let document = Document::parse("t", text).unwrap();
    let keys: Vec<String> = document.to_json().as_object().unwrap().keys().cloned().collect();
    let mut own = false;
    let mut found = Vec::new();
    let mut index = 0;
    for line in text.lines() {
        let starts_key = !line.is_empty()
            && !line.starts_with([' ', '#', '-'])
            && Document::parse("t", line.trim_end_matches('\r')).is_ok_or_open();
        if starts_key && index < keys.len() && mentions(line, &keys[index]) {
            own = keys[index] == top;
            index += 1;
        }
        // A comment at the margin is about the key below it.
        if (!own || line.starts_with('#')) && !line.trim().is_empty() {
            found.push(line.trim_end_matches('\r').to_owned());
        }
    }
    found
}

trait OpenLine {
    fn is_ok_or_open(&self) -> bool;
}

impl<E> OpenLine for Result<Document, E> {
    /// A line that opens a collection parses on its own as well; one that does not is the middle of something.
    fn is_ok_or_open(&self) -> bool {
        self.is_ok()
    }
}

fn mentions(line: &str, key: &str) -> bool {
    Document::parse("t", line)
        .is_ok_and(|document| document.to_json().as_object().is_some_and(|members| members.contains_key(key)))
}
