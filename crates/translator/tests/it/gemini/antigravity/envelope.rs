//! The envelope, tools, names and limits. Source: translation.md A.15, B49; providers-a.md 7.4.

use cliproxy_translator::{Codec as _, Profile};
use serde_json::{Value, json};

use super::{CLAUDE, GEMINI, claude, codec_of, context, enveloped, sent, to, with};
use crate::gemini::declared_names;

fn chat(members: Value) -> Value {
    with(json!({"model":"m","messages":[{"role":"user","content":"q"}]}), members)
}

fn declared(client: &str, body: &Value, model: &str) -> Value {
    to(client, body, model)["tools"][0]["functionDeclarations"][0].clone()
}

#[test]
fn every_client_reaches_antigravity_and_back() {
    let question = json!([{"role":"user","parts":[{"text":"q"}]}]);
    let bodies = [
        ("openai", chat(json!({}))),
        ("openai-response", json!({"model":"m","input":"q"})),
        ("claude", claude(json!([{"role":"user","content":"q"}]))),
        ("gemini", json!({"contents":question})),
        ("gemini-cli", json!({"model":"m","project":"p","request":{"contents":question}})),
        ("antigravity", json!({"model":"m","project":"p","request":{"contents":question}})),
    ];
    for (client, body) in bodies {
        for model in [GEMINI, CLAUDE, "gpt-oss-120b-medium"] {
            let (value, _) = enveloped(client, &body, &Profile::new(model, false));
            assert_eq!(value["model"], model, "{client}");
            assert_eq!(
                (&value["userAgent"], &value["requestType"]),
                (&json!("antigravity"), &json!("agent"))
            );
            assert_eq!(value["request"]["contents"], question, "{client}");
        }
        let reply = super::last("STOP", json!([{"text":"a"}]));
        let text = super::wrapped(&reply).to_string();
        let provider = codec_of("antigravity");
        let response = provider.decode_reply(text.as_bytes(), &context()).unwrap();
        let told = String::from_utf8(codec_of(client).encode_reply(&response, &context())).unwrap();
        assert!(told.contains(r#""a""#), "{client}: {told}");
        assert_eq!(provider.decode_count(br#"{"totalTokens":7}"#), Some(7));
    }
}

#[test]
fn a_request_says_what_it_is_for() {
    for (model, kind) in [(GEMINI, "agent"), ("gemini-3.1-flash-image", "image_gen")] {
        let (value, _) = enveloped("openai", &chat(json!({})), &Profile::new(model, false));
        assert_eq!(value["requestType"], kind, "{model}");
    }
}

#[test]
fn a_conversation_keeps_its_session() {
    let session = |body: &Value| to("claude", body, GEMINI).get("sessionId").cloned();
    let hello = claude(json!([{"role":"user","content":"hello"}]));
    let grown = claude(
        json!([{"role":"user","content":"hello"},{"role":"assistant","content":"a"},{"role":"user","content":"b"}]),
    );
    // The first 63 bits of the text's SHA-256.
    assert_eq!(session(&hello), Some(json!("-3238736544897475342")));
    assert_eq!(session(&grown), session(&hello));
    assert_ne!(session(&claude(json!([{"role":"user","content":"other"}]))), session(&hello));
    // Who speaks the format says it.
    let own = json!({"contents":[{"role":"user","parts":[{"text":"hello"}]}],"sessionId":"s-1"});
    assert_eq!(to("gemini", &own, GEMINI)["sessionId"], "s-1");
    let image = json!([{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]}]);
    assert_eq!(session(&claude(image)), None);
}

#[test]
fn what_the_backend_refuses_is_left_out() {
    let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],"generationConfig":{"maxOutputTokens":9,"topK":3},
        "safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]});
    let (request, encoded) = sent("gemini", &body, GEMINI);
    assert!(request.get("safetySettings").is_none());
    assert_eq!(request["generationConfig"], json!({"topK":3}));
    let lost: Vec<_> = encoded.losses.iter().map(|loss| &*loss.what).collect();
    assert_eq!(lost, ["max_output_tokens", "safetySettings"]);
    assert_eq!(sent("gemini", &body, CLAUDE).0["generationConfig"], json!({"topK":3,"maxOutputTokens":9}));
}

#[test]
fn e477_tools_are_declared_in_the_backends_words() {
    let schema = json!({"type":"object","propertyNames":{"pattern":"^a"},"additionalProperties":false,
        "properties":{"a":{"type":"string","enum":["x","y"]},"format":{"type":"string"}},"required":["a"]});
    let expected = json!({"type":"object","description":"No extra properties allowed","properties":{
        "a":{"type":"string","description":"Allowed: x, y"},"format":{"type":"string"}},"required":["a"]});
    let claude = with(
        claude(json!([{"role":"user","content":"q"}])),
        json!({"tools":[{"name":"f","description":"d","input_schema":schema}]}),
    );
    let chat = chat(
        json!({"tools":[{"type":"function","function":{"name":"f","description":"d","strict":true,"parameters":schema}}]}),
    );
    let own = |key: &str| {
        json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],
            "tools":[{"functionDeclarations":[{"name":"f","description":"d",key:schema,"x":1,"behavior":"BLOCKING"}]}]})
    };
    for model in [GEMINI, CLAUDE] {
        let tool = json!({"name":"f","description":"d","parameters":expected});
        assert_eq!(declared("claude", &claude, model), tool, "E477");
        assert_eq!(declared("openai", &chat, model), tool);
        for key in ["parameters", "parametersJsonSchema"] {
            assert_eq!(
                declared("gemini", &own(key), model),
                with(tool.clone(), json!({"behavior":"BLOCKING"})),
                "{key}"
            );
        }
    }
}

