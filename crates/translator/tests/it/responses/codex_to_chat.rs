//! Codex's stream as a Chat Completions client gets it. Source: translation.md D.16.

use serde_json::{Value, json};

use super::{CC, CX, aggregated, codec, context, context_of, decode, reply, same_in_pieces, sse, written};
use crate::schema::assert_valid_stream;

fn chunks(events: &[Value]) -> Vec<Value> {
    chunks_for(&custom_context(), events)
}

fn chunks_for(context: &cliproxy_translator::ReplyContext, events: &[Value]) -> Vec<Value> {
    same_in_pieces(CX, &sse(events));
    let out = written(CX, CC, context, &sse(events)).unwrap();
    assert_valid_stream("openai-chat.chunk", documented(&out).as_bytes());
    let mut values = Vec::new();
    cliproxy_translator::framing::SseParser::new()
        .push(out.as_bytes(), &mut |frame| {
            if frame.data != b"[DONE]" {
                values.push(serde_json::from_slice(frame.data).unwrap());
            }
        })
        .unwrap();
    values
}

/// The schema of chunks has no images, which are an extension, and no free-form calls, which the service sends.
fn documented(out: &str) -> String {
    out.split("\n\n")
        .filter(|frame| !frame.contains("\"images\"") && !frame.contains("\"custom\""))
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// A client that declared a free-form tool, and wants usage.
fn custom_context() -> cliproxy_translator::ReplyContext {
    context_of(
        CC,
        &json!({"model":"asked-model","messages":[{"role":"user","content":"q"}],"stream":true,
        "stream_options":{"include_usage":true},"tools":[{"type":"custom","custom":{"name":"exec"}}]}),
    )
}

fn deltas(values: &[Value]) -> Vec<Value> {
    values
        .iter()
        .filter_map(|value| value["choices"].get(0))
        .map(|choice| choice["delta"].clone())
        .filter(|delta| {
            delta.as_object().is_some_and(|delta| !delta.is_empty() && !delta.contains_key("role"))
        })
        .collect()
}

fn created() -> Value {
    json!({"type":"response.created","response":{"id":"resp_1","created_at":5,"model":"gpt-x","output":[]}})
}

fn added(index: u32, item: Value) -> Value {
    json!({"type":"response.output_item.added","output_index":index,"item":item})
}

fn done(index: u32, item: Value) -> Value {
    json!({"type":"response.output_item.done","output_index":index,"item":item})
}

fn completed(usage: Value) -> Value {
    json!({"type":"response.completed","response":{"id":"resp_1","model":"gpt-x","status":"completed","output":[],"usage":usage}})
}

fn end() -> Value {
    completed(json!({"input_tokens":1,"output_tokens":2,"total_tokens":3}))
}

fn call(id: &str, arguments: &str) -> Value {
    json!({"type":"function_call","id":format!("fc_{id}"),"call_id":id,"name":"f","arguments":arguments})
}

fn exec(id: &str, input: &str) -> Value {
    json!({"type":"custom_tool_call","id":format!("ctc_{id}"),"call_id":id,"name":"exec","input":input})
}

fn grows(id: &str, index: u32, delta: &str) -> Value {
    json!({"type":"response.function_call_arguments.delta","item_id":id,"output_index":index,"delta":delta})
}

fn input(kind: &str, id: &str, index: u32, text: &str) -> Value {
    let member = if kind == "delta" { "delta" } else { "input" };
    json!({"type":format!("response.custom_tool_call_input.{kind}"),"item_id":id,"output_index":index, member: text})
}

/// The input of the first free-form call, joined.
fn joined(values: &[Value]) -> String {
    deltas(values)
        .iter()
        .filter_map(|delta| delta["tool_calls"][0]["custom"]["input"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn e288_a_cut_wins_over_calls() {
    let incomplete = json!({"type":"response.incomplete","response":{"id":"r","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}});
    let got = chunks(&[created(), added(0, call("a", "")), grows("fc_a", 0, "{"), incomplete]);
    let finish = got.iter().find_map(|value| value["choices"][0]["finish_reason"].as_str());
    assert_eq!(finish, Some("length"));
}

#[test]
fn e289_e290_models() {
    let text = json!({"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"a"});
    let got = chunks(&[created(), text.clone(), end()]);
    assert!(got.iter().all(|value| value["model"] == "gpt-x"));
    // E289, fixed: what announces the reply is the role, as OpenAI's own streams begin, and says nothing else.
    let announced = [created(), json!({"type":"response.in_progress","response":{}}), text.clone(), end()];
    assert_eq!(chunks(&announced), got, "once, however often it is announced");
    let mut encoder = codec(CC).stream_encoder(&custom_context());
    let mut out = Vec::new();
    let _open = decode(CX, &custom_context(), sse(&[created()]).as_bytes(), 4096, &mut |event| {
        encoder.encode(event, &mut out);
    });
    let first = String::from_utf8(out).unwrap();
    let only: Value = serde_json::from_str(first.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(only["choices"], json!([{"index":0,"delta":{"role":"assistant","content":""}}]), "E289");
    assert_eq!(deltas(&got)[0], json!({"content":"a"}));
    // E290: where nothing names one, the request does.
    let got = chunks(&[text, end()]);
    assert_eq!(got[0]["model"], "asked-model");
}

#[test]
fn e291_e292_e295_e298_calls_have_only_what_is_theirs() {
    let got = chunks(&[
        created(),
        added(0, call("a", "")),
        added(1, call("b", "")),
        grows("fc_b", 1, "{\"b\":1}"),
        // An id that nobody knows: the place tells.
        grows("other", 0, "{\"a\":1}"),
        done(0, call("a", "{\"a\":1}")),
        done(1, call("b", "{\"b\":1}")),
        end(),
    ]);
    let got = deltas(&got);
    assert_eq!(
        got[0],
        json!({"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]})
    );
    assert_eq!(got[1]["tool_calls"][0]["index"], 1);
    assert_eq!(got[2], json!({"tool_calls":[{"index":1,"function":{"arguments":"{\"b\":1}"}}]}));
    assert_eq!(got[3], json!({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}));
    assert_eq!(got.len(), 4);
    // E298: neither id nor place: the call that is open.
    let nowhere = json!({"type":"response.function_call_arguments.delta","delta":"{}"});
    let got = deltas(&chunks(&[created(), added(0, call("a", "")), nowhere, end()]));
    assert_eq!(got[1]["tool_calls"][0]["function"]["arguments"], "{}");
}

#[test]
fn e293_e294_e296_e297_the_input_of_free_form_calls_comes_once() {
    let open = || added(0, exec("a", ""));
    // E293: as it grows; what repeats it is left out.
    let got = chunks(&[
        created(),
        open(),
        input("delta", "ctc_a", 0, "l"),
        input("delta", "ctc_a", 0, "s"),
        input("done", "ctc_a", 0, "ls"),
        done(0, exec("a", "ls")),
        end(),
    ]);
    assert_eq!(joined(&got), "ls");
    assert_eq!(deltas(&got)[0]["tool_calls"][0]["type"], "custom");
    // E294, E296: from the end of the input, E297: from the end of the item, or all of it.
    for events in [
        vec![created(), open(), input("delta", "ctc_a", 0, ""), input("done", "ctc_a", 0, "ls"), end()],
        vec![created(), open(), input("done", "ctc_a", 0, "ls"), done(0, exec("a", "ls")), end()],
        vec![created(), open(), done(0, exec("a", "ls")), end()],
        vec![created(), done(0, exec("a", "ls")), end()],
    ] {
        assert_eq!(joined(&chunks(&events)), "ls", "{events:?}");
    }
}

#[test]
fn e299_e305_e306_whole_replies() {
    let message = |text: &str| json!({"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":text,"annotations":[]}]});
    let body = json!({"id":"resp_1","status":"completed","model":"m","created_at":5,"output":[message("a"), exec("a", "ls"), message("")]});
    let got = reply(CX, CC, &custom_context(), &body);
    let said = &got["choices"][0]["message"];
    assert_eq!((&said["role"], &said["content"]), (&json!("assistant"), &json!("a")));
    assert_eq!(
        said["tool_calls"][0],
        json!({"id":"a","type":"custom","custom":{"name":"exec","input":"ls"}})
    );
    assert_eq!(got["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn e300_e301_pictures_are_told_when_they_change() {
    let draft = |data: &str| json!({"type":"response.image_generation_call.partial_image","item_id":"ig_1","output_index":0,"partial_image_b64":data,"output_format":"png"});
    let last = |data: &str| {
        done(
            0,
            json!({"type":"image_generation_call","id":"ig_1","status":"completed","result":data,"output_format":"webp"}),
        )
    };
    let urls = |events: &[Value]| -> Vec<String> {
        deltas(&chunks(events))
            .iter()
            .filter_map(|delta| delta["images"][0]["image_url"]["url"].as_str().map(str::to_owned))
            .collect()
    };
    let first = "data:image/png;base64,QUFB";
    assert_eq!(urls(&[created(), draft("QUFB"), draft("QUFB"), last("QUFB"), end()]), [first]);
    assert_eq!(
        urls(&[created(), draft("QUFB"), draft("QkJC"), last("Q0ND"), end()]),
        [first, "data:image/png;base64,QkJC", "data:image/webp;base64,Q0ND"]
    );
}

#[test]
fn e302_e303_e304_cache_writes_are_told_when_they_are_known() {
    let details = |details: Value| {
        let usage =
            json!({"input_tokens":9,"input_tokens_details":details,"output_tokens":2,"total_tokens":11});
        let got = chunks(&[created(), completed(usage)]);
        got.iter().find(|value| value.get("usage").is_some()).unwrap()["usage"]["prompt_tokens_details"]
            .clone()
    };
    assert_eq!(details(json!({"cached_tokens":1,"cache_write_tokens":7}))["cache_write_tokens"], 7);
    assert_eq!(details(json!({"cached_tokens":1})).get("cache_write_tokens"), None);
    assert_eq!(details(json!({"cached_tokens":1,"cache_write_tokens":0}))["cache_write_tokens"], 0);
}

#[test]
fn b75_thoughts_texts_and_calls_of_a_stream_are_the_aggregates() {
    let events = [
        created(),
        added(0, json!({"type":"reasoning","id":"rs_1","summary":[]})),
        json!({"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"hm"}),
        done(0, json!({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}]})),
        json!({"type":"response.output_text.delta","item_id":"m","output_index":1,"content_index":0,"delta":"a",
            "logprobs":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}]}),
        json!({"type":"response.refusal.delta","item_id":"m","output_index":1,"content_index":1,"delta":"no"}),
        done(2, call("a", "{}")),
        end(),
    ];
    let got = aggregated(CX, CC, &context(), &events);
    let said = &got["choices"][0]["message"];
    assert_eq!(
        (&said["reasoning_content"], &said["content"], &said["refusal"], &said["tool_calls"][0]["id"]),
        (&json!("hm"), &json!("a"), &json!("no"), &json!("a"))
    );
    // Names that were shortened come back (B5).
    let long = "x".repeat(70);
    let body = json!({"model":"m","messages":[{"role":"user","content":"q"}],"tools":[{"type":"function","function":{"name":long,"parameters":{}}}]});
    let mut context = context_of(CC, &body);
    context.names =
        super::encoded(CC, CX, &body, &cliproxy_translator::Profile::new("m", true)).unwrap().names;
    let mut item = call("a", "{}");
    item["name"] = long[..64].into();
    let got = deltas(&chunks_for(&context, &[created(), done(0, item), end()]));
    assert_eq!(got[0]["tool_calls"][0]["function"]["name"], long);
}
