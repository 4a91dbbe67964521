//! Gemini and clients of OpenAI Responses. Source: translation.md D.21, D.22, B28 to B34.

use cliproxy_translator::{Aggregator, Profile};
use serde_json::{Value, json};

use super::{
    SIGNED, chunk, codec_of, context, decode, frames, last, sent, sse, to_gemini, translated, whole,
};
use crate::schema::assert_valid;

/// Another signature of Gemini's.
const OTHER: &str = "EgoKCPr7/P3+/wED";
const SENTINEL: &str = "skip_thought_signature_validator";
const RS: &str = "openai-response";

fn user(text: &str) -> Value {
    json!({"type":"message","role":"user","content":[{"type":"input_text","text":text}]})
}

fn said(text: &str) -> Value {
    json!({"type":"message","role":"assistant","content":[{"type":"output_text","text":text,"annotations":[]}]})
}

fn state(value: &str) -> Value {
    json!({"type":"reasoning","summary":[],"encrypted_content":value})
}

fn thought(value: &str) -> Value {
    json!({"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":value})
}

fn call(id: &str) -> Value {
    json!({"type":"function_call","call_id":id,"name":"f","arguments":"{}"})
}

fn output(id: &str, said: Value) -> Value {
    json!({"type":"function_call_output","call_id":id,"output":said})
}

fn contents(items: Vec<Value>) -> Value {
    to_gemini(RS, &json!({"model":"m","input":items}))["contents"].clone()
}

fn called(signature: Option<&str>) -> Value {
    let mut part = json!({"functionCall":{"name":"f","args":{}}});
    if let Some(signature) = signature {
        part["thoughtSignature"] = json!(signature);
    }
    part
}

fn text(text: &str, signature: Option<&str>) -> Value {
    let mut part = json!({"text":text});
    if let Some(signature) = signature {
        part["thoughtSignature"] = json!(signature);
    }
    part
}

fn hm(signature: Option<&str>) -> Value {
    let mut part = json!({"text":"hm","thought":true});
    if let Some(signature) = signature {
        part["thoughtSignature"] = json!(signature);
    }
    part
}

