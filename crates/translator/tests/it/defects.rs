//! What the reference does wrong and no other test of ours names: the upstream defect, done right. Source:
//! translation.md F.

use cliproxy_translator::Profile;
use serde_json::{Value, json};

use crate::gemini::{last, sse, to_gemini, translated, whole};
use crate::responses::{CC, CL, CX, RS, codec, context, context_of, encoded, reply, request, request_with};

#[test]
fn f16_tokens_of_thoughts_are_those_that_claude_counted_or_none() {
    let thinking =
        json!({"type":"thinking","thinking":"a long thought, far more than four letters","signature":""});
    let body = |usage: Value| {
        json!({"id":"msg_1","type":"message","role":"assistant","model":"c","content":[thinking, {"type":"text","text":"a"}],
            "stop_reason":"end_turn","stop_sequence":null,"usage":usage})
    };
    let counted = json!({"input_tokens":5,"output_tokens":9,"output_tokens_details":{"thinking_tokens":7}});
    let told =
        |usage: Value| reply(CL, RS, &context(), &body(usage))["usage"]["output_tokens_details"].clone();
    assert_eq!(told(counted), json!({"reasoning_tokens":7}));
    // The schema demands the member: what nobody counted is zero, not a guess from the length.
    assert_eq!(told(json!({"input_tokens":5,"output_tokens":9})), json!({"reasoning_tokens":0}));
}

