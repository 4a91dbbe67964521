//! What a stream of Responses brings behind the first piece of an item or behind its end, at a place that is used again, or
//! under an id that is new: it is said once, or told. And replies of which a part cannot be read: the rest is said.

#![expect(clippy::needless_pass_by_value, reason = "events are built from JSON literals")]

use serde_json::{Value, json};

use super::cut::{piped, whole};

fn sse(events: &[Value]) -> Vec<u8> {
    let frame = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(frame).collect::<String>().into_bytes()
}

const CLIENTS: [&str; 3] = ["openai", "claude", "gemini"];

fn added(index: u32, item: Value) -> Value {
    json!({"type":"response.output_item.added","output_index":index,"item":item})
}

fn done(index: u32, item: Value) -> Value {
    json!({"type":"response.output_item.done","output_index":index,"item":item})
}

/// A piece of a text, a thought, a refusal, or of arguments.
fn piece(kind: &str, id: &str, index: u32, part: u32, text: &str) -> Value {
    json!({"type":format!("response.{kind}.delta"),"item_id":id,"output_index":index,"content_index":part,"summary_index":part,"delta":text})
}

fn whole_part(kind: &str, member: &str, id: &str, part: u32, text: &str) -> Value {
    json!({"type":format!("response.{kind}.done"),"item_id":id,"output_index":0,"content_index":part,member:text})
}

fn text(text: &str) -> Value {
    json!({"type":"output_text","text":text,"annotations":[]})
}

fn message(id: &str, content: Value) -> Value {
    json!({"type":"message","id":id,"role":"assistant","content":content})
}

fn call(id: &str, call_id: &str, arguments: &str) -> Value {
    json!({"type":"function_call","id":id,"call_id":call_id,"name":format!("f_{call_id}"),"arguments":arguments})
}

fn thought(id: &str, summary: &[&str]) -> Value {
    let summary: Vec<_> = summary.iter().map(|text| json!({"type":"summary_text","text":text})).collect();
    json!({"type":"reasoning","id":id,"summary":summary})
}

/// What the clients get of these events and of this end: each of these once, and nothing that is not told but these.
#[track_caller]
fn check(what: &str, events: Vec<Value>, output: Value, said: &[&str], told: &[&str]) {
    let mut all = vec![json!({"type":"response.created","response":{"id":"resp_1","model":"m","output":[]}})];
    all.extend(events);
    all.push(json!({"type":"response.completed","response":{"id":"resp_1","model":"m","status":"completed","output":output}}));
    for provider in ["openai-response", "codex"] {
        for client in CLIENTS {
            let (out, losses) = piped(provider, client, &sse(&all)).unwrap();
            for said in said {
                assert_eq!(out.matches(said).count(), 1, "{what}: {provider} to {client}: {said}: {out}");
            }
            // Ids of items and states of thoughts are not what this is about.
            let losses: Vec<_> = losses.iter().filter(|loss| *loss != "message.signature").collect();
            assert_eq!(losses, told, "{what}: {provider} to {client}: {out}");
        }
    }
}

#[test]
fn an_end_that_names_and_counts_its_items_anew_says_nothing_twice() {
    let hello = |id: &str| message(id, json!([text("Hello")]));
    let begun = vec![
        added(0, message("msg_u", json!([]))),
        piece("reasoning_summary_text", "rs_1", 0, 0, "hm"),
        piece("output_text", "msg_u", 0, 0, "Hello"),
    ];
    let end = json!([{"type":"reasoning","id":"c_reasoning"}, hello("chatcmpl-c")]);
    // What LiteLLM makes of a chat of a model that reasons.
    let mut events = begun.clone();
    events.push(done(0, hello("msg_u")));
    check("whole", events.clone(), end.clone(), &["Hello", "hm"], &[]);
    // Its thought is under the other name.
    let chain =
        json!([{"type":"reasoning","id":"c","content":[{"type":"reasoning_text","text":"hm"}]}, hello("c2")]);
    check("the thought as a chain", events, chain, &["Hello", "hm"], &[]);
    check("not told to be whole", begun.clone(), end, &["Hello", "hm"], &[]);
    let mut events = begun.clone();
    events.push(done(0, hello("another")));
    check("whole under another id", events, json!([]), &["Hello", "hm"], &[]);
    let mut events = begun.clone();
    events.extend([done(0, hello("msg_u")), done(0, hello("another"))]);
    check("whole twice", events, json!([]), &["Hello", "hm"], &[]);
    let end = json!([thought("c", &["hm"]), call("fc", "c1", "{}"), hello("c2")]);
    check("at other places", begun, end, &["Hello", "hm"], &[]);
}

