//! Call ids, derived ids, tool names, user ids.

use std::borrow::Cow;

use cliproxy_translator::json::Text;
use cliproxy_translator::model::{
    Args, FunctionTool, Identity, Part, PartKind, Reasoning, Request, Role, Tool, ToolCall, ToolChoice,
    ToolResult, Turn,
};
use cliproxy_translator::pass::call_ids::complete;
use cliproxy_translator::pass::identity::derive_user_id;
use cliproxy_translator::pass::ids::{claude_ids, claude_uses, generated_id};
use cliproxy_translator::pass::names::{openai_names, restore_case, shorten_for_openai};
use proptest::prelude::*;

#[test]
fn b1_e001_an_id_keeps_only_what_claude_takes() {
    for (id, expected) in
        [("call_1", "call_1"), ("fn.a:1", "fn_a_1"), ("a b", "a_b"), ("é", "_"), ("a-b_C9", "a-b_C9")]
    {
        let map = claude_ids([id]);
        assert_eq!(map.get(id), expected, "E001 {id}");
        assert_eq!(map.is_empty(), id == expected);
    }
    assert!(matches!(claude_ids(["ok"]).get("ok"), Cow::Borrowed("ok")), "a good id is not copied");
}

#[test]
fn b2_two_ids_never_become_one_and_earlier_ones_never_change() {
    let map = claude_ids(["a.b", "a:b", "a.b", "a_b"]);
    assert_eq!(map.get("a.b"), "a_b");
    let (colon, plain) = (map.get("a:b").into_owned(), map.get("a_b").into_owned());
    assert!(colon.starts_with("a_b_") && colon.len() == 8, "{colon}");
    assert!(plain.starts_with("a_b_") && plain != colon, "{plain}");
    assert_eq!(claude_ids(["a.b", "a:b"]).get("a:b"), colon, "a grown conversation keeps its ids");
}

#[test]
fn an_id_that_is_used_again_is_another_for_claude_and_stays_so() {
    let uses = [("call_0", 0), ("call_0", 1), ("a.b", 0), ("a:b", 0), ("a.b", 1), ("call_0", 2)];
    let map = claude_uses(uses);
    let all: std::collections::HashSet<String> =
        uses.iter().map(|(id, nth)| map.of_use(id, *nth).into_owned()).collect();
    assert_eq!(all.len(), uses.len(), "{all:?}");
    assert_eq!(map.get("call_0"), "call_0", "the first is not touched");
    for known in 1..uses.len() {
        let before = claude_uses(uses[..known].iter().copied());
        for (id, nth) in &uses[..known] {
            assert_eq!(before.of_use(id, *nth), map.of_use(id, *nth), "{id} after {known}");
        }
    }
}

#[test]
fn results_of_calls_with_one_id_have_the_names_of_their_tools_in_their_order() {
    let call = |id: &'static str, name: &'static str| {
        Part::new(PartKind::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            namespace: None,
            args: Args::Encoded("{}".into()),
        }))
    };
    let results = |ids: &[&'static str]| {
        let result = |id: &&'static str| {
            let call_id = Text::plain(*id);
            let content = vec![Part::text("r")];
            Part::new(PartKind::ToolResult(ToolResult {
                call_id,
                name: None,
                content,
                is_error: None,
                raw: None,
            }))
        };
        Turn::new(Role::User, ids.iter().map(result).collect())
    };
    let mut turns = vec![
        Turn::new(Role::Assistant, vec![call("c", "early")]),
        Turn::new(Role::User, vec![Part::text("never mind")]),
        Turn::new(Role::Assistant, vec![call("c", "f"), call("c", "g"), call("d", "h")]),
        results(&["c", "d", "c"]),
        Turn::new(Role::Assistant, vec![call("c", "i"), call("c", "j")]),
        results(&["c", "c", "c"]),
    ];
    complete(&mut turns);
    let names: Vec<_> = turns
        .iter()
        .flat_map(|turn| &turn.parts)
        .filter_map(|part| match &part.kind {
            PartKind::ToolResult(result) => result.name.as_deref(),
            _ => None,
        })
        .collect();
    // What a call of an earlier time never got is no later one's; a result beyond the calls is the last one's.
    assert_eq!(names, ["f", "h", "g", "i", "j", "j"]);
}

#[test]
fn b4_derived_ids_depend_on_their_parts_only() {
    let id = generated_id("toolu_", &["1", "0", "f", "{}"]);
    assert!(id.starts_with("toolu_") && id.len() == 30);
    assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "E026 {id}");
    assert_eq!(id, generated_id("toolu_", &["1", "0", "f", "{}"]));
    assert_ne!(generated_id("", &["ab", "c"]), generated_id("", &["a", "bc"]));
}