#[test]
fn f22_results_belong_to_the_call_before_them_and_stay_as_they_were_written() {
    let call = json!({"role":"assistant","content":null,"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]});
    let result = |text: &str| json!({"role":"tool","tool_call_id":"c1","content":text});
    // A service that counts anew in every turn.
    let body = json!({"model":"m","messages":[{"role":"user","content":"q"}, call, result("\"first\""),
        {"role":"user","content":"again"}, call, result("{\"n\": 1.0}")]});
    let contents = to_gemini("openai", &body)["contents"].clone();
    let results: Vec<Value> = contents
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|content| content["parts"].as_array().unwrap().clone())
        .filter_map(|part| part.get("functionResponse").map(|result| result["response"].clone()))
        .collect();
    // Text is said once, never as JSON in JSON; an object is itself.
    assert_eq!(results, [json!({"output":"\"first\""}), json!({"output":"{\"n\": 1.0}"})]);
}

#[test]
fn f24_sound_is_nested_as_documented_and_read_in_both_spellings() {
    let chat = json!({"model":"m","messages":[{"role":"user","content":[
        {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]});
    let nested = json!({"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}});
    for provider in [RS, CX] {
        assert_eq!(request(CC, provider, &chat)["input"][0]["content"][0], nested, "{provider}");
    }
    for part in [nested.clone(), json!({"type":"input_audio","data":"AAAA","format":"wav"})] {
        let body = json!({"model":"m","input":[{"type":"message","role":"user","content":[part]}]});
        assert_eq!(
            to_gemini("openai-response", &body)["contents"][0]["parts"][0]["inlineData"],
            json!({"mimeType":"audio/wav","data":"AAAA"})
        );
    }
}

#[test]
fn f26_all_parts_of_every_item_are_told_and_what_is_not_there_is_left_out() {
    let body = json!({"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}]},
        {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[
            {"type":"output_text","text":"A","annotations":[]},{"type":"output_text","text":"B","annotations":[]},
            {"type":"refusal","refusal":"No."}]}]});
    let message = reply(CX, CC, &context(), &body)["choices"][0]["message"].clone();
    assert_eq!(message["reasoning_content"], "one\n\ntwo");
    assert_eq!((&message["content"], &message["refusal"]), (&json!("AB"), &json!("No.")));
    assert_eq!(message.get("tool_calls"), None);
}

#[test]
fn f34_what_chat_completions_has_of_gemini_goes_along_and_the_rest_is_told() {
    let body = json!({"contents":[
        {"role":"user","parts":[{"text":"q"},{"fileData":{"mimeType":"image/png","fileUri":"https://h.example/a.png"}}]},
        {"role":"model","parts":[{"executableCode":{"language":"PYTHON","code":"print(1)"}},{"text":"a"}]},
        {"role":"user","parts":[{"text":"q"}]}],
        "generationConfig":{"topK":3,"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}},
        "safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}]});
    let mut profile = Profile::new("gpt-5", false);
    profile.strict = true;
    let done = encoded("gemini", CC, &body, &profile).unwrap();
    let sent: Value = serde_json::from_slice(&done.body).unwrap();
    crate::schema::assert_valid("openai-chat.request", &sent);
    assert_eq!(sent["messages"][0]["content"][1]["image_url"]["url"], "https://h.example/a.png");
    assert_eq!(sent["response_format"]["json_schema"]["schema"]["properties"]["a"]["type"], "string");
    assert_eq!(sent.get("top_k"), None, "a strict service has no such member");
    let told: Vec<_> = done.losses.iter().map(|loss| loss.what.as_ref()).collect();
    for what in ["top_k", "safetySettings"] {
        assert!(told.contains(&what), "{what}: {told:?}");
    }
    assert!(told.iter().any(|what| what.starts_with("message.")), "the code: {told:?}");
    // The schema went along, as JSON Schema: nothing of it is lost.
    assert!(!told.iter().any(|what| what.contains("responseSchema")), "{told:?}");
    let only = json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],
        "generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT"}}});
    for provider in [CC, RS, CX, CL] {
        let done = encoded("gemini", provider, &only, &Profile::new("claude-opus-5", false)).unwrap();
        let told: Vec<_> = done.losses.iter().map(|loss| loss.what.as_ref()).collect();
        assert!(!told.iter().any(|what| what.contains("Schema")), "{provider}: {told:?}");
    }
    let lenient = request_with("gemini", CC, &body, &Profile::new("m", false));
    assert_eq!(lenient["top_k"], 3);
}

#[test]
fn f43_names_that_were_cleaned_come_back_in_both_modes() {
    let body = json!({"model":"m","messages":[{"role":"user","content":"q"}],"tools":[
        {"type":"function","function":{"name":"read file"}}, {"type":"function","function":{"name":"read@file"}}]});
    let done = encoded(CC, "gemini", &body, &Profile::new("gemini-3-pro", false)).unwrap();
    let sent: Value = serde_json::from_slice(&done.body).unwrap();
    let names = crate::gemini::declared_names(&sent);
    let mut context = context_of(CC, &body);
    context.names = done.names;
    let reply = json!({"candidates":[{"index":0,"finishReason":"STOP","content":{"role":"model","parts":[
        {"functionCall":{"name":names[0],"args":{}}},{"functionCall":{"name":names[1],"args":{}}}]}}]});
    let text = reply.to_string();
    let response = codec("gemini").decode_reply(text.as_bytes(), &context).unwrap();
    let got: Value = serde_json::from_slice(&codec(CC).encode_reply(&response, &context)).unwrap();
    let calls = &got["choices"][0]["message"]["tool_calls"];
    assert_eq!(
        (&calls[0]["function"]["name"], &calls[1]["function"]["name"]),
        (&json!("read file"), &json!("read@file"))
    );
    let streamed = crate::responses::written("gemini", CC, &context, &sse(&[reply])).unwrap();
    let at = |name: &str| {
        streamed.find(&format!("\"name\":\"{name}\"")).unwrap_or_else(|| panic!("{name}: {streamed}"))
    };
    assert!(at("read file") < at("read@file"));
}

#[test]
fn f44_ids_that_a_provider_left_out_are_the_same_every_time_and_in_both_modes() {
    let mut reply = last("STOP", json!([{"functionCall":{"name":"f","args":{}}}]));
    reply.as_object_mut().unwrap().remove("responseId");
    for client in ["openai", "claude", "openai-response"] {
        let ids = |value: &Value| match client {
            "openai" => {
                vec![value["id"].clone(), value["choices"][0]["message"]["tool_calls"][0]["id"].clone()]
            }
            "claude" => vec![value["id"].clone(), value["content"][0]["id"].clone()],
            _ => vec![value["id"].clone(), value["output"][0]["call_id"].clone()],
        };
        let told = ids(&whole("gemini", client, &reply));
        assert_eq!(ids(&whole("gemini", client, &reply)), told, "{client}");
        assert!(told.iter().all(|id| id.as_str().is_some_and(|id| !id.is_empty())), "{client}: {told:?}");
        let stream = translated("gemini", client, &sse(&[reply.clone()]));
        for id in &told {
            assert!(stream.contains(id.as_str().unwrap()), "{client}: {id} in {stream}");
        }
    }
}

#[test]
fn f48_a_count_of_gemini_says_of_what_it_is() {
    let count: Value = serde_json::from_slice(&codec("gemini").encode_count(7).unwrap()).unwrap();
    assert_eq!(count, json!({"totalTokens":7,"promptTokensDetails":[{"modality":"TEXT","tokenCount":7}]}));
    assert_eq!(codec("gemini").decode_count(count.to_string().as_bytes()), Some(7));
    // Neither Chat nor Responses clients have such a path: they get no made-up one.
    assert!(codec(CC).encode_count(7).is_none());
}

#[test]
fn f50_probabilities_seeds_and_annotations_cross_between_openai_s_formats() {
    let token = json!({"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]});
    let cited =
        json!({"type":"url_citation","start_index":0,"end_index":1,"url":"https://a.example","title":"t"});
    let body = json!({"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[
        {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[
            {"type":"output_text","text":"a","annotations":[cited],"logprobs":[token]}]}]});
    let choice = reply(RS, CC, &context(), &body)["choices"][0].clone();
    assert_eq!(choice["message"]["annotations"][0]["url_citation"]["url"], "https://a.example");
    assert_eq!(choice["logprobs"]["content"][0], token);
    // `seed` has no place in Responses: that is told.
    let asked = json!({"model":"m","messages":[{"role":"user","content":"q"}],"seed":7,"logprobs":true,"top_logprobs":2});
    let done = encoded(CC, RS, &asked, &Profile::new("gpt-5", false)).unwrap();
    let sent: Value = serde_json::from_slice(&done.body).unwrap();
    assert_eq!(sent["top_logprobs"], 2);
    assert!(done.losses.iter().any(|loss| loss.what == "seed"), "{:?}", done.losses);
}

#[test]
fn f51_a_stream_of_thoughts_alone_is_completed_with_them() {
    let chunk = |delta: Value, finish: Value| {
        json!({"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-x",
            "choices":[{"index":0,"delta":delta,"finish_reason":finish}]})
    };
    let events = [
        chunk(json!({"reasoning_content":"Hm."}), Value::Null),
        chunk(json!({}), json!("stop")),
        json!("[DONE]"),
    ];
    let got = crate::responses::response_stream(CC, &context(), &events);
    let response = crate::responses::final_response(&got);
    assert_eq!(response["status"], "completed");
    assert_eq!(crate::responses::types(&response), ["reasoning"]);
}