#[test]
fn what_only_the_end_has_is_said_beside_what_it_repeats() {
    let said = |index: u32, id: &str, what: &str| {
        [piece("output_text", id, index, 0, what), done(index, message(id, json!([text(what)])))]
    };
    let again = |id: &str, what: &str| message(id, json!([text(what)]));
    let events = said(0, "m1", "needle-a").to_vec();
    check(
        "another in front",
        events.clone(),
        json!([again("x", "needle-new"), again("y", "needle-a")]),
        &["needle-a", "needle-new"],
        &[],
    );
    check(
        "another behind",
        events,
        json!([again("x", "needle-a"), again("y", "needle-new")]),
        &["needle-a", "needle-new"],
        &[],
    );
    let events = [said(0, "m1", "needle-a"), said(0, "m2", "needle-b")].concat();
    let end = json!([thought("t", &["needle-t"]), again("x", "needle-a"), again("y", "needle-b")]);
    check("one place for both", events, end, &["needle-a", "needle-b", "needle-t"], &[]);
}

#[test]
fn parts_and_citations_that_only_the_whole_item_has_are_said() {
    let cited = json!({"type":"url_citation","start_index":0,"end_index":5,"url":"https://needle.example","title":"t"});
    let paris = json!({"type":"output_text","text":"Paris","annotations":[cited]});
    let refusal = json!({"type":"refusal","refusal":"needle-no"});
    let begun = || piece("output_text", "m", 0, 0, "Paris");
    check(
        "a refusal",
        vec![begun(), done(0, message("m", json!([text("Paris"), refusal])))],
        json!([]),
        &["Paris", "needle-no"],
        &[],
    );
    check(
        "a text in front",
        vec![
            piece("output_text", "m", 0, 1, "Paris"),
            done(0, message("m", json!([text("needle-b"), text("Paris")]))),
        ],
        json!([]),
        &["Paris", "needle-b"],
        &[],
    );
    check(
        "parts that end while another one is open",
        vec![
            begun(),
            whole_part("refusal", "refusal", "m", 1, "needle-no"),
            whole_part("output_text", "text", "m", 2, "needle-b"),
            done(0, message("m", json!([text("Paris"), refusal, text("needle-b")]))),
        ],
        json!([]),
        &["Paris", "needle-no", "needle-b"],
        &[],
    );
    check(
        "another number for the part that is whole",
        vec![
            piece("output_text", "m", 0, 1, "Paris"),
            whole_part("output_text", "text", "m", 0, "Paris"),
            done(0, message("m", json!([text("Paris")]))),
        ],
        json!([message("m", json!([text("Paris")]))]),
        &["Paris"],
        &[],
    );
    check(
        "a second summary",
        vec![
            piece("reasoning_summary_text", "rs", 0, 0, "needle-t"),
            done(0, thought("rs", &["needle-t", "needle-u"])),
        ],
        json!([]),
        &["needle-t", "needle-u"],
        &[],
    );
    check(
        "two summaries whose pieces are not numbered",
        vec![
            piece("reasoning_summary_text", "rs", 0, 0, "needle-t"),
            piece("reasoning_summary_text", "rs", 0, 0, "needle-u"),
            done(0, thought("rs", &["needle-t", "needle-u"])),
        ],
        json!([]),
        &["needle-t", "needle-u"],
        &[],
    );
    let mut both = thought("rs", &["needle-t"]);
    both["content"] = json!([{"type":"reasoning_text","text":"needle-chain"}]);
    let events = vec![piece("reasoning_summary_text", "rs", 0, 0, "needle-t"), done(0, both)];
    check("a chain beside what was said", events, json!([]), &["needle-t"], &["message.reasoning_text"]);
    let told_once = json!({"type":"response.output_text.annotation.added","item_id":"m","output_index":0,"content_index":0,"annotation":cited});
    for events in [
        vec![begun(), done(0, message("m", json!([paris])))],
        vec![begun(), told_once.clone(), done(0, message("m", json!([paris])))],
        vec![told_once, begun(), done(0, message("m", json!([paris])))],
    ] {
        let mut all = events;
        all.push(json!({"type":"response.completed","response":{"id":"r","status":"completed","output":[]}}));
        let (out, losses) = piped("codex", "openai", &sse(&all)).unwrap();
        assert_eq!((out.matches("needle").count(), losses.len()), (1, 0), "{out}");
        let (_, losses) = piped("codex", "claude", &sse(&all)).unwrap();
        assert_eq!(losses, ["message.citations"]);
    }
    // Its block has ended: it is told.
    let end = message("m", json!([paris, text("needle-b")]));
    let events = vec![begun(), piece("output_text", "m", 0, 1, "needle-b"), done(0, end)];
    check(
        "a citation of a part that ended",
        events,
        json!([]),
        &["Paris", "needle-b"],
        &["message.citations"],
    );
}

