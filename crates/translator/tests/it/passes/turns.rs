//! Turns, as Claude and Chat Completions want them. Conversations are written `role: part, part`; a part is a
//! text, `(thought)`, `!call`, `?call=result`.

use std::borrow::Cow;

use cliproxy_translator::Profile;
use cliproxy_translator::json::{self, Text};
use cliproxy_translator::model::{
    Args, CacheMark, Part, PartKind, Reasoning, Request, Role, ToolCall, ToolResult, Turn,
};
use cliproxy_translator::pass::turns::{
    Arranged, NEUTRAL, NO_OUTPUT, OutPart, OutTurn, TurnMerger, TurnPolicy, arrange, is_attribution,
};

fn part(text: &str) -> Part<'static> {
    let text = text.to_owned();
    Part::new(if let Some(id) = text.strip_prefix('!') {
        PartKind::ToolCall(ToolCall {
            id: id.to_owned().into(),
            name: Cow::Borrowed("f"),
            namespace: None,
            args: Args::Encoded("{}".into()),
        })
    } else if let Some((id, result)) = text.strip_prefix('?').and_then(|rest| rest.split_once('=')) {
        PartKind::ToolResult(ToolResult {
            call_id: id.to_owned().into(),
            name: None,
            content: vec![Part::text(result.to_owned())],
            is_error: None,
            raw: None,
        })
    } else if text.starts_with('(') {
        PartKind::Reasoning(Reasoning { summary: vec![text.into()], ..Reasoning::default() })
    } else {
        return Part::text(text);
    })
}

