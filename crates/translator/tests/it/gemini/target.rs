//! Gemini as the provider of other clients. Source: translation.md D.19, D.20.

use std::sync::Arc;

use cliproxy_core::{Level, ModelInfo, ReasoningProfile};
use cliproxy_translator::{Codec, Profile};
use serde_json::{Value, json};

use super::{SIGNED, codec, codec_of, sent, to_gemini};

const SENTINEL: &str = "skip_thought_signature_validator";

fn claude(messages: Value) -> Value {
    let mut body = json!({"model":"m","max_tokens":9});
    body["messages"] = messages;
    body
}

fn chat(messages: Value) -> Value {
    let mut body = json!({"model":"m"});
    body["messages"] = messages;
    body
}

fn with(mut body: Value, members: Value) -> Value {
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

fn hello() -> Value {
    chat(json!([{"role":"user","content":"hi"}]))
}

fn used(id: &str, name: &str) -> Value {
    json!({"type":"tool_use","id":id,"name":name,"input":{"a":1}})
}

#[test]
fn e334_a_forced_tool_is_mode_any_with_one_allowed_name() {
    let tools = json!({"tools":[{"name":"read file","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"read file"}});
    let body = with(claude(json!([{"role":"user","content":"q"}])), tools);
    let value = to_gemini("claude", &body);
    assert_eq!(
        value["toolConfig"],
        json!({"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["read_file"]}})
    );
    assert_eq!(value["tools"][0]["functionDeclarations"][0]["name"], "read_file");
}

#[test]
fn f1_choices_and_stops_go_along() {
    let tools =
        json!([{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]);
    for (choice, expected) in [
        (json!("auto"), json!({"mode":"AUTO"})),
        (json!("none"), json!({"mode":"NONE"})),
        (json!("required"), json!({"mode":"ANY"})),
        (
            json!({"type":"function","function":{"name":"g"}}),
            json!({"mode":"ANY","allowedFunctionNames":["g"]}),
        ),
        (
            json!({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}),
            json!({"mode":"VALIDATED","allowedFunctionNames":["f"]}),
        ),
    ] {
        let body = with(hello(), json!({"tools":tools,"tool_choice":choice,"stop":["x"]}));
        let value = to_gemini("openai", &body);
        assert_eq!(value["toolConfig"]["functionCallingConfig"], expected, "{choice}");
        assert_eq!(value["generationConfig"]["stopSequences"], json!(["x"]));
    }
    let body =
        with(hello(), json!({"tools":tools,"tool_choice":{"type":"function","function":{"name":"nobody"}}}));
    let (value, encoded) = sent("openai", &body, &Profile::new("gemini-3-pro", false));
    assert!(value.get("toolConfig").is_none());
    assert_eq!(encoded.losses[0].what, "tool_choice");
}

#[test]
fn e335_system_is_the_system_instruction() {
    let body = with(claude(json!([{"role":"user","content":"q"}])), json!({"system":"be brief"}));
    assert_eq!(to_gemini("claude", &body)["systemInstruction"], json!({"parts":[{"text":"be brief"}]}));
}

#[test]
fn e336_images_go_inline_or_by_reference() {
    // [fix] F21: a URL is a reference, neither dropped nor cut.
    let image = |source: Value| claude(json!([{"role":"user","content":[{"type":"image","source":source}]}]));
    let part = |source: Value| to_gemini("claude", &image(source))["contents"][0]["parts"][0].clone();
    assert_eq!(
        part(json!({"type":"base64","media_type":"image/png","data":"AA=="})),
        json!({"inlineData":{"mimeType":"image/png","data":"AA=="}})
    );
    assert_eq!(
        part(json!({"type":"url","url":"https://h.example/a.webp?x=1"})),
        json!({"fileData":{"mimeType":"image/webp","fileUri":"https://h.example/a.webp?x=1"}})
    );
}

#[test]
fn e337_the_attribution_block_is_removed() {
    let system =
        json!([{"type":"text","text":"x-anthropic-billing-header: v=1"},{"type":"text","text":"be brief"}]);
    let body = with(claude(json!([{"role":"user","content":"q"}])), json!({"system":system}));
    assert_eq!(to_gemini("claude", &body)["systemInstruction"]["parts"], json!([{"text":"be brief"}]));
}

#[test]
fn e338_system_inside_the_conversation_is_a_reminder_by_the_user() {
    let body = claude(json!([{"role":"user","content":"a"},{"role":"assistant","content":"b"},
        {"role":"system","content":"be brief"},{"role":"user","content":"c"}]));
    let value = to_gemini("claude", &body);
    assert_eq!(
        value["contents"][2],
        json!({"role":"user","parts":[{"text":"<system-reminder>\nbe brief\n</system-reminder>"}]})
    );
    // From Chat it is an instruction wherever it stands (B25).
    let body = chat(
        json!([{"role":"user","content":"a"},{"role":"system","content":"be brief"},{"role":"user","content":"c"}]),
    );
    assert_eq!(to_gemini("openai", &body)["systemInstruction"]["parts"], json!([{"text":"be brief"}]));
}

#[test]
fn e339_e353_empty_texts_leave_no_parts() {
    let body =
        claude(json!([{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"a"}]}]));
    assert_eq!(to_gemini("claude", &body)["contents"], json!([{"role":"user","parts":[{"text":"a"}]}]));
    let body =
        chat(json!([{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"a"}]}]));
    assert_eq!(to_gemini("openai", &body)["contents"], json!([{"role":"user","parts":[{"text":"a"}]}]));
}

#[test]
fn e340_e341_e344_e345_results_have_the_shape_of_what_they_say() {
    // B20 [fix]: the official keys are `output` and `error`.
    let image = json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}});
    let empty = json!({"type":"image","source":{"type":"base64","media_type":"image/png"}});
    let inline = json!({"inlineData":{"mimeType":"image/png","data":"AA=="}});
    for (content, response, parts) in [
        (json!("ok"), json!({"output":"ok"}), Value::Null),
        (json!([{"type":"text","text":"ok"}]), json!({"output":"ok"}), Value::Null),
        (
            json!([{"type":"text","text":"a"},{"type":"text","text":"b"}]),
            json!({"output":["a","b"]}),
            Value::Null,
        ),
        (json!("{\"a\":1}"), json!({"output":"{\"a\":1}"}), Value::Null),
        (json!({"a":1}), json!({"output":{"a":1}}), Value::Null),
        (json!([image]), json!({"output":""}), json!([inline])),
        (json!([{"type":"text","text":"a"},image]), json!({"output":"a"}), json!([inline])),
        (json!([empty]), json!({"output":""}), Value::Null),
        (Value::Null, json!({"output":""}), Value::Null),
    ] {
        let mut block = json!({"type":"tool_result","tool_use_id":"t1","content":content});
        if content.is_null() {
            block.as_object_mut().unwrap().remove("content");
        }
        let body =
            claude(json!([{"role":"user","content":"q"},{"role":"assistant","content":[used("t1", "f")]},
            {"role":"user","content":[block]}]));
        let value = to_gemini("claude", &body);
        let result = &value["contents"][2]["parts"][0]["functionResponse"];
        assert_eq!(result["response"], response, "{content}");
        assert_eq!(result.get("parts").cloned().unwrap_or(Value::Null), parts, "{content}");
        assert_eq!(result["name"], "f");
    }
    let body = claude(json!([{"role":"user","content":"q"},{"role":"assistant","content":[used("t1", "f")]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"bad","is_error":true}]}]));
    let value = to_gemini("claude", &body);
    assert_eq!(value["contents"][2]["parts"][0]["functionResponse"]["response"], json!({"error":"bad"}));
}