#[test]
fn places_and_ids_that_are_used_again_are_of_another_item() {
    let arguments = |id: &str, text: &str| piece("function_call_arguments", id, 0, 0, text);
    let calls = |ids: [&str; 2], open: bool| {
        let mut events = vec![added(0, call(ids[0], "c1", "")), arguments(ids[0], "{\"needle-x\":1}")];
        let end = done(0, call(ids[0], "c1", "{\"needle-x\":1}"));
        if !open {
            events.push(end.clone());
        }
        events.extend([added(0, call(ids[1], "c2", "")), arguments(ids[1], "{\"needle-y\":1}")]);
        events.push(done(0, call(ids[1], "c2", "{\"needle-y\":1}")));
        events.extend(open.then_some(end));
        events
    };
    let said = ["f_c1", "f_c2", "needle-x", "needle-y"];
    let end = json!([call("fc_1", "c1", "{\"needle-x\":1}"), call("fc_2", "c2", "{\"needle-y\":1}")]);
    for end in [json!([]), end] {
        check("a place", calls(["fc_1", "fc_2"], false), end.clone(), &said, &[]);
        check("a place, while the first is open", calls(["fc_1", "fc_2"], true), end.clone(), &said, &[]);
        check("an id", calls(["fc", "fc"], false), end.clone(), &said, &[]);
        check("no id", calls(["", ""], false), end, &said, &[]);
    }
    let texts = |announced: bool| {
        let one = |id: &str, said: &str| {
            let mut events = if announced { vec![added(0, message(id, json!([])))] } else { Vec::new() };
            events.extend([piece("output_text", id, 0, 0, said), done(0, message(id, json!([text(said)])))]);
            events
        };
        [one("m1", "needle-a"), one("m2", "needle-b")].concat()
    };
    check("texts", texts(true), json!([]), &["needle-a", "needle-b"], &[]);
    check("texts that nothing announces", texts(false), json!([]), &["needle-a", "needle-b"], &[]);
    let only = |id: &str, said: &str| done(0, message(id, json!([text(said)])));
    check(
        "only their ends",
        vec![only("m1", "needle-a"), only("m2", "needle-b2")],
        json!([]),
        &["needle-a", "needle-b2"],
        &[],
    );
}

#[test]
fn what_follows_behind_the_end_of_its_item_is_said() {
    let end = done(0, message("m", json!([text("needle-a")])));
    check(
        "text",
        vec![
            piece("output_text", "m", 0, 0, "needle-a"),
            end.clone(),
            piece("output_text", "m", 0, 0, "needle-"),
            piece("output_text", "m", 0, 0, "more"),
        ],
        json!([]),
        &["needle-a", "more"],
        &[],
    );
    check(
        "what the whole item had",
        vec![end, piece("output_text", "m", 0, 0, "needle-a")],
        json!([]),
        &["needle-a"],
        &[],
    );
    check(
        "a thought",
        vec![
            piece("reasoning_summary_text", "rs", 0, 0, "needle-a"),
            done(0, thought("rs", &["needle-a"])),
            piece("reasoning_summary_text", "rs", 0, 1, "needle-b"),
        ],
        json!([]),
        &["needle-a", "needle-b"],
        &[],
    );
}

