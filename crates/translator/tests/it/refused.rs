//! What providers answer 400 to, though their schemas allow it: names, schemas, forms and last words that a client of
//! another format may send. Source: translation.md A.6, A.9, B5, B27a; the providers' own messages, cited at the rules.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ModelInfo, ProviderFormat};
use cliproxy_translator::Profile;
use cliproxy_translator::registry::RequestCall;
use serde_json::{Value, json};

use crate::grid::{REGISTRY, check_request, context, model};

const GEMINI: &str = "gemini";

/// What a provider gets, and what the report names.
fn to(client: &str, provider: &str, profile: &Profile, body: &Value) -> (Value, Vec<String>) {
    let bytes = Bytes::from(body.to_string());
    let (client, format) = (ClientFormat::from(client.to_owned()), ProviderFormat::from(provider.to_owned()));
    let call = RequestCall::new(&client, &format, &bytes, profile);
    let done = REGISTRY.translate_request(&call, context()).unwrap();
    let sent = serde_json::from_slice(&done.body).unwrap();
    check_request(provider, &sent);
    (sent, done.losses.iter().map(|loss| loss.what.to_string()).collect())
}

fn newest(provider: &str) -> Profile {
    Profile::new(model(provider), false)
}

fn chat(members: &Value) -> Value {
    let mut body = json!({"model":"m","messages":[{"role":"user","content":"q"}]});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

#[test]
fn names_of_tools_are_in_openai_s_letters_and_come_back() {
    let body = json!({"contents":[
        {"role":"user","parts":[{"text":"q"}]},
        {"role":"model","parts":[{"functionCall":{"id":"c","name":"calendar.list:events","args":{}}}]},
        {"role":"user","parts":[{"functionResponse":{"id":"c","name":"calendar.list:events","response":{"output":"x"}}}]}],
        "tools":[{"functionDeclarations":[{"name":"calendar.list:events"},{"name":"calendar_list_events"}]}]});
    for provider in ["openai", "openai-response", "codex", "kiro"] {
        let (sent, _) = to(GEMINI, provider, &newest(provider), &body);
        let text = sent.to_string();
        assert!(!text.contains("calendar.list"), "{provider}: {text}");
        // The call and both declarations.
        assert!(text.matches("\"calendar_list_events\"").count() >= 2, "{provider}: {text}");
        assert!(text.contains("\"calendar_list_events_1\""), "{provider}: {text}");
    }
    let bytes = Bytes::from(body.to_string());
    let (client, format) = (ClientFormat::from(GEMINI.to_owned()), ProviderFormat::from("openai".to_owned()));
    let profile = newest("openai");
    let done =
        REGISTRY.translate_request(&RequestCall::new(&client, &format, &bytes, &profile), context()).unwrap();
    let reply = json!({"id":"r","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
        "message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",
            "function":{"name":"calendar_list_events","arguments":"{}"}}]},"finish_reason":"tool_calls"}]});
    let (told, _, _) = REGISTRY.translate_reply(&done.exchange, &Bytes::from(reply.to_string())).unwrap();
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(told["candidates"][0]["content"]["parts"][0]["functionCall"]["name"], "calendar.list:events");
}