fn tools(names: &[&str]) -> Vec<Tool<'static>> {
    names
        .iter()
        .map(|name| {
            Tool::Function(FunctionTool { name: (*name).to_owned().into(), ..FunctionTool::default() })
        })
        .collect()
}

#[test]
fn b6_long_names_are_shortened_in_the_order_of_declaration() {
    let long = "x".repeat(70);
    let server = |name: &str| format!("mcp__{}__get", name.repeat(60));
    let table: Vec<(&str, Vec<String>, Vec<String>)> = vec![
        ("short names stay", vec!["a".into(), "b".into()], vec!["a".into(), "b".into()]),
        ("cut", vec![long.clone()], vec!["x".repeat(64)]),
        ("64 fit", vec!["x".repeat(64)], vec!["x".repeat(64)]),
        ("65 do not", vec!["x".repeat(65)], vec!["x".repeat(64)]),
        ("MCP", vec![server("a"), server("b")], vec!["mcp__get".into(), "mcp__get_1".into()]),
        (
            "MCP against a short one",
            vec![server("a"), "mcp__get".into()],
            vec!["mcp__get".into(), "mcp__get_1".into()],
        ),
        (
            "MCP too long still",
            vec![format!("mcp__s__{}", "y".repeat(70))],
            vec![format!("mcp__{}", "y".repeat(59))],
        ),
        (
            "collision of cuts",
            vec![format!("{long}1"), format!("{long}2")],
            vec!["x".repeat(64), format!("{}_1", "x".repeat(62))],
        ),
        ("E579 repeated", vec![long.clone(), long.clone()], vec!["x".repeat(64), "x".repeat(64)]),
        ("other letters", vec!["é.x y".into(), "\u{e9}_x_y".into()], vec!["__x_y".into(), "__x_y_1".into()]),
        ("other letters are cut last", vec!["é".repeat(70)], vec!["_".repeat(64)]),
    ];
    for (name, declared, expected) in table {
        let refs: Vec<&str> = declared.iter().map(String::as_str).collect();
        let map = shorten_for_openai(&tools(&refs));
        for (declared, wire) in declared.iter().zip(&expected) {
            assert_eq!(map.wire(declared), wire, "{name}");
            assert!(map.wire(declared).len() <= 64);
            assert_eq!(map.declared(map.wire(declared)), declared, "{name}: it reverses");
        }
        assert_eq!(map.is_empty(), declared == expected, "{name}: no map without need");
    }
}

#[test]
fn b5_names_of_history_and_choice_go_through_the_same_map() {
    let (declared, said, chosen) = ("d".repeat(70), "d".repeat(71), "c".repeat(70));
    let call = PartKind::ToolCall(ToolCall {
        id: "1".into(),
        name: said.as_str().into(),
        namespace: None,
        args: Args::Encoded("{}".into()),
    });
    let request = Request {
        tools: tools(&[&declared]),
        tool_choice: Some(ToolChoice::Tool { name: chosen.as_str().into(), custom: false }),
        turns: vec![Turn::new(Role::Assistant, vec![Part::new(call)])],
        ..Request::default()
    };
    let map = openai_names(&request);
    assert_eq!(map.wire(&declared), "d".repeat(64));
    assert_eq!(map.wire(&said), format!("{}_1", "d".repeat(62)));
    assert_eq!(map.wire(&chosen), "c".repeat(64));
    for name in [&declared, &said, &chosen] {
        assert_eq!(map.declared(map.wire(name)), name);
    }
    assert!(openai_names(&Request { tools: tools(&["a"]), ..Request::default() }).is_empty());
}

