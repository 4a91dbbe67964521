//! Gemini clients at other providers. Source: translation.md D.6, D.12.

use cliproxy_translator::Codec;
use cliproxy_translator::model::{OutputFormat, PartKind, ReasoningMode, Role, Summary, ToolChoice};
use serde_json::{Value, json};

use super::{codec, codec_of, from_gemini};

fn call(id: Option<&str>, name: &str, args: Value) -> Value {
    let mut call = json!({"name":name,"args":args});
    if let Some(id) = id {
        call["id"] = json!(id);
    }
    json!({"functionCall":call})
}

fn answer(id: Option<&str>, name: &str, said: &str) -> Value {
    let mut response = json!({"name":name,"response":{"output":said}});
    if let Some(id) = id {
        response["id"] = json!(id);
    }
    json!({"functionResponse":response})
}

/// A round of calls and their results.
fn round(calls: Vec<Value>, results: Vec<Value>) -> Value {
    json!({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":calls},{"role":"user","parts":results}]})
}

/// The ids of calls and of results as a Chat provider gets them, with what each result said.
fn chat_ids(body: &Value) -> (Vec<String>, Vec<(String, String)>) {
    let sent = from_gemini("openai", body);
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for message in sent["messages"].as_array().unwrap() {
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            calls.push(call["id"].as_str().unwrap().to_owned());
        }
        if message["role"] == "tool" {
            let text = |key: &str| message[key].as_str().unwrap().to_owned();
            results.push((text("tool_call_id"), text("content")));
        }
    }
    (calls, results)
}

#[test]
fn both_spellings_of_every_member_mean_the_same() {
    // Source: translation.md F18, E101, E200, E511.
    let camel = json!({
        "systemInstruction":{"parts":[{"text":"s"}]},
        "contents":[
            {"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}},{"fileData":{"fileUri":"https://h.example/a.pdf","mimeType":"application/pdf"}}]},
            {"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"x"}]},
            {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"ok"}}}]}],
        "tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object"}}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "generationConfig":{"maxOutputTokens":5,"topP":0.5,"topK":3,"stopSequences":["x"],"candidateCount":1,"responseMimeType":"application/json","responseJsonSchema":{"type":"object"},"thinkingConfig":{"thinkingBudget":1024,"includeThoughts":true}}
    });
    let snake = json!({
        "system_instruction":{"parts":[{"text":"s"}]},
        "contents":[
            {"role":"user","parts":[{"inline_data":{"mime_type":"image/png","data":"AA=="}},{"file_data":{"file_uri":"https://h.example/a.pdf","mime_type":"application/pdf"}}]},
            {"role":"model","parts":[{"function_call":{"name":"f","args":{"a":1}},"thought_signature":"x"}]},
            {"role":"user","parts":[{"function_response":{"name":"f","response":{"output":"ok"}}}]}],
        "tools":[{"function_declarations":[{"name":"f","parameters_json_schema":{"type":"object"}}]}],
        "tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["f"]}},
        "generation_config":{"max_output_tokens":5,"top_p":0.5,"top_k":3,"stop_sequences":["x"],"candidate_count":1,"response_mime_type":"application/json","response_json_schema":{"type":"object"},"thinking_config":{"thinking_budget":1024,"include_thoughts":true}}
    });
    for provider in ["openai", "claude"] {
        assert_eq!(from_gemini(provider, &camel), from_gemini(provider, &snake), "{provider}");
    }
}

#[test]
fn e096_e199_explicit_ids_are_kept_in_every_spelling() {
    for key in ["id", "call_id", "callId"] {
        let body = round(
            vec![json!({"functionCall":{key:"c.1","name":"f","args":{}}})],
            vec![json!({"functionResponse":{key:"c.1","name":"f","response":{"output":"ok"}}})],
        );
        assert_eq!(
            chat_ids(&body),
            (vec!["c.1".to_owned()], vec![("c.1".to_owned(), "ok".to_owned())]),
            "{key}"
        );
    }
    let body = round(vec![call(Some("toolu_9"), "f", json!({}))], vec![answer(Some("toolu_9"), "f", "ok")]);
    let sent = from_gemini("claude", &body);
    assert_eq!(sent["messages"][1]["content"][0]["id"], "toolu_9");
    assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], "toolu_9");
}