#[test]
fn b49_models_that_refuse_functions_without_arguments_get_some() {
    let body = chat(json!({"tools":[{"type":"function","function":{"name":"f"}}]}));
    let reason = json!({"type":"object","properties":{"reason":{"type":"string"}},"required":["reason"]});
    for (model, parameters) in [
        (CLAUDE, &reason),
        ("Claude-Sonnet-4-6", &reason),
        ("gemini-3-pro-high", &reason),
        ("gemini-3.1-pro-low", &reason),
        (GEMINI, &json!({"type":"object","properties":{}})),
    ] {
        assert_eq!(&declared("openai", &body, model)["parameters"], parameters, "B49 {model}");
    }
}

#[test]
fn e458_names_are_unique_and_the_same_everywhere() {
    let long = "x".repeat(80);
    let body = with(
        claude(json!([{"role":"user","content":"q"},
            {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"a@b","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"ok"}]}])),
        json!({"tools":[{"name":"a b"},{"name":"a@b"},{"name":"a b"},{"name":"a_b"},{"name":long}],"tool_choice":{"type":"tool","name":"a@b"}}),
    );
    let (request, encoded) = sent("claude", &body, GEMINI);
    let names = declared_names(&request);
    assert_eq!(names.len(), 4, "E458: each once: {names:?}");
    let unique: std::collections::HashSet<_> = names.iter().collect();
    assert!(unique.len() == 4 && names.iter().all(|name| name.len() <= 64), "{names:?}");
    let wire = encoded.names.wire("a@b");
    assert_ne!(wire, "a_b");
    assert_eq!(request["contents"][1]["parts"][0]["functionCall"]["name"], wire);
    assert_eq!(request["contents"][2]["parts"][0]["functionResponse"]["name"], wire);
    assert_eq!(
        request["toolConfig"],
        json!({"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":[wire]}})
    );
}

#[test]
fn claudes_models_validate_what_they_call() {
    // Source: translation.md A.15.
    let tools = json!([{"type":"function","function":{"name":"f"}}]);
    let forced = json!({"type":"function","function":{"name":"f"}});
    for (choice, mode, names) in [
        (Value::Null, "VALIDATED", Value::Null),
        (json!("auto"), "VALIDATED", Value::Null),
        (json!("required"), "VALIDATED", Value::Null),
        (forced, "VALIDATED", json!(["f"])),
        (json!("none"), "NONE", Value::Null),
    ] {
        let body = chat(json!({"tools":tools,"tool_choice":choice}));
        let (request, encoded) = sent("openai", &body, CLAUDE);
        let config = &request["toolConfig"]["functionCallingConfig"];
        assert_eq!((&config["mode"], &config["allowedFunctionNames"]), (&json!(mode), &names), "{choice}");
        let told = encoded.losses.iter().any(|loss| loss.what == "tool_choice");
        assert_eq!(told, choice == "required" || choice.is_object(), "{choice}");
    }
    assert!(to("openai", &chat(json!({})), CLAUDE).get("toolConfig").is_none());
    let own = json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}});
    assert_eq!(to("gemini", &own, CLAUDE)["toolConfig"]["functionCallingConfig"]["mode"], "VALIDATED");
    assert_eq!(to("gemini", &own, GEMINI)["toolConfig"]["functionCallingConfig"]["mode"], "AUTO");
}

#[test]
fn a_tool_configuration_beside_the_request_belongs_into_it() {
    // Source: translation.md A.15 "a stray top-level `toolConfig`".
    let config = json!({"functionCallingConfig":{"mode":"ANY"}});
    let body = json!({"model":"m","toolConfig":config,"request":{"contents":[{"role":"user","parts":[{"text":"q"}]}],
        "tools":[{"functionDeclarations":[{"name":"f"}]}]}});
    for client in ["gemini-cli", "antigravity"] {
        assert_eq!(to(client, &body, GEMINI)["toolConfig"], config);
    }
}

#[test]
fn a_body_of_the_dialect_passes_through_but_for_its_model() {
    let body = bytes::Bytes::from_static(
        br#"{"model":"a","userAgent":"x","request":{"contents":[{"role":"user","parts":[{"text":"q"}]}],"sessionId":"s"}}"#,
    );
    let mut patch = cliproxy_translator::Patch::default();
    patch.model = Some("b".to_owned());
    let patched =
        cliproxy_translator::format::gemini::GeminiCodec::antigravity().patch_request(&body, &patch);
    let expected = String::from_utf8(body.to_vec()).unwrap().replace(r#""model":"a""#, r#""model":"b""#);
    assert_eq!(patched.unwrap().body, expected.as_bytes());
}