#[test]
fn b21_older_models_get_images_beside_the_result() {
    let image = json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}});
    let body = claude(json!([{"role":"user","content":"q"},{"role":"assistant","content":[used("t1", "f")]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[image]}]}]));
    let (value, _) = sent("claude", &body, &Profile::new("gemini-2.5-flash", false));
    assert_eq!(
        value["contents"][2]["parts"][1],
        json!({"inlineData":{"mimeType":"image/png","data":"AA=="}})
    );
}

#[test]
fn e342_e343_a_backend_that_wants_thoughts_back_gets_them_signed_one_way_or_the_other() {
    let thought = |signature: &str| json!({"type":"thinking","thinking":"hm","signature":signature});
    let part = |block: Value, keeps: bool| {
        let body = claude(
            json!([{"role":"user","content":"q"},{"role":"assistant","content":[block,{"type":"text","text":"a"}]},
            {"role":"user","content":"r"}]),
        );
        let mut profile = Profile::new("gemini-3-pro", false);
        profile.keeps_reasoning_text = keeps;
        let value = sent("claude", &body, &profile).0;
        value["contents"][1]["parts"][0].clone()
    };
    let claudes = "EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu";
    let sentinel = json!({"text":"hm","thought":true,"thoughtSignature":SENTINEL});
    assert_eq!(part(thought(claudes), true), sentinel);
    assert_eq!(part(thought(""), true), sentinel);
    // Otherwise foreign state is not replayed (E392), and nothing unsigned is signed (B31).
    assert_eq!(part(thought(claudes), false), json!({"text":"a"}));
    assert_eq!(part(thought(""), false), json!({"text":"hm","thought":true}));
}