#[test]
fn b8_the_declared_spelling_comes_back() {
    let declared = ["Read_file", "grep", "GREP"];
    for (returned, expected) in [
        ("read_File", Some("Read_file")),
        ("__read_file", Some("Read_file")),
        (" Read_file ", Some("Read_file")),
        ("GREP", Some("GREP")),
        ("Grep", Some("grep")),
        ("write", None),
    ] {
        assert_eq!(restore_case(declared, returned), expected, "{returned}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn e577_shortened_names_are_distinct_deterministic_and_short(
        names in proptest::collection::vec("(mcp__)?[ab]{0,3}(__)?[abé]{40,70}", 1..12),
    ) {
        let refs: Vec<&str> = names.iter().map(String::as_str).collect();
        let (map, again) = (shorten_for_openai(&tools(&refs)), shorten_for_openai(&tools(&refs)));
        for name in &names {
            prop_assert!(map.wire(name).len() <= 64);
            prop_assert_eq!(map.declared(map.wire(name)), name);
            prop_assert_eq!(map.wire(name), again.wire(name));
        }
    }

    /// The number behind a name is the first that is free, as counting from one finds it.
    #[test]
    fn e577_numbers_are_the_first_that_are_free(
        names in proptest::collection::vec("[ab]{1,2}[é]{0,1}x{55,62}[abé]{0,9}(_1|_10)?", 1..120),
    ) {
        let refs: Vec<&str> = names.iter().map(String::as_str).collect();
        let map = shorten_for_openai(&tools(&refs));
        let cut = |name: &str, most: usize| name[..most.min(name.len())].to_owned();
        let clean = |name: &str| name.replace('é', "_");
        let mut taken = std::collections::HashMap::new();
        for name in names.iter().filter(|_| !map.is_empty()) {
            let numbered = (0..).map(|number| match number {
                0 => cut(&clean(name), 64),
                _ => format!("{}_{number}", cut(&clean(name), 63 - number.to_string().len())),
            });
            let free = numbered.into_iter().find(|wire| taken.get(wire).is_none_or(|of| of == name)).unwrap();
            prop_assert_eq!(map.wire(name), &free);
            taken.insert(free, name.clone());
        }
    }

    #[test]
    fn ids_for_claude_are_valid_and_distinct(ids in proptest::collection::vec("[a.:é_]{1,4}", 1..20)) {
        let map = claude_ids(ids.iter().map(String::as_str));
        let mut seen = std::collections::HashMap::new();
        for id in &ids {
            let wire = map.get(id).into_owned();
            prop_assert!(!wire.is_empty());
            prop_assert!(wire.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')));
            prop_assert_eq!(seen.entry(wire).or_insert(id), &id);
        }
    }
}

fn user(text: &str) -> Turn<'static> {
    Turn::new(Role::User, vec![Part::text(text.to_owned())])
}

#[test]
fn b87_the_user_id_is_the_clients_own_or_a_stable_one() {
    let with = |identity: Identity<'static>, turns: Vec<Turn<'static>>| Request {
        model: "m".into(),
        identity,
        turns,
        ..Request::default()
    };
    let identity = || Identity::default();
    let id = |request: &Request<'_>| derive_user_id(request).unwrap();
    let of_text = id(&with(identity(), vec![user("hi")]));
    assert!(of_text.len() == 64 && of_text.bytes().all(|b| b.is_ascii_hexdigit()));

    let grown = vec![user("hi"), Turn::new(Role::Assistant, vec![Part::text("yes")]), user("more")];
    assert_eq!(id(&with(identity(), grown)), of_text, "E569: the conversation grows");
    assert_eq!(id(&with(identity(), vec![user("hi")])), of_text, "E025: identical on every call");
    assert_ne!(id(&with(identity(), vec![user("ho")])), of_text);

    let own = Identity { user: Some("u1".into()), ..identity() };
    assert_eq!(id(&with(own, vec![user("hi")])), "u1", "E022, E570: the client's own");
    let blank = Identity { user: Some(" ".into()), ..identity() };
    assert_eq!(id(&with(blank, vec![user("hi")])), of_text, "E571: an empty one is none");

    let session = |name: &'static str| Identity { session: Some(name.into()), ..identity() };
    assert_ne!(id(&with(session("a"), vec![user("hi")])), id(&with(session("b"), vec![user("hi")])), "E024");
    assert_eq!(
        id(&with(session("a"), vec![user("hi")])),
        id(&with(session("a"), vec![user("ho")])),
        "E572: a conversation's id beats its text"
    );
    let key = Identity { prompt_cache_key: Some("k".into()), ..session("a") };
    let other = Identity { prompt_cache_key: Some("k".into()), ..session("b") };
    assert_eq!(id(&with(key, vec![])), id(&with(other, vec![])), "the cache key comes first");

    let thought = Part::new(PartKind::Reasoning(Reasoning {
        summary: vec![Text::plain("hm")],
        ..Reasoning::default()
    }));
    let mut turn = user("hi");
    turn.parts.insert(0, thought);
    assert_eq!(id(&with(identity(), vec![turn])), of_text, "E573: thoughts are no words");

    let system = |text: &'static str| Request {
        model: "m".into(),
        instructions: vec![Part::text(text)],
        ..Request::default()
    };
    assert_ne!(id(&system("a")), id(&system("b")), "model and instructions are the last resort");
    assert_eq!(derive_user_id(&Request::default()), None);
}