#[test]
fn a_client_s_own_search_has_another_name_than_claude_s() {
    let body = json!({"model":"m","input":"q","tools":[{"type":"web_search"},{"type":"web_search_preview"},
        {"type":"function","name":"web_search","parameters":{"type":"object","properties":{"q":{"type":"string"}}}}]});
    let (sent, lost) = to("openai-response", "claude", &newest("claude"), &body);
    let names: Vec<&str> =
        sent["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["web_search", "web_search_own"]);
    assert_eq!(lost, ["tools.duplicate"]);
    // One whose name becomes the search's, too.
    let dotted = json!({"model":"m","input":"q","tools":[{"type":"web_search"},
        {"type":"function","name":"web.search","parameters":{"type":"object","properties":{}}}]});
    let (sent, lost) = to("openai-response", "claude", &newest("claude"), &dotted);
    assert_eq!((sent["tools"][1]["name"].as_str(), lost.len()), (Some("web_search_own"), 0));
    // Alone, it keeps its name.
    let alone = json!({"model":"m","input":"q","tools":[{"type":"function","name":"web_search",
        "parameters":{"type":"object","properties":{}}}]});
    let (sent, _) = to("openai-response", "claude", &newest("claude"), &alone);
    assert_eq!(sent["tools"][0]["name"], "web_search");
}

#[test]
fn a_limit_is_lowered_where_the_models_own_is_enforced() {
    let mut info = ModelInfo::new("m");
    info.max_output = Some(64_000);
    for (provider, strict, path, lowers) in [
        ("claude", true, "/max_tokens", true),
        ("gemini", false, "/generationConfig/maxOutputTokens", true),
        // What others say of their models is no limit that anybody enforces.
        ("claude", false, "/max_tokens", false),
        ("openai", false, "/max_tokens", false),
        ("openai-response", false, "/max_output_tokens", false),
    ] {
        for asked in [128_000, 64_000, 50] {
            let mut profile = newest(provider);
            profile.info = Some(Arc::new(info.clone()));
            profile.strict = strict;
            let client = if provider == "claude" { "openai" } else { "claude" };
            let body = json!({"model":"m","max_tokens":asked,"messages":[{"role":"user","content":"q"}]});
            let (sent, lost) = to(client, provider, &profile, &body);
            let told = lowers && asked > 64_000;
            assert_eq!(
                sent.pointer(path),
                Some(&json!(if told { 64_000 } else { asked })),
                "{provider} {strict}"
            );
            assert_eq!(lost.iter().any(|what| what == "max_output_tokens"), told, "{provider}: {lost:?}");
        }
    }
}

#[test]
fn b27a_claude_goes_on_with_its_own_words_where_the_model_does() {
    let body = |last: &str, more: Value| {
        let mut body = chat(&more);
        body["messages"].as_array_mut().unwrap().push(json!({"role":"assistant","content":last}));
        body
    };
    let older = Profile::new("claude-sonnet-4-5", false);
    let mut newer = newest("claude");
    newer.prefill = false;
    let plain = json!({});
    let (sent, lost) = to("openai", "claude", &older, &body("The answer is \n", plain.clone()));
    assert_eq!(sent["messages"][1], json!({"role":"assistant","content":"The answer is"}));
    assert_eq!(lost, Vec::<String>::new(), "white space at the end is refused, and says nothing");
    let schema = json!({"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":
        {"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}}}});
    let mut marked = chat(&plain);
    marked["messages"].as_array_mut().unwrap().push(json!({"role":"assistant","content":[
        {"type":"text","text":"The answer is ","cache_control":{"type":"ephemeral","ttl":"1h"}}]}));
    let (sent, _) = to("openai", "claude", &older, &marked);
    assert_eq!(
        sent["messages"][1]["content"],
        json!([{"type":"text","text":"The answer is","cache_control":{"type":"ephemeral","ttl":"1h"}}])
    );
    for (case, profile, more) in [
        ("a model of after 4.6", &newer, plain),
        ("thinking", &older, json!({"reasoning_effort":"high"})),
        ("a form of the output", &older, schema),
    ] {
        let (sent, lost) = to("openai", "claude", profile, &body("The answer is", more));
        let messages = sent["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 3, "{case}");
        assert_eq!(messages[2]["role"], "user", "{case}");
        assert!(lost.iter().any(|what| what == "message.prefill"), "{case}: {lost:?}");
    }
    // Calls at the end are the client's next move.
    let call = json!({"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]});
    let mut open = chat(&json!({"tools":[{"type":"function","function":{"name":"f"}}]}));
    open["messages"].as_array_mut().unwrap().push(call);
    let (sent, lost) = to("openai", "claude", &newer, &open);
    assert_eq!(sent["messages"].as_array().unwrap().len(), 2);
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn claude_is_held_to_schemas_that_it_takes_and_told_of_others() {
    let send = |schema: Value| {
        let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],
            "generationConfig":{"responseMimeType":"application/json","responseSchema":schema}});
        to(GEMINI, "claude", &newest("claude"), &body)
    };
    let (sent, lost) = send(json!({"type":"OBJECT","properties":{"a":{"type":"STRING"}}}));
    assert_eq!(
        sent["output_config"]["format"]["schema"],
        json!({"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false})
    );
    assert_eq!(lost, Vec::<String>::new());
    let (sent, lost) = send(json!({"type":"OBJECT","properties":{"a":{"type":"INTEGER","minimum":1}}}));
    assert_eq!(sent["output_config"]["format"]["schema"]["properties"]["a"]["description"], "minimum: 1");
    assert_eq!(lost, ["response_format"]);
    let (sent, lost) = send(json!({"type":"OBJECT"}));
    assert_eq!(sent.get("output_config"), None);
    assert!(sent["system"][0]["text"].as_str().unwrap().ends_with("{\"type\":\"object\"}"));
    assert_eq!(lost, ["response_format"]);
    // Sixteen places of several types are the most.
    for (count, enforced) in [(16, true), (17, false)] {
        let names: Vec<String> = (0..count).map(|at| format!("p{at}")).collect();
        let properties: serde_json::Map<_, _> =
            names.iter().map(|name| (name.clone(), json!({"type":["string","null"]}))).collect();
        let schema =
            json!({"type":"object","properties":properties,"required":names,"additionalProperties":false});
        let body = chat(
            &json!({"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":schema}}}),
        );
        let (sent, lost) = to("openai", "claude", &newest("claude"), &body);
        assert_eq!(sent.get("output_config").is_some(), enforced, "{count}");
        assert_eq!(lost.iter().any(|what| what == "response_format"), !enforced, "{count}: {lost:?}");
    }
}

#[test]
fn strict_tools_go_where_they_are_enforced() {
    let closed = json!({"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false});
    let mut optional = closed.clone();
    optional["properties"]["b"] = json!({"type":"string"});
    let mut bounded = closed.clone();
    bounded["properties"]["a"]["maxLength"] = json!(3);
    // Claude enforces members that may be left out, OpenAI requires all; Claude knows no bounds.
    for (schema, openai, claude) in [(&closed, true, true), (&optional, false, true), (&bounded, true, false)]
    {
        let body = json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],
            "tools":[{"name":"f","strict":true,"input_schema":schema}]});
        for (provider, path) in [("openai", "/tools/0/function/strict"), ("codex", "/tools/0/strict")] {
            let (sent, lost) = to("claude", provider, &newest(provider), &body);
            assert_eq!(sent.pointer(path), Some(&json!(openai)), "{provider} {schema}");
            assert_eq!(
                lost.iter().any(|what| what == "tools.strict"),
                !openai,
                "{provider} {schema}: {lost:?}"
            );
        }
        let body = chat(
            &json!({"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":schema}}]}),
        );
        let (sent, lost) = to("openai", "claude", &newest("claude"), &body);
        assert_eq!(sent["tools"][0].get("strict"), claude.then_some(&json!(true)), "{schema}");
        assert_eq!(lost.iter().any(|what| what == "tools.strict"), !claude, "{schema}: {lost:?}");
        // Within the vendor's formats it is the client's own word.
        let (sent, lost) = to("openai", "codex", &newest("codex"), &body);
        assert_eq!((&sent["tools"][0]["strict"], lost.len()), (&json!(true), 0), "{schema}");
    }
}

#[test]
fn what_names_a_draft_is_as_strict_as_without() {
    let schema = json!({"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
        "properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false});
    let body = chat(
        &json!({"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":schema}}]}),
    );
    let (sent, lost) = to("openai", "claude", &newest("claude"), &body);
    assert_eq!(sent["tools"][0]["strict"], true);
    assert_eq!(sent["tools"][0]["input_schema"].get("$schema"), None);
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn claude_enforces_twenty_tools_with_so_many_members_that_may_be_left_out() {
    let tools = |count: usize, optional: usize| {
        let names: Vec<String> = (0..optional).map(|at| format!("p{at}")).collect();
        let properties: serde_json::Map<_, _> =
            names.into_iter().map(|name| (name, json!({"type":"string"}))).collect();
        let schema = json!({"type":"object","properties":properties,"additionalProperties":false});
        let tool = |at| json!({"type":"function","function":{"name":format!("f{at}"),"strict":true,"parameters":schema}});
        chat(&json!({"tools": (0..count).map(tool).collect::<Vec<_>>()}))
    };
    for (count, optional, expected) in [(20, 1, 20), (21, 1, 20), (3, 8, 3), (4, 8, 3), (1, 25, 0)] {
        let (sent, lost) = to("openai", "claude", &newest("claude"), &tools(count, optional));
        let strict = sent["tools"].as_array().unwrap().iter().filter(|tool| tool["strict"] == true).count();
        assert_eq!(strict, expected, "{count} of {optional}");
        assert_eq!(lost.iter().any(|what| what == "tools.strict"), expected < count, "{lost:?}");
    }
}

#[test]
fn a_form_and_tools_count_together_at_claude() {
    let properties: serde_json::Map<_, _> =
        (0..20).map(|at| (format!("p{at}"), json!({"type":"string"}))).collect();
    let schema = json!({"type":"object","properties":properties,"additionalProperties":false});
    let body =
        chat(&json!({"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":schema}},
        "tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":schema}}]}));
    let (sent, lost) = to("openai", "claude", &newest("claude"), &body);
    assert!(sent["output_config"].get("format").is_some());
    assert_eq!(sent["tools"][0].get("strict"), None);
    assert!(lost.iter().any(|what| what == "tools.strict"), "{lost:?}");
}