fn conversation(source: &'static str, instructions: &[&str], turns: &[&str]) -> Request<'static> {
    let turns = turns
        .iter()
        .map(|turn| {
            let (role, parts) = turn.split_once(": ").unwrap_or((turn.trim_end_matches(':'), ""));
            let role = match role {
                "system" => Role::System,
                "developer" => Role::Developer,
                "user" => Role::User,
                "assistant" => Role::Assistant,
                "tool" => Role::Tool,
                other => panic!("{other}"),
            };
            Turn::new(role, parts.split(", ").map(part).collect())
        })
        .collect();
    Request {
        source,
        turns,
        instructions: instructions.iter().map(|text| part(text)).collect(),
        ..Request::default()
    }
}

/// The id of its call, and of one that is not the first with it which it is.
fn show_call(out: &OutPart<'_>) -> String {
    let call = out.call().unwrap();
    let id = call.id.decoded();
    if call.nth == 0 { id.into_owned() } else { format!("{id}#{}", call.nth) }
}

fn show_part(out: &OutPart<'_>) -> String {
    let shown = match &out.part().kind {
        PartKind::Text { text, .. } => text.decoded().into_owned(),
        PartKind::Reasoning(reasoning) => reasoning.summary[0].decoded().into_owned(),
        PartKind::ToolCall(_) => format!("!{}", show_call(out)),
        PartKind::ToolResult(result) => format!(
            "?{}={}{}",
            show_call(out),
            result.content[0].as_text().unwrap().decoded(),
            if result.is_error == Some(true) { " (error)" } else { "" }
        ),
        other => panic!("{other:?}"),
    };
    if out.cache().is_some() { format!("{shown}*") } else { shown }
}

fn show(arranged: &Arranged<'_>) -> (Vec<String>, Vec<String>) {
    let role = |role| match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
        other => panic!("{other:?}"),
    };
    let parts = |parts: &[OutPart<'_>]| parts.iter().map(show_part).collect::<Vec<_>>().join(", ");
    (
        arranged.system.iter().map(show_part).collect(),
        arranged.turns.iter().map(|turn| format!("{}: {}", role(turn.role), parts(&turn.parts))).collect(),
    )
}

fn check(name: &str, policy: &TurnPolicy, request: &Request<'_>, system: &[&str], turns: &[&str]) {
    let arranged = arrange(request, policy, &mut |_, part| Some(OutPart::kept(part)));
    let (found_system, found) = show(&arranged);
    assert_eq!(found, turns, "{name}");
    assert_eq!(found_system, system, "{name}");
}

fn claude() -> TurnPolicy {
    TurnPolicy::claude(&Profile::new("m", false))
}

#[test]
fn claude_gets_results_behind_calls_and_roles_in_turn() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("E049", &["user: a", "assistant: b", "user: c"], &["user: a", "assistant: b", "user: c"]),
        (
            "B23, E048",
            &["user: a", "user: b", "assistant: c", "assistant: d"],
            &["user: a, b", "assistant: c, d"],
        ),
        (
            "B12: results first",
            &["user: q", "assistant: !1", "user: a, ?1=r, b"],
            &["user: q", "assistant: !1", "user: ?1=r, a, b"],
        ),
        (
            "E002, E003",
            &["user: q", "assistant: !1, !2", "tool: ?1=x", "tool: ?2=y", "user: z"],
            &["user: q", "assistant: !1, !2", "user: ?1=x, ?2=y, z"],
        ),
        (
            "B12: in the order of the calls",
            &["user: q", "assistant: !1, !2", "tool: ?2=y", "tool: ?1=x"],
            &["user: q", "assistant: !1, !2", "user: ?1=x, ?2=y"],
        ),
        (
            "E005, E047, E564: calls last",
            &["user: q", "assistant: !1", "assistant: (t), a", "assistant: !2", "tool: ?1=x", "tool: ?2=y"],
            &["user: q", "assistant: (t), a, !1, !2", "user: ?1=x, ?2=y"],
        ),
        (
            "B13: what came between goes behind",
            &["user: q", "assistant: !x", "user: ok", "tool: ?x=r"],
            &["user: q", "assistant: !x", "user: ?x=r, ok"],
        ),
        (
            "one call after the other",
            &["user: q", "assistant: !1", "tool: ?1=x", "assistant: !2", "tool: ?2=y", "assistant: z"],
            &["user: q", "assistant: !1", "user: ?1=x", "assistant: !2", "user: ?2=y", "assistant: z"],
        ),
        (
            "E020, B15",
            &["user: q", "assistant: !1", "tool: ?1=partial", "tool: ?1=final"],
            &["user: q", "assistant: !1", "user: ?1=final"],
        ),
        (
            "B17: an id used again later",
            &["user: q", "assistant: !1", "tool: ?1=x", "assistant: !1", "tool: ?1=y"],
            &["user: q", "assistant: !1", "user: ?1=x", "assistant: !1#1", "user: ?1#1=y"],
        ),
        (
            "calls of one id in one message: results in their order",
            &["user: q", "assistant: !1, !1", "tool: ?1=x", "tool: ?1=y"],
            &["user: q", "assistant: !1, !1#1", "user: ?1=x, ?1#1=y"],
        ),
        (
            "the same, and one has no result",
            &["user: q", "assistant: !1, !1", "tool: ?1=x", "user: z", "assistant: !1", "tool: ?1=y"],
            &[
                "user: q",
                "assistant: !1, !1#1",
                "user: ?1=x, ?1#1=no output (error), z",
                "assistant: !1#2",
                "user: ?1#2=y",
            ],
        ),
        (
            "a result beyond the calls is the last one's",
            &["user: q", "assistant: !1, !1", "tool: ?1=x", "tool: ?1=y", "tool: ?1=z"],
            &["user: q", "assistant: !1, !1#1", "user: ?1=x, ?1#1=z"],
        ),
        (
            "B17: an empty id is the next call's",
            &["user: q", "assistant: !1, !2", "tool: ?=x", "tool: ?=y"],
            &["user: q", "assistant: !1, !2", "user: ?1=x, ?2=y"],
        ),
        (
            "neither call nor result has an id",
            &["user: q", "assistant: !, !", "tool: ?=x", "tool: ?=y"],
            &["user: q", "assistant: !, !#1", "user: ?=x, ?#1=y"],
        ),
        ("B16: a result without call", &["user: q", "tool: ?9=x"], &["user: q"]),
        (
            "B16: a call without result",
            &["user: q", "assistant: !1, !2", "tool: ?2=y", "user: z"],
            &["user: q", "assistant: !1, !2", "user: ?1=no output (error), ?2=y, z"],
        ),
        (
            "B16: no result at all, in the middle",
            &["user: q", "assistant: !1", "user: z"],
            &["user: q", "assistant: !1", "user: ?1=no output (error), z"],
        ),
        ("calls that still wait", &["user: q", "assistant: a, !1"], &["user: q", "assistant: a, !1"]),
        (
            "E565, B27: empty ones part nothing",
            &["user: a", "assistant:", "user: b", "assistant: c, , d"],
            &["user: a, b", "assistant: c, d"],
        ),
        ("B27: white space is nothing", &["user: a", "assistant:  ", "user: b"], &["user: a, b"]),
        ("B26", &["assistant:"], &["user: Continue."]),
        ("nothing", &[], &["user: Continue."]),
    ];
    for (name, turns, expected) in table {
        check(name, &claude(), &conversation("openai", &[], turns), &[], expected);
    }
    assert_eq!((NEUTRAL, NO_OUTPUT), ("Continue.", "no output"));
}

