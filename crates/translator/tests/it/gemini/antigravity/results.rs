//! Calls and their results. Source: translation.md D.24, D.26, D.27, B12 to B21.

use serde_json::{Value, json};

use super::{CLAUDE, GEMINI, claude, contents, model_parts, sent, signed, thinking, to, used};

/// The response to one call whose result a Claude client gives so.
fn response(content: Value, model: &str) -> Value {
    let mut result = json!({"type":"tool_result","tool_use_id":"c1"});
    if content != json!("absent") {
        result["content"] = content;
    }
    let messages = json!([{"role":"user","content":"q"},{"role":"assistant","content":[used("c1")]},{"role":"user","content":[result]}]);
    contents(messages, model)[2]["parts"][0]["functionResponse"].clone()
}

#[test]
fn e470_e471_e472_e473_e474_results_have_the_shape_of_what_they_say() {
    let png =
        |data: &str| json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":data}});
    let inline = |data: &str| json!({"inlineData":{"mimeType":"image/png","data":data}});
    let said = |text: &str| json!({"type":"text","text":text});
    for (case, content, response_value, parts) in [
        ("E470", json!("absent"), json!({"result":""}), Value::Null),
        ("E471", Value::Null, json!({"result":""}), Value::Null),
        ("one text", json!([said("a")]), json!({"result":"a"}), Value::Null),
        (
            "E472",
            json!([said("a"), png("AA=="), said("b"), png("AB==")]),
            json!({"result":["a","b"]}),
            json!([inline("AA=="), inline("AB==")]),
        ),
        (
            "E473",
            json!([said("a"), {"type":"image","source":{"type":"url","url":"https://h.example/a.png"}}]),
            json!({"result":["a","https://h.example/a.png"]}),
            Value::Null,
        ),
        (
            "E474",
            json!([said("a"), {"type":"image","source":{"type":"base64","media_type":"image/png"}}]),
            json!({"result":"a"}),
            Value::Null,
        ),
    ] {
        for model in [GEMINI, CLAUDE] {
            let found = response(content.clone(), model);
            assert_eq!((&found["id"], &found["name"]), (&json!("c1"), &json!("f")), "{case}");
            assert_eq!((&found["response"], &found["parts"]), (&response_value, &parts), "{case} {model}");
        }
    }
    let failed = json!([{"role":"user","content":"q"},{"role":"assistant","content":[used("c1")]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"no","is_error":true}]}]);
    assert_eq!(
        contents(failed, GEMINI)[2]["parts"][0]["functionResponse"]["response"],
        json!({"error":"no"})
    );
}

#[test]
fn e459_arguments_are_always_an_object() {
    // [fix]: what is no object is refused there (B92), so that it must not be kept; nor is a call ever dropped.
    for (input, args) in [
        (json!({"a":[1,2.50]}), json!({"a":[1,2.50]})),
        (json!("{\"a\":1}"), json!({"a":1})),
        (json!("text"), json!({})),
        (json!([1]), json!({})),
        (json!(7), json!({})),
        (Value::Null, json!({})),
        (json!("absent"), json!({})),
    ] {
        let mut call = used("c1");
        match input == json!("absent") {
            true => drop(call.as_object_mut().unwrap().remove("input")),
            false => call["input"] = input.clone(),
        }
        let parts = model_parts(json!([call]), CLAUDE);
        assert_eq!(parts[0]["functionCall"]["args"], args, "E459 {input}");
    }
}

#[test]
fn e464_names_of_results_are_those_of_their_calls_whatever_the_ids_look_like() {
    let call = |id: &str, name: &str| json!({"type":"tool_use","id":id,"name":name,"input":{}});
    let result = |id: &str| json!({"type":"tool_result","tool_use_id":id,"content":"ok"});
    let ids = ["tool-read-1700000000-12", "toolu_9", "a.b"];
    let calls: Vec<_> = ids.iter().zip(["x", "y", "z"]).map(|(id, name)| call(id, name)).collect();
    let messages = json!([{"role":"user","content":"q"},{"role":"assistant","content":calls},
        {"role":"user","content":[result(ids[2]), result(ids[0]), result(ids[1])]}]);
    for model in [GEMINI, CLAUDE] {
        let contents = contents(messages.clone(), model);
        let told = |at: usize, key: &str| -> Vec<(String, String)> {
            let parts = contents[at]["parts"].as_array().unwrap().iter();
            parts
                .map(|part| {
                    (part[key]["name"].as_str().unwrap().into(), part[key]["id"].as_str().unwrap().into())
                })
                .collect()
        };
        let (called, answered) = (told(1, "functionCall"), told(2, "functionResponse"));
        assert_eq!(called, answered, "E464: in the order of the calls");
        // Claude takes no dots in ids (B1).
        assert_eq!(called[2], ("z".to_owned(), "a_b".to_owned()));
    }
}

#[test]
fn e465_e466_e507_a_result_that_answers_no_call_is_left_out() {
    // [fix]: the provider refuses more results than calls, whatever they are called.
    let body = claude(json!([{"role":"user","content":"q"},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"read-1700000000-12","content":"x"}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"opaque","content":"x"}]}]));
    let (request, encoded) = sent("claude", &body, GEMINI);
    assert_eq!(request["contents"], json!([{"role":"user","parts":[{"text":"q"}]}]), "E465, E466");
    assert_eq!(encoded.losses[0].what, "tool_result");

    let answer = |said: &str| json!({"functionResponse":{"name":"","response":{"output":said}}});
    let own = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},
        {"role":"user","parts":[answer("1"), answer("2"), answer("3")]}]});
    let parts = to("gemini", &own, GEMINI)["contents"][2]["parts"].clone();
    assert_eq!(parts.as_array().unwrap().len(), 1, "E507");
    assert_eq!(parts[0]["functionResponse"]["response"], json!({"output":"1"}), "E507");
}