#[test]
fn models_before_gemini_3_are_asked_for_a_form_beside_tools_in_words() {
    let schema = json!({"type":"object","properties":{"a":{"type":"string"}}});
    let form = json!({"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":schema}}});
    let mut both = form.clone();
    both["tools"] = json!([{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"b":{"type":"string"}}}}}]);
    let mut elsewhere = form.clone();
    elsewhere["tools"] = json!([{"type":"file_search","vector_store_ids":["v"]}]);
    let (sent, lost) = to("openai", GEMINI, &Profile::new("gemini-2.5-pro", false), &chat(&elsewhere));
    assert_eq!(sent["generationConfig"]["responseMimeType"], "application/json", "no tool goes");
    assert_eq!(lost.iter().filter(|what| *what == "response_format").count(), 0, "{lost:?}");
    for (model, members, words) in [
        ("gemini-2.5-pro", &both, true),
        ("gemini-2.5-pro", &form, false),
        ("gemini-3-pro-preview", &both, false),
    ] {
        for provider in [GEMINI, "gemini-cli", "antigravity"] {
            let (sent, lost) = to("openai", provider, &Profile::new(model, false), &chat(members));
            let sent = if provider == GEMINI { &sent } else { &sent["request"] };
            let case = format!("{model} {provider} {members}");
            assert_eq!(sent["generationConfig"].get("responseMimeType").is_none(), words, "{case}");
            assert_eq!(sent.get("systemInstruction").is_some(), words, "{case}");
            if words {
                let told = sent["systemInstruction"]["parts"][0]["text"].as_str().unwrap();
                assert!(told.ends_with(&schema.to_string()), "{case}: {told}");
            }
            assert_eq!(lost.iter().any(|what| what == "response_format"), words, "{case}: {lost:?}");
        }
    }
}