#[test]
fn state_goes_back_to_the_part_that_gemini_signed() {
    let ok = |id: &str| output(id, json!("ok"));
    let next = format!("cliproxy:gemini.next:{SIGNED}");
    let previous = format!("cliproxy:gemini.prev:{SIGNED}");
    let second = format!("cliproxy:gemini.prev:{OTHER}");
    let mut renamed = state(SIGNED);
    renamed["id"] = json!("rewritten by the client");
    for (case, items, expected) in [
        ("E371", vec![thought(SIGNED), call("a"), ok("a")], json!([hm(None), called(Some(SIGNED))])),
        ("E372", vec![call("a"), call("b"), ok("a"), ok("b")], json!([called(Some(SENTINEL)), called(None)])),
        (
            "E373",
            vec![state(SIGNED), call("a"), call("b"), ok("a"), ok("b")],
            json!([called(Some(SIGNED)), called(None)]),
        ),
        (
            "E374",
            vec![state(SIGNED), call("a"), state(OTHER), call("b"), ok("a"), ok("b")],
            json!([called(Some(SIGNED)), called(Some(OTHER))]),
        ),
        ("E378", vec![said("a"), state(SIGNED)], json!([text("a", Some(SIGNED))])),
        ("E379", vec![said("a"), renamed], json!([text("a", Some(SIGNED))])),
        (
            "E380",
            vec![said("a"), state(SIGNED), call("a"), ok("a")],
            json!([text("a", None), called(Some(SIGNED))]),
        ),
        ("E381", vec![call("a"), state(SIGNED), ok("a")], json!([called(Some(SIGNED))])),
        ("E382", vec![state(&next), call("a"), ok("a")], json!([called(Some(SIGNED))])),
        ("E382", vec![call("a"), state(&previous), ok("a")], json!([called(Some(SIGNED))])),
        (
            "E383",
            vec![said("a"), state(&previous), state(&second)],
            json!([text("a", Some(SIGNED)), text("", Some(OTHER))]),
        ),
        // [fix]: state that stands alone before a call is the call's: Gemini demands that the first call is signed
        // (E373, E424). What names its neighbour stays with that.
        ("E384", vec![state(SIGNED), call("a"), ok("a")], json!([called(Some(SIGNED))])),
        (
            "E384",
            vec![said("a"), state(&previous), call("a"), ok("a")],
            json!([text("a", Some(SIGNED)), called(Some(SENTINEL))]),
        ),
        (
            "E385",
            vec![call("a"), state(SIGNED), call("b"), state(OTHER), ok("a"), ok("b")],
            json!([called(Some(SIGNED)), called(Some(OTHER))]),
        ),
        // An output of a call that nobody made goes nowhere; the state stays with the call beside it.
        ("E386", vec![call("a"), state(SIGNED), output("x", json!("lost"))], json!([called(Some(SIGNED))])),
        ("E390", vec![thought(SIGNED)], json!([hm(Some(SIGNED))])),
        ("E393", vec![thought(SIGNED), said("a")], json!([hm(None), text("a", Some(SIGNED))])),
        ("E394", vec![thought(SIGNED), said(" a\n")], json!([hm(None), text(" a\n", Some(SIGNED))])),
        ("E401", vec![thought("cliproxy:gemini:"), said("a")], json!([hm(None), text("a", None)])),
        ("E401", vec![state("cliproxy:gemini.up:x"), said("a")], json!([text("a", None)])),
        ("E403", vec![state(&format!("cliproxy:gemini:{SENTINEL}")), said("a")], json!([text("a", None)])),
        (
            "E403",
            vec![state("cliproxy:gemini:EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu"), said("a")],
            json!([text("a", None)]),
        ),
        (
            "E406",
            vec![state(&format!("cliproxy:gemini:cliproxy:gemini:{SIGNED}")), said("a")],
            json!([text("a", None)]),
        ),
    ] {
        let mut all = vec![user("q")];
        all.extend(items);
        all.push(user("r"));
        assert_eq!(contents(all)[1]["parts"], expected, "{case}");
    }
}

#[test]
fn e370_state_does_not_cross_the_user() {
    let contents = contents(vec![user("q"), said("a"), user("r"), state(SIGNED), said("b"), user("s")]);
    assert_eq!(contents[1]["parts"], json!([text("a", None)]));
    assert_eq!(contents[3]["parts"], json!([text("b", Some(SIGNED))]));
}

#[test]
fn e375_e376_e377_results_stand_behind_their_calls_in_their_order() {
    // E376 [fix]: Gemini takes as many results as calls, right behind them, or none of it.
    let (one, two) = (output("a", json!("1")), output("b", json!("2")));
    for items in [
        vec![user("q"), call("a"), call("b"), two.clone(), one.clone(), user("r")],
        vec![user("q"), call("a"), call("b"), one.clone(), user("r"), two.clone()],
        vec![user("q"), call("a"), call("b"), said("x"), two.clone(), one.clone(), user("r")],
    ] {
        let contents = contents(items);
        let outputs: Vec<_> = contents[2]["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["functionResponse"]["response"]["output"].clone())
            .collect();
        assert_eq!(outputs, ["1", "2"]);
        assert_eq!(contents[3]["parts"], json!([text("r", None)]));
    }
}

#[test]
fn e387_e388_words_at_the_end_go_unless_there_is_thought_in_them() {
    assert_eq!(contents(vec![user("q"), said("The answer is")]).as_array().unwrap().len(), 1);
    let kept = contents(vec![user("q"), thought(SIGNED), said("The answer is")]);
    assert_eq!(kept[1]["parts"], json!([hm(None), text("The answer is", Some(SIGNED))]));
}

#[test]
fn e389_the_schema_of_the_output_is_untouched() {
    let schema = json!({"type":"object","properties":{"a":{"type":["string","null"]}},"required":["a"],"additionalProperties":false});
    let body = json!({"model":"m","input":"q","text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":schema}}});
    assert_eq!(
        to_gemini(RS, &body)["generationConfig"],
        json!({"responseMimeType":"application/json","responseJsonSchema":schema})
    );
}