#[test]
fn b15_of_two_results_for_one_call_the_first_goes_and_is_told() {
    let told = |turns: &[&str]| {
        let request = conversation("openai", &[], turns);
        let arranged = arrange(&request, &claude(), &mut |_, part| Some(OutPart::kept(part)));
        arranged.losses.iter().map(|loss| loss.what.to_string()).collect::<Vec<_>>()
    };
    let calls = ["user: q", "assistant: !1, !1", "tool: ?1=x", "tool: ?1=y", "tool: ?1=z"];
    assert_eq!(told(&calls), ["tool_result"]);
    assert_eq!(told(&calls[..4]), [""; 0], "one for each of the calls");
}

#[test]
fn chat_gets_a_message_for_each_result() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (
            "B12, E119",
            &["user: q", "assistant: !c1", "user: a, ?c1=r, b"],
            &["user: q", "assistant: !c1", "tool: ?c1=r", "user: a, b"],
        ),
        (
            "B14",
            &["assistant: a", "assistant: !1", "assistant: !2", "tool: ?1=x", "tool: ?2=y"],
            &["assistant: a, !1, !2", "tool: ?1=x", "tool: ?2=y"],
        ),
        ("E123", &["assistant: a, !1, b", "user: ?1=x"], &["assistant: a, !1, b", "tool: ?1=x"]),
        ("users stay apart", &["user: a", "user: b"], &["user: a", "user: b"]),
        (
            "no result",
            &["user: q", "assistant: !1", "user: b"],
            &["user: q", "assistant: !1", "tool: ?1=no output (error)", "user: b"],
        ),
        ("E113: nothing left", &["user: q", "assistant:"], &["user: q"]),
    ];
    for (name, turns, expected) in table {
        check(name, &TurnPolicy::chat(), &conversation("claude", &[], turns), &[], expected);
    }
}