#[test]
fn openai_s_formats_are_asked_for_an_array_in_words() {
    let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],"generationConfig":{
        "responseMimeType":"application/json","responseSchema":{"type":"ARRAY","items":{"type":"STRING"}}}});
    for (provider, form, words) in [
        ("openai", "/response_format", "/messages/0/content"),
        ("openai-response", "/text/format", "/instructions"),
        ("codex", "/text/format", "/input/0/content/0/text"),
    ] {
        let mut profile = newest(provider);
        profile.strict = true;
        let (sent, lost) = to(GEMINI, provider, &profile, &body);
        assert_eq!(sent.pointer(form), None, "{provider}");
        let told = sent.pointer(words).map(ToString::to_string).unwrap_or_default();
        assert!(told.contains("JSON schema") && told.contains("array"), "{provider}: {sent}");
        assert_eq!(lost, ["response_format"], "{provider}");
    }
    // Other services take any schema, and OpenAI one that only lacks the word.
    let (sent, lost) = to(GEMINI, "openai", &newest("openai"), &body);
    assert_eq!(sent["response_format"]["json_schema"]["schema"]["type"], "array");
    assert_eq!(lost, Vec::<String>::new());
    let rootless = json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],"generationConfig":{
        "responseMimeType":"application/json","responseSchema":{"properties":{"a":{"type":"STRING"}}}}});
    for (provider, schema) in
        [("openai", "/response_format/json_schema/schema"), ("codex", "/text/format/schema")]
    {
        let mut profile = newest(provider);
        profile.strict = true;
        let (sent, lost) = to(GEMINI, provider, &profile, &rootless);
        let expected = json!({"type":"object","properties":{"a":{"type":"string"}}});
        assert_eq!((sent.pointer(schema), lost.len()), (Some(&expected), 0), "{provider}");
    }
}