#[test]
fn e391_e392_what_says_nothing_and_what_others_signed_is_not_replayed() {
    let empty = json!({"type":"reasoning","summary":[]});
    let gpt = format!("gAAAA{}", "A".repeat(95));
    for items in
        [vec![user("q"), empty, said("a"), user("r")], vec![user("q"), thought(&gpt), said("a"), user("r")]]
    {
        assert_eq!(contents(items)[1]["parts"], json!([text("a", None)]));
    }
    assert_eq!(
        contents(vec![user("q"), thought(SIGNED), said("a"), user("r")])[1]["parts"][1],
        text("a", Some(SIGNED))
    );
}

#[test]
fn e395_system_and_developer_items_are_instructions() {
    let items = json!([{"role":"system","content":"s"},{"role":"developer","content":"d"},user("q"),{"role":"developer","content":"late"},user("r")]);
    let value = to_gemini(RS, &json!({"model":"m","instructions":"i","input":items}));
    assert_eq!(
        value["systemInstruction"]["parts"],
        json!([text("i", None), text("s", None), text("d", None), text("late", None)])
    );
    assert_eq!(value["contents"].as_array().unwrap().len(), 2);
}

#[test]
fn e396_e397_outputs_have_the_shape_of_what_they_say() {
    let image = json!({"type":"input_image","image_url":"data:image/png;base64,AA=="});
    let inline = json!([{"inlineData":{"mimeType":"image/png","data":"AA=="}}]);
    for (given, response, parts) in [
        (json!("ok"), json!({"output":"ok"}), Value::Null),
        (json!("{\"a\":1}"), json!({"output":"{\"a\":1}"}), Value::Null),
        (json!(""), json!({"output":""}), Value::Null),
        (json!([{"type":"input_text","text":"a"}]), json!({"output":"a"}), Value::Null),
        (
            json!([{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]),
            json!({"output":["a","b"]}),
            Value::Null,
        ),
        (json!([{"type":"input_text","text":"a"},image]), json!({"output":"a"}), inline.clone()),
        (json!([image]).to_string().into(), json!({"output":""}), inline),
        // E397: objects stay objects, and plain values are texts.
        (json!({"a":{"b":1}}), json!({"output":{"a":{"b":1}}}), Value::Null),
        (json!(["a", "b"]), json!({"output":["a","b"]}), Value::Null),
    ] {
        let contents = contents(vec![user("q"), call("a"), output("a", given.clone()), user("r")]);
        let result = &contents[2]["parts"][0]["functionResponse"];
        assert_eq!(result["response"], response, "{given}");
        assert_eq!(result.get("parts").cloned().unwrap_or(Value::Null), parts, "{given}");
    }
}

#[test]
fn e398_e399_e400_namespaces_and_custom_tools_are_functions_and_so_is_their_history() {
    let body = json!({"model":"m","tools":[
            {"type":"namespace","name":"term","tools":[{"type":"function","name":"run","parameters":{"type":"object","properties":{}}}]},
            {"type":"custom","name":"exec"}],
        "tool_choice":{"type":"custom","name":"exec"},
        "input":[user("q"),
            {"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":SIGNED},
            {"type":"custom_tool_call","call_id":"c1","name":"exec","input":"ls"},
            {"type":"custom_tool_call_output","call_id":"c1","output":"a.txt"}]});
    let value = to_gemini(RS, &body);
    let names: Vec<_> = value["tools"][0]["functionDeclarations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].clone())
        .collect();
    assert_eq!(names, ["term__run", "exec"]);
    assert_eq!(
        value["toolConfig"]["functionCallingConfig"],
        json!({"mode":"ANY","allowedFunctionNames":["exec"]})
    );
    assert_eq!(
        value["contents"],
        json!([{"role":"user","parts":[{"text":"q"}]},
            {"role":"model","parts":[hm(None),{"functionCall":{"name":"exec","args":{"input":"ls"}},"thoughtSignature":SIGNED}]},
            {"role":"user","parts":[{"functionResponse":{"name":"exec","response":{"output":"a.txt"}}}]}])
    );
}

#[test]
fn e402_state_is_read_whatever_the_model_is_called() {
    let body = json!({"model":"m","input":[user("q"), state(&format!("cliproxy:gemini.next:{SIGNED}")), said("a"), user("r")]});
    let (value, _) = sent(RS, &body, &Profile::new("my-alias", false));
    assert_eq!(value["contents"][1]["parts"], json!([text("a", Some(SIGNED))]));
}

/// The events of a stream for a Responses client, each valid.
fn events(stream: &str) -> Vec<Value> {
    let events = frames(&translated("gemini", RS, stream));
    events.iter().for_each(|event| assert_valid("openai-responses.event", event));
    events
}

fn output_of(events: &[Value]) -> Vec<Value> {
    events.last().unwrap()["response"]["output"].as_array().unwrap().clone()
}

/// Gemini's parts through a Responses client and back: as one stream, one part a chunk, and as a whole reply.
fn back(parts: &Value) -> Value {
    let list = parts.as_array().unwrap();
    let mut stream: Vec<_> = list.iter().map(|part| chunk(json!([part]))).collect();
    stream.push(last("STOP", json!([])));
    let given = output_of(&events(&sse(&stream)));
    let whole = whole("gemini", RS, &last("STOP", parts.clone()));
    assert_valid("openai-responses.reply", &whole);
    assert_eq!(json!(given), whole["output"], "stream and reply agree");
    let mut items = vec![user("q")];
    let answers: Vec<_> = given
        .iter()
        .filter(|item| item["type"] == "function_call")
        .map(|item| output(item["call_id"].as_str().unwrap(), json!("ok")))
        .collect();
    items.extend(given);
    items.extend(answers);
    items.push(user("r"));
    contents(items)[1]["parts"].clone()
}

#[test]
fn every_signature_comes_back_to_its_part() {
    for (case, parts) in [
        ("E408", json!([text("a", Some(SIGNED)), text("b", Some(OTHER))])),
        ("E409", json!([text("a", Some(SIGNED)), text("b", None)])),
        ("E410", json!([text("", Some(SIGNED)), hm(Some(OTHER)), text("a", None)])),
        ("E411", json!([text("a", None), text("", Some(SIGNED))])),
        ("E412", json!([hm(Some(SIGNED)), text("a", Some(OTHER))])),
        ("E413", json!([text("a", Some(SIGNED)), hm(None), text("b", None)])),
        ("E414", json!([called(Some(SIGNED)), text("", Some(OTHER))])),
        ("E415", json!([hm(None), called(Some(SIGNED))])),
        ("E416", json!([hm(None), text("a", None), hm(None), text("b", None)])),
        ("E417", json!([text("", Some(SIGNED)), text("", Some(OTHER)), text("a", None)])),
        ("E418", json!([hm(Some(SIGNED)), hm(Some(OTHER)), text("a", None)])),
        ("E423", json!([text("a", None), called(Some(SIGNED)), text("b", None)])),
    ] {
        assert_eq!(back(&parts), parts, "{case}");
    }
    // E558 [fix]: state that is not GPT's does go into `encrypted_content`, under a mark that keeps it from GPT.
    let reply = last("STOP", json!([hm(Some(SIGNED)), text("a", None)]));
    let gemini = codec_of("gemini");
    let reply = reply.to_string();
    let reply = gemini.decode_reply(reply.as_bytes(), &context()).unwrap();
    let told: Value = serde_json::from_slice(&codec_of(RS).encode_reply(&reply, &context())).unwrap();
    assert_eq!(told["output"][0]["encrypted_content"], format!("cliproxy:gemini:{SIGNED}"), "E558");
    let next = json!({"model":"m","input":[{"role":"user","content":"q"}, told["output"][0], told["output"][1], {"role":"user","content":"r"}]}).to_string();
    let request = codec_of(RS).decode_request(next.as_bytes()).unwrap();
    let sent = codec_of("codex")
        .encode_request(&request, &cliproxy_translator::Profile::new("gpt-5", false))
        .unwrap();
    assert!(!String::from_utf8(sent.body).unwrap().contains(SIGNED), "E558");
    // The call must be signed: state that comes alone before it is its own.
    assert_eq!(back(&json!([text("", Some(SIGNED)), called(None)])), json!([called(Some(SIGNED))]), "E424");
}

#[test]
fn e407_e426_items_close_before_others_open_and_the_request_is_echoed() {
    let request = json!({"model":"m","instructions":"be brief","input":"q"}).to_string();
    let client = codec_of(RS);
    let mut context = context();
    client.reply_context(&client.decode_request(request.as_bytes()).unwrap(), &mut context);
    let gemini = codec_of("gemini");
    for wrap in [false, true] {
        let chunks: Vec<_> = [
            chunk(json!([{"text":"a"}])),
            chunk(json!([{"functionCall":{"name":"f","args":{"x":1}}}])),
            last("STOP", json!([{"text":"b"}])),
        ]
        .into_iter()
        .map(|chunk| if wrap { json!({"response":chunk}) } else { chunk })
        .collect();
        let mut decoder = gemini.stream_decoder(&context);
        let mut encoder = client.stream_encoder(&context);
        let mut out = Vec::new();
        for chunk in &chunks {
            let data = chunk.to_string();
            decoder
                .decode(cliproxy_translator::StreamFrame::of(data.as_bytes()), &mut |event| {
                    encoder.encode(event, &mut out)
                })
                .unwrap();
        }
        decoder.finish(&mut |event| encoder.encode(event, &mut out)).unwrap();
        let events = frames(std::str::from_utf8(&out).unwrap());
        let items: Vec<_> = events
            .iter()
            .filter(|event| event["type"].as_str().unwrap().starts_with("response.output_item."))
            .map(|event| {
                format!("{} {}", event["type"].as_str().unwrap(), event["item"]["type"].as_str().unwrap())
            })
            .collect();
        assert_eq!(
            items,
            ["message", "function_call", "message"]
                .iter()
                .flat_map(|kind| [
                    format!("response.output_item.added {kind}"),
                    format!("response.output_item.done {kind}")
                ])
                .collect::<Vec<_>>()
        );
        let response = &events.last().unwrap()["response"];
        assert_eq!(response["instructions"], "be brief");
        assert_eq!(response["usage"]["input_tokens_details"]["cached_tokens"], 4);
        assert_eq!(response["usage"]["output_tokens_details"]["reasoning_tokens"], 3);
        let kinds: Vec<_> =
            response["output"].as_array().unwrap().iter().map(|item| item["type"].clone()).collect();
        assert_eq!(kinds, ["message", "function_call", "message"]);
    }
}

#[test]
fn e419_a_thoughts_state_never_changes_once_it_was_told() {
    let stream = sse(&[
        chunk(json!([{"text":"hm","thought":true}])),
        last("STOP", json!([{"text":"","thoughtSignature":SIGNED}])),
    ]);
    let events = events(&stream);
    let told: Vec<_> = events
        .iter()
        .filter(|event| event["item"]["type"] == "reasoning")
        .filter_map(|event| event["item"]["encrypted_content"].as_str())
        .collect();
    assert!(!told.is_empty());
    assert!(told.iter().all(|state| *state == format!("cliproxy:gemini:{SIGNED}")), "{told:?}");
}

#[test]
fn e420_e421_e422_a_stream_ends_once() {
    let done = "data: [DONE]\n\n";
    for (stream, ends) in [
        (sse(&[chunk(json!([{"text":"a"}]))]) + done, 1),
        (
            sse(&[last("STOP", json!([{"text":"a"}]))])
                + done
                + done
                + &sse(&[chunk(json!([{"text":"late"}]))]),
            1,
        ),
    ] {
        let events = events(&stream);
        let terminal = events.iter().filter(|event| event["type"] == "response.completed").count();
        assert_eq!(terminal, ends);
        assert!(!events.iter().any(|event| event.to_string().contains("late")));
    }
    let mut seen = 0;
    assert!(decode(done.as_bytes(), 100, &mut |_| seen += 1).is_err());
    assert_eq!(seen, 0, "E422");
}

#[test]
fn e425_calls_of_one_chunk_follow_each_other() {
    let call = |name: &str| json!({"functionCall":{"name":name,"args":{"x":1}}});
    let events = events(&sse(&[last("STOP", json!([call("f"), call("g"), call("h")]))]));
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .filter(|kind| kind.contains("output_item") || kind.contains("function_call"))
        .collect();
    let one = [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ];
    assert_eq!(kinds, [one, one, one].concat());
}

#[test]
fn e427_a_custom_tools_call_is_told_in_its_own_events() {
    let request = json!({"model":"m","input":"q","tools":[{"type":"namespace","name":"ns","tools":[{"type":"custom","name":"exec"}]}]}).to_string();
    let client = codec_of(RS);
    let mut context = context();
    client.reply_context(&client.decode_request(request.as_bytes()).unwrap(), &mut context);
    let reply = last("STOP", json!([{"functionCall":{"name":"ns__exec","args":{"input":"ls"}}}])).to_string();
    let gemini = codec_of("gemini");
    let response = gemini.decode_reply(reply.as_bytes(), &context).unwrap();
    let value: Value = serde_json::from_slice(&client.encode_reply(&response, &context)).unwrap();
    let item = &value["output"][0];
    assert_eq!((&item["type"], &item["input"]), (&json!("custom_tool_call"), &json!("ls")));
    assert_eq!((&item["name"], &item["namespace"]), (&json!("exec"), &json!("ns")));
}

#[test]
fn e428_a_message_that_is_done_has_every_member() {
    let events = events(&sse(&[last("STOP", json!([{"text":"a"}]))]));
    let done = events.iter().find(|event| event["type"] == "response.output_item.done").unwrap();
    let item = &done["item"];
    assert_eq!(
        (&item["status"], &item["role"], &item["type"]),
        (&json!("completed"), &json!("assistant"), &json!("message"))
    );
    assert_eq!(item["content"], json!([{"type":"output_text","text":"a","annotations":[],"logprobs":[]}]));
    assert!(item["id"].is_string());
}

#[test]
fn f15_a_cut_or_filtered_reply_is_incomplete() {
    // F15.
    for (word, reason) in [("MAX_TOKENS", "max_output_tokens"), ("SAFETY", "content_filter")] {
        let events = events(&sse(&[last(word, json!([{"text":"a"}]))]));
        let end = events.last().unwrap();
        assert_eq!(end["type"], "response.incomplete");
        assert_eq!(end["response"]["incomplete_details"]["reason"], reason);
    }
    let mut aggregator = Aggregator::new();
    decode(sse(&[last("MAX_TOKENS", json!([{"text":"a"}]))]).as_bytes(), 9, &mut |event| {
        aggregator.push(event)
    })
    .unwrap();
    assert!(aggregator.finish().is_ok());
}
