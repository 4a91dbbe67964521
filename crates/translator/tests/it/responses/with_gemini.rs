//! Gemini clients with Codex, and Responses clients with Gemini. Source: translation.md D.18, B33, B34.

use cliproxy_translator::Profile;
use serde_json::{Value, json};

use super::{
    CX, RS, aggregated, codec, context, decode, items, request, response_stream, same_in_pieces, sse, types,
    written,
};
use crate::gemini::SIGNED;

const GE: &str = "gemini";

fn contents(contents: Value) -> Vec<Value> {
    items(GE, CX, &json!({"contents":contents}))
}

fn user(text: &str) -> Value {
    json!({"role":"user","parts":[{"text":text}]})
}

#[test]
fn e323_e324_calls_and_answers_have_one_id() {
    let call = |id: Option<&str>, x: u32| {
        let mut call = json!({"functionCall":{"name":"f","args":{"x":x}}});
        if let Some(id) = id {
            call["functionCall"]["id"] = id.into();
        }
        call
    };
    let answer = |id: Option<&str>, said: &str| {
        let mut answer = json!({"functionResponse":{"name":"f","response":{"output":said}}});
        if let Some(id) = id {
            answer["functionResponse"]["id"] = id.into();
        }
        answer
    };
    let got = contents(
        json!([user("q"), {"role":"model","parts":[call(Some("c9"), 1)]}, {"role":"user","parts":[answer(Some("c9"), "ok")]}]),
    );
    assert_eq!(
        (&got[1]["call_id"], &got[2]["call_id"], &got[2]["output"]),
        (&json!("c9"), &json!("c9"), &json!("ok"))
    );
    // E324: without ids the first answer is the first call's, and the ids are the same every time.
    let body = json!([user("q"), {"role":"model","parts":[call(None, 1), call(None, 2)]}, {"role":"user","parts":[answer(None, "one"), answer(None, "two")]}]);
    let got = contents(body.clone());
    let ids: Vec<_> = got[1..].iter().map(|item| item["call_id"].as_str().unwrap().to_owned()).collect();
    assert!(!ids[0].is_empty() && ids[0] != ids[1]);
    assert_eq!((&ids[2..], &got[3]["output"], &got[4]["output"]), (&ids[..2], &json!("one"), &json!("two")));
    assert_eq!(contents(body), got);
}