#[test]
fn e097_e196_e203_e204_calls_without_ids_get_the_same_ones_every_time_and_results_match_in_order() {
    let body = round(
        vec![call(None, "f", json!({"a":1})), call(None, "f", json!({"a":1})), call(None, "g", json!({}))],
        vec![answer(None, "f", "one"), answer(None, "f", "two"), answer(None, "g", "three")],
    );
    let (calls, results) = chat_ids(&body);
    let distinct: std::collections::HashSet<_> = calls.iter().collect();
    assert_eq!(distinct.len(), 3, "{calls:?}");
    assert_eq!(results.iter().map(|(id, _)| id).collect::<Vec<_>>(), calls.iter().collect::<Vec<_>>());
    assert_eq!(results.iter().map(|(_, said)| said.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert_eq!(chat_ids(&body).0, calls, "the same every time");

    let mut grown = body.clone();
    let more =
        [json!({"role":"model","parts":[{"text":"a"}]}), json!({"role":"user","parts":[{"text":"b"}]})];
    grown["contents"].as_array_mut().unwrap().extend(more);
    assert_eq!(chat_ids(&grown).0, calls, "a grown conversation keeps its ids");
    // The API's own limit for ids.
    assert!(calls.iter().all(|id| id.len() <= 40), "{calls:?}");
}

#[test]
fn e205_results_in_another_order_match_by_name() {
    let body = round(
        vec![call(None, "f", json!({"n":1})), call(None, "g", json!({})), call(None, "f", json!({"n":2}))],
        vec![answer(None, "g", "g"), answer(None, "f", "f1"), answer(None, "f", "f2")],
    );
    let (calls, results) = chat_ids(&body);
    let expected: Vec<_> = calls.into_iter().zip(["f1", "g", "f2"].map(str::to_owned)).collect();
    assert_eq!(results, expected);
}

#[test]
fn e197_e198_e206_results_without_a_call_get_an_id_of_their_own() {
    let orphan = json!({"contents":[{"role":"user","parts":[answer(None, "f", "x")]}]});
    let id = |body: &Value| {
        let text = body.to_string();
        let request = codec().decode_request(text.as_bytes()).unwrap();
        let ids: Vec<_> = request
            .turns
            .iter()
            .flat_map(|turn| &turn.parts)
            .filter_map(|part| match &part.kind {
                PartKind::ToolResult(result) => Some(result.call_id.decoded().into_owned()),
                _ => None,
            })
            .collect();
        ids
    };
    let first = id(&orphan);
    assert!(first[0].starts_with("call_"), "{first:?}");
    assert_eq!(id(&orphan), first, "the same every time");

    let surplus =
        round(vec![call(None, "f", json!({}))], vec![answer(None, "f", "one"), answer(None, "f", "two")]);
    let ids = id(&surplus);
    assert_ne!(ids[0], ids[1]);
    // What no call asked for no provider takes (B16).
    let (calls, results) = chat_ids(&surplus);
    assert_eq!(results, [(calls[0].clone(), "one".to_owned())]);
}

#[test]
fn e207_a_result_inherits_the_id_of_its_call() {
    let body = round(vec![call(Some("c1"), "f", json!({}))], vec![answer(None, "f", "ok")]);
    assert_eq!(chat_ids(&body).1, [("c1".to_owned(), "ok".to_owned())]);
}

#[test]
fn e208_no_id_is_given_twice() {
    let body = round(
        vec![call(Some("c1"), "f", json!({})), call(Some("c2"), "f", json!({})), call(None, "f", json!({}))],
        vec![answer(None, "f", "three"), answer(Some("c2"), "f", "two"), answer(Some("c1"), "f", "one")],
    );
    let (calls, results) = chat_ids(&body);
    let expected: Vec<_> = calls.into_iter().zip(["one", "two", "three"].map(str::to_owned)).collect();
    assert_eq!(results, expected);
}

#[test]
fn e098_consecutive_model_contents_are_one_assistant_turn() {
    let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},
        {"role":"model","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]},{"role":"user","parts":[{"text":"r"}]}]});
    let sent = from_gemini("claude", &body);
    let roles: Vec<_> =
        sent["messages"].as_array().unwrap().iter().map(|message| message["role"].clone()).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    let texts: Vec<_> =
        sent["messages"][1]["content"].as_array().unwrap().iter().map(|part| part["text"].clone()).collect();
    assert_eq!(texts, ["a", "b"], "E098: all of both, in order");
    // A call among them stands behind the texts, so that its result follows.
    let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},
        {"role":"model","parts":[call(Some("c"), "f", json!({}))]},{"role":"model","parts":[{"text":"b"}]},
        {"role":"user","parts":[answer(Some("c"), "f", "ok")]}]});
    let sent = from_gemini("claude", &body);
    let kinds: Vec<_> =
        sent["messages"][1]["content"].as_array().unwrap().iter().map(|part| part["type"].clone()).collect();
    assert_eq!(kinds, ["text", "tool_use"]);
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
}