#[test]
fn a_model_that_cannot_think_is_not_asked_to_show_thoughts() {
    for (members, told) in [
        (json!({"include_reasoning":true}), true),
        (json!({"reasoning_effort":"high"}), true),
        (json!({"reasoning_effort":"none"}), false),
        (json!({}), false),
    ] {
        for provider in ["openai-response", "codex", GEMINI, "claude", "kiro"] {
            let mut profile = newest(provider);
            profile.info = Some(Arc::new(ModelInfo::new("m")));
            let (sent, lost) = to("openai", provider, &profile, &chat(&members));
            for key in ["reasoning", "thinking", "output_config", "generationConfig"] {
                assert_eq!(sent.get(key), None, "{provider} {members}");
            }
            let named = lost.iter().any(|what| what == "thinking");
            assert_eq!(named, told, "{provider} {members}: {lost:?}");
        }
    }
}

#[test]
fn a_document_in_a_tool_s_result_keeps_its_title() {
    let body = json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"document",
            "title":"report.txt","source":{"type":"text","media_type":"text/plain","data":"words"}}]}]}],
        "tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]});
    for provider in crate::grid::PROVIDERS {
        let (sent, _) = to("claude", provider, &newest(provider), &body);
        assert!(sent.to_string().contains("report.txt"), "{provider}: {sent}");
    }
}

#[test]
fn b3_long_ids_are_found_however_the_body_is_spaced() {
    let long = "i".repeat(90);
    let body = format!(
        r#"{{"model": "m", "input": [{{"type": "function_call", "id": "fc_1", "call_id" : "{long}", "name": "f", "arguments": "{{}}"}}, {{"type": "function_call_output", "call_id": "{long}", "output": "x"}}]}}"#
    );
    let bytes = Bytes::from(body);
    let (client, format) =
        (ClientFormat::from("openai-response".to_owned()), ProviderFormat::from("codex".to_owned()));
    let profile = newest("codex");
    let done =
        REGISTRY.translate_request(&RequestCall::new(&client, &format, &bytes, &profile), context()).unwrap();
    let sent: Value = serde_json::from_slice(&done.body).unwrap();
    let id = |at: usize| sent["input"][at]["call_id"].as_str().unwrap();
    assert!(id(0).len() <= 64 && id(0) == id(1), "{sent}");
}