#[test]
fn e325_e326_media_are_what_they_are_and_thoughts_stay_behind() {
    let inline = |mime: &str| json!({"inlineData":{"mimeType":mime,"data":"AA=="}});
    let got = contents(
        json!([{"role":"user","parts":[{"text":"q"}, inline("image/png"), inline("application/pdf"), inline("audio/mpeg")]}]),
    );
    let kinds: Vec<_> =
        got[0]["content"].as_array().unwrap().iter().map(|part| part["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["input_text", "input_image", "input_file", "input_audio"]);
    // E326.
    let body = json!({"systemInstruction":{"parts":[{"text":"hidden","thought":true},{"text":"s"}]},
        "contents":[user("q"), {"role":"model","parts":[{"text":"hm","thought":true},{"text":"a"}]}, user("next")]});
    let got = request(GE, CX, &body);
    assert!(!got.to_string().contains("hm"), "{got}");
    assert_eq!(got["input"][0]["content"].as_array().unwrap().last().unwrap()["text"], "s");
}

#[test]
fn e327_e328_schemas_are_closed_and_the_choice_is_the_clients() {
    let body = |mode: &str| {
        json!({"contents":[user("q")],"tools":[{"functionDeclarations":[
        {"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}},
        {"name":"g","parametersJsonSchema":{"$schema":"https://json-schema.org/draft-07/schema#","type":"object","properties":{}}}]}],
        "toolConfig":{"functionCallingConfig":{"mode":mode}}})
    };
    let got = request(GE, CX, &body("AUTO"));
    assert_eq!(
        got["tools"][0]["parameters"],
        json!({"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false})
    );
    assert_eq!(
        got["tools"][1]["parameters"],
        json!({"type":"object","properties":{},"additionalProperties":false})
    );
    assert_eq!(got["tools"][0]["strict"], false);
    assert_eq!(got["tool_choice"], "auto");
    assert_eq!(request(GE, CX, &body("NONE"))["tool_choice"], "none");
    assert_eq!(request(GE, CX, &body("ANY"))["tool_choice"], "required");
}

fn created() -> Value {
    json!({"type":"response.created","response":{"id":"resp_1","created_at":5,"model":"gpt-x","output":[]}})
}

fn done(item: Value) -> Value {
    json!({"type":"response.output_item.done","output_index":0,"item":item})
}

fn completed() -> Value {
    json!({"type":"response.completed","response":{"id":"resp_1","model":"gpt-x","status":"completed","output":[],
        "usage":{"input_tokens":5,"output_tokens":6,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":11}}})
}

/// What a Gemini client gets of a stream.
fn chunks(events: &[Value]) -> Vec<Value> {
    same_in_pieces(CX, &sse(events));
    let out = written(CX, GE, &context(), &sse(events)).unwrap();
    let mut values = Vec::new();
    cliproxy_translator::framing::SseParser::new()
        .push(out.as_bytes(), &mut |frame| values.push(serde_json::from_slice(frame.data).unwrap()))
        .unwrap();
    values
}

fn parts(chunks: &[Value]) -> Vec<Value> {
    chunks
        .iter()
        .filter_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array())
        .flatten()
        .filter(|part| part["text"] != "")
        .cloned()
        .collect()
}

#[test]
fn e329_e330_the_end_and_the_text_come_once_in_both_modes() {
    let message = json!({"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]}]});
    let cut = json!({"type":"response.incomplete","response":{"id":"r","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}});
    let events = [created(), done(message.clone()), cut];
    let got = chunks(&events);
    assert_eq!(parts(&got), [json!({"text":"hi"})]);
    let reasons: Vec<_> =
        got.iter().filter_map(|chunk| chunk["candidates"][0]["finishReason"].as_str()).collect();
    assert_eq!(reasons, ["MAX_TOKENS"]);
    let whole = aggregated(CX, GE, &context(), &events);
    assert_eq!(whole["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert_eq!(whole["candidates"][0]["content"]["parts"], json!([{"text":"hi"}]));
    // E330: what deltas told the item does not tell again, nor does the end.
    let delta = json!({"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"hi"});
    let end =
        json!({"type":"response.completed","response":{"id":"r","status":"completed","output":[message]}});
    for events in [
        vec![created(), delta.clone(), done(message.clone()), end.clone()],
        vec![created(), delta, end.clone()],
        vec![created(), end],
    ] {
        assert_eq!(parts(&chunks(&events)), [json!({"text":"hi"})], "E330: {events:?}");
        assert_eq!(
            aggregated(CX, GE, &context(), &events)["candidates"][0]["content"]["parts"],
            json!([{"text":"hi"}])
        );
    }
}

#[test]
fn e331_e332_pictures_are_told_when_they_change() {
    let draft = |data: &str| json!({"type":"response.image_generation_call.partial_image","item_id":"ig","output_index":0,"partial_image_b64":data,"output_format":"png"});
    let last = |data: &str| {
        done(json!({"type":"image_generation_call","id":"ig","result":data,"output_format":"webp"}))
    };
    let picture = |mime: &str, data: &str| json!({"inlineData":{"mimeType":mime,"data":data}});
    assert_eq!(
        parts(&chunks(&[created(), draft("QUFB"), draft("QUFB"), last("QUFB"), completed()])),
        [picture("image/png", "QUFB")]
    );
    assert_eq!(
        parts(&chunks(&[created(), draft("QUFB"), last("Q0ND"), completed()])),
        [picture("image/png", "QUFB"), picture("image/webp", "Q0ND")]
    );
}

#[test]
fn e333_a_call_is_one_part_with_its_id() {
    let got = chunks(&[
        created(),
        json!({"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":""}}),
        json!({"type":"response.function_call_arguments.delta","item_id":"fc","output_index":0,"delta":"{\"a\""}),
        json!({"type":"response.function_call_arguments.delta","item_id":"fc","output_index":0,"delta":":1}"}),
        done(json!({"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":"{\"a\":1}"})),
        completed(),
    ]);
    assert_eq!(parts(&got), [json!({"functionCall":{"id":"c1","name":"f","args":{"a":1}}})]);
    let usage = &got.last().unwrap()["usageMetadata"];
    assert_eq!((&usage["candidatesTokenCount"], &usage["thoughtsTokenCount"]), (&json!(4), &json!(2)));
}

#[test]
fn b33_b34_gemini_s_state_survives_a_responses_client() {
    let chunk = |parts: Value, finish: Value| {
        json!({"responseId":"r","modelVersion":"gemini-3","candidates":[{"index":0,
        "content":{"role":"model","parts":parts},"finishReason":finish}]})
    };
    let events = [
        chunk(json!([{"text":"hm","thought":true}]), Value::Null),
        chunk(json!([{"text":"said"}]), Value::Null),
        chunk(json!([{"functionCall":{"name":"f","args":{}},"thoughtSignature":SIGNED}]), Value::Null),
        chunk(json!([{"text":""}]), json!("STOP")),
    ];
    let got = response_stream(GE, &context(), &events);
    let response = super::final_response(&got);
    assert_eq!(types(&response), ["reasoning", "message", "function_call", "reasoning"]);
    assert_eq!(types(&aggregated(GE, RS, &context(), &events)), types(&response));
    // What the client sends back finds its call again, and no mark reaches the provider.
    let mut input = vec![json!({"role":"user","content":"q"})];
    input.extend(response["output"].as_array().unwrap().clone());
    let call_id = &response["output"][2]["call_id"];
    input.push(json!({"type":"function_call_output","call_id":call_id,"output":"ok"}));
    let body = json!({"model":"m","input":input}).to_string();
    let decoded = codec(RS).decode_request(body.as_bytes()).unwrap();
    let out = codec(GE).encode_request(&decoded, &Profile::new("gemini-3-pro", true)).unwrap();
    let sent: Value = serde_json::from_slice(&out.body).unwrap();
    let calls: Vec<_> = sent["contents"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|content| content["parts"].as_array().unwrap())
        .filter(|part| part.get("functionCall").is_some())
        .collect();
    assert_eq!(calls[0]["thoughtSignature"], SIGNED, "{sent:#}");
    assert!(!sent.to_string().contains("cliproxy"));
    let stream = sse(&events);
    decode(GE, &context(), stream.as_bytes(), 3, &mut |_| {}).unwrap();
}