#[test]
fn e350_a_conversation_does_not_end_with_the_models_own_words() {
    let body = chat(json!([{"role":"user","content":"q"},{"role":"assistant","content":"The answer is"}]));
    assert_eq!(to_gemini("openai", &body)["contents"], json!([{"role":"user","parts":[{"text":"q"}]}]));
}

#[test]
fn e351_e352_e365_sound_film_and_files_go_inline() {
    let part = |part: Value| {
        to_gemini("openai", &chat(json!([{"role":"user","content":[part]}])))["contents"][0]["parts"][0]
            .clone()
    };
    for (given, mime) in [
        (json!({"type":"input_audio","input_audio":{"data":"AAAA","format":"mp3"}}), "audio/mpeg"),
        (json!({"type":"video_url","video_url":{"url":"data:video/mp4;base64,AAAA"}}), "video/mp4"),
        (
            json!({"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;name=x;base64,AAAA"}}),
            "application/pdf",
        ),
        (json!({"type":"image_url","image_url":{"url":"DATA:image/webp;BASE64,AAAA"}}), "image/webp"),
    ] {
        assert_eq!(part(given), json!({"inlineData":{"mimeType":mime,"data":"AAAA"}}));
    }
}

#[test]
fn e354_e355_reasoning_comes_before_text_and_call_and_stays_unsigned() {
    // B31 [fix]: a sentinel stands for a call's signature only.
    let call = json!({"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}});
    let body = chat(json!([{"role":"user","content":"q"},
        {"role":"assistant","reasoning_content":"hm","content":"a","tool_calls":[call]},
        {"role":"tool","tool_call_id":"c1","content":"ok"}]));
    assert_eq!(
        to_gemini("openai", &body)["contents"][1]["parts"],
        json!([{"text":"hm","thought":true},{"text":"a"},
            {"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":SENTINEL}])
    );
}

#[test]
fn e356_an_assistant_message_of_nothing_leaves_no_content() {
    let body = chat(
        json!([{"role":"user","content":"a"},{"role":"assistant","content":""},{"role":"user","content":"b"}]),
    );
    assert_eq!(to_gemini("openai", &body)["contents"].as_array().unwrap().len(), 2);
}

#[test]
fn e357_the_limit_is_max_output_tokens() {
    for (members, most) in [
        (json!({"max_tokens":5}), 5),
        (json!({"max_completion_tokens":6}), 6),
        (json!({"max_tokens":5,"max_completion_tokens":6}), 5),
    ] {
        let value = to_gemini("openai", &with(hello(), members.clone()));
        assert_eq!(value["generationConfig"]["maxOutputTokens"], most, "{members}");
    }
}

#[test]
fn a_limit_above_what_the_model_can_say_is_lowered_and_told() {
    // Source: providers-a.md 4.2 [H].
    let mut profile = Profile::new("gemini-2.0-flash", false);
    profile.info = Some(Arc::new(ModelInfo::new("m").with_limits(1_048_576, 8192)));
    for (asked, sent_on, told) in [(8192, 8192, 0), (64_000, 8192, 1), (5, 5, 0)] {
        for (client, body) in [
            ("openai", with(hello(), json!({"max_tokens":asked}))),
            (
                "gemini-cli",
                json!({"model":"m","request":{"contents":[{"role":"user","parts":[{"text":"q"}]}],"generationConfig":{"maxOutputTokens":asked}}}),
            ),
        ] {
            let (value, encoded) = sent(client, &body, &profile);
            assert_eq!(value["generationConfig"]["maxOutputTokens"], sent_on, "{client} {asked}");
            assert_eq!(encoded.losses.len(), told, "{client} {asked}: {:?}", encoded.losses);
        }
    }
    // What is not known is not judged.
    let (value, _) =
        sent("openai", &with(hello(), json!({"max_tokens":64_000})), &Profile::new("my-model", false));
    assert_eq!(value["generationConfig"]["maxOutputTokens"], 64_000);
}

#[test]
fn e358_required_names_without_a_property_are_removed() {
    let schema = json!({"type":"object","properties":{"a":{"type":"object","properties":{"required":{"type":"string"}},"required":["required","gone"]}},
        "required":["a","gone"],"additionalProperties":false});
    let body =
        with(hello(), json!({"tools":[{"type":"function","function":{"name":"f","parameters":schema}}]}));
    assert_eq!(
        to_gemini("openai", &body)["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"],
        json!({"type":"object","properties":{"a":{"type":"object","properties":{"required":{"type":"string"}},"required":["required"]}},
            "required":["a"],"additionalProperties":false})
    );
}

#[test]
fn e359_e360_e361_e362_the_form_of_the_output() {
    let schema = json!({"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}},"additionalProperties":false});
    for (format, expected) in [
        (
            json!({"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":schema}}),
            json!({"responseMimeType":"application/json","responseJsonSchema":schema}),
        ),
        (json!({"type":"json_object"}), json!({"responseMimeType":"application/json"})),
        (
            json!({"type":"json_schema","json_schema":{"name":"n"}}),
            json!({"responseMimeType":"application/json"}),
        ),
        (json!({"type":"text"}), Value::Null),
    ] {
        let value = to_gemini("openai", &with(hello(), json!({"response_format":format,"temperature":0.5})));
        let mut expected = if expected.is_null() { json!({}) } else { expected };
        expected["temperature"] = json!(0.5);
        assert_eq!(value["generationConfig"], expected, "{format}");
    }
}

#[test]
fn e363_the_signature_of_a_call_goes_back_if_it_is_geminis() {
    let call = |signature: &str| {
        json!({"id":"c1","type":"function","function":{"name":"f","arguments":"{}"},
            "extra_content":{"google":{"thought_signature":signature}}})
    };
    for (signature, expected) in [(SIGNED, SIGNED), ("EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu", SENTINEL)] {
        let body = chat(
            json!([{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[call(signature)]},
            {"role":"tool","tool_call_id":"c1","content":"ok"}]),
        );
        let value = to_gemini("openai", &body);
        assert_eq!(value["contents"][1]["parts"][0]["thoughtSignature"], expected, "{signature}");
    }
}

#[test]
fn b31_only_the_first_call_of_a_content_gets_the_sentinel() {
    let body = claude(json!([{"role":"user","content":"q"},
        {"role":"assistant","content":[used("a", "f"), used("b", "g")]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"b","content":"2"},{"type":"tool_result","tool_use_id":"a","content":"1"},{"type":"text","text":"go on"}]}]));
    let value = to_gemini("claude", &body);
    assert_eq!(value["contents"][1]["parts"][0]["thoughtSignature"], SENTINEL);
    assert!(value["contents"][1]["parts"][1].get("thoughtSignature").is_none());
    // Results in the order of their calls (B18), in a content of their own (B12).
    let names: Vec<_> = value["contents"][2]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["functionResponse"]["name"].clone())
        .collect();
    assert_eq!(names, ["f", "g"]);
    assert_eq!(value["contents"][3], json!({"role":"user","parts":[{"text":"go on"}]}));
    // Models before Gemini 3 do not ask for one.
    let (value, _) = sent("claude", &body, &Profile::new("gemini-2.5-pro", false));
    assert!(!value.to_string().contains(SENTINEL));
}

