//! Codex's stream as a Claude client gets it. Source: translation.md D.14.

use serde_json::{Value, json};

use super::{CL, CX, aggregated, context, gpt_signature, reply, same_in_pieces, sse, written};

/// The stream as a Claude client gets it, checked, as short lines.
fn claude(events: &[Value]) -> Vec<String> {
    same_in_pieces(CX, &sse(events));
    let out = written(CX, CL, &context(), &sse(events)).unwrap();
    let values = crate::claude::check_stream(out.as_bytes());
    crate::claude::lines(&values)
}

/// The lines of blocks only.
fn blocks(events: &[Value]) -> Vec<String> {
    let all = claude(events);
    all.into_iter().filter(|line| !matches!(line.as_str(), "message_start" | "message_stop")).collect()
}

fn created() -> Value {
    json!({"type":"response.created","response":{"id":"resp_1","object":"response","created_at":5,"model":"gpt-x","output":[]}})
}

fn added(index: u32, item: Value) -> Value {
    json!({"type":"response.output_item.added","output_index":index,"item":item})
}

fn done(index: u32, item: Value) -> Value {
    json!({"type":"response.output_item.done","output_index":index,"item":item})
}

fn delta(kind: &str, index: u32, id: &str, text: &str) -> Value {
    json!({"type":format!("response.{kind}.delta"),"item_id":id,"output_index":index,"content_index":0,"summary_index":0,"delta":text})
}

fn completed(output: Value) -> Value {
    json!({"type":"response.completed","response":{"id":"resp_1","model":"gpt-x","status":"completed","output":output,
        "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":5,"total_tokens":15}}})
}

fn incomplete(reason: &str) -> Value {
    json!({"type":"response.incomplete","response":{"id":"resp_1","status":"incomplete","incomplete_details":{"reason":reason},"output":[]}})
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type":"function_call","id":format!("fc_{id}"),"call_id":id,"name":name,"arguments":arguments})
}

fn unnamed(id: &str) -> Value {
    json!({"type":"function_call","id":format!("fc_{id}"),"call_id":id,"arguments":""})
}

fn reasoning(summary: &[&str], state: Option<&str>) -> Value {
    let summary: Vec<_> = summary.iter().map(|text| json!({"type":"summary_text","text":text})).collect();
    let mut item = json!({"type":"reasoning","id":"rs_1","summary":summary});
    if let Some(state) = state {
        item["encrypted_content"] = state.into();
    }
    item
}

fn part(index: u32, summary: u32) -> Value {
    json!({"type":"response.reasoning_summary_part.added","item_id":"rs_1","output_index":index,"summary_index":summary,"part":{}})
}

const THINKING: &str = r#"{"type":"thinking","thinking":"","signature":""}"#;
const TEXT: &str = r#"{"type":"text","text":""}"#;