#[test]
fn b25_system_text_goes_where_the_target_wants_it() {
    let inline = TurnPolicy::claude(&{
        let mut profile = Profile::new("m", false);
        profile.inline_system = true;
        profile
    });
    let turns = ["system: s", "developer: d", "user: a", "system: later", "user: b"];
    let reminder = "user: <system-reminder>\nlater\n</system-reminder>";
    let table: &[(&str, &TurnPolicy, &'static str, &[&str], &[&str])] = &[
        ("E004, E012 hoisted", &claude(), "openai", &["i", "s", "d", "later"], &["user: a, b"]),
        ("F47 kept", &inline, "openai", &["i", "s", "d"], &["user: a", "system: later", "user: b"]),
        (
            "Claude to old Claude",
            &claude(),
            "claude",
            &["i", "s", "d"],
            &["user: a, <system-reminder>\nlater\n</system-reminder>, b"],
        ),
        (
            "Claude to new Claude",
            &inline,
            "claude",
            &["i", "s", "d"],
            &["user: a", "system: later", "user: b"],
        ),
        (
            "Chat to Chat",
            &TurnPolicy::chat(),
            "openai",
            &["i"],
            &["system: s", "developer: d", "user: a", "system: later", "user: b"],
        ),
        (
            "E116 Claude to Chat",
            &TurnPolicy::chat(),
            "claude",
            &["i"],
            &["system: s", "developer: d", "user: a", reminder, "user: b"],
        ),
    ];
    for (name, policy, source, system, expected) in table {
        check(name, policy, &conversation(source, &["i"], &turns), system, expected);
    }
    check(
        "E013 system only",
        &claude(),
        &conversation("openai", &[], &["system: s"]),
        &["s"],
        &["user: Continue."],
    );
    check(
        "a hoisted system between call and result",
        &claude(),
        &conversation("openai", &[], &["user: q", "assistant: !1", "system: s", "tool: ?1=x"]),
        &["s"],
        &["user: q", "assistant: !1", "user: ?1=x"],
    );
    check(
        "a reminder between call and result goes behind the result",
        &TurnPolicy::chat(),
        &conversation("claude", &[], &["user: q", "assistant: !1", "system: s", "user: ?1=x"]),
        &[],
        &["user: q", "assistant: !1", "tool: ?1=x", "user: <system-reminder>\ns\n</system-reminder>"],
    );
}

#[test]
fn b27b_e575_attribution_text_is_recognised_and_kept_from_others() {
    for (text, expected) in [
        ("x-anthropic-billing-header: cc_version=1; cc_entrypoint=cli;", true),
        (" \n\tx-anthropic-billing-header: v=1", true),
        ("x-anthropic-billing-header:", true),
        ("x-anthropic-billing-header is a header", false),
        ("The x-anthropic-billing-header: is stripped", false),
        ("You are Claude Code.", false),
        ("", false),
    ] {
        assert_eq!(is_attribution(text), expected, "E575 {text:?}");
    }
    let attribution = "x-anthropic-billing-header: v=1";
    let request =
        conversation("claude", &[attribution, "You are"], &["user: x-anthropic-billing-header: v=1"]);
    check("E125", &TurnPolicy::chat(), &request, &["You are"], &["user: x-anthropic-billing-header: v=1"]);
    check(
        "Claude keeps it",
        &claude(),
        &request,
        &[attribution, "You are"],
        &["user: x-anthropic-billing-header: v=1"],
    );
    let escaped: Text<'_> = serde_json::from_str("\"\\n x-anthropic-billing-header: \\u0041\"").unwrap();
    let request =
        Request { instructions: vec![Part::text(escaped)], ..conversation("claude", &[], &["user: a"]) };
    check("escaped", &TurnPolicy::chat(), &request, &[], &["user: a"]);
}

fn mark() -> CacheMark<'static> {
    CacheMark { raw: Cow::Owned(json::raw(r#"{"type":"ephemeral"}"#).unwrap()) }
}

#[test]
fn b90_e015_a_mark_on_a_message_rides_on_its_last_part() {
    let mut request = conversation(
        "openai",
        &[],
        &["developer: d, e", "user: a, b", "assistant: !1", "tool: ?1=x", "user: c, "],
    );
    for index in [0, 1, 3, 4] {
        request.turns[index].cache = Some(mark());
    }
    check(
        "E004, E017, E567",
        &claude(),
        &request,
        &["d", "e*"],
        &["user: a, b*", "assistant: !1", "user: ?1=x*, c*"],
    );
    let mut request = conversation("openai", &[], &["user: a, b"]);
    request.turns[0].cache = Some(mark());
    request.turns[0].parts[1].cache =
        Some(CacheMark { raw: Cow::Owned(json::raw(r#"{"ttl":"1h"}"#).unwrap()) });
    let arranged = arrange(&request, &claude(), &mut |_, part| Some(OutPart::kept(part)));
    assert_eq!(
        arranged.turns[0].parts[1].cache().unwrap().raw.get(),
        r#"{"ttl":"1h"}"#,
        "E016, E568: its own wins"
    );
}

#[test]
fn e566_a_boundary_keeps_turns_apart() {
    let parts: Vec<Part<'_>> = ["a", "b", "c"].into_iter().map(part).collect();
    let turn = |index: usize| OutTurn {
        role: Role::User,
        name: None,
        parts: vec![OutPart::kept(&parts[index])],
        plain: true,
        extras: &[],
    };
    let mut merger = TurnMerger::new(&claude());
    merger.push(turn(0));
    merger.part();
    merger.push(turn(1));
    merger.push(turn(2));
    let turns = merger.finish();
    let shown: Vec<Vec<String>> =
        turns.iter().map(|turn| turn.parts.iter().map(show_part).collect()).collect();
    assert_eq!(shown, [vec!["a"], vec!["b", "c"]]);
    assert_eq!(
        turns.iter().map(|turn| turn.plain).collect::<Vec<_>>(),
        [true, false],
        "a merged turn is no string"
    );
}

#[test]
fn what_the_codec_cannot_say_goes_and_takes_empty_turns_along() {
    // Source: translation.md B30, E641.
    let request = conversation("claude", &[], &["user: a", "assistant: (t)", "user: b", "assistant: (t), c"]);
    let mut seen = 0;
    let arranged = arrange(&request, &claude(), &mut |role, part| {
        seen += 1;
        match &part.kind {
            PartKind::Reasoning(_) if role == Role::Assistant => None,
            PartKind::Text { text, .. } if *text == "c" => Some(OutPart::made(Part::text("C"))),
            _ => Some(OutPart::kept(part)),
        }
    });
    assert_eq!(show(&arranged).1, ["user: a, b", "assistant: C"]);
    assert_eq!(seen, 5, "every part is seen once");
}

#[test]
fn a_dropped_call_takes_its_result_along_and_says_so() {
    let request = conversation("claude", &[], &["user: a", "assistant: !1", "user: ?1=x, b"]);
    let arranged = arrange(&request, &claude(), &mut |_, part| {
        (!matches!(part.kind, PartKind::ToolCall(_))).then(|| OutPart::kept(part))
    });
    assert_eq!(show(&arranged).1, ["user: a, b"]);
    assert_eq!(arranged.losses.len(), 1);
    assert_eq!(arranged.losses[0].what, "tool_result");
}