#[test]
fn e636_e637_results_follow_their_calls_at_once_whatever_stands_between() {
    // E653: a call that nobody signed gets the sentinel.
    let result = |id: &str| json!({"type":"tool_result","tool_use_id":id,"content":"1"});
    for messages in [
        // E637: the user speaks before the results.
        json!([{"role":"user","content":"q"}, {"role":"assistant","content":[used("a", "f")]},
            {"role":"user","content":"wait"}, {"role":"user","content":[result("a")]}]),
        json!([{"role":"user","content":"q"}, {"role":"assistant","content":[used("a", "f")]},
            {"role":"user","content":[{"type":"text","text":"wait"}, result("a")]}]),
    ] {
        let contents = to_gemini("claude", &claude(messages))["contents"].clone();
        assert_eq!(contents[1]["role"], "model");
        assert_eq!(contents[1]["parts"][0]["thoughtSignature"], SENTINEL);
        // E636: in a content of their own.
        assert_eq!(contents[2]["parts"].as_array().unwrap().len(), 1, "{contents:#}");
        assert_eq!(contents[2]["parts"][0]["functionResponse"]["name"], "f");
        assert_eq!(contents[3], json!({"role":"user","parts":[{"text":"wait"}]}));
    }
}

#[test]
fn e364_names_are_cleaned_and_come_back() {
    let tools = json!([{"type":"function","function":{"name":"read file","strict":true,"parameters":{"type":"object"}}},
        {"type":"function","function":{"name":"read@file"}},{"type":"function","function":{"name":"9lives"}},{"type":"function","function":{"name":"fine.name:x-1"}}]);
    let (value, encoded) =
        sent("openai", &with(hello(), json!({"tools":tools})), &Profile::new("gemini-3-pro", false));
    let names: Vec<_> = value["tools"][0]["functionDeclarations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        names[0].starts_with("read_file_") && names[1].starts_with("read_file_") && names[0] != names[1],
        "{names:?}"
    );
    assert_eq!(&names[2..], ["_9lives", "fine.name:x-1"]);
    assert!(!value.to_string().contains("strict"));
    for (wire, declared) in names.iter().zip(["read file", "read@file", "9lives", "fine.name:x-1"]) {
        assert_eq!(encoded.names.declared(wire), declared);
    }
}