#[test]
fn e506_e508_results_without_names_answer_the_calls_in_their_order() {
    let call = |name: &str| json!({"functionCall":{"name":name,"args":{}}});
    let answer = |said: &str| json!({"functionResponse":{"name":"","response":{"output":said}}});
    let names = |contents: Value| -> Vec<Value> {
        let contents = to("gemini", &json!({"contents":contents}), GEMINI)["contents"].clone();
        let parts = contents
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|content| content["parts"].as_array().unwrap().clone());
        parts
            .filter_map(|part| part.get("functionResponse").cloned())
            .map(|response| json!([response["name"], response["response"]["output"]]))
            .collect()
    };
    let user = json!({"role":"user","parts":[{"text":"q"}]});
    assert_eq!(
        names(
            json!([user, {"role":"model","parts":[call("f"), call("g")]}, {"role":"user","parts":[answer("1"), answer("2")]}])
        ),
        [json!(["f", "1"]), json!(["g", "2"])],
        "E506"
    );
    assert_eq!(
        names(json!([user, {"role":"model","parts":[call("f")]}, {"role":"model","parts":[call("g")]},
            {"role":"user","parts":[answer("1")]}, {"role":"user","parts":[answer("2")]}])),
        [json!(["f", "1"]), json!(["g", "2"])],
        "E508"
    );
}

#[test]
fn e509_images_beside_results_belong_to_the_nearest_one() {
    let call = |name: &str| json!({"functionCall":{"name":name,"args":{}}});
    let answer = |name: &str| json!({"functionResponse":{"name":name,"response":{"output":name}}});
    let image = |data: &str| json!({"inlineData":{"mimeType":"image/png","data":data}});
    let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[call("f"), call("g")]},
        {"role":"user","parts":[image("A0=="), answer("f"), image("AA=="), image("AB=="), answer("g"), {"text":"see"}, image("AC==")]}]});
    for model in [GEMINI, CLAUDE] {
        let contents = to("gemini", &body, model)["contents"].clone();
        let parts = |at: usize| contents[2]["parts"][at]["functionResponse"]["parts"].clone();
        assert_eq!(parts(0), json!([image("AA=="), image("AB=="), image("A0==")]), "E509 {model}");
        assert_eq!(parts(1), json!([image("AC==")]), "E509 {model}");
        assert_eq!(contents[3]["parts"], json!([{"text":"see"}]), "E509 {model}");
    }
}

#[test]
fn e535_images_of_parallel_results_stay_inside_of_theirs() {
    let image =
        |data: &str| json!({"type":"input_image","image_url":format!("data:image/png;base64,{data}")});
    let call = |id: &str| json!({"type":"function_call","call_id":id,"name":"f","arguments":"{}"});
    let output =
        |id: &str, data: &str| json!({"type":"function_call_output","call_id":id,"output":[image(data)]});
    let body = json!({"model":"m","input":[{"role":"user","content":"q"},call("a"),call("b"),output("b", "AB=="),output("a", "AA==")]});
    let parts = to("openai-response", &body, CLAUDE)["contents"][2]["parts"].clone();
    for (at, id, data) in [(0, "a", "AA=="), (1, "b", "AB==")] {
        let response = &parts[at]["functionResponse"];
        assert_eq!(response["id"], id, "E535");
        assert_eq!(response["parts"], json!([{"inlineData":{"mimeType":"image/png","data":data}}]), "E535");
    }
}

#[test]
fn e496_e497_ids_of_the_provider_go_to_the_client_and_back() {
    let part = json!({"functionCall":{"id":"toolu_vrtx_01","name":"f","args":{"a":1}}});
    let whole =
        super::reply("claude", &super::last("STOP", json!([signed(part, super::SIGNED)])), &super::context());
    assert_eq!(whole["content"][0]["id"], "toolu_vrtx_01", "E496");
    let parts = model_parts(json!([thinking("hm", super::CLAUDE_SIGNED), whole["content"][0]]), CLAUDE);
    assert_eq!(parts[1]["functionCall"]["id"], "toolu_vrtx_01", "E496");
    // E497 [fix]: an id says which call it is and nothing more (B34). The same call has the same one every time; a client
    // that changes arguments in its history changes no id. A call without an id has one derived from its place.
    let named = |id: Option<&str>, args: Value| {
        let mut part = json!({"functionCall":{"name":"f","args":args}});
        if let Some(id) = id {
            part["functionCall"]["id"] = id.into();
        }
        super::reply("claude", &super::last("STOP", json!([part])), &super::context())["content"][0]["id"]
            .clone()
    };
    assert_eq!(named(Some("c1"), json!({"a":1})), named(Some("c1"), json!({"a":2})), "E497");
    assert_eq!(named(None, json!({"a":1})), named(None, json!({"a":1})), "E497");
    assert!(named(None, json!({"a":1})).as_str().unwrap().starts_with("toolu_"), "E497");
}
