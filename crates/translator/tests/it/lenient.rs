//! What clients say in forms of their own, and means one thing only, is taken as that.

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::Profile;
use cliproxy_translator::pass::reasoning::parse_suffix;
use cliproxy_translator::registry::RequestCall;
use serde_json::{Value, json};

use crate::grid::{REGISTRY, context, model};

/// The request as the provider gets it; with a suffix at the model's name.
fn sent(client: &str, provider: &str, suffix: Option<&str>, body: &Value) -> Value {
    let (client, wire) = (ClientFormat::from(client.to_owned()), ProviderFormat::from(provider.to_owned()));
    let bytes = Bytes::from(body.to_string());
    let profile = Profile::new(model(provider), false);
    let reasoning = suffix.and_then(parse_suffix);
    let mut call = RequestCall::new(&client, &wire, &bytes, &profile);
    call.suffix = reasoning.as_ref();
    let done = REGISTRY.translate_request(&call, context()).unwrap_or_else(|error| panic!("{body}: {error}"));
    serde_json::from_slice(&done.body).unwrap()
}

#[test]
fn choices_of_tools_may_be_said_as_objects() {
    let function = json!({"name":"f","parameters":{"type":"object"}});
    let chat = json!({"model":"m","messages":[{"role":"user","content":"q"}],
        "tools":[{"type":"function","function":function}]});
    let responses = json!({"model":"m","input":"q",
        "tools":[{"type":"function","name":"f","parameters":{"type":"object"}}]});
    for (client, body) in [("openai", chat), ("openai-response", responses)] {
        for (said, meant) in [
            (json!({"type":"auto"}), "auto"),
            (json!({"type":"none"}), "none"),
            (json!({"type":"any"}), "any"),
            (json!({"type":"required"}), "any"),
            (json!({"type":"tool","name":"f"}), "tool"),
        ] {
            let mut body = body.clone();
            body["tool_choice"] = said;
            let choice = sent(client, "claude", None, &body)["tool_choice"]["type"].clone();
            // Left out, it is as said.
            assert!(choice == meant || (meant == "auto" && choice.is_null()), "{client} {meant}: {choice}");
        }
    }
}

#[test]
fn an_empty_form_of_the_answer_asks_for_nothing() {
    for form in [json!({}), json!({"type":null})] {
        let chat = json!({"model":"m","messages":[{"role":"user","content":"q"}],"response_format":form});
        let responses = json!({"model":"m","input":"q","text":{"format":form}});
        for (client, body) in [("openai", chat), ("openai-response", responses)] {
            for provider in ["claude", "gemini", "kiro"] {
                sent(client, provider, None, &body);
            }
        }
    }
}

#[test]
fn a_budget_may_be_a_number_in_a_string_as_googles_json_allows() {
    let body = json!({"contents":[{"parts":[{"text":"q"}]}],
        "generationConfig":{"thinkingConfig":{"thinkingBudget":"2048"}}});
    let config = sent("gemini", "gemini-cli", None, &body)["request"]["generationConfig"].clone();
    assert_eq!(config["thinkingConfig"]["thinkingBudget"], 2048);
}

#[test]
fn a_level_that_nobody_knows_stands_beside_no_other_amount() {
    let config = |more: Value| {
        let mut thinking = json!({"thinkingLevel":"GALACTIC"});
        thinking.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"contents":[{"parts":[{"text":"q"}]}],"generationConfig":{"thinkingConfig":thinking}})
    };
    for (suffix, body) in [
        (Some("high"), config(json!({}))),
        (Some("8192"), config(json!({}))),
        (None, config(json!({"thinkingBudget":1024}))),
    ] {
        let text = sent("gemini", "gemini-cli", suffix, &body).to_string();
        assert!(!text.contains("GALACTIC"), "{suffix:?}: {text}");
    }
    let text = sent("gemini", "gemini-cli", None, &config(json!({}))).to_string();
    assert!(text.contains("GALACTIC"), "{text}");
}

#[test]
fn a_form_of_the_answer_without_a_schema_is_json_at_least() {
    let chat = json!({"model":"m","messages":[{"role":"user","content":"q"}],
        "response_format":{"type":"json_schema","json_schema":{"name":"x"}}});
    let responses = json!({"model":"m","input":"q","text":{"format":{"type":"json_schema","name":"x"}}});
    for (client, body) in [("openai", chat), ("openai-response", responses)] {
        for (provider, asked) in [
            ("claude", "Answer with one JSON object"),
            ("kiro", "Answer with one JSON object"),
            ("gemini", r#""responseMimeType":"application/json""#),
        ] {
            let text = sent(client, provider, None, &body).to_string();
            assert!(text.contains(asked), "{client} to {provider}: {text}");
        }
    }
}