#[test]
fn the_conversation_begins_with_the_user_and_is_never_empty() {
    let body = chat(json!([{"role":"assistant","content":"hello"},{"role":"user","content":"hi"}]));
    assert_eq!(
        to_gemini("openai", &body)["contents"][0],
        json!({"role":"user","parts":[{"text":"Continue."}]})
    );
    // B26: instructions alone are what the user says.
    let value = to_gemini("openai", &chat(json!([{"role":"system","content":"x"}])));
    assert_eq!(value, json!({"contents":[{"role":"user","parts":[{"text":"x"}]}]}));
    let text = chat(json!([])).to_string();
    let request = codec_of("openai").decode_request(text.as_bytes());
    if let Ok(request) = request {
        assert!(codec().encode_request(&request, &Profile::new("gemini-3-pro", false)).is_err());
    }
}

#[test]
fn custom_tools_become_functions_of_one_text() {
    // Source: translation.md B10.
    let body = with(hello(), json!({"tools":[{"type":"custom","custom":{"name":"exec","description":"d"}}]}));
    assert_eq!(
        to_gemini("openai", &body)["tools"][0]["functionDeclarations"][0],
        json!({"name":"exec","description":"d","parametersJsonSchema":{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}})
    );
}

#[test]
fn b84_typed_tools_become_geminis_where_it_has_one() {
    for (tool, expected, lost) in [
        (
            json!({"type":"web_search_20250305","name":"web_search","max_uses":3}),
            json!([{"googleSearch":{}}]),
            &["tools.web_search_20250305.max_uses"][..],
        ),
        (json!({"type":"web_fetch_20250910","name":"web_fetch"}), json!([{"urlContext":{}}]), &[]),
        (
            json!({"type":"code_execution_20250825","name":"code_execution"}),
            json!([{"codeExecution":{}}]),
            &[],
        ),
        (json!({"type":"bash_20250124","name":"bash"}), Value::Null, &["tools.bash_20250124"]),
    ] {
        let body = with(claude(json!([{"role":"user","content":"q"}])), json!({"tools":[tool]}));
        let (value, encoded) = sent("claude", &body, &Profile::new("gemini-3-pro", false));
        assert_eq!(value.get("tools").cloned().unwrap_or(Value::Null), expected, "{tool}");
        let told: Vec<_> = encoded.losses.iter().map(|loss| &*loss.what).collect();
        assert_eq!(told, lost, "{tool}");
    }
    // Functions count for more.
    let body = with(
        claude(json!([{"role":"user","content":"q"}])),
        json!({"tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"f","input_schema":{"type":"object"}}]}),
    );
    let (value, encoded) = sent("claude", &body, &Profile::new("gemini-2.5-pro", false));
    assert_eq!(value["tools"].as_array().unwrap().len(), 1);
    assert_eq!(encoded.losses[0].what, "tools.web_search_20250305");
}

fn reasons(levels: &[Level], budget: Option<(u32, u32)>, zero: bool) -> Arc<ModelInfo> {
    Arc::new(ModelInfo::new("m").with_reasoning(ReasoningProfile {
        budget,
        zero_allowed: zero,
        dynamic_allowed: true,
        levels: levels.to_vec(),
    }))
}

#[test]
fn reasoning_is_a_budget_or_a_level_as_the_model_has_it() {
    // Source: translation.md B39 to B44, F45; providers-a.md 1.7, 4.5.
    let pro = reasons(&[Level::Low, Level::High], Some((128, 32_768)), false);
    let flash = reasons(&[], Some((0, 24_576)), true);
    let none = Arc::new(ModelInfo::new("m"));
    for (model, info, effort, expected) in [
        ("gemini-3-pro-preview", Some(&pro), "high", json!({"thinkingLevel":"HIGH","includeThoughts":true})),
        ("gemini-3-pro-preview", Some(&pro), "xhigh", json!({"thinkingLevel":"HIGH","includeThoughts":true})),
        ("gemini-3-pro-preview", Some(&pro), "none", json!({"thinkingLevel":"LOW","includeThoughts":false})),
        ("gemini-2.5-flash", Some(&flash), "medium", json!({"thinkingBudget":8192,"includeThoughts":true})),
        ("gemini-2.5-flash", Some(&flash), "xhigh", json!({"thinkingBudget":24_576,"includeThoughts":true})),
        ("gemini-2.5-flash", Some(&flash), "none", json!({"thinkingBudget":0,"includeThoughts":false})),
        ("gemini-2.5-flash", None, "low", json!({"thinkingBudget":1024,"includeThoughts":true})),
        ("gemini-3.5-flash", None, "low", json!({"thinkingLevel":"LOW","includeThoughts":true})),
        ("gemini-3.5-flash", None, "auto", json!({"thinkingBudget":-1,"includeThoughts":true})),
        ("gemini-2.5-flash-image", None, "low", Value::Null),
        ("gemini-1.5-flash", Some(&none), "low", Value::Null),
    ] {
        let mut profile = Profile::new(model, false);
        profile.info = info.cloned();
        let body = with(hello(), json!({"reasoning_effort":effort}));
        let value = sent("openai", &body, &profile).0;
        assert_eq!(value["generationConfig"]["thinkingConfig"], expected, "{model} {effort}");
    }
    // A client of Claude's sees thoughts unless it says otherwise.
    for (thinking, expected) in [
        (
            json!({"type":"enabled","budget_tokens":2048}),
            json!({"thinkingBudget":2048,"includeThoughts":true}),
        ),
        (
            json!({"type":"enabled","budget_tokens":2048,"display":"omitted"}),
            json!({"thinkingBudget":2048,"includeThoughts":false}),
        ),
        (json!({"type":"disabled"}), json!({"thinkingBudget":0})),
    ] {
        let body = with(claude(json!([{"role":"user","content":"q"}])), json!({"thinking":thinking}));
        let value = sent("claude", &body, &Profile::new("gemini-2.5-pro", false)).0;
        assert_eq!(value["generationConfig"]["thinkingConfig"], expected, "{thinking}");
    }
}

#[test]
fn sampling_goes_along_and_what_gemini_lacks_is_told() {
    let members = json!({"temperature":0.5,"top_p":0.9,"presence_penalty":0.1,"frequency_penalty":0.2,"seed":7,"n":2,
        "logprobs":true,"top_logprobs":3,"stop":["a","b","c","d","e","f"],"logit_bias":{"1":1},"modalities":["text","image"]});
    let (value, encoded) = sent("openai", &with(hello(), members), &Profile::new("gemini-3-pro", false));
    assert_eq!(
        value["generationConfig"],
        json!({"temperature":0.5,"topP":0.9,"presencePenalty":0.1,"frequencyPenalty":0.2,"seed":7,
            "stopSequences":["a","b","c","d","e"],"candidateCount":2,"responseLogprobs":true,"logprobs":3,
            "responseModalities":["TEXT","IMAGE"]})
    );
    let lost: Vec<_> = encoded.losses.iter().map(|loss| &*loss.what).collect();
    assert_eq!(lost, ["logit_bias", "stop"]);
}

#[test]
fn f46_safety_settings_are_the_callers_own_and_none_are_invented() {
    assert!(to_gemini("openai", &hello()).get("safetySettings").is_none());
    let profile = Profile::new("gemini-3-pro", false);
    let own = json!([{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}]);
    let body = json!({"contents":[{"parts":[{"text":"hi"}]}],"safetySettings":own});
    assert_eq!(sent("gemini", &body, &profile).0["safetySettings"], own);
}

#[test]
fn a_call_without_a_result_gets_one_that_says_so() {
    // Source: translation.md B16.
    let body = claude(
        json!([{"role":"user","content":"q"},{"role":"assistant","content":[used("a", "f"), used("b", "g")]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"}]}]),
    );
    let value = to_gemini("claude", &body);
    assert_eq!(
        value["contents"][2]["parts"][1]["functionResponse"],
        json!({"name":"g","response":{"error":"no output"}})
    );
}