#[test]
fn e099_the_system_instruction_is_system() {
    // [fix] F18: the reference makes it a message of the user.
    for key in ["systemInstruction", "system_instruction"] {
        for value in [
            json!("be brief"),
            json!({"parts":[{"text":"be brief"}]}),
            json!({"role":"user","parts":{"text":"be brief"}}),
        ] {
            let body = json!({"contents":[{"parts":[{"text":"hi"}]}],key:value});
            let sent = from_gemini("claude", &body);
            let system = match &sent["system"] {
                Value::String(text) => text.clone(),
                blocks => blocks[0]["text"].as_str().unwrap().to_owned(),
            };
            assert_eq!(system, "be brief");
            assert_eq!(sent["messages"].as_array().unwrap().len(), 1);
        }
    }
}

#[test]
fn e100_the_temperature_goes_where_the_model_takes_it() {
    // [fix] F7, F19.
    let body =
        json!({"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"temperature":0.5,"topK":4}});
    let sent = from_gemini("claude", &body);
    assert_eq!((&sent["temperature"], &sent["top_k"]), (&json!(0.5), &json!(4)));
    let text = body.to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    let mut profile = cliproxy_translator::Profile::new("claude-opus-5", false);
    profile.sampling = false;
    let encoded = codec_of("claude").encode_request(&request, &profile).unwrap();
    assert!(!String::from_utf8_lossy(&encoded.body).contains("temperature"));
}

#[test]
fn e102_e201_media_go_by_their_class() {
    let part = |mime: &str| json!({"inlineData":{"mimeType":mime,"data":"AAAA"}});
    let body = |mime: &str| json!({"contents":[{"role":"user","parts":[part(mime)]}]});
    let claude = |mime: &str| from_gemini("claude", &body(mime))["messages"][0]["content"][0].clone();
    assert_eq!(claude("image/png")["type"], "image");
    assert_eq!(claude("application/pdf")["type"], "document");
    for mime in ["audio/wav", "video/mp4"] {
        let block = claude(mime);
        assert_eq!(block["type"], "text");
        assert!(block["text"].as_str().unwrap().contains(mime), "{block}");
    }
    let chat = |mime: &str| from_gemini("openai", &body(mime))["messages"][0]["content"][0].clone();
    assert_eq!(chat("image/png")["image_url"]["url"], "data:image/png;base64,AAAA");
    assert_eq!(chat("audio/mpeg")["input_audio"], json!({"data":"AAAA","format":"mp3"}));
    assert_eq!(
        chat("application/pdf"),
        json!({"type":"file","file":{"filename":"document.pdf","file_data":"data:application/pdf;base64,AAAA"}})
    );
    // The official schema knows no film; services that do take it so.
    let text = body("video/mp4").to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    let profile = cliproxy_translator::Profile::new("kimi", false);
    let encoded = codec_of("openai").encode_request(&request, &profile).unwrap();
    let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        sent["messages"][0]["content"][0],
        json!({"type":"video_url","video_url":{"url":"data:video/mp4;base64,AAAA"}}),
        "E201"
    );
}

#[test]
fn e103_e202_thoughts_do_not_go_to_others_and_a_turn_of_thoughts_disappears() {
    let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},
        {"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"EgoKCPr7/P3+/wEC"}]},
        {"role":"user","parts":[{"text":"r"}]}]});
    for provider in ["openai", "claude"] {
        let sent = from_gemini(provider, &body);
        assert!(!sent.to_string().contains("hm"), "{sent}");
        assert!(!sent["messages"].to_string().contains("assistant"), "{sent}");
    }
}