/// Contents of a message, what is said of each and what is told.
fn contents() -> Vec<(Value, Vec<&'static str>, Vec<&'static str>)> {
    vec![
        (json!([{"type":"output_text","text":null,"annotations":[]}]), vec![], vec![]),
        (json!([{"type":"output_text"}, text("needle-b")]), vec!["needle-b"], vec![]),
        (json!([null, text("needle-b")]), vec!["needle-b"], vec![]),
        (json!([{"type":"refusal","refusal":null}, {"text":"needle-b"}]), vec!["needle-b"], vec![]),
        (
            json!([{"type":"output_text","text":5}, text("needle-b")]),
            vec!["needle-b"],
            vec!["message.output_text"],
        ),
        (json!([5, text("needle-b")]), vec!["needle-b"], vec!["message.unreadable"]),
        (json!([{"type":"new_part"}, text("needle-b")]), vec!["needle-b"], vec!["message.new_part"]),
        (text("needle-b"), vec!["needle-b"], vec![]),
        (json!("needle-b"), vec!["needle-b"], vec![]),
        (json!(5), vec![], vec!["message.unreadable"]),
        (Value::Null, vec![], vec![]),
    ]
}

#[test]
fn a_part_that_cannot_be_read_takes_nothing_with_it() {
    for (content, said, told) in contents() {
        let output = json!([message("m", content.clone()), call("fc", "c1", "{}")]);
        let body = json!({"id":"r","status":"completed","model":"m","output":output});
        let said: Vec<_> = said.into_iter().chain(["f_c1"]).collect();
        for client in CLIENTS {
            let (out, losses) = whole("openai-response", client, &body).unwrap();
            let out = out.to_string();
            assert!(said.iter().all(|said| out.matches(said).count() == 1), "{content}: {client}: {out}");
            assert_eq!(losses, told, "{content}: {client}: {out}");
        }
        let events = vec![done(0, message("m", content.clone())), done(1, call("fc", "c1", "{}"))];
        check(&content.to_string(), events, json!([]), &said, &told);
        check(&content.to_string(), Vec::new(), output, &said, &told);
    }
}

#[test]
fn an_item_that_cannot_be_read_takes_nothing_with_it() {
    let summary =
        json!({"type":"reasoning","id":"rs","summary":[null, 5, {"type":"summary_text","text":"needle-t"}]});
    let refusal = message("m", json!([null, {"type":"refusal","refusal":"needle-no"}]));
    for (item, told) in [(Value::Null, vec![]), (json!(5), vec!["message.unreadable"])] {
        let body = json!({"id":"r","status":"completed","model":"m","output":[item, summary, refusal]});
        for client in CLIENTS {
            let (out, losses) = whole("openai-response", client, &body).unwrap();
            let out = out.to_string();
            assert!(out.contains("needle-t") && out.contains("needle-no"), "{item}: {client}: {out}");
            assert_eq!(losses, told, "{item}: {client}: {out}");
            let word = ["content_filter", "refusal", "SAFETY"].iter().any(|word| out.contains(word));
            assert!(word, "{item}: {client}: {out}");
        }
    }
    let odd = json!({"type":"message","id":"m","role":5,"content":[text("needle-a")]});
    check(
        "in events",
        vec![piece("output_text", "m", 0, 0, "needle-a"), done(0, odd.clone()), done(1, json!(5))],
        json!([null, odd]),
        &["needle-a"],
        &["event.response.output_item.done", "output"],
    );
}

#[test]
fn parts_of_a_summary_are_one_blank_line_apart() {
    let part = |index: u32| json!({"type":"response.reasoning_summary_part.added","item_id":"rs","output_index":0,"summary_index":index});
    let item = |texts: &[&str]| done(0, thought("rs", texts));
    let first = || vec![part(0), piece("reasoning_summary_text", "rs", 0, 0, "a.")];
    for (case, more, expected) in [
        ("in pieces", vec![part(1), piece("reasoning_summary_text", "rs", 0, 1, "b.")], "a.\n\nb."),
        ("at the end", vec![part(1), item(&["a.", "b."])], "a.\n\nb."),
        ("unannounced", vec![item(&["a.", "b."])], "a.\n\nb."),
        ("nothing behind it", vec![part(1), item(&["a.", ""])], "a."),
    ] {
        let mut events =
            vec![json!({"type":"response.created","response":{"id":"resp_1","model":"m","output":[]}})];
        events.extend(first());
        events.extend(more);
        events.push(json!({"type":"response.completed","response":{"id":"resp_1","model":"m","status":"completed","output":[]}}));
        let (out, losses) = piped("codex", "openai", &sse(&events)).unwrap();
        let thoughts: String = out
            .split("\"reasoning_content\":\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect::<String>()
            .replace("\\n", "\n");
        assert_eq!(thoughts, expected, "{case}: {out}");
        assert_eq!(losses, Vec::<String>::new(), "{case}");
    }
}
