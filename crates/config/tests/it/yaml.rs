//! The YAML layer alone.

use cliproxy_config::{Document, Step};
use serde_json::json;

use crate::{config, mistake, try_load};

fn steps(path: &[&str]) -> Vec<Step> {
    path.iter().map(|step| step.parse::<usize>().map_or_else(|_| Step::from(*step), Step::from)).collect()
}

#[test]
fn scalars_resolve_as_the_reference_reads_them() {
    let cases = [
        ("a: 1", json!({"a": 1})),
        ("a: -0x1F", json!({"a": -31})),
        ("a: 0o17", json!({"a": 15})),
        ("a: 017", json!({"a": 15})),
        ("a: 08", json!({"a": 8})),
        ("a: 0b101", json!({"a": 5})),
        ("a: 1_000", json!({"a": 1000})),
        ("a: 1.5", json!({"a": 1.5})),
        ("a: 1e3", json!({"a": 1000.0})),
        ("a: .5", json!({"a": 0.5})),
        ("a: 1.2.3", json!({"a": "1.2.3"})),
        ("a: 127.0.0.1", json!({"a": "127.0.0.1"})),
        ("a: --", json!({"a": "--"})),
        ("a: ~", json!({"a": null})),
        ("a: Null", json!({"a": null})),
        ("a:", json!({"a": null})),
        ("a: True", json!({"a": true})),
        ("a: yes", json!({"a": "yes"})),
        ("a: \"1\"", json!({"a": "1"})),
        ("a: !!str 1", json!({"a": "1"})),
        ("1: x", json!({"1": "x"})),
        ("a: 18446744073709551615", json!({"a": 18_446_744_073_709_551_615_u64})),
        ("a: 99999999999999999999", json!({"a": "99999999999999999999"})),
        ("a: |\n  x\n  y\n", json!({"a": "x\ny\n"})),
        ("a: {b: [1, {c: d}]}", json!({"a": {"b": [1, {"c": "d"}]}})),
        ("", json!({})),
        ("# only a comment\n", json!({})),
        ("---\na: 1\n...\n", json!({"a": 1})),
    ];
    for (text, wanted) in cases {
        assert_eq!(
            Document::parse("t", text).unwrap_or_else(|e| panic!("{text:?}: {e}")).to_json(),
            wanted,
            "{text:?}"
        );
    }
}

#[test]
fn merge_keys_fill_in_and_never_override() {
    let text = "base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\none:\n  <<: *b\n  y: 9\ntwo:\n  y: 8\n  <<: [*b, *o]\n";
    let json = Document::parse("t", text).unwrap().to_json();
    assert_eq!(json["one"], json!({"x": 1, "y": 9}));
    assert_eq!(json["two"], json!({"x": 1, "y": 8, "z": 4}));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_accepted_and_counted_right() {
    let document = Document::parse("t", "\u{feff}a: ä\r\nb:\r\n  - ü: x\r\n").unwrap();
    assert_eq!(document.to_json(), json!({"a": "ä", "b": [{"ü": "x"}]}));
    let place = document.place_of(&steps(&["b", "0", "ü"])).unwrap();
    assert_eq!((place.line(), place.column()), (Some(3), Some(8)));
}

#[test]
fn every_value_has_its_line_and_column() {
    let document = Document::parse("f.yaml", "a: 1\nb:\n  - c: x\n    d: [1,  2]\n").unwrap();
    for (path, line, column) in [
        (vec!["a"], 1, 4),
        (vec!["b", "0", "c"], 3, 8),
        (vec!["b", "0", "d", "1"], 4, 13),
        (vec!["b", "0"], 3, 5),
    ] {
        let place = document.place_of(&steps(&path)).unwrap();
        assert_eq!((place.line(), place.column()), (Some(line), Some(column)), "{path:?}");
    }
    assert_eq!(document.place_of(&steps(&["b", "7"])), None);
    assert_eq!(document.place_of(&steps(&["a"])).unwrap().to_string(), "f.yaml:1:4");
}

#[test]
fn what_is_no_config_document_is_refused_with_its_line() {
    let cases = [
        (
            "port: 1\nport: 2\n",
            "config.yaml:2:1: `port`: the key appears twice: on line 2 and before it on line 1",
        ),
        ("a: 1\n---\nb: 2\n", "config.yaml:2:1: a second document begins here"),
        ("a: [1, 2\n", "not valid YAML"),
        ("a:\n\tb: 1\n", "config.yaml:2:"),
        ("? [1, 2]\n: x\n", "a list or mapping is used as a key"),
        ("a: *nowhere\n", "not valid YAML"),
        ("a: &x [*x]\n", "an alias to something that contains it"),
        ("a: {<<: 3}\n", "a merge key needs a mapping"),
        ("- a\n- b\n", "the file is no mapping"),
        ("just text\n", "the file is no mapping"),
    ];
    for (text, wanted) in cases {
        let errors = try_load(text).expect_err(text).to_string();
        assert!(errors.contains(wanted), "{text:?}: {errors}");
    }
}

#[test]
fn two_repeated_keys_are_both_reported() {
    let errors = try_load("a: 1\na: 2\nb: {c: 1, c: 2}\n").unwrap_err();
    assert_eq!(errors.as_slice().len(), 2, "{errors}");
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = level - 1;
        let aliases = vec![format!("*a{below}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(try_load(&bomb).unwrap_err().to_string().contains("aliases counted each time"));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1_000_000), vec!["*a"; 1000].join(","));
    assert!(try_load(&long).unwrap_err().to_string().contains("aliases counted each time"));
    let deep = format!("a: {}{}\n", "[".repeat(100), "]".repeat(100));
    assert!(try_load(&deep).unwrap_err().to_string().contains("levels deep"));
    let deeper = "[".repeat(200_000);
    assert!(try_load(&deeper).is_err());
    let wide: String = (0..3000).map(|key| format!("k{key}: 1\n")).collect();
    assert!(try_load(&wide).unwrap_err().to_string().contains("more than 2000 keys"));
    let large = format!("a: {}\n", "x".repeat(9 * 1024 * 1024));
    assert!(try_load(&large).unwrap_err().to_string().contains("more than the"));
}

#[test]
fn booleans_and_strings_are_read_as_what_is_wanted() {
    for (text, wanted) in [
        ("yes", true),
        ("on", true),
        ("True", true),
        ("y", true),
        ("1", true),
        ("off", false),
        ("\"true\"", true),
        ("No", false),
    ] {
        assert_eq!(
            config(&format!("force-model-prefix: {text}")).routing.force_model_prefix,
            wanted,
            "{text}"
        );
    }
    let entry = &config("claude-api-key:\n  - api-key: 0123\n    prefix: yes").credentials.claude[0];
    assert_eq!(entry.api_key.as_ref().unwrap().expose(), "0123");
    assert_eq!(entry.prefix.as_deref(), Some("yes"));
    assert!(
        mistake("debug: maybe").contains("`debug`: \"maybe\" is not a switch; expected `true` or `false`")
    );
}

#[test]
fn a_null_says_nothing_and_the_default_shows_through() {
    let config = config("port:\nrouting: ~\nstreaming:\n  keepalive-seconds:\napi-keys:\n");
    assert_eq!(config.server.port, 8317);
    assert!(config.routing.session_affinity);
    assert_eq!(config.streaming.keepalive.unwrap().as_secs(), 15);
}