#[test]
fn e104_roles_that_are_missing_alternate_and_begin_with_the_user() {
    // Source: translation.md B24.
    let body = json!({"contents":[{"parts":[{"text":"a"}]},{"parts":[{"text":"b"}]},{"role":"weird","parts":[{"text":"c"}]},
        {"role":"assistant","parts":[{"text":"d"}]},{"role":"function","parts":[{"text":"e"}]}]});
    let text = body.to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    let roles: Vec<_> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::Assistant, Role::User]);
    let user = |text: &str| {
        let body = json!({"contents":[{"parts":[{"text":text}]}]});
        from_gemini("claude", &body)["metadata"]["user_id"].as_str().unwrap().to_owned()
    };
    assert_ne!(user("a"), user("b"));
    assert_eq!(user("a"), user("a"));
}

#[test]
fn e105_schemas_keep_what_they_say() {
    // [fix] F20: the reference forces `additionalProperties` and `$schema` on every tool.
    let schema = json!({"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":true,"$schema":"http://json-schema.org/draft-07/schema#"});
    let body = json!({"contents":[{"parts":[{"text":"hi"}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":schema}]}]});
    assert_eq!(from_gemini("claude", &body)["tools"][0]["input_schema"], schema);
}

#[test]
fn e106_e107_the_openapi_spelling_of_types_becomes_json_schema_at_every_depth() {
    let parameters = json!({"type":"OBJECT","properties":{
        "type":{"type":"STRING","nullable":true},
        "list":{"type":"ARRAY","minItems":"1","items":{"type":"OBJECT","properties":{"n":{"type":"INTEGER"}}}},
        "odd":{"type":5}},"default":{"type":"STRING"}});
    let body = json!({"contents":[{"parts":[{"text":"hi"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":parameters}]}]});
    assert_eq!(
        from_gemini("claude", &body)["tools"][0]["input_schema"],
        json!({"type":"object","properties":{
            "type":{"type":["string","null"]},
            "list":{"type":"array","minItems":1,"items":{"type":"object","properties":{"n":{"type":"integer"}}}},
            "odd":{"type":"5"}},"default":{"type":"STRING"}})
    );
}

#[test]
fn what_a_request_asks_for_is_read() {
    let read = |members: Value| {
        let mut body = json!({"contents":[{"parts":[{"text":"hi"}]}]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body.to_string()
    };
    for (config, mode, budget, level, summary) in [
        (json!({"thinkingBudget":0}), Some(ReasoningMode::Off), None, None, Summary::Unspecified),
        (json!({"thinkingBudget":-1}), Some(ReasoningMode::Auto), None, None, Summary::Unspecified),
        (
            json!({"thinkingBudget":512,"includeThoughts":false}),
            Some(ReasoningMode::On),
            Some(512),
            None,
            Summary::Disabled,
        ),
        (
            json!({"thinkingLevel":"HIGH","includeThoughts":true}),
            Some(ReasoningMode::On),
            None,
            Some("high"),
            Summary::Enabled(None),
        ),
        (json!({"thinkingLevel":"low"}), Some(ReasoningMode::On), None, Some("low"), Summary::Unspecified),
    ] {
        let text = read(json!({"generationConfig":{"thinkingConfig":config}}));
        let reasoning = codec().decode_request(text.as_bytes()).unwrap().reasoning;
        assert_eq!(
            (
                reasoning.mode,
                reasoning.budget,
                reasoning.level.map(|level| level.as_str()),
                reasoning.summary
            ),
            (mode, budget, level, summary),
            "{config}"
        );
    }
    for (config, expected) in [
        (json!({"mode":"AUTO"}), "Some(Auto)"),
        (json!({"mode":"NONE"}), "Some(None)"),
        (json!({"mode":"ANY"}), "Some(Any)"),
        (json!({"mode":"any","allowedFunctionNames":["f"]}), r#"Some(Tool { name: "f", custom: false })"#),
        (
            json!({"mode":"ANY","allowedFunctionNames":["f","g"]}),
            r#"Some(Allowed { required: true, names: ["f", "g"] })"#,
        ),
        (
            json!({"mode":"VALIDATED","allowedFunctionNames":["f"]}),
            r#"Some(Allowed { required: false, names: ["f"] })"#,
        ),
        (json!({"mode":"VALIDATED"}), "Some(Auto)"),
        (json!({}), "None"),
    ] {
        let text = read(json!({"toolConfig":{"functionCallingConfig":config}}));
        let choice: Option<ToolChoice<'_>> = codec().decode_request(text.as_bytes()).unwrap().tool_choice;
        assert_eq!(format!("{choice:?}"), expected, "{config}");
    }
    for (config, expected) in [
        (json!({"responseMimeType":"application/json"}), "object"),
        (json!({"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}), "schema"),
        (json!({"responseMimeType":"application/json","responseSchema":{"type":"OBJECT"}}), "schema"),
        (json!({"responseMimeType":"text/plain"}), "text"),
        (json!({"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["a"]}}), "none"),
        (json!({}), "none"),
    ] {
        let text = read(json!({"generationConfig":config}));
        let request = codec().decode_request(text.as_bytes()).unwrap();
        let found = match request.output.format {
            Some(OutputFormat::JsonObject) => "object",
            Some(OutputFormat::JsonSchema { .. }) => "schema",
            Some(OutputFormat::Text) => "text",
            _ => "none",
        };
        assert_eq!(found, expected, "{config}");
    }
}

#[test]
fn a_request_to_count_is_read_inside_its_wrapper() {
    let body = br#"{"generateContentRequest":{"model":"models/gemini-3-pro","contents":[{"parts":[{"text":"hi"}]}],"systemInstruction":"s"}}"#;
    let request = codec().decode_request(body).unwrap();
    assert_eq!((request.turns.len(), request.instructions.len(), &*request.model), (1, 1, "gemini-3-pro"));
}

#[test]
fn the_conversation_is_named_by_its_session() {
    for (format, body, model, session) in [
        ("gemini", r#"{"contents":[],"session_id":"s1"}"#, "", Some("s1")),
        ("gemini", r#"{"contents":[],"model":"models/gemini-3-pro"}"#, "gemini-3-pro", None),
        (
            "gemini-cli",
            r#"{"model":"gemini-3-pro","project":"p","request":{"contents":[],"session_id":"s2"}}"#,
            "gemini-3-pro",
            Some("s2"),
        ),
        ("gemini-cli", r#"{"request":{"model":"models/gemini-3-pro","contents":[]}}"#, "gemini-3-pro", None),
    ] {
        let codec = codec_of(format);
        let peek = codec.peek(body.as_bytes()).unwrap();
        assert_eq!((&*peek.model, peek.session.as_deref(), peek.stream), (model, session, false), "{body}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (format, body, param) in [
        ("gemini", json!({}), "contents"),
        ("gemini", json!({"contents":"hi"}), "contents"),
        ("gemini", json!({"contents":[{"parts":[{"text":5}]}]}), "contents[0].parts[0].text"),
        (
            "gemini",
            json!({"contents":[{"parts":[{"text":"a"},{"inlineData":[]}]}]}),
            "contents[0].parts[1].inlineData",
        ),
        ("gemini", json!({"contents":[{"parts":"hi"}]}), "contents[0].parts"),
        (
            "gemini",
            json!({"contents":[],"generationConfig":{"maxOutputTokens":"many"}}),
            "generationConfig.maxOutputTokens",
        ),
        (
            "gemini",
            json!({"contents":[],"tools":[{"functionDeclarations":[{"description":"d"}]}]}),
            "tools[0].functionDeclarations[0].name",
        ),
        ("gemini-cli", json!({"model":"m"}), "request"),
        (
            "gemini-cli",
            json!({"request":{"contents":[{"parts":[{"text":5}]}]}}),
            "request.contents[0].parts[0].text",
        ),
    ] {
        let text = body.to_string();
        let error = codec_of(format).decode_request(text.as_bytes()).unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}: {error}");
    }
    assert!(codec().decode_request(b"[1]").is_err());
    assert!(codec().decode_request(b"\xff").is_err());
}