fn signed(index: u32, state: &str) -> String {
    // What GPT issued travels under a mark, so that it never reaches the real Claude (F27).
    format!(r#"{index} signature "cliproxy:gpt:{state}""#)
}

#[test]
fn e228_to_e234_a_reasoning_item_is_one_block_with_one_state_at_its_end() {
    let (early, last) = (gpt_signature(), gpt_signature().replace("AAAAA", "AAAAB"));
    let stream = |added_state: Option<&str>, done_state: Option<&str>| {
        blocks(&[
            created(),
            added(0, reasoning(&[], added_state)),
            part(0, 0),
            delta("reasoning_summary_text", 0, "rs_1", "a"),
            part(0, 1),
            delta("reasoning_summary_text", 0, "rs_1", "b"),
            done(0, reasoning(&["a", "b"], done_state)),
            completed(json!([])),
        ])
    };
    let said = [
        format!("0> {THINKING}"),
        r#"0 thinking "a""#.to_owned(),
        r#"0 thinking "\n\n""#.to_owned(),
        r#"0 thinking "b""#.to_owned(),
    ];
    // E228, E230, E231, E232: only the final state, once.
    let got = stream(Some(&early), Some(&last));
    assert_eq!(got[..4], said);
    assert_eq!(got[4..6], [signed(0, &last), "0<".to_owned()]);
    // E229: none.
    assert_eq!(stream(None, None)[4], "0<");
    // E234: the early one where the end has none.
    assert_eq!(stream(Some(&early), None)[4], signed(0, &early));
}

#[test]
fn e233_e235_e236_every_item_has_its_own_block() {
    let state = gpt_signature();
    let events = [
        created(),
        added(0, reasoning(&[], None)),
        done(0, reasoning(&[], Some(&state))),
        added(1, json!({"type":"message","id":"msg_1","role":"assistant","content":[]})),
        delta("output_text", 1, "msg_1", "x"),
        done(
            1,
            json!({"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[]}]}),
        ),
        completed(json!([])),
    ];
    let got = blocks(&events);
    assert_eq!(
        got[..6],
        [
            format!("0> {THINKING}"),
            signed(0, &state),
            "0<".to_owned(),
            format!("1> {TEXT}"),
            r#"1 text "x""#.to_owned(),
            "1<".to_owned(),
        ]
    );
    let body = json!({"id":"resp_1","object":"response","status":"completed","model":"gpt-x","output":[
        reasoning(&["a"], Some(&state)), {"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[]}]}]});
    let whole = reply(CX, CL, &context(), &body);
    assert_eq!(
        whole["content"],
        json!([{"type":"thinking","thinking":"a","signature":format!("cliproxy:gpt:{state}")},{"type":"text","text":"x"}])
    );
    // E233: two items, two blocks.
    let own = state.replace("AAAAA", "AAAAB");
    let mut second = reasoning(&["b"], Some(&own));
    second["id"] = "rs_2".into();
    let two = [
        created(),
        added(0, reasoning(&[], None)),
        done(0, reasoning(&["a"], Some(&state))),
        added(1, json!({"type":"reasoning","id":"rs_2","summary":[]})),
        done(1, second),
        completed(json!([])),
    ];
    assert_eq!(
        blocks(&two)[..8],
        [
            format!("0> {THINKING}"),
            r#"0 thinking "a""#.to_owned(),
            signed(0, &state),
            "0<".to_owned(),
            format!("1> {THINKING}"),
            r#"1 thinking "b""#.to_owned(),
            signed(1, &own),
            "1<".to_owned(),
        ],
        "E233: each with its own state"
    );
}

#[test]
fn e237_e238_errors_become_claudes() {
    let error = |error: Value| {
        let out =
            written(CX, CL, &context(), &sse(&[created(), json!({"type":"error","error":error})])).unwrap();
        let values = crate::claude::check_stream(out.as_bytes());
        values.last().unwrap()["error"].clone()
    };
    assert_eq!(
        error(json!({"type":"x","code":"cyber_policy","message":"no"})),
        json!({"type":"invalid_request_error","message":"no"})
    );
    assert_eq!(error(json!({"type":"server_error","code":"overloaded"}))["message"], "overloaded");
    assert_eq!(error(json!({"type":"server_error"}))["message"], "server_error");
}

#[test]
fn e239_e249_texts_and_calls_are_blocks_in_order() {
    let long = "c".repeat(90);
    let got = blocks(&[
        created(),
        delta("output_text", 0, "msg_1", "hi"),
        done(
            0,
            json!({"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"hi"}]}),
        ),
        added(1, call("a", "f", "")),
        delta("function_call_arguments", 1, "fc_a", "{}"),
        done(1, call("a", "f", "{}")),
        added(2, call(&long, "g", "")),
        done(2, call(&long, "g", "{\"x\":1}")),
        completed(json!([])),
    ]);
    let starts: Vec<_> = got.iter().filter(|line| line.contains("> ")).map(|line| &line[..2]).collect();
    assert_eq!(starts, ["0>", "1>", "2>"]);
    assert_eq!(got.iter().filter(|line| line.ends_with('<')).count(), 3);
    assert!(got.last().unwrap().starts_with("end tool_use"));
    let shown: Value = serde_json::from_str(
        got.iter().find(|line| line.starts_with("2>")).unwrap().split_once(' ').unwrap().1,
    )
    .unwrap();
    let id = shown["id"].as_str().unwrap();
    assert_eq!(id.len(), 64);
    let body = json!({"id":"r","status":"completed","model":"m","output":[call(&long, "g", "{}")]});
    assert_eq!(reply(CX, CL, &context(), &body)["content"][0]["id"], id, "the same in both modes");
}

#[test]
fn e240_e241_e242_calls_wait_for_their_names() {
    // E240: the name comes with the end; one delta with all arguments.
    let got = blocks(&[
        created(),
        added(0, unnamed("a")),
        delta("function_call_arguments", 0, "fc_a", "{\"x\""),
        delta("function_call_arguments", 0, "fc_a", ":1}"),
        done(0, call("a", "f", "{\"x\":1}")),
        completed(json!([])),
    ]);
    assert_eq!(got[1], r#"0 input_json "{\"x\":1}""#);
    // E241: several, told apart by their call ids: each has what came for it, and a place of its own.
    let named = |id: &str, name: &str| {
        let mut item = call(id, name, "");
        item["id"] = "other".into();
        json!({"type":"response.output_item.done","item":item})
    };
    let tool = |at: u32, id: &str, name: &str, arguments: &str| {
        vec![
            format!(r#"{at}> {{"type":"tool_use","id":"{id}","name":"{name}","input":{{}}}}"#),
            format!("{at} input_json {}", json!(arguments)),
            format!("{at}<"),
        ]
    };
    for (order, expected) in [
        (["a", "b"], [tool(0, "a", "f", "{\"x\":1}"), tool(1, "b", "g", "{\"y\":2}")].concat()),
        (["b", "a"], [tool(0, "b", "g", "{\"y\":2}"), tool(1, "a", "f", "{\"x\":1}")].concat()),
    ] {
        let mut events = vec![
            created(),
            added(0, unnamed("a")),
            added(1, unnamed("b")),
            delta("function_call_arguments", 1, "fc_b", "{\"y\":2}"),
            delta("function_call_arguments", 0, "fc_a", "{\"x\":1}"),
        ];
        events.extend(order.map(|id| named(id, if id == "a" { "f" } else { "g" })));
        events.push(completed(json!([])));
        assert_eq!(blocks(&events)[..6], expected, "E241: {order:?}");
    }
    // E242: text that comes meanwhile takes the first place.
    let got = blocks(&[
        created(),
        added(0, unnamed("a")),
        delta("output_text", 1, "msg_1", "hi"),
        done(0, call("a", "f", "{}")),
        completed(json!([])),
    ]);
    assert_eq!(got[0], format!("0> {TEXT}"));
}

#[test]
fn e243_e244_e245_the_end_brings_what_is_missing() {
    let got = blocks(&[
        created(),
        added(0, call("a", "f", "")),
        delta("function_call_arguments", 0, "fc_a", "{\"é\":"),
        completed(json!([call("a", "f", "{\"é\":1}")])),
    ]);
    assert_eq!(got[1..4], [r#"0 input_json "{\"é\":""#, r#"0 input_json "1}""#, "0<"]);
    let got = blocks(&[created(), added(0, unnamed("a")), completed(json!([call("a", "f", "{}")]))]);
    assert!(got[0].contains(r#""name":"f""#) && got.last().unwrap().starts_with("end tool_use"), "{got:?}");
    let got = blocks(&[created(), added(0, unnamed("a")), completed(json!([]))]);
    assert!(got.last().unwrap().starts_with("end end_turn"), "{got:?}");
    assert!(!got.iter().any(|line| line.contains("tool_use\"")));
}

#[test]
fn e246_text_that_only_the_item_has_is_told_once() {
    let item = json!({"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]}]});
    let got = blocks(&[created(), done(0, item.clone()), completed(json!([item]))]);
    assert_eq!(got[..3], [format!("0> {TEXT}"), r#"0 text "hi""#.to_owned(), "0<".to_owned()]);
    assert_eq!(got.len(), 4);
}

fn search(id: Option<&str>, action: Value) -> Value {
    let mut item = json!({"type":"web_search_call","status":"completed","action":action});
    if let Some(id) = id {
        item["id"] = id.into();
    }
    item
}

#[test]
fn e247_e248_e252_e253_searches_are_pairs_of_blocks_and_no_calls() {
    let action = json!({"type":"search","query":"rust","sources":[{"type":"url","url":"https://a.example"}]});
    let got = blocks(&[
        created(),
        added(0, search(Some("ws_1"), json!({"type":"search"}))),
        json!({"type":"response.web_search_call.searching","item_id":"ws_1","output_index":0}),
        done(0, search(Some("ws_1"), action.clone())),
        delta("output_text", 1, "msg_1", "hi"),
        completed(json!([search(Some("ws_1"), action.clone())])),
    ]);
    assert!(got[0].contains(r#""id":"srvtoolu_1""#) && got[0].contains("server_tool_use"), "{got:?}");
    assert_eq!(got[1], r#"0 input_json "{\"query\":\"rust\"}""#);
    assert!(
        got[3].contains("web_search_tool_result") && got[3].contains(r#""tool_use_id":"srvtoolu_1""#),
        "{got:?}"
    );
    assert!(got[3].contains("https://a.example"));
    assert!(got.last().unwrap().starts_with("end end_turn"));
    assert_eq!(
        got.iter().filter(|line| line.contains("server_tool_use")).count(),
        2,
        "a block, and the count: {got:?}"
    );
    // E248: without an id both blocks share a derived one.
    let got = blocks(&[created(), done(0, search(None, action.clone())), completed(json!([]))]);
    let id = got[0].split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(id.starts_with("srvtoolu_") && got[3].contains(&format!(r#""tool_use_id":"{id}""#)), "{got:?}");
    // E252, E253: whole replies too; pages that were only opened are no searches.
    let body = json!({"id":"r","status":"completed","model":"m","output":[
        search(Some("ws_1"), action.clone()), search(Some("ws_1"), action), search(Some("ws_2"), json!({"type":"open_page","url":"https://a.example"})),
        {"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[]}]}]});
    let whole = reply(CX, CL, &context(), &body);
    let kinds: Vec<_> =
        whole["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["server_tool_use", "web_search_tool_result", "text"]);
    assert_eq!(whole["stop_reason"], "end_turn");
}

#[test]
fn e250_e251_why_it_ended() {
    let text = || delta("output_text", 0, "msg_1", "hi");
    let reason = |events: &[Value]| {
        claude(events)
            .iter()
            .find(|line| line.starts_with("end "))
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .to_owned()
    };
    assert_eq!(reason(&[created(), text(), completed(json!([]))]), "end_turn");
    assert_eq!(reason(&[created(), text(), incomplete("max_output_tokens")]), "max_tokens");
    assert_eq!(reason(&[created(), text(), incomplete("content_filter")]), "refusal");
    assert_eq!(reason(&[created(), done(0, call("a", "f", "{}")), completed(json!([]))]), "tool_use");
    let stopped = json!({"type":"response.completed","response":{"id":"r","status":"completed","stop_sequence":"\nEND","output":[]}});
    let out = written(CX, CL, &context(), &sse(&[created(), text(), stopped])).unwrap();
    let values = crate::claude::check_stream(out.as_bytes());
    let delta = values.iter().find(|value| value["type"] == "message_delta").unwrap();
    assert_eq!(delta["delta"], json!({"stop_reason":"stop_sequence","stop_sequence":"\nEND"}));
}

#[test]
fn e254_to_e259_interleaved_calls_are_whole_blocks_one_after_the_other() {
    let interleaved = |rest: [&str; 2], end: Value| {
        blocks(&[
            created(),
            added(0, call("a", "f", "")),
            added(1, call("b", "g", "")),
            delta("function_call_arguments", 0, "fc_a", "{\"x\""),
            delta("function_call_arguments", 1, "fc_b", "{\"y\""),
            delta("output_text", 2, "msg_1", "meanwhile"),
            added(3, reasoning(&[], None)),
            delta("reasoning_summary_text", 3, "rs_1", "hm"),
            delta("function_call_arguments", 0, "fc_a", rest[0]),
            delta("function_call_arguments", 1, "fc_b", rest[1]),
            end,
        ])
    };
    let expected = |got: &[String]| {
        // E254, E258: each block has the arguments of its call, whole.
        for (at, id, name, arguments) in [(0, "a", "f", "{\"x\":1}"), (1, "b", "g", "{\"y\":2}")] {
            let start = format!(r#"{at}> {{"type":"tool_use","id":"{id}","name":"{name}","input":{{}}}}"#);
            assert!(got.contains(&start), "{start}: {got:?}");
            let piece = format!("{at} input_json ");
            let pieces = got.iter().filter_map(|line| line.strip_prefix(&piece));
            let said: String = pieces.map(|text| serde_json::from_str::<String>(text).unwrap()).collect();
            assert_eq!(said, arguments, "{got:?}");
        }
        let order: Vec<_> = got
            .iter()
            .filter(|line| line.contains("> "))
            .map(|line| {
                ["\"f\"", "\"g\"", "thinking", "text"].into_iter().find(|word| line.contains(word)).unwrap()
            })
            .collect();
        // E255, E256: what came meanwhile follows the calls, text closed before the thoughts open.
        assert_eq!(order, ["\"f\"", "\"g\"", "text", "thinking"]);
        // E259: every block once, the end last; `check_stream` sees to the rest.
        assert!(got.last().unwrap().starts_with("end tool_use"));
    };
    // E257, E258: completed by the end alone, by id or by place.
    let nameless = |mut item: Value| {
        item.as_object_mut().unwrap().remove("id");
        item
    };
    let anonymous = |arguments: &str| json!({"type":"function_call","name":"f","arguments":arguments});
    for end in [
        completed(json!([call("a", "f", "{\"x\":1}"), call("b", "g", "{\"y\":2}")])),
        completed(json!([nameless(call("a", "f", "{\"x\":1}")), nameless(call("b", "g", "{\"y\":2}"))])),
        // Only the place tells.
        completed(json!([anonymous("{\"x\":1}"), anonymous("{\"y\":2}")])),
    ] {
        // What the end repeats is told once; what only the end has is told then.
        expected(&interleaved([":1}", ":2}"], end.clone()));
        expected(&interleaved(["", ""], end.clone()));
        expected(&interleaved([":1}", ":"], end));
    }
    expected(&interleaved([":1}", ":2}"], completed(json!([]))));
    // What the aggregate says is the same.
    let events = [
        created(),
        added(0, call("a", "f", "")),
        added(1, call("b", "g", "")),
        delta("function_call_arguments", 1, "fc_b", "{\"y\":2}"),
        delta("function_call_arguments", 0, "fc_a", "{\"x\":1}"),
        completed(json!([])),
    ];
    let whole = aggregated(CX, CL, &context(), &events);
    assert_eq!(
        (&whole["content"][0]["input"], &whole["content"][1]["input"]),
        (&json!({"x":1}), &json!({"y":2}))
    );
}
